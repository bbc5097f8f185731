"""An image whose writer is killed, or whose host loses power, at any moment: whole, and with all that was flushed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import crash
import pytest

from playhead.host.block import create_qcow2, open_image
from playhead.host.block.hostfile import HostFile
from playhead.host.block.qcow2 import Qcow2Image, read_container

SHAPES = [
    {"cluster_bits": 9, "refcount_bits": 64},  # the refcount table grows
    {"cluster_bits": 9, "refcount_bits": 8},
    {"cluster_bits": 12, "version": 2},
    {"cluster_bits": 16},
]


class Recorder(HostFile):
    """A file that remembers its writes, and after which of them it was synced."""

    def __init__(self, path: Path):
        super().__init__(os.open(path, os.O_RDWR), str(path), read_only=False)
        self.log: list[tuple[int, bytes] | None] = []  # None is a sync

    def write(self, offset, data):
        self.log.append((offset, bytes(data)))
        super().write(offset, data)

    def sync(self):
        self.log.append(None)
        super().sync()


def after_power_failure(start: bytes, log: list, cut: int, rng: random.Random) -> bytes:
    """The file when power fails after `cut` entries: what was synced, and any sectors of what was not."""
    synced = max((n for n in range(cut) if log[n] is None), default=0)
    file = bytearray(start)
    for n, entry in enumerate(log[:cut]):
        if entry is None:
            continue
        offset, data = entry
        whole = n < synced or rng.random() < 0.4
        for at in range(0, len(data), 512):
            if whole or rng.random() < 0.3:
                part = data[at : at + 512]
                file.extend(bytes(max(0, offset + at + len(part) - len(file))))
                file[offset + at : offset + at + len(part)] = part
    return bytes(file)


def moments(log: list, rng: random.Random, count: int) -> list[int]:
    """When power fails: half of the times just before a sync, when most is at stake."""
    syncs = [n for n, entry in enumerate(log) if entry is None and n and log[n - 1] is not None]
    return [rng.choice(syncs) if n % 2 else rng.randrange(1, len(log)) for n in range(count)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_power_fails(judge, tmp_path, shape):
    path, broken = tmp_path / "disk.qcow2", tmp_path / "broken.qcow2"
    create_qcow2(str(path), crash.SIZE, **shape)
    start, rng, seed = path.read_bytes(), random.Random(3), 77
    file = Recorder(path)
    image = Qcow2Image(file, read_container(file), None)
    flushed = [(0, 0)]  # (entries of the log, operation) at each flush
    begun = [0]  # entries of the log before each operation
    for number in range(1, 250):
        begun.append(len(file.log))
        if crash.perform(image, seed, number, snapshots=False):
            flushed.append((len(file.log), number))
    for cut in moments(file.log, rng, 40):
        broken.write_bytes(after_power_failure(start, file.log, cut, rng))
        safe = max(number for entries, number in flushed if entries <= cut)
        last = max(number for number, entries in enumerate(begun) if entries <= cut)
        judge.check(broken, leaks=True)
        with open_image(str(broken)) as again:
            crash.verify(again.read(0, crash.SIZE), seed, safe, last)
    image.close()
    judge.check(path)


def test_power_fails_while_a_snapshot_is_made_or_deleted(judge, tmp_path):
    """Opening the image repairs it."""
    path, broken = tmp_path / "disk.qcow2", tmp_path / "broken.qcow2"
    create_qcow2(str(path), crash.SIZE, cluster_bits=10)
    with open_image(str(path)) as image:
        for number in range(1, 30):
            crash.perform(image, 5, number, snapshots=False)
        image.create_snapshot("old", b"old" * 2000)
        expected = image.read(0, crash.SIZE)
    start, rng = path.read_bytes(), random.Random(4)
    file = Recorder(path)
    image = Qcow2Image(file, read_container(file), None)
    image.create_snapshot("new", b"new" * 3000)
    image.apply_snapshot("old")
    image.delete_snapshot("old")
    image.close()
    names = [[], ["old"], ["old", "new"], ["new"]]
    for cut in moments(file.log, rng, 150):
        broken.write_bytes(after_power_failure(start, file.log, cut, rng))
        with open_image(str(broken)) as again:
            assert again.read(0, crash.SIZE) == expected
            shown = [info.name for info in again.snapshots()]
            assert shown in names[1:]
            for name in shown:
                assert again.read_vm_state(name) == {"old": b"old" * 2000, "new": b"new" * 3000}[name]
        judge.check(broken)


CHILD = """
import os, sys
sys.path.insert(0, sys.argv[4])
import crash
from playhead.host.block import open_image
image, seed = open_image(sys.argv[1]), int(sys.argv[2])
number = 0
while True:
    number += 1
    os.write(1, b"%d\\n" % number)
    if crash.perform(image, seed, number, snapshots=sys.argv[3] == "True"):
        os.write(1, b"-%d\\n" % number)
"""


def kill_once(path: Path, seed: int, snapshots: bool, after_s: float) -> tuple[int, int]:
    """(last flushed, last begun) operation of a child that is killed."""
    arguments = [sys.executable, "-c", CHILD, str(path), str(seed), str(snapshots), str(Path(__file__).parent)]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    first = child.stdout.readline()
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    numbers = [int(line) for line in (first + child.stdout.read()).split(b"\n")[:-1]]
    child.wait()
    return max((-n for n in numbers if n < 0), default=0), max(numbers)


@pytest.mark.parametrize("snapshots", [False, True])
def test_killed(judge, tmp_path, snapshots):
    rng = random.Random(8)
    for round in range(6):
        path = tmp_path / f"{round}.qcow2"
        shape = [shape for shape in SHAPES if not snapshots or "version" not in shape][round % 3]
        create_qcow2(str(path), crash.SIZE, **shape)
        flushed, last = kill_once(path, round, snapshots, rng.uniform(0, 0.4))
        if not snapshots:
            judge.check(path, leaks=True)  # with snapshots, opening may have to repair it first
        with open_image(str(path)) as image:
            crash.verify(image.read(0, crash.SIZE), round, flushed, last)
        judge.check(path, leaks=True)


@pytest.mark.long
def test_killed_often(judge, tmp_path):
    rng = random.Random(9)
    for round in range(100):
        path, snapshots = tmp_path / "disk.qcow2", bool(round % 2)
        create_qcow2(str(path), crash.SIZE, **SHAPES[round % 2 * 3])
        flushed, last = kill_once(path, round, snapshots, rng.uniform(0, 0.5))
        if not snapshots:
            judge.check(path, leaks=True)
        with open_image(str(path)) as image:
            crash.verify(image.read(0, crash.SIZE), round, flushed, last)
        judge.check(path, leaks=True)
