"""A linker for one 32-bit ELF object, because a firmware image needs fixed places and nothing else.

LLVM assembles but does not link. What a guest of ours needs from a linker is small: lay the sections out from a
base address, put `.reset` where the CPU starts, keep `.bss` in RAM and out of the image, and apply the handful of
relocations that an i386 assembler emits (System V ABI, i386 supplement, table 4.9). `image_end`, `bss_start` and
`bss_end` are ours.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

RESET_BYTES = 16  # from the reset vector, F000:FFF0, to the end of the image

SHT_SYMTAB, SHT_NOBITS, SHT_REL = 2, 8, 9
SHF_ALLOC = 2
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1

# relocation number -> (bytes, relative to the place)
_RELOCATIONS = {1: (4, False), 2: (4, True), 4: (4, True), 20: (2, False), 21: (2, True), 22: (1, False), 23: (1, True)}


class LinkError(Exception):
    """The object cannot become an image; the text says which symbol, section or relocation is to blame."""


@dataclass(frozen=True)
class Layout:
    """Where an image goes: `size` bytes from `base`; variables from `bss`; `size` None means "as long as it is"."""

    base: int
    size: int | None = None
    bss: int = 0x10000


@dataclass
class Section:
    name: str
    kind: int
    flags: int
    data: bytearray
    size: int
    link: int
    info: int
    align: int
    address: int | None = None


def link(obj: bytes, layout: Layout) -> tuple[bytes, dict[str, int]]:
    """The flat image, and the address of every named symbol."""
    sections = read_sections(obj)
    extent = _place(sections, layout)
    variables = [s.address + s.size for s in sections if s.kind == SHT_NOBITS and s.address is not None]
    ends = {"image_end": layout.base + extent, "bss_end": max(variables, default=layout.bss)}
    symbols = symbols_of(sections, {"bss_start": layout.bss, **ends})
    for section in sections:
        if section.kind == SHT_REL and sections[section.info].address is not None:
            relocate(sections[section.info], section, symbols, layout.base)
    image = bytearray(layout.size if layout.size is not None else extent)
    for section in sections:
        if section.address is not None and section.kind != SHT_NOBITS:
            at = section.address - layout.base
            image[at : at + section.size] = section.data
    return bytes(image), {name: value for name, value in symbols if name and value is not None}


def read_sections(obj: bytes) -> list[Section]:
    if obj[:6] != b"\x7fELF\x01\x01":
        raise LinkError("not a 32-bit little-endian ELF object")
    (table,) = struct.unpack_from("<I", obj, 32)
    entry, count, names = struct.unpack_from("<HHH", obj, 46)
    headers = [struct.unpack_from("<10I", obj, table + i * entry) for i in range(count)]
    strings = headers[names][4]
    found = []
    for name, kind, flags, _, offset, size, link_, info, align, _ in headers:
        data = bytearray() if kind == SHT_NOBITS else bytearray(obj[offset : offset + size])
        found.append(Section(_string(obj, strings + name), kind, flags, data, size, link_, info, max(align, 1)))
    return found


def _string(raw: bytes | bytearray, at: int) -> str:
    return raw[at : raw.index(0, at)].decode("ascii")


def _place(sections: list[Section], layout: Layout) -> int:
    """Give each loaded section its address; returns the bytes used from the base."""
    at, variables = layout.base, layout.bss
    for section in sections:
        if not section.flags & SHF_ALLOC:
            continue
        if section.kind == SHT_NOBITS:
            variables = section.address = -(-variables // section.align) * section.align
            variables += section.size
        elif section.name == ".reset":
            if layout.size is None or section.size > RESET_BYTES:
                raise LinkError(f".reset needs a fixed image size and at most {RESET_BYTES} bytes")
            section.address = layout.base + layout.size - RESET_BYTES
        else:
            at = section.address = -(-at // section.align) * section.align
            at += section.size
    used = at - layout.base
    if layout.size is not None and used > layout.size - RESET_BYTES:
        raise LinkError(f"image too large: {used} bytes, room for {layout.size - RESET_BYTES}")
    return used


def symbols_of(sections: list[Section], provided: dict[str, int]) -> list[tuple[str, int | None]]:
    """(name, address) by symbol number; None where a symbol is defined neither in the object nor by the linker."""
    table = next((s for s in sections if s.kind == SHT_SYMTAB), None)
    if table is None:
        return []
    strings, found = sections[table.link].data, []
    for name, value, _, _, _, where in struct.iter_unpack("<IIIBBH", table.data):
        address: int | None
        if where == _SHN_UNDEF:
            address = provided.get(_string(strings, name))
        elif where == _SHN_ABS:
            address = value
        elif where < len(sections):
            address = (sections[where].address or 0) + value
        else:
            raise LinkError(f"{_string(strings, name)}: common symbols are not supported, use .bss")
        found.append((_string(strings, name), address))
    return found


def relocate(target: Section, table: Section, symbols: list[tuple[str, int | None]], base: int) -> None:
    assert target.address is not None
    for offset, info in struct.iter_unpack("<II", table.data):
        if info & 0xFF not in _RELOCATIONS:
            raise LinkError(f"{target.name}+{offset:#x}: relocation type {info & 0xFF} is not supported")
        width, relative = _RELOCATIONS[info & 0xFF]
        name, value = symbols[info >> 8]
        if value is None:
            raise LinkError(f"{target.name}+{offset:#x}: {name} is not defined")
        value += int.from_bytes(target.data[offset : offset + width], "little", signed=True)
        value = (value - target.address - offset) if relative else value
        # Real-mode code reaches the image through a segment that starts at the base, so an offset is what counts.
        if width == 2 and not relative and value & ~0xFFFF == base & ~0xFFFF:
            value &= 0xFFFF
        if width < 4 and not -(1 << width * 8 - 1) <= value < 1 << width * 8:
            raise LinkError(f"{target.name}+{offset:#x}: {name or 'value'} = {value:#x} does not fit {width} bytes")
        target.data[offset : offset + width] = (value & (1 << width * 8) - 1).to_bytes(width, "little")
