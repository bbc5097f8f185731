"""The VGA beside QEMU's: registers, the window at A0000h in all its modes, the Bochs interface, and all of the memory
after sequences at random. What differs is in the device's `DIFFERS`, and left out here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qemu_screen import HAVE
from vga_bench import Ours, QemuVga

from playhead.devices.display import edid
from tools.fuzz.screen_plan import FRAME, MMIO, Step, in_window, memory_mode, sequence

pytestmark = pytest.mark.skipif(not HAVE, reason="no qemu-system-i386")
STATUS, PIXEL_MASK = (0x3BA, 0x3DA), 0x3C6
PLANAR_DEPTH = 4


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[Callable[..., QemuVga]]:
    started: list[QemuVga] = []

    def start(more: str = "") -> QemuVga:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(QemuVga(folder, more))
        return started[-1]

    yield start
    for one in started:
        one.close()


def differs(step: Step) -> bool:
    """What this access reads is said to differ."""
    if step[0] == "in":
        ports = range(step[1], step[1] + step[2])
        return PIXEL_MASK in ports or any(port in STATUS for port in ports)
    return step[0] == "read" and MMIO + 0x404 <= step[1] <= MMIO + 0x406


def compare(ours: Ours, theirs: QemuVga, steps: list[Step], seed: int) -> None:
    for n, step in enumerate(steps):
        here, there = ours.do(step), theirs.do(step)
        if here != there and not differs(step):
            before = steps[max(n - 6, 0) : n]
            raise AssertionError(f"seed {seed}, step {n}, {step}: {here:#x}, QEMU {there:#x}; before it {before}")
    mine, other = ours.memory(), theirs.memory()
    if mine != other:
        at = next(i for i in range(len(mine)) if mine[i] != other[i])
        raise AssertionError(f"seed {seed}: memory at {at:#x}: {mine[at]:#x}, QEMU {other[at]:#x}")


@pytest.mark.parametrize("seed", range(4))
def test_anything(qemu, seed):
    compare(Ours(), qemu(), sequence(seed, 2500), seed)


@pytest.mark.parametrize("seed", range(2))
def test_each_mode_of_the_window(qemu, seed):
    chance = random.Random(seed)
    steps: list[Step] = [("write", FRAME + 4 * n, 4, chance.getrandbits(32)) for n in range(64)]
    for _ in range(60):
        steps += memory_mode(chance) + [in_window(chance) for _ in range(30)]
    compare(Ours(), qemu(), steps, seed)


def test_what_is_there_at_power_on(qemu):
    ours, theirs = Ours(), qemu()
    steps: list[Step] = [("in", port, 1) for port in range(0x3B0, 0x3E0) if port != PIXEL_MASK]
    steps += [("in", port, size) for port in (0x1CE, 0x1CF, 0x1D0, 0x1D1) for size in (1, 2)]
    steps += [step for n in range(13) for step in (("out", 0x1CE, 2, n), ("in", 0x1CF, 2))]
    steps += [("read", MMIO + at, 4) for at in range(0x100, 0x1000, 4) if not 0x404 <= at < 0x420 and at != 0x514]
    compare(ours, theirs, steps, 0)
    for offset in range(0, 0x40, 4):
        if offset not in (0x04, 0x10, 0x18):
            assert ours.card.word(offset, 4) == theirs.config(offset), hex(offset)


@pytest.mark.parametrize("width,height,bits", [
    (1023, 767, 32), (5000, 5000, 32), (16001, 3, 8), (0, 0, 0), (800, 600, 15), (800, 600, 24), (65535, 65535, 16),
])  # fmt: skip
def test_a_mode_is_rounded_and_cut_when_it_is_enabled(qemu, width, height, bits):
    steps: list[Step] = []
    for index, value in ((1, width), (2, height), (3, bits), (4, 0x41), (6, 2000), (9, 5), (8, 9), (9, 60000)):
        steps += [("out", 0x1CE, 2, index), ("out", 0x1CF, 2, value)]
        steps += [step for n in range(11) for step in (("out", 0x1CE, 2, n), ("in", 0x1CF, 2))]
    for index, registers in ((0x3D4, 25), (0x3CE, 9)):
        steps.append(("out", 0x3C2, 1, 1))
        steps += [step for n in range(registers) for step in (("out", index, 1, n), ("in", index + 1, 1))]
    compare(Ours(), qemu(), steps, 0)


@pytest.mark.parametrize("values", [
    {}, {"xres": 1920, "yres": 1080, "refresh_rate": 60000}, {"xres": 5120, "yres": 2160}, {"xmax": 1920, "ymax": 1440},
    {"xres": 100, "yres": 100, "xmax": 640, "ymax": 480}, {"xres": 3840, "yres": 2160, "refresh_rate": 144000},
    {"xres": 1366, "yres": 768, "xmax": 1366, "ymax": 768}, {"xmax": 1856, "ymax": 1392},
], ids=lambda values: "-".join(map(str, values.values())) or "default")  # fmt: skip
def test_the_monitor_says_the_same(qemu, values):
    theirs = qemu("".join(f",{name}={value}" for name, value in values.items()))
    ours = Ours(**values)
    steps: list[Step] = [("read", MMIO + at, 4) for at in range(0, edid.SIZE + 8, 4)]
    compare(ours, theirs, steps, 0)


@pytest.mark.parametrize("values", [{"mmio": False}, {"qemu-extended-regs": False}, {"edid": False}])
def test_without(qemu, values):
    theirs = qemu("".join(f",{name}=off" for name in values))
    ours = Ours(**values)
    assert ours.card.word(8, 4) == theirs.config(8)
    if values.get("mmio", True):
        steps: list[Step] = [("read", MMIO + at, 4) for at in (0, 4, 0x80, 0x500, 0x600, 0x604, 0x700)]
        compare(ours, theirs, [*steps, ("write", MMIO + 0x604, 4, 0xBEBEBEBE), *steps], 0)
    else:
        assert [bar.index for bar in ours.card.BARS] == [0]
