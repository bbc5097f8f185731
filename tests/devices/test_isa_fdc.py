"""The floppy disk controller by its registers, where guest/floppy.s (beside QEMU) does not go: overruns, parts of
sectors, formats, scans, write protection, media that change, other drives.
"""

from __future__ import annotations

import random
import struct

import pytest
from memory_drive import MemoryDrive, Store

from playhead.base.errors import FormatError
from playhead.devices.storage.floppy_formats import FORMATS, format_of, type_of
from playhead.devices.storage.isa_fdc import IsaFdc
from playhead.devices.system.i8257_dma import Dma
from playhead.hw.line import Line

BUFFER = 0x20000
READ, WRITE = 0x46, 0x4A
TURN_NS = 200_000_000


def pattern(sectors: int, seed: int = 1) -> bytes:
    return b"".join(struct.pack("<II", seed, n) * 64 for n in range(sectors))


class Bench:
    def __init__(self, world, sizes=(2880, None), *, read_only: bool = False):
        self.world, self.store = world, Store()
        world.memory.map(0, 2 << 20, world.memory.allocate(2 << 20))
        self.irq = Line("irq6")
        self.dma = Dma("dma", world.io, world.memory)
        self.drives: list[MemoryDrive | None] = [
            None if size is None else self.store.drive(pattern(size), read_only=read_only) for size in sizes
        ]
        places = [(type_of(d.sectors, "auto", "288"), d) if d is not None else None for d in self.drives]
        self.fdc = IsaFdc("fdc", world.io, world.clock, self.irq, self.dma, 2, places)
        world.outb(0x3F2, 0x0C)

    def channel(self, mode: int, length: int) -> None:
        out = self.world.outb
        for port, value in ((0x0A, 6), (0x0C, 0), (0x0B, mode), (0x04, 0), (0x04, 0), (0x81, BUFFER >> 16),
                            (0x05, length - 1 & 0xFF), (0x05, length - 1 >> 8), (0x0A, 2)):  # fmt: skip
            out(port, value)

    def send(self, *values: int) -> None:
        for value in values:
            assert self.world.inb(0x3F4) & 0xC0 == 0x80
            self.world.outb(0x3F5, value)

    def finish(self) -> None:
        self.store.end_all(self.fdc.drive_done)

    def result(self) -> list[int]:
        found = []
        while self.world.inb(0x3F4) & 0xC0 == 0xC0:
            found.append(self.world.inb(0x3F5))
        return found

    def do(self, *values: int) -> list[int]:
        self.send(*values)
        self.finish()
        return self.result()

    def sectors(self, command: int, place: tuple[int, int, int], *, eot: int = 18, unit: int = 0) -> list[int]:
        track, head, sector = place
        return self.do(command, head << 2 | unit, track, head, sector, 2, eot, 27, 0xFF)

    def memory(self, length: int) -> bytes:
        return self.world.memory.read(BUFFER, length)


@pytest.fixture
def bench(world) -> Bench:
    return Bench(world)


def test_part_of_a_sector_is_read_and_written(bench):
    bench.channel(READ, 700)
    assert bench.sectors(0xE6, (4, 0, 3)) == [0x20, 0, 0, 4, 0, 5, 2]
    at = (4 * 36 + 2) * 512
    assert bench.memory(702) == pattern(2880)[at : at + 700] + b"\0\0"
    bench.world.memory.write(BUFFER, b"x" * 512)
    bench.channel(WRITE, 100)
    assert bench.sectors(0xC5, (4, 1, 1)) == [4, 0, 0, 4, 1, 2, 2]
    at = (4 * 36 + 18) * 512
    assert bench.drives[0].content[at : at + 512] == b"x" * 100 + bytes(412)  # the rest is zeros, as the sheet says


