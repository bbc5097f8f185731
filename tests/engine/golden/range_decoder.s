# A bit of a range decoder, as kernels unpack themselves with: a bound, a comparison, a probability of 16 bits.
        movl 4(%esp), %eax
        movl (%eax), %ebx
        movzwl 2(%eax,%ecx,2), %edx
        movl %ebx, %ebp
        shrl $11, %ebp
        imull %edx, %ebp
        cmpl %ebp, 4(%eax)
        jae above
        movl %ebp, (%eax)
        movl $2048, %esi
        subl %edx, %esi
        sarl $5, %esi
        addl %esi, %edx
        movw %dx, 2(%eax,%ecx,2)
        addl %ecx, %ecx
        jmp above
        nop
above:  ret
