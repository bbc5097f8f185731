# screen: QEMU's standard VGA at PCI slot 2 and its AC97 at slot 3: every way to draw, a sound played and one captured.
#
# It draws in text, in planes by all write modes, in mode 13h, and by Bochs' interface in 16 and 32 bits, through banks
# and through the frame buffer, and prints what registers read back and the sum of all video memory after each. Then the
# sound card plays a buffer while another is captured; each ends with an interrupt's cause. What was captured goes into
# video memory, so that a recording's digests have it. A VGA and a sound card that work like QEMU's print the same.
        .include "pc.inc"

        .set FRAME, 0xE0000000
        .set REGISTERS, 0xE1000000              # the VGA's own
        .set MIXER, 0xC000                      # the codec's ports, 1024
        .set MASTER, 0xC400                     # the DMA engines', 256
        .set VRAM, 16 << 20
        .set WINDOW, 0xA0000
        .set TEXT, 0xB8000
        .set SOUND, 0x180000                    # descriptors, and behind them buffers
        .set SAMPLES, 960                       # of each buffer: 10 ms
        .set XRES, 1
        .set BPP, 3
        .set ENABLE, 4
        .set BANK, 5

        .macro  index port, number, value       # a register of the sequencer, the graphics controller, the CRTC
        movl    $\port, %edx
        movl    $(\value) << 8 | \number, %eax
        outw    %ax, %dx
        .endm

        .macro  dispi number, value
        movl    $\number, %ebx
        movl    $\value, %eax
        call    dispi_write
        .endm

        .macro  show what, text
        print   "\text "
        \what
        call    put_hex
        print   "\n"
        .endm

        .macro  mixer register, value
        movl    $MIXER + \register, %edx
        movl    $\value, %eax
        outw    %ax, %dx
        .endm

main:
        print   "screen\n"
        pci_write 0x80001010, FRAME
        pci_write 0x80001018, REGISTERS
        pci_write 0x80001004, 0x03
        outport 0x3C2, 0x67                     # the CRTC at 3D4h
        call    text
        call    planes
        call    bytes
        call    bochs
        call    display_data
        call    retrace
        call    palette
        call    sound
        call    drain
        jmp     pass

text:   index   0x3C4, 2, 0x03
        index   0x3C4, 4, 0x02
        index   0x3CE, 5, 0x10
        index   0x3CE, 6, 0x0E
        movl    $TEXT, %edi
        movl    $2000, %ecx
        movl    $0x0741, %eax
1:      stosw
        addl    $0x0103, %eax
        decl    %ecx
        jnz     1b
        movl    $TEXT + 160, %esi               # a line up
        movl    $TEXT, %edi
        movl    $960, %ecx
        rep     movsl
        show    "movl TEXT + 80, %eax", "text"
        call    sum
        index   0x3C4, 2, 0x04                  # a font, in plane 2
        index   0x3C4, 4, 0x06
        index   0x3CE, 5, 0x00
        index   0x3CE, 6, 0x04
        movl    $WINDOW, %edi
        movl    $2048, %ecx
        movl    $0x5AC3E718, %eax
2:      roll    $3, %eax
        stosl
        decl    %ecx
        jnz     2b
        jmp     sum

planes: index   0x3C4, 2, 0x0F
        index   0x3C4, 4, 0x06
        index   0x3CE, 6, 0x05
        index   0x3CE, 0, 0x05                  # set/reset
        index   0x3CE, 1, 0x03
        index   0x3CE, 8, 0x7E                  # bit mask
        movl    $0, %ebp
1:      movl    $0x3CE, %edx                    # write modes 0 to 3, each with another logical operation and rotation
        movl    %ebp, %eax
        shll    $8, %eax
        movb    $5, %al
        outw    %ax, %dx
        movl    %ebp, %eax
        imull   $0x0B00, %eax, %eax
        andl    $0x1F00, %eax
        movb    $3, %al
        outw    %ax, %dx
        movl    %ebp, %edi
        shll    $12, %edi
        addl    $WINDOW + 0x2000, %edi
        movl    $0x1234ABCD, %eax
        movl    $1024, %ecx
