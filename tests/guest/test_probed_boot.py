"""Counts and blocks of windows of a Debian boot are those of the reference engine, where each instruction is counted by
itself.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from playhead.cli.recorded_machine import builder
from playhead.engine.executed import Batch, Counts
from playhead.host.host import Host
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.timeline.timeline import Timeline
from tools.fuzz import replay as fuzz_replay

LENGTH = 1_000_000
Found = tuple[Counts, np.ndarray, bytes]


def probed(line: Timeline, start: int, length: int, engine: str, cuts: int) -> Found:
    """A window: counts, (icount, linear address) of each block, the digest at its end."""
    blocks: list[np.ndarray] = []

    def consumer(batch: Batch) -> None:
        begins = batch.begins
        blocks.append(np.stack([batch.icount[begins], batch.table.rows.linear[batch.block[begins]]]))

    line.seek(Moment(start))
    machine = line.machine
    machine.use_engine(engine)
    machine.probes.start(counts=True, trace=consumer)
    for n in range(1, cuts + 1):
        line.player.to(Moment(start + length * n // cuts))
    machine.probes.flush()
    counts = machine.probes.counts()
    machine.probes.stop()
    machine.use_engine("native")
    return counts, np.concatenate(blocks, axis=1), machine.digest()


def check(boot: fuzz_replay.Recorded, windows: int, length: int) -> None:
    with Reader(str(boot.path)) as reader:
        build, serial = builder(reader, "native", [])
        line = Timeline(build, Host(), reader, len(serial)).begin()
        rng = random.Random(7)
        for _ in range(windows):
            start = rng.randrange(boot.icount - length)
            true = probed(line, start, length, "reference", 1)
            assert true[0].total == length
            for cuts in (1, 97):
                counts, blocks, digest = probed(line, start, length, "native", cuts)
                assert all(map(np.array_equal, counts, true[0])), f"counts from {start}, {cuts} cuts"
                assert np.array_equal(blocks, true[1]), f"blocks from {start}, {cuts} cuts"
                assert digest == true[2]


@pytest.mark.guest
def test_two_windows(boot: fuzz_replay.Recorded) -> None:
    check(boot, 2, LENGTH // 5)


@pytest.mark.guest
@pytest.mark.long
def test_twenty_windows(boot: fuzz_replay.Recorded) -> None:
    check(boot, 20, LENGTH)
