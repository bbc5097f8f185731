# net: every network card on the first PCI bus that is an rtl8139 (in C mode, then in C+ mode) or an e1000, each on a
# network in which 10.0.2.2 answers, as user-mode networks have it.
#
# Each card is reset and its address printed; then it asks by ARP for the gateway and sends it ICMP echoes, and waits in
# HLT for each answer's interrupt. What is printed is the same on every such network: who answered, how many bytes, and
# their sum. At the end of the round, or half a second later, a byte on COM1 decides: without one, the guest ends. After
# a `w` it waits, and prints each change of a card's link, until another byte comes: `r` begins a new round, and waits
# again after it; others end.
        .include "pc.inc"
        .include "tick.inc"

        .set LINES, 11                          # where all four PCI interrupts go
        .set PORTS, 0xC000                      # 256 for each card
        .set REGISTERS, 0xFEB00000              # 128 KiB for each
        .set MEMORY, 0x110000                   # 64 KiB for each
        .set MOST_CARDS, 8
        .set PATIENCE, 400                      # ticks of 55 ms until an answer is given up
        .set GRACE, 10                          # for a byte, at the end of a round
        .set GATEWAY, 0x0202000A                # 10.0.2.2, as it is in a packet
        .set GUEST, 0x0F02000A
        .set IDENTIFIER, 0x4850

        .set RECEIVED, 1                        # what a driver's `causes` says
        .set SENT, 2
        .set LINK, 4

        .set RX_RING, 0x0000                    # in a card's memory: descriptors ...
        .set TX_RING, 0x0100
        .set TX_BUFFER, 0x0800
        .set RX_BUFFERS, 0x4000                 # ... and buffers, or C mode's ring of bytes
        .set BUFFERS, 8
        .set BUFFER_BYTES, 2048

        .set D_NAME, 0                          # a driver
        .set D_OPEN, 4                          # resets the card, and lets it send and receive
        .set D_SEND, 8                          # ecx bytes of the transmit buffer
        .set D_RECEIVE, 12                      # esi: a frame; or ecx: 0, there is none
        .set D_RELEASE, 16                      # the memory of that frame
        .set D_CAUSES, 20                       # eax: what has happened; the interrupt is acknowledged
        .set D_LINK, 24                         # eax: 1 if the cable is in
        .set D_ADDRESS, 28                      # eax, edx: the address

        .set DRIVER, 0                          # a card; ebp holds its address in all that follows
        .set NEXT_DRIVER, 4                     # 0, or the one that comes next in a round
        .set BASE, 8
        .set ROOM, 12                           # its memory
        .set RX, 16                             # where it is in its rings
        .set TX, 20
        .set HAPPENED, 24
        .set SHOWN, 28                          # the state of the link that was printed
        .set SLOT, 32
        .set KIND, 36
        .set CARD, 40

        .section .bss
        .balign 4
cards:  .skip   CARD * MOST_CARDS
last:   .skip   4                               # behind the last card that has a driver
byte:   .skip   4                               # the last one of COM1, or 0
sequence: .skip 4
gateway: .skip  8                               # its Ethernet address
mac:    .skip   8

        .section .rodata
        .balign 4
plain:  .long   1f, plain_open, plain_send, plain_receive, plain_release, rtl_causes, rtl_link, rtl_address
plus:   .long   2f, plus_open, plus_send, plus_receive, plus_release, rtl_causes, rtl_link, rtl_address
intel:  .long   3f, intel_open, intel_send, intel_receive, intel_release, intel_causes, intel_link, intel_address
kinds:  .long   0x813910EC, plain, plus
        .long   0x100E8086, intel, 0
        .long   0
1:      .asciz  "rtl8139, C mode"
2:      .asciz  "rtl8139, C+ mode"
3:      .asciz  "e1000"
        .text

