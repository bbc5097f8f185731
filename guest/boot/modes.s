# modes.s: a boot disk that walks through the modes of a VGA as programs for DOS used them, by interrupt 10h and ports.
#
# Each scene draws, prints its name as a line on COM1, and waits there for a byte; the last one ends the run. The BIOS
# loads the first sector to 7C00h, which loads the rest.
#
# Sources: IBM PS/2 Hardware Interface Technical Reference (video subsystem); VESA VBE Core Functions Standard 3.0;
# Abrash, Graphics Programming Black Book, chapters 23 to 47 (write modes, mode X, split screen, panning).

        .set SECTORS, 12                # of this program
        .set COM1, 0x3F8
        .set EXIT_PORT, 0x501
        .set SEQUENCER, 0x3C4
        .set GRAPHICS, 0x3CE
        .set CRTC, 0x3D4
        .set ATTRIBUTES, 0x3C0
        .set STATUS, 0x3DA
        .set SCREEN, 0xA000
        .set TEXT, 0xB800
        .set MODE_INFO, 0x2000          # where VBE writes what it knows of a mode

        .macro  outw_ port, index, value
        movw    $\port, %dx
        movw    $\index | \value << 8, %ax
        outw    %ax, %dx
        .endm

        .macro  video ax, bx=0, cx=0, dx=0
        movw    $\ax, %ax
        movw    $\bx, %bx
        movw    $\cx, %cx
        movw    $\dx, %dx
        int     $0x10
        .endm

        .macro  segment value, to=es
        movw    $\value, %ax
        movw    %ax, %\to
        .endm

        .macro  scene name
        call    shown
        .asciz  "\name"
        .endm

        .text
        .code16
        .globl  _start
_start: cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7C00, %sp
        sti
        cld
        movw    $0x0200 + SECTORS - 1, %ax
        movw    $0x7E00, %bx
        movw    $0x0002, %cx
        movb    $0, %dh
        int     $0x13
        jnc     walk
        hlt
        .org    446                     # no partitions
        .org    510
        .word   0xAA55

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

shown:                                  # behind the call: the scene's name; then wait for a byte
        popw    %si
        xorw    %ax, %ax
        movw    %ax, %ds
1:      lodsb
        testb   %al, %al
        jz      2f
        call    putc
        jmp     1b
2:      movb    $13, %al
        call    putc
        movb    $10, %al
        call    putc
        movw    $COM1 + 5, %dx
3:      inb     %dx, %al
        testb   $1, %al
        jz      3b
        movw    $COM1, %dx
        inb     %dx, %al
        jmp     *%si

leave:  movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x40, %al
        jz      1b
        movw    $EXIT_PORT, %dx
        xorw    %ax, %ax
        outw    %ax, %dx
2:      hlt
        jmp     2b

random:                                 # ax, from the state in ebp
        imull   $1103515245, %ebp, %ebp
        addl    $12345, %ebp
        movl    %ebp, %eax
        shrl    $16, %eax
        ret

noise:                                  # cx words of it at es:di
        call    random
        stosw
        loop    noise
        ret

# -- what scenes are made of

words:                                  # cx words at es:di: character and attribute are both counted
        xorw    %ax, %ax
1:      stosw
        addw    $0x0101, %ax
        adcb    $0, %ah
        loop    1b
        ret

all_characters:                         # bx rows of dx columns at B800h: 16 attributes by 16, all characters
        segment TEXT
        xorw    %di, %di
        movw    %dx, %ax
        mulw    %bx
        movw    %ax, %cx
        jmp     words

no_cursor:
        video   0x0100, 0, 0x2000
        ret

vram_write:                             # graphics controller: al to its mode register
        movb    %al, %ah
        movb    $5, %al
        movw    $GRAPHICS, %dx
        outw    %ax, %dx
        ret

planes:                                 # al: those that are written
        movb    %al, %ah
        movb    $2, %al
        movw    $SEQUENCER, %dx
        outw    %ax, %dx
        ret

