"""The note that a Linux kernel keeps for crash dumps (VMCOREINFO): the anchor of all that is read from its memory.

Each kernel that can write a crash dump keeps it in a page of its own, from early in its start on: its release, its
build id, the real addresses of a few symbols (KASLR applied), offsets and sizes of the structures of the kernel log.

Source: Linux's Documentation/admin-guide/kdump/vmcoreinfo.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NOTE = b"VMCOREINFO\0\0OSRELEASE="
NOTE_AT, TEXT_AT = 12, 24  # in the page: after the note's three lengths, and where the text begins
PAGE = 4096
LINE = re.compile(r"(SYMBOL|OFFSET|SIZE|LENGTH|NUMBER)\(([\w.]{1,80})\)=(-?[0-9a-fA-F]{1,16})")
LOWEST_64 = 0xFFFFFFFF80000000  # where amd64 has its kernel


@dataclass(frozen=True)
class Note:
    """`symbols`: addresses; `numbers`: what the note gives as NUMBER, OFFSET, SIZE or LENGTH, by its text, such as
    `OFFSET(prb_desc.state_var)`. `word`: bytes of a pointer of that kernel's, 4 or 8.
    """

    release: str
    build_id: str
    stext: int
    word: int = 4
    pae: bool = False
    symbols: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


def parse(page: bytes) -> Note | None:
    """The note that a page begins with; None if it has none that names the place of the kernel's code."""
    if not page.startswith(NOTE, NOTE_AT):
        return None
    text = page[TEXT_AT:PAGE].partition(b"\0")[0].decode("ascii", errors="replace")
    plain: dict[str, str] = {}
    symbols: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            name, _, value = line.partition("=")
            plain[name] = value
            continue
        kind, name, value = match.groups()
        try:
            if kind == "SYMBOL":
                symbols[name] = int(value, 16)
            else:
                numbers[f"{kind}({name})"] = int(value)
        except ValueError:
            continue  # a number that is none: whoever needs it will miss it
    stext = symbols.get("_stext", 0)
    if not stext or 1 << 32 <= stext < LOWEST_64:
        return None
    return Note(plain["OSRELEASE"], plain.get("BUILD-ID", ""), stext, 8 if stext >> 32 else 4,
                plain.get("CONFIG_X86_PAE") == "y", symbols, numbers)  # fmt: skip


def notes_in(area: Any) -> Iterator[Note]:
    """Those in memory, each at the beginning of a page."""
    at = -1
    while (at := area.find(NOTE, at + 1)) >= 0:
        if at % PAGE == NOTE_AT:
            found = parse(bytes(area[at - NOTE_AT : at - NOTE_AT + PAGE]))
            if found is not None:
                yield found
