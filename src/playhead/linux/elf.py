"""ELF files that a user gives for the guest's symbols: the symbols, the functions, the build id.

Source: the ELF specification (sections, symbol tables, notes).
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, TypeVar

from playhead.base.errors import UsageError

SHT_SYMTAB, SHT_NOTE, SHT_DYNSYM = 2, 7, 11
NT_GNU_BUILD_ID = 3
STT_NOTYPE, STT_FUNC, SHF_EXECINSTR = 0, 2, 4
LARGEST_TABLE = 256 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What an ELF file says that may be a kernel's: `stext` is None if it is none."""

    stext: int | None
    build_id: str


def functions_of(path: str) -> list[tuple[int, int, str]]:
    """(address, size, name) of each function of a 32-bit ELF file. Raises UsageError as `facts_of` does."""
    return _read(path, _functions)


def functions_in(data: bytes) -> list[tuple[int, int, str]]:
    """The same of a file's bytes, by its dynamic symbols if there are no others; none if it is damaged."""
    file = BytesIO(data)
    try:
        sections = _sections(file, data[:52])
        tables = [one for kind in (SHT_SYMTAB, SHT_DYNSYM) for one in sections if one[1] == kind]
        return _functions(file, sections, tables[0]) if tables else []
    except (struct.error, IndexError, ValueError):
        return []


def _functions(file: BinaryIO, sections: list[tuple[int, ...]], table: tuple[int, ...]) -> list[tuple[int, int, str]]:
    names, data = _content(file, sections[table[6]]), _content(file, table)
    found = []
    for place, value, size, kind, _, section in struct.iter_unpack("<IIIBBH", data[: len(data) // 16 * 16]):
        if 0 < section < len(sections) and kind & 15 in (STT_NOTYPE, STT_FUNC) and sections[section][2] & SHF_EXECINSTR:
            found.append((value, size, names[place : names.index(b"\0", place)].decode(errors="replace")))
    return found


def facts_of(path: str) -> Facts:
    """Of a 32-bit ELF file. Raises UsageError if it is none, or has no symbols."""
    return _read(path, lambda file, sections, table: Facts(_value_of(file, b"_stext", table, sections),
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
