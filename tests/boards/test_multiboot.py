"""The Multiboot loader on synthetic kernels."""

import struct
from collections.abc import Sequence

import pytest

from playhead.base.errors import FormatError, UnsupportedError, UsageError
from playhead.boards import multiboot as mb
from playhead.boards.config import PcConfig
from playhead.boards.entry import Module

RAM = 16 << 20
SEGMENT = (1, 0, 0x100000, 0x100000, 0x200, 0x300, 5, 0)  # kind, offset, addresses, sizes, rights


def header(flags: int = 0x10003, fields: tuple[int, ...] = (0x100000, 0x100000, 0, 0, 0x100020), at: int = 0) -> bytes:
    return bytes(at) + struct.pack("<III5I", mb.MAGIC, flags, -(mb.MAGIC + flags) & 0xFFFFFFFF, *fields)


def elf(segments: Sequence[tuple[int, ...]] = (SEGMENT,), entry: int = 0x100100, *,
        size: int = 0x400, ident: bytes = b"\x7fELF\x01\x01\x01", machine: int = 3) -> bytes:  # fmt: skip
    """`segments`: program headers as they stand; the Multiboot header is at 100h."""
    image = bytearray(size)
    image[: len(ident)] = ident
    struct.pack_into("<HHIIIIIHHH", image, 16, 2, machine, 1, entry, 52, 0, 0, 52, 32, len(segments))
    for n, segment in enumerate(segments):
        struct.pack_into("<8I", image, 52 + 32 * n, *segment)
    image[0x100 : 0x100 + 12] = header(3)[:12]
    return bytes(image)


def build(image: bytes, modules: tuple[Module, ...] = (), ram: int = RAM):
    return mb.build(image, "kernel", "words", modules, ram)


def at(boot, address: int) -> bytes:
    return next(data for base, data in boot.writes if base == address)


@pytest.mark.parametrize("image, found", [
    (header(at=0), True), (header(at=8192 - 32), True), (header(at=8192 - 12)[:8192], True), (header(at=8192), False),
    (header(at=8188) + bytes(100), False), (header(at=6), False), (header()[:11], False), (b"", False),
    (header()[:8] + b"\1" + header()[9:], False), (header(at=8192 - 8), False),
])  # fmt: skip
def test_where_a_header_is_looked_for(image: bytes, found: bool) -> None:
    assert mb.recognised(image) is found


def test_by_the_header() -> None:
    """The header is at 10h in the file, which begins at 200000h; text to 200050h, variables to 200200h."""
    image = header(fields=(0x200020, 0x200010, 0x200050, 0x200200, 0x200040), at=0x20) + bytes(range(200))
    boot = build(image)
    assert at(boot, 0x200010) == image[0x10:0x50] + bytes(0x1B0)
    assert (boot.registers["eip"], boot.registers["eax"]) == (0x200040, 0x2BADB002)
    assert build(header() + b"x" * 100).writes[0] == (0x100000, header() + b"x" * 100)  # all of the file


def test_by_physical_addresses() -> None:
    code = (1, 0, 0xC0100000, 0x100000, 0x200, 0x200, 5, 0)
    data = (1, 0x200, 0xC0200000, 0x200000, 0x10, 0x1000, 6, 0)
    image = elf([code, (0x6474E551, *[0] * 7), data], 0xC0100123)
    boot = build(image)
    assert at(boot, 0x100000) == image[:0x200] and at(boot, 0x200000) == image[0x200:0x210] + bytes(0xFF0)
    assert boot.registers["eip"] == 0x100123
    assert build(elf([code], 0x100123)).registers["eip"] == 0x100123  # or it is physical already


