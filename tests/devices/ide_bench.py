"""A PIIX3 IDE function alone, with drives in memory, and the usual steps of a driver."""

from __future__ import annotations

import struct

from memory_drive import MemoryDrive, Store

from playhead.devices.storage.piix3_ide import Piix3Ide
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space

RAM = 8 << 20
BASES, CONTROLS, MASTERS = (0x1F0, 0x170), (0x3F6, 0x376), (0xC000, 0xC008)
BSY, DRDY, DSC, DRQ, ERR = 0x80, 0x40, 0x10, 0x08, 0x01
READY, DATA_READY = DRDY | DSC, DRDY | DSC | DRQ
PRDS = 0x1000  # where tables are put
EOT = 1 << 31


def pattern(sectors: int, seed: int = 1) -> bytes:
    """Content in which every sector is another."""
    return b"".join(struct.pack("<II", seed, n) * 64 for n in range(sectors))


class Bench:
    """Channel 0: two disks, channel 1: a CD-ROM drive alone; `hd`, `second`, `cd` are their contents."""

    def __init__(self, sectors: int = 5000, *, read_only: bool = False, cd_blocks: int = 300, data: bool = True):
        self.io, self.memory, self.store = Space("io", 1 << 16), Memory(RAM), Store()
        self.memory.map(0, RAM, self.memory.allocate(RAM))
        self.irqs = (Line("irq14"), Line("irq15"))
        self.edges: list[tuple[int, bool]] = []
        for n, line in enumerate(self.irqs):
            line.connect(lambda level, n=n: self.edges.append((n, level)))
        make = pattern if data else lambda count, seed=1: bytes(512 * count)
        self.hd: MemoryDrive = self.store.drive(make(sectors), read_only=read_only, serial="HD0")
        self.second = self.store.drive(make(2000, 2), serial="HD1")
        self.cd = self.store.drive(make(cd_blocks * 4, 3), read_only=True, serial="CD0", model="PLAYHEAD DVD-ROM")
        drives = ((("hd", self.hd), ("hd", self.second)), (("cdrom", self.cd), None))
        self.ide = Piix3Ide("ide", self.io, self.memory, self.irqs, drives)
        self.enable()

    def enable(self) -> None:
        for offset, size, value in ((0x40, 4, 0x80008000), (0x20, 4, 0xC001), (0x04, 2, 5)):
            self.ide.program(offset, size, value)

    def become(self, other: Bench) -> None:
        """What a checkpoint keeps of another one: state, memory, the disks' content and their requests."""
        self.ide.load(other.ide.save())
        self.memory.area[:RAM] = other.memory.area[:RAM]
        self.store.take(other.store, {other.hd: self.hd, other.second: self.second, other.cd: self.cd})

    # -- ports

    def inb(self, port: int) -> int:
        return self.io.read(port, 1)

    def outb(self, port: int, value: int) -> None:
        self.io.write(port, 1, value)

    def status(self, channel: int = 0) -> int:
        """The alternate status: reading it changes nothing."""
        return self.inb(CONTROLS[channel])

    def end(self, id: int | None = None, *, error: bool = False):
        return self.store.end(self.ide.drive_done, id, error=error)

    def end_all(self) -> int:
        return self.store.end_all(self.ide.drive_done)

    # -- moves

    def command(self, command: int, lba: int = 0, count: int = 1, *, unit: int = 0, feature: int = 0, channel: int = 0,
                chs: tuple[int, int, int] | None = None) -> None:  # fmt: skip
        base = BASES[channel]
        if chs is None:
            device, regs = 0xE0 | lba >> 24 & 0xF, (lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF)
        else:
            device, regs = 0xA0 | chs[1], (chs[2], chs[0] & 0xFF, chs[0] >> 8)
        self.outb(base + 6, device | unit << 4)
        for n, value in enumerate((feature, count & 0xFF, *regs), 1):
            self.outb(base + n, value)
        self.outb(base + 7, command)

    def command_ext(self, command: int, lba: int = 0, count: int = 1, *, unit: int = 0, feature: int = 0) -> None:
        base = BASES[0]
        self.outb(base + 6, 0xE0 | unit << 4)
        for shift in (24, 0):
            values = (feature, count >> (8 if shift else 0), lba >> shift, lba >> shift + 8, lba >> shift + 16)
            for n, value in enumerate(values, 1):
                self.outb(base + n, value & 0xFF)
        self.outb(base + 7, command)

    def take(self, length: int, channel: int = 0, size: int = 2) -> bytes:
        """Read from the data port."""
        out = b"".join(self.io.read(BASES[channel], size).to_bytes(size, "little") for _ in range(-(-length // size)))
        return out[:length]

    def give(self, data: bytes, channel: int = 0, size: int = 2) -> None:
        for at in range(0, len(data), size):
            self.io.write(BASES[channel], size, int.from_bytes(data[at : at + size], "little"))

    def finish(self, channel: int = 0) -> tuple[int, int]:
        """(status, error) as an interrupt handler reads them."""
        return self.inb(BASES[channel] + 7), self.inb(BASES[channel] + 1)

    def registers(self, channel: int = 0) -> tuple[int, ...]:
        return tuple(self.inb(BASES[channel] + n) for n in range(2, 7))

    # -- bus master

    def prds(self, regions: list[tuple[int, int]], *, end: bool = True, at: int = PRDS, channel: int = 0) -> None:
        table = b"".join(
            struct.pack("<II", address, length & 0xFFFF | (EOT if end and n == len(regions) - 1 else 0))
            for n, (address, length) in enumerate(regions)
        )
        self.memory.write(at, table)
        self.io.write(MASTERS[channel] + 4, 4, at)

    def start(self, *, reading: bool = True, channel: int = 0) -> None:
        self.outb(MASTERS[channel], 8 * reading)
        self.outb(MASTERS[channel], 8 * reading | 1)

    def stop(self, channel: int = 0) -> None:
        self.outb(MASTERS[channel], 0)

    def master(self, channel: int = 0) -> int:
        return self.inb(MASTERS[channel] + 2)

    # -- packets

    def packet(self, *packet: int, limit: int = 0xFFFE, dma: bool = False) -> None:
        self.outb(0x176, 0xA0)
        for n, value in ((1, int(dma)), (4, limit & 0xFF), (5, limit >> 8), (7, 0xA0)):
            self.outb(0x170 + n, value)
        assert (self.status(1), self.inb(0x172) & 3) == (DATA_READY, 1)
        self.give(bytes(packet).ljust(12, b"\0"), 1)

    def reply(self) -> bytes:
        """All that comes, to the end of the command."""
        out = b""
        while True:
            self.end_all()
            status = self.inb(0x177)
            assert not status & BSY
            if not status & DRQ:
                assert self.inb(0x172) & 3 == 3
                return out
            assert self.inb(0x172) & 3 == 2
            out += self.take(self.inb(0x174) | self.inb(0x175) << 8, 1)

    def sense(self) -> tuple[int, int, int]:
        self.packet(0x03, 0, 0, 0, 18)
        data = self.reply()
        assert len(data) == 18 and data[0] == 0x70
        return data[2], data[12], data[13]

    def refused(self, *packet: int) -> tuple[int, int, int]:
        """Send a packet that fails at once; returns why."""
        self.packet(*packet)
        status, error = self.finish(1)
        assert status == READY | ERR
        sense = self.sense()
        assert error >> 4 == sense[0]
        return sense
