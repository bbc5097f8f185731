"""Who wrote something: the last write to some bytes of memory before a moment, and the ones before that.

The search is by physical memory, so it sees writes through any mapping, by any process, by the page walk of the
processor, and by devices (which are named).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import UsageError
from playhead.hw.memory import PAGE, SHARED
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.debug import WRITE, Access, Watch
from playhead.machine.machine import Machine
from playhead.timeline.timeline import Timeline

DEFAULT = 1
SHOWN = 16  # bytes of a value
LONGEST = 1 << 20  # bytes that can be asked for
NO_MEMORY = "(no memory)"


@dataclass(frozen=True)
class Wrote:
    """One write. `moment` is before the instruction (`text`) that made it; `by` says whose doing it was; `address`
    is the first of the bytes asked for that it touched, `before` and `after` what those that it touched held: nothing
    where they were no memory then, and `note` says what instead.
    """

    moment: Moment
    virtual_ns: int
    by: str
    text: str
    address: int
    before: bytes
    after: bytes
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "icount": self.moment.icount, "seq": self.moment.seq, "virtual_ns": self.virtual_ns, "by": self.by,
            "instruction": self.text, "address": self.address, "before": self.before.hex(), "after": self.after.hex(),
            **({"note": self.note} if self.note else {}),
        }  # fmt: skip

    def __str__(self) -> str:
        who = self.text if self.by == "cpu" else f"{self.by} (at {self.text})"
        values = f"{self.address:#010x}: {_hex(self.before)} -> {_hex(self.after)}"
        note = f"\n{'':16}{self.note}" if self.note else ""
        return f"{self.moment!s:>14}  {self.virtual_ns / 1e9:.6f} s  {who}\n{'':16}{values}{note}"


def _hex(data: bytes) -> str:
    return NO_MEMORY if not data else data[:SHOWN].hex(" ") + (" ..." if len(data) > SHOWN else "")


def last_writes(line: Timeline, address: int, length: int, *, physical: bool) -> Iterator[Wrote]:
    """The writes before where `line` is, the last one first. A linear address is taken by the page tables as they
    are there. Leaves `line` at the write.
    """
    if not 0 < length <= LONGEST:
        raise UsageError(f"the length can be 1 to {LONGEST} bytes, not {length}")
    places = look.pieces(line.machine, address, length, physical)
    if sum(n for _, n in places) != length:
        instead = _instead(line, address, sum(n for _, n in places), physical)
        raise UsageError(f"there is no memory at {address:#x}{instead}")
    watches = [Watch(at, n, WRITE, physical=True) for at, n in places]
    while True:
        line.watch([], watches)
        found = line.reverse_cont()
        line.watch([], [])
        if found.reason != "watch":
            return
        here, access = line.moment, found.accesses[0]
        offset, touched = _within(access, places)
        virtual_ns, text = line.machine.now_ns(), look.instruction_text(line.machine)
        before, elsewhere = _content(line, touched), _elsewhere(line, touched)
        assert found.behind is not None
        line.seek(found.behind)
        after = _content(line, touched)
        note = "" if before and after else _advice(line.machine, touched[0][0], elsewhere or _elsewhere(line, touched))
        line.seek(here)
        yield Wrote(here, virtual_ns, access.by, text, address + offset, before, after, note)


def _within(access: Access, places: list[tuple[int, int]]) -> tuple[int, list[tuple[int, int]]]:
    """Where in the bytes asked for an access begins, and which of them it touched."""
    offset = 0
    for at, n in places:
        first, end = max(access.address, at), min(access.address + access.size, at + n)
        if first < end:
            return offset + first - at, [(first, end - first)]
        offset += n
    raise AssertionError(f"{access} is not in {places}")


def _content(line: Timeline, places: list[tuple[int, int]]) -> bytes:
    return b"".join(look.read(line.machine, at, n, physical=True) for at, n in places)


def _instead(line: Timeline, address: int, got: int, physical: bool) -> str:
    """What there is instead of memory behind the first bytes of a place, and when to look."""
    missing = (address + got) & 0xFFFFFFFF
    at = missing if physical else look.translate(line.machine, missing)
    if at is not None and _like_memory(line.machine, at):
        return f" at moment {line.moment}: {_advice(line.machine, at, None)}, or look from a moment when it is memory"
    return "" if physical else f" at moment {line.moment}; look from a moment when it is mapped (seek, who --before)"


def _like_memory(machine: Machine, at: int) -> bool:
    """Whether registers answer there that are memory to software: a VGA's window."""
    there = machine.memory.mmio.find(at)
    return there is not None and there.look is not None


def _advice(machine: Machine, at: int, elsewhere: int | None) -> str:
    """`elsewhere`: where the same bytes are memory as well."""
    there = machine.memory.mmio.find(at)
    if there is None or there.look is None:
        return "no memory here at that moment"
    name, address = there.name.partition(".")[0], "(`info pci`)" if elsewhere is None else f"{elsewhere:#x}"
    return f"registers of the {name} here; ask by the frame buffer's address {address}"


def _elsewhere(line: Timeline, places: list[tuple[int, int]]) -> int | None:
    """A second address of bytes of video memory: the frame buffer's, if PCI has placed it."""
    memory, at = line.machine.memory, places[0][0]
    entry = memory.page_map[at >> 12]
    if not entry & SHARED:
        return None
    pages = [page for page in memory.shown_at(entry >> 12) if page != at >> 12]
    return max(pages) << 12 | at % PAGE if pages else None
