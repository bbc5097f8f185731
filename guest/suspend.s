# suspend: to RAM and back, twice, woken by the real-time clock's alarm; then sleep types that there are not. Waking
# begins at the reset vector: this guest is its own firmware. What it prints is what has survived: memory, CMOS, the
# host bridge's and the IDE timing registers; the others are reset.
        .include "pc.inc"
        .set ROUND, 0x200000                    # beyond what pc.inc clears
        .set PATTERN, 0x201000
        .set PATTERN_WORDS, 0x4000
        .set PM, 0x600
        .set SHUTDOWN_STATUS, 0x0F
        .set MINE, 0x60                         # a byte of the CMOS memory that nobody uses

        .text

main:
        pci_write 0x80000B40, PM + 1            # PIIX4 function 3, PMBASE
        movl    $0xCF8, %edx
        movl    $0x80000B80, %eax               # PMREGMISC: enable that range
        outl    %eax, %dx
        outport 0xCFC, 0x01
        movb    $SHUTDOWN_STATUS, %al
        call    cmos_read
        cmpb    $0xFE, %al
        je      woken
        print   "cold start\n"
        movl    $0, ROUND
        movl    $PATTERN, %edi
        movl    $PATTERN_WORDS, %ecx
        movl    $0x12345678, %eax
1:      imull   $1103515245, %eax, %eax
        addl    $12345, %eax
        stosl
        loop    1b
        jmp     next

woken:
        print   "woken\n"
        movb    $SHUTDOWN_STATUS, %al
        movb    $0, %ah
        call    cmos_write
        print   "  status "
        movl    $PM, %edx
        inw     %dx, %ax
        andl    $0xFFFE, %eax                   # but for the timer's bit, which QEMU's reset sets
        call    put_word
        print   " enabled "
        movl    $PM + 2, %edx
        call    put_port
        print   " control "
        movl    $PM + 4, %edx
        call    put_port
        movl    $PATTERN, %esi
        movl    $PATTERN_WORDS, %ecx
        movl    $0x12345678, %ebx
1:      imull   $1103515245, %ebx, %ebx
        addl    $12345, %ebx
        lodsl
        cmpl    %ebx, %eax
        fail_if ne, 1
        loop    1b
        print   "\n  CMOS "
        movb    $MINE, %al
        call    cmos_read
        call    put_byte
        print   " clock's register B "
        movb    $0x0B, %al
        call    cmos_read
        call    put_byte
        print   "\n  bridge "
        movl    $0x8000005C, %eax               # PAM3 to PAM6
        call    put_pci
        print   " routes "
        movl    $0x80000860, %eax               # PIRQA to D
        call    put_pci
        print   " IDE timing "
        movl    $0x80000940, %eax
        call    put_pci
        print   "\n"

next:
        incl    ROUND
        pci_write 0x8000005C, 0x10111100        # some of it
        pci_write 0x80000860, 0x0B0B0A0A
        pci_write 0x80000940, 0x80008000
        movb    $MINE, %al
        movb    ROUND, %ah
        call    cmos_write
        cmpl    $3, ROUND
        jb      sleep

        print   "types that are none:"
        movl    $PM + 4, %edx
        movl    $0x2C01, %eax                   # SLP_EN with type 3, and so on
3:      outw    %ax, %dx
        addl    $0x0400, %eax
        cmpl    $0x4001, %eax
        jb      3b
        print   " control "
        movl    $PM + 4, %edx
        call    put_port
        print   "\n"
        jmp     pass

sleep:  print   "the alarm, in the next second\n"
        movw    $0xC001, %ax                    # seconds, minutes, hours: any
        call    cmos_write
        movw    $0xC003, %ax
        call    cmos_write
        movw    $0xC005, %ax
        call    cmos_write
        movw    $0x220B, %ax                    # register B: the alarm's interrupt, 24 hours
        call    cmos_write
        movb    $0x0C, %al
        call    cmos_read
        call    drain
        movl    $PM + 2, %edx
        movl    $0x0400, %eax                   # it may wake
        outw    %ax, %dx
        movl    $PM, %edx
        movl    $0xFFFF, %eax
        outw    %ax, %dx
        movl    $PM + 4, %edx
        movl    $0x2401, %eax                   # SLP_EN, type 1, SCI_EN
        outw    %ax, %dx
1:      jmp     1b                              # a processor may run on for a while

put_port:                                       # dx: a word
        inw     %dx, %ax
put_word:                                       # ax
        xchgb   %al, %ah
        call    put_byte
        xchgb   %al, %ah
        jmp     put_byte

put_pci:                                        # eax: the address of a dword
        movl    $0xCF8, %edx
        outl    %eax, %dx
        movl    $0xCFC, %edx
        inl     %dx, %eax
        jmp     put_hex

cmos_read:                                      # al: which; returns it in al
        outb    %al, $0x70
        inb     $0x71, %al
        ret
cmos_write:                                     # al: which, ah: the value
        outb    %al, $0x70
        xchgb   %al, %ah
        outb    %al, $0x71
        xchgb   %al, %ah
        ret
