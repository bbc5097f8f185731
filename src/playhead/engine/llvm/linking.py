"""Links object files into one image that runs wherever it is mapped, so that a process which only runs compiled code
does not load LLVM.

LLVM makes position-independent code for us, and few kinds of relocations with it (processors.py). References inside the
image are resolved here, once; what depends on where the image lies are eight-byte words (`absolute`, and `outside` for
functions of the C library, which are called through such words). What is not known here raises `NotLinkable`, and the
object files are then left to LLVM's own loader (loading.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from playhead.engine.llvm.processors import NotLinkable, Processor, this_processor

# ELF-64 (System V gABI, chapters 4 and 5)
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QQq")
_IDENT = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
ET_REL = 1
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_UNWIND = 1, 2, 4, 8, 0x70000001
SHF_WRITE, SHF_ALLOC, SHF_TLS = 1, 2, 0x400
SHN_UNDEF, SHN_LORESERVE = 0, 0xFF00
STB_LOCAL, STB_GLOBAL = 0, 1
_CONSTANT = b".data.rel.ro"  # sections with this name are written by the linker only


class Image:
    """Code and constants, linked. Offsets are from the image's first byte.

    `symbols`: the offset of each global function. `absolute`: (where, target) of words that hold the address of an
    offset. `outside`: (where, name) of words that hold the address of a function of the C library."""

    def __init__(self, code: bytes, symbols: dict[str, int], absolute: list[tuple[int, int]],
                 outside: list[tuple[int, str]]):  # fmt: skip
        self.code, self.symbols, self.absolute, self.outside = code, symbols, absolute, outside


class _Object:
    """One object file, read: where its sections were put, what its symbols are."""

    def __init__(self, data: bytes, processor: Processor):
        self.data = data
        ident, kind, machine, _, _, _, table, _, _, _, _, size, count, names = _HEADER.unpack_from(data)
        if not ident.startswith(_IDENT) or (kind, machine) != (ET_REL, processor.elf):
            raise NotLinkable(f"no relocatable ELF file for {processor.name}")
        if size != _SECTION.size:
            raise NotLinkable(f"section headers of {size} bytes")
        self.sections = [_SECTION.unpack_from(data, table + i * size) for i in range(count)]
        self.names = self.sections[names][4]
        self.at: dict[int, int] = {}  # section -> its offset in the image
        self.symbols: list[tuple[str, int, int, int]] = []  # name, binding, section, value
        for section in self.sections:
            if section[1] == SHT_SYMTAB:
                self._read_symbols(section)

    def _read_symbols(self, section: tuple) -> None:
        strings = self.sections[section[6]]
        names = self.data[strings[4] : strings[4] + strings[5]]
        for name, info, _, index, value, _ in _SYMBOL.iter_unpack(self.data[section[4] : section[4] + section[5]]):
            text = names[name : names.index(b"\0", name)].decode()
            self.symbols.append((text, info >> 4, index, value))

    def place(self, code: bytearray) -> None:
        """Put what is loaded after what is there."""
        for index, (name, kind, flags, _, offset, size, _, _, alignment, _) in enumerate(self.sections):
            if not flags & SHF_ALLOC:
                continue
            if self.data.startswith(_CONSTANT, self.names + name):
                flags &= ~SHF_WRITE
            if kind not in (SHT_PROGBITS, SHT_UNWIND) or flags & (SHF_WRITE | SHF_TLS):
                raise NotLinkable(f"section {index} of type {kind:#x} with flags {flags:#x}")
            code += bytes(-len(code) % max(alignment, 1))
            self.at[index] = len(code)
            code += self.data[offset : offset + size]

    def defined(self) -> Iterable[tuple[str, int]]:
        """The global symbols of this file, and where they are in the image."""
        for name, binding, index, value in self.symbols:
            if binding == STB_LOCAL or index == SHN_UNDEF:
                continue
            if binding != STB_GLOBAL or index >= SHN_LORESERVE or index not in self.at:
                raise NotLinkable(f"symbol {name} with binding {binding} in section {index:#x}")
            yield name, self.at[index] + value

    def relocations(self) -> Iterable[tuple[int, int, tuple[str, int, int, int], int]]:
        """(where in the image, type, symbol, addend)"""
        for _, kind, _, _, offset, size, _, target, _, _ in self.sections:
            if kind == SHT_RELA and target in self.at:
                base = self.at[target]
                for where, info, addend in _RELA.iter_unpack(self.data[offset : offset + size]):
                    yield base + where, info & 0xFFFFFFFF, self.symbols[info >> 32], addend


class _Linker:
    def __init__(self, objects: list[bytes], processor: Processor):
        self.processor = processor
        self.code = bytearray()
        self.symbols: dict[str, int] = {}
        self.absolute: list[tuple[int, int]] = []
        self.outside: list[tuple[int, str]] = []
        self.words: dict[str, int] = {}  # name -> where its address is held
        self.stubs: dict[str, int] = {}
        files = [_Object(data, processor) for data in objects]
        for file in files:
            file.place(self.code)
            for name, at in file.defined():
                if name in self.symbols:
                    raise NotLinkable(f"{name} is defined twice")
                self.symbols[name] = at
        for file in files:
            for where, kind, symbol, addend in file.relocations():
                self.relocate(file, where, kind, symbol, addend)

    def relocate(self, file: _Object, where: int, kind: int, symbol: tuple[str, int, int, int], addend: int) -> None:
        name, binding, index, value = symbol
        if index != SHN_UNDEF:
            if index not in file.at:
                raise NotLinkable(f"a reference to {name or 'section'} {index:#x}, which is not loaded")
            target: int | None = file.at[index] + value
        else:
            if binding != STB_GLOBAL:
                raise NotLinkable(f"undefined symbol {name!r} with binding {binding}")
            target = self.symbols.get(name)
        if not self.processor.relocate(self, kind, where, name, target, addend):
            raise NotLinkable(f"relocation of type {kind} for {name or 'a section'}")

    def store(self, where: int, size: int, value: int) -> None:
        if not -1 << 8 * size - 1 <= value < 1 << 8 * size - 1:
            raise NotLinkable(f"a distance of {value} does not fit into {size} bytes")
        self.code[where : where + size] = value.to_bytes(size, "little", signed=True)

    def word(self, name: str, target: int | None) -> int:
        """Where the address of a symbol is held, after the code."""
        key = f"{name} {target}"
        if key not in self.words:
            self.code += bytes(-len(self.code) % 8)
            at = self.words[key] = len(self.code)
            self.code += bytes(8)
            if target is None:
                self.outside.append((at, name))
            else:
                self.absolute.append((at, target))
        return self.words[key]

    def stub(self, name: str) -> int:
        """A jump to a function outside."""
        if name not in self.stubs:
            word = self.word(name, None)
            self.code += bytes(-len(self.code) % 16)
            at = self.stubs[name] = len(self.code)
            self.code += bytes(self.processor.STUB)
            self.processor.jump(self, at, word)
        return self.stubs[name]


def link(objects: list[bytes], processor: Processor | None = None) -> Image:
    """One image of object files that LLVM made with `reloc="pic"`, for this host's processor or another. Raises
    `NotLinkable`."""
    try:
        linked = _Linker(objects, processor or this_processor())
    except (struct.error, IndexError, ValueError) as e:
        raise NotLinkable(f"damaged object file: {e}") from None
    return Image(bytes(linked.code), linked.symbols, linked.absolute, linked.outside)
