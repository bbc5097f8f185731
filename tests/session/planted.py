"""Real machines with planted faults, recorded and replayed in a quiet world, for the tests of diagnosis.

A fault is a function of the moment alone, so that it is there again in every run of a machine that has it, also in one
that was put back to an earlier moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.log.events import Entry
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.branch import BranchSession
from playhead.session.diagnose import diagnose
from playhead.session.divergence import Divergence
from playhead.session.outcome import Options, Outcome
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.report import Report
from playhead.timeline.timeline import Timeline
from tests.shared import once
from tools import asm, guest

PERIOD = 100_000
KEYS = b"help\rtime\recho one\rsum\rstatus\roff\r"


class AtMoment(Machine):
    """Stops when instruction `when` is next, and lets `fault(machine)` happen; idempotent faults only."""

    when = -1
    fault: Callable[[Machine], None] = staticmethod(lambda machine: None)

    def run(self, until_icount: int, until_seq: int = 0):
        if self.icount < self.when < until_icount:
            stop = super().run(self.when)
            if stop.kind != "budget":
                return stop
        if self.icount == self.when and (until_icount, until_seq) > (self.when, self.seq):
            type(self).fault(self)
        return super().run(until_icount, until_seq)


def faulty(when: int, fault: Callable[[Machine], None]) -> type[Machine]:
    return type("Faulty", (AtMoment,), {"when": when, "fault": staticmethod(fault)})


def flip(address: int, bit: int) -> Callable[[Machine], None]:
    """Sets a bit of RAM to what it is not: which that is, is decided when the fault first happens."""
    wrong: list[int] = []

    def fault(machine: Machine) -> None:
        value = machine.memory.read(address, 1)[0]
        if not wrong:
            wrong.append(value ^ 1 << bit)
        machine.memory.write(address, bytes((value & ~(1 << bit) | wrong[0] & 1 << bit,)))

    return fault


def only_faults() -> bytes:
    """A firmware that soon retires no instruction any more: DIV by 0, whose handler is this DIV. Its stack wraps."""
    code = """
        xorw    %cx, %cx
        movw    %cx, %ds
        movw    $again, 0               # vector 0
        movw    $0xF000, 2
        movw    $0x2000, %ax
        movw    %ax, %ss
        xorw    %sp, %sp
again:  divw    %cx
"""
    image = bytearray(0x10000)
    image[: len(code)] = asm.flat(code, bits=16).ljust(len(code), b"\0")
    image[0xFFF0:0xFFF5] = b"\xea\x00\x00\x00\xf0"  # ljmp $0xF000, $0
    return bytes(image)


def config(name: str = "demo", **changes) -> PcConfig:
    return PcConfig(bios=guest.image(name).read_bytes(), ram_bytes=8 << 20, **changes)


def plan(keys: bytes = KEYS, first: int = 40, step: int = 6) -> list[tuple[int, int, bytes]]:
    """Keys that come one by one at chosen reads of the host's clock."""
    return [(first + step * i, 0, bytes((key,))) for i, key in enumerate(keys)]


def record(path: Path, name: str = "demo", machine: type[Machine] = Machine, keys: bytes = KEYS, engine: str = "native",
           first: int = 40, **options) -> Outcome:  # fmt: skip
    pc = config(name)
    meta = {"config": pc.to_json(), "shift": 3, "engine": engine, "program": "playhead test"}
    options = Options(digest_period=PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), **options)
    host = QuietHost(plan(keys, first), live=True, ports=1, step_ns=10_000)
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: machine(pc, door, engine=engine), host, options, writer)
        return session.run()


def shared(factory: pytest.TempPathFactory) -> Path:
    """The demo guest with its keys, recorded once a run. It is only read; who changes a recording takes a copy."""
    return once(factory, "demo.ph", record)


