"""Cables that are pulled out and plugged in at the monitor while guest/net.s drives both cards: it prints the same here
as on QEMU, and in a replay.

What it prints without that is in its golden file (test_own_guests.py).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripted import talk

from playhead.log.events import LinkChanged, NetPacket
from playhead.log.reader import Reader
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
QEMU = ["qemu-system-i386", "-accel", "tcg", "-nodefaults"]
LIMIT_S = 240
STEPS = [
    (b"cards: ", b"w"),
    (b"waiting\r\n", b"\x01c"),
    (b"(qemu) ", b"set_link card0 off\r"),
    (b"C+ mode, link down\r\n", b"set_link n1 off\r"),
    (b"e1000, link down\r\n", b"\x01cr"),  # a round with both pulled out
    (b"waiting\r\n", b"\x01cset_link n0 on\r"),
    (b"C+ mode, link up\r\n", b"\x01cr"),  # ... and with one
    (b"waiting\r\n", b"\x01cset_link n1 on\r"),
    (b"e1000, link up\r\n", b"\x01cr"),
    (b"waiting\r\n", b"q"),
]


def lines(said: bytes) -> list[str]:
    """Those of the guest; the monitor's are on the same terminal."""
    text = said.decode("ascii", errors="replace").replace("(qemu) ", "").replace("\r", "")
    return re.findall(r"^(?:network|cards|slot|10\.0|echo|waiting|PASS|FAIL).*$", text, re.MULTILINE)


def machine() -> list[str]:
    return [*guest.machine("net"), "-m", "16", "-display", "none", "-serial", "mon:stdio"]


def test_cables_at_the_monitor_are_as_on_qemu(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    status, said, heard = talk([*PLAYHEAD, "record", "-o", str(path), *machine()], STEPS, LIMIT_S)
    ours = lines(said)
    assert status == 0 and ours[-1] == "PASS", heard
    # One round with both cables in, then one that each card's cable sits out, and a last one.
    assert [sum(f"{card}, 52:" in line for line in ours) for card in ("C mode", "C+ mode", "e1000")] == [4, 4, 4]
    assert [sum(f"{card}, link" in line for line in ours) for card in ("C+ mode", "e1000")] == [2, 2]
    assert sum(line.startswith("echo") for line in ours) == 2 * (3 + 0 + 2 + 3)
    replayed = subprocess.run([*PLAYHEAD, "replay", str(path)], stdin=subprocess.DEVNULL, capture_output=True)
    assert replayed.returncode == 0 and lines(replayed.stdout) == ours, replayed.stderr
    with Reader(str(path)) as reader:
        events = [entry.event for entry in reader.entries()]
    changes = [(event.card, event.up) for event in events if isinstance(event, LinkChanged)]
    assert changes == [(0, False), (1, False), (0, True), (1, True)]
    assert {event.net for event in events if isinstance(event, NetPacket)} == {0, 1}
    if shutil.which(QEMU[0]) is None:
        pytest.skip("no QEMU to compare with")
    status, said, heard = talk([*QEMU, *machine()], STEPS, LIMIT_S)
    assert (status, lines(said)) == (0, ours), heard
