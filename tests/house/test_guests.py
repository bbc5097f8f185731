"""The builder of the guests: what it puts where, that it is reproducible, and whose fault a bad source is."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tools import asm, guest
from tools.guests import initramfs, network
from tools.guests.apt import AptError
from tools.guests.link import Layout, link


def test_an_image_starts_at_the_reset_vector() -> None:
    image = guest.image("halt").read_bytes()
    assert len(image) == 0x10000
    assert image[0xFFF0] == 0xEA and image[0xFFF3:0xFFF5] == b"\x00\xf0"  # ljmpw $0xF000, somewhere


@pytest.mark.parametrize("name", [name for name in guest.names() if name != "demo"])
def test_every_guest_builds_and_says_what_it_should(name: str) -> None:
    assert guest.image(name).stat().st_size == 0x10000
    assert guest.expected(name).endswith("PASS\n") or name in guest.ENDLESS


def test_relocations() -> None:
    code = asm.flat("jmp far_away\nmovl $far_away + 4, %eax\n.org 0x100\nfar_away: .word far_away - 2\n", base=0x1000)
    assert code[:5] == b"\xe9\xfb\x00\x00\x00"
    assert code[5:10] == b"\xb8\x04\x11\x00\x00"
    assert code[0x100:] == b"\xfe\x10"


def test_sixteen_bit_code() -> None:
    assert asm.flat("movw $here, %ax\nhere: hlt", base=0x7C00, bits=16) == b"\xb8\x03\x7c\xf4"


def test_an_error_names_the_line_of_the_included_file(tmp_path: Path) -> None:
    (tmp_path / "part.inc").write_text("nop\nbogus %eax\n")
    (tmp_path / "whole.s").write_text('.code32\n.include "part.inc"\n')
    with pytest.raises(asm.AsmError, match=r"part\.inc:2"):
        asm.firmware(tmp_path / "whole.s")


@pytest.mark.parametrize(
    "source, reason",
    [
        ("jmp nowhere", "nowhere is not defined"),
        (".skip 0x10000", "image too large"),
        (".word 0x123450", r"bad\.s:2.*out of range"),
    ],
)
def test_a_source_that_cannot_be_linked(source: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "bad.s").write_text(f".code32\n{source}\n")
    with pytest.raises(asm.AsmError, match=reason):
        asm.firmware(tmp_path / "bad.s")


def test_what_is_not_an_object_is_refused() -> None:
    with pytest.raises(Exception, match="not a 32-bit"):
        link(b"MZ", Layout(0))


def test_an_initramfs_is_the_same_at_every_build() -> None:
    entries = [initramfs.folder("dev"), initramfs.character_device("dev/console", 5, 1), initramfs.file("init", b"5")]
    packed = initramfs.pack(entries)
    assert packed == initramfs.pack(entries)
    archive = gzip.decompress(packed)
    assert len(archive) % 4 == 0
    names = [record[104:].split(b"\0")[0] for record in archive.split(b"070701")[1:]]
    assert names == [b"dev", b"dev/console", b"init", b"TRAILER!!!"]


def test_a_module_without_its_comparison_and_its_signature(tmp_path: Path) -> None:
    code = b"\x0f\xb6\x40\x2c\x3c%c\x0f\x87\xa2\x04\x00\x00" + bytes(64)
    signature = b"s" * 300
    signed = signature + bytes(8) + len(signature).to_bytes(4, "big") + b"~Module signature appended~\n"
    path = tmp_path / "8139too.ko"
    path.write_bytes(code % 0x1F + signed)
    assert network.module(path) == code % 0xFF
    path.write_bytes(code % 0x1F * 2)
    with pytest.raises(AptError, match="2 comparisons"):
        network.module(path)
    assert network.module(path.rename(tmp_path / "e1000.ko")) == code % 0x1F * 2
