# A loop over one block that copies words: two bases, each with one window, and registers that go around in values.
next:   movl (%esi), %eax
        movl %eax, (%edi)
        addl $4, %esi
        addl $4, %edi
        decl %ecx
        jnz next
