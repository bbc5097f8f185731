"""Which Linux ran in a recording, by what it has left in memory, with any boot loader and any move by KASLR.

Each kernel that can write a crash dump keeps a note for it in a page of its own, from early in its start on: its
release, its build id and the real address of `_stext`. The note is searched for in the pages of checkpoints; with the
symbols of a vmlinux, it gives the distance by which that kernel has moved.

Sources: Linux's Documentation/admin-guide/kdump/vmcoreinfo.rst; the ELF specification (notes, symbol tables).
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.log.pages import is_block, unpack_pages

NOTE, DESCRIPTION = b"VMCOREINFO\0\0OSRELEASE=", 24  # after a note's three lengths; where its text begins in the page
BANNER = re.compile(rb"Linux version ([ -~]{1,400} #[0-9]+ [ -~]{1,100})\n\0")  # as the program has it, not its log
MOST_PACKS = 1024  # that are searched: 256 MiB of pages
LINKED_AT = 0xC1000000  # where 32-bit kernels have `_stext` unless they were configured otherwise; Debian's were not
SHT_SYMTAB, SHT_NOTE = 2, 7
NT_GNU_BUILD_ID = 3
STT_NOTYPE, STT_FUNC, SHF_EXECINSTR = 0, 2, 4
LARGEST_TABLE = 256 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A kernel as it was at `moment`, and from then on until another one."""

    moment: Moment
    release: str
    build_id: str
    stext: int
    banner: str


@dataclass(frozen=True)
class Symbols:
    """What an ELF file says that may be a kernel's: `stext` is None if it is none."""

    stext: int | None
    build_id: str


def kernels(reader: Any) -> list[Running]:
    """Every kernel that has run as far as checkpoints show it, in order."""
    notes, banners = _look(reader)
    if not notes:
        return []
    out: list[Running] = []
    for checkpoint in reader.checkpoints():
        for page, hash in reader.checkpoint_pages(checkpoint).items():
            if hash in notes and not is_block(page):
                found = fields(reader.page(hash))
                if found is not None:
                    release, build_id, stext = found
                    banner = next((text for text in banners if text.startswith(release + " ")), release)
                    out.append(Running(checkpoint.moment, release, build_id, stext, banner))
    return out


def _look(reader: Any) -> tuple[set[bytes], list[str]]:
    """Hashes of pages that have such a note, and the banners that there are: a copy of one may have more at its end."""
    notes: set[bytes] = set()
    banners: set[str] = set()
    rows = reader.container.rows
    for (number,) in rows("SELECT id FROM pack ORDER BY id LIMIT ?", int, args=(MOST_PACKS,)):
        for pack in rows("SELECT hashes, data FROM pack WHERE id = ?", bytes, bytes, args=(number,)):
            for hash, content in unpack_pages(*pack):
                if content.startswith(NOTE, 12):
                    notes.add(hash)
                if match := BANNER.search(content):
                    banners.add(match[1].decode("ascii", errors="replace"))
    return notes, sorted(banners, key=len)


def fields(page: bytes) -> tuple[str, str, int] | None:
    """(release, build id, address of `_stext`)"""
    text = page[DESCRIPTION:].partition(b"\0")[0].decode("ascii", errors="replace")
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    try:
        stext = int(lines["SYMBOL(_stext)"], 16)
    except (KeyError, ValueError):
        return None
    return (lines["OSRELEASE"], lines.get("BUILD-ID", ""), stext) if stext < 1 << 32 else None


def at_moment(running: list[Running], moment: Moment) -> Running | None:
    """The kernel that runs there; where none does yet, the first one."""
    before = [one for one in running if one.moment <= moment]
    return before[-1] if before else next(iter(running), None)


def functions_of(path: str) -> list[tuple[int, int, str]]:
    """(address, size, name) of each function of a 32-bit ELF file. Raises UsageError as `symbols_of` does."""
    return _read(path, _functions)


def _functions(file: BinaryIO, sections: list[tuple[int, ...]], table: tuple[int, ...]) -> list[tuple[int, int, str]]:
    names, data = _content(file, sections[table[6]]), _content(file, table)
    found = []
    for place, value, size, kind, _, section in struct.iter_unpack("<IIIBBH", data[: len(data) // 16 * 16]):
        if section and kind & 15 in (STT_NOTYPE, STT_FUNC) and sections[section][2] & SHF_EXECINSTR:
            found.append((value, size, names[place : names.index(b"\0", place)].decode(errors="replace")))
    return found


def symbols_of(path: str) -> Symbols:
    """Of a 32-bit ELF file. Raises UsageError if it is none, or has no symbols."""
    return _read(path, lambda file, sections, table: Symbols(_value_of(file, b"_stext", table, sections),
                                                             _build_id(file, sections)))  # fmt: skip


def _read(path: str, take: Callable[[BinaryIO, list[tuple[int, ...]], tuple[int, ...]], T]) -> T:
    """What `take` makes of an ELF file, its sections and the one with the symbols."""
    try:
        with open(path, "rb") as file:
            head = file.read(52)
            if head[:6] != b"\x7fELF\x01\x01" or len(head) < 52:
                raise UsageError(f"--symbols {path}: it is not a 32-bit ELF file for x86")
            sections = _sections(file, head)
            tables = [section for section in sections if section[1] == SHT_SYMTAB]
            if not tables:
                raise UsageError(f"--symbols {path}: it has no symbols")
            return take(file, sections, tables[0])
    except OSError as e:
        raise UsageError(f"--symbols {path}: {e.strerror}") from None
    except (struct.error, IndexError, ValueError):
        raise UsageError(f"--symbols {path}: it is damaged") from None


def _sections(file: BinaryIO, head: bytes) -> list[tuple[int, ...]]:
    table, size, count = struct.unpack_from("<I", head, 32)[0], *struct.unpack_from("<HH", head, 46)
    file.seek(table)
    data = file.read(size * count)
    return [struct.unpack_from("<10I", data, n * size) for n in range(count)]


def _content(file: BinaryIO, section: tuple[int, ...]) -> bytes:
    file.seek(section[4])
    return file.read(min(section[5], LARGEST_TABLE))


def _value_of(file: BinaryIO, name: bytes, table: tuple[int, ...], sections: list[tuple[int, ...]]) -> int | None:
    names, data = _content(file, sections[table[6]]), _content(file, table)
    at = 0 if names.startswith(name + b"\0") else names.find(b"\0" + name + b"\0") + 1
    if not at:
        return None
    for place, value, *_ in struct.iter_unpack("<IIIBBH", data[: len(data) // 16 * 16]):
        if place == at:
            return int(value)
    return None


def _build_id(file: BinaryIO, sections: list[tuple[int, ...]]) -> str:
    for section in sections:
        if section[1] == SHT_NOTE:
            for kind, name, description in _notes(_content(file, section)):
                if kind == NT_GNU_BUILD_ID and name == b"GNU\0":
                    return description.hex()
    return ""


def _notes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        name_at = at + 12
        content_at = name_at + (name_size + 3) // 4 * 4
        yield kind, data[name_at : name_at + name_size], data[content_at : content_at + size]
        at = content_at + (size + 3) // 4 * 4