bars:                                   # of 16 colours by write mode 2, at es:di; dx: bytes in a line, cx: lines
1:      pushw   %cx
        pushw   %dx
        xorw    %bx, %bx
2:      movw    %bx, %ax
        shrw    $1, %ax
        movb    %es:(%di), %ah          # fill the latches, which the bit mask keeps
        stosb
        incw    %bx
        decw    %dx
        jnz     2b
        popw    %dx
        popw    %cx
        loop    1b
        ret

planar:                                 # a picture for any mode with four planes; dx: bytes in a line
        movw    %dx, width
        segment SCREEN
        movb    $2, %al
        call    vram_write
        xorw    %di, %di
        movw    width, %dx
        movw    $24, %cx
        call    bars
        outw_   GRAPHICS, 8, 0x5A       # the same through a bit mask
        movw    width, %dx
        movw    $24, %cx
        call    bars
        outw_   GRAPHICS, 8, 0xFF

        xorb    %al, %al                # write mode 0: set/reset on two planes, data on the others, rotated
        call    vram_write
        outw_   GRAPHICS, 0, 0x05
        outw_   GRAPHICS, 1, 0x0C
        outw_   GRAPHICS, 3, 0x03
        movw    width, %ax
        shlw    $3, %ax
        movw    %ax, %cx
        movb    $0x1D, %al
        rep     stosb
        outw_   GRAPHICS, 1, 0x00

        .irp    logic, 0x08, 0x10, 0x18 # and, or, exclusive or with what was drawn first
        outw_   GRAPHICS, 3, \logic
        pushw   %di
        movw    width, %cx
        shlw    $3, %cx
        movw    $0xC3, %bx
1:      movb    -0x200(%di), %al
        movb    %es:(%di), %ah
        movb    %bl, %al
        stosb
        rorb    $1, %bl
        loop    1b
        popw    %di
        movw    width, %ax
        shlw    $2, %ax
        addw    %ax, %di
        .endr
        outw_   GRAPHICS, 3, 0x00

        movb    $1, %al                 # write mode 1: the latches, from the bars
        call    vram_write
        movw    width, %ax
        shlw    $2, %ax
        addw    %ax, %di
        xorw    %si, %si
        movw    width, %cx
        shlw    $4, %cx
        pushw   %ds
        segment SCREEN, ds
        rep     movsb
        popw    %ds

        movb    $3, %al                 # write mode 3: set/reset through what is written
        call    vram_write
        outw_   GRAPHICS, 0, 0x0E
        movw    width, %cx
        shlw    $3, %cx
1:      movb    %es:(%di), %ah
        movb    %cl, %al
        stosb
        loop    1b
        outw_   GRAPHICS, 0, 0x00

        movb    $8, %al                 # read mode 1: where is colour 6 in the bars?
        call    vram_write
        outw_   GRAPHICS, 2, 0x06
        outw_   GRAPHICS, 7, 0x0F
        movb    $0x0B, %al
        call    planes
        xorw    %si, %si
        movw    width, %cx
        shlw    $3, %cx
1:      movb    %es:(%si), %al
        xorb    $0x11, %al
        incw    %si
        stosb
        loop    1b
        movb    $0x0F, %al
        call    planes
        movb    $0, %al
        jmp     vram_write

text_here:                              # in the mode that is set, by the BIOS
        movw    $message, %si
        movb    $1, %bl
1:      lodsb
        testb   %al, %al
        jz      2f
        movb    $0x0E, %ah
        movb    $0, %bh
        pushw   %si
        int     $0x10
        popw    %si
        incb    %bl
        jmp     1b
2:      ret

gradient:                               # 64,000 bytes at A0000h: colours by line and column
        segment SCREEN
        xorw    %di, %di
        xorw    %bx, %bx
1:      movw    $320, %cx
2:      movb    %cl, %al
        xorb    %bl, %al
        stosb
        loop    2b
        incw    %bx
        cmpw    $200, %bx
        jne     1b
        ret

