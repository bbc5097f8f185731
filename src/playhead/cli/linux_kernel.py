"""Which Linux a recording has run, and by how much its addresses differ from those in its file of symbols.

This is about a kernel that was given with -kernel; one that a boot loader read from a disk is found by what it has left
in memory (`linux_memory.py`).

A kernel with KASLR moves itself to a random place when it starts, and gdb needs the distance. It is found by the banner
("Linux version ..."): its link address is in the program in the bzImage, its real one in the memory of the recording's
checkpoints. Only places that the kernel's alignment allows are searched, so this takes a fraction of a second.

Sources: "The Linux/x86 Boot Protocol" (payload_offset, payload_length, kernel_version, kernel_alignment); the ELF
specification (program headers).
"""

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import zstandard

from playhead.base.errors import FormatError
from playhead.cli.linux_memory import LINKED_AT, kernels
from playhead.hw.memory import PAGE
from playhead.log.pages import is_block

BANNER = b"Linux version "
LONGEST_BANNER = 1024
CHUNK = 1 << 20
MOST = 256 << 20  # bytes of an unpacked kernel that are searched
SETUP_SECTS, VERSION, KERNEL_VERSION, ALIGNMENT, PAYLOAD = 0x1F1, 0x206, 0x20E, 0x230, 0x248
MAGIC, MAGIC_AT, SMALLEST = b"HdrS", 0x202, 0x268
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
class LinuxKernel:
    """`offset`: what is to be added to the addresses of its symbols; None if that is not known, and then `why`. `stext`
    is where its code begins, if only that was found: then `offset` holds for the usual place in its file.
    """

    version: str
    offset: int | None
    why: str = ""
    stext: int | None = None


@dataclass(frozen=True)
class Banner:
    """The text, and the physical address at which it is in a kernel that has not moved."""

    text: bytes
    physical: int


def find(reader: Any) -> LinuxKernel | None:
    """The kernel that was given with -kernel, or the last one that has run."""
    digest = reader.meta["config"].get("kernel")
    if digest is None:
        return _by_memory(reader)
    image = reader.blob(digest)
    if len(image) < SMALLEST or image[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        return None
    version, banner = _version(image), _banner(image)
    if banner is None:
        return LinuxKernel(version, None, "how its program is packed is not known here")
    try:
        place = _in_memory(reader, banner, struct.unpack_from("<I", image, ALIGNMENT)[0])
    except FormatError:
        return LinuxKernel(version, None, "the recording is damaged")
    if place is None:
        return LinuxKernel(version, None, "no checkpoint has it unpacked")
    return LinuxKernel(version, place - banner.physical)


def _by_memory(reader: Any) -> LinuxKernel | None:
    try:
        running = kernels(reader)
    except FormatError:
        return None
    if not running:
        return None
    last = running[-1]
    return LinuxKernel(last.banner, last.stext - LINKED_AT, stext=last.stext)


def _version(image: bytes) -> str:
    at = struct.unpack_from("<H", image, KERNEL_VERSION)[0]
    return image[SETUP_AT + at :].partition(b"\0")[0][:LONGEST_BANNER].decode("ascii", errors="replace") if at else ""


def _banner(image: bytes) -> Banner | None:
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


def _in_memory(reader: Any, banner: Banner, alignment: int) -> int | None:
    """Where the banner is in physical memory, by the first checkpoint that has it. RAM is the first part of the backing
    area, so a page's number there is its physical one.
    """
    inside = banner.physical % PAGE
    text = banner.text[: PAGE - inside]
    apart = max(alignment // PAGE, 1)
    for checkpoint in reader.checkpoints():
        pages = reader.checkpoint_pages(checkpoint)
        memory = {page: hash for page, hash in pages.items() if not is_block(page)}
        fitting = {page: hash for page, hash in memory.items() if (page - banner.physical // PAGE) % apart == 0}
        contents = reader.pages(sorted(set(fitting.values())))
        for page, hash in sorted(fitting.items()):
            if contents[hash][inside : inside + len(text)] == text:
                return page * PAGE + inside
    return None
