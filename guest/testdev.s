# testdev: pc-testdev, the device that tests of emulators use: ports, a register space, interrupt lines.

        .include "pc.inc"

        .set REGISTERS, 0xFF000000

        .macro  say text, register
        print   "\n\text "
        movl    %\register, %eax
        call    put_hex
        .endm

        .macro  io width, port, value   # writes, then prints all four ports of both ranges
        movl    $\port, %edx
        movl    $\value, %eax
        .ifc \width, b
        outb    %al, %dx
        .endif
        .ifc \width, w
        outw    %ax, %dx
        .endif
        .ifc \width, l
        outl    %eax, %dx
        .endif
        call    ports
        .endm

        .text
main:
        call    pic_init
        print   "ports"
        call    ports
        io      l, 0xE0, 0x12345678
        io      b, 0xE1, 0xAB
        io      w, 0xE2, 0xCDEF
        io      w, 0xE1, 0x1122
        io      b, 0xE8, 0x99
        io      w, 0xE9, 0x7766
        io      l, 0xE8, 0xCAFEF00D
        print   "\nbyte by byte"
        movl    $0xE0, %edx
1:      inb     %dx, %al
        print   " "
        call    put_byte
        incl    %edx
        cmpl    $0xE4, %edx
        jne     1b
        inw     $0xE1, %ax
        movzwl  %ax, %eax
        print   "\nword "
        call    put_hex
        print   "\nregisters"
        movl    $REGISTERS, %ebx
        movl    (%ebx), %ecx
        say     "first", ecx
        movl    $0x89ABCDEF, (%ebx)
        movb    $0x55, 2(%ebx)
        movl    (%ebx), %ecx
        say     "written", ecx
        movw    $0x1234, 3(%ebx)
        movl    1(%ebx), %ecx
        say     "across", ecx
        movzwl  5(%ebx), %ecx
        say     "word", ecx
        movl    $0xFEEDFACE, 0xFFFC(%ebx)
        movzbl  0xFFFF(%ebx), %ecx
        say     "last", ecx
        lock addl $1, 0xFFFC(%ebx)
        movl    0xFFFC(%ebx), %ecx
        say     "added", ecx
        leal    0x100(%ebx), %edi       # strings go there and back
        movl    $REGISTERS, %esi
        movl    $8, %ecx
        rep movsb
        movl    0x104(%ebx), %ecx
        say     "moved", ecx
        print   "\nlines"
        gate    0x25, handler
        gate    0x2B, handler
        outport 0x21, 0xDB              # interrupts 5 and, by the second controller, 11
        outport 0xA1, 0xF7
        sti
        movl    $0x2005, %edx
        movb    $1, %al
        call    drive
        movb    $1, %al                 # it is high already: no edge
        call    drive
        movb    $0, %al
        call    drive
        movb    $0x80, %al
        call    drive
        movb    $0, %al
        call    drive
        movl    $0x200B, %edx
        movb    $1, %al
        call    drive
        movb    $0, %al
        call    drive
        movl    $0xE4, %edx             # a page to be mapped anew: nothing of it is seen
        movl    $0x300000, %eax
        movl    $0x600DF00D, 0x300010
        outl    %eax, %dx
        movl    0x300010, %ecx
        say     "page", ecx
        print   "\n"
        jmp     pass

ports:
        print   "\n"
        inl     $0xE0, %eax
        call    put_hex
        print   " "
        inl     $0xE8, %eax
        jmp     put_hex

drive:
        print   "\nwrite "
        call    put_byte
        movl    $0, count
        outb    %al, %dx
        movl    $1000, %ecx             # an emulator may look for interrupts between blocks only
1:      loop    1b
        movl    count, %eax
        print   " interrupts "
        jmp     put_hex

handler:
        pushl   %eax
        pushl   %edx
        incl    count
        outport 0xA0, 0x20
        outport 0x20, 0x20
        popl    %edx
        popl    %eax
        iretl

        .section .bss
count:  .skip   4
