"""The kernel's own table of symbols (kallsyms), read from its memory where the note says that it is.

Names are packed: each is a list of tokens, of which the first letter is the symbol's kind. Addresses are distances from
a base; with absolute per-CPU symbols (amd64 to 6.14), those of all others are negative. The order of the tables differs
between kernels, which does not matter here.

Sources: Linux's kernel/kallsyms.c and scripts/kallsyms.c (the layout), Documentation/admin-guide/kdump/vmcoreinfo.rst.
"""

from __future__ import annotations

from playhead.base.errors import UnknownKernel
from playhead.linux.memory import KernelMemory

TABLES = ("kallsyms_names", "kallsyms_num_syms", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_offsets",
          "kallsyms_relative_base")  # fmt: skip
MOST = 2_000_000  # symbols
TOKENS, LONGEST_TOKENS = 256, 16384  # how many there are, and bytes of them all
LONGEST_NAMES = 64 << 20
CHUNK = 1 << 16


def symbols(memory: KernelMemory) -> list[tuple[int, str, str]]:
    """(address, kind, name) of each, in the table's order, which is that of addresses. Raises UnknownKernel."""
    note = memory.note
    missing = [name for name in TABLES if name not in note.symbols]
    if missing:
        raise UnknownKernel(f"Linux {note.release}: its note does not say where its symbols are ({missing[0]} is "
                            "missing; Linux 6.0 and later say so, if they have CONFIG_KALLSYMS)")  # fmt: skip
    count = memory.number(note.symbols["kallsyms_num_syms"], 4, "kallsyms_num_syms")
    if not 0 < count <= MOST:
        raise UnknownKernel(f"Linux {note.release}: kallsyms_num_syms is {count}, which cannot be")
    found = list(zip(_addresses(memory, count), _names(memory, count), strict=True))
    start = [address for address, name in found if name[1:] == "_stext"]
    if note.stext not in start:
        seen = f"{start[0]:#x}" if start else "nowhere"
        raise UnknownKernel(f"Linux {note.release}: its symbols have _stext at {seen}, its note at {note.stext:#x}")
    return [(address, name[0], name[1:]) for address, name in found]


def _addresses(memory: KernelMemory, count: int) -> list[int]:
    symbols, mask = memory.note.symbols, (1 << 8 * memory.word) - 1
    base = memory.number(symbols["kallsyms_relative_base"], memory.word, "kallsyms_relative_base")
    data = memory.whole(symbols["kallsyms_offsets"], 4 * count, "kallsyms_offsets")
    offsets = memoryview(data).cast("I")
    negative = sum(offset >> 31 for offset in offsets)
    if negative * 2 < count:
        return [(base + offset) & mask for offset in offsets]
    return [(base - 1 - (offset - (1 << 32))) & mask if offset >> 31 else offset for offset in offsets]


def _tokens(memory: KernelMemory) -> list[str]:
    symbols = memory.note.symbols
    index = memoryview(memory.whole(symbols["kallsyms_token_index"], 2 * TOKENS, "kallsyms_token_index")).cast("H")
    table = memory.read(symbols["kallsyms_token_table"], LONGEST_TOKENS)
    tokens = [table[at : table.find(b"\0", at)].decode("ascii", errors="replace") for at in index]
    if any(table.find(b"\0", at) < 0 for at in index) or not any(tokens):
        raise UnknownKernel(f"Linux {memory.note.release}: the tokens of kallsyms are not in memory")
    return tokens


def _names(memory: KernelMemory, count: int) -> list[str]:
    tokens, base, data = _tokens(memory), memory.note.symbols["kallsyms_names"], bytearray()
    out: list[str] = []
    at = 0
    for _ in range(count):
        if at + 2 + (1 << 14) > len(data) < LONGEST_NAMES:
            data += memory.read(base + len(data), CHUNK)
        length = data[at] if at < len(data) else 0
        at += 1
        if length & 0x80 and at < len(data):  # Linux 6.1 and later: a second byte has more bits
            length = (length & 0x7F) | data[at] << 7
            at += 1
        name = "".join([tokens[token] for token in data[at : at + length]])
        at += length
        if len(name) < 2 or at > len(data):
            raise UnknownKernel(f"Linux {memory.note.release}: name {len(out)} of {count} in kallsyms is damaged")
        out.append(name)
    return out
