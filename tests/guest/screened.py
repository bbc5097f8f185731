"""A machine with a screen, ours or QEMU's, started by the same options: what it prints, keys, and its screendumps."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

OURS = (sys.executable, "-m", "playhead.cli.system_i386")
QEMU = ("qemu-system-i386", "-accel", "tcg")
ROOT = Path(__file__).parents[2]
LIMIT_S = 240
KEYS = {" ": "spc", "\n": "ret", "/": "slash", "|": "shift-backslash", "$": "shift-4", "(": "shift-9", ")": "shift-0",
        "*": "shift-8"}  # fmt: skip
LOOKS_S = 0.08  # between two screendumps; a cursor blinks every 0.23 s
REST_S = 1.2  # how long a screen has to show nothing new


class Shot(NamedTuple):
    """A screendump."""

    width: int
    height: int
    pixels: bytes  # R, G, B

    @property
    def colours(self) -> int:
        dots = np.frombuffer(self.pixels, np.uint8).reshape(-1, 3).astype(np.uint32)
        return len(np.unique(dots @ np.array([1, 256, 65536], np.uint32)))

    def at(self, x: int, y: int) -> tuple[int, ...]:
        start = 3 * (y * self.width + x)
        return tuple(self.pixels[start : start + 3])


def differing(ours: Shot, theirs: Shot) -> str:
    """How two pictures differ."""
    if ours[:2] != theirs[:2]:
        return f"{ours.width} by {ours.height} pixels, not {theirs.width} by {theirs.height}"
    a, b = (np.frombuffer(shot.pixels, np.uint8).reshape(shot.height, shot.width, 3) for shot in (ours, theirs))
    rows, columns = np.nonzero((a != b).any(axis=2))
    if not len(rows):
        return "no pixel differs"
    y, x = int(rows[0]), int(columns[0])
    where = f"lines {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}"
    first = f"the first at {x},{y}: {a[y, x].tolist()}, not {b[y, x].tolist()}"
    return f"{len(rows)} of {ours.width * ours.height} pixels differ, {where}; {first}"


def read_ppm(path: Path) -> Shot:
    kind, width, height, most, pixels = _parts(path.read_bytes())
    assert (kind, most) == (b"P6", b"255"), (kind, most)
    return Shot(int(width), int(height), pixels)


def write_ppm(path: Path, shot: Shot) -> None:
    path.write_bytes(b"P6\n%d %d\n255\n" % shot[:2] + shot.pixels)


def _parts(data: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """A PPM's three lines, and what is behind them."""
    kind, size, most, pixels = data.split(b"\n", 3)
    width, height = size.split()
    return kind, width, height, most, pixels


