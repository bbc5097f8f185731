"""fw_cfg by bytes and by DMA."""

import struct

import pytest

from playhead.devices.system.fw_cfg import DMA_MAX, FwCfg, directory, fixed_items


@pytest.fixture
def cfg(world):
    ram = world.memory.allocate(0x100000)
    world.memory.map(0, 0x100000, ram)
    items = fixed_items(128 << 20) | directory({"etc/zeta": b"last", "bootorder": b"", "etc/alpha": bytes(range(200))})
    world.chip = FwCfg("fw_cfg", world.io, world.memory, items)
    return world


def read(w, key, length):
    w.outw(0x510, key)
    return bytes(w.inb(0x511) for _ in range(length))


def dma(w, control, length=0, address=0, at=0x1000):
    w.memory.write(at, struct.pack(">IIQ", control, length, address))
    w.outl(0x514, 0)
    w.outl(0x518, int.from_bytes(at.to_bytes(4, "big"), "little"))
    return struct.unpack(">I", w.memory.read(at, 4))[0]


def test_items(cfg):
    assert read(cfg, 0, 5) == b"QEMU\0"  # zeros after the end
    assert read(cfg, 1, 4) == b"\3\0\0\0"
    assert read(cfg, 3, 8) == struct.pack("<Q", 128 << 20)
    assert read(cfg, 5, 2) == b"\1\0" and read(cfg, 0x1234, 3) == bytes(3)


@pytest.mark.parametrize("graphics, word", [(True, b"\0\0"), (False, b"\1\0")])
def test_firmware_is_told_to_use_the_serial_line(graphics, word):
    assert fixed_items(1 << 20, graphics=graphics)[4] == word


def test_directory_is_sorted(cfg):
    listing = read(cfg, 0x19, 4 + 3 * 64)
    assert struct.unpack_from(">I", listing) == (3,)
    entries = [struct.unpack_from(">IHH56s", listing, 4 + 64 * i) for i in range(3)]
    assert [(e[0], e[1], e[3].rstrip(b"\0")) for e in entries] == [
        (0, 0x20, b"bootorder"), (200, 0x21, b"etc/alpha"), (4, 0x22, b"etc/zeta"),
    ]  # fmt: skip
    assert read(cfg, 0x22, 4) == b"last"


def test_dma_signature(cfg):
    assert b"".join(cfg.inl(p).to_bytes(4, "little") for p in (0x514, 0x518)) == b"QEMU CFG"
    assert cfg.inb(0x515) == ord("E")


def test_dma_read_skip_select(cfg):
    assert dma(cfg, 0x21 << 16 | 8 | 2, 16, 0x2000) == 0
    assert cfg.memory.read(0x2000, 16) == bytes(range(16))
    assert dma(cfg, 4, 100) == 0
    assert cfg.inb(0x511) == 116
    assert dma(cfg, 2, 100, 0x2FF0) == 0
    assert cfg.memory.read(0x2FF0, 100) == bytes(range(117, 200)) + bytes(17)


def test_dma_errors(cfg):
    assert dma(cfg, 0x22 << 16 | 8 | 16, 4, 0x2000) == 1
    assert dma(cfg, 2, DMA_MAX + 1, 0) == 1
    assert dma(cfg, 2, 16, 0xFFFFFFF8) == 1
    assert dma(cfg, 2, 16, 1 << 40) == 1


def test_dma_to_a_hole_and_absurd_requests(cfg):
    touched = []
    cfg.memory.mmio.map(0x200000, 0x1000, lambda a, n: 0, lambda a, n, v: touched.append(a))
    assert dma(cfg, 0x21 << 16 | 8 | 2, 0x400000, 0xFF000) == 0
    assert touched == []
    cfg.outl(0x514, 0xFFFFFFFF)
    cfg.outl(0x518, 0xFFFFFFFF)
    cfg.outb(0x518, 0)
    cfg.outw(0x511, 0x19)
    assert cfg.chip.state.key == 0x21


def test_save_and_load_in_the_middle(cfg):
    read(cfg, 0x21, 50)
    saved = cfg.chip.save()
    cfg.chip.reset()
    assert cfg.inb(0x511) == 0
    cfg.chip.load(saved)
    assert cfg.inb(0x511) == 50
