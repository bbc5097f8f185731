# tss: hardware task switches by jump, call, interrupt gate and return; a double fault with a task gate.
#
# Each task prints its name; the main task checks the results of a switch: registers kept in the TSS, busy bits, back
# links, CR0.TS, the page directory of each task.
        .include "pc.inc"
        .include "paging.inc"
        .set MAIN_TSS, FREE_SELECTOR
        .set OTHER_TSS, FREE_SELECTOR + 8
        .set CALLED_TSS, FREE_SELECTOR + 16
        .set FAULT_TSS, FREE_SELECTOR + 24
        .set CALL_GATE, FREE_SELECTOR + 32      # a task gate in the GDT
        .set USER_TSS, FREE_SELECTOR + 40
        .set TASK_GATE, 0x8500
        .set OTHER_DIRECTORY, 0x110000

        .section .bss
        .balign 128
main_tss:   .skip 128
other_tss:  .skip 128
called_tss: .skip 128
fault_tss:  .skip 128
user_tss:   .skip 128
        .text

        .macro  task tss, entry, top, code=CODE, data=DATA
        movl    $PAGE_DIRECTORY, \tss + 28
        movl    $\entry, \tss + 32
        movl    $2, \tss + 36
        movl    $\top, \tss + 56
        movl    $\data, \tss + 72               # es, then cs, ss, ds
        movl    $\code, \tss + 76
        movl    $\data, \tss + 80
        movl    $\data, \tss + 84
        movl    $104 << 16, \tss + 100
        .endm

        .macro  task_gate vector, selector
        movl    $\selector << 16, idt + 8 * \vector
        movl    $TASK_GATE, idt + 8 * \vector + 4
        .endm

        .macro  busy number, selector, access   # the descriptor's access byte
        movzbl  gdt + \selector + 5, %eax
        expect  \number, \access, %eax
        .endm

main:
        call    paging_on
        descriptor MAIN_TSS, main_tss, 103, 0x89
        descriptor OTHER_TSS, other_tss, 103, 0x89
        descriptor CALLED_TSS, called_tss, 103, 0x89
        descriptor FAULT_TSS, fault_tss, 103, 0x89
        descriptor USER_TSS, user_tss, 103, 0x89
        movl    $CALLED_TSS << 16, gdt + CALL_GATE
        movl    $TASK_GATE, gdt + CALL_GATE + 4
        task    main_tss, 0, 0
        task    other_tss, other_task, 0x9000
        task    called_tss, called_task, 0xA000
        task    fault_tss, fault_task, 0xB000
        task    user_tss, user_task, 0x2E0000, USER_CODE, USER_DATA
        movl    $0xC000, user_tss + 4
        movl    $DATA, user_tss + 8
        movl    $MAIN_TSS, %eax
        ltr     %ax
        busy    1, MAIN_TSS, 0x8B

        movl    $0x11111111, %ebx               # jmp: there and back, registers are the task's own
        movl    $0x22222222, other_tss + 52
        movl    $0x33333333, %ebp
        ljmpl   $OTHER_TSS, $0
        expect  2, 0x11111111, %ebx
        expect  3, 0x33333333, %ebp
        expect  4, 0x44444444, other_tss+52
        busy    5, MAIN_TSS, 0x8B
        busy    6, OTHER_TSS, 0x89
        movl    %cr0, %eax
        andl    $8, %eax
        expect  7, 8, %eax
        clts
        print   "jumped back\n"

        lcall   $CALLED_TSS, $0                 # call: nested, back by iret
        expect  8, MAIN_TSS, called_tss
        busy    9, CALLED_TSS, 0x89
        lcall   $CALL_GATE, $0                  # through a gate: continues after its iret
        pushfl
        popl    %eax
        andl    $0x4000, %eax
        expect  10, 0, %eax
        print   "returned\n"

        task_gate 0x40, CALLED_TSS              # interrupt through a task gate
        int     $0x40
        expect  11, 3, calls
        print   "interrupted\n"

        movl    $PAGE_DIRECTORY, %esi           # a task with its own page directory
        movl    $OTHER_DIRECTORY, %edi
        movl    $1024, %ecx
        rep movsl
        movl    $0x111000 + PRESENT + WRITABLE + USER, OTHER_DIRECTORY + (ALIAS >> 20)
        movl    $0x112000 + PRESENT + WRITABLE + USER, 0x111000
        movl    $0x0DD0DD00, 0x112000
        alias   0, 0x113000
        movl    $0x0EE0EE00, ALIAS
        movl    $OTHER_DIRECTORY, other_tss + 28
        movl    $mapped_task, other_tss + 32
        ljmpl   $OTHER_TSS, $0
        expect  12, 0x0DD0DD00, other_tss+40
        expect  13, 0x0EE0EE00, ALIAS
        print   "own page directory\n"

        task_gate 0x41, MAIN_TSS                # ring 3 in a task; it comes back through a gate open to it
        orl     $0x6000, idt + 8 * 0x41 + 4
        ljmpl   $USER_TSS, $0
        expect  14, 0x3333, user_tss+40
        pushfl                                  # nested, since an interrupt came here; undo that
        andl    $0xFFFFBFFF, (%esp)
        popfl
        expect  15, USER_TSS, main_tss
        busy    16, USER_TSS, 0x8B
        print   "ring 3\n"

        movl    $fault_back, fault_resume       # a jump to a busy task, and to a TSS that is too small
        gate    13, on_fault
        gate    10, on_fault
        ljmpl   $MAIN_TSS, $0
fault_back:
        expect  17, MAIN_TSS, fault_error
        movl    $short_back, fault_resume
        descriptor OTHER_TSS, other_tss, 102, 0x89
        ljmpl   $OTHER_TSS, $0
short_back:
        expect  18, OTHER_TSS, fault_error
        print   "refused\n"

        task_gate 8, FAULT_TSS                  # a double fault with no stack left: only a task can catch it
        movl    $0x40100000, %esp
        pushl   $0
        ud2

        .section .bss
        .balign 4
calls:  .skip   4
fault_error: .skip 4
fault_resume: .skip 4
        .text

on_fault:
        popl    fault_error
        movl    fault_resume, %eax
        movl    %eax, (%esp)
        iretl

other_task:
        print   "other task\n"
        movl    $0x44444444, %ebx
        ljmpl   $MAIN_TSS, $0

called_task:
        print   "called task\n"
        incl    calls
        iretl
        print   "called task, second time\n"
        incl    calls
        iretl
        print   "called task, third time\n"
        incl    calls
        iretl

mapped_task:
        movl    ALIAS, %eax
        ljmpl   $MAIN_TSS, $0

user_task:
        movl    $0x3333, %eax
        int     $0x41

fault_task:                                     # the error code is on this task's stack
        popl    %eax
        expect  19, 0, %eax
        expect  20, MAIN_TSS, fault_tss
        movl    %cr2, %eax
        expect  21, 0x400FFFFC, %eax
        print   "double fault task\n"
        jmp     pass
