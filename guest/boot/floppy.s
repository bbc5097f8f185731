# floppy.s: a boot floppy that reads itself through the BIOS (interrupt 13h) and prints what comes of it on COM1.
#
# The BIOS loads the first sector to 7C00h; that loads the rest of this program, which then reads, writes and asks, all
# through interrupt 13h. What is behind the program on the disk is up to whoever makes the image.
#
# Source: IBM PC/AT Technical Reference, BIOS listing (diskette functions of interrupt 13h).

        .set SECTORS, 4                 # of this program
        .set BUFFER, 0x1000             # a segment: 64 KiB that no DMA page boundary cuts
        .set COM1, 0x3F8
        .set EXIT_PORT, 0x501

        .text
        .code16
        .globl  _start
_start:
        jmp     1f
        .org    0x3E                    # where a FAT disk's parameters would be
1:      cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7C00, %sp
        sti
        cld
        movb    %dl, drive
        movw    $0x0200 + SECTORS - 1, %ax
        movw    $0x7E00, %bx
        movw    $0x0002, %cx
        movb    $0, %dh
        int     $0x13
        jc      1f
        jmp     rest
1:      movb    %ah, %al
        call    put_byte
        jmp     leave

putc:                                   # al
        pushw   %dx
        pushw   %ax
        movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        popw    %ax
        movw    $COM1, %dx
        outb    %al, %dx
        popw    %dx
        ret

put_byte:                               # al
        pushw   %ax
        shrb    $4, %al
        call    1f
        popw    %ax
        pushw   %ax
        call    1f
        popw    %ax
        ret
1:      andb    $15, %al
        cmpb    $10, %al
        sbbb    $0x69, %al
        das
        jmp     putc

put_word:                               # ax
        xchgb   %al, %ah
        call    put_byte
        xchgb   %al, %ah
        jmp     put_byte

space:  movb    $32, %al
        jmp     putc

leave:  movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x40, %al
        jz      1b
        movw    $EXIT_PORT, %dx
        xorw    %ax, %ax
        outw    %ax, %dx
2:      hlt
        jmp     2b

drive:  .byte   0
        .org    510
        .word   0xAA55

        .macro  ask ax, cx, dh, es=BUFFER
        movw    $\ax, %ax
        movw    $\cx, %cx
        movb    $\dh, %dh
        call    bios
        .endm

rest:
        movw    $program, %si
step:                                   # ax, cx, dh of each call; ah FFh: the end
        lodsw
        cmpb    $0xFF, %ah
        je      leave
        movw    %ax, %bp
        call    put_word
        lodsw
        movw    %ax, %cx
        lodsb
        movb    %al, %dh
        call    space
        movw    %cx, %ax
        call    put_word
        call    space
        movb    %dh, %al
        call    put_byte
        pushw   %si
        movb    drive, %dl
        movw    $BUFFER, %ax
        movw    %ax, %es
        xorw    %bx, %bx
        movw    %bp, %ax
        cmpb    $8, %ah
        jne     1f
        movw    %bx, %es
1:      int     $0x13
        pushfw
        popw    %bp
        pushw   %ax
        movb    $58, %al
        call    putc
        popw    %ax
        call    put_word                # ah: the status, al: how many
        movw    %bp, %ax
        andb    $1, %al                 # the carry
        call    put_byte
        popw    %si
        lodsb
        cmpb    $1, %al                 # then: 1 the sum of what was read, 2 the registers
        jb      9f
        je      sum
        call    space
        movw    %bx, %ax
        call    put_word
        movw    %cx, %ax
        call    put_word
        movw    %dx, %ax
        call    put_word
        jmp     9f
sum:    call    space
        pushw   %si
        pushw   %ds
        movw    $BUFFER, %ax
        movw    %ax, %ds
        xorw    %si, %si
        xorw    %bx, %bx
        movw    $0x4800, %cx            # 36 sectors, of which some were read; then they are cleared
1:      lodsb
        rolw    $5, %bx
        addb    %al, %bl
        movb    $0, -1(%si)
        loop    1b
        popw    %ds
        popw    %si
        movw    %bx, %ax
        call    put_word
9:      movb    $13, %al
        call    putc
        movb    $10, %al
        call    putc
        jmp     step

        .macro  call13 ax, cx, dh, then
        .word   \ax, \cx
        .byte   \dh, \then
        .endm
program:
        call13  0x0000, 0x0000, 0, 0    # reset
        call13  0x0800, 0x0000, 0, 2    # parameters
        call13  0x1500, 0x0000, 0, 2    # kind of drive
        call13  0x0201, 0x0001, 0, 1    # the first sector
        call13  0x0212, 0x0501, 0, 1    # a whole track
        call13  0x0212, 0x0501, 1, 1    # and its other side
        call13  0x0201, 0x4F12, 1, 1    # the last sector
        call13  0x0201, 0x4F13, 1, 1    # one behind it
        call13  0x0201, 0x0113, 0, 1
        call13  0x0100, 0x0000, 0, 0    # the last status
        call13  0x0203, 0x0A05, 0, 0
        call13  0x0303, 0x0B07, 1, 0    # write what was read
        call13  0x0203, 0x0B07, 1, 1
        call13  0x0203, 0x0B07, 1, 1
        call13  0x0403, 0x0B07, 1, 0    # verify
        call13  0x1600, 0x0000, 0, 0    # the change line
        .word   0xFF00
        .org    SECTORS * 512
