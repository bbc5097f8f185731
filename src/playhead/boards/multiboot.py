"""Starting a Multiboot 1 kernel without firmware: what QEMU's `-kernel` does with one, by the specification.

The kernel is recognised by a header within its first 8 KiB. It is an ELF file, loaded by its program headers, or any
other file whose header says where it belongs (the "a.out kludge", header flag 16). Behind it in memory, each on a page
of its own, come what the loader tells it (the information structure, command lines, the memory map) and its modules.

QEMU's machine starts such a kernel from an option ROM of SeaBIOS, this one at once: there are no BIOS services, and of
firmware's work only what `pc.Board.start` does is done. What the kernel is told is the same but for addresses and the
loader's name. No video mode is set (header flag 2), as QEMU does not.

Source: Multiboot Specification version 0.6.96, sections 3.1 (header), 3.2 (machine state), 3.3 (information); the ELF
specification (program headers). Behaviour of QEMU 7.2: by experiment, see tests/guest/test_multiboot_guest.py.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards.e820 import E820, E820_RAM, E820_RESERVED
from playhead.boards.entry import Module
from playhead.boards.linux_boot import EBDA, LOW_RAM_END, PAGE, Boot, gdt, registers

MAGIC, LOADED_MAGIC = 0x1BADB002, 0x2BADB002
SEARCHED, MINIMUM = 8192, 12  # where the header lies, and its least length
VIDEO, ADDRESSES = 1 << 2, 1 << 16  # header flags
REQUIRED, KNOWN = 0xFFFF, 0x7  # flags that a loader must know, and those that there are
INFO_FLAGS = 0x24F  # memory, boot device, command line, modules, memory map, loader's name
BOOT_DEVICE = 0x8000FFFF  # the first BIOS disk, no partition: as QEMU says without asking
INFO_SIZE, MODULE_SIZE = 116, 16
LOADER = b"playhead\0"
HIGH = 0x100000
PT_LOAD, EXECUTABLE = 1, 1
ELF32, LITTLE, MACHINES = 1, 1, (3, 6)  # EM_386 and EM_486
TABLES_ROOM = 0x20000  # at the end of RAM, kept from the kernel, as much as SeaBIOS keeps


class Piece(NamedTuple):
    """Something of the kernel in memory; what `size` has beyond the data is zeros."""

    address: int
    data: bytes
    size: int


class Kernel(NamedTuple):
    """A checked image. `wants_video`: it asks for a video mode."""

    pieces: tuple[Piece, ...]
    entry: int
    wants_video: bool


class _Header(NamedTuple):
    at: int
    flags: int


def recognised(image: bytes) -> bool:
    """Whether an image has a Multiboot header."""
    return _header(image) is not None


def _header(image: bytes) -> _Header | None:
    for at in range(0, min(len(image), SEARCHED) - MINIMUM + 1, 4):
        magic, flags, checksum = struct.unpack_from("<III", image, at)
        if magic == MAGIC and (magic + flags + checksum) & 0xFFFFFFFF == 0:
            return _Header(at, flags)
    return None


def parse(image: bytes) -> Kernel:
    """Take a Multiboot kernel apart. Raises UsageError or UnsupportedError."""
    header = _header(image)
    assert header is not None
    if odd := header.flags & REQUIRED & ~KNOWN:
        raise UnsupportedError(f"the Multiboot kernel requires what is not known here: header flags {odd:#x}")
    pieces, entry = _by_header(image, header) if header.flags & ADDRESSES else _by_elf(image)
    return Kernel(tuple(pieces), entry, bool(header.flags & VIDEO))


def _by_header(image: bytes, header: _Header) -> tuple[list[Piece], int]:
    if len(image) < header.at + 32:
        raise UsageError("the Multiboot kernel is cut off: its header says addresses that are not there")
    own, load, load_end, bss_end, entry = struct.unpack_from("<5I", image, header.at + 12)
    start = header.at - (own - load)  # in the file
    if own < load or start < 0:
        raise UsageError(f"the Multiboot header is damaged: load address {load:#x}, and the header is at {own:#x}")
    end = load_end or load + len(image) - start
    if end < load or (bss_end and bss_end < end):
        raise UsageError(f"the Multiboot header is damaged: from {load:#x} to {load_end:#x}, zeros to {bss_end:#x}")
    data = image[start : start + end - load]
    if len(data) < end - load:
        raise UsageError(f"the Multiboot kernel is cut off: {end - load} bytes are to be loaded, {len(data)} are there")
    return [Piece(load, data, max(bss_end, end) - load)], entry


def _by_elf(image: bytes) -> tuple[list[Piece], int]:
    if image[:4] != b"\x7fELF" or len(image) < 52:
        raise UsageError("the Multiboot kernel is no ELF file, and its header does not say where to load it (flag 16)")
    if image[4] != ELF32:
        raise UnsupportedError("the Multiboot kernel is a 64-bit ELF file; this machine's processor is 32-bit")
    machine, _, entry, table = struct.unpack_from("<HIII", image, 18)
    size, count = struct.unpack_from("<HH", image, 42)
    if image[5] != LITTLE or machine not in MACHINES:
        raise UnsupportedError(f"the Multiboot kernel is for another processor (ELF machine {machine})")
    if size < 32 or table + size * count > len(image):
        raise UsageError("the Multiboot kernel is damaged: its program headers lead out of the file")
    pieces, start = [], entry
    for n in range(count):
        kind, offset, virtual, physical, in_file, size_there, flags, _ = struct.unpack_from(
            "<8I", image, table + n * size
        )
        if kind != PT_LOAD or not size_there:
            continue
        if offset + in_file > len(image) or in_file > size_there:
            raise UsageError("the Multiboot kernel is damaged: a segment leads out of the file")
        pieces.append(Piece(physical, image[offset : offset + in_file], size_there))
        if flags & EXECUTABLE and virtual <= entry < virtual + in_file:
            start = entry - virtual + physical  # paging is off
    if not pieces:
        raise UsageError("the Multiboot kernel has nothing to load")
    return pieces, start


def memory_map(ram_end: int) -> list[E820]:
    """What SeaBIOS tells on QEMU's `pc` of so much memory."""
    tables = ram_end - TABLES_ROOM
    return [
        E820(0, EBDA, E820_RAM),
        E820(EBDA, LOW_RAM_END - EBDA, E820_RESERVED),
        E820(0xF0000, 0x10000, E820_RESERVED),
        E820(HIGH, tables - HIGH, E820_RAM),
        E820(tables, TABLES_ROOM, E820_RESERVED),
        E820(0xFFFC0000, 0x40000, E820_RESERVED),
    ]


