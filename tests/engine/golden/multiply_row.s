# A row of a product of large numbers: MUL, and carries into the next word.
next:   movl (%esi,%ecx,4), %eax
        mull %ebx
        addl %ebp, %eax
        adcl $0, %edx
        addl %eax, (%edi,%ecx,4)
        adcl $0, %edx
        movl %edx, %ebp
        incl %ecx
        jnz next
