# smc: code that changes itself, in every way that a translator can miss.
#
# The next instruction; later in the same straight line; a called routine, 1000 times; through another linear address
# of the same page; an instruction that lies across two pages, changed in its second; by REP MOVS and REP STOS; under a
# page table that now points elsewhere; data and code in one page.
        .include "pc.inc"
        .include "paging.inc"
        .set CODE_PAGE, 0x200000
        .set OTHER_PAGE, 0x201000

        .macro  place routine, at       # copy a routine, which ends at routine_end, to RAM
        movl    $\routine, %esi
        movl    $\at, %edi
        movl    $\routine\()_end - \routine, %ecx
        rep movsb
        .endm

main:
        call    paging_on

        place   next_instruction, CODE_PAGE
        movl    $CODE_PAGE, %edx
        call    *%edx
        expect  1, 0x22222222, %eax
        print   "next instruction\n"

        place   same_block, CODE_PAGE
        movl    $CODE_PAGE, %edx
        call    *%edx
        expect  2, 0x1234, %eax
        print   "same block\n"

        place   constant, CODE_PAGE
        xorl    %ebx, %ebx
        movl    $1000, %ecx
        movl    $CODE_PAGE, %edx
1:      movl    %ecx, CODE_PAGE + 1
        call    *%edx
        addl    %eax, %ebx
        loop    1b
        expect  3, 500500, %ebx
        print   "routine, 1000 times\n"

        alias   5, CODE_PAGE
        call    *%edx
        movl    $0xA11A5, ALIAS + 0x5001
        call    *%edx
        expect  4, 0xA11A5, %eax
        movl    $0xB0B, CODE_PAGE + 1
        movl    $ALIAS + 0x5000, %edx
        call    *%edx
        expect  5, 0xB0B, %eax
        print   "alias\n"

        alias   6, CODE_PAGE            # across two pages: the last 2 of 5 bytes are in the second
        alias   7, OTHER_PAGE
        place   constant, CODE_PAGE + 0xFFD
        movl    $ALIAS + 0x6FFD, %edx
        call    *%edx
        expect  6, 0x11111111, %eax
        movb    $0x77, OTHER_PAGE + 1
        call    *%edx
        expect  7, 0x77111111, %eax
        alias   7, CODE_PAGE + 0x2000   # the second page becomes another
        movl    $0x00C38844, CODE_PAGE + 0x2000
        call    *%edx
        expect  8, 0x88441111, %eax
        print   "across pages\n"

        place   by_string, CODE_PAGE
        movl    $CODE_PAGE, %edx
        call    *%edx
        expect  9, 3, %ebx
        print   "string instructions\n"

        place   constant, CODE_PAGE
        place   constant, OTHER_PAGE
        movl    $0x600D, OTHER_PAGE + 1
        alias   5, CODE_PAGE
        movl    $ALIAS + 0x5000, %edx
        call    *%edx
        expect  10, 0x11111111, %eax
        alias   5, OTHER_PAGE
        call    *%edx
        expect  11, 0x600D, %eax
        print   "remapped\n"

        place   counter, CODE_PAGE
        movl    $CODE_PAGE, %edx
        movl    $2000, %ecx
1:      call    *%edx
        loop    1b
        expect  12, 2000, CODE_PAGE+counter_value-counter
        print   "data beside code\n"

        place   write_under_read_only, CODE_PAGE        # a write that faults must leave the code alone
        gate    14, read_only_fault
        movl    $CODE_PAGE + PRESENT, PAGE_TABLE + (CODE_PAGE >> 10)
        invlpg  CODE_PAGE
        movl    $CODE_PAGE, %edx
        call    *%edx
        expect  13, 0x51, %eax
        expect  14, 1, %ebx
        print   "read-only code\n"
        jmp     pass

read_only_fault:
        addl    $4, %esp
        incl    %ebx
        addl    $10, (%esp)             # past the movl $imm32, disp32
        iretl

# Routines that run in RAM. They find themselves by %edx.

next_instruction:
        movl    $0x22222222, next_instruction_patch - next_instruction + 1(%edx)
next_instruction_patch:
        movl    $0x11111111, %eax
        ret
next_instruction_end:

same_block:
        movw    $0x1234, same_block_patch - same_block + 1(%edx)
        nop
        xorl    %eax, %eax
        incl    %ecx
        nop
same_block_patch:
        movl    $0x0000FFFF, %eax
        ret
same_block_end:

constant:
        movl    $0x11111111, %eax
        ret
constant_end:

by_string:                              # three incl %ebx appear over three hlt, by STOS, by MOVS and by both
        xorl    %ebx, %ebx
        leal    by_string_1 - by_string(%edx), %edi
        movb    $0x43, %al
        movl    $1, %ecx
        rep stosb
by_string_1:
        hlt
        leal    by_string_2 - by_string(%edx), %edi
        leal    by_string_1 - by_string(%edx), %esi
        movl    $1, %ecx
        rep movsb
by_string_2:
        hlt
        leal    by_string_3 - by_string(%edx), %edi
        movl    $3, %ecx
        cld
        movl    $0x90434390, %eax
        stosl
by_string_3:
        hlt                             # becomes nop, inc, inc, nop
        hlt
        hlt
        hlt
        decl    %ebx
        ret
by_string_end:

counter:
        incl    counter_value - counter(%edx)
        ret
        .balign 4
counter_value: .long 0
counter_end:

write_under_read_only:
        xorl    %ebx, %ebx
        movl    $0x99999999, CODE_PAGE + write_under_read_only_patch - write_under_read_only
write_under_read_only_patch:
        movl    $0x51, %eax
        ret
write_under_read_only_end:
