"""QEMU's AC97, driven register by register, beside which ours is put. Its sound goes into a WAV file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ac97_bench import NABM, NAM

QEMU = "qemu-system-i386"
HAVE = shutil.which(QEMU) is not None
SLOT = 2 << 11
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")


class QemuAc97:
    def __init__(self, folder: Path):
        loop, self.wav = folder / "loop.bin", folder / "qemu.wav"
        loop.write_bytes(LOOP)
        self._process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-bios", str(loop), "-display", "none", "-nodefaults", "-M", "pc", "-m", "16",
             "-qtest", "stdio", "-qtest-log", "none", "-audiodev", f"wav,id=s,path={self.wav},out.frequency=48000",
             "-device", "AC97,audiodev=s,addr=2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
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

    def mixer(self, register: int, value: int) -> None:
        self.out(NAM + register, 2, value)

    def read(self, register: int, size: int) -> int:
        return self.inp(NABM + register, size)

    def write(self, register: int, size: int, value: int) -> None:
        self.out(NABM + register, size, value)

    def put(self, address: int, data: bytes) -> None:
        self.ask(f"write {address:#x} {len(data)} 0x{data.hex()}")
