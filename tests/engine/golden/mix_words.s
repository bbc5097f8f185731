# A step of a hash: rotations, byte order, a word of the message.
        movl (%esi), %eax
        bswapl %eax
        movl %eax, (%edi)
        movl %ebx, %edx
        roll $5, %edx
        addl %edx, %eax
        movl %ecx, %edx
        xorl %ebp, %edx
        andl %ebx, %edx
        xorl %ebp, %edx
        leal 0x5a827999(%eax,%edx), %eax
        rorl $2, %ebx
        jmp on
        nop
on:     ret
