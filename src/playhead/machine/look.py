"""Looking at memory as a debugger does: nothing is changed, no device register is read, no accessed bit is set."""

from functools import cache

from playhead.hw.memory import OFFSET_MASK, PAGE, READ, WRITE
from playhead.machine.machine import Machine
from playhead.x86.disasm import Disassembler

PG, PSE, LARGE = 0x80000000, 0x10, 0x80
BIG = 1 << 22  # of a code segment's attributes: 32-bit code
LONGEST = 16  # bytes that an instruction may have, and one more


def translate(machine: Machine, linear: int) -> int | None:
    """The physical address by the page tables as they are, without a trace; None if there is none."""
    core = machine.core
    physical = linear
    if core.get("cr0") & PG:
        entry = _dword(machine, (core.get("cr3") & 0xFFFFF000) + (linear >> 22) * 4)
        if entry is None or not entry & 1:
            return None
        if entry & LARGE and core.get("cr4") & PSE:
            physical = (entry & 0xFFC00000) | (linear & 0x3FFFFF)
        else:
            entry = _dword(machine, (entry & 0xFFFFF000) + (linear >> 12 & 0x3FF) * 4)
            if entry is None or not entry & 1:
                return None
            physical = (entry & 0xFFFFF000) | (linear & 0xFFF)
    return physical & core.get("a20_mask")


def _dword(machine: Machine, address: int) -> int | None:
    data = read(machine, address, 4, physical=True)
    return int.from_bytes(data, "little") if len(data) == 4 else None


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


def write(machine: Machine, address: int, data: bytes, physical: bool = False) -> bool:
    """Change memory of a machine that nobody records; False (and nothing done) where there is none, or only ROM."""
    places = pieces(machine, address, len(data), physical)
    if sum(n for _, n in places) != len(data) or not all(machine.memory.page_map[at >> 12] & WRITE for at, _ in places):
        return False
    for at, n in places:
        machine.memory.write(at, data[:n], "gdb")
        data = data[n:]
    return True
