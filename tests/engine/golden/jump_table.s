# A switch: a bound, and a computed jump.
        subl $32, %eax
        cmpl $90, %eax
        ja other
        movzbl 0x2000(%eax), %eax
        jmp *0x3000(,%eax,4)
other:  ret
