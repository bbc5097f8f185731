"""What firmware does for PCI functions, on a machine that starts without any: places for their ranges, the interrupt
that each is connected to, and decoding switched on.

The places are those that SeaBIOS finds: ports from C000h on and memory up to the chipset's registers at FEC00000h,
each kind in the order of size, the largest first, and of equal ones in the order of slots. Memory that may be
prefetched is a kind of its own; of the two, the one that takes less is nearer to the end. So a system finds a card
where it would with firmware.

Sources: PCI Local Bus Specification 2.1, section 6.2; SeaBIOS's places as its log and QEMU's `info pci` show them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from playhead.devices.pci.bus import (
    BAR0, COMMAND, COMMAND_IO, COMMAND_MEMORY, FIRST_FREE, INTERRUPT_LINE, INTERRUPT_PIN, PciFunction,
)  # fmt: skip
from playhead.devices.pci.expansion_rom import ROM_BAR, PciCard

PORTS_FROM, MEMORY_TO = 0xC000, 0xFEC00000
PAGE = 4096  # no two functions share a page of memory
LINE_OF_PIRQ = (10, 10, 11, 11)

Functions = Sequence[tuple[int, PciFunction[Any]]]


class Wanted(NamedTuple):
    """A range that the register at `offset` places."""

    function: PciFunction[Any]
    offset: int
    length: int
    io: bool
    prefetch: bool = False


class Write(NamedTuple):
    """To the configuration space of a function."""

    function: PciFunction[Any]
    offset: int
    size: int
    value: int


def writes(functions: Functions, pirq_of: Callable[[int, int], int]) -> Iterator[Write]:
    """`functions` are those on the bus by device and function number; `pirq_of` says how a slot's pin is wired."""
    wanted = [one for _, function in functions for one in _wanted(function)]
    yield from _placed([one for one in wanted if one.io], PORTS_FROM)
    end = MEMORY_TO
    kinds = ([one for one in wanted if not one.io and one.prefetch is prefetch] for prefetch in (False, True))
    for ranges in sorted((kind for kind in kinds if kind), key=lambda kind: sum(map(_pages, kind))):
        largest = max(map(_pages, ranges))
        end = (end - sum(map(_pages, ranges))) // largest * largest
        yield from _placed(ranges, end)
    for devfn, function in functions:
        slot, pin = devfn >> 3, function.word(INTERRUPT_PIN, 1)
        if pin and slot >= FIRST_FREE:  # the machine's own have interrupts of their own
            yield Write(function, INTERRUPT_LINE, 1, LINE_OF_PIRQ[pirq_of(slot, pin - 1)])
        decoded = {COMMAND_IO if one.io else COMMAND_MEMORY for one in wanted if one.function is function}
        if decoded:
            yield Write(function, COMMAND, 2, function.word(COMMAND) | sum(decoded))


def _wanted(function: PciFunction[Any]) -> Iterator[Wanted]:
    for bar in function.BARS:
        yield Wanted(function, BAR0 + 4 * bar.index, bar.length, bar.io, bar.prefetch)
    if isinstance(function, PciCard) and function.rom_length:
        yield Wanted(function, ROM_BAR, function.rom_length, io=False)


def _pages(one: Wanted) -> int:
    """How much memory a range takes."""
    return max(one.length, PAGE)


def _placed(ranges: Sequence[Wanted], start: int) -> Iterator[Write]:
    """Ranges of one kind, from here on. A range's length is its alignment."""
    lengths = {one: one.length if one.io else _pages(one) for one in ranges}
    for one in sorted(ranges, key=lambda one: -lengths[one]):
        yield Write(one.function, one.offset, 4, start)
        start += lengths[one]
