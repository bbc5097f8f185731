"""An ATAPI CD-ROM drive, packet by packet."""

import struct

import pytest
from ide_bench import BSY, DATA_READY, DRQ, ERR, READY, Bench, pattern

BLOCKS = 300
CONTENT = pattern(BLOCKS * 4, 3)


@pytest.fixture
def b() -> Bench:
    return Bench(cd_blocks=BLOCKS)


def ask(b: Bench, *packet: int, limit: int = 0xFFFE) -> bytes:
    b.packet(*packet, limit=limit)
    return b.reply()


def cd(b: Bench):
    return b.ide.cdrom(1, 0)


def test_identify_packet_device(b):
    b.outb(0x177, 0xA1)
    assert b.finish(1) == (DATA_READY, 0) and b.edges == [(1, True), (1, False)]
    w = struct.unpack("<256H", b.take(512, 1))
    assert w[0] == 0x85C0 and w[49] & 0x300 == 0x300 and w[82] & 0x4210 == 0x4210
    assert struct.pack(">20H", *w[27:47]).decode().strip() == "PLAYHEAD DVD-ROM"
    assert b.finish(1) == (READY, 0)


@pytest.mark.parametrize("command", [0xEC, 0x20, 0x21])
def test_disk_commands_show_what_it_is(b, command):
    b.outb(0x174, 0)
    b.outb(0x177, command)
    assert b.finish(1) == (READY | ERR, 4) and b.registers(1)[:4] == (1, 1, 0x14, 0xEB)


def test_ata_commands_of_a_packet_device(b):
    for command, feature, count, expected in (
        (0x00, 0, 0, (READY | ERR, 4)), (0xE5, 0, 0, (READY, 0)), (0xE0, 0, 0, (READY, 0)),
        (0xC8, 0, 1, (READY | ERR, 4)),
        (0xEF, 3, 0x22, (READY, 0)), (0xEF, 3, 0x13, (READY | ERR, 4)), (0xEF, 0x66, 0, (READY, 0)),
        (0xE7, 0, 0, (READY | ERR, 4)), (0xA0, 2, 0, (READY | ERR, 4)),
    ):  # fmt: skip
        b.outb(0x171, feature)
        b.outb(0x172, count)
        b.outb(0x177, command)
        assert b.finish(1) == expected, hex(command)


def test_device_reset_while_busy(b):
    b.packet(0x28, 0, 0, 0, 0, 1, 0, 0, 1)
    assert b.status(1) == BSY | READY
    b.outb(0x177, 0x08)
    assert b.finish(1) == (0, 1) and b.registers(1)[:4] == (1, 1, 0x14, 0xEB) and b.cd.cancelled == [1]
    assert not b.irqs[1].level
    assert ask(b, 0x25) == struct.pack(">II", BLOCKS - 1, 2048)


def test_no_interrupt_asks_for_the_packet(b):
    b.outb(0x177, 0xA0)
    assert not b.edges and b.inb(0x172) & 3 == 1 and b.inb(0x177) == DATA_READY


@pytest.mark.parametrize("limit", [2048, 8192, 32768, 0xFFFE, 0xFFFF, 510, 1001])
@pytest.mark.parametrize("long", [False, True])
def test_read_by_pio(b, limit, long):
    packet = (0xA8, 0, 0, 0, 0, 7, 0, 0, 0, 40) if long else (0x28, 0, 0, 0, 0, 7, 0, 0, 40)
    assert ask(b, *packet, limit=limit) == CONTENT[7 * 2048 : 47 * 2048]
    assert [r.count for r in b.store.ended] == [64, 64, 32] and b.finish(1) == (READY, 0)


def test_interrupts_of_a_read(b):
    b.packet(0x28, 0, 0, 0, 0, 0, 0, 0, 2, limit=2048)
    assert not b.edges and b.status(1) == BSY | READY
    b.end()
    for n in range(2):
        assert b.irqs[1].level and b.inb(0x172) & 3 == 2 and b.inb(0x174) | b.inb(0x175) << 8 == 2048
        assert b.inb(0x177) == DATA_READY
        assert b.take(2048, 1) == CONTENT[n * 2048 : n * 2048 + 2048]
    assert b.irqs[1].level and b.inb(0x172) & 3 == 3 and b.inb(0x177) == READY and len(b.edges) == 6


