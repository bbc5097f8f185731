# loops: three loops in RAM, paging on; before each the line BEGIN and its name, after it END, its name and a result.
#
# A loop is entered with its count in ECX. ROUNDS is set in front of this by bench/loops.py.
        .include "pc.inc"
        .include "paging.inc"
        .set PLACE, 0x200000            # where the loops run
        .set DATA_AREA, 0x210000
        .set STACK, 0x220000

        .macro  measured name, label, count
        print   "BEGIN \name\n"
        call    drain
        movl    $(\count), %ecx
        movl    $1, %eax
        xorl    %ebx, %ebx
        xorl    %edx, %edx
        movl    $DATA_AREA, %ebp
        movl    $PLACE + (\label - loops), %edi
        call    *%edi
        print   "END \name "
        call    put_hex
        print   "\n"
        call    drain
        .endm

        .text
main:
        call    paging_on
        movl    $STACK, %esp
        movl    $loops, %esi
        movl    $PLACE, %edi
        movl    $loops_end - loops, %ecx
        rep movsb
        measured "alu", alu, 250000000 * ROUNDS
        measured "memory", memory, 125000000 * ROUNDS
        measured "call", calls, 50000000 * ROUNDS
        jmp     power_off

        .balign 4096
loops:
alu:    addl    %eax, %ebx              # 8 instructions
        xorl    %ebx, %edx
        addl    $7, %eax
        movl    %edx, %esi
        shll    $3, %esi
        addl    %esi, %eax
        decl    %ecx
        jnz     alu
        ret

        .balign 64
memory: movl    (%ebp), %eax            # 8 instructions, of which 5 touch memory
        addl    %ecx, %eax
        movl    %eax, 8(%ebp)
        incl    64(%ebp)
        movl    16(%ebp), %ebx
        movl    %eax, 16(%ebp)
        decl    %ecx
        jnz     memory
        ret

        .balign 64
calls:  call    1f                      # 8 instructions, two calls and two returns
        call    2f
        decl    %ecx
        jnz     calls
        ret
        .balign 64
1:      incl    %eax
        ret
        .balign 64
2:      addl    $3, %eax
        ret
loops_end:
