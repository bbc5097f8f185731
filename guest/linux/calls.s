# calls.s: a Linux program that does little but system calls; `./dev bench programs` has it measure a guest's kernel.
#
# Its argument is one letter: f: 20,000 times fork, exec of itself (with the argument x, which ends at once), and wait;
# g: 1,000,000 times getppid; p: 50,000 times a byte to a child through a pipe, and one back through another.

        .set FORKS, 20000
        .set CALLS, 1000000
        .set TURNS, 50000

        .set SYS_EXIT, 1
        .set SYS_FORK, 2
        .set SYS_READ, 3
        .set SYS_WRITE, 4
        .set SYS_EXECVE, 11
        .set SYS_PIPE, 42
        .set SYS_GETPPID, 64
        .set SYS_WAIT4, 114

        .macro  enter_routine name
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .macro  end_routine name
        .size   \name, . - \name
        .endm

        .section .rodata, "a", @progbits
self:   .asciz  "/bin/calls"
ends:   .asciz  "x"
        .balign 4
ending: .long   self, ends, 0           # the arguments of a child that ends at once
environment: .long 0

        .bss
        .balign 4
there:  .skip   8                       # a pipe's ends: to read, to write
back:   .skip   8
byte:   .skip   4

        .text
        enter_routine _start
        xorl    %ebx, %ebx
        cmpl    $2, (%esp)
        jne     bad
        movl    8(%esp), %esi           # argv[1]
        movb    (%esi), %al
        cmpb    $'x', %al
        je      done
        cmpb    $'f', %al
        je      forks
        cmpb    $'g', %al
        je      parents
        cmpb    $'p', %al
        je      pipes
bad:    movl    $2, %ebx
done:   movl    $SYS_EXIT, %eax         # status in EBX
        int     $0x80
        end_routine _start

        enter_routine forks
        movl    $FORKS, %ebp
1:      movl    $SYS_FORK, %eax
        int     $0x80
        testl   %eax, %eax
        jz      2f
        js      bad
        movl    %eax, %ebx
        movl    $byte, %ecx             # its status
        xorl    %edx, %edx
        xorl    %esi, %esi
        movl    $SYS_WAIT4, %eax
        int     $0x80
        testl   %eax, %eax
        js      bad
        cmpl    $0, byte
        jne     bad
        decl    %ebp
        jnz     1b
        xorl    %ebx, %ebx
        jmp     done
2:      movl    $SYS_EXECVE, %eax
        movl    $self, %ebx
        movl    $ending, %ecx
        movl    $environment, %edx
        int     $0x80
        jmp     bad                     # it comes back only if it fails
        end_routine forks

        enter_routine parents
        movl    $CALLS, %ebp
1:      movl    $SYS_GETPPID, %eax
        int     $0x80
        decl    %ebp
        jnz     1b
        xorl    %ebx, %ebx
        jmp     done
        end_routine parents

# A byte through `\pipe` by a call that reads (its first end) or writes (its second).
        .macro  transfer number, pipe, end
        movl    $\number, %eax
        movl    \pipe + 4 * \end, %ebx
        movl    $byte, %ecx
        movl    $1, %edx
        int     $0x80
        cmpl    $1, %eax
        jne     bad
        .endm

        enter_routine pipes
        movl    $TURNS, %ebp
        movl    $SYS_PIPE, %eax
        movl    $there, %ebx
        int     $0x80
        testl   %eax, %eax
        jnz     bad
        movl    $SYS_PIPE, %eax
        movl    $back, %ebx
        int     $0x80
        testl   %eax, %eax
        jnz     bad
        movl    $SYS_FORK, %eax
        int     $0x80
        testl   %eax, %eax
        js      bad
        jz      2f
1:      transfer SYS_WRITE, there, 1
        transfer SYS_READ, back, 0
        decl    %ebp
        jnz     1b
        xorl    %ebx, %ebx
        jmp     done
2:      transfer SYS_READ, there, 0
        transfer SYS_WRITE, back, 1
        decl    %ebp
        jnz     2b
        xorl    %ebx, %ebx
        jmp     done
        end_routine pipes
