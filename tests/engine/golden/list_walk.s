# A list that is searched: each address comes from the load before it.
next:   movl (%eax), %eax
        cmpl %edx, 8(%eax)
        je found
        testl %eax, %eax
        jne next
found:  ret