main:
        print   "network\n"
        call    pic_init
        gate    0x20, tick
        gate    0x24, byte_in
        gate    0x20 + LINES, interrupt
        timer_rate 0
        pci_write 0x80000860, LINES * 0x01010101
        movl    $0x4D1, %edx                    # which is level-triggered
        movb    $(1 << LINES - 8), %al
        outb    %al, %dx
        outport 0x21, 0xEA                      # timer, second controller, COM1
        outport 0xA1, ~(1 << LINES - 8) & 0xFF
        outport COM1 + 1, 0x01
        call    find
        print   "cards: "
        movl    last, %eax
        subl    $cards, %eax
        xorl    %edx, %edx
        movl    $CARD, %ecx
        divl    %ecx
        call    put_dec
        print   "\n"
        testl   %eax, %eax
        fail_if z, 1

round:  movl    $cards, %ebp
1:      call    exercise
        addl    $CARD, %ebp
        cmpl    last, %ebp
        jb      1b
        movl    ticks, %eax
        addl    $GRACE, %eax
5:      cmpb    $0, byte
        jne     6f
        sti
        hlt
        cli
        cmpl    %eax, ticks
        jne     5b
6:      cmpb    $'w', byte
        jne     pass
        print   "waiting\n"
2:      movl    $cards, %ebp
3:      call    watch
        addl    $CARD, %ebp
        cmpl    last, %ebp
        jb      3b
        cmpb    $'w', byte
        jne     4f
        sti                                     # no interrupt comes between this and HLT
        hlt
        cli
        jmp     2b
4:      cmpb    $'r', byte
        jne     pass
        movl    $'w', byte
        jmp     round

watch:                                          # print a link that is not as it was
        testl   $LINK, HAPPENED(%ebp)
        jz      1f
        andl    $~LINK, HAPPENED(%ebp)
        movl    DRIVER(%ebp), %ebx
        call    *D_LINK(%ebx)
        cmpl    SHOWN(%ebp), %eax
        je      1f
        call    name
        call    show_link
        print   "\n"
1:      ret

exercise:                                       # a card, with each of its drivers
        movl    KIND(%ebp), %esi
        movl    8(%esi), %eax
        movl    %eax, NEXT_DRIVER(%ebp)
        movl    4(%esi), %ebx
1:      movl    %ebx, DRIVER(%ebp)
        movl    $0, RX(%ebp)
        movl    $0, TX(%ebp)
        call    *D_OPEN(%ebx)
        call    *D_ADDRESS(%ebx)
        movl    %eax, mac
        movl    %edx, mac + 4
        call    name
        movl    $mac, %esi
        call    put_address
        print   ", "
        call    *D_LINK(%ebx)
        call    show_link
        print   "\n"
        cmpl    $0, SHOWN(%ebp)
        je      2f
        call    resolve
        movl    $64, %ecx
        call    echo
        movl    $1472, %ecx
        call    echo
2:      movl    NEXT_DRIVER(%ebp), %ebx
        movl    $0, NEXT_DRIVER(%ebp)
        testl   %ebx, %ebx
        jnz     1b
        ret

name:   pushl   %eax
        pushl   %esi
        print   "slot "
        movl    SLOT(%ebp), %eax
        call    put_dec
        print   ": "
        movl    DRIVER(%ebp), %esi
        movl    D_NAME(%esi), %esi
        call    puts
        print   ", "
        popl    %esi
        popl    %eax
        ret

show_link:                                      # eax
        movl    %eax, SHOWN(%ebp)
        print   "link "
        testl   %eax, %eax
        jz      1f
        print   "up"
        ret
1:      print   "down"
        ret

put_address:                                    # six bytes at esi
        pushal
        movl    $6, %ecx
1:      lodsb
        call    put_byte
        movb    $':', %al
        cmpl    $1, %ecx
        je      2f
        call    putc
2:      loop    1b
        popal
        ret

# Interrupts.

interrupt:                                      # the line is everyone's
        pushal
        movl    $cards, %ebp