def test_read_by_dma(b):
    b.prds([(0x10000, 0), (0x20000, 0xC000)], channel=1)
    b.packet(0x28, 0, 0, 0, 0, 3, 0, 0, 56, dma=True)
    assert b.status(1) & DRQ and not b.edges
    b.start(channel=1)
    assert b.end().count == 224 and b.master(1) == 4 and b.finish(1) == (READY, 0) and b.inb(0x172) & 3 == 3
    assert b.memory.read(0x10000, 56 * 2048) == CONTENT[3 * 2048 : 59 * 2048]


def test_long_reads_by_dma_go_in_pieces():
    b = Bench(cd_blocks=700)
    b.prds([(0x100000 + n * 0x10000, 0) for n in range(22)], channel=1)
    b.packet(0xA8, 0, 0, 0, 0, 1, 0, 0, 2, 0x58, dma=True)
    b.start(channel=1)
    assert [b.end().count, b.end().count] == [512 * 4, 88 * 4] and b.finish(1)[0] == READY
    assert b.memory.read(0x100000, 600 * 2048) == pattern(2800, 3)[2048 : 601 * 2048]


def test_other_replies_by_dma(b):
    b.prds([(0x10000, 64)], channel=1)
    b.packet(0x12, 0, 0, 0, 36, dma=True)
    b.start(channel=1)
    assert b.memory.read(0x10000, 2) == b"\x05\x80" and b.master(1) == 5 and b.finish(1) == (READY, 0)
    b.stop(channel=1)
    b.prds([(0x10000, 16)], channel=1)
    b.packet(0x12, 0, 0, 0, 36, dma=True)
    b.start(channel=1)
    assert b.master(1) & 1 == 0 and b.finish(1) == (READY, 0)


def test_pio_needs_a_limit(b):
    for packet in ((0x12, 0, 0, 0, 36), (0x28, 0, 0, 0, 0, 0, 0, 0, 1)):
        b.packet(*packet, limit=0)
        assert b.finish(1) == (READY | ERR, 4) and not b.store.pending
    b.packet(0x00, limit=0)  # no data, no limit
    assert b.finish(1) == (READY, 0)


def test_read_errors(b):
    b.packet(0x28, 0, 0, 0, 0, 0, 0, 0, 1)
    b.end(error=True)
    assert b.finish(1) == (READY | ERR, 0x30) and b.sense() == (3, 0x11, 0)
    assert b.refused(0x28, 0, 0, 0, 1, 43, 0, 0, 2) == (5, 0x21, 0)
    assert b.refused(0xA8, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1) == (5, 0x21, 0)
    assert ask(b, 0x28, 0, 0, 0, 0, 0, 0, 0, 0) == b""


def test_read_cd(b):
    assert ask(b, 0xBE, 0, 0, 0, 0, 9, 0, 0, 3, 0x10) == CONTENT[9 * 2048 : 12 * 2048]
    assert ask(b, 0xBE, 0x08, 0, 0, 0, 9, 0, 0, 3, 0x10) == CONTENT[9 * 2048 : 12 * 2048]
    assert ask(b, 0xBE, 0, 0, 0, 0, 9, 0, 0, 3, 0x00) == b""
    assert b.refused(0xBE, 0x04, 0, 0, 0, 9, 0, 0, 1, 0x10) == (5, 0x64, 0)  # digital audio
    assert b.refused(0xBE, 0, 0, 0, 0, 9, 0, 0, 1, 0xF8) == (5, 0x24, 0)


def test_seek(b):
    assert ask(b, 0x2B, 0, 0, 0, 1, 43) == b""
    assert b.refused(0x2B, 0, 0, 0, 1, 44) == (5, 0x21, 0)


def test_inquiry_and_sense(b):
    data = ask(b, 0x12, 0, 0, 0, 96)
    assert len(data) == 36 and data[:5] == b"\x05\x80\x00\x21\x1f" and data[8:36] == b"PLAYHEADPLAYHEAD DVD-ROM1.0 "
    assert ask(b, 0x12, 0, 0, 0, 5) == data[:5]
    assert b.refused(0x12, 1, 0x80, 0, 36) == (5, 0x24, 0)
    assert b.sense() == (0, 0, 0)
    assert b.refused(0xFF) == (5, 0x20, 0)
    b.packet(0xFF)
    b.packet(0x00)  # the next command's result replaces that
    assert b.sense() == (0, 0, 0)


