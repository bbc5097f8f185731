"""One recording, run in ways that must not differ: with and without compiled code, in single steps, with watchpoints,
by the evaluator. What is compared is the whole machine, at the same moments, and what the watchpoints met."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quiet_host import QuietHost

from playhead.boards.config import PcConfig
from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.engine.llvm.tier2.tier import Compiled
from playhead.engine.llvm.tier2.unit import Unit
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.debug import READ, WRITE, Access, Watch
from playhead.machine.machine import Machine
from playhead.timeline.player import Player

STEPS = 60  # at each moment, where it is stepped
MOST_MET = 50  # between two moments: then nothing is watched up to the next
EVALUATED = 2_000_000  # instructions: as far as the evaluator goes
EARLY = 4  # moments up to there
REACH = 24  # bytes around the stack pointer and behind the instruction pointer that are watched


@dataclass(frozen=True)
class Way:
    """`some`: of the units a part is compiled, and that late. `most`: instructions; None: all that there are."""

    name: str
    tier2: str = switch.OFF
    engine: str = "native"
    some: bool = False
    stepped: bool = False
    watched: bool = False
    most: int | None = None


BASE = Way("tier 1")
WATCHED = Way("tier 1, watched", watched=True)
WAYS = (
    Way("tier 2", switch.FORCE),
    Way("mixed", switch.ON, some=True),
    Way("tier 2, stepped", switch.FORCE, stepped=True),
    Way("mixed, stepped", switch.ON, some=True, stepped=True),
    WATCHED,
    Way("tier 2, watched", switch.FORCE, watched=True),
    Way("evaluator", engine="reference", most=EVALUATED),
)


class Sometimes(SynchronousBackend):
    """Compiles three units of four, and lets them wait for a while."""

    def __init__(self) -> None:
        from playhead.engine.llvm.tier2.compile import compile_units

        def compile(units: list[Unit]) -> list[bytes | None]:
            some = [unit for unit in units if zlib.crc32(unit.pack()) % 4]
            codes = dict(zip(some, compile_units(some), strict=True))
            return [codes.get(unit) for unit in units]

        super().__init__(compile)
        self._looks = 0

    def ready(self) -> Iterable[tuple[int, bytes, bytes]]:
        self._looks += 1
        return super().ready() if self._looks % 3 == 0 else []


@dataclass
class Seen:
    """What a way showed: at each moment the digests of the machine's parts, and what was met on the way."""

    digests: dict[Moment, dict[str, bytes]] = field(default_factory=dict)
    met: list[tuple[Moment, tuple[Access, ...]]] = field(default_factory=list)
    installed: int = 0  # blocks with compiled code


def moments(path: Path, count: int, most: int | None = None) -> list[Moment]:
    """Where to look at a recording: at random, a few times early, and at its end."""
    with Reader(str(path)) as reader:
        end = reader.last().moment.icount
    rng = random.Random(path.name)
    last = min(end, most or end)
    anywhere = [rng.randrange(1, last) for _ in range(count)]
    early = [rng.randrange(1, min(last, EVALUATED)) for _ in range(EARLY)]
    return [Moment(n) for n in sorted({*anywhere, *early, last})]


def run(path: Path, way: Way, goals: Sequence[Moment]) -> Seen:
    """The recording in one way."""
    with Reader(str(path)) as reader:
        pc, shift = PcConfig.from_json(reader.meta["config"], reader.blob), reader.meta["shift"]

        def build(door: object) -> Machine:
            tier2 = switch.OFF if way.some else way.tier2
            machine = Machine(pc, door, engine=way.engine, shift=shift, tier2=tier2)
            if way.some:
                machine.engine.use_tier2(way.tier2, Sometimes(), Compiled())
                machine.core.set("heat_first", 2)
                machine.engine.tier2.patience = 0
            return machine

        player = Player(build, QuietHost(), len(pc.serial), reader, lambda track: None).begin()
        seen = Seen()
        for goal in goals:
            if way.most is not None and goal.icount > way.most:
                break
            _go(player, goal, way, seen)
            seen.digests[player.moment] = player.machine.digest_parts()
        tier2 = getattr(player.machine.engine, "tier2", None)
        seen.installed = tier2.installed if tier2 is not None else 0
        return seen


def _go(player: Player, goal: Moment, way: Way, seen: Seen) -> None:
    """To a moment; the last steps singly, and with watchpoints where that is the way."""
    if way.watched:
        _watch(player.machine)
        met = 0
        while not player.to(goal):
            stop, player.met = player.met, None
            assert stop is not None
            seen.met.append((player.moment, stop.accesses))  # type: ignore[attr-defined]
            met += 1
            if met == MOST_MET:
                player.machine.debug.arm(False)
        player.machine.debug.arm(False)
    if way.stepped:
        for n in range(max(goal.icount - STEPS, player.moment.icount + 1), goal.icount):
            player.to(Moment(n))
    player.to(goal)


def _watch(machine: Machine) -> None:
    """What code like this will touch: its stack and itself."""
    esp, pc = machine.core.get("regs", 4) + machine.core.seg("ss", "base"), machine.pc()
    near = [(esp - REACH, 2 * REACH, READ | WRITE), (pc + 1, REACH, WRITE)]
    machine.debug.set_watches([Watch(at & 0xFFFFFFFF, size, kinds) for at, size, kinds in near])
    machine.debug.arm(True)


def compare(path: Path, count: int, ways: Sequence[Way] = WAYS, most: int | None = None) -> dict[str, Seen]:
    """Run a recording in all of these ways, and hold each against tier 1. `count`: moments; `most`: instructions."""
    goals = moments(path, count, most)
    base = run(path, BASE, goals)
    met = run(path, WATCHED, goals).met if any(way.watched for way in ways) else []
    seen = {}
    for way in ways:
        seen[way.name] = found = run(path, way, goals)
        before = "the start"
        for moment, parts in found.digests.items():
            assert moment in base.digests, f"{path.name}, {way.name}: it came to {moment}, where tier 1 never was"
            wrong = [name for name, digest in parts.items() if digest != base.digests[moment][name]]
            assert not wrong, f"{path.name}, {way.name}: {', '.join(wrong)} differ at {moment}; equal at {before}"
            before = f"{moment}"
        assert way.most is not None or found.digests.keys() == base.digests.keys()
        assert not way.watched or found.met == met, f"{path.name}, {way.name}: other accesses were watched"
    return seen
