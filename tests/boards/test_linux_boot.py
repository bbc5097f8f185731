"""The Linux loader on a synthetic bzImage."""

import itertools
import struct

import pytest

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards import linux_boot as lb

RAM = 64 << 20


def bzimage(version=0x020F, *, loadflags=1, xloadflags=0, init_size=0x800000, relocatable=1, body=b"\x90" * 5000):
    image = bytearray(5 * 512)
    image[0x1F1] = 4
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    image[0x200:0x202] = b"\xeb\x6a"  # the header ends at 26Ch
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, version)
    image[0x211] = loadflags
    struct.pack_into("<I", image, 0x22C, 0x7FFFFFFF)
    struct.pack_into("<IBBHI", image, 0x230, 0x200000, relocatable, 0x15, xloadflags, 2047)
    struct.pack_into("<QI", image, 0x258, 0x1000000, init_size)
    image[0x26B] = 0x77
    image[0x26C] = 0x99  # not header any more
    return bytes(image) + body


def build(image=None, initrd=None, append="console=ttyS0", ram=RAM):
    e820 = lb.memory_map(ram, ram - 0x10000)
    return lb.build(bzimage() if image is None else image, initrd, append, e820, ram - 0x10000, 0xF0000)


def at(boot, address):
    return next(data for base, data in boot.writes if base == address)


def test_placement_and_registers():
    boot = build(initrd=b"\x42" * 10_000)
    assert at(boot, 0x100000) == b"\x90" * 5000
    assert at(boot, 0x20000) == b"console=ttyS0\0"
    r = boot.registers
    assert (r["eip"], r["esi"], r["cs"], r["ds"], r["ss"]) == (0x100000, 0x10000, 0x10, 0x18, 0x18)
    assert (r["ebx"], r["ebp"], r["edi"], r["cr0"] & 0x80000001, r["eflags"] & 0x200) == (0, 0, 0, 1, 0)
    gdt = at(boot, r["gdt_base"])
    assert len(gdt) == r["gdt_limit"] + 1
    for selector, kind in ((0x10, 0x9B), (0x18, 0x93)):
        low, middle, access, limit, high = struct.unpack_from("<HxxBBBB", gdt, selector)
        assert (low, middle, access, limit, high) == (0xFFFF, 0, kind, 0xCF, 0)


def test_boot_params():
    initrd = b"\x42" * 10_000
    boot = build(initrd=initrd)
    p = at(boot, 0x10000)
    assert len(p) == 4096 and p[0x202:0x206] == b"HdrS"
    assert (p[0x26B], p[0x26C], p[0x1F0], p[0x1EF]) == (0x77, 0, 0, 0)
    assert p[0x210] == 0xFF and struct.unpack_from("<II", p, 0x228) == (0x20000, 0x7FFFFFFF)
    start, size = struct.unpack_from("<II", p, 0x218)
    assert size == 10_000 and start % 4096 == 0 and start + size <= RAM - 0x10000 and at(boot, start) == initrd
    assert RAM - 0x10000 - (start + size) < 4096
    assert struct.unpack_from("<Q", p, 0x70) == (0xF0000,)
    assert (p[6], p[7], p[14], p[15]) == (3, 80, 25, 1)
    pieces = [struct.unpack_from("<QQI", p, 0x2D0 + 20 * i) for i in range(p[0x1E8])]
    assert pieces[0] == (0, 0x9FC00, 1) and (0x100000, RAM - 0x110000, 1) in pieces
    assert [piece[2] for piece in pieces] == [1, 2, 2, 1, 4, 2]
    assert all(a[0] + a[1] <= b[0] for a, b in itertools.pairwise(pieces))


def test_initrd_address_limit():
    image = bytearray(bzimage())
    struct.pack_into("<I", image, 0x22C, 0x1FFFFFF)
    boot = build(bytes(image), b"x" * 4097)
    assert struct.unpack_from("<I", at(boot, 0x10000), 0x218) == (0x2000000 - 0x2000,)


@pytest.mark.parametrize("image,message", [
    (b"", "neither a bzImage"),
    (b"\x7fELF" + bytes(5000), "neither a bzImage"),
    (bzimage()[:0x400], "cut off"),
    (bzimage(body=b""), "cut off"),
    (bzimage(0x0204), "too old: boot protocol 2.04"),
    (bzimage(loadflags=0), "too old"),
])  # fmt: skip
def test_bad_kernels(image, message):
    with pytest.raises(UsageError, match=message):
        build(image)


def test_64_bit_kernel():
    with pytest.raises(UnsupportedError, match="64-bit"):
        build(bzimage(xloadflags=1))


def test_command_line_too_long():
    build(append="x" * 2047)
    with pytest.raises(UsageError, match="2047 bytes"):
        build(append="x" * 2048)


def test_too_little_memory():
    with pytest.raises(UsageError, match="kernel does not fit"):
        build(ram=16 << 20)
    with pytest.raises(UsageError, match=r"kernel and initrd do not fit.*43 MiB"):
        build(initrd=bytes(19 << 20), ram=40 << 20)
    build(initrd=bytes(14 << 20), ram=40 << 20)


def test_run_time_area():
    assert lb.parse(bzimage()).run_end == 0x1800000  # preferred address + init_size
    assert lb.parse(bzimage(0x0205)).run_end == 0x100000 + 5000
    assert lb.parse(bzimage(init_size=100)).run_end == 0x1000000 + 100
