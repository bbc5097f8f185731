"""`info mtree`, `ramblock`, `roms` and `memory_size_summary`: what answers where, from the spaces and the page map."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.devices.system.fw_cfg import FILE_DIR, NAME_SIZE
from playhead.hw.memory import OFFSET_MASK, PAGE, PAGES, READ, WRITE
from playhead.hw.space import Space
from playhead.machine.machine import Machine
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.timeline.debuggee import Debuggee

FLAT, LATER = "-f", ("-d", "-o", "-D")
MOVED_PRIORITY = 1  # a range that the guest places lies over fixed ones
LAST = (1 << 64) - 1


class Extent(NamedTuple):
    """Addresses [start, end] of a space and what answers there; `at`: the first byte's place in its region."""

    start: int
    end: int
    kind: str
    name: str
    priority: int = 0
    at: int = 0


def commands(target: Debuggee) -> tuple[Command, ...]:
    memory = MemoryMap(target)
    return (
        Command(("info mtree",), "[-f]", "show memory tree (-f: the flat view, what answers each address now)",
                memory.tree),
        Command(("info ramblock",), "", "show the pieces of memory behind the machine", memory.blocks),
        Command(("info roms",), "", "show roms", memory.roms),
        Command(("info memory_size_summary",), "", "show the amount of memory in bytes", memory.summary),
    )  # fmt: skip


class MemoryMap:
    def __init__(self, target: Debuggee):
        self._target = target

    def tree(self, words: list[str], say: Say) -> None:
        if words and words[0] in LATER:
            raise UsageError(f"info mtree {words[0]} is not supported: ranges have no owners or dispatch tables here")
        if words not in ([], [FLAT]):
            raise Misunderstood("usage: info mtree [-f]")
        machine = self._target.machine
        for title, root, last, found in (
            ("I/O", "io", 0xFFFF, _flat(machine.board.io) if words else _ranges(machine.board.io)),
            ("memory", "system", LAST, _memory(machine, bool(words))),
        ):
            say(f"address-space: {title}")
            say(f"  {0:016x}-{last:016x} (prio 0, i/o): {root}")
            for one in found:
                offset = f" @{one.at:016x}" if one.at else ""
                say(f"    {one.start:016x}-{one.end:016x} (prio {one.priority}, {one.kind}): {one.name}{offset}")
            say("")

    def blocks(self, words: list[str], say: Say) -> None:
        say(f"{'Block Name':>24} {'PSize':>8} {'Offset':>19} {'Used':>18} {'Total':>18}")
        for region in self._target.machine.board.regions:
            size = f"{region.length:#018x}"
            say(f"{region.name:>24} {'4 KiB':>8}  {region.offset:#018x} {size} {size}")

    def roms(self, words: list[str], say: Say) -> None:
        machine = self._target.machine
        found = [(base, length, name) for base, length, name in _rom_places(machine)]
        for base, length, name in found:
            say(f'addr={base:016x} size={length:#08x} mem=rom name="{name}"')
        for name, length in _firmware_files(machine):
            say(f'fw={shown(name)} size={length:#08x} name="{shown(name)}"')

    def summary(self, words: list[str], say: Say) -> None:
        say(f"base memory: {self._target.machine.config.ram_bytes}")
        say("plugged memory: 0")


def _ranges(space: Space) -> Iterator[Extent]:
    """All ranges, also where others lie over them."""
    for r in sorted(space.ranges(), key=lambda r: (r.base, r.length)):
        yield Extent(r.base, r.base + r.length - 1, "i/o", r.name, MOVED_PRIORITY if r.moves else 0)


def _flat(space: Space) -> Iterator[Extent]:
    pieces = space.pieces()
    for n, (start, owner) in enumerate(pieces):
        end = pieces[n + 1][0] if n + 1 < len(pieces) else space.size
        if owner is not None:
            yield Extent(start, end - 1, "i/o", owner.name, MOVED_PRIORITY if owner.moves else 0, start - owner.base)


def _memory(machine: Machine, flat: bool) -> list[Extent]:
    """RAM and ROM as the page map shows them, and the register ranges: those that are behind neither, if `flat`."""
    shown_pages = list(_pages(machine))
    registers = (one for one in _flat(machine.memory.mmio)) if flat else _ranges(machine.memory.mmio)
    behind = [one for one in registers if not flat or not any(p.start <= one.start <= p.end for p in shown_pages)]
    return sorted([*shown_pages, *behind])


def _pages(machine: Machine) -> Iterator[Extent]:
    """Runs of pages that show one region in order."""
    page_map, run, expected = machine.memory.page_map, None, -1
    for page in range(PAGES):
        entry = page_map[page]
        if not entry & READ and run is None:
            continue
        key = entry & (OFFSET_MASK | WRITE | READ)
        if run is not None and key != expected:
            yield _extent(machine, *run, page)
            run = None
        if run is None and entry & READ:
            run = page, key
        expected = key + PAGE
    if run is not None:
        yield _extent(machine, *run, PAGES)


def _extent(machine: Machine, first: int, entry: int, end: int) -> Extent:
    at = entry & OFFSET_MASK
    region = next((r for r in machine.board.regions if r.offset <= at < r.offset + r.length), None)
    name, offset = (region.name, at - region.offset) if region is not None else ("memory", at)
    return Extent(first * PAGE, end * PAGE - 1, "ram" if entry & WRITE else "rom", name, 0, offset)


def _rom_places(machine: Machine) -> Iterator[tuple[int, int, str]]:
    """(address, length, name) of the read-only pieces that are visible."""
    for one in _pages(machine):
        if one.kind == "rom":
            yield one.start, one.end - one.start + 1, one.name


def _firmware_files(machine: Machine) -> Iterator[tuple[str, int]]:
    """(name, length) of the files that firmware finds in fw_cfg."""
    listing = machine.board.firmware_items.get(FILE_DIR, bytes(4))
    for n in range(struct.unpack_from(">I", listing)[0]):
        length, _, _, name = struct.unpack_from(f">IHH{NAME_SIZE}s", listing, 4 + n * (8 + NAME_SIZE))
        yield name.rstrip(b"\0").decode("ascii", "backslashreplace"), length
