"""A VNC client for tests, written from the protocol and independent of the server: decodes into a picture, checks what
it is sent. Without sockets: `receive` bytes, look at `frame`, `events`.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

NATIVE = (32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
RAW, HEXTILE, ZLIB, TIGHT = 0, 5, 6, 7


class Incomplete(Exception):
    """More bytes are needed."""


class Decoder:
    """Behind the handshake. `events`: what was told beside pixels; `updates`: of each the rectangles' heads."""

    def __init__(self, width: int, height: int, format: tuple = NATIVE):
        self.format = format
        self.frame = np.zeros((height, width), np.uint32)  # the client's pixels, as numbers
        self.events: list[tuple] = []
        self.updates: list[list[tuple]] = []
        self._data = b""
        self._at = 0
        self._zlib = zlib.decompressobj()
        self._tight = [zlib.decompressobj() for _ in range(4)]

    @property
    def size(self) -> int:
        return self.format[0] // 8

    def receive(self, data: bytes) -> None:
        """Whole messages only are expected: an incomplete one is an error."""
        self._data, self._at = data, 0
        while self._at < len(data):
            self._message()

    def _take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise Incomplete(f"{size} bytes at {self._at} of {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _message(self) -> None:
        kind = self._number(1)
        if kind == 0:
            self._take(1)
            heads: list[tuple] = []
            self.updates.append(heads)
            for _ in range(self._number(2)):
                head = struct.unpack(">HHHHi", self._take(12))
                heads.append(head)
                self._rectangle(*head)
        elif kind == 1:
            self._take(1)
            first, count = struct.unpack(">HH", self._take(4))
            self.events.append(("map", first, [struct.unpack(">HHH", self._take(6)) for _ in range(count)]))
        elif kind == 150:
            self.events.append(("end of continuous updates",))
        elif kind == 248:
            flags = struct.unpack(">xxxI", self._take(7))[0]
            self.events.append(("fence", flags, self._take(self._number(1))))
        else:
            raise AssertionError(f"message {kind}")

    def _rectangle(self, x, y, width, height, encoding) -> None:
        if encoding == -223:
            self.frame = np.zeros((height, width), np.uint32)
            self.events.append(("size", width, height))
        elif encoding == -308:
            count = self._number(1)
            self._take(3)
            screens = [struct.unpack(">IHHHHI", self._take(16)) for _ in range(count)]
            self.events.append(("screens", x, y, width, height, screens))
            if (height, width) != self.frame.shape:
                self.frame = np.zeros((height, width), np.uint32)
        elif encoding == -307:
            self.events.append(("name", self._take(self._number(4)).decode()))
        elif encoding == -261:
            self.events.append(("leds", self._number(1)))
        elif encoding in (-257, -258):
            self.events.append((encoding, x, y, width, height))
        else:
            assert x + width <= self.frame.shape[1] and y + height <= self.frame.shape[0], (x, y, width, height)
            assert width and height
            decode = {RAW: self._raw, HEXTILE: self._hextile, ZLIB: self._zlibbed, TIGHT: self._tightly}[encoding]
            self.frame[y : y + height, x : x + width] = decode(width, height)

    def _pixels(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, f"{'>' if self.format[2] else '<'}u{self.size}").astype(np.uint32)

    def _raw(self, width, height):
        return self._pixels(self._take(width * height * self.size)).reshape(height, width)

    def _zlibbed(self, width, height):
        data = self._zlib.decompress(self._take(self._number(4)))
        assert len(data) == width * height * self.size
        return self._pixels(data).reshape(height, width)

    def _hextile(self, width, height):
        out = np.zeros((height, width), np.uint32)
        background = foreground = None
        for y in range(0, height, 16):
            for x in range(0, width, 16):
                tile = out[y : y + 16, x : x + 16]
                flags = self._number(1)
                if flags & 1:
                    tile[:] = self._raw(tile.shape[1], tile.shape[0])
                    background = foreground = None
                    continue
                if flags & 2:
                    background = self._pixels(self._take(self.size))[0]
                assert background is not None, "no background has been said"
                tile[:] = background
                if flags & 4:
                    foreground = self._pixels(self._take(self.size))[0]
                for _ in range(self._number(1) if flags & 8 else 0):
                    colour = self._pixels(self._take(self.size))[0] if flags & 16 else foreground
                    assert colour is not None
                    where, how_large = self._number(1), self._number(1)
                    left, top = where >> 4, where & 15
                    right, bottom = left + (how_large >> 4) + 1, top + (how_large & 15) + 1
                    assert right <= tile.shape[1] and bottom <= tile.shape[0]
                    tile[top:bottom, left:right] = colour
        return out

    def _colours(self, count):
        if self.format[0] == 32 and self.format[1] == 24 and self.format[4:7] == (255, 255, 255):
            rgb = np.frombuffer(self._take(3 * count), np.uint8).reshape(-1, 3).astype(np.uint32)
            return sum(rgb[:, n] << self.format[7 + n] for n in range(3))
        return self._pixels(self._take(self.size * count))

    def _length(self):
        size = shift = 0
        for bits in (7, 7, 8):
            byte = self._number(1)
            size |= (byte & 127 if bits == 7 else byte) << shift
            shift += bits
            if bits == 7 and not byte & 128:
                break
        return size

    def _tightly(self, width, height):
        assert width <= 2048
        control = self._number(1)
        for n in range(4):
            if control >> n & 1:
                self._tight[n] = zlib.decompressobj()
        how = control >> 4
        if how == 8:
            return np.full((height, width), self._colours(1)[0])
        if how == 9:
            data = self._take(self._length())
            rgb = np.asarray(Image.open(io.BytesIO(data))).astype(np.uint32)
            assert rgb.shape == (height, width, 3)
            self.events.append(("jpeg", len(data)))
            return sum(rgb[:, :, n] << self.format[7 + n] for n in range(3))
        assert how < 8, how
        if how & 4 and self._number(1) == 1:
            colours = self._colours(self._number(1) + 1)
            assert len(colours) > 1
            row = (width + 7) // 8 if len(colours) == 2 else width
            data = np.frombuffer(self._stream(how & 3, row * height), np.uint8).reshape(height, row)
            return colours[np.unpackbits(data, axis=1)[:, :width] if len(colours) == 2 else data]
        pixel = 3 if self.format[0] == 32 and self.format[1] == 24 else self.size
        data = self._stream(how & 3, width * height * pixel)
        kept, self._data, at, self._at = self._data, data, self._at, 0
        out = self._colours(width * height).reshape(height, width)
        self._data, self._at = kept, at
        return out

    def _stream(self, number, size):
        if size < 12:
            return self._take(size)
        data = self._tight[number].decompress(self._take(self._length()))
        assert len(data) == size
        return data


def set_pixel_format(format: tuple) -> bytes:
    return struct.pack(">BxxxBBBBHHHBBBxxx", 0, *format)


def set_encodings(*encodings: int) -> bytes:
    return struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings)


