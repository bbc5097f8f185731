"""Places that a byte can be in: the processor's state block, guest memory by its place in the backing area.

A place is a number: bytes of the state block by their offset, bytes of memory from MEMORY on.
"""

from collections.abc import Iterable

from playhead.hw.memory import PAGE
from playhead.machine.differences import physical_page
from playhead.machine.machine import Machine
from playhead.x86 import state as S

MEMORY = 1 << 40
LATCH, LATCH_END = S.offset("latch"), S.offset("latch") + 8 * S.FIELDS["latch"].count
STORES, STORES_END = S.offset("stores"), S.offset("stores") + 8 * S.FIELDS["stores"].count
EIP, ZERO = S.offset("eip"), S.offset("zero")
FLAGS = frozenset(range(S.offset("fl_res"), S.offset("fl_res") + 4)) | frozenset(
    range(S.offset("fl_aux"), S.offset("fl_aux") + 4)
)
REGISTERS = {
    **{name: (S.offset("regs", n), 32) for n, name in enumerate(S.REG32)},
    **{name: (S.offset("regs", n), 16) for n, name in enumerate(S.REG16)},
    **{name: (S.offset("regs", n & 3) + (n >> 2), 8) for n, name in enumerate(S.REG8)},
}
_BASES = {4 * n + S.FIELDS["regs"].offset: name for n, name in enumerate(S.REG32)}


def is_register(place: int) -> bool:
    """Whether what is there stays in the processor from one instruction to the next, and is no constant."""
    return place < S.ARCH_END and not ZERO <= place < ZERO + 4


def _masks(places: Iterable[tuple[int, int]]) -> dict[int, int]:
    out: dict[int, int] = {}
    for place, bits in places:
        out[place] = out.get(place, 0) | bits
    return out


def texts(machine: Machine, places: Iterable[tuple[int, int]]) -> list[str]:
    """Places, each with the bits that are meant, in words: `eax`, `al`, `ebx[4:12]`, `flags`, `memory 0x1000:4`."""
    masks = _masks(places)
    out = _register_texts(masks)
    memory = sorted(place - MEMORY for place in masks if place >= MEMORY)
    for first, length in runs(memory):
        at = physical(machine, first)
        out.append(f"memory {at:#x}:{length}")
    return out


def _register_texts(masks: dict[int, int]) -> list[str]:
    out: list[str] = []
    for base, name in _BASES.items():
        bits = sum(masks.get(base + i, 0) << 8 * i for i in range(4))
        if bits:
            out += _register(name, bits)
    if any(place in masks for place in FLAGS):
        out.append("flags")
    if any(LATCH <= place < LATCH_END for place in masks):
        out.append("device")
    if any(STORES <= place < STORES_END for place in masks):
        out.append("device")
    for name, slot in S.FIELDS.items():
        if name in ("regs", "zero", "fl_res", "fl_aux", "latch", "stores"):
            continue
        size = slot.bits // 8
        for n in sorted({(p - slot.offset) // size for p in masks if 0 <= p - slot.offset < size * slot.count}):
            out.append(f"{name}[{n}]" if slot.count > 1 else name)
    return out


def _register(name: str, bits: int) -> list[str]:
    """Each run of bits: `al` where it is just that, else by numbers: `eax[8:20]`."""
    return [_bits(name, first, n) for first, n in runs([bit for bit in range(32) if bits >> bit & 1])]


def _bits(name: str, first: int, n: int) -> str:
    parts = {(0, 32): name, (0, 16): name[1:]}
    if name.endswith("x"):
        parts |= {(0, 8): f"{name[1]}l", (8, 8): f"{name[1]}h"}
    return parts.get((first, n)) or (f"{name}[{first}]" if n == 1 else f"{name}[{first}:{first + n}]")


def runs(sorted_numbers: list[int], gap: int = 0) -> list[tuple[int, int]]:
    """(first, length) of neighbours in an ascending list; gaps up to `gap` are taken in."""
    out: list[tuple[int, int]] = []
    for n in sorted_numbers:
        if out and n <= out[-1][0] + out[-1][1] + gap:
            out[-1] = (out[-1][0], n - out[-1][0] + 1)
        else:
            out.append((n, 1))
    return out


def physical(machine: Machine, at: int) -> int:
    """The guest-physical address of a byte of the backing area."""
    return physical_page(machine, at // PAGE) * PAGE + at % PAGE
