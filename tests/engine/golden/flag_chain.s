# Carries that go from one instruction to the next, and conditions of them.
        addl %ebx, %eax
        adcl %ecx, %edx
        adcl $0, %esi
        rcll $1, %edi
        sbbl %ebp, %ebp
        negl %ebp
        cmovsl %eax, %ebx
        setc %cl
        testl %edx, %edx
        setle %ch
        jo done
        xorl %eax, %eax
        jmp done
        nop
done:   ret
