"""Looking at memory as a debugger does: nothing is changed, no device register is read, no accessed bit is set.

`seen` is for people: it also shows what a device answers like memory (`Range.look`), as a VGA's window at A0000h while
its planes are behind registers. `read` is memory alone, as page tables and code are taken from nothing else.
"""

from functools import cache

from playhead.hw.memory import OFFSET_MASK, PAGE, READ, WRITE
from playhead.machine.machine import Machine
from playhead.x86.system import cpuid
from playhead.x86.disasm import Disassembler
from playhead.x86.system.page_walk import (
    ABOVE,
    BIT_21,
    BITS_20_13,
    BITS_20_17,
    EFER_NXE,
    LARGE,
    NO_EXECUTE,
    PAT_LARGE,
    PAT_SMALL,
    PRESENT,
    TABLE,
)
from playhead.x86.system.paging import PAE, PG, PSE

BIG = 1 << 22  # of a code segment's attributes: 32-bit code
LONGEST = 16  # bytes that an instruction may have, and one more


def translate(machine: Machine, linear: int) -> int | None:
    """The physical address by the page tables as they are, without a trace; None if there is none, also because a
    reserved bit is set or because it is 4 GiB or above, where no board of ours has anything."""
    core = machine.core
    if not core.get("cr0") & PG:
        return linear & core.get("a20_mask")
    physical = (_pae if core.get("cr4") & PAE else _two_levels)(machine, linear)
    return None if physical is None or physical >> 32 else physical & core.get("a20_mask")


def _two_levels(machine: Machine, linear: int) -> int | None:
    core = machine.core
    has = core.get("cpuid", cpuid.FEATURE_WORD)
    no_pat = not has & cpuid.FEATURES["pat"]
    entry = _entry(machine, (core.get("cr3") & 0xFFFFF000) + (linear >> 22) * 4, 4)
    if not entry & PRESENT:
        return None
    if entry & LARGE and core.get("cr4") & PSE:
        high = (entry & BITS_20_13) >> 13 if has & cpuid.FEATURES["pse36"] else 0
        reserved = BIT_21 | (BITS_20_17 if has & cpuid.FEATURES["pse36"] else BITS_20_13) | no_pat * PAT_LARGE
        return None if entry & reserved else high << 32 | (entry & 0xFFC00000) | (linear & 0x3FFFFF)
    entry = _entry(machine, (entry & 0xFFFFF000) + (linear >> 12 & 0x3FF) * 4, 4)
    if not entry & PRESENT or entry & no_pat * PAT_SMALL:
        return None
    return (entry & 0xFFFFF000) | (linear & 0xFFF)


def _pae(machine: Machine, linear: int) -> int | None:
    core = machine.core
    reserved = ABOVE | (0 if core.get("efer") & EFER_NXE else NO_EXECUTE)
    no_pat = not core.get("cpuid", cpuid.FEATURE_WORD) & cpuid.FEATURES["pat"]
    entry = core.get("pdpte", linear >> 30)
    if not entry & PRESENT:
        return None
    entry = _entry(machine, (entry & TABLE) + (linear >> 21 & 0x1FF) * 8, 8)
    if not entry & PRESENT or entry & reserved:
        return None
    if entry & LARGE:
        wrong = entry & (BITS_20_13 | no_pat * PAT_LARGE)
        return None if wrong else (entry & TABLE & ~0x1FFFFF) | (linear & 0x1FFFFF)
    entry = _entry(machine, (entry & TABLE) + (linear >> 12 & 0x1FF) * 8, 8)
    if not entry & PRESENT or entry & reserved or entry & no_pat * PAT_SMALL:
        return None
    return (entry & TABLE) | (linear & 0xFFF)


def _entry(machine: Machine, address: int, size: int) -> int:
    """An entry of a table; all ones where there is no memory, as the processor reads it."""
    data = b"" if address >> 32 else read(machine, address & machine.core.get("a20_mask"), size, physical=True)
    return int.from_bytes(data, "little") if len(data) == size else (1 << 8 * size) - 1


