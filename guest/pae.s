# pae: PAE paging with pages of 4 KiB and 2 MiB, accessed and dirty bits, rights, reserved bits of every level, no-execute,
# PDPTEs that are loaded with CR3, addresses of 4 GiB and above; then 4 MiB pages whose frame lies there (PSE-36).
#
# Needs a processor with PAE, PSE-36, PAT and NX. A walk may set accessed bits before it faults or not; what QEMU and the
# manual leave to the processor is not looked at.
        .include "pc.inc"
        .include "attempt.inc"
        .set PDPT, 0x200000
        .set LOW, 0x201000              # directory of linear 0 to 1 GiB: 16 MiB mapped to themselves
        .set HIGH, 0x202000             # directory of 40000000h to 80000000h
        .set TABLE, 0x203000            # linear 40000000h to 40200000h
        .set DIRECTORY, 0x204000        # of 32-bit paging
        .set FRAME, 0x600000            # of 2 MiB, with marks in its pages
        .set SMALL, 0x40000000          # linear, by 4 KiB pages
        .set LARGE, 0x40200000          # linear, one 2 MiB page
        .set THIRD, 0x80000000          # linear, at first nothing
        .set P, 1
        .set W, 2
        .set U, 4
        .set PS, 0x80
        .set EFER, 0xC0000080

        .macro  entry table, index, low, high=0
        movl    $\low, \table + 8 * (\index)
        movl    $\high, \table + 8 * (\index) + 4
        .endm

        .macro  say text, operand
        print   "\text "
        movl    \operand, %eax
        call    put_hex
        print   "\n"
        .endm

        .macro  small low, high=0       # what maps the page at SMALL + 1000h
        entry   TABLE, 1, \low, \high
        invlpg  SMALL + 0x1000
        .endm

        .macro  large low, high=0
        entry   HIGH, 1, \low, \high
        invlpg  LARGE
        .endm

        .macro  reload
        movl    %cr3, %eax
        movl    %eax, %cr3
        .endm

main:
        movl    $1, %eax
        cpuid
        andl    $0x30040, %edx          # PSE-36, PAT, PAE
        movl    %edx, %ebx
        expect  1, 0x30040, %ebx
        call    catch_faults
        call    tables
        movl    $0x20, %eax
        movl    %eax, %cr4
        movl    $PDPT, %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80010000, %eax
        movl    %eax, %cr0
        jmp     1f
