# disk: the first IDE disk, by bus-master DMA and by PIO, at places that a pseudorandom sequence chooses.
#
# Wants 4 MiB of disk at least (tools/guest.py has one with a known content). Each turn reads up to 16 sectors, changes
# them and writes them somewhere else; sometimes by PIO, sometimes with a flush. What it prints follows from the disk's
# content alone. A flush and a DMA are waited for in HLT, so the host's disk is what wakes the guest.
        .include "pc.inc"
        .include "ide.inc"

        .set SECTORS, 8192
        .set TURNS, 96
        .set READ, 0x20
        .set WRITE, 0x30

        .section .bss
        .balign 4
seed:   .skip   4
sum:    .skip   4                               # of all that was read
        .text

main:
        call    pic_init
        call    ide_init
        movl    $1, seed
        xorl    %ebp, %ebp
turn:   call    random                          # where, and how much
        andl    $SECTORS - 17, %eax
        movl    %eax, lba
        call    random
        andl    $15, %eax
        incl    %eax
        movl    %eax, count
        testl   $3, %ebp
        jz      1f
        call    read_dma
        jmp     2f
1:      call    read_pio
2:      call    add_up
        call    random
        andl    $SECTORS - 17, %eax
        movl    %eax, lba
        testl   $7, %ebp
        jz      3f
        call    write_dma
        jmp     4f
3:      call    write_pio
        call    flush
4:      incl    %ebp
        testl   $15, %ebp
        jnz     turn
        movl    sum, %eax
        call    put_hex
        print   "\n"
        cmpl    $TURNS, %ebp
        jb      turn
        call    flush
        movl    $0, sum                         # all of it again, in order
        movl    $0, lba
        movl    $128, count
5:      call    read_dma
        call    add_up
        addl    $128, lba
        cmpl    $SECTORS, lba
        jb      5b
        print   "all "
        movl    sum, %eax
        call    put_hex
        print   "\n"
        jmp     pass

random:                                         # eax
        imull   $1103515245, seed, %eax
        addl    $12345, %eax
        movl    %eax, seed
        shrl    $8, %eax
        ret

add_up:                                         # the buffer's words go into the sum, and change
        pushal
        movl    count, %ecx
        shll    $7, %ecx
        movl    $BUFFER, %esi
        movl    sum, %eax
1:      roll    $1, %eax
        addl    (%esi), %eax
        xorl    %eax, (%esi)
        addl    $4, %esi
        loop    1b
        movl    %eax, sum
        popal
        ret

read_pio:
        pushal
        call    task_file
        movl    $DISK + 7, %edx
        movb    $READ, %al
        outb    %al, %dx
        movl    count, %ebx
        movl    $BUFFER, %edi
1:      call    await                           # one interrupt for each sector
        movl    $DISK, %edx
        movl    $256, %ecx
        rep insw
        decl    %ebx
        jnz     1b
        popal
        ret

write_pio:
        pushal
        call    task_file
        movl    $DISK + 7, %edx
        movb    $WRITE, %al
        outb    %al, %dx
        movl    $CONTROL, %edx                  # the first sector is asked for without an interrupt
1:      inb     %dx, %al
        testb   $0x08, %al
        jz      1b
        movl    count, %ebx
        movl    $BUFFER, %esi
2:      movl    $DISK, %edx
        movl    $256, %ecx
        rep outsw
        call    await
        decl    %ebx
        jnz     2b
        popal
        ret
