"""Checkpoints: the whole state of a machine at a moment, out of which it can be put back.

A checkpoint is the declared state of every part as bytes, and the pages that were written since the one before: pages
of the backing area by their numbers, and blocks of disks by keys above those (`log.pages.key_of`). It is taken between
two runs, changes nothing, and is restored into a machine made from the same configuration. ROMs belong to the
configuration.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from playhead.base.record import BytesLike
from playhead.hw.memory import CODE, OFFSET_MASK, PAGE
from playhead.log.moment import Moment
from playhead.log.pages import is_block
from playhead.machine.parts import Parts
from playhead.machine.storage import ABSENT

ZEROS = bytes(PAGE)
RUN = 256  # pages that are copied at once, at most


class Checkpoint(NamedTuple):
    """`parts`: cpu, tlb, machine, then each device by name. `pages`: area page number, or key of a disk's block -> its
    4096 bytes; ABSENT for a block that the guest has not written any more, after a `loadvm`.
    """

    moment: Moment
    parts: dict[str, bytes]
    pages: dict[int, BytesLike]


def unwritten(page: int) -> bytes:
    """What is in a page, or under a key, that was never written."""
    return ABSENT if is_block(page) else ZEROS


def _written_runs(machine: Parts) -> list[range]:
    """The pages of the backing area that were written since the last `written_pages`, in order; they stay so."""
    count = machine.memory.area_size // PAGE
    machine.engine.collect_written(count)
    dirty, runs = machine.core.dirty[:count] + b"\0", []
    start = dirty.find(b"\1")
    while start >= 0:
        end = dirty.find(b"\0", start)
        runs.append(range(start, end))
        start = dirty.find(b"\1", end)
    return runs


def _settled(machine: Parts, runs: Sequence[range]) -> None:
    """What was written until now is known."""
    for run in runs:
        machine.core.dirty[run.start : run.stop] = bytes(len(run))
    if machine.storage is not None:
        machine.storage.unsaved.clear()


def _pages_of(machine: Parts, runs: Sequence[range]) -> list[int]:
    pages = list(chain.from_iterable(runs))
    return pages if machine.storage is None else pages + sorted(machine.storage.unsaved)


def unsaved_pages(machine: Parts) -> list[int]:
    """The pages that were written since the last `written_pages`, in order; they stay so."""
    return _pages_of(machine, _written_runs(machine))


def written_pages(machine: Parts) -> list[int]:
    """The pages that were written since the last call, in order."""
    runs = _written_runs(machine)
    pages = _pages_of(machine, runs)
    _settled(machine, runs)
    return pages


def count_unsaved(machine: Parts) -> int:
    """How many there are of `unsaved_pages`, as far as a digest has seen them: cheap, for who often asks."""
    pages = machine.core.dirty[: machine.memory.area_size // PAGE].count(1)
    return pages if machine.storage is None else pages + len(machine.storage.unsaved)


def note_written(machine: Parts, page: int) -> None:
    """Let a page count as written since the last `written_pages`."""
    if not is_block(page):
        machine.core.dirty[page] = 1
    elif machine.storage is not None:
        machine.storage.unsaved.add(page)


def page_of(machine: Parts, page: int) -> bytes:
    if is_block(page):
        return machine.storage.content(page) if machine.storage is not None else ABSENT
    return bytes(machine.memory.area[page * PAGE : (page + 1) * PAGE])


def _contents_of(machine: Parts, runs: Sequence[range]) -> dict[int, BytesLike]:
    """What is in these pages of the backing area. Neighbours are copied at once: one copy of many pages takes a
    fraction of many copies of one.
    """
    contents: dict[int, BytesLike] = {}
    area = machine.memory.area
    for run in runs:
        for first in range(run.start, run.stop, RUN):
            end = min(first + RUN, run.stop)
            copy = memoryview(area[first * PAGE : end * PAGE])
            contents.update((first + n, copy[n * PAGE : (n + 1) * PAGE]) for n in range(end - first))
    return contents


def save_parts(machine: Parts) -> dict[str, bytes]:
    machine.state.deadlines = machine.clock.save()
    parts = {"cpu": machine.core.save(), "tlb": machine.core.save_tlb(), "machine": machine.state.encode()}
    for name, device in machine.board.devices.items():
        parts[name] = device.save()
    return parts


def take(machine: Parts) -> Checkpoint:
    """A checkpoint of now, with what was written since the last one."""
    runs = _written_runs(machine)
    pages = _contents_of(machine, runs)
    if machine.storage is not None:
        pages.update((block, page_of(machine, block)) for block in sorted(machine.storage.unsaved))
    _settled(machine, runs)
    return Checkpoint(Moment(machine.icount, machine.seq), save_parts(machine), pages)


def restore(machine: Parts, parts: Mapping[str, bytes], pages: Mapping[int, bytes]) -> None:
    """Put a machine into a saved state. `pages` are all that differ from what it holds now."""
    machine.requests.stop = None
    _put_pages(machine, {page: data for page, data in pages.items() if not is_block(page)})
    for name, device in machine.board.devices.items():
        device.load(parts[name])
    machine.board.loaded()
    machine.core.load(parts["cpu"])
    machine.core.load_tlb(parts["tlb"])
    for name in ("latch_n", "latch_i", "store_n", "exit_reason", "hit_n", "told"):
        machine.core.set(name, 0)
    machine.state.decode_into(parts["machine"])
    machine.clock.load(machine.state.deadlines)
    machine.core.stale = True
    if machine.storage is not None:
        blocks = {page: data for page, data in pages.items() if is_block(page)}
        machine.storage.put_back(blocks, machine.board.in_flight())


def restore_here(machine: Parts, parts: Mapping[str, bytes], pages: Mapping[int, bytes]) -> None:
    """Put a machine into a saved state without going back to its moment: `icount` stays, `seq` moves on by one, and
    virtual time becomes what it was there, so the guest cannot tell. `pages` as for `restore`.
    """
    here, seq = machine.icount, machine.seq
    restore(machine, parts, pages)
    machine.count_from(here, seq + 1)


def _put_pages(machine: Parts, pages: Mapping[int, bytes]) -> None:
    memory = machine.memory
    shown = _shown_elsewhere(machine)
    for page, data in pages.items():
        memory.area[page * PAGE : (page + 1) * PAGE] = data
        machine.core.dirty[page] = 1
        if page in memory.shared:  # known by the area's page alone, whoever shows it
            memory.unhashed[page] = 1
            continue
        for guest_page in shown.get(page, [page]):
            entry = memory.page_map[guest_page]
            if (entry & OFFSET_MASK) == page * PAGE:
                if entry & CODE:
                    memory.code_written(guest_page)
                memory.mark_written(guest_page)


def _shown_elsewhere(machine: Parts) -> dict[int, list[int]]:
    """Area page -> guest pages that may show it, where that is not just the one of the same number: below 1 MiB.
    (Windows above show ROMs, which never change, and video memory.)"""
    shown: dict[int, list[int]] = {}
    for guest_page in range(0x100):
        area_page = (machine.memory.page_map[guest_page] & OFFSET_MASK) // PAGE
        if area_page != guest_page:
            shown.setdefault(area_page, [area_page]).append(guest_page)
    return shown
