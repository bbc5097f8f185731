"""The IDE controller: configuration, selection, interrupts, resets, the bus master, and checkpoints with requests under
way."""

import random

import pytest
from ide_bench import BSY, DATA_READY, DRQ, EOT, ERR, PRDS, READY, Bench, pattern

from playhead.base.errors import FormatError

ACTIVE, FAULT, INTERRUPT = 1, 2, 4


@pytest.fixture
def b() -> Bench:
    return Bench()


def test_identity_and_decoding(b):
    config = b.ide.word
    assert config(0, 4) == 0x70108086 and config(8, 4) == 0x01018000 and config(0x2C, 4) == 0x11001AF4
    b.ide.reset()
    assert config(4, 4) == 0x02800000 and config(0x20, 4) == 1 and config(0x40, 4) == 0
    ports = (0x1F7, 0x3F6, 0x177, 0x376)
    assert [b.inb(port) for port in ports] == [READY] * 4 and b.inb(0xC002) == 0xFF  # answers before it is enabled
    b.enable()
    assert [b.inb(port) for port in ports] == [READY] * 4 and b.inb(0xC002) == 0
    b.ide.program(0x40, 2, 0)  # the first channel's decode off
    assert b.inb(0x1F7) == READY and b.inb(0x176) == 0xA0
    b.ide.program(0x20, 4, 0xD001)
    assert b.inb(0xC002) == 0xFF and b.inb(0xD002) == 0
    b.ide.program(4, 2, 0)
    assert b.inb(0x177) == READY and b.inb(0xD002) == 0xFF


def test_signatures(b):
    assert b.registers() == (1, 1, 0, 0, 0xA0) and b.finish() == (READY, 1)
    b.outb(0x1F6, 0xB0)
    assert b.registers() == (1, 1, 0, 0, 0xB0) and b.finish() == (READY, 1)
    assert b.registers(1) == (1, 1, 0x14, 0xEB, 0xA0) and b.finish(1) == (READY, 1)


def test_absent_drives(b):
    b.outb(0x176, 0xB0)  # no second drive there
    assert b.registers(1) == (1, 1, 0xFF, 0xFF, 0xB0)
    for n, value in ((2, 0x55), (3, 0xAA)):
        b.outb(0x170 + n, value)
    assert b.registers(1)[:2] == (0x55, 0xAA) and b.registers(1)[4] == 0xB0
    assert b.inb(0x177) == b.inb(0x376) == 0
    b.outb(0x177, 0xEC)
    assert b.inb(0x177) == 0 and not b.edges and b.take(2, 1) == b"\0\0"
    b.outb(0x176, 0xA0)
    assert b.registers(1)[4] == 0xA0


def test_an_empty_channel_reads_as_zeros(b):
    for channel in b.ide.channels:
        channel.units, channel.cable.units = [None, None], [False, False]
    b.outb(0x1F2, 0x55)
    assert [b.inb(0x1F0 + n) for n in range(8)] == [0] * 8 and b.inb(0x3F6) == 0


def test_words_at_byte_registers(b):
    b.io.write(0x1F2, 4, 0x04030201)
    assert b.registers()[:4] == (1, 2, 3, 4) and b.io.read(0x1F2, 2) == 0x0201 and b.io.read(0x1F2, 4) == 0x04030201


def test_busy_drives_take_no_writes(b):
    b.command(0x20, lba=9)
    b.outb(0x1F2, 77)
    b.outb(0x1F6, 0xF0)
    b.outb(0x1F7, 0xEC)
    assert b.registers() == (1, 9, 0, 0, 0xE0)
    b.end()
    b.outb(0x1F3, 77)
    b.outb(0x1F7, 0xEC)
    assert b.take(512) == pattern(10)[9 * 512 :]


