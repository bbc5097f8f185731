"""Our 82540EM beside QEMU 7.2's: each register after a reset and after writes, the PHY, the EEPROM, interrupts, and
random packets in both directions, byte for byte with their descriptors. What differs by intention is listed.
"""

import random
import struct
import time
from collections.abc import Callable

import pytest
import qemu_card
from e1000_bench import (
    BAM, CTRL, DATA, EECD, EERD, EN, EOP, ICR, ICS, IMC, IMS, MDIC, MTA, PORTS, RCTL, RDBAL, RDH, RDLEN, RDT,
    REGISTERS, RS, RX, SECRC, STATUS, TCTL, TDBAL, TDH, TDLEN, TDT, TSE, TX, VFTA, VLE, Bench,
)  # fmt: skip

pytestmark = pytest.mark.skipif(not qemu_card.HAVE, reason="no qemu-system-i386")

# registers of the manual that QEMU does not have
OURS = (0x18, 0x28, 0x2C, 0x30, 0x170, 0x178, 0x410, 0x2160, 0x2168, 0x2828, 0x2C00, 0x3820, 0x3830, 0x5000)
ACTIVE = (CTRL, MDIC)  # compared by tests of their own
BUFFER, SLOTS = 0x200000, 32
PATIENCE_S = 240
SETTLED_S = 1.1  # QEMU's card takes no frame for a second after a write of RCTL
MAC, PEER = bytes.fromhex("525400123456"), bytes.fromhex("525400123457")


class Pair:
    """Both cards; what is done is done to both, and what is read has to agree."""

    def __init__(self, folder):
        bars = ((0x10, REGISTERS), (0x14, PORTS))
        self.qemu = qemu_card.QemuCard("e1000,mac=52:54:00:12:34:56", folder, bars)
        self.ours = Bench()

    def read(self, offset: int) -> int:
        there, here = self.qemu.read_register(REGISTERS + offset, 4), self.ours.read(offset)
        assert here == there, f"{offset:#x}: {here:#x}, QEMU {there:#x}"
        return here

    def write(self, offset: int, value: int) -> None:
        self.qemu.write_register(REGISTERS + offset, 4, value)
        self.ours.write(offset, value)

    def put(self, address: int, data: bytes) -> None:
        self.qemu.write_memory(address, data)
        self.ours.memory.write(address, data)

    def memory(self, address: int, length: int) -> bytes:
        there, here = self.qemu.read_memory(address, length), self.ours.memory.read(address, length)
        assert here == there, f"at {address:#x}: {here.hex()}, QEMU {there.hex()}"
        return here

    def wait(self, until: Callable[[], bool]) -> None:
        """QEMU's time is real."""
        end = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < end
            time.sleep(0.001)

    def counters(self, but: tuple[int, ...] = ()) -> None:
        for offset in range(0x4000, 0x4100, 4):
            if offset in but:
                self.qemu.read_register(REGISTERS + offset, 4), self.ours.read(offset)
            else:
                self.read(offset)


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.qemu.close()


def test_configuration_space(pair):
    def words():
        return [pair.qemu.config(offset) for offset in range(0, 64, 4)], [
            pair.ours.card.word(offset, 4) for offset in range(0, 64, 4)]  # fmt: skip

    for value in (None, 0xFFFFFFFF, 0):
        for offset in range(0, 64, 4):
            if value is not None and offset != 0x30:  # where there would be a ROM
                pair.qemu.set_config(offset, value)
                pair.ours.card.config_write(offset, 4, value)
        there, here = words()
        assert [f"{w:08x}" for w in here] == [f"{w:08x}" for w in there]


def test_registers(pair):
    """As they are, then all ones, a pattern and zeros written to each in turn."""
    offsets = [n for n in (*range(0, 0x6000, 4), *range(0x9000, 0x9C00, 64), 0xA000, 0xFFFC) if n not in OURS]
    for offset in offsets:
        pair.read(offset)
    for offset in (n for n in offsets if n not in ACTIVE):
        for value in (0xFFFFFFFF, 0x12345678, 0):
            pair.write(offset, value)
            pair.read(offset)
    pair.read(ICR)


def test_phy_and_eeprom(pair):
    for register in range(32):
        for command in (2 << 26, 1 << 26 | (0x7DFF if register == 0 else 0xFFFF), 2 << 26, 1 << 26, 2 << 26):
            pair.write(MDIC, command | 1 << 21 | register << 16)
            pair.read(MDIC)
    for value in (2 << 26 | 2 << 21, 3 << 26 | 1 << 21, 1 << 21, 1 << 29 | 2 << 26 | 1 << 21, 1 << 29 | 2 << 26):
        pair.write(MDIC, value)
        pair.read(MDIC)
        pair.read(ICR)
    for word in range(80):
        pair.write(EERD, word << 8 | 1)
        pair.read(EERD)


def test_microwire(pair):
    """As drivers look: at the data while the clock is high. (In between QEMU's changes half a clock later.)"""
    pair.write(EECD, 0x40)
    pair.read(EECD)
    for word in (0, 2, 11, 63):
        pair.write(EECD, 0x42)
        for n, bit in enumerate(f"110{word:06b}" + "0" * 16):
            pair.write(EECD, 0x42 | int(bit) << 2)
            pair.write(EECD, 0x43 | int(bit) << 2)
            if n >= 9:
                pair.read(EECD)
            pair.write(EECD, 0x42 | int(bit) << 2)
        pair.write(EECD, 0x40)