1:      cmpl    last, %ebp
        jae     2f
        movl    DRIVER(%ebp), %ebx
        call    *D_CAUSES(%ebx)
        orl     %eax, HAPPENED(%ebp)
        addl    $CARD, %ebp
        jmp     1b
2:      outport 0xA0, 0x20
        outport 0x20, 0x20
        popal
        iretl

byte_in:
        pushl   %eax
        pushl   %edx
        movl    $COM1, %edx
        xorl    %eax, %eax
        inb     %dx, %al
        movl    %eax, byte
        outport 0x20, 0x20
        popl    %edx
        popl    %eax
        iretl

# The bus.

find:                                           # fills `cards`, and gives each card its place
        movl    $cards, %ebp
        xorl    %ebx, %ebx
1:      movl    %ebx, SLOT(%ebp)
        xorl    %eax, %eax
        call    config_read
        movl    $kinds, %esi
2:      cmpl    $0, (%esi)
        je      4f
        cmpl    (%esi), %eax
        je      3f
        addl    $12, %esi
        jmp     2b
3:      call    place
        addl    $CARD, %ebp
4:      incl    %ebx
        cmpl    $32, %ebx
        jb      1b
        movl    %ebp, last
        ret

place:                                          # a card of the kind at esi
        cmpl    $cards + CARD * MOST_CARDS, %ebp
        fail_if ae, 2
        movl    %esi, KIND(%ebp)
        movl    4(%esi), %eax
        movl    %eax, DRIVER(%ebp)
        movl    %ebx, %ecx
        shll    $8, %ecx
        addl    $PORTS, %ecx
        cmpl    $plain, %eax
        je      1f
        movl    %ebx, %ecx
        shll    $17, %ecx
        addl    $REGISTERS, %ecx
1:      movl    %ecx, BASE(%ebp)
        movl    $0x10, %eax
        call    config_write
        movl    $0x04, %eax
        movl    $0x07, %ecx                     # ports, memory, bus master
        call    config_write
        movl    %ebp, %eax
        subl    $cards, %eax
        xorl    %edx, %edx
        movl    $CARD, %ecx
        divl    %ecx
        shll    $16, %eax
        addl    $MEMORY, %eax
        movl    %eax, ROOM(%ebp)
        ret

config:                                         # register eax of the card
        movl    SLOT(%ebp), %edx
        shll    $11, %edx
        leal    0x80000000(%edx,%eax), %eax
        movl    $0xCF8, %edx
        outl    %eax, %dx
        movl    $0xCFC, %edx
        ret

config_read:
        call    config
        inl     %dx, %eax
        ret

config_write:                                   # ecx
        call    config
        movl    %ecx, %eax
        outl    %eax, %dx
        ret

# Packets. Sums and headers are made in the card's transmit buffer.

resolve:                                        # ARP: who has 10.0.2.2?
        call    to_everyone
        movw    $0x0608, 12(%edi)
        movl    $0x00080100, 14(%edi)           # Ethernet, IP
        movl    $0x01000406, 18(%edi)           # a request
        movl    mac, %eax
        movl    %eax, 22(%edi)
        movw    mac + 4, %ax
        movw    %ax, 26(%edi)
        movl    $GUEST, 28(%edi)
        movl    $GATEWAY, 38(%edi)
        movl    $60, %ecx
        call    send
        movl    $is_arp_reply, %edx
        call    await
        movl    22(%esi), %eax
        movl    %eax, gateway
        movw    26(%esi), %ax
        movw    %ax, gateway + 4
        call    release
        print   "10.0.2.2 is at "
        movl    $gateway, %esi
        call    put_address
        print   "\n"
        ret

is_arp_reply:
        cmpw    $0x0608, 12(%esi)
        jne     1f
        cmpw    $0x0200, 20(%esi)
        jne     1f
        cmpl    $GATEWAY, 28(%esi)
1:      ret

