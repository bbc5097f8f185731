# disk: what sector 0 of the first disk says, again and again: reads or writes, one after the other or anywhere.
#
# Sector 0: six dwords: 0 to read or 1 to write, 1 for places that a pseudorandom sequence chooses, how many requests,
# sectors of each (at most 128), sectors of the area behind sector 127 (a power of two), 1 to wait without HLT.
        .include "../guest/pc.inc"
        .include "../guest/ide.inc"

        .section .bss
        .balign 4
writes: .skip   4
anywhere: .skip 4
requests: .skip 4
length: .skip   4
area:   .skip   4
spins:  .skip   4
seed:   .skip   4
        .text

main:
        call    pic_init
        call    ide_init
        movl    $0, lba
        movl    $1, count
        call    read_dma
        movl    $BUFFER, %esi
        movl    $writes, %edi
        movl    $6, %ecx
        rep movsl
        movl    spins, %eax
        movl    %eax, spin
        movl    length, %eax
        movl    %eax, count
        movl    $128, lba
        cmpl    $0, requests
        je      5f
1:      cmpl    $0, anywhere
        je      2f
        imull   $1103515245, seed, %eax
        addl    $12345, %eax
        movl    %eax, seed
        shrl    $8, %eax
        movl    area, %ecx
        decl    %ecx
        andl    %ecx, %eax
        andl    $0xFFFFFFF8, %eax
        addl    $128, %eax
        movl    %eax, lba
2:      cmpl    $0, writes
        jne     3f
        call    read_dma
        jmp     4f
3:      call    write_dma
4:      movl    count, %eax
        addl    %eax, lba
        decl    requests
        jnz     1b
        cmpl    $0, writes
        je      5f
        call    flush
5:      jmp     pass
