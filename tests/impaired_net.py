"""A bad network between a netdev and its card: frames are lost, doubled, overtaken, cut short or changed, in both
directions, as a seed says: the n-th frame of a direction always meets the same fate.

In a test, `impair(end, Faults(seed=1, loss=5))` does it to a `NetEnd` of any kind before the session runs. A program
of its own takes the same words in front of a command line, and says at the end what it has done:

    python -m tests.impaired_net seed=1,loss=5,swap=5 playhead record -o r.ph -netdev user,id=n ...
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from threading import RLock
from typing import Any, NamedTuple

from playhead.host.net.end import NetEnd
from playhead.session.sources import NetSource

HELD_NS = 20_000_000  # virtual time after which a frame that none has overtaken comes all the same
OVERTAKEN = 3  # frames at most


class Faults(NamedTuple):
    """Chances in per cent, each direction for itself; `skip`: so many frames of each pass unharmed before it begins."""

    seed: int = 1
    loss: float = 0
    double: float = 0
    swap: float = 0
    cut: float = 0
    flip: float = 0
    skip: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        values = dict(word.split("=") for word in text.split(","))
        return cls(**{name: (int if name in ("seed", "skip") else float)(value) for name, value in values.items()})


class Direction:
    """The frames of one direction. Of those of one netdev's network many threads may bring some."""

    def __init__(self, name: str, label: str, faults: Faults, on: Any):
        self.name, self.faults, self._on = name, faults, on
        self._chance = random.Random(f"{faults.seed} {label} {name}")
        self._lock = RLock()
        self._held: list[tuple[int, int, bytes]] = []  # frames that are to go before it, time, frame
        self._time_ns = 0
        self.done: Counter[str] = Counter()

    def frame(self, frame: bytes) -> None:
        with self._lock:
            self.done["frames"] += 1
            fate, faults = self._fate(), self.faults
            if self.done["frames"] <= faults.skip:
                fate = ""
            self.done[fate] += 1
            after, at = self._chance.randint(1, OVERTAKEN), self._chance.randrange(max(len(frame), 1))
            if fate == "swap":
                self._held.append((after, self._time_ns, frame))
                return
            if fate == "cut":
                frame = frame[:at]
            elif fate == "flip" and frame:
                frame = frame[:at] + bytes((frame[at] ^ 1 << after,)) + frame[at + 1 :]
            for _ in range({"loss": 0, "double": 2}.get(fate, 1)):
                self._on(frame)
            self._held = [(after - 1, since, held) for after, since, held in self._held]
            self._release(lambda after, since: after <= 0)

    def _fate(self) -> str:
        roll = self._chance.random() * 100
        for name in ("loss", "double", "swap", "cut", "flip"):
            roll -= getattr(self.faults, name)
            if roll < 0:
                return name
        return ""

    def time(self, ns: int) -> None:
        with self._lock:
            self._time_ns = ns
            self._release(lambda after, since: ns - since > HELD_NS)

    def _release(self, due: Any) -> None:
        late = [held for after, since, held in self._held if due(after, since)]
        self._held = [one for one in self._held if not due(*one[:2])]
        for frame in late:
            self._on(frame)


def impair(end: NetEnd, faults: Faults) -> tuple[Direction, Direction]:
    """From now on this end is a bad network. What became of the frames: `done` of (in, out)."""
    coming = Direction("in", end.label, faults, end.arrive)
    going = Direction("out", end.label, faults, end.send)
    virtual_time = end.virtual_time

    def time(ns: int) -> None:
        virtual_time(ns)
        coming.time(ns)
        going.time(ns)

    end.arrive, end.send, end.virtual_time = coming.frame, going.frame, time  # type: ignore[method-assign]
    return coming, going


def main(words: list[str]) -> int:
    faults, found = Faults.parse(words[0]), []
    connect = NetSource.connect

    def connected(source: NetSource) -> None:
        for name, end in source.session.host.ends.items():
            if isinstance(end, NetEnd):
                found.extend((name, direction) for direction in impair(end, faults))
        connect(source)

    NetSource.connect = connected  # type: ignore[method-assign]
    if words[1] == "playhead":
        from playhead.cli import main as program
    else:
        from playhead.cli.system_i386 import main as program
    status = program(words[2:])
    for name, direction in found:
        told = " ".join(f"{fate}={n}" for fate, n in sorted(direction.done.items()) if fate)
        print(f"impaired {name} {direction.name}: {told}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
