"""Which Linux ran in a recording, by what it has left in memory, with any boot loader and any move by KASLR.

The kernel's note for crash dumps (`vmcoreinfo.py`) is searched for in the pages of checkpoints; with the symbols of a
vmlinux, it gives the distance by which that kernel has moved.
"""

import re
from dataclasses import dataclass
from typing import Any

from playhead.linux.vmcoreinfo import NOTE, NOTE_AT, Note, parse
from playhead.log.moment import Moment
from playhead.log.pages import is_block, unpack_pages

BANNER = re.compile(rb"Linux version ([ -~]{1,400} #[0-9]+ [ -~]{1,100})\n\0")  # as the program has it, not its log
MOST_PACKS = 1024  # that are searched: 256 MiB of pages
LINKED_AT = 0xC1000000  # where 32-bit kernels have `_stext` unless they were configured otherwise; Debian's were not


@dataclass(frozen=True)
class Running:
    """A kernel as it was at `moment`, and from then on until another one."""

    moment: Moment
    banner: str
    note: Note

    @property
    def release(self) -> str:
        return self.note.release

    @property
    def build_id(self) -> str:
        return self.note.build_id

    @property
    def stext(self) -> int:
        return self.note.stext


def kernels(reader: Any) -> list[Running]:
    """Every kernel that has run as far as checkpoints show it, in order."""
    notes, banners = _look(reader)
    if not notes:
        return []
    out: list[Running] = []
    for checkpoint in reader.checkpoints():
        for page, hash in reader.checkpoint_pages(checkpoint).items():
            if hash in notes and not is_block(page):
                note = parse(reader.page(hash))
                if note is not None:
                    banner = next((text for text in banners if text.startswith(note.release + " ")), note.release)
                    out.append(Running(checkpoint.moment, banner, note))
    return out


def _look(reader: Any) -> tuple[set[bytes], list[str]]:
    """Hashes of pages that have such a note, and the banners that there are: a copy of one may have more at its end."""
    notes: set[bytes] = set()
    banners: set[str] = set()
    rows = reader.container.rows
    for (number,) in rows("SELECT id FROM pack ORDER BY id LIMIT ?", int, args=(MOST_PACKS,)):
        for pack in rows("SELECT hashes, data FROM pack WHERE id = ?", bytes, bytes, args=(number,)):
            for hash, content in unpack_pages(*pack):
                if content.startswith(NOTE, NOTE_AT):
                    notes.add(hash)
                if match := BANNER.search(content):
                    banners.add(match[1].decode("ascii", errors="replace"))
    return notes, sorted(banners, key=len)


def at_moment(running: list[Running], moment: Moment) -> Running | None:
    """The kernel that runs there; where none does yet, the first one."""
    before = [one for one in running if one.moment <= moment]
    return before[-1] if before else next(iter(running), None)
