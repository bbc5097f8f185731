"""A guest that is used through VNC: what a client captures is what `screendump` draws, what it types is recorded, and
the replay shows the same. The guest is a boot sector of ours, which prints what is typed on the screen.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.cli.drives import SEABIOS
from playhead.log.events import Input
from playhead.log.reader import Reader
from tools import asm

pytestmark = pytest.mark.guest
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
VNCDO = [sys.executable, "-c", "from vncdotool.command import vncdo; vncdo()"]
LIMIT_S = 240

# Mode 3 without a cursor; each key in yellow on blue at the next place, and its scan code to COM1.
BOOT_SECTOR = """
start:  xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7C00, %sp
        movw    $0x0003, %ax
        int     $0x10
        movb    $1, %ah
        movw    $0x2000, %cx
        int     $0x10
        movw    $0xB800, %ax
        movw    %ax, %es
        xorw    %di, %di
        movb    $'R', %al
        call    putc
1:      movb    $0, %ah
        int     $0x16
        movb    %ah, %cl
        movb    $0x1E, %ah
        stosw
        movb    %cl, %al
        call    putc
        jmp     1b
putc:   movw    $0x3F8, %dx
        outb    %al, %dx
        ret
"""


class Guest:
    def __init__(self, folder: Path):
        code = asm.flat(BOOT_SECTOR, base=0x7C00, bits=16)
        (folder / "disk.img").write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
        self.folder, self.path, self.serial = folder, folder / "r.ph", folder / "serial.bin"
        drive = f"file={folder / 'disk.img'},format=raw,if=ide"
        words = ["record", "-o", str(self.path), "-drive", drive, "-m", "16", "-icount", "shift=6", "-serial",
                 f"file:{self.serial}", "-monitor", "stdio", "-vnc", ":100,to=900", "-name", "typed"]  # fmt: skip
        self.process = subprocess.Popen([*PLAYHEAD, *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)  # fmt: skip
        assert self.process.stderr is not None
        line = b""
        while not (found := re.search(rb"VNC is at 127\.0\.0\.1:(\d+)", line)):
            line = self.process.stderr.readline()
            assert line, "no VNC server"
        self.port = int(found[1])

    def wait(self, said: bytes) -> None:
        end = time.monotonic() + LIMIT_S
        while not (self.serial.exists() and self.serial.read_bytes().endswith(said)):
            assert self.process.poll() is None and time.monotonic() < end, said
            time.sleep(0.05)

    def vncdo(self, *words: str) -> None:
        subprocess.run([*VNCDO, "-s", f"127.0.0.1::{self.port}", *words], check=True, timeout=LIMIT_S,
                       capture_output=True)  # fmt: skip

    def monitor(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.monitor("quit")
        _, errors = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, errors


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    if not any(os.path.exists(path) for path in SEABIOS):
        pytest.fail("no SeaBIOS") if os.environ.get("CI") == "true" else pytest.skip("no SeaBIOS")
    made = Guest(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def picture(path: Path) -> np.ndarray:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except (OSError, SyntaxError):  # it is not there yet, or not all of it
            assert time.monotonic() < end
            time.sleep(0.05)


def hostile(port: int) -> list[socket.socket]:
    """Clients that do what none should, and stay as long as they are let."""
    hello = b"RFB 003.008\n\1\1"
    ask = struct.pack(">BBHHHH", 3, 0, 0, 0, 65535, 65535)
    said = [b"", b"RFB", b"\xff" * 5000, hello + b"\x63", hello + b"\2\0\xff\xff", hello + ask * 5000,
            hello + struct.pack(">BxHi", 2, 1, 7) + ask * 100, hello + b"\6\0\0\0\x7f\xff\xff\xff", os.urandom(999),
            hello + struct.pack(">BBHH", 5, 1, 65535, 65535)[:3]]  # fmt: skip
    found = []
    for words in said:
        client = socket.create_connection(("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            client.sendall(words)
        found.append(client)
    return found


def test_a_guest_through_vnc(guest: Guest, tmp_path: Path) -> None:
    guest.wait(b"R")
    held = hostile(guest.port)
    guest.vncdo("capture", str(tmp_path / "before.png"))
    guest.vncdo("type", "Hello", "key", "enter", "move", "10", "10", "move", "30", "20", "click", "1")
    guest.wait(bytes([0x23, 0x12, 0x26, 0x26, 0x18, 0x1C]))
    guest.vncdo("pause", "0.2", "capture", str(tmp_path / "after.png"))
    guest.monitor(f"screendump {tmp_path / 'dump.ppm'}")
    after = picture(tmp_path / "after.png")
    assert np.array_equal(after, picture(tmp_path / "dump.ppm"))
    before = picture(tmp_path / "before.png")
    assert before.shape == after.shape == (400, 720, 3)
    rows, columns = np.nonzero((before != after).any(axis=2))
    assert rows.max() < 16 and 4 * 9 < columns.max() < 6 * 9  # six characters, of which the last is a note
    assert {tuple(pixel) for pixel in after[:16, : 5 * 9].reshape(-1, 3)} == {(0, 0, 168), (255, 255, 87)}
    guest.end()
    for client in held:
        client.close()
    with Reader(str(guest.path)) as reader:
        inputs = [entry.event for entry in reader.entries() if isinstance(entry.event, Input)]
    assert len(inputs) == 2 * (2 + 5 + 1 + 1 + 1)  # caps lock twice, letters, enter, movement, button
    done = subprocess.run([*PLAYHEAD, "replay", str(guest.path), "--quiet", "-serial", f"file:{tmp_path / 'again'}"],
                          capture_output=True, timeout=LIMIT_S)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again").read_bytes() == guest.serial.read_bytes()
