"""One client, from its first byte to its last: bytes in (`feed`), bytes out (`out`), and the picture that it has.

Whoever owns the connection gives it the screen (`update`) when it `wants` one: when the client has asked, and has read
all that was sent before. So a slow client gets fewer pictures, and never makes anything grow. Bytes are not read while
too much that they cause is unsent (`reading`). What a client does wrong is an RfbError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from playhead.host.display.rfb import security, wire
from playhead.host.display.rfb.encoder import Encoder
from playhead.host.display.rfb.messages import (
    EnableContinuousUpdates,
    Fence,
    Key,
    Message,
    Pointer,
    Reader,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    UpdateRequest,
)
from playhead.host.display.rfb.pixel_format import MAPPED, NATIVE, colour_map
from playhead.host.display.rfb.view import View
from playhead.host.display.rfb.wire import Rect, RfbError

if TYPE_CHECKING:
    from playhead.host.display.rfb.pixel_format import Frame

VERSION = b"RFB 003.008\n"
MOST_REPLIES = 1 << 16  # bytes that messages have caused and the client has not read
MOST_FENCES = 2  # updates under way to a client that updates continuously and tells what has arrived
PROHIBITED = 1  # the status of a resize


class Stage(Enum):
    VERSION = auto()
    SECURITY = auto()
    CHALLENGE = auto()
    CLIENT_INIT = auto()
    ADMISSION = auto()  # the owner says whether it may come in: `admit`
    WAITING = auto()  # for a picture, whose size it is told: `begin`
    CONNECTED = auto()
    OVER = auto()  # nothing more but what is in `out`


class Connection:
    """`password`: gives the one that is valid, or None if nobody may log in; without it, everybody may. `challenge`:
    random bytes. `lossy`: JPEG is allowed.
    """

    def __init__(self, name: str, password: Callable[[], str | None] | None = None, challenge: bytes = b"", *,
                 lossy: bool = False):  # fmt: skip
        self.stage = Stage.VERSION
        self.out = bytearray(VERSION)
        self.shared = True
        self.failure = ""  # why it is over, if that is the client's fault
        self.typed: list[Key | Pointer] = []  # what it has sent, to be taken
        self._name, self._password, self._challenge, self._lossy = name, password, challenge, lossy
        self._reader = Reader()
        self._minor = 8
        self._replied = 0
        self._format = NATIVE
        self._encoder = Encoder()
        self._encoding = wire.RAW
        self._knows: frozenset[int] = frozenset()
        self._ever: frozenset[int] = frozenset()  # what it has understood at some time: may be used for good
        self._view = View()
        self._size_told = True  # False: it understands the extended form, and has not been told in it
        self._fences = 0  # sent with updates and not answered
        self._held_fence: bytes | None = None  # an answer that goes behind the next message
        self._title = self._told_title = name
        self._leds: int | None = None

    # what the owner asks

    @property
    def relative(self) -> bool:
        """Whether its pointer tells movements: places around 7FFFh."""
        return wire.POINTER_TYPE_CHANGE in self._knows

    @property
    def tells_locks(self) -> bool:
        """Whether it keeps its own locks as the guest's keyboard has them."""
        return wire.LED_STATE in self._knows and self._leds is not None

    @property
    def reading(self) -> bool:
        """Whether more bytes are of use now."""
        return self.stage not in (Stage.ADMISSION, Stage.WAITING, Stage.OVER) and self._replied <= MOST_REPLIES

    @property
    def wants(self) -> bool:
        """Whether it is to be given the screen."""
        if self.stage is Stage.WAITING:
            return True
        return self.stage is Stage.CONNECTED and self._view.waited_for and not self.out and self._fences < MOST_FENCES

    # bytes

    def feed(self, data: bytes) -> None:
        """Raises RfbError."""
        self._reader.feed(data)
        while self.reading and self._step():
            pass

    def sent(self, size: int) -> None:
        """So many bytes of `out` have gone. Raises RfbError, for messages that had to wait for that."""
        del self.out[:size]
        if not self.out and self._replied:
            self._replied = 0
            self.feed(b"")

    def _reply(self, data: bytes) -> None:
        self.out += data
        self._replied += len(data)

    def _step(self) -> bool:
        """Do what the next bytes say; False if there are not enough of them."""
        if self.stage is Stage.CONNECTED:
            held, self._held_fence = self._held_fence, None
            message = self._reader.next()
            if message is None:
                self._held_fence = held
                return False
            self._obey(message)
            if held is not None:
                self._reply(held)
            return True
        size, step = {
            Stage.VERSION: (len(VERSION), self._version), Stage.SECURITY: (1, self._security),
            Stage.CHALLENGE: (security.CHALLENGE_BYTES, self._answered), Stage.CLIENT_INIT: (1, self._client_init),
        }[self.stage]  # fmt: skip
        data = self._reader.take(size)
        if data is None:
            return False
        step(data)
        return True

    # the handshake

    def _version(self, data: bytes) -> None:
        if not data.startswith(b"RFB ") or data[7:8] != b"." or data[11:] != b"\n" or not (
            data[4:7] + data[8:11]).isdigit():  # fmt: skip
            raise RfbError("it does not speak RFB")
        major, minor = int(data[4:7]), int(data[8:11])
        if major != 3 or minor not in (3, 4, 5, 7, 8):
            reason = b"only RFB 3.3, 3.7 and 3.8 are spoken here"
            self._over(f"it speaks RFB {major}.{minor}; there is 3.3, 3.7, 3.8")
            self._reply(bytes(4) + len(reason).to_bytes(4) + reason)
            return
        self._minor = minor if minor >= 7 else 3
        kind = wire.NONE if self._password is None else wire.VNC_AUTH
        if self._minor == 3:
            self._reply(kind.to_bytes(4))
            self._chosen(kind)
        else:
            self._reply(bytes([1, kind]))
            self.stage = Stage.SECURITY

    def _security(self, data: bytes) -> None:
        if data[0] != (wire.NONE if self._password is None else wire.VNC_AUTH):
            self._refuse("it chose a security type that it was not offered")
            return
        self._chosen(data[0])

    def _chosen(self, kind: int) -> None:
        if kind == wire.VNC_AUTH:
            self._reply(self._challenge)
            self.stage = Stage.CHALLENGE
            return
        if self._minor == 8:
            self._reply(bytes(4))
        self.stage = Stage.CLIENT_INIT

    def _answered(self, data: bytes) -> None:
        password = self._password() if self._password is not None else None
        if password is None or not security.is_answer(data, password, self._challenge):
            self._refuse("no password is valid now" if password is None else "it gave a wrong password")
            return
        self._reply(bytes(4))
        self.stage = Stage.CLIENT_INIT

    def _refuse(self, why: str) -> None:
        reason = b"Authentication failed"
        self._reply((1).to_bytes(4) + (len(reason).to_bytes(4) + reason if self._minor == 8 else b""))
        self._over(why)

    def _over(self, why: str) -> None:
        self.stage, self.failure = Stage.OVER, why

    def _client_init(self, data: bytes) -> None:
        self.shared = data[0] != 0
        self.stage = Stage.ADMISSION

    def admit(self) -> None:
        """The owner has nothing against it."""
        self.stage = Stage.WAITING

    def begin(self, width: int, height: int) -> None:
        """Tell it the screen's size; from now on it is connected. Raises RfbError."""
        name = self._name.encode()
        self._view.resize(width, height)
        self._reply(struct.pack(">HH", width, height) + NATIVE.packed + len(name).to_bytes(4) + name)
        self.stage = Stage.CONNECTED
        self.feed(b"")

    # messages

    def _obey(self, message: Message) -> None:
        if isinstance(message, Key | Pointer):
            self.typed.append(message)
        elif isinstance(message, UpdateRequest):
            self._view.ask(message.area, message.incremental)
        elif isinstance(message, SetEncodings):
            self._set_encodings(message.encodings)
        elif isinstance(message, SetPixelFormat):
            self._format = message.format
            if message.format == MAPPED:
                self._reply(colour_map())
        elif isinstance(message, EnableContinuousUpdates):
            self._set_continuous(message)
        elif isinstance(message, Fence):
            self._fence(message)
        elif isinstance(message, SetDesktopSize):
            self._reply(self._screens(reason=1, status=PROHIBITED))

    def _set_encodings(self, encodings: tuple[int, ...]) -> None:
        self._knows = frozenset(encodings)
        new = self._knows - self._ever
        self._ever |= new
        self._encoding = next((one for one in encodings if one in wire.ENCODINGS), wire.RAW)
        level = next((one - wire.COMPRESSION[0] for one in encodings if one in wire.COMPRESSION), None)
        quality = next((one - wire.QUALITY[0] for one in encodings if one in wire.QUALITY), None)
        self._encoder.tune(level, quality if self._lossy else None)
        whole = self._view.whole
        for pseudo in (wire.EXTENDED_KEY_EVENT, wire.POINTER_TYPE_CHANGE):
            if pseudo in encodings:
                self._reply(_update([_head(whole, pseudo)]))
        if wire.LED_STATE in encodings and self._leds is not None:
            self._reply(self._lights())
        if wire.CONTINUOUS_UPDATES in new:
            self._reply(bytes([wire.END_OF_CONTINUOUS_UPDATES]))
        if wire.FENCE in new:
            self._reply(_fence_message(wire.FENCE_REQUEST | wire.FENCE_BLOCK_BEFORE, b"offer"))
        if wire.EXTENDED_DESKTOP_SIZE in new:
            self._size_told = False

    def _set_continuous(self, message: EnableContinuousUpdates) -> None:
        if wire.CONTINUOUS_UPDATES not in self._ever:
            raise RfbError("it wants continuous updates, which it was not offered")
        was_on = self._view.continuous is not None
        self._view.continuous = message.area if message.on else None
        if was_on and not message.on:
            self._reply(bytes([wire.END_OF_CONTINUOUS_UPDATES]))

    def _fence(self, message: Fence) -> None:
        if wire.FENCE not in self._ever:
            raise RfbError("it sent a fence, which it was not offered")
        if not message.flags & wire.FENCE_REQUEST:
            if message.data == b"update":
                self._fences = max(0, self._fences - 1)
            return
        flags = message.flags & (wire.FENCE_BLOCK_BEFORE | wire.FENCE_BLOCK_AFTER | wire.FENCE_SYNC_NEXT)
        answer = _fence_message(flags, message.data)
        if flags & wire.FENCE_SYNC_NEXT:
            self._held_fence = answer
        else:
            self._reply(answer)

    # what the client is told beside pictures

    def light(self, leds: int) -> None:
        """These of the keyboard's lights are lit: scroll lock, num lock, caps lock from bit 0 on."""
        if leds == self._leds:
            return
        self._leds = leds
        if self.stage is Stage.CONNECTED and wire.LED_STATE in self._knows:
            self._reply(self._lights())

    def _lights(self) -> bytes:
        assert self._leds is not None
        return _update([_head(Rect(0, 0, 1, 1), wire.LED_STATE) + bytes([self._leds])])

    def title(self, text: str) -> None:
        """What the window is called from now on; told with the next picture, to clients that understand it."""
        self._title = text

    def _screens(self, reason: int = 0, status: int = 0) -> bytes:
        """The extended form of the screen's size: one screen, which is all of it."""
        whole = self._view.whole
        layout = struct.pack(">BxxxIHHHHI", 1, 0, *whole, 0)
        return _update([_head(Rect(reason, status, whole.width, whole.height), wire.EXTENDED_DESKTOP_SIZE) + layout])

    # pictures

    def update(self, frame: Frame) -> None:
        """Give it the screen as it is now, if it wants that, in as few bytes as its encoding has. Raises RfbError."""
        if self.stage is Stage.WAITING:
            self.begin(frame.shape[1], frame.shape[0])
        if not self.wants:
            return
        self._tell_size(frame)
        if self._title != self._told_title and wire.DESKTOP_NAME in self._knows:
            self._told_title = self._title
            name = self._title.encode()
            self.out += _update([_head(Rect(0, 0, 0, 0), wire.DESKTOP_NAME) + len(name).to_bytes(4) + name])
        self._send(self._view.fitted(frame))

    def _tell_size(self, frame: Frame) -> None:
        """An update of its own, as QEMU does it. A client that does not understand either form keeps its size."""
        height, width = frame.shape
        changed = (width, height) != self._view.whole[2:]
        if wire.EXTENDED_DESKTOP_SIZE in self._knows and (changed or not self._size_told):
            self._view.resize(width, height)
            self._size_told = True
            self.out += self._screens()
        elif changed and wire.DESKTOP_SIZE in self._knows:
            self._view.resize(width, height)
            self.out += _update([_head(self._view.whole, wire.DESKTOP_SIZE)])

    def _send(self, frame: Frame) -> None:
        rects, sharpen = self._view.due(frame)
        if not rects:
            return
        encoding = self._encoding
        parts = [part for rect in rects for part in self._encoder.parts(encoding, rect)]
        self.out += _update([
            _head(part, encoding) + self._encoder.encode(encoding, frame[part.of], self._format, sharpen)
            for part in parts
        ])  # fmt: skip
        self._view.sent(frame, rects, blurred=self._encoder.lossy(encoding) and not sharpen)
        if self._view.continuous is not None and wire.FENCE in self._ever:
            self._fences += 1
            self.out += _fence_message(wire.FENCE_REQUEST | wire.FENCE_BLOCK_BEFORE, b"update")


def _head(area: Rect, encoding: int) -> bytes:
    return struct.pack(">HHHHi", *area, encoding)


def _update(rectangles: list[bytes]) -> bytes:
    return struct.pack(">BxH", wire.FRAMEBUFFER_UPDATE, len(rectangles)) + b"".join(rectangles)


def _fence_message(flags: int, data: bytes) -> bytes:
    return struct.pack(">BxxxIB", wire.SERVER_FENCE, flags, len(data)) + data
