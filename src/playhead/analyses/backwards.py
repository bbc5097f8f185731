"""Backwards: where a byte of memory or of a register came from.

The instructions before a moment are carried out again, window by window, by an engine that writes down what each loads
and where it stores (`flow_engine.LogEngine`). Going through a window from its end, an instruction that stored something
that is looked for says, bit by bit, out of what it made it; that is then looked for instead. When only memory is looked
for, the next window is that of the last write to it, found by a watchpoint backwards at full speed.

A way ends at an input (a byte of an event, of a packet, of a disk's sector), at an answer of a device that is none, at
instructions that depend on nothing (a constant), and at the start of the recording: there a byte may be of a file that
the machine was started with. Addresses and control are not followed, as forwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from playhead.analyses.flow_engine import LogEngine, OneInstruction, Pieces, Step, on_engine
from playhead.analyses.followed import Side, device_text
from playhead.analyses.forwards import Flowed
from playhead.analyses.inputs import Labels
from playhead.analyses.origins import Origin, Origins, parse_origin, places_of
from playhead.analyses.places import LATCH, LATCH_END, MEMORY, is_register, physical, runs, texts
from playhead.analyses.shadows import members
from playhead.analyses.start_files import StartFiles
from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.hw.memory import OFFSET_MASK, PAGE, READ
from playhead.hw.space import Space
from playhead.log.events import BlockDone, CharRead, Entry, Event, Input, NetPacket, SnapshotLoaded
from playhead.log.moment import Moment
from playhead.machine import tracing
from playhead.machine.debug import WRITE, Watch
from playhead.machine.look import instruction_bytes_text

FIRST, LARGEST = 1 << 11, 1 << 17  # instructions of a window
LIMIT = 5_000_000  # instructions that are written down
TRIES = 64  # events before a moment that may have brought what a device gives there
MOST_WATCHES = 4000
CONSTANT, START = "a constant", "the start of the recording"


@dataclass(frozen=True)
class Came(Flowed):
    """A step of the way back: `source` is what `target` was made of. `origins`: where the way ends in this step, if it
    does. `number` counts the steps; `feeds` are those that have looked for `target`.
    """

    number: int = 0
    feeds: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"number": self.number, **super().as_dict(), "feeds": list(self.feeds)}

    def __str__(self) -> str:
        way = f"{', '.join(self.target)} <- {', '.join([*self.source, *self.origins]) or '-'}"
        return f"{self.moment!s:>14}  {self.text}\n{'':16}{way}"


@dataclass
class Wanted:
    """What is looked for of a byte: which bits, and for which steps."""

    bits: int
    rows: set[int]


@dataclass
class Entered:
    """Where the bytes of an input went, up to a moment: labels of answers of devices, and of what was written into
    memory, by instruction.
    """

    upto: Moment
    answers: dict[int, Labels] = field(default_factory=dict)
    written: dict[int, dict[int, int]] = field(default_factory=dict)


@dataclass
class Backwards:
    """One question. `rows()` answers it, the last step first; `ended` says why there is more, if there is."""

    rec: Source
    origin: Origin
    pointers: bool = False
    limit: int = LIMIT
    tell: Callable[[str], None] = lambda text: None
    ended: str = ""
    origins: Origins = field(default_factory=Origins)

    def rows(self) -> Iterator[Came]:
        assert self.origin.moment is not None
        self._line = self.rec.timeline()
        self._line.tell = self.tell
        self._line.seek(self.origin.moment)
        machine = self._line.machine
        self._engine, self._one = LogEngine(machine.core), OneInstruction(pointers=self.pointers)
        self._numbers, self._traced = 0, 0
        self._entered: dict[int, Entered] = {}
        self._reads: dict[int, tuple[str, int]] = {}  # by instruction: whom it asked, and where
        self._live = {place: Wanted(bits, set()) for place, bits in places_of(machine, self.origin)}
        loads = [e.moment for e in self.rec.reader.entries()
                 if isinstance(e.event, SnapshotLoaded) and e.moment < self.origin.moment]  # fmt: skip
        self._lowest, self._loaded = (loads[-1], True) if loads else (self._line.start, False)
        yield from self._back(self.origin.moment)
        self.rec.give_back(self._line)

    # window by window

    def _back(self, end: Moment) -> Iterator[Came]:
        size = FIRST
        while self._live and not self.ended:
            if not any(is_register(place) for place in self._live):
                found = self._last_write(end)
                if found is None:
                    break
                end, size = found, FIRST
            begin = max(Moment(max(end.icount - size, 0)), self._lowest)
            if begin >= end:
                break
            for step in reversed(self._trace(begin, end)):
                yield from self._through(step)
                if not self._live:
                    return
            end, size = begin, min(2 * size, LARGEST)
            if self._traced > self.limit:
                self.ended = f"after {self._traced} instructions, at {begin}: a higher --limit goes on"
        if self._live and not self.ended:
            yield from self._from_start()

    def _trace(self, begin: Moment, end: Moment) -> list[Step]:
        """All instructions, deliveries and writes of bus masters between two moments."""
        line, engine = self._line, self._engine
        line.seek(begin)
        memory = line.machine.memory
        engine.steps = steps = []
        self._reads.clear()

        def write(address: int, data: bytes, by: str = "a bus master") -> None:
            type(memory).write(memory, address, data, by)
            now = line.moment
            steps.append(Step(now.icount, now.seq, -1, None, (by,), self._pieces(address, len(data))))

        spaces = line.machine.board.io, memory.mmio
        memory.__dict__["write"] = write
        for space in spaces:
            tracing.watch(space, self._asked)
        try:
            with on_engine(line.machine, engine):
                line.player.to(end)
        finally:
            del memory.__dict__["write"]
            for space in spaces:
                tracing.unwatch(space)
        self._traced += len(steps)
        return steps

    def _asked(self, space: Space, write: bool, address: int, size: int, value: int) -> None:
        there = space.find(address)
        if not write:
            self._reads[self._line.machine.icount] = there.name if there is not None else "", address

    def _pieces(self, address: int, length: int) -> Pieces:
        out: Pieces = []
        while length > 0:
            address &= 0xFFFFFFFF
            n = min(length, PAGE - address % PAGE)
            entry = self._line.machine.memory.page_map[address // PAGE]
            if entry & READ:
                out.append((MEMORY + (entry & OFFSET_MASK) + address % PAGE, n))
            address, length = address + n, length - n
        return out

    def _last_write(self, end: Moment) -> Moment | None:
        """The moment behind the last write to what is looked for; None: nothing wrote it."""
        line = self._line
        line.seek(end)
        watches = []
        for first, length in runs(sorted(place - MEMORY for place in self._live)):
            while length:
                n = min(length, PAGE - first % PAGE)
                watches.append(Watch(physical(line.machine, first), n, WRITE, physical=True))
                first, length = first + n, length - n
        if len(watches) > MOST_WATCHES:
            raise UsageError(f"this leads to {len(watches)} ranges of memory at {end}: ask for fewer bytes")
        line.watch([], watches)
        try:
            found = line.reverse_cont(self._lowest)
        finally:
            line.watch([], [])
        if found.reason != "watch":
            return None
        assert found.behind is not None
        return found.behind

    # through an instruction

    def _through(self, step: Step) -> Iterator[Came]:
        live = self._live
        hit = [place for at, n in step.stored for place in range(at, at + n) if place in live]
        if not hit:
            return
        moment = Moment(step.icount, step.seq)
        wanted = {place: live.pop(place) for place in dict.fromkeys(hit)}
        feeds = tuple(sorted({row for one in wanted.values() for row in one.rows}))
        targets = [(place, one.bits) for place, one in wanted.items()]
        if step.eip < 0:
            yield self._row(moment, step.values[0], f"{step.values[0]} writes into memory", [], targets, feeds,
                            self._from_master(moment, step, wanted))  # fmt: skip
            return
        flow = self._one.flow(step)
        sources: dict[int, int] = {}
        for place, one in wanted.items():
            for bits, labels in flow.get(place, {}).items():
                if bits & one.bits:
                    for run in members(labels):
                        for where, bit in self._one.bits[run.start : run.stop]:
                            sources[where] = sources.get(where, 0) | 1 << bit
        origins = [] if sources else [CONSTANT]
        answers = sorted(place for place in sources if LATCH <= place < LATCH_END)
        if answers:
            origins += self._from_device(moment, [place - LATCH for place in answers])
        row = self._row(moment, "cpu", self._text(step), list(sources.items()), targets, feeds, origins)
        for place, bits in sources.items():
            if is_register(place) or place >= MEMORY:
                known = live.setdefault(place, Wanted(0, set()))
                known.bits |= bits
                known.rows.add(row.number)
        yield row

    def _text(self, step: Step) -> str:
        if step.decoded is None:
            return "(delivery of an interrupt or exception)"
        return instruction_bytes_text(self._line.machine, step.eip, step.decoded.raw[: step.decoded.len])

    def _row(self, moment: Moment, by: str, text: str, sources: list[tuple[int, int]], targets: list[tuple[int, int]],
             feeds: tuple[int, ...], origins: list[str]) -> Came:  # fmt: skip
        machine, number = self._line.machine, self._numbers
        self._numbers += 1
        virtual_ns = machine.now_ns() - ((machine.icount - moment.icount) << machine.shift)
        return Came(moment, virtual_ns, by, text, tuple(texts(machine, sources)), tuple(texts(machine, targets)),
                    tuple(dict.fromkeys(origins)), number, feeds)  # fmt: skip

    # where it ends

    def _from_start(self) -> Iterator[Came]:
        """What nothing has written since the recording began."""
        line = self._line
        line.seek(self._lowest)
        machine = line.machine
        memory = [(place, one) for place, one in self._live.items() if place >= MEMORY]
        others = [(place, one) for place, one in self._live.items() if place < MEMORY]
        files = StartFiles(self.rec, machine)
        where = f"the snapshot that was loaded at {self._lowest}" if self._loaded else START
        for group in _neighbours(memory):
            places = [(place, one.bits) for place, one in group]
            feeds = tuple(sorted({row for _, one in group for row in one.rows}))
            found = [] if self._loaded else files.of(group[0][0] - MEMORY, len(group))
            yield self._row(self._lowest, "start", f"({where})", [], places, feeds, found or [where])
        if others:
            feeds = tuple(sorted({row for _, one in others for row in one.rows}))
            places = [(place, one.bits) for place, one in others]
            yield self._row(self._lowest, "start", f"({where})", [], places, feeds, [where])
        self._live = {}

    def _events(self, moment: Moment, kinds: tuple[type[Event], ...]) -> list[Entry]:
        """The last ones before a moment, or at it, the last one first."""
        before = [e for e in self.rec.reader.entries() if e.moment <= moment and isinstance(e.event, kinds)]
        return before[: -TRIES - 1 : -1]

    def _labels(self, entry: Entry) -> Callable[[Entry], Callable[[int], int] | None]:
        name = f"event {entry.id} ({device_text(entry.event)})"
        return lambda e: self.origins.of(name) if e.id == entry.id else None

    def _from_master(self, moment: Moment, step: Step, wanted: dict[int, Wanted]) -> list[str]:
        """The input whose bytes a bus master wrote."""
        for entry in self._events(moment, (NetPacket, BlockDone)):
            written = self._again(entry, moment).written.get(moment.icount, {})
            labels = {written[place] for place in wanted if place in written}
            if labels:
                return self.origins.texts(sum(1 << label for label in labels))
        return [f"{step.values[0]} (a device)"]

    def _from_device(self, moment: Moment, at: list[int]) -> list[str]:
        """The input that an answer of a device is of; the device, if it is of none. `at`: bytes of the latch."""
        name, address = self._reads.get(moment.icount, ("", 0))
        for entry in self._events(moment, _inputs_of(name)):
            answer = self._again(entry, moment).answers.get(moment.icount, [])
            labels = {label for n in at if n < len(answer) and (label := answer[n]) is not None}
            if labels:
                return self.origins.texts(sum(1 << label for label in labels))
        return [f"device {name or 'that is not there'}, register {address:#x}"]

    def _again(self, entry: Entry, moment: Moment) -> Entered:
        """Let an input enter again, with labels, and run on until behind a moment; or what was found by that before."""
        known = self._entered.get(entry.id)
        if known is not None and known.upto >= moment:
            return known
        found = self._entered[entry.id] = Entered(moment)
        with Side(self.rec, self.origins, self._labels(entry)) as side:
            machine = side.line.machine

            def wrote(address: int, data: bytes, labels: Labels, by: str) -> None:
                here, done = found.written.setdefault(machine.icount, {}), 0
                for place, n in self._pieces(address, len(data)):
                    for i, label in enumerate(labels[done : done + n]):
                        if label is not None:
                            here[place + i] = label
                    done += n

            def answered(labels: Labels) -> None:
                found.answers.setdefault(machine.icount, []).extend(labels)

            side.line.tell = self.tell
            side.line.seek(entry.moment)
            side.gate.wrote, side.gate.answered = wrote, answered
            side.line.player.to(min(Moment(moment.icount + 1), side.line.end))
        return found


def _inputs_of(device: str) -> tuple[type[Event], ...]:
    """What a device of this name may give: by its data registers."""
    if device.endswith(".command"):
        return (BlockDone,)
    return (Input,) if device.endswith(".data") else (CharRead,)


def _neighbours(places: list[tuple[int, Wanted]]) -> Iterator[list[tuple[int, Wanted]]]:
    """Groups of places side by side."""
    known = dict(places)
    for first, length in runs(sorted(known)):
        yield [(place, known[place]) for place in range(first, first + length)]


def backwards(rec: Source, target: str, *, pointers: bool = False, limit: int = LIMIT) -> Backwards:
    """Where the bytes of a place came from: `memory:ADDRESS[:LENGTH]@MOMENT`, `physical:`... or `register:NAME@MOMENT`.
    Raises UsageError, NoSuchMoment.
    """
    origin = parse_origin(rec, target)
    if origin.moment is None:
        raise UsageError(f"'{target}' is an input; where did what come from? memory:ADDRESS[:LENGTH]@MOMENT, "
                         "physical:ADDRESS[:LENGTH]@MOMENT or register:NAME@MOMENT")  # fmt: skip
    return Backwards(rec, origin, pointers, limit)


def graph(rows: list[Came]) -> str:
    """The steps as a graph in DOT: an arrow goes from a step to those that its result went into."""
    lines = ["digraph taint {", "  rankdir=BT;", "  node [shape=box, fontname=monospace];"]
    for row in rows:
        label = f"{row.moment}\\n{row.text}\\n{', '.join(row.target)}".replace('"', "'")
        lines.append(f'  n{row.number} [label="{label}"];')
        lines += [f"  n{row.number} -> n{to};" for to in row.feeds]
        for n, origin in enumerate(row.origins):
            lines.append(f'  o{row.number}_{n} [shape=ellipse, label="{origin}"];')
            lines.append(f"  o{row.number}_{n} -> n{row.number};")
    return "\n".join([*lines, "}"]) + "\n"