1:      print   "PAE on\n"

        # both sizes show the same frame; bits that the walk sets
        movl    SMALL + 0x1004, %ebx
        say     "small", %ebx
        say     "entry", TABLE + 8
        movl    $0x5A5A5A5A, SMALL + 0x1008
        say     "entry", TABLE + 8
        movl    LARGE + 0x1008, %ebx
        say     "large", %ebx
        say     "entry", HIGH + 8
        movl    $0xA5A5A5A5, LARGE + 0x100C
        say     "entry", HIGH + 8
        say     "low", FRAME + 0x100C

        # rights
        attempt missing_table, 14, 0
        movl    THIRD, %eax
        faulted missing_table
        small   FRAME + 0x1000 + W + U
        attempt missing_page, 14, 2
        movl    %eax, SMALL + 0x1000
        faulted missing_page
        small   FRAME + 0x1000 + P + U
        attempt read_only, 14, 3
        incl    SMALL + 0x1000
        faulted read_only
        large   FRAME + PS + P + U
        attempt large_read_only, 14, 3
        movl    %eax, LARGE + 0x1234
        faulted large_read_only
        large   FRAME + PS + P + W
        attempt user_large, 14, 5
        user    user_large
        movl    LARGE + 0x2000, %eax
        faulted user_large
        small   FRAME + 0x1000 + P + W
        attempt user_small, 14, 7
        user    user_small
        movl    %eax, SMALL + 0x1000
        faulted user_small

        # reserved bits
        small   FRAME + 0x1000 + P + W + U, 0x10
        attempt page_bit_36, 14, 9
        movl    SMALL + 0x1000, %eax
        faulted page_bit_36
        small   FRAME + 0x1000 + P, 0x40000000
        attempt page_bit_62, 14, 0xB
        movl    %eax, SMALL + 0x1000
        faulted page_bit_62
        small   FRAME + 0x1000 + P + W + U, 0x80000000
        attempt page_bit_63, 14, 9
        movl    SMALL + 0x1000, %eax
        faulted page_bit_63
        small   FRAME + 0x1000, 0x10
        attempt page_absent, 14, 0
        movl    SMALL + 0x1000, %eax
        faulted page_absent
        large   FRAME + PS + P + W + U + 0x2000
        attempt large_bit_13, 14, 9
        movl    LARGE, %eax
        faulted large_bit_13
        large   FRAME + PS + P + W + U + 0x100000
        attempt large_bit_20, 14, 0xB
        movl    %eax, LARGE
        faulted large_bit_20
        large   FRAME + PS + P + W, 0x20
        attempt large_bit_37, 14, 0xD
        user    large_bit_37
        movl    LARGE, %eax
        faulted large_bit_37
        large   FRAME + PS + P + W + U + 0x1000
        movl    LARGE + 0x2000, %ebx    # bit 12 is PAT
        say     "PAT", %ebx
        small   FRAME + 0x2000 + P + W + U + 0x80
        movl    SMALL + 0x1000, %ebx
        say     "PAT", %ebx
        entry   HIGH, 0, TABLE + P + W + U, 0x100
        reload
        attempt table_bit_40, 14, 9
        movl    SMALL, %eax
        faulted table_bit_40
        entry   HIGH, 0, TABLE + P + W + U
        reload

        # no-execute
        movl    $EFER, %ecx
        rdmsr
        say     "EFER", %eax
        movl    $EFER, %ecx
        movl    $0x800, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $0xC3C3C3C3, FRAME + 0x1000
        small   FRAME + 0x1000 + P + W + U, 0x80000000
        movl    SMALL + 0x1000, %ebx
        say     "data", %ebx
        attempt run_small, 14, 0x11
        movl    $SMALL + 0x1000, %ebx
        call    *%ebx
        faulted run_small
        attempt user_run_small, 14, 0x15
        user    user_run_small
        movl    $SMALL + 0x1000, %ebx
        call    *%ebx
        faulted user_run_small
        large   FRAME + PS + P + W + U, 0x80000000
        attempt run_large, 14, 0x11
        movl    $LARGE + 0x1000, %ebx
        call    *%ebx
        faulted run_large
        small   FRAME + 0x1000 + P + W + U
        entry   HIGH, 0, TABLE + P + W + U, 0x80000000
        reload
        attempt run_table, 14, 0x11
        movl    $SMALL + 0x1000, %ebx
        call    *%ebx
        faulted run_table
        entry   HIGH, 0, TABLE + P + W + U
        reload
        movl    $SMALL + 0x1000, %ebx
        call    *%ebx
        print   "ran\n"
        small   0
        attempt run_missing, 14, 0x10
        movl    $SMALL + 0x1000, %ebx
        call    *%ebx
        faulted run_missing

        # a PDPTE counts from the next load of CR3 on
        entry   PDPT, 2, HIGH + P
        reload
        small   FRAME + 0x3000 + P + W
        movl    THIRD + 0x1000, %ebx
        say     "third", %ebx

        # 4 GiB and above: whatever is read there, it is not low memory, and what is written there does not get there
        movl    $0x12345678, FRAME + 0x4000
        small   FRAME + 0x4000 + P + W, 1
        movl    SMALL + 0x1000, %ebx
        cmpl    $0x12345678, %ebx
        fail_if e, 20
        movl    $0x66666666, SMALL + 0x1000
        say     "beyond", FRAME + 0x4000
        large   FRAME + PS + P + W, 8
        movl    LARGE + 0x4000, %ebx
        cmpl    $0x12345678, %ebx
        fail_if e, 21
        movl    $0x77777777, LARGE + 0x4000
        say     "beyond", FRAME + 0x4000

        # 32-bit paging again: 4 MiB pages
        movl    %cr0, %eax
        andl    $0x7FFFFFFF, %eax
        movl    %eax, %cr0
        movl    $0x10, %eax
        movl    %eax, %cr4
        movl    $DIRECTORY, %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        jmp     1f
1:      print   "PAE off\n"
        movl    $0x400000 + PS + P + W, DIRECTORY + (SMALL >> 20)
        movl    SMALL + 0x204000, %ebx
        say     "large", %ebx
        movl    $0x400000 + PS + P + W + 0x2000, DIRECTORY + (SMALL >> 20)
        invlpg  SMALL
        movl    SMALL + 0x204000, %ebx
        cmpl    $0x12345678, %ebx
        fail_if e, 22
        movl    $0x400000 + PS + P + W + 0x200000, DIRECTORY + (SMALL >> 20)
        invlpg  SMALL
        attempt bit_21, 14, 9
        movl    SMALL, %eax
        faulted bit_21
        jmp     pass

tables:                                 # all zeros, then what is said above; a mark in each page of the frame
        pushal
        movl    $PDPT, %edi
        xorl    %eax, %eax
        movl    $5 * 1024, %ecx
        rep stosl
        entry   PDPT, 0, LOW + P
        entry   PDPT, 1, HIGH + P
        entry   HIGH, 0, TABLE + P + W + U
        entry   HIGH, 1, FRAME + PS + P + W + U
        entry   TABLE, 1, FRAME + 0x1000 + P + W + U
        movl    $LOW, %edi
        movl    $PS + P + W + U, %eax
1:      movl    %eax, (%edi)
        addl    $8, %edi
        addl    $0x200000, %eax
        cmpl    $0x1000000, %eax
        jb      1b
        movl    $DIRECTORY, %edi
        movl    $PS + P + W + U, %eax
2:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $0x400000, %eax
        cmpl    $0x1000000, %eax
        jb      2b
        movl    $FRAME, %edi
3:      movl    %edi, (%edi)
        leal    4(%edi), %eax
        movl    %eax, 4(%edi)
        addl    $0x1000, %edi
        cmpl    $FRAME + 0x200000, %edi
        jb      3b
        popal
        ret
