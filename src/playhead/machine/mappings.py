"""The translations that the page tables hold, as a debugger lists them: nothing is changed, no accessed bit is set.

`look.translate` follows one address and knows every reserved bit; here all tables are read, one page at a time.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from playhead.hw.memory import PAGE
from playhead.machine import look
from playhead.machine.machine import Machine
from playhead.x86.system.page_walk import LARGE, NO_EXECUTE, PRESENT, TABLE, USER, WRITE
from playhead.x86.system.paging import PAE, PSE

RIGHTS = USER | WRITE
BIG, MEDIUM = 1 << 22, 1 << 21  # bytes of a large page, without and with PAE


class Mapping(NamedTuple):
    """`flags`: the entry's bits, where LARGE says that it is a large page; `rights`: USER and WRITE as all entries
    together give them.
    """

    linear: int
    physical: int
    length: int
    flags: int
    rights: int


def mappings(machine: Machine) -> Iterator[Mapping]:
    """All of them in the order of their linear addresses, while paging is on."""
    core = machine.core
    return _pae(machine) if core.get("cr4") & PAE else _two_levels(machine)


def _two_levels(machine: Machine) -> Iterator[Mapping]:
    large = machine.core.get("cr4") & PSE
    for n, top in enumerate(_table(machine, machine.core.get("cr3"), 4)):
        if not top & PRESENT:
            continue
        if top & LARGE and large:
            high = (top >> 13 & 0xFF) << 32  # PSE-36
            yield Mapping(n * BIG, high | top & ~(BIG - 1), BIG, top & 0x1FFF, top & RIGHTS)
        else:
            yield from _pages(n * BIG, _table(machine, top, 4), top & RIGHTS, 0xFFFFF000)


def _pae(machine: Machine) -> Iterator[Mapping]:
    for quarter in range(4):
        pointer = machine.core.get("pdpte", quarter)
        for n, top in enumerate(_table(machine, pointer & TABLE, 8)) if pointer & PRESENT else ():
            linear = quarter << 30 | n * MEDIUM
            if not top & PRESENT:
                continue
            if top & LARGE:
                yield Mapping(linear, top & TABLE & ~(MEDIUM - 1), MEDIUM, _flags(top), top & RIGHTS)
            else:
                yield from _pages(linear, _table(machine, top & TABLE, 8), top & RIGHTS, TABLE)


def _pages(linear: int, table: Iterable[int], rights: int, address: int) -> Iterator[Mapping]:
    for n, entry in enumerate(table):
        if entry & PRESENT:
            flags = _flags(entry) & ~LARGE  # that bit is the PAT's here
            yield Mapping(linear + n * PAGE, entry & address, PAGE, flags, entry & rights)


def _flags(entry: int) -> int:
    return entry & (NO_EXECUTE | 0xFFF)


def _table(machine: Machine, at: int, size: int) -> tuple[int, ...]:
    """The entries of the table in that page; none where there is no memory."""
    at &= ~(PAGE - 1)
    data = b"" if at >> 32 else look.read(machine, at & machine.core.get("a20_mask"), PAGE, physical=True)
    return struct.unpack(f"<{PAGE // size}{'Q' if size == 8 else 'I'}", data) if len(data) == PAGE else ()


def runs(found: Iterable[Mapping]) -> Iterator[tuple[int, int, int]]:
    """(first address, the one behind the last, rights) of neighbours with the same rights."""
    run: tuple[int, int, int] | None = None
    for one in found:
        end = one.linear + one.length
        if run is not None and run[1] == one.linear and run[2] == one.rights:
            run = run[0], end, one.rights
            continue
        if run is not None:
            yield run
        run = one.linear, end, one.rights
    if run is not None:
        yield run


def spans(found: Iterable[Mapping]) -> Iterator[tuple[int, int, int]]:
    """(linear address, physical address, length) of neighbours in both."""
    run: tuple[int, int, int] | None = None
    for one in found:
        if run is not None and (run[0] + run[2], run[1] + run[2]) == one[:2]:
            run = run[0], run[1], run[2] + one.length
            continue
        if run is not None:
            yield run
        run = one[:3]
    if run is not None:
        yield run
