"""Symbols of the kernel's modules, found although no symbol says where their list is.

Debian's 32-bit kernels have no symbols of data, so the head of the list is found by the code that walks it: of all
addresses that these functions contain, the one that is a list whose members are modules. A module's own table of
symbols is found in it as the structure that kallsyms keeps there: a table, how many, the names, and their kinds.

Sources: Linux's include/linux/module.h (struct module, struct mod_kallsyms); the ELF specification (symbols).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

from playhead.linux.memory import KernelMemory
from playhead.linux.symbol_table import Symbol

WALKERS = ("print_modules", "find_module_all", "m_start", "__module_address", "find_module",
           "module_kallsyms_lookup_name")  # fmt: skip
NAMED = "modules"  # where kallsyms has data, too
CODE_BYTES = 600  # of each walker
LONGEST_MODULE_NAME = 56
NAME = re.compile(rb"[A-Za-z0-9_-]{1,55}\0")
MOST_MODULES, MOST_SYMBOLS, LONGEST_NAMES = 1024, 100_000, 4 << 20
STRUCT = 2048  # bytes of a struct module in which its table of symbols is
STATES = (0, 1, 2, 3)  # live, coming, going, unformed
SHN_LORESERVE = 0xFF00
STB_GLOBAL, STB_WEAK, STT_SECTION, STT_FILE = 1, 2, 3, 4


def module_symbols(memory: KernelMemory, kernel: Mapping[str, int]) -> tuple[list[Symbol], list[str]]:
    """The symbols of all modules, and the names of modules that have none that can be read. `kernel`: addresses of the
    kernel's own by name.
    """
    found: list[Symbol] = []
    without = []
    for at, name in modules(memory, kernel):
        some = list(_symbols(memory, at, name))
        found += some
        if not some:
            without.append(name)
    return found, without


def modules(memory: KernelMemory, kernel: Mapping[str, int]) -> list[tuple[int, str]]:
    """(address of its `list`, name) of each loaded module, the youngest first."""
    heads = [kernel[NAMED]] if NAMED in kernel else _candidates(memory, kernel)
    return next((found for head in heads if (found := _walked(memory, head))), [])


def _candidates(memory: KernelMemory, kernel: Mapping[str, int]) -> list[int]:
    """Addresses of data that functions contain which walk the list, the most frequent one first."""
    seen: dict[int, int] = {}
    for walker in WALKERS:
        code = memory.read(kernel[walker], CODE_BYTES) if walker in kernel else b""
        operands = {int.from_bytes(code[n : n + 4], "little", signed=memory.word == 8) for n in range(len(code) - 3)}
        for operand in operands:
            address = operand & (1 << 8 * memory.word) - 1
            if address > memory.note.stext and address % memory.word == 0:
                seen[address] = seen.get(address, 0) + 1
    return sorted(seen, key=lambda address: -seen[address])


def _walked(memory: KernelMemory, head: int) -> list[tuple[int, str]]:
    """What is in a list of modules; nothing if it is none."""
    found: list[tuple[int, str]] = []
    at, before = memory.pointer(head) or 0, head
    for _ in range(MOST_MODULES):
        if at == head:
            return found
        if not at or memory.pointer(at + memory.word) != before:
            return []
        name = NAME.match(memory.read(at + 2 * memory.word, LONGEST_MODULE_NAME))
        if name is None or memory.pointer(at - memory.word) not in STATES:
            return []
        found.append((at, name[0][:-1].decode("ascii")))
        at, before = memory.pointer(at) or 0, at
    return []


def _symbols(memory: KernelMemory, at: int, module: str) -> Iterator[Symbol]:
    """Those of one module. Its structure has a pointer to the table's description."""
    word = memory.word
    data = memory.read(at, STRUCT)
    for n in range(0, len(data) - word + 1, word):
        pointer = int.from_bytes(data[n : n + word], "little")
        if pointer <= memory.note.stext >> 1 or pointer % word:
            continue
        table = _table(memory, pointer)
        if table:
            yield from _read(memory, *table, module)
            return


def _table(memory: KernelMemory, at: int) -> tuple[int, int, int] | None:
    """(symbols, how many, names) if such a description is there: its first symbol is empty, and so is its first name;
    the second one has a name.
    """
    word, entry = memory.word, 24 if memory.word == 8 else 16
    data = memory.read(at, 3 * word)
    if len(data) < 3 * word:
        return None
    symbols, count, names = (int.from_bytes(data[n : n + word], "little") for n in range(0, 3 * word, word))
    count &= 0xFFFFFFFF
    if not 1 < count <= MOST_SYMBOLS or memory.read(symbols, entry) != bytes(entry) or memory.read(names, 1) != b"\0":
        return None
    first = memory.read(symbols + entry, 4)
    text = memory.string(names + int.from_bytes(first, "little"), 512) if len(first) == 4 else None
    return (symbols, count, names) if text is not None and text.isascii() else None


def _read(memory: KernelMemory, symbols: int, count: int, names: int, module: str) -> Iterator[Symbol]:
    layout = struct.Struct("<IBBHQQ" if memory.word == 8 else "<IIIBBH")
    data = memory.read(symbols, count * layout.size)
    text = memory.read(names, min(count * 128, LONGEST_NAMES))
    for fields in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
        if memory.word == 8:
            place, info, _, section, value, size = fields
        else:
            place, value, size, info, _, section = fields
        end = text.find(b"\0", place)
        name = text[place:end].decode("ascii", errors="replace")
        if not name or end < 0 or not section or section >= SHN_LORESERVE or info & 15 in (STT_SECTION, STT_FILE):
            continue
        if value >> 8 * memory.word - 1:  # the upper half: the kernel's
            yield Symbol(value, size, name, module, _kind(info))


def _kind(info: int) -> str:
    """nm's letter: code for functions and what has no type, else data; small if local."""
    letter = "D" if info & 15 == 1 else "T"
    return {STB_GLOBAL: letter, STB_WEAK: "W"}.get(info >> 4, letter.lower())
