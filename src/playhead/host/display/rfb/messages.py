"""What a client may send once it is connected: bytes into messages, each a tuple with named fields.

Sizes are bounded before anything is collected: a message that says of itself that it is larger than any client's is an
`RfbError`, and so is a type that has not been offered.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from playhead.host.display.rfb.pixel_format import PixelFormat
from playhead.host.display.rfb.wire import Rect, RfbError

MOST_ENCODINGS = 1024
MOST_TEXT = 1 << 20  # bytes of a clipboard, which are skipped
MOST_FENCE = 64  # bytes, by the definition of the extension
MOST_SCREENS = 64


class SetPixelFormat(NamedTuple):
    format: PixelFormat


class SetEncodings(NamedTuple):
    encodings: tuple[int, ...]


class UpdateRequest(NamedTuple):
    incremental: bool
    area: Rect


class Key(NamedTuple):
    """`number`: of the extended event, in scan code set 1, 0x80 set behind E0; 0: not known."""

    down: bool
    keysym: int
    number: int = 0


class Pointer(NamedTuple):
    buttons: int
    x: int
    y: int


class CutText(NamedTuple):
    """A clipboard, which a PC has no place for."""


class EnableContinuousUpdates(NamedTuple):
    on: bool
    area: Rect


class Fence(NamedTuple):
    flags: int
    data: bytes


class SetDesktopSize(NamedTuple):
    width: int
    height: int


Message = (
    SetPixelFormat | SetEncodings | UpdateRequest | Key | Pointer | CutText | EnableContinuousUpdates | Fence
    | SetDesktopSize
)  # fmt: skip


class Reader:
    """`feed` bytes, then take messages from `next` until it has none. Never keeps more than one message's bytes beyond
    what was fed.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._skip = 0  # bytes of a clipboard that are still to come

    def feed(self, data: bytes) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._bytes += data[skipped:]

    def take(self, size: int) -> bytes | None:
        """So many bytes, for the handshake; None if they are not there yet."""
        if len(self._bytes) < size:
            return None
        data = bytes(self._bytes[:size])
        del self._bytes[:size]
        return data

    def next(self) -> Message | None:
        if not self._bytes:
            return None
        kind = self._bytes[0]
        if kind not in KINDS:
            raise RfbError(f"it sent a message of type {kind}, which it was not offered")
        head, size_of, parse = KINDS[kind]
        if len(self._bytes) < head:
            return None
        size = head + (size_of(self._bytes) if size_of else 0)
        if kind == CUT_TEXT:
            return self._skip_text(size)
        data = self.take(size)
        return None if data is None else parse(data)

    def _skip_text(self, size: int) -> CutText:
        there = min(size, len(self._bytes))
        del self._bytes[:there]
        self._skip = size - there
        return CutText()


def _encodings_size(data: bytearray) -> int:
    count = int.from_bytes(data[2:4])
    if count > MOST_ENCODINGS:
        raise RfbError(f"it knows {count} encodings; there can be {MOST_ENCODINGS}")
    return 4 * count


def _text_size(data: bytearray) -> int:
    """Of the extended clipboard (a negative length) as well."""
    size = abs(int.from_bytes(data[4:8], signed=True))
    if size > MOST_TEXT:
        raise RfbError(f"it sent a clipboard of {size} bytes; there can be {MOST_TEXT}")
    return size


def _fence_size(data: bytearray) -> int:
    if data[8] > MOST_FENCE:
        raise RfbError(f"it sent a fence of {data[8]} bytes; there can be {MOST_FENCE}")
    return data[8]


def _screens_size(data: bytearray) -> int:
    if data[6] > MOST_SCREENS:
        raise RfbError(f"it wants {data[6]} screens; there can be {MOST_SCREENS}")
    return 16 * data[6]


def _qemu_size(data: bytearray) -> int:
    if data[1]:
        raise RfbError(f"it sent QEMU's message of type {data[1]}, which it was not offered")
    return 0


def _set_pixel_format(data: bytes) -> Message:
    return SetPixelFormat(PixelFormat.parse(data[4:20]))


def _set_encodings(data: bytes) -> Message:
    return SetEncodings(struct.unpack(f">{len(data) // 4 - 1}i", data[4:]))


def _update_request(data: bytes) -> Message:
    return UpdateRequest(bool(data[1]), Rect(*struct.unpack(">HHHH", data[2:10])))


def _key(data: bytes) -> Message:
    return Key(bool(data[1]), int.from_bytes(data[4:8]))


def _pointer(data: bytes) -> Message:
    return Pointer(*struct.unpack(">BHH", data[1:6]))


def _continuous(data: bytes) -> Message:
    return EnableContinuousUpdates(bool(data[1]), Rect(*struct.unpack(">HHHH", data[2:10])))


def _fence(data: bytes) -> Message:
    return Fence(int.from_bytes(data[4:8]), data[9:])


def _set_desktop_size(data: bytes) -> Message:
    return SetDesktopSize(*struct.unpack(">HH", data[2:6]))


def _extended_key(data: bytes) -> Message:
    down, keysym, number = struct.unpack(">HII", data[2:12])
    return Key(bool(down), keysym, number)


CUT_TEXT = 6
# type -> bytes of its head, what follows by the head, how it is read
KINDS: dict[int, tuple[int, Callable[[bytearray], int] | None, Callable[[bytes], Message]]] = {
    0: (20, None, _set_pixel_format),
    2: (4, _encodings_size, _set_encodings),
    3: (10, None, _update_request),
    4: (8, None, _key),
    5: (6, None, _pointer),
    CUT_TEXT: (8, _text_size, lambda data: CutText()),
    150: (10, None, _continuous),
    248: (9, _fence_size, _fence),
    251: (8, _screens_size, _set_desktop_size),
    255: (12, _qemu_size, _extended_key),
}
