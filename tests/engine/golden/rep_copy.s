# A block copied by REP MOVS, and its odd bytes.
        movl %ecx, %edx
        shrl $2, %ecx
        rep movsl
        movl %edx, %ecx
        andl $3, %ecx
        rep movsb
        ret
