# chips: where QEMU's chips are not as their data sheets say, and ours are as QEMU's (docs/reference/devices.md).
#
# Bare: it relies on no register that firmware would have set. Values are collected first and printed at the end, because
# some of them are those of the serial port that prints.
        .include "pc.inc"

        .section .bss
        .balign 4
found:  .skip   4 * 64
count:  .skip   4
irqs:   .skip   4
        .text

        .macro  see port                        # a byte of a port
        movl    $\port, %edx
        inb     %dx, %al
        call    note
        .endm

main:   call    drain
        call    pic_init
        gate    0x24, serial
        gate    0x20, serial

ide:    see     0x1F7                           # ready, though the controller is not enabled
        see     0x3F6
        outport 0x1F6, 0xB0
        see     0x1F4                           # no second drive
        see     0x1F5
        see     0x1F7
        outport 0x1F6, 0xA0

pci:    movl    $0xCF8, %edx
        movl    $0x80000002, %eax
        outl    %eax, %dx
        movl    $0xCFC, %edx
        inb     %dx, %al
        call    note                            # byte 2 of the configuration space
        movl    $0xCF8, %edx
        inl     %dx, %eax
        call    note

pit:    outport 0x61, 0x00                      # the gate of counter 2 is low
        outport 0x43, 0xB0
        outport 0x42, 0x00
        outport 0x42, 0x02
1:      inb     $0x61, %al
        testb   $0x20, %al
        jz      1b
        outport 0x43, 0xB2                      # one-shot, and no edge
        outport 0x42, 0x00
        outport 0x42, 0x02
2:      inb     $0x61, %al
        testb   $0x20, %al
        jz      2b

kbc:    outport 0x64, 0xD0
3:      inb     $0x64, %al
        testb   $1, %al
        jz      3b
        see     0x60
        movl    $1, 0xFEC00000                  # I/O APIC, version
        movl    0xFEC00010, %eax
        call    note

uart:   outport 0x21, 0xEF                      # interrupt 4
        outport COM1 + 4, 0x00                  # no OUT2
        outport COM1 + 1, 0x02
        call    breathe
        outport COM1 + 2, 0x00                  # FIFOs off
        call    breathe
        outport COM1 + 4, 0x1F                  # loopback
        call    breathe
        see     COM1 + 6
        see     COM1 + 6
        outport COM1 + 3, 0x00                  # five bits
        outport COM1 + 1, 0x01
        outport COM1, 0xF5
        call    breathe
        see     COM1
        outport COM1 + 2, 0x01
        see     COM1
        outport COM1 + 1, 0x00
        outport 0x21, 0xFF
        call    uart_init
        xorl    %ebx, %ebx
4:      movl    found(,%ebx,4), %eax
        call    put_hex
        print   "\n"
        incl    %ebx
        cmpl    count, %ebx
        jb      4b
        jmp     pass

note:   pushl   %ecx
        movl    count, %ecx
        movl    %eax, found(,%ecx,4)
        incl    count
        popl    %ecx
        movl    $0, %eax
        ret

breathe:                                        # how many interrupts have come
        sti
        nop
        nop
        cli
        movl    irqs, %eax
        jmp     note

serial: pushal
        incl    irqs
        movl    $COM1 + 2, %edx
        inb     %dx, %al
        outport 0x20, 0x20
        popal
        iretl
