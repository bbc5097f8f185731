"""What a Linux kernel image (bzImage) says of itself: its version in the header, its banner in the packed program."""

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import zstandard

BANNER = b"Linux version "
LONGEST_BANNER = 1024
CHUNK = 1 << 20
MOST = 256 << 20  # bytes of an unpacked kernel that are searched
SETUP_SECTS, VERSION, KERNEL_VERSION, PAYLOAD = 0x1F1, 0x206, 0x20E, 0x248
SETUP_AT, SECTOR = 0x200, 512
WITH_PAYLOAD = 0x0208  # the boot protocol since which the header says where the packed program is
PT_LOAD = 1

UNPACKERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\x28\xb5\x2f\xfd": lambda file: zstandard.ZstdDecompressor().stream_reader(file),
    b"\x7fELF": lambda file: file,
}


@dataclass(frozen=True)
class Banner:
    """The text, and the physical address at which it is in a kernel that has not moved."""

    text: bytes
    physical: int


def version_of(image: bytes) -> str:
    at = struct.unpack_from("<H", image, KERNEL_VERSION)[0]
    return image[SETUP_AT + at :].partition(b"\0")[0][:LONGEST_BANNER].decode("ascii", errors="replace") if at else ""


def banner_of(image: bytes) -> Banner | None:
    """Unpacks as much of the program as is needed."""
    if struct.unpack_from("<H", image, VERSION)[0] < WITH_PAYLOAD:
        return None
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = ((image[SETUP_SECTS] or 4) + 1) * SECTOR + offset
    payload = image[start : start + length]
    unpack = next((unpack for magic, unpack in UNPACKERS.items() if payload.startswith(magic)), None)
    if unpack is None:
        return None
    program = bytearray()
    try:
        for chunk in _chunks(unpack(BytesIO(payload))):
            searched = max(len(program) - LONGEST_BANNER, 0)
            program += chunk
            at = program.find(BANNER, searched)
            if 0 <= at < len(program) - LONGEST_BANNER:
                text = bytes(program[at : at + LONGEST_BANNER]).partition(b"\0")[0]
                physical = _physical(program, at)
                return None if physical is None else Banner(text, physical)
    except (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError, struct.error):
        pass
    return None


def _chunks(file: Any) -> Iterator[bytes]:
    for _ in range(MOST // CHUNK):
        chunk = file.read(CHUNK)
        if not chunk:
            break
        yield chunk


def _physical(program: bytearray, offset: int) -> int | None:
    """Where a byte of a 32-bit ELF file is to be loaded."""
    if program[:6] != b"\x7fELF\x01\x01":
        return None
    table = struct.unpack_from("<I", program, 28)[0]
    size, count = struct.unpack_from("<HH", program, 42)
    for n in range(count):
        kind, start, _, physical, in_file = struct.unpack_from("<5I", program, table + n * size)
        if kind == PT_LOAD and start <= offset < start + in_file:
            return physical + offset - start
    return None
