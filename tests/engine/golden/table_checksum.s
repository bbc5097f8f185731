# A checksum by a table: a byte at a time, indexed by what it changes.
next:   movzbl (%esi), %eax
        movzbl %cl, %edx
        incl %esi
        xorl %eax, %edx
        shrl $8, %ecx
        xorl 0x1000(,%edx,4), %ecx
        cmpl %edi, %esi
        jne next
