"""`info registers`, `cpus`, `mem`, `tlb`, `lapic` and translation: the processor as QEMU's monitor prints it."""

from collections.abc import Iterator

from playhead.base.errors import UsageError
from playhead.machine import look, registers
from playhead.machine.machine import Machine
from playhead.machine.mappings import Mapping, mappings, runs
from playhead.monitor.commands import Command, Misunderstood, Say, number
from playhead.monitor.expressions import Parser
from playhead.timeline.debuggee import Debuggee

GENERAL = (("eax", "ebx", "ecx", "edx"), ("esi", "edi", "ebp", "esp"))
SEGMENTS = {"es": "ES", "cs": "CS", "ss": "SS", "ds": "DS", "fs": "FS", "gs": "GS", "ldtr": "LDT", "tr": "TR"}
FLAGS = ((0x400, "D"), (0x800, "O"), (0x80, "S"), (0x40, "Z"), (0x10, "A"), (0x4, "P"), (0x1, "C"))
PROTECTED, PAGING = 1, 1 << 31  # of CR0
PAE = 0x20  # of CR4
PRESENT, ORDINARY, CODE, BIG = 1 << 15, 1 << 12, 1 << 11, 1 << 22  # of a segment's attributes
ATTRIBUTES = 0x00FFFF00
SYSTEM_TYPES = (
    "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16",
    "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32",
)  # fmt: skip
# of a translation, as `info tlb` shows them
TLB_FLAGS = ((1 << 63, "X"), (0x100, "G"), (0x80, "P"), (0x40, "D"), (0x20, "A"), (0x10, "C"), (0x8, "T"), (0x4, "U"),
             (0x2, "W"))  # fmt: skip
LARGE, USER, WRITABLE = 0x80, 0x4, 0x2


def commands(target: Debuggee) -> tuple[Command, ...]:
    cpu = Processor(target)
    return (
        Command(("info registers", "info r"), "[-a|vcpu]", "show the cpu registers", cpu.registers),
        Command(("info cpus",), "", "show infos for each CPU", cpu.cpus),
        Command(("cpu",), "index", "set the default CPU", cpu.choose),
        Command(("info mem",), "", "show the active virtual memory mappings", cpu.memory),
        Command(("info tlb",), "", "show virtual to physical memory mappings", cpu.translations),
        Command(("info lapic",), "[apic-id]", "show local apic state", cpu.lapic),
        Command(("gva2gpa",), "addr...", "print the guest physical address of a guest virtual address", cpu.physical),
    )  # fmt: skip


def register_lines(machine: Machine) -> Iterator[str]:
    """All of them, as QEMU's `info registers` and its log have them."""

    def read(name: str) -> int:
        found = registers.reader(name)
        assert found is not None, name
        return found(machine)

    def row(*names: str) -> str:
        return " ".join(f"{name.upper()}={read(name):08x}" for name in names)

    for names in GENERAL:
        yield row(*names)
    yield _state(machine)
    for name, title in SEGMENTS.items():
        yield f"{title:<3}={_segment(machine, name)}"
    for name in ("gdt", "idt"):
        yield f"{name.upper()}=     {read(name + 'r_base'):08x} {read(name + 'r_limit'):08x}"
    yield row("cr0", "cr2", "cr3", "cr4")
    if read("cr4") & PAE:
        yield " ".join(f"PDPTE{n}={read(f'pdpte{n}'):016x}" for n in range(4))
    yield row("dr0", "dr1", "dr2", "dr3") + " "
    yield row("dr6", "dr7")
    yield f"EFER={read('efer'):016x}"
    yield from _x87(machine, read("fctrl"), read("fstat"), read("ftag"))


def _state(machine: Machine) -> str:
    core, flags = machine.core, machine.core.eflags
    letters = "".join(letter if flags & bit else "-" for bit, letter in FLAGS)
    shadow = int(core.get("inhibit_icount") == machine.icount)
    return (f"EIP={core.get('eip'):08x} EFL={flags:08x} [{letters}] CPL={core.get('cpl')} II={shadow} "
            f"A20={int(machine.memory.a20)} SMM=0 HLT={core.get('halted')}")  # fmt: skip