def test_interrupts_of_two_drives_on_a_cable(b):
    b.command(0xE7)
    b.end()
    assert b.irqs[0].level
    b.outb(0x1F6, 0xB0)
    assert not b.irqs[0].level  # the selected drive's wish is what the line shows
    b.outb(0x1F6, 0xA0)
    assert b.irqs[0].level
    b.outb(0x3F6, 2)  # nIEN
    assert not b.irqs[0].level
    b.outb(0x3F6, 0)
    assert b.irqs[0].level
    b.outb(0x1F7, 0xE5)  # a command takes it away, and this one wants one at once: an edge
    assert b.edges[-2:] == [(0, False), (0, True)]
    b.inb(0x1F7)
    assert not b.irqs[0].level


def test_soft_reset(b):
    b.command(0xC6, count=4)
    b.command(0x20, lba=100)
    b.outb(0x3F6, 0x04)
    assert b.status() == BSY and b.hd.cancelled == [1] and not b.irqs[0].level
    b.outb(0x1F7, 0xEC)
    b.outb(0x1F7, 0x90)
    assert b.status() == BSY
    b.outb(0x3F6, 0x02)
    assert b.finish() == (READY, 1) and b.registers() == (1, 1, 0, 0, 0xA0)
    assert not b.ide.drive_done(1, False, bytes(512)) and b.status() == READY
    b.outb(0x376, 0x04)
    b.outb(0x376, 0x00)
    assert b.finish(1) == (0, 1) and b.registers(1) == (1, 1, 0x14, 0xEB, 0xA0)


def test_diagnostic(b):
    b.command(0x40, lba=1, unit=1)
    edges = len(b.edges)
    b.outb(0x1F7, 0x90)
    assert b.registers() == (1, 1, 0, 0, 0xA0) and b.finish() == (READY, 1)
    assert b.edges[edges:] == [(0, False), (0, True), (0, False)]
    b.outb(0x177, 0x90)
    assert b.finish(1) == (0, 1) and b.registers(1) == (1, 1, 0x14, 0xEB, 0xA0)


def test_hard_reset_ends_everything(b):
    b.command(0x20)
    b.command(0xE7, channel=1)
    b.prds([(0x10000, 512)])
    b.start()
    b.ide.reset()
    assert b.hd.cancelled == [1] and not any(line.level for line in b.irqs)
    assert b.ide.save() == Bench_after_reset().ide.save()


def Bench_after_reset() -> Bench:
    fresh = Bench()
    fresh.ide.reset()
    return fresh


# -- the bus master


@pytest.mark.parametrize("ext", [False, True])
@pytest.mark.parametrize("first", ["command", "master"])
def test_dma_read(b, ext, first):
    regions = [(0x10000, 100), (0x20FFE, 412), (0x30000, 3 * 512)]
    b.prds(regions)
    if first == "master":
        b.start()
        assert b.master() == ACTIVE
    b.command_ext(0x25, lba=4000, count=4) if ext else b.command(0xC8, lba=4000, count=4)
    if first == "command":
        assert b.status() & DRQ and not b.store.pending
        b.start()
    assert b.status() & BSY and b.master() == ACTIVE and not b.edges
    b.end()
    assert b.master() == INTERRUPT and b.irqs[0].level and b.finish() == (READY, 0)
    data = b"".join(b.memory.read(at, n) for at, n in regions)
    assert data == pattern(5000)[4000 * 512 : 4004 * 512]
    b.outb(0xC002, INTERRUPT)
    b.stop()
    assert b.master() == 0 and b.registers()[:4] == (0, 4004 & 0xFF, 4004 >> 8, 0)


@pytest.mark.parametrize("ext", [False, True])
def test_dma_write_samples_when_it_starts(b, ext):
    b.memory.write(0x10000, b"first" * 200)
    b.prds([(0x10000, 1000), (0x20000, 24)])
    b.command_ext(0x35, lba=10, count=2) if ext else b.command(0xCA, lba=10, count=2)
    b.start(reading=False)
    b.memory.write(0x10000, b"later" * 200)
    b.end()
    assert b.hd.content[10 * 512 : 12 * 512] == (b"first" * 200).ljust(1024, b"\0")
    assert b.master() == INTERRUPT and b.finish() == (READY, 0)


