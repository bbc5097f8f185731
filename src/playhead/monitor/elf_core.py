"""`dump-guest-memory`: the machine as an ELF core file, which gdb and crash read.

Without `-p` the memory is at its physical addresses; with it, at the linear addresses that the page tables of now give
it, so that gdb shows a kernel's variables. The note is Linux's NT_PRSTATUS of i386, which holds the general registers.
It is a 32-bit file, as the processor is (QEMU writes a 64-bit one if a device has memory high up).

Sources: System V ABI and its Intel386 supplement (the file); Linux, `elf_prstatus` of i386 (the note's layout).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.hw.memory import PAGE, PAGES, READ
from playhead.machine import look
from playhead.machine.machine import Machine
from playhead.machine.mappings import mappings, spans
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.monitor.files import write_file
from playhead.monitor.memory import expressions
from playhead.timeline.debuggee import Debuggee

CORE, I386, CURRENT = 4, 3, 1
LOAD, NOTE = 1, 4
PRSTATUS = 1
HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
PROGRAM = struct.Struct("<IIIIIIII")
STATUS = struct.Struct("<iiihHIIiiii8i17ii")
REGISTERS = ("ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", None, "eip", "cs", "eflags",
             "esp", "ss")  # fmt: skip
MOST_SEGMENTS = 0xFFFE  # more would have to be counted in a section header
MOST_BYTES = (1 << 32) - 1
PAGING = 1 << 31  # of CR0
PIECE = 1 << 20
OTHER_FORMATS = {"-z": "kdump-compressed", "-l": "kdump-compressed", "-s": "kdump-compressed", "-w": "Windows"}


class Segment(NamedTuple):
    linear: int
    physical: int
    length: int


def dump_memory(target: Debuggee, file: str, paging: bool, part: tuple[int, int] | None) -> None:
    """Write the file. `paging`: at linear addresses; `part`: (begin, length) in physical memory."""
    segments = _linear(target.machine) if paging else _physical(target.machine)
    segments = _within(segments, *part) if part else segments
    if not segments:
        raise UsageError("there is no memory to dump")
    write_file(file, lambda put: [put(piece) for piece in pieces(target, segments)])


def commands(target: Debuggee) -> tuple[Command, ...]:
    def dump(words: list[str], say: Say) -> None:
        paging, file, part = _asked(target, words)
        dump_memory(target, file, paging, part)

    def status(words: list[str], say: Say) -> None:
        say("Status: none")  # a dump is complete when its command returns

    return (
        Command(("dump-guest-memory",), "[-p] filename [begin length...]", "dump guest memory into file 'filename' as "
                "an ELF core (-p: at linear addresses)", dump),
        Command(("info dump",), "", "display the dump status", status),
    )  # fmt: skip


def _asked(target: Debuggee, words: list[str]) -> tuple[bool, str, tuple[int, int] | None]:
    paging = False
    while words and words[0].startswith("-") and len(words[0]) == 2:
        if words[0] in OTHER_FORMATS:
            raise UsageError(f"{words[0]}: the {OTHER_FORMATS[words[0]]} format is not supported; without it an ELF "
                             "core is written")  # fmt: skip
        if words[0] == "-d":
            raise UsageError("-d is not supported: a dump is complete when the command returns")
        if words[0] != "-p":
            raise Misunderstood(f"dump-guest-memory: no option {words[0]}")
        paging, words = True, words[1:]
    if not words:
        raise Misunderstood("dump-guest-memory: a file name is missing")
    if len(words) == 1:
        return paging, words[0], None
    if paging:
        raise UsageError("begin and length are physical addresses: not with -p")
    if len(words) == 2:
        raise UsageError("Parameter 'length' is missing")
    begin, length = expressions(target, words[1:], 2, "dump-guest-memory")
    return False, words[0], (begin.number, length.number)


# what there is


def _physical(machine: Machine) -> list[Segment]:
    """RAM and ROM, as the page map has them."""
    page_map, found, start = machine.memory.page_map, [], None
    for page in range(PAGES + 1):
        there = page < PAGES and page_map[page] & READ
        if there and start is None:
            start = page
        elif not there and start is not None:
            found.append(Segment(start * PAGE, start * PAGE, (page - start) * PAGE))
            start = None
    return found


def _linear(machine: Machine) -> list[Segment]:
    """What the page tables show of that; all of it at its own address while paging is off."""
    there = _physical(machine)
    if not machine.core.get("cr0") & PAGING:
        return there
    found = []
    for linear, physical, length in spans(mappings(machine)):
        for piece in _within(there, physical, length):
            found.append(Segment(linear + piece.physical - physical, piece.physical, piece.length))
    return found


def _within(segments: list[Segment], begin: int, length: int) -> list[Segment]:
    """The parts in this physical range."""
    out = []
    for segment in segments:
        low, high = max(begin, segment.physical), min(begin + length, segment.physical + segment.length)
        if low < high:
            out.append(Segment(segment.linear + low - segment.physical, low, high - low))
    return out


# the file


def pieces(target: Debuggee, segments: list[Segment]) -> Iterator[bytes]:
    """The file's content in order."""
    if len(segments) > MOST_SEGMENTS:
        raise UsageError(f"{len(segments)} pieces of memory are more than an ELF core can have, {MOST_SEGMENTS}")
    note = _note(target)
    at = HEADER.size + PROGRAM.size * (1 + len(segments))
    if at + len(note) + sum(segment.length for segment in segments) > MOST_BYTES:
        raise UsageError("that is more than 4 GiB, the most that a 32-bit ELF core can have")
    identity = b"\x7fELF" + bytes((1, 1, CURRENT)) + bytes(9)  # 32 bits, little endian
    yield HEADER.pack(identity, CORE, I386, CURRENT, 0, HEADER.size, 0, 0, HEADER.size, PROGRAM.size,
                      1 + len(segments), 0, 0, 0)  # fmt: skip
    yield PROGRAM.pack(NOTE, at, 0, 0, len(note), len(note), 0, 0)
    offset = at + len(note)
    for segment in segments:
        yield PROGRAM.pack(LOAD, offset, segment.linear, segment.physical, segment.length, segment.length, 7, PAGE)
        offset += segment.length
    yield note
    for segment in segments:
        for start in range(0, segment.length, PIECE):
            yield look.read(target.machine, segment.physical + start, min(PIECE, segment.length - start), physical=True)


def _note(target: Debuggee) -> bytes:
    values = [0 if name is None else _signed(target.read_register(name)) for name in REGISTERS]
    status = STATUS.pack(*(0,) * 5, 0, 0, 1, *(0,) * 3, *(0,) * 8, *values, 0)
    name = b"CORE\0"
    return struct.pack("<III", len(name), len(status), PRSTATUS) + name.ljust(8, b"\0") + status


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 & 1 else value
