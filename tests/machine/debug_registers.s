# debug_registers: a guest whose debug registers and single steps trap while the timer interrupts; each part prints how
# often which of them did. (Not in guest/: QEMU 7.2 has no GD, no T bit, and makes other sums of REP and crossed pages.)
#
# The handler of #DB counts by the bits of DR6, clears DR6 and sets RF behind an instruction breakpoint. Instruction
# breakpoints, also on a REP and behind MOV SS; data breakpoints of all lengths, met at either end and by accesses that
# cross pages; ports; code step by step, in ring 0 and ring 3; the T bit of a task, local enables that its switch clears.
        .include "pc.inc"
        .include "paging.inc"
        .include "tick.inc"
        .set MAIN_TSS, FREE_SELECTOR
        .set OTHER_TSS, FREE_SELECTOR + 8
        .set USER_STACK, 0x2F0000
        .set ROUNDS, 60

        .section .bss
        .balign 128
main_tss:  .skip 128
other_tss: .skip 128
counts: .skip   4 * 16                  # by bit of DR6
        .balign 4096
watched: .skip  4096
next_page: .skip 64
from:   .skip   64
stack_segment: .skip 4
kernel_stack: .skip 4
        .text

        .macro  arm number, address, bits       # bits: R/W and LEN as DR7 has them
        movl    $\address, %eax
        movl    %eax, %dr\number
        movl    %dr7, %eax
        andl    $~(0xF << (16 + 4 * \number)), %eax
        orl     $(\bits << (16 + 4 * \number)) | (2 << (2 * \number)), %eax
        movl    %eax, %dr7
        .endm

        .macro  part name
        print   "\name:"
        call    clear
        .endm

        .set    EXECUTE, 0
        .set    WRITE1, 1
        .set    WRITE2, 5
        .set    WRITE4, 13
        .set    ACCESS1, 3
        .set    ACCESS2, 7
        .set    ACCESS4, 15
        .set    PORT1, 2

debug:  pushl   %eax
        pushl   %ecx
        pushl   %edx
        movl    %dr6, %eax
        xorl    %ecx, %ecx
1:      btl     %ecx, %eax
        jnc     2f
        incl    %ss:counts(,%ecx,4)
        cmpl    $4, %ecx
        jae     2f
        movl    %dr7, %edx
        pushl   %ecx
        shll    $2, %ecx
        addl    $16, %ecx
        shrl    %cl, %edx
        popl    %ecx
        testl   $3, %edx
        jnz     2f
        orl     $0x10000, 20(%esp)      # RF
2:      incl    %ecx
        cmpl    $4, %ecx
        jne     3f
        movl    $13, %ecx
3:      cmpl    $16, %ecx
        jb      1b
        xorl    %eax, %eax
        movl    %eax, %dr6
        popl    %edx
        popl    %ecx
        popl    %eax
        iretl

clear:                                  # no breakpoint, no count
        pushal
        xorl    %eax, %eax
        movl    %eax, %dr7
        movl    $counts, %edi
        movl    $16, %ecx
        rep stosl
        popal
        ret

report:                                 # B0 to B3, BD, BS, BT
        pushal
        xorl    %eax, %eax
        movl    %eax, %dr7
        xorl    %ebx, %ebx
1:      movb    $' ', %al
        call    putc
        movl    counts(,%ebx,4), %eax
        call    put_dec
        incl    %ebx
        cmpl    $4, %ebx
        jne     2f
        movl    $13, %ebx
2:      cmpl    $16, %ebx
        jb      1b
        movb    $10, %al
        call    putc
        popal
        ret

        .macro  rounds number=ROUNDS
        movl    $\number, %ebp
1:
        .endm

        .macro  again
        decl    %ebp
        jnz     1b
        .endm

main:
        call    paging_on
        call    pic_init
        descriptor MAIN_TSS, main_tss, 103, 0x89
        descriptor OTHER_TSS, other_tss, 103, 0x89
        movl    $0x9000, main_tss + 4
        movl    $DATA, main_tss + 8
        movw    $104, main_tss + 102
        movl    $MAIN_TSS, %eax
        ltr     %ax
        gate    1, debug
        gate    0x20, tick
        gate    0x30, leave_ring3, 0xEE00
        timer_rate 10
        outport 0x21, 0xFE
        sti

        part    instructions
        arm     0, first, EXECUTE
        arm     1, second, EXECUTE
        arm     2, never, EXECUTE
        rounds
        nop
first:  xorl    %edx, %edx
        testl   $1, %ebp
        jz      never
        nop
second: nop
        jmp     2f
never:  nop
2:      again
        call    report

        part    rep
        cld
        arm     0, moving, EXECUTE
        arm     1, watched + 20, WRITE1
        arm     2, from + 31, ACCESS1
        rounds  40
        movl    $from, %esi
        movl    $watched, %edi
        movl    $40, %ecx
