# hang: ud2 whose handler is ud2, an endless chain of faults that retires no instruction and never ends.
#
# The stack is a 16-bit segment, so that its pointer wraps and the chain cannot run out of stack into a double fault.
        .include "pc.inc"
main:
        gate    6, chain
        print   "an endless chain of ud2\n"
        call    drain
        movl    $STACK16, %eax
        movl    %eax, %ss
        movl    $0xFFFC, %esp
chain:  ud2
