"""A chain of faults that retires no instruction any more: the machine's `run` returns when it is kicked, its moments
continue in `seq`, and a recording of it can be ended and replays.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import planted
import pytest
from memory_drive import Door
from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.log.events import End, Shutdown
from playhead.log.writer import Writer
from playhead.machine.machine import DELIVERIES, Machine
from playhead.session.outcome import Options, Outcome
from playhead.session.record import RecordSession
from playhead.session.run import SETTLE

ENGINES = ("native", "reference")
CONFIG = PcConfig(bios=planted.only_faults(), ram_bytes=4 << 20)
LAST = 8  # instructions that retire: the jump at the reset vector, and all but the DIV
FAR = 1 << 40
TICK_S = 0.02


@pytest.fixture(params=ENGINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return Machine(CONFIG, Door(), engine=request.param)


def test_a_kick_gets_through(machine: Machine) -> None:
    machine.run(LAST, 1)  # into the chain
    kick = threading.Timer(TICK_S, machine.kick)
    kick.start()
    assert machine.run(FAR).kind == "kick"
    kick.join()
    assert machine.icount == LAST
    seq = machine.seq
    machine.kick()
    assert machine.run(FAR).kind == "kick" and (machine.icount, machine.seq) == (LAST, seq), "nothing is run first"


def test_run_stops_at_a_delivery(machine: Machine) -> None:
    """Moments are exact also beyond what the engine does in one go."""
    for seq in (1, 2, 777, DELIVERIES - 1, DELIVERIES, DELIVERIES + 1, 2 * DELIVERIES + 5):
        assert machine.run(LAST, seq).kind == "budget"
        assert (machine.icount, machine.seq) == (LAST, seq)


def test_the_engines_and_all_splits_agree() -> None:
    found = []
    for engine, stops in (("native", []), ("native", [3, 5000, DELIVERIES]), ("reference", [1, 2, DELIVERIES + 1])):
        machine = Machine(CONFIG, Door(), engine=engine)
        for seq in (*stops, DELIVERIES + 100):
            machine.run(LAST, seq)
        found.append((machine.icount, machine.seq, machine.digest_parts()))
    assert found[0] == found[1] == found[2]


class Kicking(QuietHost):
    """A host whose watcher kicks at a steady pace, and ends the run at one of its kicks during the chain of faults."""

    def __init__(self, engine: str, quit_at: int):
        super().__init__(ports=1)
        self._engine, self._left = engine, quit_at
        self._machine: Machine | None = None
        self._ended = False

    def build(self, door: object) -> Machine:
        self._machine = Machine(CONFIG, door, engine=self._engine)
        return self._machine

    def __exit__(self, *exc: object) -> None:
        self._ended = True

    def start(self, wake) -> None:
        super().start(wake)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._ended:
            time.sleep(TICK_S)
            self._left -= self._machine is not None and self._machine.seq > 0
            if self._left == 0:
                self.request_quit("SIGTERM")
            self._wake()


def record(path: Path, engine: str, quit_at: int) -> Outcome:
    meta = {"config": CONFIG.to_json(), "shift": 3, "engine": engine, "program": "playhead test"}
    options = Options(digest_period=planted.PERIOD, meta=meta, blobs=tuple(CONFIG.blobs().values()))
    host = Kicking(engine, quit_at)
    with Writer(str(path), True) as writer:
        return RecordSession(host.build, host, options, writer).run()


@pytest.mark.parametrize("quit_at", [1, SETTLE + 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_recording_of_it_can_be_ended_and_replays(engine: str, quit_at: int, tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    outcome = record(path, engine, quit_at)
    assert outcome.icount == LAST and outcome.seq > 0
    ends = planted.entries(path)[-2:]
    assert [type(entry.event) for entry in ends] == [Shutdown, End]
    again = planted.replay(path, engine=engine)
    assert isinstance(again, Outcome) and again.complete
    assert (again.icount, again.seq, again.cause) == (outcome.icount, outcome.seq, outcome.cause)
