"""An ATA disk, command by command."""

import struct

import pytest
from ide_bench import BSY, DATA_READY, DRQ, ERR, READY, Bench, pattern

from playhead.devices.storage import ata_identify

ABRT, IDNF, UNC = 0x04, 0x10, 0x40


@pytest.fixture
def b() -> Bench:
    return Bench()


def words(data: bytes) -> tuple[int, ...]:
    return struct.unpack("<256H", data)


def swapped(data: bytes) -> str:
    return bytes(data[i ^ 1] for i in range(len(data))).decode().strip()


def identify(b: Bench, unit: int = 0) -> bytes:
    b.command(0xEC, unit=unit)
    assert b.finish() == (DATA_READY, 0)
    return b.take(512)


@pytest.mark.parametrize("sectors", [1, 1400, 1008, 3 * 1008])
def test_a_disk_has_two_cylinders_at_least(sectors):
    data = ata_identify.disk(sectors, "s", "m", multiple=0, heads=16, track=63, mode=0, write_cache=True,
                             look_ahead=True, trim=False)  # fmt: skip
    found = words(data)
    assert (found[1], found[54]) == ((3, 3) if sectors == 3 * 1008 else (2, 2)) and found[60] == sectors


def test_identify(b):
    data = identify(b)
    w = words(data)
    assert w[0] == 0x40 and w[1] == 5000 // 1008 and w[3] == 16 and w[6] == 63
    assert (swapped(data[20:40]), swapped(data[54:94])) == ("HD0", "PLAYHEAD DISK")
    assert w[60] | w[61] << 16 == 5000 == w[100] and w[83] & 1 << 10 and w[49] & 0x300 == 0x300
    assert w[59] == 0x110 and w[63] == 0x0407
    assert b.finish() == (READY, 0) and len(b.edges) == 2
    assert words(identify(b, unit=1))[60] == 2000


def test_features(b):
    for feature, count, word, expected in (
        (0x03, 0x21, 63, 0x0207),
        (0x03, 0x45, 88, 0x203F),
        (0x02, 0, 85, 0x4068),
        (0x55, 0, 85, 0x4028),
        (0xAA, 0, 85, 0x4068),
        (0x66, 0, 85, 0x4068),
    ):
        b.command(0xEF, count=count, feature=feature)
        assert b.finish() == (READY, 0)
        assert words(identify(b))[word] == expected
    b.command(0xEF, feature=0x82)  # write cache off: what is in it is flushed first
    assert b.finish() == (BSY | READY, 0)
    b.end()
    assert b.finish() == (READY, 0) and b.hd.flushes == 1 and words(identify(b))[85] == 0x4048
    for feature, count in ((0x03, 0x17), (0x03, 0x46), (0x99, 0)):
        b.command(0xEF, count=count, feature=feature)
        assert b.finish() == (READY | ERR, ABRT)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("command", [0x20, 0x21])
def test_read_sectors(b, command, size):
    b.command(command, lba=100, count=2)
    assert b.finish() == (BSY | READY, 0) and not b.edges
    request = b.end()
    assert (request.lba, request.count) == (100, 2)
    for n in range(2):
        assert b.edges[-1] == (0, True) and b.finish() == (DATA_READY, 0) and b.edges[-1] == (0, False)
        assert b.take(512, size=size) == pattern(5000)[(100 + n) * 512 :][:512]
    assert b.finish() == (READY, 0) and len(b.edges) == 4
    assert b.registers() == (0, 102, 0, 0, 0xE0)
    assert b.take(4) == bytes(4)  # no data any more


def test_count_zero_is_256(b):
    b.command(0x20, lba=10, count=0)
    got = b""
    for _ in range(256):
        b.end_all()
        assert b.finish()[0] == DATA_READY
        got += b.take(512, size=4)
    assert got == pattern(5000)[10 * 512 : 266 * 512] and b.finish() == (READY, 0)
    assert len(b.store.ended) == 8  # it reads ahead, 32 sectors at a time


def test_ext_count_zero_is_65536():
    b = Bench(sectors=70000, data=False)
    b.command_ext(0x24, lba=1, count=0)
    assert b.ide.channels[0].units[0].s.left == 65536


