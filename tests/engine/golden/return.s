# The end of a function: the registers of its caller, and RET.
        movl -4(%ebp), %eax
        addl $12, %esp
        popl %ebx
        popl %esi
        popl %edi
        popl %ebp
        ret