fade:                                   # the palette's colours times bl / 64
        xorw    %cx, %cx
1:      movb    %cl, %al
        movw    $0x3C7, %dx
        outb    %al, %dx
        movw    $0x3C9, %dx
        movw    $3, %si
2:      inb     %dx, %al
        mulb    %bl
        shrw    $6, %ax
        movw    %si, %di
        movb    %al, colour - 1(%di)
        decw    %si
        jnz     2b
        movb    %cl, %al
        movw    $0x3C8, %dx
        outb    %al, %dx
        incw    %dx
        movb    colour + 2, %al
        outb    %al, %dx
        movb    colour + 1, %al
        outb    %al, %dx
        movb    colour, %al
        outb    %al, %dx
        incw    %cx
        cmpw    $256, %cx
        jne     1b
        ret

line_compare:                           # bx: the line behind which the screen begins at address 0 again
        movw    $CRTC, %dx
        movb    $0x18, %al
        movb    %bl, %ah
        outw    %ax, %dx
        movb    $0x07, %al
        movb    %bh, %ah
        andb    $1, %ah
        shlb    $4, %ah
        movb    $0xEF, %cl
        call    crtc_bits
        movb    $0x09, %al
        movb    %bh, %ah
        andb    $2, %ah
        shlb    $5, %ah
        movb    $0xBF, %cl

crtc_bits:                              # register al: keep the bits in cl, add those in ah
        outb    %al, %dx
        incw    %dx
        inb     %dx, %al
        andb    %cl, %al
        orb     %ah, %al
        outb    %al, %dx
        decw    %dx
        ret

start_at:                               # bx: the start address
        movw    $CRTC, %dx
        movb    $0x0C, %al
        movb    %bh, %ah
        outw    %ax, %dx
        movb    $0x0D, %al
        movb    %bl, %ah
        outw    %ax, %dx
        ret

attribute:                              # register bl gets bh
        movw    $STATUS, %dx
        inb     %dx, %al
        movw    $ATTRIBUTES, %dx
        movb    %bl, %al
        orb     $0x20, %al
        outb    %al, %dx
        movb    %bh, %al
        outb    %al, %dx
        ret

unreal:                                 # fs: all of memory
        cli
        lgdt    table_at
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $8, %bx
        movw    %bx, %fs
        andb    $0xFE, %al
        movl    %eax, %cr0
        sti
        inb     $0x92, %al              # and its odd megabytes
        orb     $2, %al
        outb    %al, $0x92
        ret

vbe:                                    # set mode bx (bit 14: with a linear framebuffer); edi: where that is
        pushw   %bx
        xorw    %ax, %ax
        movw    %ax, %es
        movw    %bx, %cx
        andw    $0x3FFF, %cx
        movw    $MODE_INFO, %di
        movw    $0x4F01, %ax
        int     $0x10
        popw    %bx
        movw    $0x4F02, %ax
        int     $0x10
        movl    MODE_INFO + 40, %edi
        ret

bank:                                   # dx
        pushw   %dx
        xorw    %bx, %bx
        movw    $0x4F05, %ax
        int     $0x10
        popw    %dx
        ret

banked:                                 # si banks of 64 KiB, with noise of which each bank has its own
        xorw    %dx, %dx
1:      call    bank
        pushw   %dx
        segment SCREEN
        xorw    %di, %di
        movw    $0x8000, %cx
        movw    %dx, %ax
        imulw   $0x3711, %ax, %ax
2:      stosw
        addw    $0x0103, %ax
        loop    2b
        popw    %dx
        incw    %dx
        cmpw    %si, %dx
        jne     1b
        ret

linear:                                 # ecx dwords at fs:edi, from eax on, each ebx more
1:      movl    %eax, %fs:(%edi)
        addl    %ebx, %eax
        addl    $4, %edi
        decl    %ecx
        jnz     1b
        ret

# -- the scenes