echo:                                           # ICMP: ecx bytes, there and back
        call    to_everyone
        movl    gateway, %eax
        movl    %eax, (%edi)
        movw    gateway + 4, %ax
        movw    %ax, 4(%edi)
        movw    $0x0008, 12(%edi)
        movl    $0x45, 14(%edi)                 # IP without options ...
        leal    28(%ecx), %eax
        xchgb   %al, %ah
        movw    %ax, 16(%edi)
        movl    $0x0140, 22(%edi)               # ... TTL 64, ICMP
        movl    $GUEST, 26(%edi)
        movl    $GATEWAY, 30(%edi)
        movl    $8, 34(%edi)
        movw    $IDENTIFIER, 38(%edi)
        incl    sequence
        movw    sequence, %ax
        movw    %ax, 40(%edi)
        pushl   %ecx
        pushl   %edi
        addl    $42, %edi
        movb    sequence, %al
1:      stosb
        leal    7(%eax,%eax,4), %eax
        loop    1b
        popl    %edi
        popl    %ecx
        leal    14(%edi), %esi
        pushl   %ecx
        movl    $20, %ecx
        call    internet_sum
        movw    %ax, 24(%edi)
        popl    %ecx
        leal    34(%edi), %esi
        addl    $8, %ecx
        call    internet_sum
        movw    %ax, 36(%edi)
        addl    $34, %ecx
        call    send
        movl    $is_echo, %edx
        call    await
        call    show_echo
        jmp     release

show_echo:                                      # what came back, as far as IP says that it goes
        pushl   %esi
        print   "echo from "
        movzbl  26(%esi), %eax
        call    put_dec
        movl    $27, %edx
1:      movb    $'.', %al
        call    putc
        movzbl  (%esi,%edx), %eax
        call    put_dec
        incl    %edx
        cmpl    $30, %edx
        jb      1b
        movw    16(%esi), %ax
        xchgb   %al, %ah
        movzwl  %ax, %eax
        subl    $28, %eax
        print   ": "
        call    put_dec
        print   " bytes, sum "
        movl    %eax, %ecx
        addl    $42, %esi
        xorl    %edx, %edx
        xorl    %eax, %eax
2:      lodsb
        roll    $5, %edx
        addl    %eax, %edx
        loop    2b
        movl    %edx, %eax
        call    put_hex
        print   "\n"
        popl    %esi
        ret

is_echo:
        cmpw    $0x0008, 12(%esi)
        jne     1f
        cmpb    $1, 23(%esi)
        jne     1f
        cmpb    $0, 34(%esi)
        jne     1f
        cmpw    $IDENTIFIER, 38(%esi)
        jne     1f
        pushl   %eax
        movw    sequence, %ax
        cmpw    %ax, 40(%esi)
        popl    %eax
1:      ret

to_everyone:                                    # edi: the transmit buffer, with zeros behind the addresses
        pushl   %ecx
        movl    ROOM(%ebp), %edi
        addl    $TX_BUFFER, %edi
        pushl   %edi
        xorl    %eax, %eax
        movl    $BUFFER_BYTES / 4, %ecx
        rep stosl
        popl    %edi
        movl    $-1, (%edi)
        movw    $-1, 4(%edi)
        movl    mac, %eax
        movl    %eax, 6(%edi)
        movw    mac + 4, %ax
        movw    %ax, 10(%edi)
        popl    %ecx
        ret

internet_sum:                                   # ax: of ecx bytes, an even number, at esi
        pushl   %ecx
        pushl   %edx
        shrl    $1, %ecx
        xorl    %edx, %edx
        xorl    %eax, %eax
1:      lodsw
        addl    %eax, %edx
        loop    1b
        movl    %edx, %eax
        shrl    $16, %eax
        addw    %dx, %ax
        adcw    $0, %ax
        notl    %eax
        popl    %edx
        popl    %ecx
        ret

send:                                           # ecx bytes, and wait until they have left
        movl    DRIVER(%ebp), %ebx
        andl    $~SENT, HAPPENED(%ebp)
        call    *D_SEND(%ebx)
        movl    ticks, %eax
        addl    $PATIENCE, %eax
