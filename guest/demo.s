# demo: a small operating system whose runs all differ, so that an exact replay of one proves something.
#
# Three tasks in ring 3, each with its own memory, are switched by the timer: one sieves primes over pages that appear
# when they are touched, one prints the time, one is a shell on COM1. Every key and every reading of the clock is mixed
# into a running hash together with its moment; two runs never print the same hash.
#
# Runs from the reset vector with nothing but its 64 KiB image (`-bios`) and 4 MiB of memory. Memory, physical:
#   0x00010000  variables of the kernel          0x00008000  the kernel's stack, downwards
#   0x000F0000  this image, readable by tasks    0x00200000  256 frames: page tables, then what tasks touch
# and as a task sees it: 0x40000000 to 0x40400000 is its own, the rest belongs to the kernel.
        .include "pc.inc"

        .set KERNEL_STACK, 0x8000
        .set FRAMES, 0x200000
        .set FRAME_COUNT, 256
        .set OWN, 0x40000000            # where a task's own memory starts; one page table of it
        .set OWN_END, 0x40400000
        .set OWN_STACK, OWN + 0x10000
        .set PRESENT, 1
        .set WRITABLE, 2
        .set USER, 4
        .set TSS_SELECTOR, FREE_SELECTOR
        .set TICKS_PER_SECOND, 100

# A task. It starts with the frame that the processor and the entry code push, so that TSS.ESP0 can point after it.
        .set FRAME_EDI, 0               # pushal: edi esi ebp esp ebx edx ecx eax
        .set FRAME_EBX, 16
        .set FRAME_EDX, 20
        .set FRAME_EAX, 28
        .set FRAME_VECTOR, 32
        .set FRAME_ERROR, 36
        .set FRAME_EIP, 40
        .set FRAME_CS, 44
        .set FRAME_EFLAGS, 48
        .set FRAME_ESP, 52
        .set FRAME_SS, 56
        .set FRAME_BYTES, 60
        .set TASK_DIRECTORY, 60         # physical, for CR3
        .set TASK_TABLE, 64             # the page table of its own memory
        .set TASK_STATE, 68
        .set TASK_WAKE, 72              # tick
        .set TASK_ENTRY, 76
        .set TASK_NAME, 80
        .set TASK_BYTES, 128
        .set TASK_COUNT, 3
        .set READY, 0
        .set SLEEPING, 1
        .set READING, 2

        .section .bss
        .balign 4096
tasks:  .skip   TASK_BYTES * TASK_COUNT
tss:    .skip   104
current: .skip  4                       # address of the running task
must_switch: .skip 4
ticks:  .skip   4
hash:   .skip   4
switches: .skip 4
page_faults: .skip 4
published: .skip 4                      # what the prime task found
quiet:  .skip   4                       # the shell waits at an empty prompt
free_count: .skip 4
free_frames: .skip 4 * FRAME_COUNT
        .set INPUT_BYTES, 256
input_head: .skip 4
input_tail: .skip 4
input:  .skip   INPUT_BYTES

        .text
main:
        movl    $KERNEL_STACK, %esp
        print   "\ndemo: a guest that never does the same thing twice\n"
        call    memory_init
        call    traps_init
        movl    $tasks, %ebp
        movl    $sieve_task, %eax
        movl    $sieve_name, %ebx
        call    task_init
        movl    $clock_task, %eax
        movl    $clock_name, %ebx
        call    task_init
        movl    $shell_task, %eax
        movl    $shell_name, %ebx
        call    task_init
        movl    $tasks, current
        call    devices_init
        jmp     schedule

sieve_name: .asciz "sieve"
clock_name: .asciz "clock"
shell_name: .asciz "shell"

# Memory: the first table maps 4 MiB to themselves, without page 0, so that a null pointer faults; each task's directory
# shares it.

        .section .bss
kernel_table: .skip 4
        .text

memory_init:
        movl    $FRAMES + 0x1000 * (FRAME_COUNT - 1), %eax
        xorl    %ecx, %ecx
1:      movl    %eax, free_frames(,%ecx,4)
        subl    $0x1000, %eax
        incl    %ecx
        cmpl    $FRAME_COUNT, %ecx
        jb      1b
        movl    %ecx, free_count
        call    frame_get
        movl    %eax, kernel_table
        movl    %eax, %edi
        movl    $0x1000 + PRESENT + WRITABLE, %edx
        movl    $1, %ecx
2:      movl    %edx, %eax
        cmpl    $0xF0, %ecx             # the image: tasks run in it
        jb      3f
        cmpl    $0xFF, %ecx
        ja      3f
        xorl    $WRITABLE | USER, %eax
3:      movl    %eax, (%edi,%ecx,4)
        addl    $0x1000, %edx
        incl    %ecx
        cmpl    $1024, %ecx
        jb      2b
        call    directory_new
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80010000, %eax       # PG and WP
        movl    %eax, %cr0
        ret

directory_new:                          # eax: a directory, ebx: its table for a task's own memory
        call    frame_get
        movl    %eax, %ebx
        call    frame_get
        movl    kernel_table, %edx
        orl     $PRESENT | WRITABLE | USER, %edx
        movl    %edx, (%eax)
        leal    PRESENT + WRITABLE + USER(%ebx), %edx
        movl    %edx, OWN >> 20(%eax)
        ret

frame_get:                              # eax: a frame of zeros
        pushl   %ecx
        pushl   %edi
        cmpl    $0, free_count
        je      no_memory
        decl    free_count
        movl    free_count, %ecx
        movl    free_frames(,%ecx,4), %edi
        pushl   %edi
        xorl    %eax, %eax
        movl    $1024, %ecx
        rep stosl
        popl    %eax
        popl    %edi
        popl    %ecx
        ret

no_memory:
        print   "kernel: out of memory\n"
        movb    $1, %al
        jmp     leave_machine

task_init:                              # ebp: the task, returned after it; eax: entry, ebx: name
        movl    %eax, TASK_ENTRY(%ebp)
        movl    %ebx, TASK_NAME(%ebp)
        call    directory_new
        movl    %eax, TASK_DIRECTORY(%ebp)
        movl    %ebx, TASK_TABLE(%ebp)
        call    task_restart
        addl    $TASK_BYTES, %ebp
        ret

task_restart:                           # ebp: the task, which starts over with the memory that it has
        movl    TASK_ENTRY(%ebp), %eax
        movl    %eax, FRAME_EIP(%ebp)
        movl    $USER_CODE, FRAME_CS(%ebp)
        movl    $0x202, FRAME_EFLAGS(%ebp)
        movl    $OWN_STACK, FRAME_ESP(%ebp)
        movl    $USER_DATA, FRAME_SS(%ebp)
        movl    $READY, TASK_STATE(%ebp)
        ret

devices_init:                           # the timer and the serial line may interrupt from now on
        call    pic_init
        timer_rate (1193182 / TICKS_PER_SECOND)
        call    drain
        outport COM1 + 1, 0x01
        outport 0x21, 0xEE
        ret

        .include "demo/kernel.inc"
        .include "demo/calls.inc"
        .include "demo/tasks.inc"