def test_count_zero_is_64_kib_and_long_commands_go_in_pieces():
    b = Bench(sectors=6000)
    b.prds([(0x100000 + n * 0x10000, 0) for n in range(20)] + [(0x300000, 900 * 512 - 0x60000 + 0x60000 & 0xFFFE)])
    b.command_ext(0x25, lba=3, count=20 * 128)
    b.start()
    assert b.end().count == 2048 and b.master() == ACTIVE and b.status() & BSY
    assert b.end().count == 512
    assert b.master() == ACTIVE | INTERRUPT  # the table has one more
    assert b.memory.read(0x100000, 20 << 16) == pattern(6000)[3 * 512 : 2563 * 512]


def test_too_short_a_table(b):
    b.prds([(0x10000, 512)])
    b.command(0xC8, lba=5, count=2)
    b.start()
    b.end()
    assert b.master() == 0 and b.finish() == (READY, 0) and not b.edges
    assert b.memory.read(0x10000, 1024) == pattern(6)[-512:] + bytes(512)
    b.stop()
    b.command(0xCA, lba=5, count=2)
    b.start(reading=False)
    assert b.master() == 0 and not b.store.pending and b.finish() == (READY, 0)
    b.stop()
    b.prds([(0x10000, 1024)])
    b.command(0xC8, lba=5, count=2)  # and it works again
    b.start()
    b.end()
    assert b.master() == INTERRUPT


def test_too_long_a_table(b):
    b.prds([(0x10000, 512), (0x20000, 512)])
    b.command(0xC8)
    b.start()
    b.end()
    assert b.master() == ACTIVE | INTERRUPT
    b.stop()
    assert b.master() == INTERRUPT


@pytest.mark.parametrize("regions,at", [([(0x10000, 512)], 0xF0000000), ([(0xE0000000, 512)], PRDS)])
def test_what_is_no_memory(b, regions, at):
    if at == PRDS:
        b.prds(regions)
    else:
        b.io.write(0xC004, 4, at)
    b.command(0xC8)
    b.start()
    b.end_all()
    assert b.master() == FAULT and not b.edges
    b.outb(0xC002, FAULT)
    assert b.master() == 0


def test_the_table_wraps_in_its_64_kib(b):
    b.prds([(0x20000, 200)], end=False, at=0x1FFF8)
    b.memory.write(0x10000, (0x30000).to_bytes(4, "little") + (312 | EOT).to_bytes(4, "little"))
    b.command(0xC8)
    b.start()
    b.end()
    assert b.master() == INTERRUPT
    assert b.memory.read(0x20000, 200) + b.memory.read(0x30000, 312) == pattern(1)


def test_a_table_without_an_end_ends(b):
    b.memory.write(0x10000, ((0x20000).to_bytes(4, "little") + (2).to_bytes(4, "little")) * 0x2000)
    b.io.write(0xC004, 4, 0x10000)
    b.command(0xC8, count=33)  # 16,896 bytes, and 16,384 in all descriptors of a table
    b.start()
    b.end()
    assert b.master() == 0 and not b.edges


def test_registers_of_the_master(b):
    b.io.write(0xC004, 4, 0x12345677)
    b.io.write(0xC00C, 4, 0x89ABCDEF)
    assert b.io.read(0xC004, 4) == 0x12345674 and b.io.read(0xC00C, 4) == 0x89ABCDEC
    b.outb(0xC002, 0x67)
    assert b.master() == 0x60 and b.io.read(0xC000, 4) == 0x00600000
    b.io.write(0xC008, 4, 0x00200009)
    assert b.io.read(0xC008, 4) == 0x00210009
    b.outb(0xC005, 0xAA)
    assert b.io.read(0xC004, 4) == 0x1234AA74


def test_stopping_a_transfer(b):
    b.prds([(0x10000, 512)])
    b.command(0xC8)
    b.start()
    b.stop()
    assert b.hd.cancelled == [1] and b.finish() == (READY, 0) and b.master() == 0 and not b.edges
    b.command(0xC8)
    b.stop()
    assert b.status() == DATA_READY  # the bus master's transfer is still pending
    b.start()
    b.end()
    assert b.master() == INTERRUPT


