"""An ELF file with a kernel's symbols, at the addresses where it runs: for gdb, nm, addr2line, objdump.

The symbol table begins with the empty symbol, then come the local ones. Sections cover all symbols, since gdb takes no
address outside of one; the kernel's code is in the file as it was in memory, so that it can be disassembled without the
guest. Code that was freed after the start (`.init.text`) has its addresses, but no content.

Source: the ELF specification; Linux's own section names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from playhead.linux.frames import debug_frame
from playhead.linux.memory import KernelMemory
from playhead.linux.symbol_table import Symbol, SymbolTable

EXEC, I386, AMD64 = 2, 3, 62
PROGBITS, SYMTAB, STRTAB, NOTE, NOBITS = 1, 2, 3, 7, 8
WRITE, ALLOC, CODE = 1, 2, 4
ABS = 0xFFF1
LOCAL, GLOBAL, WEAK = 0, 1, 2
OBJECT, FUNC, NOTYPE = 1, 2, 0
LARGEST_TEXT = 64 << 20
ALIGN = 16
GAP = 1 << 20  # data symbols farther apart than this are in sections of their own


@dataclass
class Section:
    name: str
    kind: int
    flags: int = 0
    address: int = 0
    size: int = 0
    content: bytes = b""
    link: int = 0
    info: int = 0
    align: int = 1
    entry: int = 0
    offset: int = field(default=0)

    @property
    def places(self) -> range:
        return range(self.address, self.address + self.size)


def kernel_file(memory: KernelMemory, symbols: SymbolTable, *, text: bool = True) -> bytes:
    """The file. `text`: with the kernel's code."""
    places = [s for s in symbols if s.kind not in "Aa"]
    sections = _code_sections(memory, symbols, text) + _module_sections(places)
    sections += _data_sections([s for s in places if _in(sections, s.address) is None])
    frames = _frames(memory, symbols, sections) if memory.word == 4 else b""
    out = [Section("", 0), *sections]
    if memory.note.build_id:
        out.append(Section(".note.gnu.build-id", NOTE, content=_build_id(memory.note.build_id), align=4))
    if frames:
        out.append(Section(".debug_frame", PROGBITS, content=frames, align=4))
    return _file(out, symbols, sections, memory.word, memory.note.stext)


def _in(sections: list[Section], address: int) -> int | None:
    """The number of the section that an address is in, or at the end of."""
    return next((n for n, one in enumerate(sections) if address in one.places), None)


def _code_sections(memory: KernelMemory, symbols: SymbolTable, text: bool) -> list[Section]:
    """From `_stext` to `_etext`, and from `_sinittext` to `_einittext`."""
    found = []
    for name, first, last in ((".text", "_stext", "_etext"), (".init.text", "_sinittext", "_einittext")):
        if first not in symbols or last not in symbols:
            continue
        start, end = symbols.address(first), symbols.address(last)
        if not 0 < end - start <= LARGEST_TEXT:
            continue
        content = memory.read(start, end - start) if text and name == ".text" else b""
        whole = len(content) == end - start
        found.append(Section(name, PROGBITS if whole else NOBITS, ALLOC | CODE, start, end - start,
                             content if whole else b"", align=ALIGN))  # fmt: skip
    return found


def _module_sections(places: list[Symbol]) -> list[Section]:
    """One with the code of each module."""
    found = []
    for module in sorted({s.module for s in places if s.module}):
        code = [s for s in places if s.module == module and s.is_code]
        for group in _groups(code):
            found.append(_around(f".text.{module}", group, ALLOC | CODE))
    return found


def _data_sections(rest: list[Symbol]) -> list[Section]:
    return [_around(f".data{n or ''}", group, ALLOC | WRITE) for n, group in enumerate(_groups(rest))]


def _groups(some: list[Symbol]) -> list[list[Symbol]]:
    """Neighbours; sorted by address already."""
    out: list[list[Symbol]] = []
    for symbol in some:
        if out and symbol.address - out[-1][-1].address < GAP:
            out[-1].append(symbol)
        else:
            out.append([symbol])
    return out


def _around(name: str, group: list[Symbol], flags: int) -> Section:
    start = group[0].address
    end = max(s.address + max(s.size, 1) for s in group)
    return Section(name, NOBITS, flags, start, end - start)


