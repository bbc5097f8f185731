"""Forwards: what the bytes of an input, of a disk's sector, of memory or of a register reach.

Two machines run on the recording. The *scout* runs ahead at full speed, with watchpoints on all memory that holds such
bytes, and with a gate before its devices; it stops where one of them is touched. The *follower* runs to just before
that moment, at full speed too, and then instruction by instruction with shadows beside its state, until no register
holds any of the bytes. So the time that it takes is that of two replays, and of the instructions near the bytes.

Not followed: addresses (what is read through a tainted pointer or index is not tainted by it, unless `pointers` is
set), control (what is executed because a tainted value was compared), and what is inside devices: a block that is
written to a disk and read again, planes of video memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from playhead.analyses.followed import Side, device_text
from playhead.analyses.flow_engine import Pieces, ShadowEngine, dispersed, on_engine
from playhead.analyses.inputs import Labels, shadow_of
from playhead.analyses.origins import Origin, Origins, entry_of, parse_origin, places_of
from playhead.analyses.places import LATCH, MEMORY, physical, runs, texts
from playhead.analyses.shadows import Shadow, bits_of, labels_of
from playhead.api.source import Place, Source
from playhead.base.errors import UsageError
from playhead.hw.memory import OFFSET_MASK, PAGE, READ
from playhead.log.events import Entry
from playhead.log.moment import Moment
from playhead.machine.debug import READ as READS, WRITE as WRITES, Watch
from playhead.machine.look import instruction_bytes_text
from playhead.x86 import state as S

LIMIT = 5_000_000  # instructions that are carried out with shadows
REST = 64  # instructions without anything to do after which full speed is worth it
MOST_WATCHES = 4000
GAP = 16  # bytes between two ranges that are watched as one


@dataclass(frozen=True)
class Flowed:
    """One step of the way: at `moment`, before it, `text` moved what was at `source` to `target`. `origins` are the
    bytes of the input that what was written depends on. `by`: cpu, or the device that wrote into memory or read it.
    """

    moment: Moment
    virtual_ns: int
    by: str
    text: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    origins: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "icount": self.moment.icount, "seq": self.moment.seq, "virtual_ns": self.virtual_ns, "by": self.by,
            "instruction": self.text, "from": list(self.source), "to": list(self.target),
            "origins": list(self.origins),
        }  # fmt: skip

    def __str__(self) -> str:
        way = f"{', '.join(self.source) or '-'} -> {', '.join(self.target) or '-'}"
        return f"{self.moment!s:>14}  {self.text}\n{'':16}{way}  ({', '.join(self.origins)})"


COLUMNS = ("icount", "seq", "virtual_ns", "by", "instruction", "from", "to", "origins")  # of a step's dictionary


@dataclass(frozen=True)
class Held:
    """What a place holds at the end."""

    place: str
    origins: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"place": self.place, "origins": list(self.origins)}

    def __str__(self) -> str:
        return f"{'':16}{self.place}  ({', '.join(self.origins)})"


@dataclass
class Forwards:
    """One question. `rows()` answers it, once; then `held` says what the bytes are in where it ended, `there` which of
    them are in the place `at`, and `ended` why it has ended before `until`, if it has.
    """

    rec: Source
    origin: Origin
    until: Moment
    pointers: bool = False
    limit: int = LIMIT
    tell: Callable[[str], None] = lambda text: None
    at: Origin | None = None
    ended: str = ""
    held: list[Held] = field(default_factory=list)
    there: list[Held] = field(default_factory=list)
    origins: Origins = field(default_factory=Origins)

    def rows(self) -> Iterator[Flowed]:
        self._entry = entry_of(self.rec, self.origin) if self.origin.kind in ("event", "packet") else None
        self._out: deque[Flowed] = deque()
        self._touched: int | None = None  # instruction at which the scout has seen labels come out of a device
        with Side(self.rec, self.origins, self._labels) as scout, Side(self.rec, self.origins, self._labels) as one:
            self._scout, self._one = scout, one
            self._begin()
            yield from self._follow()
            self.held = self._all_held()
            if self.at is not None and not self.ended:
                self.there = self._held_at(self.at)

    def _labels(self, entry: Entry) -> Callable[[int], int] | None:
        if self._entry is None or entry.id != self._entry.id:
            return None
        what = f"packet {self.origin.number}" if self.origin.kind == "packet" else f"event {entry.id}"
        return self.origins.of(what if self.origin.kind == "packet" else f"{what} ({device_text(entry.event)})")

    def _begin(self) -> None:
        one, scout, origin = self._one, self._scout, self.origin
        machine = one.line.machine
        self._engine = engine = ShadowEngine(machine.core, pointers=self.pointers)
        engine.told, engine.rested, engine.enough = self._moved, self._rested, REST
        one.gate.wrote, one.gate.answered, one.gate.read = self._wrote, self._answered, self._read
        one.forgotten = self._forget
        scout.gate.wrote = lambda address, data, labels, by: self._seen(labels)
        scout.gate.answered = self._seen
        begin = origin.moment if origin.moment is not None else self._entry.moment if self._entry else one.line.start
        if begin > self.until:
            raise UsageError(f"taint by {origin.text} starts at {begin}, behind {self.until}, where it is to end")
        for side in (one, scout):
            side.line.tell = self.tell
            side.line.seek(begin)
            if origin.kind == "disk":
                side.look_for_sectors(origin)
        if origin.moment is not None:
            for n, (place, bits) in enumerate(places_of(machine, origin)):
                space = engine.flow.memory if place >= MEMORY else engine.flow.state
                space[place] = {bits: 1 << self.origins.label(origin.text, n)}

    # the scout

    def _seen(self, labels: Labels) -> None:
        if any(label is not None for label in labels):
            machine = self._scout.line.machine
            self._touched = machine.icount if self._touched is None else min(self._touched, machine.icount)
            machine.kick()

    def _next_touch(self) -> Moment | None:
        """Run ahead to where something is touched that the follower has to see."""
        line, player = self._scout.line, self._scout.line.player
        line.machine.debug.arm(False)
        player.to(min(self._one.moment, self.until))
        self._touched = None
        line.watch([], self._watches())
        line.machine.debug.arm(True)
        try:
            while player.moment < self.until and not player.over:
                player.turn(self.until)
                stop, player.met = player.met, None
                if stop is not None or self._touched is not None:
                    return player.moment if self._touched is None else min(player.moment, Moment(self._touched))
                if self._nothing_left():
                    return None
            return None
        finally:
            line.machine.debug.arm(False)
            line.watch([], [])

    def _nothing_left(self) -> bool:
        """Nothing holds any of it, and none will come."""
        flow, gates = self._engine.flow, (self._one.gate, self._scout.gate)
        if flow.memory or flow.state or any(gate.pending for gate in gates):
            return False
        if self._entry is not None:
            return self._scout.moment > self._entry.moment
        return self.origin.kind != "disk"

    def _watches(self) -> list[Watch]:
        """On all memory that holds any of it."""
        gap = GAP
        while True:
            found = runs(sorted(place - MEMORY for place in self._engine.flow.memory), gap)
            if len(found) <= MOST_WATCHES:
                break
            gap *= 4
        machine, out = self._one.line.machine, []
        for first, length in found:
            while length:
                n = min(length, PAGE - first % PAGE)
                out.append(Watch(physical(machine, first), n, READS | WRITES, physical=True))
                first, length = first + n, length - n
        return out[:MOST_WATCHES] if len(out) <= MOST_WATCHES else _by_page(out)

    # the follower

    def _follow(self) -> Iterator[Flowed]:
        first = True
        while self._one.moment < self.until and not self.ended:
            touch = self._one.moment if first and self._engine.flow.state else self._next_touch()
            first = False
            if touch is None:
                break
            yield from self._step_from(touch)
        self._one.line.player.to(self.until)
        yield from self._taken()

    def _step_from(self, touch: Moment) -> Iterator[Flowed]:
        """Up to there at full speed, then with shadows until the registers are clean again."""
        line, player, engine = self._one.line, self._one.line.player, self._engine
        before = Moment(max(touch.icount - 1, 0))
        if line.moment < before:
            player.to(before)
        self._goal = max(touch.icount, self._scout.moment.icount) + 1
        engine.idle, self._resting = 0, False
        with on_engine(line.machine, engine):
            while line.moment < self.until and not self._resting and not player.over:
                player.turn(self.until)
                yield from self._taken()
                if engine.stepped > self.limit:
                    self.ended = (f"after {self.limit} instructions with tainted registers, at {line.moment}: a higher "
                                  "--limit goes on")  # fmt: skip
                    return
                if not engine.idle and line.machine.core.get("halted") and self._clean():
                    engine.idle = 1

    def _rested(self) -> bool:
        """Whether the engine may end its run: nothing is left in registers."""
        machine = self._one.line.machine
        over = self._engine.stepped > self.limit
        if over or (machine.icount >= self._goal and self._clean()):
            self._resting = True
            machine.kick()
            return True
        return False

    def _clean(self) -> bool:
        flow, core = self._engine.flow, self._one.line.machine.core
        if flow.state:
            empty = core.get("ftag")
            for place in [p for p in flow.state if _is_dead(p, empty)]:
                del flow.state[place]
        return not flow.state and not self._one.gate.pending

    def _taken(self) -> Iterator[Flowed]:
        while self._out:
            yield self._out.popleft()

    # what happens

    def _moved(self, eip: int, raw: bytes, flow: Any) -> None:
        if not flow.writes:
            return
        machine = self._one.line.machine
        text = instruction_bytes_text(machine, eip, raw) if raw else "(delivery of an interrupt or exception)"
        self._row(Moment(*self._engine.before), "cpu", text, flow.reads, flow.writes)

    def _row(self, moment: Moment, by: str, text: str, reads: Iterable[Any], writes: Iterable[Any]) -> None:
        machine = self._one.line.machine
        writes = list(writes)
        labels = all_labels(writes)
        self._out.append(Flowed(
            moment, machine.now_ns(), by, text, tuple(texts(machine, flat(reads))), tuple(texts(machine, flat(writes))),
            tuple(self.origins.texts(labels)),
        ))  # fmt: skip

    def _pieces(self, address: int, length: int) -> Pieces:
        """Where in memory what a bus master accesses is."""
        out: Pieces = []
        while length > 0:
            address &= 0xFFFFFFFF
            n = min(length, PAGE - address % PAGE)
            entry = self._one.line.machine.memory.page_map[address // PAGE]
            if entry & READ:
                out.append((MEMORY + (entry & OFFSET_MASK) + address % PAGE, n))
            address, length = address + n, length - n
        return out

    def _wrote(self, address: int, data: bytes, labels: Labels, by: str) -> None:
        memory, done = self._engine.flow.memory, 0
        writes: list[tuple[int, int, Shadow]] = []
        for place, n in self._pieces(address, len(data)):
            now = labels[done : done + n]
            for i in range(n):
                label = now[i] if i < len(now) else None
                if label is not None:
                    memory[place + i] = {0xFF: 1 << label}
                    writes.append((place + i, 1, memory[place + i]))
                elif memory:
                    memory.pop(place + i, None)
            done += n
        if writes:
            moment = Moment(self._one.line.machine.icount, self._one.line.machine.seq)
            self._row(moment, by, f"{by} writes into memory", [], writes)

    def _read(self, address: int, length: int) -> None:
        memory = self._engine.flow.memory
        if not memory:
            return
        reads = [(place + i, 1, memory[place + i]) for place, n in self._pieces(address, length) for i in range(n)
                 if place + i in memory]  # fmt: skip
        if reads:
            machine = self._one.line.machine
            labels = all_labels(reads)
            self._out.append(Flowed(
                Moment(machine.icount, machine.seq), machine.now_ns(), "a bus master", "a device reads memory",
                tuple(texts(machine, flat(reads))), ("device",), tuple(self.origins.texts(labels)),
            ))  # fmt: skip

    def _answered(self, labels: Labels) -> None:
        n = self._one.line.machine.core.get("latch_n")
        dispersed(self._engine.flow.state, LATCH + 8 * n, 8, shadow_of(labels))

    def _forget(self) -> None:
        self._engine.flow.memory.clear()
        self._engine.flow.state.clear()

    # the end

    def _all_held(self) -> list[Held]:
        """All that holds any of the bytes where it ended."""
        machine, flow = self._one.line.machine, self._engine.flow
        out = []
        by_labels: dict[int, list[tuple[int, int]]] = {}
        for place, shadow in {**flow.state, **flow.memory}.items():
            by_labels.setdefault(labels_of(shadow), []).append((place, bits_of(shadow)))
        for labels, places in by_labels.items():
            out += [Held(text, tuple(self.origins.texts(labels))) for text in texts(machine, places)]
        return out

    def _held_at(self, origin: Origin) -> list[Held]:
        """Which of the bytes are in a place where it ended."""
        machine, flow = self._one.line.machine, self._engine.flow
        out = []
        for place, _ in places_of(machine, origin):
            shadow = (flow.memory if place >= MEMORY else flow.state).get(place)
            if shadow is not None:
                text = ", ".join(texts(machine, [(place, bits_of(shadow))]))
                out.append(Held(text, tuple(self.origins.texts(labels_of(shadow)))))
        return out


def flat(flows: Iterable[tuple[int, int, Shadow]]) -> list[tuple[int, int]]:
    """(place, bits) of each byte of some values that depend on something."""
    out = []
    for at, n, shadow in flows:
        bits = bits_of(shadow)
        out += [(at + i, bits >> 8 * i & 0xFF) for i in range(n) if bits >> 8 * i & 0xFF]
    return out


def all_labels(flows: Iterable[tuple[int, int, Shadow]]) -> int:
    out = 0
    for _, _, shadow in flows:
        out |= labels_of(shadow)
    return out


def _is_dead(place: int, empty: int) -> bool:
    """Of the x87: a register that is empty."""
    n = (place - S.offset("fpr")) // 16
    return 0 <= n < 8 and bool(empty >> n & 1)


def _by_page(watches: list[Watch]) -> list[Watch]:
    """Whole pages, where there are too many ranges."""
    pages = runs(sorted({watch.start // PAGE for watch in watches}))
    while len(pages) > MOST_WATCHES:
        pages = [(a[0], b[0] + b[1] - a[0]) for a, b in zip(pages[::2], [*pages[1::2], pages[-1]], strict=False)]
    return [Watch(first * PAGE, n * PAGE, READS | WRITES, physical=True) for first, n in pages]


def forwards(rec: Source, origin: str, *, until: Place = "end", at: Origin | None = None, pointers: bool = False,
             limit: int = LIMIT) -> Forwards:  # fmt: skip
    """What the bytes of `origin` reach (`origins.FORMS`), up to a moment. `at`: a place that is looked at there. Raises
    UsageError, NoSuchMoment.
    """
    return Forwards(rec, parse_origin(rec, origin), rec.instant(until), pointers, limit, at=at)