def test_what_it_is_told_lies_behind_it() -> None:
    boot = build(elf(), (Module(b"a" * 4097, "one 1"), Module(b"", "two")))
    info = boot.registers["ebx"]
    base, told = next((b, d) for b, d in boot.writes if b <= info < b + len(d))
    assert base == boot.registers["gdt_base"] == 0x101000
    words = struct.unpack_from("<7I", told, info - base)
    assert words[0] == 0x24F and words[5] == 2 and told[words[4] - base :].startswith(b"kernel words\0")
    first, second = (struct.unpack_from("<3I", told, words[6] - base + 16 * n) for n in (0, 1))
    assert at(boot, first[0]) == b"a" * 4097 and first[1] == first[0] + 4097 and first[0] % 4096 == 0
    assert second[0] == second[1] == first[0] + 8192 and told[second[2] - base :].startswith(b"two\0")


@pytest.mark.parametrize("image, text", [
    (header(0x10013), "header flags 0x10"),
    (header(3) + bytes(100), "no ELF file, and its header does not say"),
    (header()[:20], "cut off: its header"),
    (header(fields=(0x100000, 0x100004, 0, 0, 0x100000)), "damaged: load address 0x100004"),
    (header(fields=(0x100100, 0x100000, 0, 0, 0x100000)), "damaged: load address"),
    (header(fields=(0x100000, 0x100000, 0x100400, 0, 0x100000)), "1024 bytes are to be loaded, 32 are there"),
    (header(fields=(0x100000, 0x100000, 0xFFFFF, 0, 0x100000)), "damaged: from 0x100000 to 0xfffff"),
    (header(fields=(0x100000, 0x100000, 0, 0x100001, 0x100000)), "zeros to 0x100001"),
    (header(fields=(0x100000, 0x100000, 0, 0, 0x300000)), "its entry, 0x300000, is not in it"),
    (header(fields=(0x100000, 0x100000, 0, 0x40000000, 0x100000)), "does not fit into memory: it needs 1025 MiB"),
    (header(fields=(0x90000, 0x90000, 0, 0xB0000, 0x90000)), "from 0x90000 to 0xb0000"),
    (elf(ident=b"\x7fELF\x02\x01\x01"), "a 64-bit ELF file"),
    (elf(ident=b"\x7fELF\x01\x02\x01"), "for another processor"),
    (elf(machine=40), r"for another processor \(ELF machine 40\)"),
    (elf([(1, 0x300, 0x100000, 0x100000, 0x200, 0x200, 5, 0)]), "a segment leads out of the file"),
    (elf([(1, 0, 0x100000, 0x100000, 0x200, 0x100, 5, 0)]), "a segment leads out of the file"),
    (elf()[:28] + b"\xf0\3" + elf()[30:], "program headers lead out"),
    (elf([(4, 0, 0x100000, 0x100000, 0x200, 0x200, 5, 0)]), "nothing to load"),
])  # fmt: skip
def test_bad_kernels(image: bytes, text: str) -> None:
    with pytest.raises((UsageError, UnsupportedError), match=text):
        build(image)


def test_modules_have_to_fit() -> None:
    with pytest.raises(UsageError, match="kernel and modules do not fit into memory: they need about 18 MiB"):
        build(elf(), (Module(bytes(16 << 20), "big"),))
    with pytest.raises(UsageError, match="NUL"):
        build(elf(), (Module(b"", "a\0b"),))


def test_a_description_keeps_the_modules() -> None:
    config = PcConfig(ram_bytes=RAM, kernel=elf(), kernel_name="k", modules=(Module(b"one", "one 1"),))
    plain = config.to_json()
    assert PcConfig.from_json(plain, config.blobs().__getitem__) == config
    assert not {"modules", "kernel_name"} & PcConfig(ram_bytes=RAM, bios=bytes(1 << 16)).to_json().keys()
    one = {"data": "", "command_line": ""}
    for odd in ([1], [{"data": "x"}], [{**one, "data": 1}], [{**one, "more": ""}]):
        with pytest.raises(FormatError, match="unknown module"):
            PcConfig.from_json({**plain, "modules": odd}, lambda digest: b"")
