# disk: the first IDE disk, by bus-master DMA and by PIO, at places that a pseudorandom sequence chooses.
#
# Wants 4 MiB of disk at least (tools/guest.py has one with a known content). Each turn reads up to 16 sectors, changes
# them and writes them somewhere else; sometimes by PIO, sometimes with a flush. What it prints follows from the disk's
# content alone. A flush and a DMA are waited for in HLT, so the host's disk is what wakes the guest.
        .include "pc.inc"

        .set DISK, 0x1F0
        .set CONTROL, 0x3F6
        .set MASTER, 0xC000                     # where we put the bus master's registers
        .set BUFFER, 0x110000                   # 64 KiB, in one piece as the bus master wants it
        .set SECTORS, 8192
        .set TURNS, 96
        .set READ, 0x20
        .set WRITE, 0x30
        .set READ_DMA, 0xC8
        .set WRITE_DMA, 0xCA
        .set FLUSH, 0xE7

        .section .bss
        .balign 8
regions: .skip  8                               # one entry: address, bytes and the mark of the last
seed:   .skip   4
sum:    .skip   4                               # of all that was read
done:   .skip   4                               # interrupts that came
status: .skip   4                               # the drive's, at the last of them
lba:    .skip   4
count:  .skip   4                               # sectors
        .text

main:
        call    pic_init
        gate    0x2E, interrupt
        outport 0x21, 0xFB                      # the second controller, and of that the first IDE channel
        outport 0xA1, 0xBF
        call    find_master
        outport CONTROL, 0x00                   # interrupts on
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
        movl    $0, sum                         # all of it once more, in order
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

# The PIIX3's IDE function: its channels decode their ports, and it is a bus master.

        .macro  configure register, value
        movl    $0xCF8, %edx
        movl    $0x80000900 + \register, %eax   # function 1 of device 1
        outl    %eax, %dx
        movl    $0xCFC, %edx
        movl    $\value, %eax
        outl    %eax, %dx
        .endm

find_master:
        movl    $0xCF8, %edx
        movl    $0x80000900, %eax
        outl    %eax, %dx
        movl    $0xCFC, %edx
        inl     %dx, %eax
        expect  1, 0x70108086, %eax
        configure 0x40, 0x80008000
        configure 0x20, MASTER
        configure 0x04, 5
        ret

interrupt:
        pushl   %eax
        pushl   %edx
        movl    $DISK + 7, %edx
        inb     %dx, %al
        movzbl  %al, %eax
        movl    %eax, status
        incl    done
        outport 0xA0, 0x20
        outport 0x20, 0x20
        popl    %edx
        popl    %eax
        iretl

await:                                          # the interrupt of a command that has been given
        cli
1:      cmpl    $0, done
        jne     2f
        sti
        hlt
        cli
        jmp     1b
2:      movl    $0, done
        testl   $0x21, status                   # device fault, error
        fail_if nz, 2
        ret

ready:                                          # neither busy nor asking for data
        pushl   %eax
        pushl   %edx
        movl    $CONTROL, %edx
1:      inb     %dx, %al
        testb   $0x88, %al
        jnz     1b
        popl    %edx
        popl    %eax
        ret

task_file:                                      # lba and count
        call    ready
        movl    $DISK + 2, %edx
        movl    count, %eax
        outb    %al, %dx
        incl    %edx
        movl    lba, %eax
        outb    %al, %dx
        incl    %edx
        shrl    $8, %eax
        outb    %al, %dx
        incl    %edx
        shrl    $8, %eax
        outb    %al, %dx
        incl    %edx
        movb    $0xE0, %al
        outb    %al, %dx
        ret

read_dma:
        pushal
        movb    $READ_DMA, %bl
        movb    $0x08, %bh                      # into memory
        jmp     dma
write_dma:
        pushal
        movb    $WRITE_DMA, %bl
        movb    $0x00, %bh
dma:    movl    $BUFFER, regions
        movl    count, %eax
        shll    $9, %eax
        andl    $0xFFFF, %eax                   # 64 KiB are 0
        orl     $0x80000000, %eax
        movl    %eax, regions + 4
        movl    $MASTER + 4, %edx
        movl    $regions, %eax
        outl    %eax, %dx
        movl    $MASTER + 2, %edx               # interrupt and error, written to be cleared
        movb    $0x06, %al
        outb    %al, %dx
        movl    $MASTER, %edx
        movb    %bh, %al
        outb    %al, %dx
        call    task_file
        movl    $DISK + 7, %edx
        movb    %bl, %al
        outb    %al, %dx
        movl    $MASTER, %edx
        movb    %bh, %al
        orb     $1, %al
        outb    %al, %dx
        call    await
        movl    $MASTER + 2, %edx
        inb     %dx, %al
        testb   $0x02, %al
        fail_if nz, 3
        movl    $MASTER, %edx
        movb    %bh, %al
        outb    %al, %dx
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

flush:
        pushal
        call    ready
        movl    $DISK + 7, %edx
        movb    $FLUSH, %al
        outb    %al, %dx
        call    await
        popal
        ret
