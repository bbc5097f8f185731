"""Numbers of the protocol: security types, messages, encodings, pseudo-encodings; and the error that ends a connection.

RFC 6143, the community's list of extensions (github.com/rfbproto/rfbproto), QEMU's own numbers.
"""

from typing import NamedTuple


class RfbError(Exception):
    """A client does what the protocol does not allow: it is let go, and the text says why."""


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def of(self) -> tuple[slice, slice]:
        """Where it is in an array of rows."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def moved(self, x: int, y: int) -> "Rect":
        return Rect(self.x + x, self.y + y, self.width, self.height)

    def common(self, other: "Rect") -> "Rect | None":
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, right - x, bottom - y) if x < right and y < bottom else None

    def around(self, other: "Rect | None") -> "Rect":
        """The smallest one that has both in it."""
        if other is None:
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)


# security types
INVALID, NONE, VNC_AUTH = 0, 1, 2

# messages to the client
FRAMEBUFFER_UPDATE, SET_COLOUR_MAP = 0, 1
END_OF_CONTINUOUS_UPDATES, SERVER_FENCE = 150, 248

# encodings
RAW, HEXTILE, ZLIB, TIGHT = 0, 5, 6, 7
ENCODINGS = (RAW, HEXTILE, ZLIB, TIGHT)

# pseudo-encodings: what a client understands beside
DESKTOP_SIZE, POINTER_TYPE_CHANGE, EXTENDED_KEY_EVENT, LED_STATE = -223, -257, -258, -261
DESKTOP_NAME, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES = -307, -308, -312, -313
QUALITY = range(-32, -22)  # JPEG quality 0 to 9
COMPRESSION = range(-256, -246)  # compression level 0 to 9

# flags of a fence
FENCE_BLOCK_BEFORE, FENCE_BLOCK_AFTER, FENCE_SYNC_NEXT, FENCE_REQUEST = 1, 2, 4, 1 << 31
