"""The files of an initramfs: cpio archives ("newc"), packed or not, one behind another.

Whoever made the image decides what is in it, so all lengths are checked, and what unpacks is bounded.

Source: Linux's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import zstandard

from playhead.base.errors import FormatError

MAGICS = (b"070701", b"070702")
HEAD, FIELD = 110, 8
MODE, SIZE, NAME_SIZE = 1, 6, 11  # numbers of fields
LAST = "TRAILER!!!"
MOST_BYTES, CHUNK = 1 << 30, 1 << 20  # unpacked
LONGEST_NAME = 4096
MOST_ARCHIVES = 64
UNPACKERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
    b"BZh": bz2.open,
    b"\x28\xb5\x2f\xfd": lambda file: zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True),
}


@dataclass(frozen=True)
class File:
    """`path` without a leading slash."""

    path: str
    mode: int
    data: bytes

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.mode)


def files(image: bytes) -> Iterator[File]:
    """Every file of an initramfs. Raises FormatError where it is damaged, after the files before that place."""
    at = 0
    for _ in range(MOST_ARCHIVES):
        while image[at : at + 1] == b"\0":
            at += 1
        if at >= len(image):
            return
        if image.startswith(MAGICS, at):
            at = yield from _archive(image, at)
            continue
        unpacked = _unpacked(image[at:])
        end = 0
        while end < len(unpacked) and unpacked.startswith(MAGICS, end):
            end = yield from _archive(unpacked, end)
            while unpacked[end : end + 1] == b"\0":
                end += 1
        return  # a packed archive is the last one


def _unpacked(data: bytes) -> bytes:
    unpack = next((unpack for magic, unpack in UNPACKERS.items() if data.startswith(magic)), None)
    if unpack is None:
        begins = data[:6].hex(" ")
        raise FormatError(f"the initramfs is neither a cpio archive nor packed as one is (it begins {begins})")
    out = bytearray()
    try:
        file = unpack(BytesIO(data))
        while piece := file.read(CHUNK):
            out += piece
            if len(out) > MOST_BYTES:
                raise FormatError(f"the initramfs is larger than {MOST_BYTES >> 20} MiB when it is unpacked")
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as e:
        if not out:
            raise FormatError(f"the initramfs cannot be unpacked: {e}") from None
    return bytes(out)


def _archive(data: bytes, at: int) -> Any:
    """One archive's files; returns the place behind it."""
    while True:
        if not data.startswith(MAGICS, at) or len(data) < at + HEAD:
            raise FormatError(f"the initramfs is damaged at byte {at}")
        try:
            fields = [int(data[n : n + FIELD], 16) for n in range(at + 6, at + HEAD, FIELD)]
        except ValueError:
            raise FormatError(f"the initramfs is damaged at byte {at}") from None
        name_size, size = fields[NAME_SIZE], fields[SIZE]
        content = at + HEAD + name_size
        content += -content % 4
        if not 0 < name_size <= LONGEST_NAME or content + size > len(data):
            raise FormatError(f"the initramfs is damaged at byte {at}")
        name = data[at + HEAD : at + HEAD + name_size].partition(b"\0")[0].decode("utf-8", errors="surrogateescape")
        at = content + size
        at += -at % 4
        if name == LAST:
            return at
        yield File(name.removeprefix("./").lstrip("/"), fields[MODE], data[content : content + size])
