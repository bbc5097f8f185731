"""What the guest printed, and when: an index of its console output, by which a text is found without a replay.

Output is no input, it falls out of a replay again; so this is derived data. It is written with the batches all the
same, belongs to the hash chain, and a replay compares what it prints with it. Each byte of each serial port and of the
debug console has its moment: after the instruction that printed it.

A row is what one port printed between two flushes. Texts and moments are one zstd frame each; a moment is the distance
to the byte before, in instructions (`pack_moments`), so a guest that prints at a steady pace costs little more than its
text (measured on the Debian boot: see docs/recording-format.md).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from playhead.base.errors import FormatError
from playhead.log.moment import Moment
from playhead.log.pages import unpacked

if TYPE_CHECKING:
    from playhead.log.container import Container

DEBUGCON = 255  # the number of the debug console, after those of the serial ports
ROW = 1 << 16  # bytes of text in a row, at most
MOST = 20  # bytes of a packed moment, at most
MAX_BATCH = 64 << 20  # bytes of all rows of a batch, packed
LEVEL = 3  # zstd's
MAX_INT = (1 << 63) - 1
COLUMNS = "id, port, position, icount, seq, size, text, moments"


class Printed(NamedTuple):
    """Text that one port printed, with the moment of each byte; `position` bytes were printed there before."""

    port: int
    position: int
    text: bytes
    moments: list[Moment]

    def between(self, after: Moment, upto: Moment | None = None) -> Printed:
        """The part that a replay from one moment to another one prints."""
        first = bisect_right(self.moments, after)
        last = len(self.moments) if upto is None else bisect_right(self.moments, upto)
        return Printed(self.port, self.position + first, self.text[first:last], self.moments[first:last])


def name_of(port: int) -> str:
    """The name of a port in messages."""
    return "the debug console" if port == DEBUGCON else f"serial port {port}"


def number_of(device: str) -> int | None:
    """The number of a device's output (`serial0`, `debugcon`); None if it is no text."""
    if device == "debugcon":
        return DEBUGCON
    number = device.removeprefix("serial")
    return int(number) if number != device and number.isdecimal() else None


class Collected:
    """The writer's part: output that no batch holds yet."""

    def __init__(self) -> None:
        self._text: dict[int, bytearray] = {}
        self._moments: dict[int, list[Moment]] = {}
        self._position: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._text)

    def add(self, port: int, text: bytes, moments: list[Moment]) -> None:
        assert len(text) == len(moments)
        if not text:
            return
        self._text.setdefault(port, bytearray()).extend(text)
        self._moments.setdefault(port, []).extend(moments)

    def rows(self, first: int) -> list[tuple]:
        """Take it as rows, numbered from `first`."""
        import zstandard  # takes 10 ms to import

        out: list[tuple] = []
        pack = zstandard.ZstdCompressor(level=LEVEL).compress
        for port, text in sorted(self._text.items()):
            moments, position = self._moments[port], self._position.get(port, 0)
            for at in range(0, len(text), ROW):
                some = moments[at : at + ROW]
                data = pack(bytes(text[at : at + ROW])), pack(pack_moments(some))
                out.append((first + len(out), port, position + at, *some[0], len(some), *data))
            self._position[port] = position + len(text)
        self._text, self._moments = {}, {}
        return out


def pack_moments(moments: list[Moment]) -> bytes:
    """All but the first, each as its distance to the one before: 2 * instructions as a LEB128 number, plus 1 if `seq`
    follows as another; else that is 0, or at the same instruction what it was.
    """
    out = bytearray()
    icount, seq = moments[0]
    for now, new in moments[1:]:
        before = seq if now == icount else 0
        _number(out, now - icount << 1 | (new != before))
        if new != before:
            _number(out, new)
        icount, seq = now, new
    return bytes(out)