def test_link(pair):
    pair.write(MDIC, 1 << 26 | 1 << 21 | 0x1340)
    pair.wait(lambda: bool(pair.qemu.read_register(REGISTERS + STATUS, 4) & 2))
    pair.ours.advance(600_000_000)
    for register in (0, 1, 4, 5):
        pair.write(MDIC, 2 << 26 | 1 << 21 | register << 16)
        pair.read(MDIC)
    pair.read(STATUS)
    pair.read(ICR)


def test_interrupts(pair):
    chance = random.Random(1)
    for _ in range(100):
        offset, value = chance.choice((ICR, ICS, IMS, IMC)), 1 << chance.randrange(18) | 1 << chance.randrange(18)
        pair.write(offset, value)
        time.sleep(0.001)  # more than two interrupts are apart
        pair.ours.advance(1_000_000)
        pair.wait(lambda: pair.ours.line.level == pair.qemu.interrupt())
        pair.read(chance.choice((ICR, ICS, IMS, IMC)))


def headers(chance: random.Random) -> bytes:
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 0, chance.getrandbits(16), 0, 64, 6, 0) + chance.randbytes(8)
    return PEER + MAC + b"\x08\0" + ip + chance.randbytes(13) + b"\x19" + chance.randbytes(6)


def packet(chance: random.Random) -> tuple[list[bytes], bytes]:
    """Descriptors of a packet at `DATA`, and what is there."""
    content = headers(chance) + chance.randbytes(chance.choice((6, 50, 500, 1400)))
    command = RS | (VLE if chance.random() < 0.2 else 0)
    special = chance.getrandbits(16)
    cuts = sorted(chance.sample(range(1, len(content)), chance.choice((0, 0, 1, 3))))
    pieces = list(zip([0, *cuts], [*cuts, len(content)], strict=True))
    kind = chance.choice(("legacy", "sums", "segments"))
    out: list[bytes] = []
    if kind != "legacy":
        segment = chance.choice([n for n in (100, 333, 536, 1460) if (len(content) - 54) % n])
        tse = TSE if kind == "segments" else 0
        payload = len(content) - 54 | (0x23 | tse) << 24
        out.append(struct.pack("<BBHBBHIBBH", 14, 24, 33, 34, 50, 0, payload, 0, 54, segment))
    for begin, end in pieces:
        last = EOP if end == len(content) else 0
        if kind == "legacy":
            out.append(struct.pack("<QHBBBBH", DATA + begin, end - begin, 0, command | last, 0, 0, special))
        else:
            flags = (command | 0x20 | last | (TSE if kind == "segments" else 0)) << 24
            out.append(struct.pack("<QIBBH", DATA + begin, end - begin | 1 << 20 | flags, 0, 3, special))
    return out, content


def test_packets_that_are_sent(pair):
    for offset, value in ((TDBAL, TX), (TDLEN, 16 * SLOTS), (TCTL, EN), (CTRL, 1 << 30)):
        pair.write(offset, value)
    pair.read(ICR)
    tail = 0
    for seed in range(60):
        descriptors, content = packet(random.Random(seed))
        pair.put(DATA, content)
        for one in descriptors:
            pair.put(TX + 16 * tail, one)
            tail = (tail + 1) % SLOTS
        pair.ours.out.clear()
        pair.write(TDT, tail)
        there = [pair.qemu.sent(2) for _ in pair.ours.out]
        assert pair.ours.out == there, f"seed {seed}"
        pair.read(TDH)
        pair.read(ICR)
        pair.memory(TX, 16 * SLOTS)
    assert pair.qemu.sent() is None


@pytest.mark.parametrize("control", [EN | BAM | SECRC, EN | SECRC | 1 << 18 | 3 << 16 | 1 << 8])
def test_frames_that_come_in(pair, control):
    chance = random.Random(control)
    for n in range(SLOTS):
        pair.put(RX + 16 * n, struct.pack("<QQ", BUFFER + 0x800 * n, 0))
    for offset, value in ((RDBAL, RX), (RDLEN, 16 * SLOTS), (RDT, SLOTS - 1), (CTRL, 1 << 30),
                          (MTA + 4 * 5, 0xFF00FF00), (VFTA + 4, 0xFFFF), (RCTL, control)):  # fmt: skip
        pair.write(offset, value)
    time.sleep(SETTLED_S)
    tail = SLOTS - 1
    for _ in range(80):
        group = b"\x01\0\x5e\0" + bytes((0xA0 | chance.getrandbits(4), chance.getrandbits(3)))
        to = chance.choice((MAC, MAC, b"\xff" * 6, PEER, group))
        tag = b"\x81\0" + chance.choice((32, 47, 48, 0x1025)).to_bytes(2, "big") if chance.random() < 0.3 else b""
        frame = to + PEER + tag + b"\x08\0" + chance.randbytes(chance.choice((46, 60, 300, 1490, 1504, 1510)))
        pair.ours.card.receive(frame)
        pair.qemu.arrive(frame)
        pair.wait(lambda: pair.qemu.read_register(REGISTERS + RDH, 4) == pair.ours.read(RDH))
        head = pair.read(RDH)
        pair.read(ICR)
        while tail != (head + SLOTS - 1) % SLOTS:
            tail = (tail + 1) % SLOTS
            pair.memory(RX + 16 * tail, 16)
            pair.put(RX + 16 * tail, struct.pack("<QQ", BUFFER + 0x800 * tail, 0))
        pair.write(RDT, tail)
    pair.memory(BUFFER, 0x800 * SLOTS)
    pair.counters(but=(0x4088, 0x40C0, *range(0x405C, 0x4074, 4)))  # the manual counts a tag
