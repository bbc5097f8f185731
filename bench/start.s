# start: says a word, counts through some 8,000 instructions and powers off; what its run costs is the program's start.
        .include "../guest/pc.inc"
        .text
main:
        print   "started\n"
        call    drain
        movl    $2000, %ecx
1:      addl    %ecx, %eax
        roll    $3, %eax
        decl    %ecx
        jnz     1b
        jmp     power_off
