"""A recorded session: a text is edited through VNC, by keys and mouse, while sound, disk and network are busy.

The client is vncdotool. From time to time the machine is paused and its screen kept together with the moment: what is
pressed at a view of a paused machine is lost, so the keys have gone in before.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from networked import site
from PIL import Image
from screened import Screened, Shot

from tools import guest

RECORD = (sys.executable, "-m", "playhead.cli", "record", "-o")
WORDS = "the guest was recorded once and is replayed exactly as it was".split()
STEADY = "vt.cur_default=0x700011"  # a cursor that does not blink: a picture then follows from the moment alone
SETTLES_S = 0.25  # until what was sent has gone into the machine
FIRST_DISPLAY = 5900


class Capture(NamedTuple):
    """What was on the screen when the machine had retired `icount` instructions."""

    icount: int
    shot: Shot


class Edited(NamedTuple):
    path: Path
    said: str
    captures: list[Capture]
    words: list[str]  # that were typed


def record(folder: Path, seconds: float, captures: int, seed: int, pause_us: int = 0) -> Edited:
    """Record one; `seconds` of typing, and pauses between fetching and writing."""
    kernel, initrd = map(str, guest.debian("editor"))
    disk, path, display = folder / "disk.img", folder / "edited.ph", _display()
    disk.write_bytes(bytes(4 << 20))
    with site() as server:
        words = (
            "-m", "128", "-vga", "std", "-vnc", f"127.0.0.1:{display}", "-netdev", "user,id=n0",
            "-device", "rtl8139,netdev=n0", "-audiodev", f"wav,id=a,path={folder / 'live.wav'}",
            "-device", "AC97,audiodev=a", "-drive", f"file={disk},format=raw,if=ide", "-kernel", kernel,
            "-initrd", initrd, "-append", f"{guest.NO_TESTS} {STEADY} PORT={server.server_port} PAUSE={pause_us}",
            "-icount", "shift=4",
        )  # fmt: skip
        with Screened((*RECORD, str(path)), folder / "live", words) as machine:
            machine.wait_for("GUEST-UP")
            time.sleep(1)
            said, kept, typed = _session(machine, display, seconds, captures, random.Random(seed), folder)
    return Edited(path, said, kept, typed)


def _display() -> int:
    """The number of one that is free."""
    for display in range(10, 90):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", FIRST_DISPLAY + display)) != 0:
                return display
    raise AssertionError("no port is free for VNC")


def _session(machine: Screened, display: int, seconds: float, captures: int, chance: random.Random,
             folder: Path) -> tuple[str, list[Capture], list[str]]:  # fmt: skip
    from vncdotool import api

    client = api.connect(f"127.0.0.1::{FIRST_DISPLAY + display}", timeout=300)
    typed: list[str] = []
    kept: list[Capture] = []
    began = time.monotonic()
    moments = sorted(chance.uniform(0, seconds) for _ in range(captures))
    while time.monotonic() - began < seconds or moments:
        _act(client, chance, typed)
        if moments and time.monotonic() - began >= moments[0]:
            del moments[0]
            kept.append(_capture(machine, client if len(kept) % 10 == 0 else None, folder))
    for key in ("ctrl-o", "enter", "ctrl-x"):
        time.sleep(SETTLES_S)
        client.keyPress(key)
    machine.wait_for("TEXT-BEGIN")
    said = machine.until("GUEST-DONE")
    client.disconnect()
    machine.end()
    return said, kept, typed


def _act(client: Any, chance: random.Random, typed: list[str]) -> None:
    """A word, a line's end, the cursor, or the mouse."""
    what = chance.random()
    if what < 0.6:
        typed.append(chance.choice(WORDS))
        for letter in typed[-1]:
            client.keyPress(letter)
        client.keyPress("space")
    elif what < 0.7:
        client.keyPress("enter")
    elif what < 0.8:
        client.keyPress(chance.choice(("end", "home", "pgdn")))
    else:
        client.mouseMove(chance.randrange(60, 700), chance.randrange(20, 300))
        if chance.random() < 0.3:
            client.mousePress(1)
    time.sleep(chance.uniform(0.05, 0.2))


def _capture(machine: Screened, client: Any, folder: Path) -> Capture:
    time.sleep(SETTLES_S)
    machine.qmp("stop")
    icount = machine.qmp("query-replay")["icount"]
    shot = machine.shot()
    if client is not None:
        client.captureScreen(str(folder / "vnc.png"))
        seen = np.asarray(Image.open(folder / "vnc.png").convert("RGB")).tobytes()
        assert seen == shot.pixels, "what VNC shows is not what screendump writes"
    assert machine.qmp("query-replay")["icount"] == icount
    machine.qmp("cont")
    return Capture(icount, shot)