def test_no_mastering_before_it_is_enabled(b):
    b.ide.program(4, 2, 1)
    b.prds([(0x10000, 512)])
    b.command(0xC8)
    b.start()
    assert not b.store.pending
    b.ide.program(4, 2, 5)
    b.end()
    assert b.finish() == (READY, 0)


def test_errors_by_dma(b):
    for command, reading, error in ((0xC8, True, 0x40), (0xCA, False, 4)):
        b.prds([(0x10000, 1024)])
        b.command(command, lba=70, count=2)
        b.start(reading=reading)
        b.end(error=True)
        assert b.finish() == (READY | ERR, error) and b.master() == ACTIVE | INTERRUPT
        assert b.registers()[:2] == (2, 70)
        b.stop()
        b.outb(0xC002, INTERRUPT)


def test_requests_end_in_any_order(b):
    b.command(0x20, lba=1)
    b.packet(0x28, 0, 0, 0, 0, 7, 0, 0, 1)
    first, second = b.store.pending
    assert [(r.drive, r.id, r.lba, r.count) for r in b.ide.in_flight()] == [(0, 1, 1, 1), (2, 2, 28, 4)]
    b.end(second.id)
    assert b.take(2048, 1) == pattern(32, 3)[28 * 512 :] and b.status() == BSY | READY
    b.end(first.id)
    assert b.take(512) == pattern(2)[512:]
    assert not b.ide.drive_done(first.id, False, b"") and not b.ide.drive_done(0, False, b"")


def test_an_end_with_the_wrong_number_of_bytes_is_an_error_of_the_recording(b):
    b.command(0x20)
    with pytest.raises(FormatError, match="ended with 100 bytes"):
        b.ide.drive_done(1, False, bytes(100))


def test_whose_write_it_is(b):
    told = []
    b.memory.page_map[0x10] |= 16
    b.memory.master_wrote = lambda address, length, by: told.append((address, length, by))
    b.prds([(0x10000, 512)])
    b.command(0xC8)
    b.start()
    b.end()
    assert told == [(0x10000, 512, "ide0")]


# -- checkpoints


def scenes():
    """(name, what brings a controller there, what takes it to the end)"""

    def dma(command, reading):
        def begin(b):
            b.memory.write(0x10000, bytes(range(256)) * 32)
            b.prds([(0x10000, 1000), (0x14000, 0)])
            b.command_ext(command, lba=77, count=2100 if reading else 16)
            b.start(reading=reading)

        return begin

    def pio_out(b):
        b.command(0xC5, lba=3, count=20)
        b.give(b"\x5a" * 3001, size=1)

    def pio_in(b):
        b.command(0x20, lba=3, count=40)
        b.end()
        b.take(700)

    def packet_read(b):
        b.packet(0x28, 0, 0, 0, 0, 9, 0, 0, 20, limit=5000)

    def packet_half(b):
        b.outb(0x174, 0)
        b.outb(0x175, 8)
        b.outb(0x177, 0xA0)
        b.give(bytes((0x28, 0, 0, 0, 0, 3)), 1)

    def trim(b):
        b.memory.write(0x10000, (5 | 9 << 48).to_bytes(8, "little") * 3 + bytes(488))
        b.prds([(0x10000, 512)])
        b.command_ext(0x06, count=1, feature=1)
        b.start(reading=False)

    def waiting(b):
        b.prds([(0x10000, 512)])
        b.command(0xC8, lba=3)

    yield from (
        ("dma-read", dma(0x25, True)), ("dma-write", dma(0x35, False)), ("pio-out", pio_out), ("pio-in", pio_in),
        ("packet-read", packet_read), ("packet-half", packet_half), ("trim", trim), ("waiting", waiting),
        ("flush", lambda b: b.command(0xE7)), ("reset", lambda b: b.outb(0x3F6, 4)),
    )  # fmt: skip