def _number(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def unpack_moments(first: Moment, size: int, data: bytes) -> list[Moment]:
    """The inverse: `size` moments, which never decrease."""
    numbers, (icount, seq) = _numbers(data), first
    out = [first]
    for step in numbers:
        seq = seq if step < 2 else 0
        icount += step >> 1
        if step & 1:
            before, seq = seq, next(numbers, -1)
            if seq < 0 or (step == 1 and seq < before):
                raise FormatError("a moment that is before the one before it")
        out.append(Moment(icount, seq))
    if len(out) != size or icount > MAX_INT:
        raise FormatError(f"{len(out)} moments of {size} bytes")
    return out


def _numbers(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 and value <= MAX_INT:
            yield value
            value = shift = 0
        elif value > MAX_INT:
            raise FormatError("a number that does not end")
    if shift:
        raise FormatError("a number that does not end")


class Output(NamedTuple):
    """What a batch, by its number, has of the guest's output; `moment` is at the flush."""

    number: int
    moment: Moment
    printed: list[Printed]


class Console:
    """The reader's part. `outputs(moment)`: what each batch that ends there or later printed, verified; None: all."""

    def __init__(self, container: Container, outputs: Callable[[Moment | None], Iterator[Output]]):
        self._rows, self._bad = container.rows, container.damaged
        self._outputs = outputs

    def rows(self, after: int, last: int) -> list[tuple]:
        """The rows of a batch, not verified; their sizes are checked first."""
        between = "FROM console WHERE id > ? AND id <= ?"
        sql = f"SELECT coalesce(sum(length(text) + length(moments)), 0) {between}"
        ((total,),) = self._rows(sql, int, args=(after, last))
        if total > MAX_BATCH:
            raise self._bad(f"{total} bytes of console output in one batch")
        types = int, int, int, int, int, int, bytes, bytes
        return self._rows(f"SELECT {COLUMNS} {between} ORDER BY id", *types, args=(after, last))

    def check(self, rows: list[tuple], before: Moment, end: Moment) -> list[Printed]:
        """What the rows of a batch say, which is what its hash says; it lies between two other batches' moments."""
        out: list[Printed] = []
        last: dict[int, Moment] = {}
        for row in rows:
            try:
                printed = self._unpack(row, last.get(row[1], before), end)
            except FormatError as e:
                raise self._bad(f"console output {row[0]}: {e}") from None
            last[printed.port] = printed.moments[-1]
            out.append(printed)
        return out

    @staticmethod
    def _unpack(row: tuple, before: Moment, end: Moment) -> Printed:
        _, port, position, icount, seq, size, text, moments = row
        if not 0 <= port <= DEBUGCON or not 0 < size <= ROW or not 0 <= position <= MAX_INT - size:
            raise FormatError(f"{size} bytes at {position} of port {port}")
        plain = unpacked("zstd", text, size)
        if len(plain) != size:
            raise FormatError(f"{len(plain)} bytes of text, not {size}")
        found = unpack_moments(Moment(icount, seq), size, unpacked("zstd", moments, size * MOST))
        if not before <= found[0] or found[-1] > end or seq < 0:
            raise FormatError(f"what was printed from {found[0]} to {found[-1]} is not between {before} and {end}")
        return Printed(port, position, plain, found)

    def each(self, after: Moment | None = None, upto: Moment | None = None) -> Iterator[Printed]:
        """All that was printed after a moment and up to another one, in order of each port, verified."""
        for batch in self._outputs(after):
            for printed in batch.printed:
                if after is not None or upto is not None:
                    printed = printed.between(Moment(-1) if after is None else after, upto)
                if printed.text:
                    yield printed
            if upto is not None and batch.moment >= upto:
                return

    def find(self, text: bytes, port: int | None = None) -> Moment | None:
        """Where the first occurrence of a text is complete, on a port or (None) on any serial port."""
        tails: dict[int, bytes] = {}  # the last bytes of each port, one less than the text has
        for batch in self._outputs(None):
            found = []
            for one in batch.printed:
                if one.port == port or (port is None and one.port != DEBUGCON):
                    tail = tails.get(one.port, b"")
                    seen = tail + one.text
                    at = seen.find(text)
                    if at >= 0:
                        found.append(one.moments[at + len(text) - 1 - len(tail)])
                    tails[one.port] = seen[max(len(seen) - len(text) + 1, 0) :]
            if found:
                return min(found)
        return None