def test_read_ext_and_high_order_bytes(b):
    b.command_ext(0x24, lba=4999, count=1)
    b.end()
    assert b.take(512) == pattern(5000)[-512:]
    for n, value in enumerate((0x0102, 0x0304, 0x0506, 0x0708), 2):
        b.outb(0x1F0 + n, value >> 8)
        b.outb(0x1F0 + n, value & 0xFF)
    assert b.registers()[:4] == (2, 4, 6, 8)
    b.outb(0x3F6, 0x80)
    assert b.registers()[:4] == (1, 3, 5, 7)
    b.outb(0x1F2, 9)  # a write to the command block ends that
    assert b.registers()[:4] == (9, 4, 6, 8)


def test_chs(b):
    b.command(0x20, chs=(2, 3, 5))
    request = b.end()
    assert request.lba == (2 * 16 + 3) * 63 + 4
    b.take(512)
    assert b.registers() == (0, 6, 2, 0, 0xA3)
    b.command(0x91, count=32, chs=(0, 7, 0))  # INITIALIZE DEVICE PARAMETERS: 8 heads, 32 sectors
    assert b.finish()[0] == READY
    w = words(identify(b))
    assert w[54:57] == (5000 // 256, 8, 32) and w[57] == 5000 // 256 * 256
    b.command(0x20, chs=(1, 7, 32))
    assert b.end().lba == 511
    b.take(512)
    for bad in ((0, 0, 0), (0, 0, 33), (0, 8, 1), (100, 0, 1)):
        b.command(0x20, chs=bad)
        assert b.finish() == (READY | ERR, IDNF)
    b.command(0x91, count=0, chs=(0, 7, 0))
    assert b.finish() == (READY | ERR, ABRT)


def test_multiple(b):
    b.command(0xC6, count=8)
    assert b.finish() == (READY, 0)
    assert words(identify(b))[59] == 0x108
    b.finish()
    edges = len(b.edges)
    b.command(0xC4, lba=7, count=20)
    b.end()
    got = b""
    for sectors in (8, 8, 4):
        assert b.finish()[0] == DATA_READY
        got += b.take(sectors * 512, size=4)
    assert got == pattern(5000)[7 * 512 : 27 * 512] and b.finish() == (READY, 0)
    assert len(b.edges) - edges == 6
    b.command_ext(0x29, lba=7, count=8)
    b.end()
    assert b.take(8 * 512) == got[: 8 * 512]
    for count in (3, 32):
        b.command(0xC6, count=count)
        assert b.finish() == (READY | ERR, ABRT)
    b.command(0xC6, count=0)
    assert b.finish() == (READY, 0)
    for command in (0xC4, 0xC5):
        b.command(command)
        assert b.finish() == (READY | ERR, ABRT)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_write_sectors(b, size):
    b.command(0x30, lba=50, count=2)
    assert b.finish() == (DATA_READY, 0) and not b.edges  # no interrupt before the first block
    b.give(b"\xa1" * 512, size=size)
    assert b.finish()[0] == BSY | READY
    b.give(b"zz", size=2)  # ignored
    b.end()
    assert b.edges == [(0, True)] and b.finish()[0] == DATA_READY
    b.give(b"\xa2" * 512, size=size)
    b.end()
    assert b.edges[-1] == (0, True) and b.finish() == (READY, 0)
    assert b.hd.content[50 * 512 : 53 * 512] == b"\xa1" * 512 + b"\xa2" * 512 + pattern(5000)[52 * 512 : 53 * 512]


@pytest.mark.parametrize("command,ext,block", [(0xC5, False, 16), (0x39, True, 16), (0x34, True, 1), (0x3C, False, 1)])
def test_other_writes(b, command, ext, block):
    (b.command_ext if ext else b.command)(command, lba=1000, count=18)
    data, left = pattern(18, 9), 18
    while left:
        n = min(block, left)
        assert b.status() == DATA_READY
        b.give(data[(18 - left) * 512 : (18 - left + n) * 512], size=4)
        left -= n
        b.end()
    assert b.finish() == (READY, 0) and b.hd.content[1000 * 512 : 1018 * 512] == data


def test_addresses_beyond_the_end(b):
    for command in (0x20, 0x30, 0xC4, 0xC5, 0xC8, 0xCA, 0x40):
        b.command(command, lba=4999, count=2)
        assert b.finish() == (READY | ERR, IDNF)
    for command in (0x24, 0x34, 0x29, 0x39, 0x25, 0x35, 0x42):
        b.command_ext(command, lba=1 << 47, count=1)
        assert b.finish() == (READY | ERR, IDNF)
    assert not b.store.pending
    for command in (0x40, 0x41):
        b.command(command, lba=4998, count=2)
        assert b.finish() == (READY, 0)


def test_a_read_error_is_found_at_its_block(b):
    b.command(0x20, lba=200, count=40)
    b.end(error=True)  # 32 of them: it tries again, one by one
    assert b.status() == BSY | READY and not b.edges
    assert b.end().count == 1
    assert b.take(512) == pattern(5000)[200 * 512 : 201 * 512]
    b.end(error=True)
    assert b.finish() == (READY | ERR, UNC) and b.registers()[:2] == (39, 201)
    b.command(0x20, lba=200, count=2)  # the next command begins afresh
    assert b.end().count == 2


def test_write_errors_and_read_only_disks(b):
    b.command(0x30, lba=5)
    b.give(bytes(512))
    b.end(error=True)
    assert b.finish() == (READY | ERR, ABRT) and b.registers()[1] == 5
    protected = Bench(read_only=True)
    for command in (0x30, 0xC5, 0xCA, 0x06):
        protected.command(command, feature=1)
        assert protected.finish() == (READY | ERR, ABRT)
    assert not protected.store.pending and not words(identify(protected))[169]


@pytest.mark.parametrize("command", [0xE7, 0xEA])
def test_flush(b, command):
    b.command(command)
    assert b.finish()[0] == BSY | READY and not b.edges
    b.end()
    assert b.finish() == (READY, 0) and b.hd.flushes == 1
    b.command(command)
    b.end(error=True)
    assert b.finish() == (READY | ERR, ABRT)


def test_native_max():
    b = Bench()
    b.command(0xF8)
    assert b.finish() == (READY, 0) and b.registers() == (1, 4999 & 0xFF, 4999 >> 8, 0, 0xE0)
    b.command_ext(0x27)
    assert b.registers()[1:4] == (4999 & 0xFF, 4999 >> 8, 0)
    b.outb(0x3F6, 0x80)
    assert b.registers()[1:4] == (0, 0, 0)


def test_power(b):
    def mode():
        b.command(0xE5)
        assert b.finish() == (READY, 0)
        return b.inb(0x1F2)

    assert mode() == 0xFF
    for command in (0xE0, 0xE2, 0xE6, 0x94, 0x96, 0x99):
        b.command(command)
        assert b.finish() == (READY, 0) and mode() == 0
        b.command(0xE1)
        assert mode() == 0xFF
    b.command(0xE0)
    b.command(0x20)
    b.end_all()
    b.take(512)
    assert mode() == 0xFF


@pytest.mark.parametrize("command", [0x00, 0x08, 0x50, 0x92, 0xA0, 0xA1, 0xB0, 0xB1, 0xC7, 0xF1, 0xF5, 0xF9, 0xFF])
def test_refused_commands(b, command):
    """NOP, DEVICE RESET, packets, SMART, queues, security, SET MAX."""
    b.command(command)
    assert b.finish() == (READY | ERR, ABRT) and b.edges == [(0, True), (0, False)]


@pytest.mark.parametrize("command", [0x10, 0x70, 0x7F])
def test_recalibrate_and_seek(b, command):
    b.command(command)
    assert b.finish() == (READY, 0)


def test_trim(b):
    entries = [(100, 8), (0, 0), (4990, 10)]
    b.memory.write(0x8000, b"".join((lba | n << 48).to_bytes(8, "little") for lba, n in entries).ljust(512, b"\0"))
    b.prds([(0x8000, 512)])
    b.command_ext(0x06, count=1, feature=1)
    assert b.status() & DRQ
    b.start(reading=False)
    assert b.end_all() == 2 and b.hd.discards == [(100, 8), (4990, 10)]
    assert b.finish() == (READY, 0) and b.master() == 4
    b.memory.write(0x8000, (4999 | 2 << 48).to_bytes(8, "little"))
    b.stop()
    b.command_ext(0x06, count=1, feature=1)
    b.start(reading=False)
    assert b.finish() == (READY | ERR, IDNF)
    for feature, count in ((0, 1), (1, 0), (1, 9)):
        b.command_ext(0x06, count=count, feature=feature)
        assert b.finish() == (READY | ERR, ABRT)