1:      testl   $SENT, HAPPENED(%ebp)
        jnz     2f
        cmpl    %eax, ticks
        fail_if e, 3
        sti
        hlt
        cli
        jmp     1b
2:      ret

await:                                          # esi: the first frame that `edx` says is the one; it has to be released
        movl    DRIVER(%ebp), %ebx
        movl    ticks, %edi
        addl    $PATIENCE, %edi
1:      testl   $RECEIVED, HAPPENED(%ebp)       # a frame is only looked for when an interrupt has said so
        jnz     2f
        cmpl    %edi, ticks
        fail_if e, 4
        sti
        hlt
        cli
        jmp     1b
2:      andl    $~RECEIVED, HAPPENED(%ebp)
3:      call    *D_RECEIVE(%ebx)
        testl   %ecx, %ecx
        jz      1b
        call    *%edx
        je      4f
        call    release
        jmp     3b
4:      ret

release:
        pushal
        movl    DRIVER(%ebp), %ebx
        call    *D_RELEASE(%ebx)
        popal
        ret

# Realtek's card. C mode: a ring of bytes, and four registers to send from.

        .set RTL_TSD, 0x10
        .set RTL_TSAD, 0x20
        .set RTL_RBSTART, 0x30
        .set RTL_CR, 0x37
        .set RTL_CAPR, 0x38
        .set RTL_IMR, 0x3C
        .set RTL_ISR, 0x3E
        .set RTL_TCR, 0x40
        .set RTL_RCR, 0x44
        .set RTL_MSR, 0x58
        .set RTL_TPPOLL, 0xD9
        .set RTL_CPCR, 0xE0
        .set RTL_RDSAR, 0xE4
        .set RTL_INTERRUPTS, 0x25               # received, sent, link
        .set RTL_FILTER, 0xE78A                 # 8 KiB with room behind; broadcasts, and what is for us

        .macro  at_register register
        movl    BASE(%ebp), %edx
        addl    $\register, %edx
        .endm
        .macro  set8 register, value
        at_register \register
        movb    \value, %al
        outb    %al, %dx
        .endm
        .macro  set16 register, value
        at_register \register
        movw    \value, %ax
        outw    %ax, %dx
        .endm
        .macro  set32 register, value
        at_register \register
        movl    \value, %eax
        outl    %eax, %dx
        .endm

rtl_reset:
        set8    RTL_CR, $0x10
1:      inb     %dx, %al
        testb   $0x10, %al
        jnz     1b
        ret

rtl_start:
        set8    RTL_CR, $0x0C
        set32   RTL_RCR, $RTL_FILTER
        set32   RTL_TCR, $0x03000700
        set16   RTL_ISR, $0xFFFF
        set16   RTL_IMR, $RTL_INTERRUPTS
        ret

rtl_causes:
        at_register RTL_ISR
        inw     %dx, %ax
        outw    %ax, %dx
        movzwl  %ax, %edx
        movl    %edx, %eax
        andl    $RECEIVED, %eax
        testb   $0x04, %dl
        jz      1f
        orb     $SENT, %al
1:      testb   $0x20, %dl
        jz      2f
        orb     $LINK, %al
2:      ret

rtl_link:
        at_register RTL_MSR
        inb     %dx, %al
        shrl    $2, %eax
        notl    %eax
        andl    $1, %eax
        ret

rtl_address:
        movl    BASE(%ebp), %edx
        inl     %dx, %eax
        pushl   %eax
        addl    $4, %edx
        inl     %dx, %eax
        movl    %eax, %edx
        popl    %eax
        ret

plain_open:
        call    rtl_reset
        movl    ROOM(%ebp), %ecx
        addl    $RX_BUFFERS, %ecx
        set32   RTL_RBSTART, %ecx
        jmp     rtl_start

