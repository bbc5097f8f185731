# A string copied byte by byte to its end, by string instructions.
next:   lodsb
        stosb
        testb %al, %al
        jne next
