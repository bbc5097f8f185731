# The same without a wide product, as compilers for 64-bit words make it: locals in a frame, halves, a carry by SETB.
        movl -16(%ebp), %eax
        movl 8(%ebp), %ecx
        movzwl %ax, %edx
        shrl $16, %eax
        movl %edx, %esi
        imull %ecx, %esi
        imull %ecx, %eax
        movl %esi, %edi
        shrl $16, %edi
        addl %edi, %eax
        movl %eax, -20(%ebp)
        cmpl %edi, %eax
        setb %cl
        movzbl %cl, %ecx
        movl $0x10000, %edx
        cmovbl %edx, %ecx
        movl %ecx, -24(%ebp)
        jmp out
        nop
out:    ret