walk:   movl    $1, %ebp
        call    unreal

        video   0x0003                  # text, 80 by 25; the cursor blinks
        movw    $80, %dx
        movw    $25, %bx
        call    all_characters
        call    text_here
        scene   "cursor"
        call    no_cursor
        scene   "text"
        video   0x1003                  # the attribute's highest bit is a background's
        scene   "bright"
        movw    $0x0513, %bx            # six of nine columns, and two characters, further left
        call    attribute
        movw    $2, %bx
        call    start_at
        scene   "pan-text"
        video   0x0003
        call    no_cursor
        video   0x1112                  # 80 by 50
        movw    $80, %dx
        movw    $50, %bx
        call    all_characters
        scene   "text-50"
        video   0x0003
        call    no_cursor
        xorw    %ax, %ax                # a font of one's own, and one more for characters with a bright attribute
        movw    %ax, %es
        pushw   %bp
        movw    $0x7C00, %bp
        video   0x1100, 0x1000, 128, 0
        popw    %bp
        pushw   %bp
        movw    $0x7D00, %bp
        video   0x1100, 0x1001, 256, 0
        popw    %bp
        video   0x1103, 0x0004
        movw    $80, %dx
        movw    $25, %bx
        call    all_characters
        scene   "fonts"
        video   0x0001                  # 40 by 25
        call    no_cursor
        movw    $40, %dx
        movw    $25, %bx
        call    all_characters
        scene   "text-40"

        video   0x0004                  # CGA: 320 by 200, four colours
        call    cga
        scene   "mode-04"
        video   0x0B00, 0x0100
        video   0x0B00, 0x0013
        scene   "mode-04-palette"
        video   0x0006                  # 640 by 200, two colours
        call    cga
        scene   "mode-06"

        video   0x000D                  # 320 by 200, 16 colours
        movw    $40, %dx
        call    planar
        call    text_here
        scene   "mode-0d"
        movw    $0x0513, %bx
        call    attribute
        movw    $40 * 8 + 3, %bx
        call    start_at
        scene   "pan"
        movw    $120 * 2, %bx
        call    line_compare
        scene   "split-pan"
        movw    $0x2110, %bx            # the lower screen does not pan
        call    attribute
        scene   "split"
        video   0x000E                  # 640 by 200
        movw    $80, %dx
        call    planar
        scene   "mode-0e"
        video   0x000F                  # 640 by 350, monochrome
        movw    $80, %dx
        call    planar
        scene   "mode-0f"
        video   0x0010                  # 640 by 350
        movw    $80, %dx
        call    planar
        call    text_here
        scene   "mode-10"
        video   0x0011                  # 640 by 480, two colours
        segment SCREEN
        xorw    %di, %di
        movw    $19200, %cx
        call    noise
        scene   "mode-11"
        video   0x0012                  # 640 by 480
        movw    $80, %dx
        call    planar
        call    text_here
        scene   "mode-12"
        movw    $0x0012, %bx            # only two planes are shown
        movb    $0x06, %bh
        call    attribute
        scene   "planes"
        movw    $0x0F12, %bx
        call    attribute
        .irp    n, 1, 5, 9, 14          # other colours
        movw    $(\n * 37 & 63) << 8 | \n, %bx
        call    attribute
        .endr
        scene   "palette"

        video   0x0013                  # 320 by 200, 256 colours
        call    gradient
        call    text_here
        scene   "mode-13"
        movb    $40, %bl
        call    fade
        scene   "fade"
        movb    $24, %bl
        call    fade
        scene   "fade-more"

        video   0x0013                  # mode X: 320 by 240, unchained
        call    mode_x
        scene   "mode-x"
        movw    $80 * 240, %bx          # its second page
        call    start_at
        scene   "mode-x-page"
        movw    $160 * 2, %bx
        call    line_compare
        scene   "mode-x-split"

        movw    $0x0101, %bx            # 640 by 480, 256 colours, bank by bank
        call    vbe
        movw    $5, %si
        call    banked
        scene   "vbe-8"
        movw    $0x4105, %bx            # 1024 by 768, linear
        call    vbe
        movl    $1024 * 768 / 4, %ecx
        movl    $0x03020100, %eax
        movl    $0x01010101, %ebx
        call    linear
        movw    $0x4F08, %ax            # eight bits of each colour
        movw    $0x0800, %bx
        int     $0x10
        movb    $63, %bl
        call    fade
        scene   "vbe-8-linear"
        movw    $0x0110, %bx            # 640 by 480, 15 bits
        call    vbe
        movw    $10, %si
        call    banked
        scene   "vbe-15"
        movw    $0x4114, %bx            # 800 by 600, 16 bits
        call    vbe
        movl    $800 * 600 / 2, %ecx
        xorl    %eax, %eax
        movl    $0x00210023, %ebx
        call    linear
        scene   "vbe-16"
        movw    $0x4112, %bx            # 640 by 480, 24 bits
        call    vbe
        movl    $640 * 480 * 3 / 4, %ecx
        xorl    %eax, %eax
        movl    $0x00010305, %ebx
        call    linear
        scene   "vbe-24"
        movw    $0x0142, %bx            # 640 by 480, 32 bits, bank by bank
        call    vbe
        movw    $19, %si
        call    banked
        scene   "vbe-32-banked"
        movw    $0x4144, %bx            # 1024 by 768, 32 bits
        call    vbe
        pushl   %edi
        movl    $1024 * 768, %ecx
        xorl    %eax, %eax
        movl    $0x00010203, %ebx
        call    linear
        popl    %edi
        scene   "vbe-32"
        video   0x4F06, 0x0000, 1280    # a line of 1280
        video   0x4F07, 0x0000, 100, 50 # its window begins there
        scene   "vbe-window"
        video   0x0003                  # and back
        call    no_cursor
        call    text_here
        scene   "back"
        jmp     leave

