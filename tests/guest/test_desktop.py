"""An X server on our VGA: Debian's Xorg on the framebuffer of bochs-drm, twm, a terminal. Recorded, and replayed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import networked
import numpy as np
import pytest
from screened import QEMU, Screened, Shot, differing, read_ppm

from tools import guest

pytestmark = [pytest.mark.guest, pytest.mark.slow, pytest.mark.long]
PLAYHEAD = (sys.executable, "-m", "playhead.cli")
SIZE, MIDDLE = (1280, 800), (640, 400)
TITLE, TITLE_AT = (0x22, 0xAA, 0x99), (300, 70)  # of the terminal's window, and a place in it
CURSOR = 16  # pixels to each side of the pointer that it may cover
STEP_PX, STEPS = (-20, -10), 20
LIMIT_S = 1200


def test_a_terminal_on_a_desktop(tmp_path: Path) -> None:
    """The pointer goes as far as the mouse is moved, into the terminal; what is typed there comes out at the serial
    port; pictures are QEMU's, and those of a replay.
    """
    try:
        kernel, initrd = map(str, guest.debian("desktop"))
    except guest.GuestError as error:
        text = f"the Debian guest cannot be had, so there was no X server: {error}"
        pytest.fail(text) if networked.os.environ.get("CI") == "true" else pytest.skip(text)
    options = ("-m", "256", "-vga", "std", "-net", "none", "-kernel", kernel, "-initrd", initrd,
               "-append", guest.NO_TESTS)  # fmt: skip
    path, icounts = tmp_path / "desktop.ph", list[int]()
    with Screened(QEMU, tmp_path / "qemu", options) as machine:
        theirs = _use(machine)
    with Screened((*PLAYHEAD, "record", "-o", str(path)), tmp_path / "ours", options) as machine:
        ours = _use(machine, icounts)
    for n, (mine, yours) in enumerate(zip(ours, theirs, strict=True)):
        assert mine == yours, f"picture {n}: {differing(mine, yours)}"
    _pointer_has_moved(ours[0], ours[1])
    replayed = subprocess.run([*PLAYHEAD, "replay", str(path)], capture_output=True, text=True, timeout=LIMIT_S)
    assert replayed.returncode == 0 and "digests compared are equal" in replayed.stderr, replayed.stderr
    assert "42 is typed" in replayed.stdout
    for icount, mine in zip(icounts, ours, strict=True):
        picture = tmp_path / f"{icount}.ppm"
        subprocess.run([*PLAYHEAD, "shot", str(path), "--at", str(icount), "-o", str(picture)], check=True,
                       capture_output=True, timeout=LIMIT_S)  # fmt: skip
        assert read_ppm(picture) == mine, f"at {icount}: {differing(read_ppm(picture), mine)}"


def _use(machine: Screened, icounts: list[int] | None = None) -> list[Shot]:
    """Desktop; pointer moved; a command in the terminal, whose cursor does not blink."""
    kept = []

    def keep() -> None:
        (shot,) = machine.settled(lambda shot: shot[:2] == SIZE and shot.at(*TITLE_AT) == TITLE)
        if icounts is not None:
            machine.qmp("stop")
            icounts.append(machine.qmp("query-replay")["icount"])
            shot = machine.shot()
            machine.qmp("cont")
        kept.append(shot)

    machine.wait_for("GUEST-UP")
    keep()
    for _ in range(STEPS):
        machine.qmp("human-monitor-command", **{"command-line": f"mouse_move {STEP_PX[0]} {STEP_PX[1]}"})
        time.sleep(0.05)
    keep()
    machine.type("echo $((6*7)) is typed | tee /dev/ttyS0\n")
    machine.wait_for("42 is typed")
    keep()
    machine.type("exit\n")
    machine.wait_for("GUEST-DONE")
    machine.end()
    return kept


def _pointer_has_moved(before: Shot, after: Shot) -> None:
    """The pictures differ around where the pointer was and where it is, and by the highlight of the window it is in."""
    was, now = (_array(shot) for shot in (before, after))
    ys, xs = np.nonzero((was != now).any(axis=2))
    x, y = MIDDLE[0] + STEPS * STEP_PX[0], MIDDLE[1] + STEPS * STEP_PX[1]
    near_old = (abs(xs - MIDDLE[0]) <= CURSOR) & (abs(ys - MIDDLE[1]) <= CURSOR)
    near_new = (abs(xs - x) <= CURSOR) & (abs(ys - y) <= CURSOR)
    assert near_old.any() and near_new.any(), "the pointer is not where the mouse has moved it"


def _array(shot: Shot) -> np.ndarray:
    return np.frombuffer(shot.pixels, np.uint8).reshape(shot.height, shot.width, 3)
