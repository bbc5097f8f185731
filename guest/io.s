# io: the chips of the board, polled: UART, interval timer, interrupt controllers, clock, keyboard controller, PCI.
#
# Only what every PC agrees on, so that the same text comes out of QEMU; times are compared, never printed.
        .include "pc.inc"

        .macro  read port
        movl    $\port, %edx
        inb     %dx, %al
        movzbl  %al, %eax
        .endm

        .macro  cmos index
        outport 0x70, \index
        inb     $0x71, %al
        movzbl  %al, %eax
        .endm

        .section .bss
        .balign 4
vectors: .skip  4                               # one bit for each line that was taken
        .text

main:
        call    pic_init
        call    uart
        call    pit
        call    pic
        call    rtc
        call    keyboard
        call    pci
        jmp     pass

uart:   call    drain
        outport COM1 + 7, 0x5A                  # scratch
        read    COM1 + 7
        expect  1, 0x5A, %eax
        outport COM1 + 4, 0x1A                  # loopback: RTS and OUT2 come back as CTS and DCD
        read    COM1 + 6
        andl    $0xF0, %eax
        expect  2, 0x90, %eax
        outport COM1 + 2, 0x00                  # no FIFOs
        outport COM1 + 0, 'L'
        call    receive
        expect  3, 'L', %eax
        read    COM1 + 5
        andl    $1, %eax
        expect  4, 0, %eax
        outport COM1 + 1, 0x02                  # transmitter empty: an interrupt, cleared by reading its cause
        read    COM1 + 2
        expect  5, 2, %eax
        read    COM1 + 2
        expect  6, 1, %eax
        outport COM1 + 1, 0x01                  # data ready
        outport COM1 + 0, 'M'
1:      read    COM1 + 2
        cmpl    $4, %eax
        jne     1b
        call    receive
        expect  7, 'M', %eax
        read    COM1 + 2
        expect  8, 1, %eax
        outport COM1 + 1, 0x00
        outport COM1 + 2, 0x07                  # FIFOs: five bytes wait in order
        read    COM1 + 2
        expect  9, 0xC1, %eax
        movl    $5, %ecx
1:      movl    $COM1, %edx
        movb    %cl, %al
        outb    %al, %dx
        loop    1b
        movl    $5, %ecx
1:      call    receive
        cmpl    %ecx, %eax
        fail_if ne, 10
        loop    1b
        outport COM1 + 3, 0x83                  # the divisor is readable
        read    COM1 + 0
        expect  11, 1, %eax
        call    uart_init
        print   "uart\n"
        ret

receive:
        read    COM1 + 5
        testl   $1, %eax
        jz      receive
        read    COM1
        ret

pit:    timer_rate 0x8000                       # counts down, and comes round
        call    latch
        movl    %eax, %ebx
        cmpl    $0x8000, %eax
        fail_if a, 20
1:      call    latch
        cmpl    %ebx, %eax
        je      1b
        fail_if a, 21
1:      movl    %eax, %ebx
        call    latch
        cmpl    %ebx, %eax
        jbe     1b
        outport 0x43, 0xE2                      # read back the status of channel 0
        read    0x40
        andl    $0x3F, %eax
        expect  22, 0x34, %eax
        read    0x61                            # channel 2: gate on, mode 0, wait for its output
        andb    $0xFC, %al
        orb     $1, %al
        outb    %al, $0x61
        outport 0x43, 0xB0
        outport 0x42, 0x00
        outport 0x42, 0x10
        read    0x61
        andl    $0x20, %eax
        expect  23, 0, %eax
1:      read    0x61
        testl   $0x20, %eax
        jz      1b
        outport 0x43, 0xB6                      # mode 3: the output toggles
        outport 0x42, 0x00
        outport 0x42, 0x02
        movl    $4, %ecx
1:      read    0x61
        testl   $0x20, %eax
        jz      1b
2:      read    0x61
        testl   $0x20, %eax
        jnz     2b
        loop    1b
        print   "pit\n"
        ret

latch:  outport 0x43, 0x00
        read    0x40
        movl    %eax, %ecx
        read    0x40
        shll    $8, %eax
        orl     %ecx, %eax
        ret