def test_both_sides_in_two_requests(bench):
    bench.channel(WRITE, 3 * 512)
    bench.world.memory.write(BUFFER, b"".join(bytes((n,)) * 512 for n in (1, 2, 3)))
    bench.send(0xC5, 0, 7, 0, 18, 2, 18, 27, 0xFF)
    assert [(r.lba, r.count) for r in bench.store.pending] == [(7 * 36 + 17, 1)] and bench.world.inb(0x3F4) == 0x10
    assert [(r.drive, r.lba, r.count) for r in bench.fdc.in_flight()] == [(0, 7 * 36 + 17, 1)]
    bench.finish()
    assert [(r.lba, r.count) for r in bench.store.ended] == [(7 * 36 + 17, 1), (7 * 36 + 18, 2)]
    assert bench.irq.level and bench.result() == [0x24, 0, 0, 7, 1, 3, 2] and not bench.irq.level
    assert bytes(bench.drives[0].content[(7 * 36 + 18) * 512 :][:1024]) == b"\2" * 512 + b"\3" * 512


def test_a_masked_channel_is_waited_for_and_then_overrun(bench):
    bench.send(0xE6, 0, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.finish()
    assert bench.result() == [] and bench.world.inb(0x08) == 0x40  # it asks
    bench.world.advance(TURN_NS // 2)
    bench.channel(READ, 512)
    assert bench.result()[:3] == [0, 0, 0] and bench.memory(512) == pattern(1)
    bench.world.outb(0x0A, 6)
    bench.send(0xE6, 0, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.finish()
    bench.world.advance(TURN_NS)
    assert bench.irq.level and bench.result()[:3] == [0x40, 0x10, 0]
    assert bench.world.inb(0x08) == 0x04  # the end of the first transfer; it does not ask any more


def test_the_fifo_is_overrun_too(bench):
    bench.do(0x03, 0xAF, 0x1F)  # no DMA
    bench.send(0x66, 0, 0, 0, 17, 2, 18, 27, 0xFF)
    bench.finish()
    assert bench.irq.level and bench.world.inb(0x3F4) == 0xF0
    read = bytes(bench.world.inb(0x3F5) for _ in range(600))
    bench.world.advance(TURN_NS - 1)
    read += bytes(bench.world.inb(0x3F5) for _ in range(424))
    assert read == pattern(18)[16 * 512 :] and bench.result() == [0, 0, 0, 1, 0, 1, 2]
    bench.send(0x45, 0, 0, 0, 18, 2, 18, 27, 0xFF)
    for _ in range(511):
        bench.world.outb(0x3F5, 7)
    bench.world.advance(TURN_NS)
    assert bench.result()[:3] == [0x40, 0x10, 0] and not bench.store.pending


def test_write_protection(world):
    bench = Bench(world, read_only=True)
    bench.channel(WRITE, 512)
    assert bench.sectors(0xC5, (0, 0, 1))[:3] == [0x40, 0x02, 0] and not bench.store.ended
    assert bench.do(0x4D, 0, 2, 18, 27, 0xF6)[:3] == [0x40, 0x02, 0]
    assert bench.do(0x04, 0) == [0x78]


def test_a_host_that_fails(bench):
    bench.channel(READ, 512)
    bench.send(0xE6, 0, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.store.end(bench.fdc.drive_done, error=True)
    assert bench.result()[:3] == [0x40, 0x04, 0]
    assert not bench.fdc.drive_done(1, False, bytes(512)) and not bench.fdc.drive_done(0, False, b"")


def test_a_track_is_formatted(bench):
    bench.do(0x0F, 4, 9)
    bench.do(0x08)
    bench.channel(WRITE, 72)
    assert bench.do(0x4D, 4, 2, 18, 27, 0xF6)[:4] == [4, 0, 0, 10]
    at = (9 * 36 + 18) * 512
    assert bytes(bench.drives[0].content[at : at + 18 * 512]) == b"\xf6" * 9216
    assert bytes(bench.drives[0].content[:at] + bench.drives[0].content[at + 9216 :]) == (
        pattern(2880)[:at] + pattern(2880)[at + 9216 :]
    )
    assert bench.do(0x4D, 0, 2, 21, 27, 0xF6)[:3] == [0x40, 0x04, 0]  # another format cannot be made


@pytest.mark.parametrize("command, delta, status", [
    (0x11, 0, 8), (0x11, 1, 4), (0x19, 1, 0), (0x19, -1, 4), (0x1D, -1, 0), (0x1D, 1, 4), (0x1D, 0, 8),
])  # fmt: skip
def test_scans(bench, command, delta, status):
    bench.drives[0].content[: 18 * 512] = b"\x40" * 9216
    bench.world.memory.write(BUFFER, bytes((0x40 + delta,)) * 1024)
    bench.channel(WRITE, 1024)
    assert bench.sectors(0x40 | command, (0, 0, 1))[2] == status


def test_deleted_data_and_tracks_and_verify(bench):
    bench.channel(READ, 512)
    assert bench.sectors(0x4C, (0, 0, 2))[:3] == [0, 0, 0x40] and bench.memory(512) == pattern(2)[512:]
    assert bench.sectors(0x6C, (0, 0, 2))[:3] == [0x40, 0x04, 0]
    bench.channel(READ, 1024)
    bench.sectors(0x42, (0, 0, 7))
    assert bench.memory(1024) == pattern(2)
    before = len(bench.store.ended)
    assert bench.sectors(0x56, (0, 0, 1))[:6] == [0, 0, 0, 1, 0, 1] and len(bench.store.ended) == before


def test_settings_are_told_and_kept(bench):
    bench.do(0x03, 0xAF, 0x1E)
    bench.do(0x13, 0, 0x57, 0x10)
    bench.do(0x12, 0x84)
    assert bench.do(0x94) == [0x10]
    assert bench.do(0x0E) == [0, 0, 0, 0, 0xAF, 0x1E, 0, 0x84, 0x57, 0x10]
    saved = bench.do(0x2E)
    bench.do(0x14), bench.do(0x12, 0x80), bench.do(0x13, 0, 0, 0)
    bench.do(0x4E, *saved)
    assert bench.do(0x0E)[6:] == [0, 0x84, 0x57, 0x10] and len(saved) == 16
    assert bench.do(0x17, 5) == [5] and bench.do(0x33, 1) == [] and bench.do(0x1F) == [0x80]


def test_without_implied_seeks(bench):
    bench.do(0x13, 0, 0x17, 0)
    bench.channel(READ, 512)
    assert bench.sectors(0xE6, (3, 0, 1))[:3] == [0x40, 0x04, 0]
    bench.do(0x0F, 0, 3)
    assert bench.do(0x08) == [0x20, 3] and bench.sectors(0xE6, (3, 0, 1))[:3] == [0, 0, 0]


def test_resets_end_what_is_under_way(bench):
    bench.channel(READ, 512)
    bench.send(0xE6, 0, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.world.outb(0x3F2, 0x08)
    assert bench.drives[0].cancelled == [1] and bench.world.inb(0x3F4) == 0 and not bench.irq.level
    bench.world.outb(0x3F5, 0x08)  # heard by nobody
    bench.world.outb(0x3F2, 0x0C)
    assert bench.irq.level and [bench.do(0x08)[0] for _ in range(5)] == [0xC0, 0xC1, 0xC2, 0xC3, 0x80]
    bench.send(0x4A, 0)  # READ ID takes a while
    bench.fdc.reset()
    bench.world.advance(TURN_NS)
    assert not bench.irq.level and bench.world.inb(0x3F4) == 0x80 and bench.fdc.state.drives[0].sectors == 2880


def test_media_change(world):
    bench = Bench(world, (0, 2880))
    assert bench.world.inb(0x3F7) == 0x80 and bench.do(0x04, 0) == [0x78]
    bench.do(0x0F, 0, 1), bench.do(0x08)
    assert bench.world.inb(0x3F7) == 0x80  # a step in an empty drive says nothing new
    bench.send(0x4A, 0)
    bench.world.advance(TURN_NS)
    assert bench.result()[:2] == [0x40, 0x01]
    bench.drives[0].content[:] = pattern(2880, 9)
    bench.fdc.insert(0, 2880, True)
    bench.do(0x07, 0), bench.do(0x08)
    assert bench.world.inb(0x3F7) == 0 and bench.do(0x04, 0) == [0x78]
    bench.channel(READ, 512)
    bench.world.outb(0x3F7, 0)
    first = bench.sectors(0xE6, (0, 0, 1), eot=36)
    assert first[:2] == [0x40, 0x01]  # a drive that began empty is one for 2.88 MB, so this medium has its rate
    bench.world.outb(0x3F7, 3)
    assert bench.sectors(0xE6, (0, 0, 1), eot=36)[:2] == [0, 0] and bench.memory(512) == pattern(1, 9)
    bench.world.outb(0x3F7, 0)
    bench.channel(READ, 512)
    bench.send(0xE6, 1, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.fdc.eject(0)  # the other drive's command goes on
    assert bench.world.inb(0x3F4) == 0x10
    bench.finish()
    assert bench.result()[:2] == [0x01, 0]
    bench.channel(READ, 512)
    bench.send(0xE6, 1, 0, 0, 1, 2, 18, 27, 0xFF)
    bench.fdc.eject(1)
    assert not bench.store.pending and bench.result()[:2] == [0x41, 0x04] and bench.world.inb(0x3F7) == 0x80


@pytest.mark.parametrize("sectors", sorted({one.sectors for one in FORMATS} | {1000, 5}))
def test_every_format_is_read_to_its_last_sector(world, sectors):
    bench = Bench(world, (sectors, None))
    shape = format_of(sectors, type_of(sectors, "auto", "288"))
    bench.world.outb(0x3F7, shape.rate)
    last = shape.cylinders - 1, shape.heads - 1, shape.track
    bench.channel(READ, 512)
    assert bench.sectors(0x46, last, eot=shape.track)[:2] == [0x24 if shape.heads == 2 else 0x20, 0]
    behind = shape.sectors > sectors
    assert bench.memory(512) == (bytes(512) if behind else pattern(sectors)[-512:])
    assert bench.sectors(0x46, (shape.cylinders, 0, 1))[0] & 0xC0 == 0x40


@pytest.mark.parametrize("name, value", [
    ("phase", 7), ("phase", 3), ("at", 18), ("stop", 19), ("selected", 2), ("phase", 1),
])  # fmt: skip
def test_a_damaged_state_is_refused(bench, name, value):
    state = bench.fdc.state.copy()
    state.bytes[1] = 1  # the drive that there is not
    setattr(state, name, value)
    with pytest.raises(FormatError, match="a state of fdc"):
        bench.fdc.load(state.encode())


def test_sizes_that_are_usual():
    kinds = {320: "120", 360: "120", 640: "120", 720: "120", 1440: "144", 2400: "120", 2880: "144", 3360: "144",
             5760: "288", 1000: "288", 0: "288"}  # fmt: skip
    assert {sectors: type_of(sectors, "auto", "288") for sectors in kinds} == kinds
    assert type_of(2880, "120", "288") == "120" and format_of(2880, "120").track == 18


def test_any_commands_leave_a_controller_that_works(world):
    rng = random.Random(8)
    bench = Bench(world, (2880, 720))
    for _ in range(3000):
        port = rng.choice((0x3F2, 0x3F4, 0x3F5, 0x3F5, 0x3F5, 0x3F5, 0x3F7, 0x0A, 0x0F, 0x05))
        bench.world.outb(port, rng.choice((rng.getrandbits(8), rng.getrandbits(3), 0x46, 0xC5)))
        bench.world.inb(rng.choice((0x3F1, 0x3F2, 0x3F3, 0x3F4, 0x3F5, 0x3F7)))
        if rng.random() < 0.2:
            bench.finish()
        if rng.random() < 0.05:
            bench.world.advance(TURN_NS)
        if rng.random() < 0.02:
            bench.fdc.eject(1), bench.fdc.insert(1, rng.choice((720, 2880)), rng.random() < 0.5)
            bench.drives[1].content[:] = bytes(2880 * 512)
        bench.fdc.load(bench.fdc.save())
    bench.fdc.reset()
    world.outb(0x3F7, 0), world.outb(0x08, 0)
    bench.do(0x03, 0xAF, 0x1E)
    bench.channel(READ, 512)
    assert bench.sectors(0xE6, (0, 0, 1))[:2] == [0, 0]