plain_send:
        movl    TX(%ebp), %esi
        at_register RTL_TSAD
        leal    (%edx,%esi,4), %edx
        movl    ROOM(%ebp), %eax
        addl    $TX_BUFFER, %eax
        outl    %eax, %dx
        subl    $RTL_TSAD - RTL_TSD, %edx
        movl    %ecx, %eax
        outl    %eax, %dx
        incl    %esi
        andl    $3, %esi
        movl    %esi, TX(%ebp)
        ret

plain_receive:
        pushl   %edx
        xorl    %ecx, %ecx
        at_register RTL_CR
        inb     %dx, %al
        testb   $1, %al
        jnz     1f
        movl    ROOM(%ebp), %esi
        addl    RX(%ebp), %esi
        addl    $RX_BUFFERS, %esi
        movzwl  2(%esi), %ecx
        addl    $4, %esi                        # its header
1:      popl    %edx
        ret

plain_release:
        movl    RX(%ebp), %esi
        movl    ROOM(%ebp), %edi
        movzwl  RX_BUFFERS + 2(%edi,%esi), %eax
        leal    4 + 3(%esi,%eax), %esi
        andl    $0x1FFC, %esi
        movl    %esi, RX(%ebp)
        subl    $16, %esi
        set16   RTL_CAPR, %si
        ret

# C+ mode: rings of descriptors, of which the last has bit 30.

plus_open:
        call    rtl_reset
        set16   RTL_CPCR, $0x0003
        movl    ROOM(%ebp), %ecx
        leal    TX_RING(%ecx), %esi
        set32   RTL_TSAD, %esi
        set32   RTL_TSAD + 4, $0
        leal    RX_RING(%ecx), %edi
        set32   RTL_RDSAR, %edi
        set32   RTL_RDSAR + 4, $0
        leal    RX_BUFFERS(%ecx), %eax
        movl    $BUFFERS, %ecx
1:      movl    $0x80000000 + BUFFER_BYTES, (%edi)
        movl    $0, 4(%edi)
        movl    %eax, 8(%edi)
        movl    $0, 12(%edi)
        addl    $BUFFER_BYTES, %eax
        addl    $16, %edi
        loop    1b
        orl     $0x40000000, -16(%edi)
        jmp     rtl_start

plus_send:                                      # one descriptor is the whole ring
        movl    ROOM(%ebp), %edi
        leal    TX_BUFFER(%edi), %eax
        movl    %eax, TX_RING + 8(%edi)
        movl    $0, TX_RING + 4(%edi)
        movl    $0, TX_RING + 12(%edi)
        orl     $0xF0000000, %ecx               # the card's, last of the ring, first and last of the packet
        movl    %ecx, TX_RING(%edi)
        set8    RTL_TPPOLL, $0x40
        ret

plus_receive:
        call    rx_descriptor
        xorl    %ecx, %ecx
        testl   $0x80000000, RX_RING(%eax)
        jnz     1f
        movl    RX_RING(%eax), %ecx
        andl    $0x1FFF, %ecx
1:      ret

plus_release:
        call    rx_descriptor
        andl    $0x40000000, RX_RING(%eax)
        orl     $0x80000000 + BUFFER_BYTES, RX_RING(%eax)
next_buffer:
        incl    RX(%ebp)
        andl    $BUFFERS - 1, RX(%ebp)
        ret

rx_descriptor:                                  # eax: to be added to RX_RING; esi: its buffer
        movl    RX(%ebp), %eax
        movl    %eax, %esi
        imull   $BUFFER_BYTES, %esi, %esi
        addl    ROOM(%ebp), %esi
        addl    $RX_BUFFERS, %esi
        shll    $4, %eax
        addl    ROOM(%ebp), %eax
        ret

# Intel's card.

        .set E_CTRL, 0x0000
        .set E_STATUS, 0x0008
        .set E_ICR, 0x00C0
        .set E_IMS, 0x00D0
        .set E_IMC, 0x00D8
        .set E_RCTL, 0x0100
        .set E_TCTL, 0x0400
        .set E_RDBAL, 0x2800
        .set E_RDLEN, 0x2808
        .set E_RDT, 0x2818
        .set E_TDBAL, 0x3800
        .set E_TDLEN, 0x3808
        .set E_TDT, 0x3818
        .set E_RA, 0x5400

