"""A guest at whose keyboard and mouse somebody is, recorded and replayed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from playhead.log.events import Input
from playhead.log.reader import Reader

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 300


class Typed:
    """A recording that is made while somebody types at its monitor; what the guest prints is in a file."""

    def __init__(self, folder: Path, *machine: str):
        self.path, self.serial = folder / "r.ph", folder / "serial.txt"
        command = ["record", "-o", str(self.path), *machine, "-serial", f"file:{self.serial}", "-monitor", "stdio"]
        self.process = subprocess.Popen(
            [*PLAYHEAD, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    @property
    def said(self) -> str:
        return self.serial.read_bytes().decode(errors="replace").replace("\r\n", "\n") if self.serial.exists() else ""

    def wait(self, text: str) -> None:
        end = time.monotonic() + LIMIT_S
        while text not in self.said:
            assert self.process.poll() is None, (self.process.communicate()[1], self.said[-500:])
            assert time.monotonic() < end, f"no {text!r} in {self.said[-500:]!r}"
            time.sleep(0.05)

    def type(self, *commands: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{command}\n" for command in commands).encode())
        self.process.stdin.flush()

    def end(self, *commands: str) -> str:
        """Everything that the guest has printed."""
        self.type(*commands)
        _, errors = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, errors
        return self.said

    def replayed(self, folder: Path) -> str:
        """What it prints in the replay, which compares all digests."""
        out = folder / "again.txt"
        done = subprocess.run([*PLAYHEAD, "replay", str(self.path), "--quiet", "-serial", f"file:{out}"],
                              capture_output=True, timeout=LIMIT_S)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return out.read_bytes().decode(errors="replace").replace("\r\n", "\n")

    def inputs(self) -> int:
        with Reader(str(self.path)) as reader:
            return sum(isinstance(entry.event, Input) for entry in reader.entries())
