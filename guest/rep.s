# rep: string instructions, interrupted by the timer, by page faults and by single steps, and at their odd edges.
        .include "pc.inc"
        .include "paging.inc"
        .set AREA, 0x200000
        .set AREA_WORDS, 0x40000        # 1 MiB

        .section .bss
        .balign 4
ticks:      .skip 4
interrupted: .skip 4                    # ticks that found a REP with iterations to go
faults:     .skip 4
steps:      .skip 4
        .text

main:
        call    paging_on
        call    pic_init
        gate    0x20, on_tick
        gate    14, on_page_fault
        gate    1, on_step
        timer_rate 1193                 # about 1 kHz
        outport 0x21, 0xFE
        sti

stores: movl    $AREA, %edi
        movl    $AREA_WORDS, %ecx
        movl    $0x01020304, %eax
        rep stosl
        expect  1, 0, %ecx
        expect  2, AREA+4*AREA_WORDS, %edi
        cmpl    $3, interrupted
        jb      stores
        print   "STOS, interrupted\n"

        movl    $0, interrupted
1:      movl    $AREA, %esi
        movl    $AREA + 4 * AREA_WORDS / 2, %edi
        movl    $AREA_WORDS / 2, %ecx
        movl    $0x05060708, (%esi)
        rep movsl
        expect  3, 0, %ecx
        expect  4, 0x05060708, AREA+4*AREA_WORDS/2
        cmpl    $3, interrupted
        jb      1b
        print   "MOVS, interrupted\n"

        movl    $0, interrupted
1:      movl    $AREA, %esi
        movl    $AREA + 4 * AREA_WORDS / 2, %edi
        movb    $0x55, AREA + 4 * AREA_WORDS - 5
        movl    $AREA_WORDS * 2, %ecx
        repe cmpsb
        fail_if e, 5
        expect  6, 4, %ecx
        expect  7, AREA+4*AREA_WORDS/2-4, %esi
        cmpl    $3, interrupted
        jb      1b
        print   "CMPS, interrupted\n"

        movl    $AREA, %edi
        movb    $0x55, %al
        movl    $AREA_WORDS * 4, %ecx
        repne scasb
        fail_if ne, 8
        expect  9, 4, %ecx
        cli
        print   "SCAS\n"

        std                             # overlapping, backwards
        movl    $AREA + 9, %esi
        movl    $AREA + 11, %edi
        movl    $10, %ecx
        movl    $0x44332211, AREA
        movl    $0x88776655, AREA + 4
        rep movsb
        cld
        expect  10, 0x22112211, AREA
        expect  11, 0x66554433, AREA+4
        expect  12, AREA-1, %esi
        movl    $AREA, %esi             # overlapping, forwards: a pattern spreads
        movl    $AREA + 1, %edi
        movl    $7, %ecx
        rep movsb
        expect  13, 0x11111111, AREA+4
        print   "overlap\n"

        xorl    %ecx, %ecx              # no iterations touch nothing, not even a bad address
        movl    $0xC0000000, %esi
        movl    %esi, %edi
        rep movsl
        xorl    %eax, %eax
        repne scasb
        expect  14, 0xC0000000, %edi
        print   "no iterations\n"

        movl    $0x12340003, %ecx       # 16-bit addresses: count and pointer are halves, and wrap
        movl    $0x5678FFFE, %edi
        movb    0, %bl
        movb    $0xEE, %al
        addr16 rep stosb
        expect  15, 0x12340000, %ecx
        expect  16, 0x56780001, %edi
        cmpb    $0xEE, 0
        fail_if ne, 17
        movb    %bl, 0
        print   "16-bit addresses\n"

        alias   0, AREA                 # a fault in the middle: pages 1 and 2 of the alias are mapped on demand
        movl    $ALIAS + 0x800, %edi
        movl    $0x2800 / 4, %ecx
        movl    $0xFA017, %eax
        rep stosl
        expect  18, 2, faults
        expect  19, ALIAS+0x3000, %edi
        expect  20, 0xFA017, AREA+0x2FFC
        print   "page faults\n"

        movl    $5, %ecx                # the trap flag traps after each iteration (QEMU with -icount: again)
        movl    $AREA, %edi
        pushfl
        orl     $0x100, (%esp)
        popfl
        rep stosb
        pushfl
        andl    $0xFFFFFEFF, (%esp)
        popfl
        expect  21, 8, steps
        print   "single steps\n"

        movl    $COM1, %edx             # OUTS, one line without a loop
        call    drain
        movl    $outs_text, %esi
        movl    $outs_text_end - outs_text, %ecx
        rep outsb
        call    drain
        movl    $COM1 + 7, %edx         # and INS, from the scratch register
        movb    $0xA7, %al
        outb    %al, %dx
        movl    $4, %ecx
        movl    $AREA, %edi
        rep insb
        expect  22, 0xA7A7A7A7, AREA
        print   "INS\n"
        jmp     pass

        .section .rodata
outs_text: .ascii "OUTS\r\n"
outs_text_end:
        .text

on_tick:
        pushl   %eax
        pushl   %ebx
        incl    ticks
        movl    8(%esp), %ebx           # the interrupted instruction
        cmpb    $0xF3, (%ebx)
        je      1f
        cmpb    $0xF2, (%ebx)
        jne     2f
1:      testl   %ecx, %ecx
        jz      2f
        incl    interrupted
2:      movb    $0x20, %al
        outb    %al, $0x20
        popl    %ebx
        popl    %eax
        iretl

on_page_fault:                          # map the alias page onto the same page of the area
        pushl   %eax
        pushl   %ebx
        movl    %cr2, %ebx
        incl    faults
        andl    $0x3FF000, %ebx
        leal    AREA + PRESENT + WRITABLE(%ebx), %eax
        shrl    $10, %ebx
        movl    %eax, ALIAS_TABLE(%ebx)
        popl    %ebx
        popl    %eax
        addl    $4, %esp
        iretl

on_step:
        incl    steps
        iretl
