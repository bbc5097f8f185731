# vme: a virtual-8086 task whose interrupt flag is the processor's VIF (CR4.VME), so that its monitor has little to do.
#
# CLI, STI, PUSHF, POPF, IRET and INT n of a vector that the redirection map leaves to the task never come to the monitor.
# What does: `int $0x21`, whose bit is set; HLT; and the STI that would let in the virtual timer interrupt, which the
# machine's timer has made pending (VIP). QEMU's TCG has no VME; the golden file is by the manual (volume 3, 20.3).
        .include "pc.inc"
        .include "v86.inc"
        .set TSS_SELECTOR, FREE_SELECTOR
        .set TASK, 0x20000                      # segment 0x2000
        .set TASK_STACK, 0x3000
        .set RESULTS, 0x500
        .set TICKS, RESULTS + 32
        .set VM, 0x20000
        .set VIF, 0x80000
        .set VIP, 0x100000

        .section .bss
        .balign 16
tss:    .skip   104 + 32                        # with a redirection map, without an I/O permission map
        .balign 4
traps:  .skip   4 * 256                         # by opcode that came to the monitor
        .text

main:
        movl    $1, %eax
        cpuid
        andl    $2, %edx
        movl    %edx, %ebx
        expect  1, 2, %ebx
        movl    $v86_code, %esi
        movl    $TASK, %edi
        movl    $v86_code_end - v86_code, %ecx
        rep movsb
        descriptor TSS_SELECTOR, tss, 104 + 31, 0x89
        movl    $STACK_TOP, tss + 4
        movl    $DATA, tss + 8
        movw    $104 + 32, tss + 102
        movb    $0x02, tss + 104 + 0x21 / 8     # int 0x21 is the monitor's
        movl    $TSS_SELECTOR, %eax
        ltr     %ax
        gate    13, monitor
        gate    0x20, tick
        call    pic_init
        timer_rate 119
        outport 0x21, 0xFE
        movl    $1, %eax                        # VME
        movl    %eax, %cr4

        pushl   $0                              # gs, fs, ds, es
        pushl   $0
        pushl   $0x2000
        pushl   $0
        pushl   $TASK_STACK
        pushl   $0x400
        pushl   $VM + 0x202
        pushl   $0x2000
        pushl   $0
        iretl

tick:                                           # the machine's timer: the task's interrupt is pending
        pushal
        incl    %ss:TICKS
        movb    $0x20, %al
        outb    %al, $0x20
        testl   $VM, 40(%esp)
        jz      1f
        orl     $VIP, 40(%esp)
1:      popal
        iretl

monitor:
        pushal
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        expect  2, 0, AT_ERROR(%esp)
        testl   $VM, AT_FLAGS(%esp)
        fail_if z, 3
        task_pointer AT_CS, AT_IP, %esi
        task_pointer AT_SS, AT_SP, %edi
        movzbl  (%esi), %eax
        incl    traps(,%eax,4)
        incl    AT_IP(%esp)
        cmpb    $0xFB, %al
        je      deliver
        cmpb    $0xCD, %al
        je      do_print
        cmpb    $0xF4, %al
        je      done
        pushl   %eax
        movl    $4, %eax
        jmp     fail

deliver:                                        # what STI would have let in: vector 8, with the flags as after STI
        testl   $VIP, AT_FLAGS(%esp)
        fail_if z, 5
        testl   $VIF, AT_FLAGS(%esp)
        fail_if nz, 6
        andl    $0xFFEFFFFF, AT_FLAGS(%esp)
        movl    AT_FLAGS(%esp), %eax
        orl     $0x3200, %eax
        movw    %ax, -2(%edi)
        movw    AT_CS(%esp), %ax
        movw    %ax, -4(%edi)
        movw    AT_IP(%esp), %ax
        movw    %ax, -6(%edi)
        subw    $6, AT_SP(%esp)
        movw    4 * 8, %ax
        movw    %ax, AT_IP(%esp)
        movw    4 * 8 + 2, %ax
        movw    %ax, AT_CS(%esp)
        jmp     resume
do_print:                                       # ds:dx, ends in 0
        incl    AT_IP(%esp)
        task_pointer AT_DS, 20, %esi
        call    puts
resume: popal
        addl    $4, %esp
        iretl

        .macro  result text, at
        print   "\text "
        movl    RESULTS + \at, %eax
        call    put_hex
        print   "\n"
        .endm

done:                                           # the end of the task: what it saw, and what came here
        result  "flags behind STI, CLI", 0
        result  "flags behind POPF", 4
        result  "own handler: calls, flags", 8
        result  "flags behind IRET", 12
        result  "timer handler: calls, flags", 16
        result  "flags behind it", 20
        expect  10, 1, traps + 4 * 0xCD
        expect  11, 1, traps + 4 * 0xFB
        expect  12, 1, traps + 4 * 0xF4
        expect  13, 0, traps + 4 * 0xFA
        expect  14, 0, traps + 4 * 0x9C
        expect  15, 0, traps + 4 * 0x9D
        expect  16, 0, traps + 4 * 0xCF
        andl    $0x1B0200, AT_FLAGS(%esp)       # VIF, RF, and the machine's own IF, which the task never touched
        expect  17, 0x0B0200, AT_FLAGS(%esp)
        jmp     pass

# The task: real-mode code at 2000:0000, assembled to run at offset 0.

        .code16
        .macro  own name, reg
        movw    $\name - v86_code, \reg
        .endm
        .macro  keep_flags at
        pushfw
        popw    %es:RESULTS + \at
        .endm

v86_code:
        own     v86_hello, %dx
        int     $0x21
        movw    $v86_vector - v86_code, %es:4*0x60
        movw    $0x2000, %es:4*0x60+2
        movw    $v86_timer - v86_code, %es:4*8
        movw    $0x2000, %es:4*8+2
        xorw    %ax, %ax
        movl    %eax, %es:RESULTS + 8
        movl    %eax, %es:RESULTS + 16
        cli
        xorw    %ax, %ax                        # the flags of a result of 0
        keep_flags 2
        movw    $0x0AD5, %ax                    # IF off: nothing can come in
        andw    $0xFDFF, %ax
        pushw   %ax
        popfw
        keep_flags 4
        movw    $0, %es:RESULTS + 6
        xorw    %ax, %ax
        int     $0x60                           # its own handler
        keep_flags 12
        movw    $0, %es:RESULTS + 14
        movl    %es:TICKS, %ecx                 # with VIF off, until the machine's timer has made one pending
1:      cmpl    %es:TICKS, %ecx
        je      1b
        xorw    %ax, %ax
        sti                                     # comes to the monitor, which lets the task's interrupt in
        nop
        cli
        keep_flags 20
        movw    $0, %es:RESULTS + 22
        movw    %es:RESULTS + 18, %ax           # what the timer's handler saw on its stack: STI had been done
        movw    %ax, %es:RESULTS
        sti
        hlt

v86_vector:
        incw    %es:RESULTS + 8
        keep_flags 10
        pushw   %bp
        movw    %sp, %bp
        orw     $0x41, 6(%bp)                   # carry and zero for the caller
        popw    %bp
        iretw

v86_timer:
        incw    %es:RESULTS + 16
        pushw   %bp
        movw    %sp, %bp
        movw    6(%bp), %ax
        popw    %bp
        movw    %ax, %es:RESULTS + 18
        iretw

v86_hello: .asciz "task: hello\n"
v86_code_end:
        .code32
