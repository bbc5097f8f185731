"""What our VGA shows beside what QEMU's `screendump` draws, for the same accesses: every pixel of every scene.

A scene is a function of scenes.py, or a number that makes registers by chance.
"""

import pytest
from our_vga import OurVga
from qemu_screen import HAVE, QemuScreen
from scenes import SCENES, by_chance

pytestmark = pytest.mark.skipif(not HAVE, reason="no qemu-system-i386")
HALF_NS = 228_000_000
LARGE, SMALL = 16, 1  # MiB of video memory; in the smaller one, pictures go over its end


def side_by_side(folder, size):
    qemu = QemuScreen(folder, vgamem_mb=size)
    yield qemu, OurVga(size << 20)
    qemu.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    yield from side_by_side(tmp_path_factory.mktemp("large"), LARGE)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    yield from side_by_side(tmp_path_factory.mktemp("small"), SMALL)


def compare(qemu, ours, make):
    """A cursor may be in either half of its time: QEMU's follows who looks when."""
    qemu.forget(), make(qemu), make(ours)
    theirs = qemu.picture()
    tries = [ours.picture(now_ns) for now_ns in (0, HALF_NS)]
    if theirs not in tries:
        assert tries[0][:2] == theirs[:2]
        different = [where(mine, theirs) for mine in tries]
        least = min(different, key=len)
        raise AssertionError(f"{len(least)} pixels, the first at {least[0]}, the last at {least[-1]}")


def where(one, other):
    """The columns and rows of pixels that differ."""
    a, b = memoryview(one.pixels).cast("I"), memoryview(other.pixels).cast("I")
    return [divmod(n, one.width)[::-1] for n in range(len(a)) if a[n] != b[n]]


@pytest.mark.parametrize("name", SCENES)
def test_scene(large, name):
    compare(*large, SCENES[name])


@pytest.mark.parametrize("seed", range(50))
def test_registers_by_chance(small, seed):
    compare(*small, lambda target: by_chance(target, seed))


def test_cursor_blinks(tmp_path):
    """QEMU changes the cursor when somebody looks and its time is over; ours follows the virtual clock."""
    qemu, ours = QemuScreen(tmp_path), OurVga()
    try:
        qemu.forget(), SCENES["text_80x25"](qemu), SCENES["text_80x25"](ours)
        shown = qemu.picture()
        qemu.pass_time(0.4)
        hidden = qemu.picture()
    finally:
        qemu.close()
    assert shown != hidden
    assert [ours.picture(n * HALF_NS) for n in range(3)] == [shown, hidden, shown]
    assert ours.picture(HALF_NS - 1) == shown and ours.picture(2 * HALF_NS - 1) == hidden
