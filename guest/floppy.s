# floppy: the floppy disk controller and its DMA channel by their registers, at a 1.44 MB disk in the first drive.
#
# Each step is a command as a driver gives it; printed are the main status in front of its result, the result, and
# whether the interrupt was there. The disk's content is random, so what was read is printed as a sum.

        .include "pc.inc"

        .set FDC, 0x3F0
        .set BUFFER, 0x200000
        .set READ, 0x46                 # DMA modes of channel 2: single, to memory ...
        .set WRITE, 0x4A                # ... and from memory

        .section .rodata
program:                                # kind, then what it needs; see `step`
        .macro  text what
        .byte   1
        .asciz  "\what"
        .endm
        .macro  fdc bytes:vararg
        .byte   2, 9f - 8f
8:      .byte   \bytes
9:
        .endm
        .macro  port which, value
        .byte   3
        .word   \which
        .byte   \value
        .endm
        .macro  show which
        .byte   4
        .word   \which
        .endm
        .macro  dma mode, bytes         # prepares the channel
        .byte   5, \mode
        .word   \bytes - 1
        .endm
        .macro  sum bytes
        .byte   6
        .word   \bytes
        .endm
        .macro  sense
        fdc     0x08
        .endm

        text    "reset"
        show    FDC + 2
        port    FDC + 2, 0x00
        port    FDC + 2, 0x1C
        .byte   7
        show    FDC + 4
        show    FDC + 2
        show    FDC + 7
        sense
        sense
        sense
        sense
        sense
        text    "what it is"
        fdc     0x10
        fdc     0x18
        text    "settings"
        fdc     0x03, 0xAF, 0x1E
        fdc     0x13, 0x00, 0x57, 0x10
        fdc     0x94
        fdc     0x12, 0x84
        fdc     0x12, 0x80
        fdc     0x14
        text    "no such command"
        fdc     0x1F
        fdc     0x00
        text    "seeks"
        fdc     0x04, 0x00
        fdc     0x07, 0x00
        sense
        show    FDC + 7
        fdc     0x0F, 0x04, 0x05
        sense
        show    FDC + 7
        fdc     0x04, 0x04
        fdc     0x8F, 0x00, 0x02
        sense
        fdc     0xCF, 0x00, 0x03
        sense
        fdc     0x07, 0x00
        sense
        fdc     0x04, 0x00
        text    "another rate"
        port    FDC + 7, 2
        fdc     0xE6, 0x00, 0, 0, 1, 2, 18, 27, 0xFF
        port    FDC + 7, 0
        text    "read"
        dma     READ, 512
        fdc     0xE6, 0x00, 0, 0, 1, 2, 18, 27, 0xFF
        sum     512
        dma     READ, 9216
        fdc     0xE6, 0x00, 0, 0, 1, 2, 18, 27, 0xFF
        sum     9216
        text    "with both sides"
        dma     READ, 18432
        fdc     0xE6, 0x00, 3, 0, 1, 2, 18, 27, 0xFF
        sum     18432
        dma     READ, 1024
        fdc     0xE6, 0x04, 79, 1, 17, 2, 18, 27, 0xFF
        sum     1024
        text    "with one side"
        dma     READ, 1024
        fdc     0x66, 0x04, 3, 1, 17, 2, 18, 27, 0xFF
        sum     1024
        fdc     0x0F, 0x00, 0x04
        sense
        dma     READ, 512
        fdc     0x46, 0x00, 4, 0, 3, 2, 9, 27, 0xFF
        sum     512
        text    "what is not there"
        dma     READ, 512
        fdc     0xE6, 0x00, 4, 0, 19, 2, 18, 27, 0xFF
        dma     READ, 512
        fdc     0xE6, 0x00, 90, 0, 1, 2, 18, 27, 0xFF
        text    "write"
        dma     WRITE, 1024
        fdc     0xC5, 0x00, 5, 0, 18, 2, 18, 27, 0xFF
        .byte   8
        dma     READ, 1024
        fdc     0xE6, 0x00, 5, 0, 18, 2, 18, 27, 0xFF
        sum     1024
        text    "read id"
        fdc     0x0F, 0x00, 7
        sense
        fdc     0x4A, 0x00
        fdc     0x4A, 0x04
        text    "the other drive"
        dma     READ, 512
        fdc     0xE6, 0x01, 0, 0, 1, 2, 18, 27, 0xFF
        fdc     0x04, 0x01
        text    "through the FIFO"
        port    FDC + 2, 0x14
        fdc     0xE6, 0x00, 8, 0, 17, 2, 18, 27, 0xFF
        .byte   9
        text    "write through the FIFO"
        fdc     0xC5, 0x00, 9, 0, 18, 2, 18, 27, 0xFF
        .byte   10
        port    FDC + 2, 0x1C
        fdc     0x0F, 0x04, 9
        sense
        dma     READ, 512
        fdc     0xE6, 0x00, 9, 1, 17, 2, 18, 27, 0xFF
        sum     512
        text    "reset by the rate register"
        port    FDC + 4, 0x80
        .byte   7
        sense
        sense
        sense
        sense
        .byte   0

        .text
