"""What `./dev bench device` measures: one row for each register access, as the loop of a guest.

A row is declared once: the instructions of an iteration, those of the same iteration without the access, what is set
up before, and the goal. From the list one firmware image is made (`source`), whose parameters say which row is run, how
often, and whether with the access. After its set-up the guest says R on COM1 and waits for a byte there, so that
neither program's start is measured; it ends with PASS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

READ, WRITE, SECTOR, PASTE, LOCK = "read", "write", "sector", "paste", "lock"
GOALS = {READ: 2.0, WRITE: 5.0, SECTOR: 2.0, PASTE: 2.0, LOCK: 3.0}  # at most so many times QEMU's processor time
PASTED = 60_000  # bytes
LOCKED = 2_000_000  # times
SECTORS = 64  # of a PIO command
PARAMETERS = "bench_parameters"  # symbol of three dwords: row, iterations, 1 with the access or 0 without


@dataclass(frozen=True)
class Row:
    """A body keeps ECX, and EDX where the setup has put something there."""

    name: str
    kind: str
    body: str
    setup: str = ""
    without: str = ""  # what is left of the body without the access
    per: int = 1  # accesses of an iteration
    unit: str = "access"
    count: int = 0  # iterations that the goal names; otherwise as many as take long enough
    disk: bool = False
    paste: bool = False  # a byte for each iteration comes in at COM1
    qemu: tuple[str, ...] = ()  # options of the device that ours always has
    both: tuple[str, ...] = ()  # options of a device that neither has by itself
    answer: str = ""  # what EAX cannot be after the last access, unless nobody answers there

    @property
    def goal(self) -> float:
        return GOALS[self.kind]


def _read_port(name: str, port: int, answer: str = "0xFF") -> Row:
    return Row(name, READ, "inb %dx, %al", f"xorl %eax, %eax\nmovl ${port:#x}, %edx", answer=answer)


def _write_port(name: str, port: int, value: int) -> Row:
    return Row(name, WRITE, "outb %al, %dx", f"movl ${port:#x}, %edx\nmovl ${value:#x}, %eax")


def _read_memory(name: str, address: int) -> Row:
    return Row(name, READ, f"movl {address:#x}, %eax", answer="-1")


LAPIC, IOAPIC, HPET = 0xFEE00000, 0xFEC00000, 0xFED00000
HPET_ON = f"movl $1, {HPET + 0x10:#x}\n"
PM_TIMER = """
        pci_write 0x80000B40, 0x601
        pci_write 0x80000B80, 0x01
        movl    $0x608, %edx