2:      movl    (%edi), %ebx                    # latches
        roll    $5, %eax
        stosl
        decl    %ecx
        jnz     2b
        incl    %ebp
        cmpl    $4, %ebp
        jb      1b
        index   0x3CE, 5, 0x08                  # read mode 1: colours are compared
        index   0x3CE, 2, 0x0A
        index   0x3CE, 7, 0x0B
        show    "movl WINDOW + 0x3100, %eax", "compared"
        index   0x3CE, 5, 0x01                  # copied by the latches
        movl    $WINDOW + 0x2000, %esi
        movl    $WINDOW + 0x8000, %edi
        movl    $0x1000, %ecx
        rep     movsb
        jmp     sum

bytes:  index   0x3C4, 4, 0x0E                  # mode 13h, and then one of its planes alone
        index   0x3CE, 3, 0x00
        index   0x3CE, 5, 0x40
        index   0x3CE, 8, 0xFF
        index   0x3CE, 1, 0x00
        movl    $WINDOW, %edi
        movl    $16000, %ecx
        movl    $0x03020100, %eax
1:      stosl
        addl    $0x04040404, %eax
        decl    %ecx
        jnz     1b
        show    "movl WINDOW + 0x1001, %eax", "bytes"
        index   0x3C4, 4, 0x06
        index   0x3C4, 2, 0x04
        movl    $WINDOW + 0x100, %edi
        movl    $0x99, %eax
        movl    $0x1F01, %ecx
        rep     stosb
        jmp     sum

dispi_write:                                    # ebx: number, eax: value
        pushl   %eax
        movl    $0x1CE, %edx
        movl    %ebx, %eax
        outw    %ax, %dx
        popl    %eax
        incl    %edx
        outw    %ax, %dx
        ret

dispi_read:                                     # ebx: number; eax
        movl    $0x1CE, %edx
        movl    %ebx, %eax
        outw    %ax, %dx
        incl    %edx
        xorl    %eax, %eax
        inw     %dx, %ax
        ret

bochs:  dispi   0, 0xB0C5
        dispi   XRES, 645                       # is no multiple of 8: rounded when it is enabled
        dispi   2, 480
        dispi   BPP, 16
        movl    $XRES, %ebx
        show    "call dispi_read", "raw"
        dispi   ENABLE, 0x01
        movl    $0, %ebp
1:      movl    %ebp, %ebx
        call    dispi_read
        call    put_hex
        print   "\n"
        incl    %ebp
        cmpl    $11, %ebp
        jb      1b
        movl    $0, %ebp
2:      movl    %ebp, %eax                      # banks
        movl    $BANK, %ebx
        call    dispi_write
        imull   $0x01010305, %ebp, %eax
        movl    $WINDOW, %edi
        movl    $16384, %ecx
        rep     stosl
        incl    %ebp
        cmpl    $8, %ebp
        jb      2b
        movl    $FRAME, %esi
        show    "movl 0x2FFFE(%esi), %eax", "banks"
        call    sum
        dispi   ENABLE, 0x00
        dispi   XRES, 320
        dispi   2, 200
        dispi   BPP, 32
        dispi   ENABLE, 0xC1                    # frame buffer, memory is not cleared
        movl    $FRAME + 0x100000, %edi
        movl    $64000, %ecx
        movl    $0x00102030, %eax
3:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $0x00010203, %eax
        decl    %ecx
        jnz     3b
        jmp     sum

display_data:                                   # EDID: its sum is 0, and its first words
        movl    $REGISTERS, %esi
        movl    $128, %ecx
        xorl    %eax, %eax
1:      addb    (%esi), %al
        incl    %esi
        decl    %ecx
        jnz     1b
        show    "andl $0xFF, %eax", "edid"
        show    "movl REGISTERS, %eax", "-"
        show    "movl REGISTERS + 0x504, %eax", "mapped"
        show    "movl REGISTERS + 0x600, %eax", "-"
        ret

