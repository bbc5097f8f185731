"""QEMU's AC97, driven register by register, beside which ours is put. Its sound goes into a WAV file. Its time passes
by `advance` only, so that a host that is busy changes nothing.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from ac97_bench import NABM, NAM

QEMU = "qemu-system-i386"
HAVE = shutil.which(QEMU) is not None
SLOT = 2 << 11
PATIENCE_S = 240
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")


class QemuAc97:
    def __init__(self, folder: Path):
        loop, self.wav = folder / "loop.bin", folder / "qemu.wav"
        loop.write_bytes(LOOP)
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(PATIENCE_S)
        listener.bind(str(folder / "qmp.sock"))
        listener.listen()
        self._process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-S", "-bios", str(loop), "-display", "none", "-nodefaults", "-M", "pc", "-m", "16",
             "-qtest", "stdio", "-qtest-log", "none", "-qmp", f"unix:{folder / 'qmp.sock'}",
             "-audiodev", f"wav,id=s,path={self.wav},out.frequency=48000",
             "-device", "AC97,audiodev=s,addr=2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        self._qmp = listener.accept()[0].makefile("rw")
        listener.close()
        self._qmp.readline()
        self._command("qmp_capabilities")
        for offset, value in ((0x10, NAM), (0x14, NABM), (4, 7)):
            self.program(offset, 4, value)

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while (answer := self._process.stdout.readline()).startswith("IRQ"):
            pass
        assert answer.startswith("OK"), f"{line}: {answer!r}"
        return answer[2:].strip()

    def close(self) -> None:
        """It ends, and its file is complete."""
        self._process.terminate()
        self._process.communicate()
        self._qmp.close()

    def _command(self, name: str) -> None:
        self._qmp.write(json.dumps({"execute": name}) + "\n")
        self._qmp.flush()
        while "return" not in (answer := json.loads(self._qmp.readline())):
            assert "error" not in answer, answer

    def config(self, offset: int) -> int:
        self.out(0xCF8, 4, 0x80000000 | SLOT | offset)
        return self.inp(0xCFC, 4)

    def program(self, offset: int, size: int, value: int) -> None:
        self.out(0xCF8, 4, 0x80000000 | SLOT | offset)
        self.out(0xCFC, size, value)

    def inp(self, port: int, size: int) -> int:
        return int(self.ask(f"in{' bw l'[size]} {port:#x}"), 16)

    def out(self, port: int, size: int, value: int) -> None:
        self.ask(f"out{' bw l'[size]} {port:#x} {value:#x}")

    # as the bench has it

    def advance(self, ns: int) -> None:
        self._command("cont")
        time.sleep(ns / 1e9)
        self._command("stop")

    def mixer(self, register: int, value: int) -> None:
        self.out(NAM + register, 2, value)

    def read(self, register: int, size: int) -> int:
        return self.inp(NABM + register, size)

    def write(self, register: int, size: int, value: int) -> None:
        self.out(NABM + register, size, value)

    def put(self, address: int, data: bytes) -> None:
        self.ask(f"write {address:#x} {len(data)} 0x{data.hex()}")
