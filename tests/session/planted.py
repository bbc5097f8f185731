"""Real machines with planted faults, recorded and replayed in a quiet world, for the tests of diagnosis.

A fault is a function of the moment alone, so that it is there again in every run of a machine that has it, also in one
that was put back to an earlier moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import guest
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.diagnose import diagnose
from playhead.session.divergence import Divergence
from playhead.session.outcome import Options, Outcome
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.report import Report

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


def config(name: str = "demo", **changes) -> PcConfig:
    return PcConfig(bios=guest.image(name).read_bytes(), ram_bytes=8 << 20, **changes)


def plan(keys: bytes = KEYS, first: int = 40, step: int = 6) -> list[tuple[int, int, bytes]]:
    """Keys that come one by one at chosen looks at the host's clock."""
    return [(first + step * i, 0, bytes((key,))) for i, key in enumerate(keys)]


def record(path: Path, name: str = "demo", machine: type[Machine] = Machine, keys: bytes = KEYS, engine: str = "native",
           **options) -> Outcome:  # fmt: skip
    pc = config(name)
    meta = {"config": pc.to_json(), "shift": 3, "engine": engine, "program": "playhead test"}
    options = Options(digest_period=PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), **options)
    host = QuietHost(plan(keys), live=True, ports=1, step_ns=10_000)
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: machine(pc, door, engine=engine), host, options, writer)
        return session.run()


def replay(path: Path, *machines: type[Machine], engine: str = "native", session: type[ReplaySession] = ReplaySession,
           **options) -> tuple[Divergence, Report] | Outcome:  # fmt: skip
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
            return e, diagnose(build, QuietHost(ports=1), reader, one, e)