def test_toc(b):
    lba, msf = (BLOCKS).to_bytes(4, "big"), bytes((0, 0, (BLOCKS + 150) // 75, (BLOCKS + 150) % 75))
    tracks = b"\0\x12\1\1" + b"\0\x14\1\0" + bytes(4) + b"\0\x14\xaa\0"
    assert ask(b, 0x43, 0, 0, 0, 0, 0, 0, 1, 0) == tracks + lba
    assert ask(b, 0x43, 2, 0, 0, 0, 0, 1, 1, 0) == tracks[:8] + b"\0\0\2\0" + b"\0\x14\xaa\0" + msf
    assert ask(b, 0x43, 0, 0, 0, 0, 0, 0xAA, 1, 0) == b"\0\x0a\1\1\0\x14\xaa\0" + lba
    assert ask(b, 0x43, 0, 0, 0, 0, 0, 0, 0, 4) == tracks[:4]
    assert b.refused(0x43, 0, 0, 0, 0, 0, 2, 1, 0) == (5, 0x24, 0)
    sessions = b"\0\x0a\1\1\0\x14\1\0" + bytes(4)
    assert ask(b, 0x43, 0, 1, 0, 0, 0, 0, 1, 0) == ask(b, 0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x40)[:12] == sessions
    full = ask(b, 0x43, 2, 2, 0, 0, 0, 0, 1, 0)
    assert full[:4] == b"\0\x2e\1\1" and [full[4 + 11 * n + 3] for n in range(4)] == [0xA0, 0xA1, 0xA2, 1]
    assert full[4 + 22 + 8 : 4 + 22 + 11] == msf[1:]
    assert b.refused(0x43, 0, 5, 0, 0, 0, 0, 1, 0) == (5, 0x24, 0)


def test_mode_sense(b):
    long, short = ask(b, 0x5A, 0, 0x2A, 0, 0, 0, 0, 1, 0), ask(b, 0x1A, 0, 0x2A, 0, 255)
    assert long[8:10] == b"\x2a\x14" and short[4:] == long[8:] and len(long) == 30
    assert int.from_bytes(long[:2], "big") == len(long) - 2 and short[0] == len(short) - 1 and long[2] == 1
    assert not long[14] & 2
    ask(b, 0x1E, 0, 0, 0, 1)
    assert ask(b, 0x5A, 0, 0x2A, 0, 0, 0, 0, 1, 0)[14] & 2
    assert len(ask(b, 0x5A, 0, 0x3F, 0, 0, 0, 0, 1, 0)) == 38
    assert ask(b, 0x5A, 0, 0x6A, 0, 0, 0, 0, 1, 0)[10:] == bytes(20)  # nothing can be changed
    assert b.refused(0x5A, 0, 0xEA, 0, 0, 0, 0, 1, 0) == (5, 0x39, 0)
    assert b.refused(0x5A, 0, 0x05, 0, 0, 0, 0, 1, 0) == (5, 0x24, 0)
    assert b.refused(0x55, 0x10, 0, 0, 0, 0, 0, 0, 16) == (5, 0x20, 0)


def features(data: bytes) -> list[int]:
    found, at = [], 8
    while at < len(data):
        found.append(int.from_bytes(data[at : at + 2], "big"))
        at += 4 + data[at + 3]
    assert at == len(data) == int.from_bytes(data[:4], "big") + 4
    return found


def test_get_configuration(b):
    everything = ask(b, 0x46, 0, 0, 0, 0, 0, 0, 1, 0)
    assert features(everything) == [0, 1, 3, 0x10, 0x1E, 0x1F] and everything[6:8] == b"\0\x08"
    assert features(ask(b, 0x46, 1, 0, 0, 0, 0, 0, 1, 0)) == [0, 1, 3, 0x10, 0x1E]
    assert features(ask(b, 0x46, 0, 0, 3, 0, 0, 0, 1, 0)) == [3, 0x10, 0x1E, 0x1F]
    assert features(ask(b, 0x46, 2, 0, 3, 0, 0, 0, 1, 0)) == [3]
    assert features(ask(b, 0x46, 2, 0, 9, 0, 0, 0, 1, 0)) == []
    assert b.refused(0x46, 3, 0, 0, 0, 0, 0, 1, 0) == (5, 0x24, 0)
    cd(b).insert(4 * 400_000)
    assert ask(b, 0x46, 0, 0, 0, 0, 0, 0, 0, 8)[6:8] == b"\0\x10"
    cd(b).eject()
    assert features(ask(b, 0x46, 1, 0, 0, 0, 0, 0, 1, 0)) == [0, 1, 3]


def test_small_replies(b):
    assert ask(b, 0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8) == bytes((0, 0, 0, 0, 0, 1, 0, 0))
    assert ask(b, 0x51, 0, 0, 0, 0, 0, 0, 0, 34)[:4] == b"\0\x20\x0e\1"
    assert ask(b, 0xBB, 0, 0xFF, 0xFF) == b""
    assert b.refused(0xAD, 0, 0, 0, 0, 0, 0, 0, 8, 0) == (5, 0x30, 2)


def test_media_change(b):
    event = (0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)
    assert ask(b, *event) == b"\0\4\4\x10\0\2\0\0"
    assert cd(b).eject()
    assert ask(b, *event) == b"\0\4\4\x10\3\1\0\0" and ask(b, *event)[4] == 0
    for packet in ((0x00,), (0x28, 0, 0, 0, 0, 0, 0, 0, 1), (0x25,), (0x43, 0, 0, 0, 0, 0, 0, 1, 0), (0xAD,), (0x51,)):
        assert b.refused(*packet) == (2, 0x3A, 2)
    cd(b).insert(40)
    assert ask(b, *event) == b"\0\4\4\x10\2\2\0\0"
    assert len(ask(b, 0x12, 0, 0, 0, 36)) == 36  # INQUIRY neither reports nor clears it
    assert b.refused(0x00) == (6, 0x28, 0)
    assert ask(b, 0x00) == b"" and ask(b, 0x25) == struct.pack(">II", 9, 2048)
    cd(b).insert(80)
    assert b.sense() == (6, 0x28, 0) and b.sense() == (0, 0, 0) and ask(b, 0x00) == b""
    assert ask(b, 0x4A, 1, 0, 0, 2, 0, 0, 0, 8) == b"\0\0\x80\x10"
    assert b.refused(0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8) == (5, 0x24, 0)


def test_an_empty_drive():
    b = Bench(cd_blocks=0)
    assert b.refused(0x00) == (2, 0x3A, 1)
    assert ask(b, 0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8) == b"\0\4\4\x10\0\0\0\0"
    assert ask(b, 0x5A, 0, 0x2A, 0, 0, 0, 0, 1, 0)[2] == 0x70


def test_tray_and_lock(b):
    ask(b, 0x1E, 0, 0, 0, 1)
    assert b.refused(0x1B, 0, 0, 0, 2) == (5, 0x53, 2)
    assert not cd(b).eject() and ask(b, 0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)[4] == 1
    ask(b, 0x1E, 0, 0, 0, 0)
    ask(b, 0x1B, 0, 0, 0, 2)
    assert b.refused(0x00) == (2, 0x3A, 2) and ask(b, 0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8)[1] == 0x10
    b.ide.reset()
    b.enable()
    assert b.refused(0x00) == (2, 0x3A, 2)  # a reset does not close it
    ask(b, 0x1B, 0, 0, 0, 3)
    assert b.refused(0x00) == (6, 0x28, 0) and ask(b, 0x25) == struct.pack(">II", BLOCKS - 1, 2048)
    for power in (0, 1, 0x10, 0x30):
        assert ask(b, 0x1B, 0, 0, 0, power) == b""


def test_a_medium_taken_out_during_a_read(b):
    b.packet(0x28, 0, 0, 0, 0, 0, 0, 0, 40)
    cd(b).eject()
    assert b.cd.cancelled == [1] and b.finish(1) == (READY | ERR, 0x20) and b.sense() == (2, 0x3A, 2)
    cd(b).insert(1200)
    assert b.sense() == (6, 0x28, 0)
    b.packet(0x28, 0, 0, 0, 0, 0, 0, 0, 40)
    b.end()
    cd(b).eject()  # while the guest takes what was read before
    assert b.reply() == CONTENT[: 16 * 2048] and b.sense() == (2, 0x3A, 2)


def test_a_change_survives_a_checkpoint(b):
    cd(b).insert(40)
    other = Bench()
    other.ide.load(b.ide.save())
    assert other.refused(0x00) == (6, 0x28, 0) and ask(other, 0x25) == struct.pack(">II", 9, 2048)