cga:                                    # 16 KiB at B8000h
        segment TEXT
        xorw    %di, %di
        movw    $0x1000, %cx
1:      movw    %di, %ax
        imulw   $0x0D21, %ax, %ax
        stosw
        loop    1b
        movw    $0x1000, %cx
        call    noise
        jmp     text_here

mode_x: outw_   SEQUENCER, 4, 0x06
        outw_   SEQUENCER, 0, 0x01
        movw    $0x3C2, %dx
        movb    $0xE3, %al
        outb    %al, %dx
        outw_   SEQUENCER, 0, 0x03
        movw    $CRTC, %dx
        movb    $0x11, %al
        movw    $0x7F, %cx
        movb    $0, %ah
        call    crtc_bits
        movw    $timing, %si
        movw    $10, %cx
1:      lodsw
        outw    %ax, %dx
        loop    1b
        segment SCREEN
        movb    $1, %bl                 # each plane has its own slope
1:      movb    %bl, %al
        call    planes
        xorw    %di, %di
        movw    $80 * 240 * 2, %cx
        movb    %bl, %al
2:      stosb
        testw   $15, %di
        jnz     3f
        addb    %bl, %al
3:      loop    2b
        shlb    $1, %bl
        cmpb    $16, %bl
        jne     1b
        movb    $0x0F, %al
        call    planes
        movb    $0xF0, %al
        movw    $40, %cx                # four pixels at a time
        movw    $80 * 100, %di
        rep     stosb
        ret

timing: .word   0x0D06, 0x3E07, 0x4109, 0xEA10, 0xAC11, 0xDF12, 0x0014, 0xE715, 0x0616, 0xE317
message: .ascii "PLAYHEAD\r\n"
        .asciz  "The quick brown fox jumps over the lazy dog."
width:  .word   0
colour: .byte   0, 0, 0
        .balign 8
table:  .quad   0, 0x00CF92000000FFFF
table_at: .word 15
        .long   table
        .org    SECTORS * 512
