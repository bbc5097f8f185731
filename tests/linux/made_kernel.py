"""A made-up kernel in memory: page tables, the note and kallsyms, for kernels of 32 and 64 bits."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from playhead.linux.memory import KernelMemory
from playhead.linux.vmcoreinfo import Note

PAGE = 4096
BASE_32, BASE_64 = 0xC0000000, 0xFFFFFFFF80000000
SIZE = 1 << 22
TABLE = 0x10000  # physical
TOKENS = ["" for _ in range(256)]
for n in range(32, 127):
    TOKENS[n] = chr(n)
TOKENS[1], TOKENS[2] = "T_", "sched"


class Pages:
    """Physical memory."""

    def __init__(self) -> None:
        self.data = bytearray(SIZE)

    def page(self, number: int) -> bytes | None:
        data = bytes(self.data[number * PAGE : (number + 1) * PAGE])
        return data if len(data) == PAGE else None


@dataclass
class Made:
    """Its memory at `base`, and what its note says."""

    word: int = 4
    pages: Pages = field(default_factory=Pages)
    symbols: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    pae: bool = False

    @property
    def base(self) -> int:
        return BASE_64 if self.word == 8 else BASE_32

    def put(self, physical: int, data: bytes) -> int:
        """Into memory; the virtual address."""
        self.pages.data[physical : physical + len(data)] = data
        return self.base + physical

    def name(self, symbol: str, physical: int, data: bytes) -> int:
        self.symbols[symbol] = self.put(physical, data)
        return self.symbols[symbol]

    def map(self) -> Made:
        """Page tables with large pages for all of it."""
        if self.word == 8:
            self.put(TABLE + 511 * 8, struct.pack("<Q", TABLE + PAGE | 3))
            self.put(TABLE + PAGE + 510 * 8, struct.pack("<Q", TABLE + 2 * PAGE | 3))
            self.put(TABLE + 2 * PAGE, struct.pack("<2Q", 0x83, 0x200083))
            self.symbols["init_top_pgt"], self.numbers["NUMBER(phys_base)"] = self.base + TABLE, 0
        elif self.pae:
            self.put(TABLE + 3 * 8, struct.pack("<Q", TABLE + PAGE | 1))
            self.put(TABLE + PAGE, struct.pack("<2Q", 0x83, 0x200083))
            self.symbols["swapper_pg_dir"] = self.base + TABLE
        else:
            self.put(TABLE + (self.base >> 22) * 4, struct.pack("<I", 0x83))
            self.symbols["swapper_pg_dir"] = self.base + TABLE
        return self

    def memory(self) -> KernelMemory:
        return KernelMemory(self.pages, self.note())

    def note(self) -> Note:
        return Note("6.1.0-made", "00ff", self.symbols["_stext"], self.word, self.pae, self.symbols, self.numbers)


def packed(name: str) -> bytes:
    """A name with its kind, as kallsyms packs it."""
    tokens, at = bytearray(), 0
    while at < len(name):
        n = next((n for n in (2, 1) if name.startswith(TOKENS[n], at)), ord(name[at]))
        tokens.append(n)
        at += len(TOKENS[n])
    if len(tokens) < 0x80:
        return bytes((len(tokens),)) + tokens
    return bytes((len(tokens) & 0x7F | 0x80, len(tokens) >> 7)) + tokens


def with_kallsyms(made: Made, symbols: list[tuple[int, str]], *, absolute: bool = False) -> Made:
    """`symbols`: (address, kind and name). `absolute`: per-CPU addresses, below 2^31, are kept as they are."""
    relative = min(address for address, _ in symbols if address >= made.base)
    offsets = [address if absolute and address < 1 << 31 else
               (relative - 1 - address) & 0xFFFFFFFF if absolute else address - relative
               for address, _ in symbols]  # fmt: skip
    index, table = b"", b""
    for token in TOKENS:
        index += struct.pack("<H", len(table))
        table += token.encode() + b"\0"
    made.name("kallsyms_num_syms", 0x20000, struct.pack("<I", len(symbols)))
    made.name("kallsyms_relative_base", 0x20010, relative.to_bytes(made.word, "little"))
    made.name("kallsyms_offsets", 0x21000, struct.pack(f"<{len(offsets)}I", *offsets))
    made.name("kallsyms_token_table", 0x30000, table)
    made.name("kallsyms_token_index", 0x32000, index)
    made.name("kallsyms_names", 0x40000, b"".join(packed(name) for _, name in symbols))
    made.symbols["_stext"] = next(address for address, name in symbols if name == "T_stext")
    return made
