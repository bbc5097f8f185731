"""QEMU's VGA, driven register by register over its qtest protocol, and what its `screendump` draws."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from playhead.base.picture import Picture

QEMU = "qemu-system-i386"
HAVE = shutil.which(QEMU) is not None
FRAMEBUFFER = 0xE0000000  # where the PCI function's memory is put
REGISTERS = 0xF0000000
SLOT = 2 << 11
PATIENCE_S = 240
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")


class QemuScreen:
    """Virtual time stands, but for `pass_time`. `more`: further properties of the device."""

    def __init__(self, folder: Path, vgamem_mb: int = 16, more: str = ""):
        self._folder = folder
        (folder / "loop.bin").write_bytes(LOOP)
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(PATIENCE_S)
        listener.bind(str(folder / "qmp.sock"))
        listener.listen()
        self._process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-bios", str(folder / "loop.bin"), "-S", "-display", "none", "-nodefaults",
             "-M", "pc", "-m", "16", "-qtest", "stdio", "-qtest-log", "none", "-qmp", f"unix:{folder / 'qmp.sock'}",
             "-device", f"VGA,addr=2,romfile=,vgamem_mb={vgamem_mb}{more}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        self._qmp = listener.accept()[0].makefile("rw")
        listener.close()
        self._qmp.readline()
        self._command("qmp_capabilities")
        for offset, value in ((0x10, FRAMEBUFFER), (0x18, REGISTERS), (0x04, 0x3)):
            self.outl(0xCF8, 0x80000000 | SLOT | offset)
            self.outl(0xCFC, value)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._qmp.close()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while (answer := self._process.stdout.readline()).startswith("IRQ"):
            pass
        assert answer.startswith("OK"), f"{line[:60]}: {answer!r}"
        return answer[2:].strip()

    def _command(self, name: str, **arguments: object) -> None:
        self._qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while "return" not in (answer := json.loads(self._qmp.readline())):
            assert "error" not in answer, answer

    def outb(self, port: int, value: int) -> None:
        self._ask(f"outb {port:#x} {value:#x}")

    def outw(self, port: int, value: int) -> None:
        self._ask(f"outw {port:#x} {value:#x}")

    def outl(self, port: int, value: int) -> None:
        self._ask(f"outl {port:#x} {value:#x}")

    def inb(self, port: int) -> int:
        return int(self._ask(f"inb {port:#x}"), 16)

    def inw(self, port: int) -> int:
        return int(self._ask(f"inw {port:#x}"), 16)

    def writeb(self, address: int, value: int) -> None:
        self._ask(f"writeb {address:#x} {value:#x}")

    def write_vram(self, offset: int, data: bytes) -> None:
        """As the linear framebuffer shows it."""
        for at in range(0, len(data), 1 << 20):
            piece = data[at : at + (1 << 20)]
            self._ask(f"write {FRAMEBUFFER + offset + at:#x} {len(piece)} 0x{piece.hex()}")

    def write_mapped(self, offset: int, value: int) -> None:
        """Four bytes, into the memory-mapped registers."""
        self._ask(f"writel {REGISTERS + offset:#x} {value:#x}")

    def pass_time(self, seconds: float) -> None:
        self._command("cont")
        time.sleep(seconds)
        self._command("stop")

    def look(self) -> None:
        self.picture()

    def forget(self) -> None:
        """Leave nothing of the last picture: QEMU draws again only what it thinks has changed."""
        self.inb(0x3DA), self.outb(0x3C0, 0)
        self.picture()

    def picture(self) -> Picture:
        path = self._folder / "screen.ppm"
        self._command("screendump", filename=str(path))
        return read_ppm(path.read_bytes())


def read_ppm(data: bytes) -> Picture:
    """A PPM of eight bits, as `screendump` writes it."""
    kind, size, depth, pixels = data.split(b"\n", 3)
    assert (kind, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    out = bytearray(4 * width * height)
    out[0::4], out[1::4], out[2::4] = pixels[2::3], pixels[1::3], pixels[0::3]
    return Picture(width, height, bytes(out))
