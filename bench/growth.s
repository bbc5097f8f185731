# growth: ROUNDS times 100 million instructions of a loop, for recordings of any length; bench/growth.py sets ROUNDS.
        .include "pc.inc"
        .text
main:
        print   "started\n"
        movl    $ROUNDS, %ebp
        movl    $1, %eax
1:      movl    $20000000, %ecx
2:      addl    %ecx, %eax              # 5 instructions
        roll    $3, %eax
        xorl    %eax, %ebx
        decl    %ecx
        jnz     2b
        decl    %ebp
        jnz     1b
        jmp     pass
