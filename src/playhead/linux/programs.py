"""Programs of a Linux guest: the ELF files of its initramfs, as the recording has it, and which of them runs where.

A program that is linked to its addresses is recognised by its code; one that may be anywhere (a shared library, a
position-independent program) by the first page of its file, which is mapped below its code. Either is compared with
what is in the process's memory, so that no file gives names to another one's code.

Files on disks are not looked for.
Source: the ELF specification (program headers, symbol tables).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from playhead.base.errors import FormatError, UnknownSymbol
from playhead.base.messages import nearest
from playhead.linux import cpio, elf
from playhead.linux.symbol_table import Symbol, SymbolTable
from playhead.machine import look
from playhead.machine.machine import Machine

PAGE = 4096
MAGIC = b"\x7fELF\x01\x01"  # 32 bits, little-endian
EXEC, DYN = 2, 3
LOAD, EXECUTABLE = 1, 1
MOST_BELOW = 8192  # pages below an address in which the beginning of its file is looked for
MOST_SEGMENTS = 64


@dataclass(frozen=True)
class Segment:
    """A part of the file that is mapped and executed."""

    address: int
    offset: int
    size: int


@dataclass(frozen=True)
class Program:
    """`first`: the lowest address that it is linked to; a page's."""

    path: str
    data: bytes
    is_fixed: bool
    first: int
    code: tuple[Segment, ...]

    @cached_property
    def symbols(self) -> SymbolTable:
        """At the addresses that it is linked to; empty if it was stripped."""
        return SymbolTable(Symbol(*one, module=self.path) for one in elf.functions_in(self.data))

    def has(self, address: int, memory: bytes) -> bool:
        """Whether it has these bytes at an address that it is linked to."""
        for segment in self.code:
            inside = address - segment.address
            if 0 <= inside < segment.size:
                n = min(len(memory), segment.size - inside)
                at = segment.offset + inside
                return bool(n) and self.data[at : at + n] == memory[:n]
        return False


@dataclass(frozen=True)
class Place:
    """A program, and by how much it has moved."""

    program: Program
    base: int

    def name(self, address: int) -> tuple[str, int] | None:
        return self.program.symbols.name(address - self.base)


class Programs:
    """Those of a recording (a Reader)."""

    def __init__(self, reader: Any):
        digest = reader.meta["config"].get("initrd")
        self.all: list[Program] = []
        self.damage = ""  # why not all of the initramfs could be read
        if digest is not None and not reader.meta["config"].get("modules"):
            try:
                for file in cpio.files(reader.blob(digest)):
                    program = parse(file.path, file.data) if file.is_regular else None
                    if program is not None:
                        self.all.append(program)
            except FormatError as e:
                self.damage = str(e)

    def named(self, path: str) -> Program:
        """By its path, or the end of it. Raises UnknownSymbol."""
        wanted = path.lstrip("/")
        for one in self.all:
            if one.path == wanted or one.path.endswith("/" + wanted):
                return one
        more = nearest(wanted, [one.path for one in self.all])
        damage = f" ({self.damage})" if self.damage else ""
        raise UnknownSymbol(f"the guest's initramfs has no ELF file {path}{more or damage}")

    def at(self, machine: Machine, address: int) -> Place | None:
        """What the code at an address is of, in the process that runs."""
        page = address & ~(PAGE - 1)
        memory = look.read(machine, page, PAGE)
        for one in self.all:
            if one.is_fixed and (one.has(page, memory) or one.has(address, memory[address - page :])):
                return Place(one, 0)
        for _ in range(MOST_BELOW):
            if memory.startswith(MAGIC):
                return self._moved(page, memory)
            page -= PAGE
            if page < 0:
                break
            memory = look.read(machine, page, len(MAGIC))
            if memory == MAGIC:
                memory = look.read(machine, page, PAGE)
        return None

    def _moved(self, page: int, memory: bytes) -> Place | None:
        for one in self.all:
            head = one.data[:PAGE]
            if not one.is_fixed and memory[: len(head)] == head:
                return Place(one, page - one.first)
        return None


def parse(path: str, data: bytes) -> Program | None:
    """A file as a program, or a library; None if it is neither."""
    if not data.startswith(MAGIC) or len(data) < 52:
        return None
    kind, headers = struct.unpack_from("<H", data, 16)[0], struct.unpack_from("<I", data, 28)[0]
    size, count = struct.unpack_from("<HH", data, 42)
    if kind not in (EXEC, DYN) or size < 32 or count > MOST_SEGMENTS or headers + size * count > len(data):
        return None
    code, lowest = [], []
    for n in range(count):
        what, offset, address, _, in_file, _, flags, _ = struct.unpack_from("<8I", data, headers + n * size)
        if what == LOAD:
            lowest.append(address & ~(PAGE - 1))
            if flags & EXECUTABLE:
                code.append(Segment(address, offset, min(in_file, max(len(data) - offset, 0))))
    return Program(path, data, kind == EXEC, min(lowest, default=0), tuple(code)) if code else None
