"""Who wrote something: the last write to some bytes of memory in front of a moment, and the ones before that.

The search is by physical memory, so it sees writes through any mapping, by any process, by the page walk of the
processor, and by devices (which are named).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.debug import WRITE, Watch
from playhead.timeline.timeline import Timeline

DEFAULT = 1
SHOWN = 16  # bytes of a value
LONGEST = 1 << 20  # bytes that can be asked for


@dataclass(frozen=True)
class Wrote:
    """One write. `moment` is in front of the instruction (`text`) that made it; `by` says whose doing it was; `before`
    and `after` are what the bytes in question held.
    """

    moment: Moment
    virtual_ns: int
    by: str
    text: str
    address: int
    before: bytes
    after: bytes

    def __str__(self) -> str:
        who = self.text if self.by == "cpu" else f"{self.by} (at {self.text})"
        return f"{self.moment!s:>14}  {self.virtual_ns / 1e9:.6f} s  {who}\n{'':16}{_hex(self.before)} -> {_hex(self.after)}"


def _hex(data: bytes) -> str:
    return data[:SHOWN].hex(" ") + (" ..." if len(data) > SHOWN else "")


def last_writes(line: Timeline, address: int, length: int, *, physical: bool) -> Iterator[Wrote]:
    """The writes in front of where `line` is, the last one first. A linear address is taken by the page tables as they
    are there. Leaves `line` at the write.
    """
    if not 0 < length <= LONGEST:
        raise UsageError(f"the length can be 1 to {LONGEST} bytes, not {length}")
    places = look.pieces(line.machine, address, length, physical)
    if sum(n for _, n in places) != length:
        raise UsageError(f"there is no memory at {address:#x}" + ("" if physical else " (by the page tables of now)"))
    watches = [Watch(at, n, WRITE, physical=True) for at, n in places]
    while True:
        line.watch([], watches)
        found = line.reverse_cont()
        line.watch([], [])
        if found.reason != "watch":
            return
        here, by = line.moment, found.accesses[0].by
        virtual_ns, text = line.machine.now_ns(), look.instruction_text(line.machine)
        before = _content(line, places)
        assert found.behind is not None
        line.seek(found.behind)
        after = _content(line, places)
        line.seek(here)
        yield Wrote(here, virtual_ns, by, text, address, before, after)


def _content(line: Timeline, places: list[tuple[int, int]]) -> bytes:
    return b"".join(look.read(line.machine, at, n, physical=True) for at, n in places)
