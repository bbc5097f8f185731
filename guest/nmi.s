# nmi: non-maskable interrupts, sent to itself by the local APIC: one that comes while one is served is pending until
# IRET, and several pending ones are one; any IRET unblocks it, also that of an exception inside the handler; IF has no
# effect.
        .include "pc.inc"
        .set ICR, 0xFEE00300
        .set NMI, 0x4400                        # delivery mode NMI, to the APIC with number 0

        .section .bss
        .balign 4
count:  .skip   4                               # how many have begun
depth:  .skip   4                               # how many are being served
deepest: .skip  4
plan:   .skip   4                               # what the first one does: a routine
        .text

        .macro  send
        movl    $NMI, ICR
        nop                                     # wherever a processor looks, it has looked by then
        jmp     .Lsent\@
.Lsent\@: nop
        .endm

        .macro  attempt name, routine
        print   "\name"
        movl    $0, count
        movl    $0, deepest
        movl    $\routine, plan
        send
        call    report
        .endm

main:
        movl    $0, ICR + 0x10
        gate    2, nmi
        gate    3, breakpoint
        gate    0x21, plain
        attempt "alone:", nothing
        attempt "one inside:", once
        attempt "three inside:", thrice
        attempt "INT3 inside:", by_exception
        attempt "INT n inside:", by_interrupt
        attempt "RETF inside:", far_return
        sti
        attempt "with IF:", once
        print   "INT 2 blocks nothing:"         # it is an interrupt like others
        movl    $0, count
        movl    $0, deepest
        movl    $once, plan
        int     $2
        call    report
        jmp     pass

report:                                         # how many there were, how many at once
        print   " "
        movl    count, %eax
        call    put_dec
        print   " deep "
        movl    deepest, %eax
        call    put_dec
        print   "\n"
        ret

nmi:
        pushal
        incl    count
        incl    depth
        movl    depth, %eax
        cmpl    deepest, %eax
        jbe     1f
        movl    %eax, deepest
1:      cmpl    $1, count
        jne     2f
        call    *plan
2:      decl    depth
        popal
        iretl

nothing:
        ret
once:
        send
        ret
thrice:
        send
        send
        send
        ret
by_exception:
        send
        int3
        nop
        ret
by_interrupt:
        send
        int     $0x21
        nop
        ret
far_return:
        send
        pushl   %cs
        pushl   $1f
        lretl
1:      nop
        ret

breakpoint:
plain:
        iretl
