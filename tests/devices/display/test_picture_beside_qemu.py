"""What our VGA shows beside what QEMU's `screendump` draws, for the same accesses: every pixel of every scene.

A scene is a function of scenes.py, or a number that makes registers by chance.
"""

import pytest
from bare_vga import BareVga
from qemu_screen import HAVE, QemuScreen
from scenes import SCENES, by_chance

pytestmark = pytest.mark.skipif(not HAVE, reason="no qemu-system-i386")
HALF_NS = 228_000_000
LARGE, SMALL = 16, 1  # MiB of video memory; in the smaller one, pictures go over its end


@pytest.fixture(scope="module", params=[LARGE, SMALL])
def pair(request, tmp_path_factory):
    qemu = QemuScreen(tmp_path_factory.mktemp("qemu"), vgamem_mb=request.param)
    yield qemu, BareVga(request.param << 20), request.param
    qemu.close()


def compare(qemu, ours, make):
    """A cursor may be in either half of its time: QEMU's follows who looks when."""
    qemu.forget(), make(qemu), make(ours)
    theirs = qemu.picture()
    tries = [ours.painter.picture(now_ns) for now_ns in (0, HALF_NS)]
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
def test_scene(pair, name):
    qemu, ours, size = pair
    if size == SMALL and name.startswith("vbe"):
        pytest.skip("does not fit into a MiB")
    compare(qemu, ours, SCENES[name])


@pytest.mark.parametrize("seed", range(40))
def test_registers_by_chance(pair, seed):
    qemu, ours, size = pair
    without = ("blank", "vbe") if size == SMALL else ("blank",)
    compare(qemu, ours, lambda target: by_chance(target, seed, without))


def test_cursor_blinks(tmp_path):
    """QEMU changes the cursor when somebody looks and its time is over; ours follows the virtual clock."""
    qemu, ours = QemuScreen(tmp_path), BareVga()
    try:
        qemu.forget(), SCENES["text_80x25"](qemu), SCENES["text_80x25"](ours)
        shown = qemu.picture()
        qemu.pass_time(0.4)
        hidden = qemu.picture()
    finally:
        qemu.close()
    assert shown != hidden
    assert [ours.painter.picture(n * HALF_NS) for n in range(3)] == [shown, hidden, shown]
    assert ours.painter.picture(HALF_NS - 1) == shown and ours.painter.picture(2 * HALF_NS - 1) == hidden
