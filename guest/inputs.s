# inputs: a little of everything that comes from outside, in half a second: keys, the date, a disk's sectors, ticks.
#
# The recordings that the tests keep are made with it (tools/keep.py). At each tick of the timer it takes the key that
# is there, reads the clock's seconds, and at some of them four sectors of a disk, which it changes and writes back. All
# of it is stirred into a hash in memory; only what follows from the disk is printed, so that it is the same everywhere.
        .include "pc.inc"
        .include "ide.inc"
        .include "tick.inc"

        .set TURNS, 50
        .set PLACES, 3                          # blocks of the disk that are read

        .section .bss
        .balign 4
hash:   .skip   4
sum:    .skip   4
keys:   .skip   4
        .text

main:
        print   "inputs "
        call    pic_init
        gate    0x20, tick
        call    ide_init
        outport 0x21, 0xFA                      # the timer and the second controller
        timer_rate 11932
        movl    $4, count
        xorl    %ebp, %ebp
turn:   movl    ticks, %ebx
1:      sti
        hlt
        cli
        cmpl    %ebx, ticks
        je      1b
        call    key
        call    seconds
        testl   $7, %ebp
        jnz     2f
        call    sectors
2:      incl    %ebp
        cmpl    $TURNS, %ebp
        jb      turn
        movl    sum, %eax
        call    put_hex
        print   "\n"
        jmp     pass

stir:                                           # eax into the hash
        pushl   %edx
        movl    hash, %edx
        roll    $5, %edx
        xorl    %eax, %edx
        imull   $0x01000193, %edx, %edx
        movl    %edx, hash
        popl    %edx
        ret

key:    movl    $COM1 + 5, %edx
        inb     %dx, %al
        testb   $1, %al
        jz      1f
        movl    $COM1, %edx
        inb     %dx, %al
        movzbl  %al, %eax
        call    stir
        call    putc
        incl    keys
        jmp     key
1:      ret

seconds:
        xorl    %eax, %eax
        outb    %al, $0x70
        inb     $0x71, %al
        jmp     stir

sectors:
        pushal
        movl    %ebp, %eax
        shrl    $3, %eax
        xorl    %edx, %edx
        movl    $PLACES, %ecx
        divl    %ecx
        imull   $80, %edx, %edx                 # blocks that do not touch
        movl    %edx, lba
        call    read_dma
        movl    $BUFFER, %esi
        movl    $4 * 128, %ecx
        movl    sum, %eax
1:      roll    $1, %eax
        addl    (%esi), %eax
        xorl    %eax, (%esi)
        addl    $4, %esi
        loop    1b
        movl    %eax, sum
        call    stir
        call    write_dma
        call    flush
        popal
        ret
