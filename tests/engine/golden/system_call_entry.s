# How a system call begins: registers are saved, the number is compared.
        pushl %eax
        pushl %ebp
        pushl %edi
        pushl %esi
        pushl %edx
        pushl %ecx
        pushl %ebx
        cld
        movl %esp, %eax
        andl $0xffffe000, %eax
        movl 24(%esp), %ebx
        cmpl $450, %ebx
        jae none
        movl %esp, %ecx
        jmp none
        nop
none:   ret