class Screened:
    """A running machine. Its first serial port is `said` and `send`, its screen `shot`."""

    def __init__(self, program: Sequence[str], folder: Path, options: Sequence[str]):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        control = folder / "qmp"
        command = [*program, *options, "-display", "none", "-serial", "stdio", "-qmp",
                   f"unix:{control},server=on,wait=off"]  # fmt: skip
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)  # fmt: skip
        self.said, self._errors = bytearray(), bytearray()
        self._grown = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._listen_to_errors)]
        for thread in self._threads:
            thread.start()
        try:
            self._qmp = self._connected(control)
        except BaseException:
            self.close()
            raise

    def _connected(self, path: Path) -> Any:
        until = time.monotonic() + LIMIT_S
        while True:
            one = socket.socket(socket.AF_UNIX)
            try:
                one.connect(str(path))
                break
            except OSError:
                one.close()
                assert time.monotonic() < until and self._process.poll() is None, self.tail()
                time.sleep(0.02)
        self._socket = one
        file = one.makefile("rw")
        json.loads(file.readline())
        self._qmp = file
        self.qmp("qmp_capabilities")
        return file

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65536):
            with self._grown:
                self.said += data
                self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()

    def _listen_to_errors(self) -> None:
        assert self._process.stderr is not None
        while data := os.read(self._process.stderr.fileno(), 65536):
            self._errors += data

    def qmp(self, name: str, **arguments: Any) -> Any:
        """The result of a command; events in between are passed over."""
        self._qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while line := self._qmp.readline():
            answer = json.loads(line)
            assert "error" not in answer, (name, arguments, answer)
            if "return" in answer:
                return answer["return"]
        raise AssertionError(f"no answer to {name}: {self.tail()}")

    def press(self, *keys: str) -> None:
        """Each one after the other, as `sendkey` takes them: `ret`, `ctrl-c`."""
        for key in keys:
            said = self.qmp("human-monitor-command", **{"command-line": f"sendkey {key} 20"})
            assert not said, said
            time.sleep(0.1)

    def type(self, text: str) -> None:
        """A text at a keyboard of the United States."""
        self.press(*(KEYS.get(one) or (f"shift-{one.lower()}" if one.isupper() else one) for one in text))

    def send(self, text: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def wait_for(self, line: str, limit_s: float = LIMIT_S) -> None:
        """Until it has printed this line, and what comes before is forgotten."""
        wanted = f"{line}\r\n".encode()
        with self._grown:
            self._grown.wait_for(lambda: self._ended or wanted in self.said, limit_s)
            assert wanted in self.said, f"no line {line!r}: {self.tail()}"
            del self.said[: self.said.index(wanted) + len(wanted)]

    def until(self, line: str) -> str:
        """What it prints before this line, line ends as `\\n`."""
        wanted = f"{line}\r\n".encode()
        with self._grown:
            self._grown.wait_for(lambda: self._ended or wanted in self.said, LIMIT_S)
            assert wanted in self.said, f"no line {line!r}: {self.tail()}"
            return bytes(self.said).partition(wanted)[0].decode(errors="replace").replace("\r\n", "\n")

    def shot(self) -> Shot:
        path = self.folder / "screen.ppm"
        self.qmp("screendump", filename=str(path))
        return read_ppm(path)

    def settled(self, good: Callable[[Shot], bool] = lambda shot: True, limit_s: float = LIMIT_S) -> frozenset[Shot]:
        """The pictures of a screen that is as it should be and at rest: one, or the two of a blinking cursor."""
        until = time.monotonic() + limit_s
        recent: deque[tuple[float, Shot]] = deque()
        while True:
            now = time.monotonic()
            assert now < until, f"the screen never came to rest as it should be: {self.tail()}"
            recent.append((now, self.shot()))
            while now - recent[0][0] > REST_S:
                recent.popleft()
            shots = [shot for _, shot in recent]
            changes = sum(one != other for one, other in itertools.pairwise(shots))
            found = frozenset(shots)
            rests = now - recent[0][0] > REST_S - 2 * LOOKS_S and len(found) <= 2 and (not changes or changes > 2)
            if rests and all(map(good, found)):
                return found
            time.sleep(LOOKS_S)

    def shows(self, wanted: AbstractSet[Shot], what: str, limit_s: float = LIMIT_S) -> None:
        """Look until each of these pictures has been seen, and leave it to rest. On failure the last ones are kept."""
        until, missing = time.monotonic() + limit_s, set(wanted)
        while missing:
            last = self.shot()
            missing.discard(last)
            if missing and time.monotonic() > until:
                theirs = next(iter(missing))
                kept = self.folder / f"{what}.ppm"
                write_ppm(kept, theirs)
                raise AssertionError(f"{what}: {differing(last, theirs)} (expected: {kept}): {self.tail()}")
            if missing:
                time.sleep(LOOKS_S)

    def tail(self) -> str:
        return f"{bytes(self.said[-2000:]).decode(errors='replace')}\n{bytes(self._errors).decode(errors='replace')}"

    def end(self, limit_s: float = LIMIT_S) -> None:
        """Wait until it ends by itself."""
        status = self._process.wait(limit_s)
        self.close()
        assert status in (0, 1), self.tail()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if hasattr(self, "_socket"):
            self._socket.close()

    def __enter__(self) -> Screened:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
