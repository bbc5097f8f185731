"""Whole machines for `fuzz net`: a guest that does hostile things to one or two cards, recorded while networks bring
random frames, and replayed: as it is, in pieces, on the other engine, and backwards. Each must be the recording.

The world is quiet (no thread, a clock that ticks when it is read), so that a seed always makes the same recording.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playhead.base.errors import PlayheadError
from playhead.boards.config import PcConfig
from playhead.host.end import HostEnd
from playhead.host.host import Host
from playhead.host.net.end import NetEnd
from playhead.log.events import LinkChanged, NetPacket
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.sources import NetSource, ResetSource
from playhead.timeline.timeline import Timeline
from tools.fuzz.cases import Finding
from tools.fuzz.net_board import config
from tools.fuzz.net_cards import Plan, frame
from tools.fuzz.net_guest import firmware

SHIFT = 6
STEPS = 400
FRAMES = 150  # that a network brings
TURNS = 4000  # then somebody ends the run
PLACES = 6  # moments that are gone to, backwards


class Network(NetEnd):
    """Brings frames whenever it is told the time or something is sent, as a seed says."""

    live = True

    def __init__(self, label: str, chance: random.Random):
        super().__init__(label)
        self._chance, self._left = chance, FRAMES
        self.sent: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        if self._chance.random() < 0.2:
            self._bring(frame)

    def virtual_time(self, ns: int) -> None:
        for _ in range(self._chance.choice((0, 0, 1, 1, 3))):
            self._bring(frame(self._chance))

    def _bring(self, frame: bytes) -> None:
        if self._left:
            self._left -= 1
            self.arrive(frame)


class Quiet(Host):
    """Without a watcher: nothing comes but what the networks bring."""

    def __init__(self, console: Path | None = None, ends: dict[str, HostEnd] | None = None):
        super().__init__([f"file:{console}" if console else "null"], reads=False)
        for name, end in (ends or {}).items():
            self.connect(name, end)
        self._now = 0
        self.status.enabled = False
        self.realtime_ns, self.clock_ns = self._tick, self._tick

    def _tick(self) -> int:
        self._now += 10_000
        return self._now

    def start(self, wake: Callable[[], None]) -> None: ...

    def wait(self, timeout_ns: int) -> None:
        self._now += timeout_ns

    def message(self, *lines: str) -> None: ...


class Recorded:
    """One recording of a case."""

    NETWORK: type[Network] = Network
    PERIOD = 20_000  # instructions between two digests

    def __init__(self, path: Path, pc: PcConfig, seed: str, engine: str = "native"):
        self.path, self.pc, self._chance = path, pc, random.Random(f"{seed} outside")
        count = len(pc.netdevs)
        self.networks = {f"net{n}": self.NETWORK(f"n{n}", random.Random(f"{seed} {n}")) for n in range(count)}
        meta = {"config": pc.to_json(), "shift": SHIFT, "engine": engine, "program": "fuzz"}
        options = Options(digest_period=self.PERIOD, meta=meta, blobs=tuple(pc.blobs().values()))
        self.host = Quiet(path.with_suffix(".out"), self.outside())
        self._turns = 0
        with Writer(str(path), True) as writer:
            self.session = Often(self.build(engine), self.host, options, writer)
            self.session.drive = self._turn
            self.outcome = self.session.run()
        self.console = path.with_suffix(".out").read_bytes()

    def outside(self) -> dict[str, HostEnd]:
        """The host's ends, by the names by which a session knows them."""
        return dict(self.networks)

    def build(self, engine: str) -> Callable[[Any], Machine]:
        return lambda door: Machine(self.pc, door, engine, SHIFT)

    def _turn(self) -> None:
        chance, self._turns = self._chance, self._turns + 1
        if chance.random() < 0.03:
            self.session.sources[NetSource].set_link(chance.randrange(len(self.networks)), chance.random() < 0.6)
        if chance.random() < 0.001:
            self.session.sources[ResetSource].press()
        if self._turns == TURNS:
            self.host.request_quit("the fuzzer")
        self.session.turn()

    def check(self, chance: random.Random) -> None:
        """Replay it on both engines, in pieces and backwards. Raises Finding."""
        self.replay("native", None)
        self.replay("native", chance.getrandbits(16))
        self.replay("reference", chance.getrandbits(16) if chance.random() < 0.5 else None)
        self.backwards(chance)

    def replay(self, engine: str, split: int | None) -> None:
        """Raises Finding if it is not the recording."""
        out = self.path.with_suffix(".again")
        with Reader(str(self.path)) as reader:
            session = ReplaySession(self.build(engine), Quiet(out), reader, ReplayOptions(split))
            heard: list[tuple[int, bytes]] = []
            session.traffic.append(Sent(heard))
            try:
                complete = session.run().complete
            except PlayheadError as error:
                raise Finding(f"{engine}, split {split}: {error}") from None
        if not complete or out.read_bytes() != self.console:
            raise Finding(f"{engine}, split {split}: another console")
        for n, network in enumerate(self.networks.values()):
            if [frame for net, frame in heard if net == n] != network.sent:
                raise Finding(f"{engine}, split {split}: the guest sends other frames")

    def backwards(self, chance: random.Random) -> None:
        """The same machine, by whatever way one comes to a moment."""
        with Reader(str(self.path)) as reader:
            line = Timeline(self.build("native"), Quiet(), reader, 1).begin()
            goals = sorted(Moment(chance.randrange(line.end.icount + 1)) for _ in range(PLACES))
            there = []
            for goal in goals:
                line.seek(goal)
                there.append((line.moment, line.player.digest().root))
            line.seek(line.end)
            for moment, root in reversed(there):
                line.seek(moment)
                if (line.moment, line.player.digest().root) != (moment, root):
                    raise Finding(f"another machine at {moment}, which is come to backwards")
                line.step()
                line.step_back()
                if line.player.digest().root != root:
                    raise Finding(f"another machine at {moment}, a step forwards and back")


class Sent:
    """What the guest sends in a replay."""

    def __init__(self, heard: list[tuple[int, bytes]]):
        self._heard = heard

    def packet(self, net: int, out: bool, frame: bytes, *when: Any) -> None:
        if out:
            self._heard.append((net, frame))

    def back(self, *where: Any) -> None: ...


class Often(RecordSession):
    """Takes many checkpoints."""

    NEAREST_NS = PAGE_NS = 0


def machine_case(kind: type[Plan], seed: int, number: int) -> Counter[str]:
    chance = random.Random(f"{seed} {number}")
    cards = chance.choice((1, 1, 2))
    pc = config(kind.NAME, firmware(kind(chance).steps(STEPS)), cards, serial=("file",))
    done = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        path = Path(folder) / "r.ph"
        made = Recorded(path, pc, f"{seed} {number}", chance.choice(("native", "native", "reference")))
        made.check(chance)
        again = Recorded(path.with_name("s.ph"), pc, f"{seed} {number}", "native")
        if again.session.machine.digest_parts() != made.session.machine.digest_parts():
            raise Finding("the same seed makes another recording")
        with Reader(str(path)) as reader:
            for entry in reader.entries():
                if isinstance(entry.event, NetPacket | LinkChanged):
                    done[entry.kind.name] += 1
    done["frames sent"] += sum(len(network.sent) for network in made.networks.values())
    done["instructions"] += made.outcome.icount
    done[f"ended by {made.outcome.cause}"] += 1
    return done
