"""An RTL8139 alone, with RAM and a network that is noted, and the usual steps of a driver. Beside it, QEMU's."""

from __future__ import annotations

import struct
from pathlib import Path

from card_bench import CardBench
from qemu_card import QemuCard

from playhead.devices.net.rtl8139 import Rtl8139

RAM = 1 << 20
PORTS, REGISTERS = 0xC000, 0xE0000000
RING, RX_DESCRIPTORS, TX_DESCRIPTORS, TX_HIGH, BUFFERS, DATA = 0x10000, 0x40000, 0x41000, 0x42000, 0x50000, 0x80000
ME, OTHER, BROADCAST = bytes.fromhex("525400123456"), bytes.fromhex("020000000001"), b"\xff" * 6
CR, CAPR, CBR, IMR, ISR, TCR, RCR, MPC, TPPOLL, CPCR, RDSAR = (
    0x37, 0x38, 0x3A, 0x3C, 0x3E, 0x40, 0x44, 0x4C, 0xD9, 0xE0, 0xE4)  # fmt: skip
ROK, TOK, OVERFLOW, LINK, FIFO, TIMEOUT = 1, 4, 0x10, 0x20, 0x40, 0x4000
OWN, EOR, FS, LS = 1 << 31, 1 << 30, 1 << 29, 1 << 28
ALL = 0x0F  # RCR: every frame


def ethernet(to: bytes = ME, payload: bytes = b"", kind: int = 0x88B5, source: bytes = OTHER) -> bytes:
    return to + source + struct.pack(">H", kind) + payload


class Card:
    """Registers by their offset; subclasses say how they are accessed."""

    def get(self, at: int, size: int) -> int:
        raise NotImplementedError

    def put(self, at: int, size: int, value: int) -> None:
        raise NotImplementedError

    def poke(self, address: int, data: bytes) -> None:
        raise NotImplementedError

    def peek(self, address: int, length: int) -> bytes:
        raise NotImplementedError

    # -- a driver's steps

    def start_c(self, rcr: int = ALL, imr: int = 0xFFFF) -> None:
        """C mode, both directions on."""
        self.put(CR, 1, 0x10)
        self.put(0x30, 4, RING)
        self.put(CR, 1, 0x0C)
        self.put(RCR, 4, rcr)
        self.put(IMR, 2, imr)
        self.put(ISR, 2, 0xFFFF)

    def start_plus(self, rx: int = 8, *, cpcr: int = 0x03, rcr: int = ALL, size: int = 0x600) -> None:
        """C+ mode with `rx` receive descriptors."""
        self.put(CR, 1, 0x10)
        self.put(CPCR, 2, cpcr)
        for n in range(rx):
            self.give(n, size, end=n == rx - 1)
        for at, value in ((RDSAR, RX_DESCRIPTORS), (RDSAR + 4, 0), (0x20, TX_DESCRIPTORS), (0x24, 0), (0x28, TX_HIGH),
                          (0x2C, 0)):  # fmt: skip
            self.put(at, 4, value)
        self.put(CR, 1, 0x0C)
        self.put(RCR, 4, rcr)
        self.put(IMR, 2, 0xFFFF)
        self.put(ISR, 2, 0xFFFF)

    def give(self, n: int, size: int = 0x600, *, end: bool = False) -> None:
        """Receive descriptor `n` to the chip."""
        command = OWN | (EOR if end else 0) | size
        self.poke(RX_DESCRIPTORS + 16 * n, struct.pack("<IIII", command, 0, BUFFERS + 0x1000 * n, 0))

    def received(self, n: int) -> tuple[int, int, bytes]:
        """The first two dwords of a receive descriptor, and what is in its buffer by its size."""
        status, vlan = struct.unpack("<II", self.peek(RX_DESCRIPTORS + 16 * n, 8))
        return status, vlan, self.peek(BUFFERS + 0x1000 * n, status & 0x1FFF)

    def transmit(self, n: int, *pieces: bytes, flags: int = 0, vlan: int = 0, end: bool = False, last: bool = True,
                 ring: int = TX_DESCRIPTORS) -> int:  # fmt: skip
        """Put a packet into descriptors from `n` on; returns the one behind it."""
        for m, piece in enumerate(pieces):
            self.poke(DATA + 0x1000 * (n + m), piece)
            command = OWN | flags | len(piece) | (FS if m == 0 else 0)
            final = m == len(pieces) - 1
            command |= (LS if final and last else 0) | (EOR if end and final else 0)
            self.poke(ring + 16 * (n + m), struct.pack("<IIII", command, vlan, DATA + 0x1000 * (n + m), 0))
        return n + len(pieces)


class Ours(CardBench, Card):
    def __init__(self) -> None:
        super().__init__(RAM, lambda *around: Rtl8139("rtl8139", *around, ME.hex(":")),
                         ((0x10, PORTS), (0x14, REGISTERS)))  # fmt: skip

    def get(self, at: int, size: int) -> int:
        return self.memory.mmio.read(REGISTERS + at, size)

    def put(self, at: int, size: int, value: int) -> None:
        self.memory.mmio.write(REGISTERS + at, size, value)

    def poke(self, address: int, data: bytes) -> None:
        self.memory.write(address, data)

    def peek(self, address: int, length: int) -> bytes:
        return self.memory.read(address, length)

    def interrupt(self) -> bool:
        return self.line.level

    def arrive(self, frame: bytes) -> None:
        """As a session delivers it: only where there is room."""
        assert self.card.can_receive()
        self.card.receive(frame)

    def sent(self) -> bytes | None:
        return self.out.pop(0) if self.out else None

    def settle(self) -> None: ...


class Qemu(Card):
    """QEMU's, through the same registers."""

    def __init__(self, folder: Path):
        self._qemu = QemuCard("rtl8139", folder, ((0x10, PORTS), (0x14, REGISTERS)))
        self.interrupt, self.sent, self.close = self._qemu.interrupt, self._qemu.sent, self._qemu.close
        self.poke, self.peek = self._qemu.write_memory, self._qemu.read_memory

    def command(self, value: int) -> None:
        """Write PCI's command register."""
        self._qemu.set_config(4, value)

    def get(self, at: int, size: int) -> int:
        return self._qemu.read_register(REGISTERS + at, size)

    def put(self, at: int, size: int, value: int) -> None:
        self._qemu.write_register(REGISTERS + at, size, value)

    def arrive(self, frame: bytes) -> None:
        self._qemu.arrive(frame)
        self._qemu.settle()