def replay(path: Path, *machines: type[Machine], engine: str = "native", session: type[ReplaySession] = ReplaySession,
           watcher: QuietHost | None = None, **options) -> tuple[Divergence, Report] | Outcome:  # fmt: skip
    """Replay, and diagnose if it diverges. The n-th machine that is built is the n-th of `machines`, or the last."""
    built: list[Machine] = []
    kinds = machines or (Machine,)
    with Reader(str(path)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)

        def build(door) -> Machine:
            kind = kinds[min(len(built), len(kinds) - 1)]
            built.append(kind(pc, door, engine=engine, shift=reader.meta["shift"]))
            return built[-1]

        one = session(build, QuietHost(ports=1), reader, ReplayOptions(**options))
        try:
            return one.run()
        except Divergence as e:
            return e, diagnose(build, watcher or QuietHost(ports=1), reader, one, e)


Change = Callable[[list[Entry]], list[Entry]]


def rewrite(path: Path, change: Change = lambda entries: entries, **meta) -> None:
    """Edit a recording's events and description, and compute the hash chain anew."""
    with Reader(str(path)) as reader:
        old, batches = dict(reader.meta), list(reader.batches())
        blobs = [reader.blob(digest) for _, digest in reader.references()]
    entries = change([e for b in batches for e in b.entries])
    path.unlink()
    with Writer(str(path)) as writer:
        writer.begin({**old, **{key: value(old[key]) for key, value in meta.items()}}, blobs)
        for b in batches:
            for icount, digest in b.digests:
                writer.digest(icount, digest)
            for printed in b.printed:
                writer.printed(printed.port, printed.text, printed.moments)
        for e in entries:
            writer.event(e.moment, e.event)
        last = batches[-1]
        writer.flush(max(last.moment, entries[-1].moment), last.virtual_ns, last.wall_ms)


def entries(path: Path) -> list[Entry]:
    with Reader(str(path)) as reader:
        return list(reader.entries())


def place(found: list[Entry], kind: type, n: int = 0) -> int:
    """The place of the n-th event of a kind."""
    return [i for i, e in enumerate(found) if isinstance(e.event, kind)][n]


def drop(kind: type, n: int = 0) -> Change:
    def change(found: list[Entry]) -> list[Entry]:
        i = place(found, kind, n)
        return found[:i] + found[i + 1 :]

    return change


def move(kind: type, n: int = 0, by: int = 1) -> Change:
    """The event comes so many instructions later; it must not pass another one."""

    def change(found: list[Entry]) -> list[Entry]:
        i = place(found, kind, n)
        moment = Moment(found[i].moment.icount + by, 0)
        assert i + 1 == len(found) or moment <= found[i + 1].moment
        return [*found[:i], found[i]._replace(moment=moment), *found[i + 1 :]]

    return change


class AnotherScript(ReplaySession):
    """A replay that has other events than its recording."""

    change: Change = staticmethod(lambda found: found)

    def __init__(self, build, host, reader, options=None):
        super().__init__(build, host, reader, options)
        self._script.load(1 << 60)
        changed = type(self).change(list(self._script._entries))
        self._script._entries.clear()
        self._script._entries.extend(changed)


def misread(change: Change) -> type[ReplaySession]:
    return type("Misread", (AnotherScript,), {"change": staticmethod(change)})


def branch(parent: Path, at: Moment, path: Path, keys: bytes, engine: str = "native") -> Moment:
    """Go on from a moment of a recording with other keys; returns where it began."""
    with Reader(str(parent)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)

        def build(door):
            return Machine(pc, door, engine=engine, shift=reader.meta["shift"])

        line = Timeline(build, QuietHost(), reader, 1).begin()
        line.seek(at)
        point = line.player.point()
        options = Options(digest_period=reader.digest_period, meta={"parent_file": parent.name})
        host = QuietHost(plan(keys, 20), live=True, ports=1, step_ns=10_000, date=5)
        with Writer(str(path), True) as writer:
            BranchSession(build, host, options, writer, reader, point, line.machine.now_ns(), line.known_pages()).run()
    said = [host.messages.index(text) for text in host.messages if text.startswith(("copying", "going on"))]
    assert len(said) == 2 and host.messages[said[1]].endswith("live")
    assert host.messages[said[0]] == f"copying {parent} up to {point.moment} into {path}"
    return point.moment