def disassemble(machine: Machine, linear: int, eip: int, physical: bool = False) -> tuple[str, int]:
    """`01 d8  add eax, ebx` for the instruction at an address that has this EIP, and its length; 0 where there is no
    memory.
    """
    code = read(machine, linear, LONGEST, physical)
    if not code:
        return "(no memory there)", 0
    found = _disassembler().one(code, eip, is_big(machine))
    return f"{code[: found.length or 1].hex(' ')}  {found.text}", found.length or 1


@cache
def _disassembler() -> Disassembler:
    """One for all: to make it takes many times as long as to use it."""
    return Disassembler()


def is_big(machine: Machine) -> bool:
    """Whether code has 32-bit operands and addresses."""
    return bool(machine.core.seg("cs", "attr") & BIG)


def instruction_text(machine: Machine) -> str:
    """The instruction that is next: `0008:c0100000  01 d8  add eax, ebx`."""
    core = machine.core
    eip, selector = core.get("eip"), core.seg("cs", "sel")
    where = f"{selector:04x}:{eip:0{8 if is_big(machine) or eip > 0xFFFF else 4}x}"
    return f"{where}  {disassemble(machine, (core.seg('cs', 'base') + eip) & 0xFFFFFFFF, eip)[0]}"


def instruction_bytes_text(machine: Machine, eip: int, code: bytes) -> str:
    """The same for an instruction that was read from the code segment before, by its EIP and bytes."""
    found = _disassembler().one(code.ljust(LONGEST, b"\0"), eip, is_big(machine))
    return f"{machine.core.seg('cs', 'sel'):04x}:{eip:08x}  {code.hex(' ')}  {found.text}"


def pieces(machine: Machine, address: int, length: int, physical: bool) -> list[tuple[int, int]]:
    """(physical address, bytes) page by page, up to where there is no memory any more."""
    out = []
    while length > 0:
        address &= 0xFFFFFFFF
        n = min(length, PAGE - address % PAGE)
        at = address if physical else translate(machine, address)
        if at is None or not machine.memory.page_map[at >> 12] & READ:
            break
        out.append((at, n))
        address, length = address + n, length - n
    return out


def read(machine: Machine, address: int, length: int, physical: bool = False) -> bytes:
    """Bytes at a linear or physical address; fewer where memory ends."""
    out = bytearray()
    for at, n in pieces(machine, address, length, physical):
        start = (machine.memory.page_map[at >> 12] & OFFSET_MASK) + at % PAGE
        out += machine.memory.area[start : start + n]
    return bytes(out)


def seen(machine: Machine, address: int, length: int, physical: bool = False) -> bytes:
    """The same, and what devices show that answer like memory."""
    out = read(machine, address, length, physical)
    while len(out) < length:
        here = (address + len(out)) & 0xFFFFFFFF
        at = here if physical else translate(machine, here)
        shown = b"" if at is None else _shown(machine, at, min(length - len(out), PAGE - here % PAGE))
        if not shown:
            break
        out += shown
        out += read(machine, here + len(shown), length - len(out), physical)
    return out


def _shown(machine: Machine, at: int, length: int) -> bytes:
    """By a device, in one page."""
    there = machine.memory.mmio.find(at)
    if there is None or there.look is None:
        return b""
    return there.look(at, min(length, there.base + there.length - at))


def write(machine: Machine, address: int, data: bytes, physical: bool = False) -> bool:
    """Change memory of a machine that is not recorded; False (and nothing done) where there is none, or only ROM."""
    places = pieces(machine, address, len(data), physical)
    if sum(n for _, n in places) != len(data) or not all(machine.memory.page_map[at >> 12] & WRITE for at, _ in places):
        return False
    for at, n in places:
        machine.memory.write(at, data[:n], "gdb")
        data = data[n:]
    return True
