"""Runs Debian's QEMU with a record/replay log, and types at its monitor: what the tests of its format read."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from playhead.log.qemu_reader import QemuLog

QEMU = "qemu-system-i386"
PATIENCE_S = 240


class Recording:
    """A QEMU that records. `path` is its log; leaving the context kills it unless it has ended."""

    def __init__(self, folder: Path, *options: str, shift: int = 7):
        if shutil.which(QEMU) is None:
            pytest.skip(f"{QEMU} is not installed (Debian's package is qemu-system-x86)")
        self.path = folder / "replay.bin"
        self._monitor, self.serial = folder / "monitor", folder / "serial"
        self.process = subprocess.Popen(
            [QEMU, "-icount", f"shift={shift},rr=record,rrfile={self.path}", "-display", "none", "-nodefaults",
             "-monitor", f"unix:{self._monitor},server=on,wait=off", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def connect(self, path: Path) -> socket.socket:
        end = time.monotonic() + PATIENCE_S
        while True:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(PATIENCE_S)
            try:
                s.connect(str(path))
                return s
            except OSError:
                s.close()
                assert self.process.poll() is None and time.monotonic() < end, self.process.stderr.read()
                time.sleep(0.1)

    def monitor(self, *commands: str) -> None:
        """Commands of the human monitor, each after the prompt of the one before."""
        with self.connect(self._monitor) as s:
            _until_prompt(s)
            for command in commands:
                s.sendall(command.encode() + b"\n")
                with contextlib.suppress(OSError):  # after `quit` there is no prompt any more
                    _until_prompt(s)

    def wait(self) -> None:
        self.process.wait(PATIENCE_S)

    def wait_for_size(self, size: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self.path.exists() or self.path.stat().st_size < size:
            assert self.process.poll() is None and time.monotonic() < end, f"the log stays below {size} bytes"
            time.sleep(0.1)

    def wait_for_events(self, wanted: dict[type, int]) -> None:
        """Until the log, which is read while it is being written, has so many events of these kinds."""
        end = time.monotonic() + PATIENCE_S
        while True:
            with QemuLog(str(self.path)) as log:
                counts = Counter(type(entry.event) for entry in log.entries())
                if all(counts[cls] >= n for cls, n in wanted.items()):
                    return
                assert log.unfinished and "is still running" in log.note()
            assert self.process.poll() is None and time.monotonic() < end, counts
            time.sleep(0.5)


def _until_prompt(s: socket.socket) -> None:
    seen = b""
    while not seen.endswith(b"(qemu) "):
        got = s.recv(4096)
        if not got:
            return
        seen += got


def enumerations() -> list[list[str]]:
    """The words of each enumeration of QEMU's machine interface, in the order of their numbers."""
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed")
    command = [QEMU, "-M", "none", "-display", "none", "-qmp", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as qemu:
        assert qemu.stdin is not None and qemu.stdout is not None
        qemu.stdin.write('{"execute":"qmp_capabilities"}{"execute":"query-qmp-schema"}')
        qemu.stdin.flush()
        # Not ended by `quit`: it would not wait for a reader who is after.
        schema = next(a for a in (json.loads(line).get("return") for line in qemu.stdout) if isinstance(a, list))
        qemu.kill()
    return [e["values"] for e in schema if e["meta-type"] == "enum"]
