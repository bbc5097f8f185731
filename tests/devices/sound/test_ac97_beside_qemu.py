"""The AC97 beside QEMU's: what registers read, what writes leave in them, and what comes out at which volume."""

from __future__ import annotations

import struct
import wave

import pytest
from ac97_bench import (
    BDBAR, CAS, CIV, CR, DATA, GLOB_CNT, GLOB_STA, IOC, LIST, LVI, NAM, PICB, PIV, PO, RESET, RUN, SR, Ac97Bench,
)  # fmt: skip
from qemu_ac97 import HAVE, QemuAc97

from playhead.base.sound import scaled
from playhead.devices.sound.ac97_registers import playback_volume

pytestmark = pytest.mark.skipif(not HAVE, reason="there is no QEMU here")
EDGES = (0, 1, 2, 4, 0x10, 0x39, 0x55, 0x808, 0x8000, 0x1F1F, 0x8808, 0xAAAA, 0xFFFF)


@pytest.fixture(scope="module")
def qemu(tmp_path_factory):
    found = QemuAc97(tmp_path_factory.mktemp("qemu"))
    yield found
    found.close()


@pytest.fixture
def ours():
    return Ac97Bench()


def test_the_configuration_space(ours, qemu):
    """After the ranges were given; all bits of what can be written."""
    for offset in (*range(0, 0x40, 4), 0x40, 0xFC):
        assert ours.card.word(offset, 4) == qemu.config(offset), hex(offset)
    for offset in (0x10, 0x14, 0x18, 0x2C, 0x30, 0x3C):
        there = qemu.config(offset)
        for value in (0xFFFFFFFF, there):
            qemu.program(offset, 4, value)
            ours.card.program(offset, 4, value)
            assert ours.card.word(offset, 4) == qemu.config(offset), hex(offset)


def test_the_mixer(ours, qemu):
    """Every register and width, at its reset, and after writes of each value; then the codec's own reset."""

    def same(offset: int, *sizes: int) -> None:
        for size in sizes:
            there = qemu.inp(NAM + offset, size)
            assert ours.io.read(NAM + offset, size) == there, f"{offset:#x}, {size} bytes"

    qemu.mixer(0, 0)
    for offset in range(0x110):
        same(offset, *(size for size in (1, 2, 4) if offset % size == 0))
    for offset in range(2, 0x100, 2):
        for value in EDGES:
            for one in (qemu, ours):
                one.mixer(offset, value)
            same(offset, 2)
        for one in (qemu, ours):
            one.mixer(0, value)
    for offset in range(0, 0x100, 2):
        same(offset, 2)
    for size in (1, 4):
        qemu.out(NAM + 0x18, size, 0x15)
        ours.io.write(NAM + 0x18, size, 0x15)
        same(0x18, 2)


def test_variable_rates_are_enabled(ours, qemu):
    for enables in (0, 1, 8, 9, 0xFFF6):
        for register in (0x2C, 0x2E, 0x30, 0x32, 0x34):
            for one in (qemu, ours):
                one.mixer(0, 0)
                one.mixer(0x2A, enables)
                one.mixer(register, 12_345)
            assert ours.io.read(NAM + register, 2) == qemu.inp(NAM + register, 2), (enables, hex(register))
    qemu.mixer(0, 0)


def test_the_bus_master_at_rest(ours, qemu):
    """Each offset and width, before and after writes that start nothing."""

    def same() -> None:
        for offset in range(0x40):
            for size in (1, 2, 4):
                if offset % size == 0 and offset != CAS:
                    assert ours.read(offset, size) == qemu.read(offset, size), f"{offset:#x}, {size} bytes"

    same()
    for offset in range(0x40):
        for size in (1, 2, 4):
            if offset % size == 0 and offset & 15 not in (SR, SR + 1, CR):  # SR's reserved bits are `DIFFERS`
                for one in (qemu, ours):
                    one.write(offset, size, 0xFFFFFFFF >> (32 - 8 * size) & ~0x6)
    same()
    for value in (0x39, 1, 2, 4, 0, 0xFFFFFFFF):
        for one in (qemu, ours):
            one.write(GLOB_CNT, 4, value)
        same()
    for engine in (0, PO, 0x20):
        for one in (qemu, ours):
            one.write(engine + CR, 1, 0x1C)
            one.write(engine + CR, 1, RESET)
    same()
    for one in (qemu, ours):
        assert [one.read(CAS, 1), one.read(CAS, 1)] == [0, 1]
        one.mixer(2, 0x8000)
        assert one.read(CAS, 1) == 0


VOLUMES = ((0, 0), (0, 0x0808), (0x0101, 0), (0x0A05, 0x1F10), (0x3F3E, 0), (0x2020, 0x0102), (0x8000, 0), (0, 0x8808))
SAMPLES = (10_000, -20_000, 32_767, -32_768, 1, -1, 255, -7_777)


def played(one: Ac97Bench | QemuAc97, pcm: int, master: int) -> list[object]:
    """Four buffers, at these volumes; what the registers say before and after."""
    put = one.put if isinstance(one, QemuAc97) else one.memory.write
    put(DATA, struct.pack("<8h", *SAMPLES) * 480)
    put(LIST, struct.pack("<II", DATA, 960 | IOC) * 4)
    one.mixer(2, master)
    one.mixer(0x18, pcm)
    one.write(PO + BDBAR, 4, LIST)
    one.write(PO + LVI, 1, 3)
    one.write(PO + CR, 1, RUN | 0x1C)
    seen: list[object] = [state(one)]
    for _ in range(400):
        if one.read(PO + SR, 2) & 1:
            break
        one.advance(5_000_000)
    seen += [state(one), one.read(GLOB_STA, 4)]
    one.write(PO + SR, 2, 0x1C)
    seen += [state(one), one.read(GLOB_STA, 4)]
    one.write(PO + CR, 1, RESET)
    return [*seen, state(one)]


def state(one: Ac97Bench | QemuAc97) -> list[int]:
    return [
        one.read(PO + register, size) for register, size in ((CIV, 1), (LVI, 1), (SR, 2), (PICB, 2), (PIV, 1), (CR, 1))
    ]


@pytest.mark.parametrize("master, pcm", VOLUMES)
def test_what_is_played(tmp_path, ours, master, pcm):
    """The states of the engine, and the first 10 ms in QEMU's file, sample by sample: its end is QEMU's to be lost."""
    qemu = QemuAc97(tmp_path)
    try:
        there = played(qemu, pcm, master)
    finally:
        qemu.close()
    assert played(ours, pcm, master) == there
    expected = scaled(ours.played(), *playback_volume(ours.card.state))
    with wave.open(str(qemu.wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 2, 2)
        data = file.readframes(file.getnframes())
    assert len(expected) == 4 * 4 * 480
    assert expected[: 4 * 480] in data
