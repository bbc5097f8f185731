"""A network card of QEMU's, driven register by register: what our own cards are compared with.

QEMU's processor runs a loop meanwhile, and each access is one line of its qtest protocol. The card's network is a pair
of datagram sockets, so that a frame is a datagram.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

QEMU = "qemu-system-i386"
HAVE = shutil.which(QEMU) is not None
PORTS, REGISTERS = 0xC000, 0xE0000000  # where the card's ranges are put
SLOT = 2 << 11
LOOP = bytes(0xFFF0) + b"\xeb\xfe".ljust(16, b"\0")
SETTLE_S, PATIENCE_S = 0.3, 60


class QemuCard:
    """`bars`: (offset in the configuration space, address) of each range."""

    def __init__(
        self, device: str, folder: Path, bars: tuple[tuple[int, int], ...] = ((0x10, PORTS), (0x14, REGISTERS))
    ):
        ours, theirs = folder / "ours.sock", folder / "theirs.sock"
        loop = folder / "loop.bin"
        loop.write_bytes(LOOP)
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind(str(ours))
        self._peer = str(theirs)
        netdev = f"dgram,id=n0,local.type=unix,local.path={theirs},remote.type=unix,remote.path={ours}"
        self._process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-bios", str(loop), "-display", "none", "-nodefaults", "-M", "pc", "-m", "16",
             "-qtest", "stdio", "-qtest-log", "none", "-netdev", netdev,
             "-device", f"{device},netdev=n0,addr=2,romfile="],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        for offset, address in bars:
            self.set_config(offset, address)
        self.set_config(4, 7)

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while (answer := self._process.stdout.readline()).startswith("IRQ"):
            pass
        assert answer.startswith("OK"), f"{line}: {answer!r}"
        return answer[2:].strip()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._wire.close()

    # -- configuration space

    def config(self, offset: int) -> int:
        self.write_port(0xCF8, 4, 0x80000000 | SLOT | offset)
        return self.read_port(0xCFC, 4)

    def set_config(self, offset: int, value: int) -> None:
        self.write_port(0xCF8, 4, 0x80000000 | SLOT | offset)
        self.write_port(0xCFC, 4, value)

    def interrupt(self) -> bool:
        """The level of the card's interrupt pin, as the PCI status shows it."""
        return bool(self.config(4) & 1 << 19)

    # -- accesses

    def read_port(self, port: int, size: int) -> int:
        return int(self.ask(f"in{' bw l'[size]} {port:#x}"), 16)

    def write_port(self, port: int, size: int, value: int) -> None:
        self.ask(f"out{' bw l'[size]} {port:#x} {value:#x}")

    def read_register(self, address: int, size: int) -> int:
        return int(self.ask(f"read{' bw l'[size]} {address:#x}"), 16)

    def write_register(self, address: int, size: int, value: int) -> None:
        self.ask(f"write{' bw l'[size]} {address:#x} {value:#x}")

    def read_memory(self, address: int, length: int) -> bytes:
        return bytes.fromhex(self.ask(f"read {address:#x} {length}")[2:])

    def write_memory(self, address: int, data: bytes) -> None:
        if data:
            self.ask(f"write {address:#x} {len(data)} 0x{data.hex()}")

    # -- the network

    def arrive(self, frame: bytes) -> None:
        """A frame comes in."""
        self._wire.sendto(frame, self._peer)

    def settle(self) -> None:
        """Until it has taken what came: the kernel counts it as unsent before. QEMU gives it to the card at once."""
        end = time.monotonic() + PATIENCE_S
        while struct.unpack("i", fcntl.ioctl(self._wire, termios.TIOCOUTQ, bytes(4)))[0]:
            assert time.monotonic() < end, "the card takes no frames"
            time.sleep(0.001)
        self.config(0)  # QEMU answers when it has dealt with that

    def sent(self, wait_s: float = SETTLE_S) -> bytes | None:
        """The next frame that the card has sent; None if none comes."""
        self._wire.settimeout(wait_s)
        try:
            return self._wire.recv(1 << 16)
        except TimeoutError:
            return None