"""
CARD = 0xFEBC0000
CARD_ON = f"""
        pci_write 0x80002810, {CARD:#x}
        pci_write 0x80002804, 0x06
"""
E1000 = ("-device", "e1000,addr=05.0,romfile=")
RTL8139_ON = CARD_ON.replace("80002810", "80002814")  # its second range
RTL8139 = ("-device", "rtl8139,addr=05.0,romfile=")
IDE = """
        call    ide_init
        outport CONTROL, 0x02
        movl    $0, lba
        movl    $SECTORS, count
"""


def _sectors(command: str, words: str) -> str:
    """A PIO command of SECTORS sectors, each waited for in a loop of alternate status reads, as a BIOS does it."""
    return f"""
        call    task_file
        movl    $DISK + 7, %edx
        movb    ${command}, %al
        outb    %al, %dx
        movl    $SECTORS, %ebp
11:     movl    $CONTROL, %edx
12:     inb     %dx, %al
        testb   $0x80, %al
        jnz     12b
        testb   $0x08, %al
        jz      12b
        movl    $BUFFER, %esi
        movl    $BUFFER, %edi
        movl    $DISK, %edx
        pushl   %ecx
        movl    $256, %ecx
        {words}
        popl    %ecx
        decl    %ebp
        jnz     11b
        call    ready
"""


def _paste(name: str, fcr: int) -> Row:
    setup = f"outport COM1 + 2, {fcr}"
    body = """
        movl    $COM1 + 5, %edx
11:     inb     %dx, %al
        testb   $1, %al
        jz      11b
        movl    $COM1, %edx
        inb     %dx, %al
"""
    return Row(name, PASTE, body, setup, count=PASTED, unit="byte", paste=True)


ROWS = (
    _read_memory("lapic-id", LAPIC + 0x20),
    _read_memory("lapic-tpr", LAPIC + 0x80),
    _read_memory("lapic-isr", LAPIC + 0x110),
    _read_memory("lapic-irr", LAPIC + 0x210),
    Row("ioapic", READ, f"movl $0x10, {IOAPIC:#x}\nmovl {IOAPIC + 0x10:#x}, %eax", unit="select, window",
        answer="-1"),
    Row("pm-timer", READ, "inl %dx, %eax", PM_TIMER, answer="-1"),
    Row("pit-counter", READ, "xorl %eax, %eax\noutb %al, $0x43\ninb $0x40, %al\ninb $0x40, %al", unit="latch, 2 reads"),
    Row("hpet-counter", READ, f"movl {HPET + 0xF0:#x}, %eax", HPET_ON, answer="-1"),
    Row("hpet-64", READ, f"movl {HPET + 0xF4:#x}, %eax\nmovl {HPET + 0xF0:#x}, %eax", HPET_ON, per=2, answer="-1"),
    _read_port("pit-plain", 0x40, answer=""),
    _read_port("port61", 0x61),
    _read_port("uart-lsr", 0x3FD),
    _read_port("uart-iir", 0x3FA),
    _read_port("uart-msr", 0x3FE),
    _read_port("i8042-status", 0x64),
    Row("ide-status", READ, "inb %dx, %al", IDE + "xorl %eax, %eax\nmovl $DISK + 7, %edx", disk=True,
        answer="0xFF"),
    Row("ide-altstatus", READ, "inb %dx, %al", IDE + "xorl %eax, %eax\nmovl $CONTROL, %edx", disk=True,
        answer="0xFF"),
    Row("rtc-seconds", READ, "movb $0, %al\noutb %al, $0x70\ninb $0x71, %al", unit="index, data"),
    Row("rtc-status-a", READ, "movb $0x0A, %al\noutb %al, $0x70\ninb $0x71, %al", unit="index, data"),
    Row("pci-config", READ,
        "movl $0x80000000, %eax\nmovl $0xCF8, %edx\noutl %eax, %dx\nmovl $0xCFC, %edx\ninl %dx, %eax",
        unit="address, data", answer="-1"),
    Row("e1000-status", READ, f"movl {CARD + 0x08:#x}, %eax", CARD_ON, answer="-1", both=E1000),
    Row("e1000-causes", READ, f"movl {CARD + 0xC0:#x}, %eax", CARD_ON, answer="-1", both=E1000),
    Row("rtl8139-status", READ, f"movw {CARD + 0x3E:#x}, %ax", RTL8139_ON, answer="-1", both=RTL8139),
    Row("lapic-eoi", WRITE, f"movl $0, {LAPIC + 0xB0:#x}"),
    Row("lapic-tpr-write", WRITE, f"movl $0x20, {LAPIC + 0x80:#x}"),
    Row("hpet-status", WRITE, f"movl $1, {HPET + 0x20:#x}", HPET_ON),
    Row("e1000-mask", WRITE, f"movl $-1, {CARD + 0xD8:#x}\nmovl $1, {CARD + 0xD0:#x}", CARD_ON, unit="clear, set",
        both=E1000),
    Row("e1000-rx-tail", WRITE, f"movl $7, {CARD + 0x2818:#x}", CARD_ON, both=E1000),
    Row("rtl8139-mask", WRITE, f"movw $0, {CARD + 0x3C:#x}\nmovw $0x15, {CARD + 0x3C:#x}", RTL8139_ON,
        unit="clear, set", both=RTL8139),
    _write_port("pic-eoi", 0x20, 0x20),
    _write_port("pic-mask", 0x21, 0xFB),
    _write_port("uart-thr", 0x2F8, ord("x")),
    _write_port("pit-latch", 0x43, 0),
    _write_port("cmos-index", 0x70, 0x0A),
    Row("pci-address", WRITE, "outl %eax, %dx", "movl $0xCF8, %edx\nmovl $0x80000000, %eax"),
    Row("vga-crtc", WRITE, "movb $0x0E, %al\noutb %al, %dx\nincl %edx\noutb %al, %dx\ndecl %edx", "movl $0x3D4, %edx",
        unit="index, data", qemu=("-vga", "std")),
    _write_port("port80", 0x80, 0),
    Row("ide-words", WRITE, _sectors("0x30", "13: lodsw\noutw %ax, %dx\nloop 13b"), IDE, per=256 * SECTORS, unit="word",
        disk=True),
    Row("rep-outsw", SECTOR, _sectors("0x30", "rep outsw"), IDE, per=SECTORS, unit="sector", disk=True),
    Row("rep-insw", SECTOR, _sectors("0x20", "rep insw"), IDE, per=SECTORS, unit="sector", disk=True),
    _paste("paste", 0x00),
    _paste("paste-fifo", 0x07),
    Row("apic-lock", LOCK, f"""
        movl    {LAPIC + 0x20:#x}, %eax
        movl    $1, %ebx
11:     xchgl   %ebx, lock_word
        testl   %ebx, %ebx
        jnz     11b
        movl    {LAPIC + 0x20:#x}, %eax
        movl    $0, lock_word
""", count=LOCKED, unit="take, free"),
)  # fmt: skip


def source(includes: str) -> str:
    """The guest: its parts come from the folder `includes`."""
    return guest_of(
        ROWS,
        f"""
        .include "{includes}/pc.inc"
        .include "{includes}/ide.inc"
        .set SECTORS, {SECTORS}
        .section .bss
        .balign 4
lock_word: .skip 4
""",
    )


def guest_of(rows: Sequence[Row], head: str) -> str:
    """A guest that runs one of these rows; `head` includes what they use, `pc.inc` first."""
    common = f"""
        .section .rodata
        .balign 4
{PARAMETERS}: .long 0, 0, 0
rows:   .long   {", ".join(f"row_{number}" for number in range(len(rows)))}
        .text
main:
        call    pic_init
        timer_rate 65536
        movl    {PARAMETERS}, %eax
        jmp     *rows(,%eax,4)

ready_to_go:
        pushl   %eax
        pushl   %edx
        outport COM1, 'R'
        movl    $COM1 + 5, %edx
1:      inb     %dx, %al
        testb   $1, %al
        jz      1b
        movl    $COM1, %edx
        inb     %dx, %al
        popl    %edx
        popl    %eax
        ret
"""
    return head + common + "".join(_loops(number, row) for number, row in enumerate(rows))


def _loops(number: int, row: Row) -> str:
    answered = f"cmpl ${row.answer}, %eax\nfail_if e, {number}" if row.answer else ""
    return f"""
row_{number}:
        {row.setup}
        call    ready_to_go
        movl    {PARAMETERS} + 4, %ecx
        cmpl    $0, {PARAMETERS} + 8
        je      2f
1:      {row.body}
        decl    %ecx
        jnz     1b
        {answered}
        jmp     pass
2:      {row.without}
        decl    %ecx
        jnz     2b
        jmp     pass
"""
