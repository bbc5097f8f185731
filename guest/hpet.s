# hpet: the HPET's registers and interrupts, by exact rules: what is printed follows from them, not from how fast it runs.
#
# Halted, so that every value is exact: capabilities, which bits are kept, how the halves of a comparator are written with
# and without the set bit, 32 bits, the counter. Then it counts: a match, a level-triggered interrupt and its status, a
# periodic timer's next match, the replacement of the PIT by timer 0, and of the real-time clock by timer 1.
        .include "pc.inc"

        .set HPET, 0xFED00000
        .set MATCH, 0x100000                    # ticks: 10 ms
        .section .bss
        .balign 4
came:   .skip   4                               # interrupts of the PIT's line
came_8: .skip   4
        .text

        .macro  put register, value
        movl    $\value, HPET + \register
        .endm
        .macro  show register
        movl    HPET + \register, %eax
        call    word
        .endm
        .macro  timer n                         # all that timer n shows
        show    0x100 + 0x20 * \n
        show    0x108 + 0x20 * \n
        show    0x10C + 0x20 * \n
        call    newline
        .endm

main:   print   "capabilities"
        show    0x000
        show    0x004
        show    0x008
        show    0x010
        show    0x020
        show    0x0F0
        show    0x104
        show    0x144
        call    newline
        timer   0
        timer   2

        print   "kept bits"
        put     0x010, 0xFFFFFFFC
        show    0x010
        put     0x100, 0xFFFFBFFF               # no message: the timer has none
        show    0x100
        put     0x104, 0xFFFFFFFF
        show    0x104
        put     0x110, 0x12345678
        put     0x114, 0x9ABCDEF0
        show    0x110
        show    0x114
        put     0x000, 0
        show    0x000
        put     0x020, 0xFFFFFFFF
        show    0x020
        put     0x100, 0
        show    0x100
        call    newline

        print   "comparators\n"
        put     0x108, 0x11111111
        timer   0
        put     0x10C, 0x22222222
        timer   0
        put     0x100, 0x08                     # periodic: the match stays, the period changes
        put     0x108, 0x33333333
        timer   0
        put     0x100, 0x48                     # the set bit: the match too, and the bit goes
        put     0x108, 0x00444444
        timer   0
        put     0x100, 0x100                    # 32 bits: the upper half goes
        timer   0
        put     0x108, 0x55555555
        timer   0

        print   "counter"
        put     0x0F0, 0x89ABCDEF
        put     0x0F4, 0x01234567
        show    0x0F0
        show    0x0F4
        put     0x0F0, 0xFFFFFFFF
        put     0x010, 1                        # it counts, and soon the upper half goes on
1:      cmpl    $0x01234568, HPET + 0x0F4
        jne     1b
        put     0x010, 0
        show    0x0F4
        movl    HPET + 0x0F0, %ebx
        subl    HPET + 0x0F0, %ebx              # it is halted
        movl    %ebx, %eax
        call    word
        call    newline

        print   "a level"
        call    zero
        put     0x120, 0x0006                   # timer 1, level-triggered, enabled, no route
        put     0x128, MATCH
        put     0x12C, 0
        show    0x020
        put     0x010, 1
        call    pass_match
        show    0x020
        put     0x020, 1                        # another timer's bit
        show    0x020
        put     0x020, 2
        show    0x020
        timer   1
        put     0x010, 0

        print   "a period"
        call    zero
        put     0x120, 0x0000
        put     0x140, 0x014C                   # timer 2, 32 bits, periodic, set
        put     0x148, MATCH / 4
        put     0x148, MATCH / 2
        put     0x010, 1
2:      cmpl    $MATCH / 4 * 5, HPET + 0x148   # a quarter, then each half
        jb      2b
        put     0x010, 0
        timer   2
        put     0x140, 0

        print   "in the PIT's place\n"
        call    pic_init
        gate    0x20, tick
        gate    0x28, tick_8
        outport 0x21, 0xFA
        outport 0xA1, 0xFE
        call    zero
        timer_rate 1000
        sti
3:      cmpl    $3, came                        # the PIT's own
        jb      3b
        cli
        put     0x010, 2                        # legacy replacement, and nothing counts
        sti
        nop
        cli
        movl    $0, came
        put     0x0F0, 0
        put     0x100, 0x0004
        put     0x108, MATCH
        put     0x10C, 0
        put     0x120, 0x0004
        put     0x128, MATCH * 2
        put     0x12C, 0
        sti
        put     0x010, 3
        call    pass_match
        call    pass_match
        nop
        cli
        movl    came, %eax
        call    word
        movl    came_8, %eax
        call    word
        show    0x020
        put     0x010, 0                        # the PIT is back
        call    newline
        movl    $0, came
        sti
4:      cmpl    $3, came
        jb      4b
        cli
        print   "and back\n"
        jmp     pass

zero:   put     0x0F0, 0
        put     0x0F4, 0
        ret

pass_match:                                     # wait until the counter has gone on by MATCH
        pushl   %eax
        pushl   %ebx
        movl    HPET + 0x0F0, %ebx
1:      movl    HPET + 0x0F0, %eax
        subl    %ebx, %eax
        cmpl    $MATCH + MATCH / 8, %eax
        jb      1b
        popl    %ebx
        popl    %eax
        ret

word:   pushl   %eax
        movb    $' ', %al
        call    putc
        popl    %eax
        jmp     put_hex

newline:
        pushl   %eax
        movb    $10, %al
        call    putc
        popl    %eax
        ret

tick_8: pushl   %eax
        incl    came_8
        movb    $0x20, %al
        outb    %al, $0xA0
        jmp     1f
tick:   pushl   %eax
        incl    came
1:      movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iretl