def go_on(b: Bench) -> list:
    """Drive whatever is under way to its end, and note all that can be seen."""
    seen: list = []
    for n in range(60):
        if b.store.pending:
            b.end()
        elif n == 40:
            b.start()
            b.outb(0x3F6, 0)
        for channel, base in enumerate((0x1F0, 0x170)):
            seen.append([b.inb(base + r) for r in (2, 3, 4, 5, 6, 1, 7)] + [b.master(channel)])
            if b.status(channel) & 0x88 == DRQ:
                seen.append(b.take(512, channel))
                b.give(bytes((n,)) * 512, channel)
        seen.append([line.level for line in b.irqs])
    return [*seen, b.ide.save(), bytes(b.hd.content), b.memory.read(0x10000, 0x20000)]


@pytest.mark.parametrize("begin", [pytest.param(begin, id=name) for name, begin in scenes()])
def test_a_checkpoint_goes_on_exactly(begin):
    first, second = Bench(), Bench()
    begin(first)
    second.outb(0x1F6, 0xB0)  # somewhere else
    second.command(0xEC, unit=1)
    second.become(first)
    assert second.ide.save() == first.ide.save() and second.ide.in_flight() == first.ide.in_flight()
    assert go_on(second) == go_on(first)


# -- any sequence of accesses


COMMANDS = (0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xC4, 0xC5, 0xC6, 0xC8, 0xCA, 0xE7, 0xEC, 0xEF, 0x06, 0x91,
            0x40, 0x08, 0x90, 0xA1, 0xF8, 0x27, 0xE0, 0xE5)  # fmt: skip
PACKETS = (0, 3, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x28, 0x28, 0x2B, 0x43, 0x46, 0x4A, 0x51, 0x5A, 0xA8, 0xAD, 0xBD,
           0xBE)  # fmt: skip


def some_command(b: Bench, rng: random.Random) -> None:
    """A command as a driver gives it, more or less."""
    lba, count = rng.choice((0, 5, 1990, 4990, rng.getrandbits(28))), rng.choice((0, 1, 2, 9, 40))
    give = rng.choice((b.command, b.command_ext))
    give(rng.choice(COMMANDS), lba, count, unit=rng.getrandbits(1), feature=rng.choice((1, 2, 3, 0x82)))


def some_packet(b: Bench, rng: random.Random) -> None:
    b.outb(0x176, 0xA0)
    for register, value in ((1, rng.getrandbits(1)), (4, rng.choice((0, 1, 8, 255))), (5, rng.choice((0, 8, 255)))):
        b.outb(0x170 + register, value)
    b.outb(0x177, 0xA0)
    flag, block, length = rng.choice((0, 0, 0, 1, 2, 3, 0x2A)), rng.choice((0, 100, 290)), rng.choice((0, 1, 3, 200))
    head = (rng.choice(PACKETS), rng.choice((0, 0, 1, 2)), flag, 0)
    packet = (*head, block >> 8, block & 255, rng.choice((0, 1)), 0, length)
    if packet[0] in (3, 0x12, 0x1A, 0x1B, 0x1E, 0x4A):
        packet = (*packet[:4], rng.choice((0, 1, 2, 3, 0x10, 200)), *packet[5:])
    b.give(bytes((*packet, rng.choice((0, 0x10)), 0, 0)), 1, size=rng.choice((1, 2, 4)))


def noise(b: Bench, rng: random.Random, seen: list) -> None:
    """One access of any kind."""
    base = rng.choice((0x1F0, 0x170))
    what = rng.random()
    if what < 0.05:
        b.outb(base + 7, rng.getrandbits(8))
    elif what < 0.2:
        b.outb(base + rng.randrange(1, 7), rng.choice((0, 1, 2, 0xE0, 0xF0, rng.getrandbits(8))))
    elif what < 0.4:
        size = rng.choice((1, 2, 4))
        b.io.write(base, size, rng.getrandbits(8 * size))
    elif what < 0.6:
        seen.append(b.io.read(base, rng.choice((1, 2, 4))))
    elif what < 0.8:
        seen.append(b.io.read(base + rng.randrange(8), rng.choice((1, 1, 2, 4))))
    elif what < 0.83:
        b.outb(base + 0x206, rng.choice((0, 2, 4, 0x80)))
    elif what < 0.95:
        b.io.write(0xC000 + rng.randrange(16), rng.choice((1, 1, 2, 4)), rng.choice((0, 1, 8, 9, PRDS, 0x40000)))
    else:
        b.ide.config_write(rng.choice((4, 0x20, 0x40)), 2, rng.getrandbits(16))
        b.enable()


