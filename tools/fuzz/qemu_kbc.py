"""QEMU's keyboard controller, register by register: what ours is compared with.

Each access is a line of its qtest protocol; keys and movements come by QMP. Its processor runs a loop meanwhile.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tools.fuzz.input_steps import COMMAND, DATA, Step

QEMU = "qemu-system-i386"
HAVE = shutil.which(QEMU) is not None
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")
MOST = 200  # bytes at once
FULL, AUX = 0x01, 0x20


class QemuKbc:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="playhead-qemu-")
        folder = Path(self._folder.name)
        (folder / "loop").write_bytes(LOOP)
        self._process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-nodefaults", "-display", "none", "-m", "16", "-bios", str(folder / "loop"),
             "-qtest", "stdio", "-qtest-log", "none", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        self._irq = {1: False, 12: False}
        self._test("inb 0x64")  # it is there
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(f"{folder}/qmp")
        self._qmp = self._socket.makefile("rw")
        self._qmp.readline()
        self._ask("qmp_capabilities")
        self._test("irq_intercept_in ioapic")

    def __enter__(self) -> QemuKbc:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._qmp.close()
        self._socket.close()
        self._folder.cleanup()

    def _test(self, line: str) -> str:
        """One line of qtest; what it says of interrupt lines comes before the answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while (answer := self._process.stdout.readline()).startswith("IRQ"):
            _, kind, number = answer.split()
            if int(number) in self._irq:
                self._irq[int(number)] = kind == "raise"
        assert answer.startswith("OK"), f"{line}: {answer!r}"
        return answer[2:].strip()

    def _ask(self, command: str, **arguments: Any) -> None:
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while "return" not in (answer := json.loads(self._qmp.readline())):
            assert "event" in answer, answer

    def read(self, port: int) -> int:
        return int(self._test(f"inb {port:#x}"), 16)

    def lines(self) -> tuple[bool, bool]:
        return self._irq[1], self._irq[12]

    def step(self, step: Step) -> object:
        match step:
            case ("out", port, 1, value):
                self._test(f"outb {port:#x} {value:#x}")
            case ("in", port, 1):
                return self.read(port)
            case ("events", events):
                self._ask("input-send-event", events=events)
                self._test("inb 0x64")  # what it has told of interrupts is read
            case ("drain",):
                return self._drain()
        return None

    def _drain(self) -> list[list[int]]:
        found: list[list[int]] = [[], []]
        while (status := self.read(COMMAND)) & FULL and len(found[0]) + len(found[1]) < MOST:
            found[bool(status & AUX)].append(self.read(DATA))
        return found