main:
        call    pic_init
        outport 0x21, 0xBF              # the floppy's interrupt only, which is polled
        outport 0xD6, 0xC0              # channel 4 joins the controllers
        outport 0xD4, 0x00
        movl    $program, %esi
step:
        xorl    %eax, %eax
        lodsb
        jmp     *steps(,%eax,4)

        .section .rodata
        .balign 4
steps:  .long   pass, say, command, out_port, in_port, channel, sums, interrupt, other, fifo_in, fifo_out
        .text

say:
        print   "\n"
        call    puts
1:      lodsb
        testb   %al, %al
        jnz     1b
        jmp     step

out_port:
        lodsw
        movzwl  %ax, %edx
        lodsb
        outb    %al, %dx
        jmp     step

in_port:
        print   "\nport "
        lodsw
        movzwl  %ax, %edx
        call    put_byte
        print   ": "
        inb     %dx, %al
        call    put_byte
        jmp     step

ready:                                  # al: the main status when there is something to be done
        movl    $FDC + 4, %edx
1:      inb     %dx, %al
        testb   $0x80, %al
        jz      1b
        ret

command:
        print   "\n"
        lodsb
        movzbl  %al, %ecx
1:      call    ready
        lodsb
        call    put_byte
        movl    $FDC + 5, %edx
        outb    %al, %dx
        loop    1b
        print   " ->"
        call    results
        jmp     step

results:
        call    ready
        testb   $0x20, %al              # data come through the FIFO, and then this again
        jnz     3f
        call    asked
        jmp     1f
result:                                 # without a word of the interrupt, which QEMU does not begin anew
        call    ready
1:      print   " "
        call    put_byte
        testb   $0x40, %al
        jz      3f
        print   ":"
2:      movl    $FDC + 5, %edx
        inb     %dx, %al
        print   " "
        call    put_byte
        call    ready
        testb   $0x40, %al
        jnz     2b
3:      ret

interrupt:
        print   "\ninterrupt"
        call    asked
        jmp     step

asked:                                  # whether IRQ 6 has come since this was asked the last time: poll, and EOI
        pushl   %eax
        outport 0x20, 0x0C
        inb     $0x20, %al
        testb   $0x80, %al
        jz      1f
        print   " !"
        outport 0x20, 0x20
1:      popl    %eax
        ret

channel:
        outport 0x0A, 0x06
        outport 0x0C, 0x00
        lodsb
        outb    %al, $0x0B
        outport 0x04, BUFFER & 0xFF
        outport 0x04, BUFFER >> 8 & 0xFF
        outport 0x81, BUFFER >> 16
        lodsb
        outb    %al, $0x05
        lodsb
        outb    %al, $0x05
        outport 0x0A, 0x02
        jmp     step

sums:
        print   "\nsum "
        lodsw
        movzwl  %ax, %ecx
        pushl   %esi
        movl    $BUFFER, %esi
        xorl    %ebx, %ebx
        xorl    %eax, %eax
1:      lodsb
        roll    $5, %ebx
        addl    %eax, %ebx
        movb    $0, -1(%esi)
        loop    1b
        movl    %ebx, %eax
        call    put_hex
        outport 0x0C, 0x00
        print   " address "             # where the channel is
        inb     $0x04, %al
        call    put_byte
        inb     $0x04, %al
        call    put_byte
        print   " count "
        inb     $0x05, %al
        call    put_byte
        inb     $0x05, %al
        call    put_byte
        print   " status "
        inb     $0x08, %al
        call    put_byte
        popl    %esi
        jmp     step

other:                                  # something else into the buffer's first bytes
        movl    $0x12345678, BUFFER
        jmp     step

fifo_in:                                # twenty sectors: to the end of the other side
        call    asked
        movl    $20 * 512, %ecx
        xorl    %ebx, %ebx
1:      call    ready
        cmpl    $20 * 512, %ecx
        jne     2f
        call    put_byte
2:      movl    $FDC + 5, %edx
        xorl    %eax, %eax
        inb     %dx, %al
        roll    $5, %ebx
        addl    %eax, %ebx
        loop    1b
        print   " sum "
        movl    %ebx, %eax
        call    put_hex
1:      call    ready                   # the result is not printed: QEMU's does not count on
        testb   $0x40, %al
        jz      step
        movl    $FDC + 5, %edx
        inb     %dx, %al
        jmp     1b

fifo_out:                               # nineteen
        call    asked
        movl    $19 * 512, %ecx
1:      call    ready
        cmpl    $19 * 512, %ecx
        jne     2f
        call    put_byte
2:      movl    $FDC + 5, %edx
        movb    %cl, %al
        outb    %al, %dx
        loop    1b
        call    result
        jmp     step