pic:    outport 0x21, 0xA5                      # the mask is readable
        read    0x21
        expect  30, 0xA5, %eax
        outport 0x21, 0xFF
        gate    0x20, line_0
        gate    0x24, line_4
        timer_rate 1193
        outport 0x20, 0x0A                      # a request shows though masked
1:      read    0x20
        testl   $1, %eax
        jz      1b
        outport 0x21, 0xFE
        sti
1:      testl   $1, vectors
        jz      1b
        cli
        outport 0x21, 0xEF                      # the UART's line, by its transmitter
        call    drain
        outport COM1 + 1, 0x02
        sti
1:      testl   $0x10, vectors
        jz      1b
        cli
        outport 0x21, 0xFF
        outport 0x20, 0x0B                      # nothing left in service
        read    0x20
        expect  31, 0, %eax
        outport 0x43, 0x30                      # polled: the timer again, by mode 0
        outport 0x40, 0x10
        outport 0x40, 0x00
        outport 0x20, 0x0A
1:      read    0x20
        testl   $1, %eax
        jz      1b
        outport 0x21, 0xFE
        outport 0x20, 0x0C
        read    0x20
        andl    $0x87, %eax
        expect  32, 0x80, %eax
        outport 0x20, 0x20
        outport 0x21, 0xFF
        print   "pic\n"
        ret

line_0: orl     $1, vectors
        pushal
        outport 0x20, 0x0B                      # in service now
        read    0x20
        expect  33, 1, %eax
        outport 0x20, 0x60                      # specific end of interrupt
        outport 0x21, 0xFF
        popal
        iretl

line_4: orl     $0x10, vectors
        pushal
        outport COM1 + 1, 0x00
        outport 0x20, 0x20
        popal
        iretl

rtc:    cmos    0x0D                            # the battery is good
        expect  40, 0x80, %eax
        cmos    0x0B
        movl    %eax, %ebx
        outport 0x70, 0x50                      # memory keeps what is written
        movb    $0xC3, %al
        outb    %al, $0x71
        cmos    0x50
        expect  41, 0xC3, %eax
        cmos    0x0C                            # clear, then wait for a periodic flag
        outport 0x70, 0x0A
        movb    $0x26, %al
        outb    %al, $0x71
        outport 0x70, 0x0B
        movb    %bl, %al
        orb     $0x40, %al
        outb    %al, $0x71
1:      cmos    0x0C
        testl   $0x40, %eax
        jz      1b
        testl   $0x80, %eax
        fail_if z, 42
        outport 0x70, 0x0B
        movb    %bl, %al
        outb    %al, $0x71
        cmos    0x09                            # a year of this century
        cmos    0x32
        expect  43, 0x20, %eax
        print   "rtc\n"
        ret

keyboard:
        outport 0x64, 0xAA                      # self test
        call    key
        expect  50, 0x55, %eax
        outport 0x64, 0x20                      # command byte
        call    key
        outport 0x60, 0xEE                      # echo, by the keyboard
        call    key
        expect  51, 0xEE, %eax
        outport 0x60, 0xFF                      # reset: acknowledged, then passed
        call    key
        expect  52, 0xFA, %eax
        call    key
        expect  53, 0xAA, %eax
        outport 0x64, 0xD0                      # output port: the reset line is up, A20 is on
        call    key
        andl    $3, %eax
        expect  54, 3, %eax
        print   "keyboard\n"
        ret

key:    read    0x64
        testl   $1, %eax
        jz      key
        read    0x60
        ret

pci:    movl    $0x80000000, %eax
        call    config
        expect  60, 0x12378086, %eax            # 440FX
        movl    $0x80000800, %eax
        call    config
        expect  61, 0x70008086, %eax            # PIIX3
        movl    $0x80000B00, %eax
        call    config
        expect  62, 0x71138086, %eax            # PIIX4 power management
        movl    $0x8000F800, %eax
        call    config
        expect  63, -1, %eax                    # nothing there
        print   "pci\n"
        ret

config: movl    $0xCF8, %edx
        outl    %eax, %dx
        movl    $0xCFC, %edx
        inl     %dx, %eax
        ret
