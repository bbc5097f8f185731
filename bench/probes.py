"""probes FILE [--rounds N]: what counting and tracing all that a recording executes costs, side by side with a replay

Each is a process of its own, and they take turns; figures are medians of processor time of whole processes, helpers
that compile included. `counts` ends with the table of all instructions; `trace` hands each executed piece of code to a
consumer that does nothing, `blocks` to one that finds where blocks begin (what `on_block` over everything needs),
`deliveries` stops after each interrupt and exception.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench.processes import Took, whole
from bench.sides import Goal, Row, table, turns
from playhead.cli.recorded_machine import builder
from playhead.engine.executed import Batch
from playhead.host.host import Host
from playhead.log.reader import Reader
from playhead.machine.debug import ALL_VECTORS
from playhead.timeline.player import Player

PLAIN = "plain"
GOALS = {"counts": Goal(1.5, 1.2), "trace": Goal(6, 4), "blocks": Goal(6, 5), "deliveries": Goal(2, 1.5)}


def replay(path: str, prepare: Callable[[Player], None]) -> tuple[Player, int]:
    """To the recording's end, without a comparison; how often it was stopped on the way."""
    reader = Reader(path)
    build, serial = builder(reader, "native", [])
    player = Player(build, Host(), len(serial), reader, lambda track: None).begin()
    prepare(player)
    stops = 0
    while not player.to(player.end):
        player.met = None
        stops += 1
    return player, stops


def one(side: str, path: str) -> None:
    """A side, in this process; says what it found, so that no two sides do different things."""
    found = 0

    def consumer(batch: Batch) -> None:
        nonlocal found
        found += int(batch.begins.sum()) if side == "blocks" else len(batch)

    def prepare(player: Player) -> None:
        machine = player.machine
        if side == "counts":
            machine.probes.start(counts=True)
        elif side in ("trace", "blocks"):
            machine.probes.start(trace=consumer)
        elif side == "deliveries":
            machine.debug.set_deliveries(ALL_VECTORS)
            machine.debug.arm(True)

    player, stops = replay(path, prepare)
    machine = player.machine
    machine.probes.flush()
    found = found or stops
    if side == "counts":
        found = machine.probes.counts().total
    print(f"{side}: {machine.icount} instructions, {found} found")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", help="one side, in this process")
    options = parser.parse_args()
    if options.side:
        one(options.side, options.file)
        return 0
    names = [PLAIN, *GOALS]
    lines = {name: [sys.executable, "-m", "bench.probes", options.file, "--side", name] for name in names}
    for command in lines.values():
        whole(command)  # for a warm cache
    took: dict[str, list[Took]] = {name: [] for name in names}
    for _, name in turns(names, options.rounds):
        took[name].append(whole(lines[name]))
    print(table([
        Row(name, {PLAIN: took[PLAIN], "probed": took[name]}, goal, of="probed", against=PLAIN)
        for name, goal in GOALS.items()
    ]))  # fmt: skip
    print(f"{Path(options.file).name}, medians of {options.rounds}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