def build(image: bytes, name: str, append: str, modules: Sequence[Module], ram_bytes: int) -> Boot:
    """`name`: the kernel's file, with which its command line begins."""
    kernel = parse(image)
    ram_end = ram_bytes - TABLES_ROOM
    boot = Boot()
    for piece in kernel.pieces:
        _check_place(piece, ram_end)
        boot.writes.append((piece.address, piece.data + bytes(piece.size - len(piece.data))))
    if not any(p.address <= kernel.entry < p.address + p.size for p in kernel.pieces):
        raise UsageError(f"the Multiboot kernel is damaged: its entry, {kernel.entry:#x}, is not in it")
    info = _page_after(max([HIGH, *(p.address + p.size for p in kernel.pieces)]))
    lines = [_text(module.command_line) for module in modules]
    told = _Told(info, [_text(f"{name} {append}"), *lines], memory_map(ram_bytes))
    at = _page_after(info + told.size([len(module.data) for module in modules]))
    places = []
    for module in modules:
        places.append((at, at + len(module.data)))
        boot.writes.append((at, module.data))
        at = _page_after(at + len(module.data))
    if at > ram_end:
        raise UsageError(f"kernel and modules do not fit into memory: they need about {_mib(at)} MiB (-m)")
    boot.writes.append((info, told.content(places)))
    boot.registers = registers() | {
        "eip": kernel.entry, "eax": LOADED_MAGIC, "ebx": info + told.INFO, "esi": 0, "esp": 0, "gdt_base": info,
    }  # fmt: skip
    return boot


def _mib(end: int) -> int:
    return -(-(end + TABLES_ROOM) // (1 << 20))


def _check_place(piece: Piece, ram_end: int) -> None:
    end = piece.address + piece.size
    if piece.address >= HIGH and end > ram_end:
        raise UsageError(f"the kernel does not fit into memory: it needs {_mib(end)} MiB (-m)")
    if piece.address < HIGH and end > EBDA:
        raise UsageError(
            f"the kernel wants to be loaded from {piece.address:#x} to {end:#x}, and between {EBDA:#x} and {HIGH:#x} "
            "there is no memory for it"
        )


def _page_after(address: int) -> int:
    return -(-address // PAGE) * PAGE


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise UsageError("a command line of the Multiboot kernel has a NUL character in it")
    return data + b"\0"


class _Told:
    """What the loader tells the kernel, as one piece of memory at `base`: a GDT, the information structure, the list of
    modules, the memory map, texts. `lines`: the kernel's command line, and one for each module.
    """

    INFO = 64  # where the structure is; the GDT is before it

    def __init__(self, base: int, lines: Sequence[bytes], pieces: Sequence[E820]):
        self._modules_at = base + self.INFO + INFO_SIZE
        self._map_at = self._modules_at + MODULE_SIZE * (len(lines) - 1)
        self._map = b"".join(struct.pack("<IQQI", 20, p.base, p.length, p.kind) for p in pieces)
        self._lines, self._base, self._pieces = lines, base, pieces
        at = self._map_at + len(self._map)
        self._at_line = []
        for line in (*lines, LOADER):
            self._at_line.append(at)
            at += len(line)
        self._end = at

    def size(self, modules: Sequence[int]) -> int:
        return self._end - self._base

    def content(self, places: Sequence[tuple[int, int]]) -> bytes:
        """`places`: where each module begins and ends."""
        low, high = self._pieces[0].length >> 10, self._pieces[3].length >> 10
        command_line, *lines, loader = self._at_line
        info = bytearray(INFO_SIZE)
        struct.pack_into("<7I", info, 0, INFO_FLAGS, low, high, BOOT_DEVICE, command_line, len(places),
                         self._modules_at)  # fmt: skip
        struct.pack_into("<II", info, 44, len(self._map), self._map_at)
        struct.pack_into("<I", info, 64, loader)
        table = b"".join(struct.pack("<4I", *place, line, 0) for place, line in zip(places, lines, strict=True))
        texts = b"".join((*self._lines, LOADER))
        return gdt().ljust(self.INFO, b"\0") + bytes(info) + table + self._map + texts
