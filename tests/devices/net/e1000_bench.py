"""An 82540EM alone: memory with its rings, the frames that it sends, and the usual steps of a driver."""

from __future__ import annotations

import random
import struct

from card_bench import CardBench

from playhead.devices.net.e1000 import E1000

RAM = 4 << 20
REGISTERS, PORTS = 0xFEBC0000, 0xC000
TX, RX, BUFFERS, DATA = 0x10000, 0x18000, 0x100000, 0x80000  # where rings, buffers for frames and data lie
MAC = bytes.fromhex("525400123456")
PEER = bytes.fromhex("525400123457")

CTRL, STATUS, EECD, EERD, MDIC, VET, ICR, ITR, ICS, IMS, IMC, RCTL, TCTL = (
    0x00, 0x08, 0x10, 0x14, 0x20, 0x38, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8, 0x100, 0x400)  # fmt: skip
RDBAL, RDLEN, RDH, RDT, RDTR, RADV = 0x2800, 0x2808, 0x2810, 0x2818, 0x2820, 0x282C
TDBAL, TDLEN, TDH, TDT, TADV = 0x3800, 0x3808, 0x3810, 0x3818, 0x382C
MTA, RAL, RAH, VFTA = 0x5200, 0x5400, 0x5404, 0x5600
EOP, IC, TSE, RS, DEXT, VLE, IDE = 0x01, 0x04, 0x04, 0x08, 0x20, 0x40, 0x80
EN, BAM, SECRC, LPE, SBP, UPE, MPE, VFE = 2, 1 << 15, 1 << 26, 1 << 5, 1 << 2, 1 << 3, 1 << 4, 1 << 18
TXDW, TXQE, LSC, RXDMT0, RXO, RXT0, MDAC = 1, 2, 4, 0x10, 0x40, 0x80, 0x200
DEFAULTS = {"mac": MAC.hex(":"), "autonegotiation": True, "mitigation": True, "extra_mac_registers": True,
            "init-vet": True}  # fmt: skip


def frame(length: int, to: bytes = MAC, ethertype: bytes = b"\x08\x00", seed: int = 1) -> bytes:
    return to + PEER + ethertype + random.Random(seed).randbytes(length - 14)


class Bench(CardBench):
    """The card with its registers at `REGISTERS` and `PORTS`."""

    def __init__(self, **properties):
        self.tail, self.size = 0, 0
        super().__init__(RAM, lambda *around: E1000("e1000", *around, DEFAULTS | properties),
                         ((0x10, REGISTERS), (0x14, PORTS)))  # fmt: skip

    def become(self, other: Bench) -> None:
        super().become(other)
        self.tail, self.size = other.tail, other.size

    # -- registers

    def read(self, offset: int) -> int:
        return self.memory.mmio.read(REGISTERS + offset, 4)

    def write(self, offset: int, value: int) -> None:
        self.memory.mmio.write(REGISTERS + offset, 4, value)

    def phy(self, register: int, value: int | None = None) -> int:
        """Read a register of the PHY, or write it."""
        command = 1 << 21 | register << 16
        self.write(MDIC, command | (2 << 26 if value is None else 1 << 26 | value))
        assert self.read(MDIC) >> 28 & 1, "not ready"
        return self.read(MDIC) & 0xFFFF

    def counters(self) -> dict[int, int]:
        """All statistics that are not 0; reading clears them."""
        found = {offset: self.read(offset) for offset in range(0x4000, 0x4100, 4)}
        return {offset: value for offset, value in found.items() if value}

    # -- sending

    def start_sending(self, size: int = 64) -> None:
        self.size, self.tail = size, 0
        for offset, value in ((TDBAL, TX), (TDLEN, 16 * size), (TDH, 0), (TDT, 0), (TCTL, EN)):
            self.write(offset, value)

    def put(self, descriptor: bytes) -> None:
        """Into the ring, without telling."""
        self.memory.write(TX + 16 * self.tail, descriptor)
        self.tail = (self.tail + 1) % self.size

    def go(self) -> list[bytes]:
        """Tell the card; returns what it has sent."""
        before = len(self.out)
        self.write(TDT, self.tail)
        return self.out[before:]

    def legacy(self, length: int, command: int = EOP | RS, address: int = DATA, *, cso: int = 0, css: int = 0,
               special: int = 0) -> None:  # fmt: skip
        self.put(struct.pack("<QHBBBBH", address, length, cso, command, 0, css, special))

    def context(self, command: int, header: int = 0, segment: int = 0, payload: int = 0,
                ip: tuple[int, int, int] = (14, 24, 33), l4: tuple[int, int, int] = (34, 50, 0)) -> None:  # fmt: skip
        """`command`: 1 TCP, 2 IPv4, 4 segmentation."""
        self.put(struct.pack("<BBHBBHIBBH", *ip, *l4, payload | (DEXT | command) << 24, 0, header, segment))

    def data(self, length: int, command: int = EOP | RS, address: int = DATA, *, sums: int = 3,
             special: int = 0) -> None:  # fmt: skip
        self.put(struct.pack("<QIBBH", address, length | 1 << 20 | (command | DEXT) << 24, 0, sums, special))

    def send(self, frame: bytes, **more) -> list[bytes]:
        self.memory.write(DATA, frame)
        self.legacy(len(frame), **more)
        return self.go()

    # -- receiving

    def start_receiving(self, size: int = 64, control: int = EN | BAM, buffers: int = 2048) -> None:
        for n in range(size):
            self.memory.write(RX + 16 * n, struct.pack("<QQ", BUFFERS + buffers * n, 0))
        for offset, value in ((RDBAL, RX), (RDLEN, 16 * size), (RDH, 0), (RDT, size - 1), (RCTL, control)):
            self.write(offset, value)

    def descriptor(self, n: int) -> tuple[int, int, int, int, int, int]:
        """Address, length, checksum, status, errors, special."""
        return struct.unpack("<QHHBBH", self.memory.read(RX + 16 * n, 16))

    def stored(self, n: int) -> bytes:
        """What descriptor `n` says is in its buffer."""
        address, length, *_ = self.descriptor(n)
        return self.memory.read(address, length)

    def receive(self, frame: bytes) -> bool:
        """Returns whether it was stored."""
        assert self.card.can_receive()
        head = self.read(RDH)
        self.card.receive(frame)
        return self.read(RDH) != head
