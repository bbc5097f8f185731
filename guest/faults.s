# faults: every exception that software can raise, with its vector, error code and faulting address; from ring 0 and
# ring 3; then a double fault, then a triple fault, which resets the machine: the second life says so and ends.
#
# Needs a machine that restarts on a reset.
        .include "pc.inc"
        .include "paging.inc"
        .include "attempt.inc"
        .set ABSENT, FREE_SELECTOR + 8          # a data segment that is not present
        .set EXECUTE_ONLY, FREE_SELECTOR + 16
        .set READ_ONLY, FREE_SELECTOR + 24
        .set SECOND_LIFE, 0x500                 # memory survives a reset

        .section .bss
watched: .skip  4
        .text

main:
        cmpl    $0x11FE11FE, SECOND_LIFE
        je      second_life
        call    paging_on
        call    catch_faults
        descriptor ABSENT, 0, 0xFFFFF, 0xC013
        descriptor EXECUTE_ONLY, 0, 0xFFFFF, 0xC099
        descriptor READ_ONLY, 0, 0xFFFFF, 0xC091

        attempt DE, 0, NO_ERROR
        xorl    %ecx, %ecx
        divl    %ecx
        faulted DE
        attempt DE_overflow, 0, NO_ERROR
        movl    $0x80000000, %eax
        cltd
        movl    $-1, %ecx
        idivl   %ecx
        faulted DE_overflow
        attempt DB_step, 1, NO_ERROR
        pushfl
        orl     $0x100, (%esp)
        popfl
        nop
        faulted DB_step
        attempt DB_execute, 1, NO_ERROR
        movl    $breakpoint, %eax
        movl    %eax, %dr0
        movl    $0x401, %eax
        movl    %eax, %dr7
breakpoint:
        nop
        faulted DB_execute
        attempt DB_write, 1, NO_ERROR
        movl    $watched, %eax
        movl    %eax, %dr0
        movl    $0xD0401, %eax
        movl    %eax, %dr7
        movl    $1, watched
        faulted DB_write
        attempt DB_port, 1, NO_ERROR
        movl    %cr4, %eax
        orl     $8, %eax                        # DE: ports may be watched
        movl    %eax, %cr4
        movl    $0x80, %eax
        movl    %eax, %dr0
        movl    $0x20401, %eax
        movl    %eax, %dr7
        inb     $0x80, %al
        faulted DB_port
        xorl    %eax, %eax
        movl    %eax, %dr7
        attempt BP, 3, NO_ERROR
        int3
        faulted BP
        attempt OF, 4, NO_ERROR
        movl    $0x7FFFFFFF, %eax
        incl    %eax
        into
        faulted OF
        attempt BR, 5, NO_ERROR
        movl    $9, %eax
        bound   %eax, bounds
        faulted BR
        attempt UD, 6, NO_ERROR
        ud2
        faulted UD
        attempt UD_lock, 6, NO_ERROR
        .byte   0xF0, 0x01, 0xC0                # lock addl %eax, %eax
        faulted UD_lock
        attempt NM, 7, NO_ERROR
        movl    %cr0, %eax
        orl     $8, %eax
        movl    %eax, %cr0
        fnop
        faulted NM
        clts
        attempt TS, 10, 0
        pushfl
        orl     $0x4000, (%esp)                 # a return to a task that is not there
        popfl
        iretl
        faulted TS
        pushfl
        andl    $0xFFFFBFFF, (%esp)
        popfl
        attempt NP, 11, ABSENT
        movl    $ABSENT, %eax
        movl    %eax, %es
        faulted NP
        attempt NP_gate, 11, 0x22*8+2
        movl    $0x8E00, idt + 8 * 0x22 + 4     # a gate that is there but not present
        andl    $0xFFFF7FFF, idt + 8 * 0x22 + 4
        int     $0x22
        faulted NP_gate
        attempt SS, 12, ABSENT
        movl    $ABSENT, %eax
        movl    %eax, %ss
        faulted SS
        attempt GP_selector, 13, 0x1F8
        movl    $0x1F8, %eax
        movl    %eax, %ds
        faulted GP_selector
        attempt GP_null_stack, 13, 0
        xorl    %eax, %eax
        movl    %eax, %ss
        faulted GP_null_stack
        attempt GP_execute_only, 13, EXECUTE_ONLY
        movl    $EXECUTE_ONLY, %eax
        movl    %eax, %es
        faulted GP_execute_only
        attempt GP_stack_read_only, 13, READ_ONLY
        movl    $READ_ONLY, %eax
        movl    %eax, %ss
        faulted GP_stack_read_only
        attempt GP_gate, 13, 0x50*8+2
        int     $0x50
        faulted GP_gate
        attempt GP_busy, 13, TSS_SELECTOR
        movl    $TSS_SELECTOR, %eax
        ltr     %ax
        faulted GP_busy
        attempt GP_far_null, 13, 0
        ljmpl   $0, $main
        faulted GP_far_null
        attempt GP_table_full, 13, 0x400
        ljmpl   $0x400, $main
        faulted GP_table_full
        attempt PF_read, 14, 0
        movl    0x40001234, %eax
        faulted PF_read
        attempt PF_write, 14, 2
        movl    %eax, 0x40005678
        faulted PF_write
        attempt PF_fetch, 14, 0
        movl    $0x40003000, %eax
        jmp     *%eax
        faulted PF_fetch
        attempt PF_no_table, 14, 0
        pushl   0x80000000
        faulted PF_no_table
        alias   1, 0x200000, PRESENT+USER
        attempt PF_read_only, 14, 3
        incl    ALIAS + 0x1000
        faulted PF_read_only
        alias   3, 0x200000, PRESENT+WRITABLE
        attempt PF_across, 14, 2                # the second page is missing: the first must stay as it was
        movl    $0, ALIAS + 0x3FFC
        movl    $-1, ALIAS + 0x3FFE
        faulted PF_across
        expect  90, 0, ALIAS+0x3FFC

        attempt user_GP_cli, 13, 0
        user    user_GP_cli
        cli
        faulted user_GP_cli
        attempt user_GP_hlt, 13, 0
        user    user_GP_hlt
        hlt
        faulted user_GP_hlt
        attempt user_GP_in, 13, 0
        user    user_GP_in
        inb     $0x21, %al
        faulted user_GP_in
        attempt user_GP_int, 13, 0x06*8+2
        user    user_GP_int
        int     $6
        faulted user_GP_int
        attempt user_UD, 6, NO_ERROR
        user    user_UD
        ud2
        faulted user_UD
        attempt user_PF_supervisor, 14, 5
        user    user_PF_supervisor
        movl    ALIAS + 0x3000, %eax
        faulted user_PF_supervisor
        attempt user_PF_write, 14, 7
        user    user_PF_write
        movl    %eax, ALIAS + 0x1004
        faulted user_PF_write
        attempt user_PF_missing, 14, 6
        user    user_PF_missing
        movl    %eax, 0x40010000
        faulted user_PF_missing

        attempt DF, 8, 0                        # no gate for #NP: the fault on the way to a fault
        movl    $0, idt + 8 * 11
        movl    $0, idt + 8 * 11 + 4
        movl    $ABSENT, %eax
        movl    %eax, %es
        faulted DF

        print   "triple fault\n"
        call    drain
        movl    $0x11FE11FE, SECOND_LIFE
        lidtl   no_idt
        ud2

second_life:
        movl    $0, SECOND_LIFE
        print   "reset\n"
        jmp     pass

        .section .rodata
        .balign 4
bounds: .long   10, 20
no_idt: .word   0
        .long   0
        .text
