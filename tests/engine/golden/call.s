# Arguments on the stack, and a call.
        pushl 8(%ebp)
        leal -12(%ebp), %eax
        pushl %eax
        movl %edi, %edx
        call function
        nop
function: ret