intel_open:
        movl    BASE(%ebp), %edi
        movl    $-1, E_IMC(%edi)
        movl    $0, E_RCTL(%edi)
        movl    $0, E_TCTL(%edi)
        movl    $0x04000000, E_CTRL(%edi)       # reset
        movl    $-1, E_IMC(%edi)
        movl    E_ICR(%edi), %eax
        movl    $0x40, E_CTRL(%edi)             # link
        movl    ROOM(%ebp), %ecx
        leal    RX_RING(%ecx), %esi
        movl    %esi, E_RDBAL(%edi)
        movl    $0, E_RDBAL + 4(%edi)
        movl    $BUFFERS * 16, E_RDLEN(%edi)
        movl    $0, E_RDT - 8(%edi)
        leal    RX_BUFFERS(%ecx), %eax
        leal    TX_RING(%ecx), %edx
        movl    $BUFFERS, %ecx
1:      movl    %eax, (%esi)
        movl    $0, 4(%esi)
        movl    $0, 8(%esi)
        movl    $0, 12(%esi)
        addl    $BUFFER_BYTES, %eax
        addl    $16, %esi
        loop    1b
        movl    $BUFFERS - 1, E_RDT(%edi)
        movl    %edx, E_TDBAL(%edi)
        movl    $0, E_TDBAL + 4(%edi)
        movl    $8 * 16, E_TDLEN(%edi)
        movl    $0, E_TDT - 8(%edi)
        movl    $0, E_TDT(%edi)
        movl    $0x0004010A, E_TCTL(%edi)       # on, with padding
        movl    $0x04008002, E_RCTL(%edi)       # on, with broadcasts, without FCS
        movl    $0x85, E_IMS(%edi)              # received, link, sent
        ret

intel_send:
        movl    BASE(%ebp), %edi
        movl    ROOM(%ebp), %eax
        movl    TX(%ebp), %edx
        shll    $4, %edx
        leal    TX_RING(%eax,%edx), %edx
        addl    $TX_BUFFER, %eax
        movl    %eax, (%edx)
        movl    $0, 4(%edx)
        orl     $0x0B000000, %ecx               # end of the packet, FCS, report
        movl    %ecx, 8(%edx)
        movl    $0, 12(%edx)
        movl    TX(%ebp), %eax
        incl    %eax
        andl    $7, %eax
        movl    %eax, TX(%ebp)
        movl    %eax, E_TDT(%edi)
        ret

intel_receive:
        call    rx_descriptor
        xorl    %ecx, %ecx
        testb   $1, RX_RING + 12(%eax)
        jz      1f
        movzwl  RX_RING + 8(%eax), %ecx
1:      ret

intel_release:
        call    rx_descriptor
        movl    $0, RX_RING + 12(%eax)
        movl    BASE(%ebp), %edi
        movl    RX(%ebp), %eax
        movl    %eax, E_RDT(%edi)
        jmp     next_buffer

intel_causes:
        movl    BASE(%ebp), %edi
        movl    E_ICR(%edi), %edx
        xorl    %eax, %eax
        testb   $0x80, %dl
        jz      1f
        orb     $RECEIVED, %al
1:      testb   $0x01, %dl
        jz      2f
        orb     $SENT, %al
2:      testb   $0x04, %dl
        jz      3f
        orb     $LINK, %al
3:      ret

intel_link:
        movl    BASE(%ebp), %edi
        movl    E_STATUS(%edi), %eax
        shrl    $1, %eax
        andl    $1, %eax
        ret

intel_address:
        movl    BASE(%ebp), %edi
        movl    E_RA(%edi), %eax
        movzwl  E_RA + 4(%edi), %edx
        ret