retrace:                                        # both edges, by any timing
        dispi   ENABLE, 0x00
        movl    $3, %ecx
        movl    $0x3DA, %edx
1:      inb     %dx, %al
        testb   $8, %al
        jz      1b
2:      inb     %dx, %al
        testb   $8, %al
        jnz     2b
        decl    %ecx
        jnz     1b
        print   "retrace\n"
        ret

palette:
        outport 0x3C8, 0
        movl    $0x3C9, %edx
        movl    $768, %ecx
1:      movb    %cl, %al
        outb    %al, %dx
        decl    %ecx
        jnz     1b
        outport 0x3C7, 0x10
        movl    $0x3C9, %edx
        inb     %dx, %al
        call    put_byte
        inb     %dx, %al
        call    put_byte
        print   " palette\n"
        ret

sum:    pushal                                  # of the first MiB and a half of video memory
        movl    $FRAME, %esi
        movl    $0x180000 / 4, %ecx
        xorl    %eax, %eax
1:      roll    $1, %eax
        addl    (%esi), %eax
        addl    $4, %esi
        decl    %ecx
        jnz     1b
        call    put_hex
        print   "\n"
        popal
        ret

sound:  pci_write 0x80001810, MIXER
        pci_write 0x80001814, MASTER
        pci_write 0x80001804, 0x05
        movl    $MASTER + 0x2C, %edx            # out of the cold reset
        movl    $2, %eax
        outl    %eax, %dx
        mixer   0x00, 0
        mixer   0x02, 0x0000                    # all at their tops
        mixer   0x18, 0x0000
        mixer   0x1C, 0x0F0F
        movl    $0, %ebp
1:      leal    MIXER(%ebp), %edx               # the codec's registers
        xorl    %eax, %eax
        inw     %dx, %ax
        cmpl    $0, %eax
        je      2f
        pushl   %eax
        movl    %ebp, %eax
        call    put_byte
        print   " "
        popl    %eax
        call    put_hex
        print   "\n"
2:      addl    $2, %ebp
        cmpl    $0x40, %ebp
        jb      1b
        movl    $SOUND + 0x1000, %edi           # what is played: a saw
        movl    $SAMPLES, %ecx
        xorl    %eax, %eax
3:      stosl
        addl    $0xFF200110, %eax
        decl    %ecx
        jnz     3b
        movl    $SOUND, %edi                    # descriptors: played, captured
        movl    $SOUND + 0x1000, (%edi)
        movl    $0x80000000 + 2 * SAMPLES, 4(%edi)
        movl    $SOUND + 0x8000, 0x100(%edi)
        movl    $0x80000000 + 2 * SAMPLES, 0x104(%edi)
        movl    $MASTER, %esi                   # capture
        movl    $SOUND + 0x100, %eax
        call    start
        movl    $MASTER + 0x10, %esi            # play
        movl    $SOUND, %eax
        call    start
        movl    $MASTER, %esi
        call    await
        movl    $MASTER + 0x10, %esi
        call    await
        movl    $SOUND + 0x8000, %esi
        movl    $FRAME + 0x200000, %edi
        movl    $SAMPLES, %ecx
        rep     movsl
        ret

start:  movl    %esi, %edx                      # eax: descriptors, esi: the engine's ports
        outl    %eax, %dx
        addl    $5, %edx                        # the last valid one is the first
        xorl    %eax, %eax
        outb    %al, %dx
        addl    $6, %edx
        movb    $1, %al
        outb    %al, %dx
        ret

await:  leal    6(%esi), %edx                   # esi: until the buffer has ended
1:      inw     %dx, %ax
        testb   $4, %al
        jz      1b
        andl    $0x0F, %eax
        call    put_byte
        movl    $0x1C, %eax                     # all causes are taken
        outw    %ax, %dx
        inw     %dx, %ax
        print   " "
        andl    $0x1F, %eax
        call    put_byte
        print   " played or captured\n"
        leal    0x0B(%esi), %edx
        xorl    %eax, %eax
        outb    %al, %dx
        ret
