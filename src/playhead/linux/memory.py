"""Kernel memory by the kernel's own page tables, whichever process runs: of a machine, or of a recording's checkpoints.

The note names the kernel's top page table, by its virtual address; where that is in physical memory follows from where
32-bit kernels map it (a few splits are in use: the one by which the table maps itself), or from amd64's `phys_base`.
Nothing is changed by looking, and what is not there is missing from the answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from playhead.base.errors import UnknownKernel
from playhead.linux.vmcoreinfo import PAGE, Note, notes_in
from playhead.log.moment import Moment
from playhead.log.pages import is_block
from playhead.machine.machine import Machine

SPLITS = (0xC0000000, 0xB0000000, 0x80000000, 0x78000000, 0x40000000)  # where 32-bit kernels map physical address 0
MAPPED_64 = 0xFFFFFFFF80000000  # where amd64 maps its image
PRESENT, LARGE = 1, 0x80
ADDRESS = 0x000FFFFFFFFFF000
LONGEST_STRING = 4096
KEPT = 4096  # translations
AHEAD = 256  # pages of a recording that are fetched at once


class Physical(Protocol):
    def page(self, number: int) -> bytes | None:
        """A page of physical memory, or None where there is none."""
        ...


class MachinePages:
    """Of a machine as it is."""

    def __init__(self, machine: Machine):
        self._machine = machine

    def page(self, number: int) -> bytes | None:
        from playhead.machine.look import read

        data = read(self._machine, number * PAGE, PAGE, physical=True) if number < 1 << 20 else b""
        return data if len(data) == PAGE else None


class CheckpointPages:
    """Of the last checkpoint of a recording at or before a moment. RAM is the first part of the backing area, so a
    page's number there is its physical one; a page that was never written is empty.
    """

    def __init__(self, reader: Any, moment: Moment):
        self._reader = reader
        self._size = int(reader.meta["config"].get("ram_bytes", 0)) // PAGE
        self._hashes: dict[int, bytes] = {}
        for checkpoint in reader.checkpoints():
            if checkpoint.moment > moment:
                break
            pages = reader.checkpoint_pages(checkpoint)
            self._hashes.update({page: hash for page, hash in pages.items() if not is_block(page)})
        self._contents: dict[bytes, bytes] = {}

    def page(self, number: int) -> bytes | None:
        if number >= self._size:
            return None
        hash = self._hashes.get(number)
        if hash is None:
            return bytes(PAGE)
        if hash not in self._contents:  # what lies together is wanted together, and compressed together
            near = {self._hashes[n] for n in range(number, number + AHEAD) if n in self._hashes}
            self._contents.update(self._reader.pages(sorted(near - self._contents.keys())))
        return self._contents[hash]


class KernelMemory:
    """Reads by the kernel's virtual addresses. Raises UnknownKernel if its page tables are not found."""

    def __init__(self, pages: Physical, note: Note):
        self.note = note
        self.word = note.word
        self._page = lru_cache(maxsize=KEPT)(pages.page)
        self._translated = lru_cache(maxsize=KEPT)(self._walk)
        self._top = self._table()

    def _table(self) -> int:
        """The physical address of the kernel's top page table."""
        if self.word == 8:
            at = self.note.symbols.get("init_top_pgt", 0)
            base = self.note.numbers.get("NUMBER(phys_base)")
            if not at or base is None:
                raise UnknownKernel(f"Linux {self.note.release}: its note says nothing of init_top_pgt or phys_base")
            return at - MAPPED_64 + base
        at = self.note.symbols.get("swapper_pg_dir", 0)
        for split in SPLITS:
            self._top = at - split
            if at >= split and self._walk(at // PAGE) == (at - split) // PAGE:
                return at - split
        raise UnknownKernel(f"Linux {self.note.release}: its page tables (swapper_pg_dir) are not found in memory")

    def maps_kernel(self, top: int) -> bool:
        """Whether a physical address is that of a process's top page table: the kernel's code is where it is."""
        page = self.note.stext // PAGE
        return self._walk(page, top) == self._translated(page) is not None

    def physical(self, address: int) -> int | None:
        """Of a virtual address of the kernel's."""
        page = self._translated(address // PAGE)
        return None if page is None else page * PAGE + address % PAGE

    def _walk(self, page: int, top: int | None = None) -> int | None:
        """Number of the physical page of a virtual one, by the kernel's page tables or other ones."""
        table = self._top if top is None else top
        for shift, bits, size in self._levels():
            entry = self._entry(table, page >> shift & (1 << bits) - 1, size)
            if not entry & PRESENT:
                return None
            table = entry & ADDRESS
            if shift and shift < 27 and entry & LARGE and (shift, bits) != (18, 2):
                inside = (1 << shift) - 1
                return (table // PAGE & ~inside) | (page & inside)
        return table // PAGE

    def _levels(self) -> tuple[tuple[int, int, int], ...]:
        """Of the page tables: where their index is in a page's number, how wide it is, how wide an entry is."""
        if self.word == 8:
            return (27, 9, 8), (18, 9, 8), (9, 9, 8), (0, 9, 8)
        return ((18, 2, 8), (9, 9, 8), (0, 9, 8)) if self.note.pae else ((10, 10, 4), (0, 10, 4))

    def _entry(self, table: int, index: int, size: int) -> int:
        at = table + index * size
        page = self._page(at // PAGE)
        return int.from_bytes(page[at % PAGE : at % PAGE + size], "little") if page else 0

    def read(self, address: int, length: int) -> bytes:
        """Fewer bytes where memory ends."""
        out = bytearray()
        while len(out) < length:
            here = address + len(out)
            number = self._translated(here // PAGE) if here >= 0 and here >> 8 * self.word == 0 else None
            page = None if number is None else self._page(number)
            if page is None:
                break
            out += page[here % PAGE : min(here % PAGE + length - len(out), PAGE)]
        return bytes(out)

    def whole(self, address: int, length: int, what: str) -> bytes:
        """All of it. Raises UnknownKernel, which says what is not there."""
        data = self.read(address, length)
        if len(data) != length:
            raise UnknownKernel(f"Linux {self.note.release}: {what} (at {address:#x}) is not in memory")
        return data

    def number(self, address: int, size: int, what: str) -> int:
        return int.from_bytes(self.whole(address, size, what), "little")

    def pointer(self, address: int) -> int | None:
        data = self.read(address, self.word)
        return int.from_bytes(data, "little") if len(data) == self.word else None

    def string(self, address: int, most: int = LONGEST_STRING) -> bytes | None:
        """Up to its end; None if that is not within `most` bytes."""
        data = self.read(address, most)
        end = data.find(b"\0")
        return None if end < 0 else data[:end]


def kernel_memory(source: Any, moment: Moment | None = None) -> KernelMemory:
    """Of a `Reader`, as of the last checkpoint before `moment` (default: the end), or of a machine. Raises
    UnknownKernel where no Linux runs.
    """
    if isinstance(source, Machine):
        notes = list(notes_in(source.memory.area))
        return _first(MachinePages(source), notes, "no Linux has left its note (VMCOREINFO) in this machine's memory")
    from playhead.linux.kernels import kernels

    running = kernels(source)
    then = source.last().moment if moment is None else moment
    before = [one for one in running if one.moment <= then]
    where = before[-1:] or running[:1]  # one that starts later has the same symbols then
    pages = CheckpointPages(source, max(then, where[0].moment)) if where else None
    notes = [one.note for one in where]
    return _first(pages, notes, f"no checkpoint of {source.path} shows a Linux kernel (its note VMCOREINFO)")


def _first(pages: Any, notes: list[Note], otherwise: str) -> KernelMemory:
    """By the first of the notes that has page tables: one that a dead kernel has left has none any more."""
    failure = UnknownKernel(otherwise)
    for note in notes:
        try:
            return KernelMemory(pages, note)
        except UnknownKernel as e:
            failure = e
    raise failure
