# multiboot.s: a Multiboot 1 kernel that prints what its loader has told it, on COM1.
#
# It is linked at 1 MiB, as an ELF file (the loader goes by the program headers) or as a plain image whose header says
# where it belongs (the "a.out kludge"): `KLUDGE` says which. What a loader may choose freely (addresses) is not printed,
# what it must get right is: so two loaders print the same.
#
# Source: Multiboot Specification version 0.6.96, sections 3.1 (header), 3.2 (machine state), 3.3 (information).

        .set MAGIC, 0x1BADB002
        .set PAGE_ALIGN, 1
        .set MEMORY_INFO, 2
        .ifdef KLUDGE
        .set FLAGS, PAGE_ALIGN | MEMORY_INFO | 0x10000
        .else
        .set FLAGS, PAGE_ALIGN | MEMORY_INFO
        .endif

        .text
        .code32
        .globl  _start
image:
        .long   0x11111111              # the header need not be first
header: .long   MAGIC
        .long   FLAGS
        .long   -(MAGIC + FLAGS)
        .ifdef KLUDGE
        .long   header                  # where the header is to be: the rest of the file follows from that
        .long   image
        .long   image_end               # what follows in the file is not loaded
        .long   bss_end
        .long   _start
        .endif

        .include "text.inc"

        .text
_start:
        movl    %esp, %ecx              # may be anything
        movl    $stack_end, %esp
        pushfl
        popl    first_flags
        movl    %eax, first_eax
        movl    %ebx, first_ebx
        movl    %cr0, %ecx
        movl    %ecx, first_cr0
        call    uart_init
        print   "magic "
        movl    first_eax, %eax
        call    put_hex
        call    processor
        call    zeros
        movl    first_ebx, %ebx
        print   "\nflags "
        movl    (%ebx), %eax
        call    put_hex
        print   "\nmemory "
        movl    4(%ebx), %eax
        call    put_hex
        movb    $' ', %al
        call    putc
        movl    8(%ebx), %eax
        call    put_hex
        print   "\nboot device "
        movl    12(%ebx), %eax
        call    put_hex
        print   "\ncommand line "
        movl    16(%ebx), %esi
        call    puts
        call    modules
        call    memory_map
        print   "\nloader "
        movl    64(%ebx), %esi
        call    puts
        print   "\nPASS\n"
        jmp     leave

processor:                              # what section 3.2 fixes, as bits and limits
        print   "\ncr0 "
        movl    first_cr0, %eax
        andl    $0x80000001, %eax
        call    put_hex
        print   " eflags "
        movl    first_flags, %eax
        andl    $0x20200, %eax          # IF and VM
        call    put_hex
        print   "\ncs "
        movl    %cs, %eax
        call    selector
        print   " ds "
        movl    %ds, %eax
        call    selector
        print   " es "
        movl    %es, %eax
        call    selector
        print   " fs "
        movl    %fs, %eax
        call    selector
        print   " gs "
        movl    %gs, %eax
        call    selector
        print   " ss "
        movl    %ss, %eax
        call    selector
        print   "\na20 "
        movl    $0x5A5A5A5A, 0x500
        movl    $0xA5A5A5A5, 0x100500 + 0x200000
        movl    0x500, %eax
        jmp     put_hex

selector:                               # eax: its rights and limit
        larl    %eax, %ecx
        jnz     1f
        pushl   %eax
        movl    %ecx, %eax
        andl    $0xC09A00, %eax         # without the accessed bit, which a loader may set or not
        call    put_hex
        popl    %eax
        lsll    %eax, %eax
        jmp     put_hex
1:      print   "none"
        ret

zeros:                                  # the variables behind the image were cleared
        print   "\nvariables "
        movl    $room, %esi
        movl    $4096 / 4, %ecx
        xorl    %edx, %edx
1:      orl     (%esi), %edx
        addl    $4, %esi
        loop    1b
        movl    %edx, %eax
        call    put_hex
        print   " initial "
        movl    initial, %eax
        jmp     put_hex

modules:
        print   "\nmodules "
        movl    20(%ebx), %eax
        call    put_hex
        movl    %eax, %ecx
        movl    24(%ebx), %edi
        testl   %ecx, %ecx
        jz      2f
1:      call    module
        addl    $16, %edi
        loop    1b
2:      ret

module:                                 # edi: its entry
        pushal
        print   "\nmodule at "          # its place within a page
        movl    (%edi), %eax
        andl    $0xFFF, %eax
        call    put_hex
        print   " bytes "
        movl    4(%edi), %eax
        subl    (%edi), %eax
        call    put_hex
        print   " sum "
        movl    (%edi), %esi
        movl    %eax, %ecx
        xorl    %edx, %edx
        xorl    %eax, %eax
        jecxz   2f
1:      lodsb
        roll    $5, %edx
        addl    %eax, %edx
        loop    1b
2:      movl    %edx, %eax
        call    put_hex
        print   " last "
        movl    12(%edi), %eax
        call    put_hex
        print   " text "
        movl    8(%edi), %esi
        call    puts
        popal
        ret

memory_map:
        movl    44(%ebx), %ecx          # bytes
        movl    48(%ebx), %edi
        addl    %edi, %ecx
1:      cmpl    %ecx, %edi
        jae     2f
        print   "\npiece "
        pushl   %ecx
        movl    $6, %ecx
        movl    %edi, %esi
3:      lodsl
        call    put_hex
        movb    $' ', %al
        call    putc
        loop    3b
        popl    %ecx
        addl    (%edi), %edi
        addl    $4, %edi
        jmp     1b
2:      ret

        .data
initial: .long  0x600DDA7A

        .section .bss
        .balign 16
first_eax: .skip 4
first_ebx: .skip 4
first_cr0: .skip 4
first_flags: .skip 4
room:   .skip   4096
        .skip   4096
stack_end:
