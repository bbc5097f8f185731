"""Which accesses of a unit share a look into the host table.

Accesses to one base and constants beside it lie mostly in one page: the first of them looks whether the range of all
is there, with the rights that any of them needs. Where it lies on two pages, it is there if the host has these side by
side; else the unit is left.
"""

from __future__ import annotations

from typing import NamedTuple

from playhead.engine.llvm.tier2.steps import Load, Step, Store
from playhead.engine.llvm.tier2.values import Node

MOST = 256  # bytes from the first to the last of a window: the longer, the more often it lies on two pages


class Window(NamedTuple):
    """A range of `size` bytes from `base` + `low` on."""

    base: Node
    low: int
    size: int
    writes: bool
    system: bool  # at the privilege of the processor itself
    single: bool  # one access only


def split(address: Node) -> tuple[Node, int]:
    """An address as a base and a signed constant."""
    if address.kind == "add" and address.args[1].const is not None:
        offset = address.args[1].const
        return address.args[0], offset - (1 << address.bits) if offset >> (address.bits - 1) else offset
    return address, 0


def windows(steps: list[Step]) -> dict[int, Window]:
    """The window of each access, by its number in the steps."""
    places: dict[tuple, list[tuple[int, int, bool, int]]] = {}
    for n, step in enumerate(steps):
        if isinstance(step, Load | Store):
            base, offset = split(step.address)
            system = "s" in step.mode
            writes = isinstance(step, Store) or "w" in step.mode
            places.setdefault((base, system), []).append((offset, step.bits // 8, writes, n))
    found: dict[int, Window] = {}
    for (base, system), accesses in places.items():
        accesses.sort()
        while accesses:
            low = accesses[0][0]
            near = [a for a in accesses if a[0] + a[1] - low <= MOST]
            accesses = accesses[len(near) :]
            size = max(offset + size for offset, size, _, _ in near) - low
            single = all((offset, length) == near[0][:2] for offset, length, _, _ in near)
            window = Window(base, low, size, any(w for _, _, w, _ in near), system, single)
            found.update((n, window) for *_, n in near)
    return found