def request(incremental: bool, x: int, y: int, width: int, height: int) -> bytes:
    return struct.pack(">BBHHHH", 3, incremental, x, y, width, height)


def key(down: bool, keysym: int) -> bytes:
    return struct.pack(">BBxxI", 4, down, keysym)


def extended_key(down: bool, keysym: int, number: int) -> bytes:
    return struct.pack(">BBHII", 255, 0, down, keysym, number)


def pointer(buttons: int, x: int, y: int) -> bytes:
    return struct.pack(">BBHH", 5, buttons, x, y)


def fence(flags: int, data: bytes) -> bytes:
    return struct.pack(">BxxxIB", 248, flags, len(data)) + data


def continuous(on: bool, x: int, y: int, width: int, height: int) -> bytes:
    return struct.pack(">BBHHHH", 150, on, x, y, width, height)


def in_format(frame: np.ndarray, format: tuple) -> np.ndarray:
    """A picture of 0x00RRGGBB as a client with this format (maxima of 2^n - 1) has it."""
    out = np.zeros(frame.shape, np.uint32)
    for n, at in enumerate((16, 8, 0)):
        most, shift = format[4 + n], format[7 + n]
        out |= ((frame >> at & 255) >> (8 - most.bit_length())) << shift
    return out


# pictures to send


def text_screen(width: int = 720, height: int = 400, seed: int = 1) -> np.ndarray:
    """Like a text mode: cells of two colours out of sixteen."""
    made = np.random.default_rng(seed)
    palette = made.integers(0, 1 << 24, 16, dtype=np.uint32)
    rows, columns = -(-height // 16), -(-width // 9)
    inks = palette[made.integers(0, 16, (rows, columns))].repeat(16, 0).repeat(9, 1)[:height, :width]
    glyphs = made.integers(0, 2, (height, width), dtype=np.uint32) * (made.integers(0, 3, (height, width)) == 0)
    return np.where(glyphs == 1, inks, palette[0]).astype(np.uint32)


def photograph(width: int = 320, height: int = 200, seed: int = 2) -> np.ndarray:
    """Many colours, with noise in them."""
    made = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    slopes = ((1, 2), (3, 1), (2, 2))
    red, green, blue = (((x * a + y * b) // 3 + made.integers(0, 9, x.shape)) & 255 for a, b in slopes)
    return (red << 16 | green << 8 | blue).astype(np.uint32)
