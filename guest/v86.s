# v86: a virtual-8086 task under a monitor: what the processor does alone, what it hands to the monitor, what it refuses.
#
# The task runs at IOPL 0, so CLI, STI, PUSHF, POPF, INT n, IRET, HLT and IN or OUT to a port outside the permission
# map come to the monitor as #GP(0); it carries them out on a virtual interrupt flag, as DOS boxes did. The task prints
# by `int $0x21`, hooks an interrupt of its own in the real-mode vector table, and tells its results through memory.
        .include "pc.inc"
        .include "v86.inc"
        .include "paging.inc"
        .set TSS_SELECTOR, FREE_SELECTOR
        .set TASK, 0x20000                      # segment 0x2000
        .set TASK_STACK, 0x3000
        .set RESULTS, 0x500
        .set TICKS, RESULTS + 24
        .set TAKEN_PAGE, 0x40000
        .set VM, 0x20000

        .section .bss
        .balign 16
tss:    .skip   104 + 0x2000 + 1
        .balign 4
virtual_flags: .skip 4
traps:  .skip   4 * 256                         # by opcode that came to the monitor; 0: #UD, 1: #PF
        .text

main:
        call    paging_on
        movl    $v86_code, %esi
        movl    $TASK, %edi
        movl    $v86_code_end - v86_code, %ecx
        rep movsb
        descriptor TSS_SELECTOR, tss, 104+0x2000, 0x89
        movl    $STACK_TOP, tss + 4
        movl    $DATA, tss + 8
        movw    $104, tss + 102
        movl    $tss + 104, %edi                # every port refused but the scratch register of COM1
        movl    $0x2000 / 4, %ecx
        movl    $-1, %eax
        rep stosl
        movb    $0xFF, (%edi)
        andb    $0x7F, tss + 104 + 0x3FF / 8
        movl    $TSS_SELECTOR, %eax
        ltr     %ax
        gate    13, monitor
        gate    6, bad_opcode
        gate    14, page_fault
        gate    0x20, tick
        call    pic_init
        timer_rate 1193
        outport 0x21, 0xFE
        movl    $0, PAGE_TABLE + (TAKEN_PAGE >> 10)
        invlpg  TAKEN_PAGE

        pushl   $0                              # gs, fs, ds, es
        pushl   $0
        pushl   $0x2000
        pushl   $0x2000
        pushl   $TASK_STACK
        pushl   $0xABCD0400
        pushl   $VM + 0x202
        pushl   $0x2000
        pushl   $0
        iretl

tick:                                           # the machine's own interrupts come to ring 0, not to the task
        pushal
        incl    %ss:TICKS
        movb    $0x20, %al
        outb    %al, $0x20
        popal
        iretl

monitor:
        pushal
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        expect  1, 0, AT_ERROR(%esp)
        testl   $VM, AT_FLAGS(%esp)
        fail_if z, 2
        task_pointer AT_CS, AT_IP, %esi
        task_pointer AT_SS, AT_SP, %edi
        movzbl  (%esi), %eax
        incl    traps(,%eax,4)
        incl    AT_IP(%esp)
        cmpb    $0xFA, %al
        je      do_cli
        cmpb    $0xFB, %al
        je      do_sti
        cmpb    $0x9C, %al
        je      do_pushf
        cmpb    $0x9D, %al
        je      do_popf
        cmpb    $0xCD, %al
        je      do_int
        cmpb    $0xCF, %al
        je      do_iret
        cmpb    $0xE4, %al
        je      do_in
        cmpb    $0xF4, %al
        je      do_hlt
        pushl   %eax
        movl    $3, %eax
        jmp     fail

do_cli: andl    $0xFFFFFDFF, virtual_flags
        jmp     resume
do_sti: orl     $0x200, virtual_flags
        jmp     resume
do_pushf:
        call    task_flags
        movw    %ax, -2(%edi)
        subw    $2, AT_SP(%esp)
        jmp     resume
do_popf:
        movzwl  (%edi), %eax
        addw    $2, AT_SP(%esp)
        call    set_task_flags
        jmp     resume
do_in:                                          # a port of the monitor's own making
        movzbl  1(%esi), %eax
        xorb    $0x5A, %al
        movb    %al, 28(%esp)
        incl    AT_IP(%esp)
        jmp     resume
do_iret:
        movw    (%edi), %ax
        movw    %ax, AT_IP(%esp)
        movw    2(%edi), %ax
        movw    %ax, AT_CS(%esp)
        addw    $6, AT_SP(%esp)
        movzwl  4(%edi), %eax
        call    set_task_flags
        jmp     resume
do_int:
        incl    AT_IP(%esp)
        movzbl  1(%esi), %ecx
        cmpb    $0x21, %cl
        je      do_print
        call    task_flags                      # reflect it to the task's vector table
        movw    %ax, -2(%edi)
        movw    AT_CS(%esp), %ax
        movw    %ax, -4(%edi)
        movw    AT_IP(%esp), %ax
        movw    %ax, -6(%edi)
        subw    $6, AT_SP(%esp)
        movw    (,%ecx,4), %ax
        movw    %ax, AT_IP(%esp)
        movw    2(,%ecx,4), %ax
        movw    %ax, AT_CS(%esp)
        andl    $0xFFFFFDFF, virtual_flags
        jmp     resume
