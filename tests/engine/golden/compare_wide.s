# Numbers of 64 bits compared: SF and OF of an SBB.
        movl 8(%ebx), %eax
        movl 12(%ebx), %edx
        cmpl 8(%esi), %eax
        sbbl 12(%esi), %edx
        jl less
        incl %edi
        jmp less
        nop
less:   ret
