"""The files of an initramfs, and programs among them: archives as they are made, and as nobody should make them."""

import bz2
import gzip
import lzma
import random
import struct

import pytest
import zstandard

from playhead.base.errors import FormatError, UnknownSymbol
from playhead.linux import cpio
from playhead.linux.programs import Programs, parse
from tools import guest
from tools.guests import initramfs

ENTRIES = [initramfs.folder("bin"), initramfs.file("bin/tool", b"\x7fELF no"), initramfs.link("bin/sh", "tool"),
           initramfs.file("init", b"#!/bin/sh\n", 0o755)]  # fmt: skip
PACKED = initramfs.pack(ENTRIES)
PLAIN = gzip.decompress(PACKED)
WANTED = [(entry.path, entry.mode, entry.data) for entry in ENTRIES]


def found(image: bytes) -> list[tuple[str, int, bytes]]:
    return [(one.path, one.mode, one.data) for one in cpio.files(image)]


@pytest.mark.parametrize("image", [
    PACKED, PLAIN, PLAIN + bytes(300), bz2.compress(PLAIN), lzma.compress(PLAIN), zstandard.compress(PLAIN),
    lzma.compress(PLAIN, lzma.FORMAT_ALONE),
], ids=["gzip", "plain", "padded", "bzip2", "xz", "zstd", "lzma"])  # fmt: skip
def test_files_of_an_archive(image):
    assert found(image) == WANTED


def test_archives_behind_each_other():
    assert found(PLAIN + bytes(512) + PACKED) == WANTED * 2 and found(b"") == []
    assert found(gzip.compress(PLAIN + bytes(12) + PLAIN)) == WANTED * 2


@pytest.mark.parametrize("image", [b"some text", PLAIN[:200], b"070701" + b"x" * 200, gzip.compress(PLAIN)[:20],
                                   PLAIN.replace(b"TRAILER!!!", b"TRAILER???")])  # fmt: skip
def test_what_is_no_archive_is_said(image):
    with pytest.raises(FormatError, match="initramfs"):
        found(image)


def test_damage_never_does_worse_than_being_refused():
    rng = random.Random(3)
    for _ in range(400):
        image = bytearray(rng.choice((PLAIN, PACKED)))
        for _ in range(rng.choice((1, 5, 50))):
            image[rng.randrange(len(image))] = rng.randrange(256)
        try:
            found(bytes(image))
        except FormatError:
            continue


class Recording:
    """What `Programs` asks of a reader."""

    def __init__(self, image: bytes | None):
        self._image = image
        self.meta = {"config": {"initrd": None if image is None else "digest"}}

    def blob(self, digest: str) -> bytes:
        assert self._image is not None
        return self._image


def test_programs_and_their_symbols():
    story = guest.program("story").read_bytes()
    entries = [*ENTRIES, initramfs.file("bin/story", story, 0o755)]
    programs = Programs(Recording(initramfs.pack(entries)))
    assert [one.path for one in programs.all] == ["bin/story"] and not programs.damage
    program = programs.named("/bin/story")
    assert program is programs.named("story") and program.is_fixed
    segment = program.code[0]
    assert program.symbols.name(program.symbols.address("_start") + 1) == ("_start", 1)
    page = story[segment.offset : segment.offset + segment.size]
    assert program.has(segment.address, page + bytes(100)) and not program.has(segment.address, b"\1" + page[1:])
    assert not program.has(segment.address + segment.size, page) and not program.has(0, page)
    with pytest.raises(UnknownSymbol, match="no ELF file stray"):
        programs.named("stray")
    assert Programs(Recording(None)).all == []
    damaged = Programs(Recording(PLAIN[:-100]))
    assert damaged.damage and not damaged.all


def test_a_damaged_program_is_none_or_has_no_symbols():
    story, rng = guest.program("story").read_bytes(), random.Random(8)
    for _ in range(300):
        data = bytearray(story)
        for _ in range(rng.choice((1, 8))):
            at = rng.randrange(400 if rng.random() < 0.7 else len(data) - 4)
            struct.pack_into("<I", data, at, rng.getrandbits(32))
        program = parse("p", bytes(data[: rng.choice((len(data), rng.randrange(len(data))))]))
        if program is not None:
            assert len(program.symbols) >= 0 and not program.has(rng.getrandbits(32), b"\xf4" * 16)