def _segment(machine: Machine, name: str) -> str:
    core = machine.core
    attributes = core.seg(name, "attr") & ATTRIBUTES
    text = f"{core.seg(name, 'sel'):04x} {core.seg(name, 'base'):08x} {core.seg(name, 'limit'):08x} {attributes:08x}"
    if not core.get("cr0") & PROTECTED or not attributes & PRESENT:
        return text
    return f"{text} DPL={attributes >> 13 & 3} {_kind(attributes)}"


def _x87(machine: Machine, control: int, status: int, tags: int) -> Iterator[str]:
    core = machine.core
    full = sum((tags >> 2 * at & 3 != 3) << at for at in range(8))
    yield f"FCW={control:04x} FSW={status:04x} [ST={core.get('ftop')}] FTW={full:02x}"
    cells = [f"FPR{n}={core.get('fpr', 2 * n):016x} {core.get('fpr', 2 * n + 1) & 0xFFFF:04x}" for n in range(8)]
    for n in range(0, 8, 2):
        yield " ".join(cells[n : n + 2])


class Processor:
    def __init__(self, target: Debuggee):
        self._target = target

    def _read(self, name: str) -> int:
        return self._target.read_register(name)

    def registers(self, words: list[str], say: Say) -> None:
        if words and words != ["-a"] and words[0] != "0":
            say(f"CPU#{number(words[0], 'the CPU')} not available")
            return
        for line in ("", "CPU#0", *register_lines(self._target.machine)):
            say(line)

    def cpus(self, words: list[str], say: Say) -> None:
        say("* CPU #0: thread_id=0 (the machine has no thread of its own)")

    def choose(self, words: list[str], say: Say) -> None:
        if words[0] != "0":
            raise UsageError("invalid CPU index")

    # translation

    def _mappings(self, say: Say) -> list[Mapping] | None:
        if not self._read("cr0") & PAGING:
            say("PG disabled")
            return None
        return list(mappings(self._target.machine))

    def translations(self, words: list[str], say: Say) -> None:
        for one in self._mappings(say) or ():
            letters = "".join(letter if one.flags & bit else "-" for bit, letter in TLB_FLAGS)
            say(f"{one.linear:016x}: {one.physical:016x} {letters}")

    def memory(self, words: list[str], say: Say) -> None:
        found = self._mappings(say)
        for start, end, rights in runs(found or ()):
            say(f"{start:016x}-{end:016x} {end - start:016x} "
                f"{'u' if rights & USER else '-'}r{'w' if rights & WRITABLE else '-'}")  # fmt: skip

    def physical(self, words: list[str], say: Say) -> None:
        parser = Parser(self._target, " ".join(words))
        address = parser.expression().address
        if parser.rest:
            raise Misunderstood(f"gva2gpa: '{parser.rest}' is too much")
        found = look.translate(self._target.machine, address)
        say("Unmapped" if found is None else f"gpa: {found:#x}")

    # the local APIC

    def lapic(self, words: list[str], say: Say) -> None:
        if words and words[0] != "0":
            raise UsageError(f"there is no local APIC {words[0]}; there is 0")
        from playhead.monitor.interrupts import lapic_lines

        for line in lapic_lines(self._target.machine):
            say(line)


def _kind(attributes: int) -> str:
    """What a segment register or a system segment holds: `CS32 [-R-]`."""
    kind = attributes >> 8 & 15
    if not attributes & ORDINARY:
        return SYSTEM_TYPES[kind]
    code, big = attributes & CODE, attributes & BIG
    first = ("CS32" if big else "CS16") if code else ("DS  " if big else "DS16")
    marks = (kind >> 2 & 1, kind >> 1 & 1, kind & 1)
    letters = zip("CRA" if code else "EWA", marks, strict=True)
    return f"{first} [{''.join(letter if on else '-' for letter, on in letters)}]"