do_print:                                       # ds:dx, ends in 0
        task_pointer AT_DS, 20, %esi
        call    puts
resume: popal
        addl    $4, %esp
        iretl

task_flags:                                     # ax: the task's flags with its virtual interrupt flag
        movl    AT_FLAGS + 4(%esp), %eax
        andl    $0xFFFFFDFF, %eax
        orl     virtual_flags, %eax
        ret

set_task_flags:                                 # from ax; the real interrupt flag and the level stay
        pushl   %eax
        andl    $0x200, %eax
        movl    %eax, virtual_flags
        popl    %eax
        andl    $0x8D5, %eax
        andl    $0xFFFFF72A, AT_FLAGS + 4(%esp)
        orl     %eax, AT_FLAGS + 4(%esp)
        ret

bad_opcode:                                     # ARPL does not exist in this mode; the segments arrive as null
        pushal
        movl    %ds, %eax
        testl   %eax, %eax
        fail_if nz, 4
        movl    $DATA, %eax
        movl    %eax, %ds
        addl    $2, 32(%esp)
        incl    traps
        popal
        iretl

page_fault:                                     # the task writes to a page taken from it
        pushal
        movl    $DATA, %eax
        movl    %eax, %ds
        expect  5, 6, AT_ERROR(%esp)
        movl    %cr2, %eax
        expect  6, TAKEN_PAGE+0x10, %eax
        movl    $TAKEN_PAGE + PRESENT + WRITABLE + USER, PAGE_TABLE + (TAKEN_PAGE >> 10)
        incl    traps + 4
        jmp     resume

do_hlt:                                         # the end of the task: look at what it did
        expect  10, 0x5678, RESULTS
        expect  11, 0x00003A3A, RESULTS+4
        expect  12, 0x2000ABCD, RESULTS+8
        expect  13, 0x0000A7FF, RESULTS+12
        expect  14, 0x00000055, RESULTS+16
        expect  15, 0x03020202, RESULTS+20
        expect  16, 1, traps
        expect  17, 1, traps+4
        expect  18, 2, traps+4*0xFA
        expect  19, 1, traps+4*0xFB
        expect  20, 1, traps+4*0xCF
        expect  21, 0xABCD0400, AT_SP(%esp)
        print   "monitor: done\n"
        jmp     pass

# The task: real-mode code at 2000:0000, assembled to run at offset 0.

        .code16
        .macro  own name, reg
        movw    $\name - v86_code, \reg
        .endm

v86_code:
        pushw   %cs
        popw    %ds
        own     v86_hello, %dx
        int     $0x21
        xorw    %ax, %ax
        movw    %ax, %es
        movl    $0x1234, %eax                   # 32-bit registers and addresses work here
        movl    $0x4444, %ebx
        leal    (%eax,%ebx), %ecx
        movl    %ecx, %es:RESULTS
        movw    $v86_vector - v86_code, %es:4*0x60
        movw    $0x2000, %es:4*0x60+2
        xorl    %ecx, %ecx
        int     $0x60                           # its own handler
        movb    %cl, %ch
        movl    %ecx, %es:RESULTS+4
        movw    $0xABCD, %ax
        pushw   %cs
        pushw   %ax
        popl    %eax
        movl    %eax, %es:RESULTS+8
        movw    $0x3FF, %dx                     # the port that the permission map gives it
        movb    $0xA7, %al
        outb    %al, %dx
        inb     %dx, %al
        movb    %al, %ah
        movb    $0xFF, %al
        movzwl  %ax, %eax
        movl    %eax, %es:RESULTS+12
        inb     $0x0F, %al                      # a port that the monitor plays
        movzbl  %al, %eax
        movl    %eax, %es:RESULTS+16
        cli
        pushfw
        popw    %bx
        sti
        pushfw
        popw    %cx
        cli
        movb    %bh, %al                        # the virtual interrupt flag went off and on
        movb    %ch, %ah
        andw    $0x0202, %ax
        shll    $16, %eax
        movw    $0x0202, %ax
        addl    $0x01020000, %eax
        movl    %eax, %es:RESULTS+20
        .byte   0x63, 0xC0                      # arpl %ax, %ax
        movw    $TAKEN_PAGE >> 4, %ax           # protected by a page, though no mode of DOS knows one
        movw    %ax, %ds
        movw    $0x1234, 0x10
        movl    %es:TICKS, %ecx                 # the machine's interrupts pass through, whatever the task forbids
1:      cmpl    %es:TICKS, %ecx
        je      1b
        hlt

v86_vector:
        addl    $0x3A, %ecx
        pushw   %bp
        movw    %sp, %bp
        orw     $0x41, 6(%bp)                   # carry and zero for the caller
        popw    %bp
        iretw

v86_hello: .asciz "task: hello\n"
v86_code_end:
        .code32