def _frames(memory: KernelMemory, symbols: SymbolTable, sections: list[Section]) -> bytes:
    """For all functions that have a size, by their code in memory; of several names of one, the first."""
    functions, code = [], {}
    text = next((s for s in sections if s.name == ".text" and s.content), None)
    for symbol in symbols:
        if symbol.is_code and symbol.size and symbol.address not in code:
            inside = symbol.address - text.address if text else -1
            if text and 0 <= inside < text.size:
                data = text.content[inside : inside + symbol.size]
            else:
                data = memory.read(symbol.address, min(symbol.size, 1 << 20))
            code[symbol.address] = data
            functions.append(symbol)
    return debug_frame(functions, code)


def _build_id(text: str) -> bytes:
    description = bytes.fromhex(text) if len(text) % 2 == 0 and all(c in "0123456789abcdef" for c in text) else b""
    return struct.pack("<3I", 4, len(description), 3) + b"GNU\0" + description


def _symbol_table(symbols: Iterable[Symbol], sections: list[Section], word: int) -> tuple[bytes, bytes, int]:
    """The table, its names, and how many symbols are local. `sections` are numbered from 1."""
    names, places = bytearray(1), {}
    local, other = bytearray(24 if word == 8 else 16), bytearray()
    count = 1
    at = 0
    for symbol in symbols:
        if symbol.name not in places:
            places[symbol.name] = len(names)
            names += symbol.name.encode(errors="replace") + b"\0"
        if at >= len(sections) or symbol.address not in sections[at].places:
            at = n if (n := _in(sections, symbol.address)) is not None else len(sections)
        number = at + 1 if at < len(sections) and symbol.kind not in "Aa" else _edge(sections, symbol)
        binding = WEAK if symbol.kind in "wW" else GLOBAL if symbol.kind.isupper() else LOCAL
        kind = FUNC if symbol.is_code else NOTYPE if symbol.kind in "Aa" else OBJECT
        fields = places[symbol.name], symbol.address, symbol.size, binding << 4 | kind, number
        (local if binding == LOCAL else other).extend(_packed(fields, word))
        count += binding == LOCAL
    return bytes(local + other), bytes(names), count


def _edge(sections: list[Section], symbol: Symbol) -> int:
    """A symbol at the very end of a section belongs to it; what is absolute, to none."""
    if symbol.kind not in "Aa":
        for n, one in enumerate(sections, 1):
            if one.address + one.size == symbol.address:
                return n
    return ABS


def _packed(fields: tuple[int, int, int, int, int], word: int) -> bytes:
    name, value, size, info, section = fields
    if word == 8:
        return struct.pack("<IBBHQQ", name, info, 0, section, value, size)
    return struct.pack("<IIIBBH", name, value, size, info, 0, section)


def _file(out: list[Section], symbols: SymbolTable, sections: list[Section], word: int, entry: int) -> bytes:
    table, names, local = _symbol_table(symbols, sections, word)
    number = len(out)
    entry_size = 24 if word == 8 else 16
    out += [Section(".symtab", SYMTAB, content=table, link=number + 1, info=local, align=word, entry=entry_size),
            Section(".strtab", STRTAB, content=names), Section(".shstrtab", STRTAB)]  # fmt: skip
    own = bytearray()
    places = []
    for section in out:
        places.append(len(own))
        own += section.name.encode() + b"\0"
    out[-1].content = bytes(own)
    body = bytearray(52 if word == 4 else 64)
    for section in out[1:]:
        body += bytes(-len(body) % max(section.align, 1))
        section.offset = len(body)
        body += section.content
        section.size = section.size or len(section.content)
    body += bytes(-len(body) % 8)
    head = _head(word, entry, len(body), len(out))
    body[: len(head)] = head
    layout = struct.Struct("<II4Q2I2Q" if word == 8 else "<10I")
    for place, one in zip(places, out, strict=True):
        body += layout.pack(place, one.kind, one.flags, one.address, one.offset, one.size, one.link, one.info,
                            one.align, one.entry)  # fmt: skip
    return bytes(body)


def _head(word: int, entry: int, sections_at: int, count: int) -> bytes:
    ident = b"\x7fELF" + bytes((word // 4, 1, 1)) + bytes(9)
    layout = "<HHIQQQIHHHHHH" if word == 8 else "<HHIIIIIHHHHHH"
    sizes = (64, 0, 0, 64) if word == 8 else (52, 0, 0, 40)
    return ident + struct.pack(layout, EXEC, AMD64 if word == 8 else I386, 1, entry, 0, sections_at, 0, *sizes, count,
                               count - 1)  # fmt: skip
