"""Names of data that a kernel exports to modules (`__ksymtab`, `__ksymtab_gpl`), where kallsyms has functions only.

Nothing says where these tables are, so they are looked for behind kallsyms: the name of a symbol that every kernel
exports, then the entry that points at it, then all entries around it. An entry is three words, each the distance of
what it means from its own place: value, name, namespace.

Source: Linux's include/linux/export-internal.h (the layout).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from playhead.linux.memory import KernelMemory

FIRST = b"\0init_task\0"  # exported by every kernel
SEARCHED = 8 << 20  # bytes behind kallsyms
ENTRY = struct.Struct("<3i")
MOST, LONGEST_NAME = 200_000, 512


def exported(memory: KernelMemory) -> list[tuple[int, str]]:
    """(address, name) of each; none if the tables are not found."""
    start = memory.note.symbols.get("kallsyms_token_index", 0)
    data = memory.read(start, SEARCHED)
    names = _name_places(data)
    if names is None:
        return []
    place = _entry_of(data, names[0])
    if place is None:
        return []
    before = _entries(data, place, -ENTRY.size, start, names)
    after = _entries(data, place + ENTRY.size, ENTRY.size, start, names)
    return sorted({*before, *after})


def _name_places(data: bytes) -> tuple[int, int, int] | None:
    """Where the name is that is looked for, and between which places names are: printable text with single zeros."""
    at = data.find(FIRST)
    if at < 0:
        return None
    high = data.find(b"\0\0\0\0", at)
    return at + 1, at - min(at, 1 << 20), len(data) if high < 0 else high + 1


def _entry_of(data: bytes, name: int) -> int | None:
    """The place of the entry whose second word leads to a name."""
    words = memoryview(data)[: len(data) // 4 * 4].cast("i")
    for n, distance in enumerate(words[: name // 4]):
        if distance == name - 4 * n and n:
            return 4 * n - 4
    return None


def _entries(data: bytes, at: int, step: int, start: int, names: tuple[int, int, int]) -> Iterator[tuple[int, str]]:
    """From one place on, in one direction, as long as there are entries."""
    _, low, high = names
    for _ in range(MOST):
        if not 0 <= at <= len(data) - ENTRY.size:
            return
        value, name, _ = ENTRY.unpack_from(data, at)
        where = at + 4 + name
        if not low <= where < high:
            return
        text = data[where : data.find(b"\0", where, where + LONGEST_NAME)]
        if not text.isascii() or not text.decode("ascii").isidentifier():
            return
        yield start + at + value, text.decode("ascii")
        at += step
