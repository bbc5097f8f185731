"""The kernel's log (dmesg) out of its memory: the ring buffer of printk, whose layout the note tells.

A ring of descriptors says which records there are; each has an entry in a table of times, levels and lengths, and a
block of text in a second ring, which begins again at its start rather than to cross its end. A record that is just
being written has no final state, and is left out, as dmesg does.

Sources: Linux's Documentation/admin-guide/kdump/vmcoreinfo.rst, kernel/printk/printk_ringbuffer.h (states, blocks).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import UnknownKernel
from playhead.linux.memory import KernelMemory, kernel_memory
from playhead.log.moment import Moment

LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
FACILITIES = ("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split() + ["res"] * 4
              + [f"local{n}" for n in range(8)])  # fmt: skip
NEEDED = ("OFFSET(printk_ringbuffer.desc_ring)", "OFFSET(printk_ringbuffer.text_data_ring)",
          "OFFSET(prb_desc_ring.count_bits)", "OFFSET(prb_desc_ring.descs)", "OFFSET(prb_desc_ring.infos)",
          "OFFSET(prb_desc_ring.head_id)", "OFFSET(prb_desc_ring.tail_id)", "SIZE(prb_desc)",
          "OFFSET(prb_desc.state_var)", "OFFSET(prb_desc.text_blk_lpos)", "OFFSET(prb_data_blk_lpos.begin)",
          "OFFSET(prb_data_blk_lpos.next)", "SIZE(printk_info)", "OFFSET(printk_info.seq)",
          "OFFSET(printk_info.ts_nsec)", "OFFSET(printk_info.text_len)", "OFFSET(prb_data_ring.size_bits)",
          "OFFSET(prb_data_ring.data)")  # fmt: skip
COMMITTED, FINALIZED = 1, 2  # states of records that can be read: their two highest bits
DATALESS = 1  # of a block's begin: there is none
FEWEST_BITS, MOST_BITS = 4, 24  # of either ring's size


@dataclass(frozen=True)
class Record:
    """`time_ns` since the kernel's start; `text` may have several lines."""

    seq: int
    time_ns: int
    level: int
    facility: int
    text: str

    def prefix(self) -> str:
        """`[    1.234567] `"""
        microseconds = self.time_ns // 1000
        return f"[{microseconds // 1_000_000:5}.{microseconds % 1_000_000:06}] "

    def lines(self, *, decoded: bool = False) -> list[str]:
        """As dmesg prints them; with its option -x they begin with facility and level."""
        facility = FACILITIES[self.facility] if self.facility < len(FACILITIES) else str(self.facility)
        head = f"{facility:6}:{LEVELS[self.level]:6}: " if decoded else ""
        return [head + self.prefix() + line for line in self.text.split("\n")]


def records(source: Any, moment: Moment | None = None) -> list[Record]:
    """Of the kernel in a recording (a Reader, as of the last checkpoint before the moment) or a machine, the oldest
    first. Raises UnknownKernel.
    """
    return list(read(kernel_memory(source, moment)))


def read(memory: KernelMemory) -> Iterator[Record]:
    ring = _Ring(memory)
    for place in range(min(ring.count, (ring.head - ring.tail & ring.ids) + 1)):
        found = ring.record(ring.tail + place & ring.ids)
        if found is not None:
            yield found


class _Ring:
    """Where everything is, checked."""

    def __init__(self, memory: KernelMemory):
        self._memory, note, word = memory, memory.note, memory.word
        missing = [name for name in NEEDED if name not in note.numbers]
        if missing or "prb" not in note.symbols:
            first = missing[0] if missing else "prb"
            raise UnknownKernel(f"Linux {note.release}: its note does not describe its log ({first} is missing; "
                                "Linux 5.10 and later do)")  # fmt: skip
        self._at = {name.partition("(")[2].rstrip(")"): value for name, value in note.numbers.items()}
        self._sizes = {name: note.numbers[f"SIZE({name})"] for name in ("prb_desc", "printk_info")}
        self._word, self.ids = word, (1 << 8 * word - 2) - 1
        top = self._number(note.symbols["prb"], "")
        descriptors = top + self._at["printk_ringbuffer.desc_ring"]
        texts = top + self._at["printk_ringbuffer.text_data_ring"]
        self.count = 1 << self._bits(descriptors, "prb_desc_ring.count_bits")
        self._descs = self._number(descriptors, "prb_desc_ring.descs")
        self._infos = self._number(descriptors, "prb_desc_ring.infos")
        self.head = self._number(descriptors, "prb_desc_ring.head_id") & self.ids
        self.tail = self._number(descriptors, "prb_desc_ring.tail_id") & self.ids
        self._size = 1 << self._bits(texts, "prb_data_ring.size_bits")
        self._data = self._number(texts, "prb_data_ring.data")

    def _number(self, at: int, name: str, size: int = 0) -> int:
        at += self._at[name] if name else 0
        return self._memory.number(at, size or self._word, f"its log's {name or 'prb'}")

    def _bits(self, at: int, name: str) -> int:
        bits = self._number(at, name, 4)
        if not FEWEST_BITS <= bits <= MOST_BITS:
            raise UnknownKernel(f"Linux {self._memory.note.release}: its log's {name} is {bits}, which cannot be")
        return bits

    def record(self, id: int) -> Record | None:
        """One that is complete; None if there is none of that number any more or yet."""
        index = id & self.count - 1
        descriptor = self._descs + index * self._sizes["prb_desc"]
        state = self._number(descriptor, "prb_desc.state_var")
        if state & self.ids != id or state >> 8 * self._word - 2 not in (COMMITTED, FINALIZED):
            return None
        info = self._infos + index * self._sizes["printk_info"]
        length = self._number(info, "printk_info.text_len", 4)  # and facility, and flags and level
        text = self._text(descriptor + self._at["prb_desc.text_blk_lpos"], length & 0xFFFF)
        return Record(self._number(info, "printk_info.seq", 8), self._number(info, "printk_info.ts_nsec", 8),
                      length >> 29, length >> 16 & 0xFF, text.decode("utf-8", errors="backslashreplace"))  # fmt: skip

    def _text(self, block: int, length: int) -> bytes:
        begin = self._number(block, "prb_data_blk_lpos.begin")
        following = self._number(block, "prb_data_blk_lpos.next")
        if begin & DATALESS or begin == following:
            return b""
        wraps = begin // self._size != (following - 1 & (1 << 8 * self._word) - 1) // self._size
        start = 0 if wraps else begin % self._size  # it crosses no end: then it is at the start
        room = (following if wraps else following - begin) % self._size or self._size
        return self._memory.read(self._data + start + self._word, min(length, max(room - self._word, 0)))