def disturb(b: Bench, rng: random.Random, count: int) -> list:
    """Commands and accesses at random, and ends of requests, some with errors."""
    seen: list = []
    for _ in range(count):
        what, channel = rng.random(), rng.getrandbits(1)
        if what < 0.1:
            some_command(b, rng)
        elif what < 0.15:
            some_packet(b, rng)
        elif what < 0.2:
            b.stop(channel)
            b.io.write((0xC004, 0xC00C)[channel], 4, rng.choice((PRDS, PRDS, 0x20000, 0xF0000000)))
            b.start(channel=channel)
        elif what < 0.3:  # let the guest drain or fill what there is
            for _ in range(rng.randrange(9)):
                if b.status(channel) & 0x88 == DRQ:
                    seen.append(b.take(2048, channel, size=4))
                    b.give(rng.randbytes(8) + bytes(504), channel, size=4)
        elif what < 0.4 and b.store.pending:
            b.end(rng.choice(b.store.pending).id, error=rng.random() < 0.1)
        elif what < 0.41:
            cd = b.ide.cdrom(1, 0)
            cd.insert(1200) if rng.random() < 0.6 else cd.eject()
        elif what < 0.42:
            for control in (0x3F6, 0x376):
                b.outb(control, 4)
                b.outb(control, 0)
        else:
            noise(b, rng, seen)
        assert len(b.store.pending) <= 3 and len(b.ide.in_flight()) == len(b.store.pending)
        seen.append([line.level for line in b.irqs])
    return seen


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_is_survived_and_mended_by_a_reset(seed):
    b = Bench()
    b.prds([(0x10000, 0), (0x20000, 300), (0x30001, 0x4000), (0xFFFFF000, 0x2000)])
    disturb(b, random.Random(seed), 5000)
    b.ide.reset()
    b.ide.cdrom(1, 0).eject()
    b.ide.cdrom(1, 0).insert(1200)
    b.store.pending.clear()
    fresh = Bench_after_reset()
    fresh.ide.cdrom(1, 0).eject()
    fresh.ide.cdrom(1, 0).insert(1200)
    assert b.ide.save() == fresh.ide.save() and not any(line.level for line in b.irqs)
    b.enable()
    b.command(0x20, lba=4)
    b.end()
    assert b.take(512) == b.hd.content[4 * 512 : 5 * 512]
    assert b.refused(0) == (6, 0x28, 0)
    b.packet(0x28, 0, 0, 0, 0, 9, 0, 0, 1)
    assert b.reply() == pattern(40, 3)[36 * 512 :]


@pytest.mark.parametrize("seed", range(3))
def test_a_soft_reset_mends_as_well(seed):
    b = Bench()
    disturb(b, random.Random(1000 + seed), 1500)
    for control in (0x3F6, 0x376):
        b.outb(control, 4)
        b.outb(control, 0)
    assert not b.store.pending and not b.ide.in_flight() and b.finish() == (READY, 1) and b.finish(1) == (0, 1)
    b.command(0x20, lba=4)
    b.end()
    assert b.take(512) == b.hd.content[4 * 512 : 5 * 512]


@pytest.mark.parametrize("seed", range(3))
def test_a_checkpoint_anywhere_changes_nothing(seed):
    first, second = Bench(), Bench()
    rng = random.Random(2000 + seed)
    disturb(first, rng, 1500)
    disturb(second, random.Random(seed), 200)
    second.become(first)
    assert second.irqs[0].level == first.irqs[0].level and second.ide.save() == first.ide.save()
    state = rng.getstate()
    seen = disturb(first, rng, 1000)
    rng.setstate(state)
    assert disturb(second, rng, 1000) == seen and second.ide.save() == first.ide.save()
