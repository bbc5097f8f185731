"""Packets in a file for Wireshark and its relatives: pcapng, which has directions, comments and several interfaces.

Readers differ in what they take from an interface's options: some ignore an offset of its times (`if_tsoffset`), one
takes the first interface's resolution for all. So all interfaces have the same resolution, nanoseconds, and no offset.
A packet comes *in* if the machine's card gets it.

Source: the pcapng specification (draft-ietf-opsawg-pcapng).
"""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6  # kinds of blocks
BYTE_ORDER = 0x1A2B3C4D
MAGIC = SECTION.to_bytes(4, "little")  # a file's first bytes
COMMENT, USER_APPLICATION = 1, 4  # options: of any block, of a section
NAME, DESCRIPTION, MAC, RESOLUTION = 2, 3, 6, 9  # of an interface
FLAGS, IN, OUT = 2, 1, 2  # of a packet: its direction
NANOSECONDS = b"\x09"
ETHERNET = 1
LONGEST = 262_144  # bytes of a packet, more than any has; tcpdump's default
TEXT = 65_535  # bytes in an option


class Interface(NamedTuple):
    name: str
    description: str = ""
    mac: bytes = b""


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) if value else b""


def _text(code: int, text: str) -> bytes:
    return _option(code, text.encode(errors="replace")[:TEXT])


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    if options:
        body += options + bytes(4)  # their end
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


class PcapngWriter:
    """`write` gets each block as bytes."""

    def __init__(self, write: Callable[[bytes], object], interfaces: Sequence[Interface], program: str, about: str):
        """`about`: a comment on all of it."""
        self._write = write
        head = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1)  # version 1.0, of a length that is not said
        write(_block(SECTION, head, _text(COMMENT, about) + _text(USER_APPLICATION, program)))
        for one in interfaces:
            options = _text(NAME, one.name) + _text(DESCRIPTION, one.description) + _option(MAC, one.mac)
            body = struct.pack("<HHI", ETHERNET, 0, LONGEST)
            write(_block(INTERFACE, body, options + _option(RESOLUTION, NANOSECONDS)))

    def packet(self, interface: int, out: bool, time_ns: int, frame: bytes, comment: str = "") -> None:
        """`time_ns`: since 1970."""
        time, size = time_ns & (1 << 64) - 1, len(frame)
        body = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, size, size) + frame + bytes(-size % 4)
        flags = struct.pack("<I", OUT if out else IN)
        self._write(_block(PACKET, body, _option(FLAGS, flags) + _text(COMMENT, comment)))