moving: rep movsb
        again
        call    report

        part    lengths
        fninit
        arm     0, watched + 1, WRITE1
        arm     1, watched + 6, WRITE2
        arm     2, watched + 12, WRITE4
        arm     3, watched + 16, ACCESS4
        rounds
        movl    $watched, %ebx
        movb    %al, (%ebx)
        movb    %al, 1(%ebx)                    # 0
        movw    %ax, 1(%ebx)                    # 0
        movl    %eax, -2(%ebx)                  # 0
        movl    %eax, 2(%ebx)
        movl    %eax, 3(%ebx)                   # 1
        movb    %al, 8(%ebx)
        movw    %ax, 7(%ebx)                    # 1
        movl    4(%ebx), %eax
        addl    $1, 4(%ebx)                     # 1
        pushl   12(%ebx)
        popl    12(%ebx)                        # 2
        movl    %eax, 15(%ebx)                  # 2 and 3
        movzbl  19(%ebx), %eax                  # 3
        movl    13(%ebx), %eax                  # 3
        fldl    12(%ebx)                        # 3
        fstpl   8(%ebx)                         # 2
        lock incb 20(%ebx)
        xchgl   %eax, 16(%ebx)                  # 3
        again
        call    report

        part    unaligned                       # addresses are rounded down to the length
        arm     0, watched + 3, WRITE2
        arm     1, watched + 11, WRITE4
        rounds
        movb    %al, watched + 2                # 0
        movb    %al, watched + 4
        movb    %al, watched + 8                # 1
        movb    %al, watched + 12
        again
        call    report

        part    pages
        arm     0, next_page, WRITE1
        arm     1, next_page - 1, ACCESS1
        arm     2, next_page, ACCESS2
        rounds
        movl    %eax, next_page - 4             # 1
        movl    %eax, next_page - 2             # 0, 1, 2
        movl    next_page - 1, %eax             # 1, 2
        movw    next_page + 1, %ax              # 2
        again
        call    report

        part    stack_segment
        movw    %ss, stack_segment
        arm     0, stack_segment, ACCESS2
        arm     1, shadowed, EXECUTE
        rounds
        movw    stack_segment, %ss              # the trap waits for the next instruction, whose breakpoint is passed by
shadowed: nop
        movw    stack_segment, %ax
        again
        call    report

        part    ports
        movl    %cr4, %eax
        orl     $8, %eax
        movl    %eax, %cr4
        arm     0, 0x80, PORT1
        rounds  50
        inb     $0x80, %al
        outb    %al, $0x80
        outb    %al, $0x84
        again
        call    report

        part    steps
        arm     0, watched, WRITE4
        arm     1, within, EXECUTE
        rounds  20
        pushfl
        orl     $0x100, (%esp)
        popfl
        movl    $3, %ecx
within: movl    %ecx, watched                   # 1; then 0 and the step at once
        loop    within
        pushl   $from
        popl    %edi
        movl    $5, %ecx
        rep stosb
        movw    %ss, %ax
        movw    %ax, %ss                        # no trap behind it
        nop
        pushfl
        andl    $~0x100, (%esp)
        popfl
        again
        call    report

        part    general
        rounds  20
        movl    %dr7, %eax
        orl     $0x2000, %eax                   # GD
        movl    %eax, %dr7
        movl    %dr7, %eax
        again
        call    report

        part    ring3
        arm     0, watched + 8, WRITE4
        arm     1, user_within, EXECUTE
        movl    %esp, kernel_stack
        movl    $USER_DATA, %eax
        movl    %eax, %ds
        pushl   $USER_DATA
        pushl   $USER_STACK
        pushl   $0x202
        pushl   $USER_CODE
        pushl   $user
        iretl
user:   movl    $ROUNDS, %ebp
1:      movl    %ebp, watched + 8
user_within: decl %ebp
        jnz     1b
        pushfl
        orl     $0x100, (%esp)
        popfl
        movl    $100, %ecx
1:      loop    1b
        pushfl
        andl    $~0x100, (%esp)
        popfl
        int     $0x30
leave_ring3:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    kernel_stack, %esp
        sti
        call    report

        part    task
        movl    $PAGE_DIRECTORY, main_tss + 28
        movl    $PAGE_DIRECTORY, other_tss + 28
        movl    $other, other_tss + 32
        movl    $2, other_tss + 36
        movl    $0xA000, other_tss + 56
        movl    $DATA, other_tss + 72
        movl    $CODE, other_tss + 76
        movl    $DATA, other_tss + 80
        movl    $DATA, other_tss + 84
        movl    $104 << 16 | 1, other_tss + 100 # T
        rounds  20
        arm     0, watched, WRITE4
        arm     1, watched, WRITE4
        movl    %dr7, %eax
        xorl    $0xC, %eax                      # the second one is enabled locally
        movl    %eax, %dr7
        movl    %eax, watched                   # 0, 1
        ljmpl   $OTHER_TSS, $0
        movl    %eax, watched                   # 0
        again
        call    report
        cli
        cmpl    $100, ticks
        fail_if b, 1                            # the timer did not interrupt
        jmp     pass

other:  movl    $1, watched                     # 0
        ljmpl   $MAIN_TSS, $0
        jmp     other
