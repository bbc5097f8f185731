"""A Linux program from one 32-bit ELF object: two segments, and the symbols and line numbers for a debugger.

The linker is that of `link.py`, with another image around it: sections keep their identity, so that gdb finds `.symtab`
and the DWARF sections with the addresses in them made final. The file is what the loader of Linux wants (System V ABI,
chapters 4 and 5): code and constants in one segment, variables in another, on pages of their own.
"""

from __future__ import annotations

import struct

from tools.guests.link import (
    SHF_ALLOC,
    SHT_NOBITS,
    SHT_REL,
    SHT_SYMTAB,
    LinkError,
    Section,
    read_sections,
    relocate,
    symbols_of,
)

PAGE = 0x1000
HEADERS = 52 + 3 * 32  # the file header, and three program headers
_SHF_WRITE, _SHT_STRTAB, _SHN_ABS = 1, 3, 0xFFF1
_PT_LOAD, _PT_GNU_STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1
_ET_EXEC, _EM_386 = 2, 3

Symbols = list[tuple[str, int | None]]


def executable(obj: bytes, base: int, entry: str = "_start") -> bytes:
    """The program, to be loaded at `base`."""
    sections = read_sections(obj)
    kept = [s for s in sections if s.size and s.kind not in (0, SHT_REL, SHT_SYMTAB, _SHT_STRTAB)]
    code = [s for s in kept if s.flags & SHF_ALLOC and not s.flags & _SHF_WRITE]
    data = [s for s in kept if s.flags & _SHF_WRITE and s.kind != SHT_NOBITS]
    zero = [s for s in kept if s.flags & _SHF_WRITE and s.kind == SHT_NOBITS]
    rest = [s for s in kept if not s.flags & SHF_ALLOC]
    code_end = _place(code, base + HEADERS)
    data_at = code_end + PAGE  # the file has no gap: its page that both segments need is mapped twice
    data_end = _place(data, data_at)
    zero_end = _place(zero, data_end)
    for section in rest:
        section.address = 0  # a debugger's sections are addressed from their own beginning
    symbols = symbols_of(sections, {})
    for table in sections:
        if table.kind == SHT_REL and sections[table.info].address is not None:
            relocate(sections[table.info], table, symbols, base)
    segments = (
        (_PT_LOAD, 0, base, code_end - base, code_end - base, _READ | _EXECUTE, PAGE),
        (_PT_LOAD, code_end - base, data_at, data_end - data_at, zero_end - data_at, _READ | _WRITE, PAGE),
        (_PT_GNU_STACK, 0, 0, 0, 0, _READ | _WRITE, 16),
    )
    body, table_at, count = _body(sections, [*code, *data, *zero, *rest], symbols, {base: 0, data_at: code_end - base})
    body[:52] = _file_header(symbols, entry, table_at, count)
    for n, (kind, offset, address, in_file, in_memory, flags, align) in enumerate(segments):
        struct.pack_into("<8I", body, 52 + 32 * n, kind, offset, address, address, in_file, in_memory, flags, align)
    return bytes(body)


def _place(sections: list[Section], at: int) -> int:
    """Give sections their addresses from `at` on; returns the end."""
    for section in sections:
        at = section.address = -(-at // section.align) * section.align
        at += section.size
    return at


def _body(sections: list[Section], kept: list[Section], symbols: Symbols,
          segments: dict[int, int]) -> tuple[bytearray, int, int]:  # fmt: skip
    """The file with room for its headers; where its section table is, and how long. `segments`: address -> offset."""
    table, strings, local = _symbol_table(sections, symbols, {id(section): n for n, section in enumerate(kept, 1)})
    body, headers, names = bytearray(HEADERS), [bytes(40)], bytearray(b"\0")

    def add(name: str, kind: int, data: bytes, size: int, *, flags: int = 0, address: int = 0, link: int = 0,
            info: int = 0, align: int = 1, entry: int = 0) -> None:  # fmt: skip
        if address and data:
            start = max(at for at in segments if at <= address)
            body.extend(bytes(segments[start] + address - start - len(body)))
        headers.append(struct.pack("<10I", len(names), kind, flags, address, len(body), size, link, info, align, entry))
        names.extend(name.encode() + b"\0")
        body.extend(data)

    for s in kept:
        assert s.address is not None
        add(s.name, s.kind, bytes(s.data), s.size, flags=s.flags, address=s.address, align=s.align)
    add(".symtab", SHT_SYMTAB, table, len(table), link=len(headers) + 1, info=local, entry=16)
    add(".strtab", _SHT_STRTAB, strings, len(strings))
    last = ".shstrtab"
    size = len(names) + len(last) + 1
    add(last, _SHT_STRTAB, bytes(size), size)
    body[-size:] = names
    at = len(body)
    return body + b"".join(headers), at, len(headers)


def _symbol_table(sections: list[Section], symbols: Symbols, numbers: dict[int, int]) -> tuple[bytes, bytes, int]:
    """The object's symbols at their final places, their names, and how many are local: those come first, as before."""
    old = next(s for s in sections if s.kind == SHT_SYMTAB)
    entries, local = bytearray(), 0
    fields = struct.iter_unpack("<IIIBBH", old.data)
    for (name, _, size, info, other, where), (_, value) in zip(fields, symbols, strict=True):
        if where not in (0, _SHN_ABS):
            where = numbers.get(id(sections[where]), 0)
        entries += struct.pack("<IIIBBH", name, value or 0, size, info, other, where)
        local += info >> 4 == 0
    return bytes(entries), bytes(sections[old.link].data), local


def _file_header(symbols: Symbols, entry: str, table_at: int, count: int) -> bytes:
    start = dict(symbols).get(entry)
    if start is None:
        raise LinkError(f"{entry} is not defined")
    numbers = (_ET_EXEC, _EM_386, 1, start, 52, table_at, 0, 52, 32, 3, 40, count, count - 1)
    return b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", *numbers)
