"""Storage as a disk controller sees it: requests start now and end later, at a moment that the session decides.

Nothing that a host's disk does may show in the guest but by a recorded event. So `read` and its kin only start a
request and return its number; when it ends, the session calls `Board.drive_done(id, error, data)` on the controller,
never from inside the call that started it. The controller keeps its pending requests in its declared state, so a
checkpoint may be taken meanwhile; their numbers are part of that state, and are given out in the same way in a replay.

What is written is sampled at the request: `data` is a copy. Whether reads see writes that have not ended yet does not
arise: a drive has at most one request at a time.
"""

from dataclasses import dataclass
from typing import Protocol

SECTOR = 512  # the unit of `sectors`, `lba` and `count`, for a CD-ROM too
NONE, READ, WRITE, FLUSH, DISCARD = range(5)  # kinds of requests
KINDS = ("none", "read", "write", "flush", "discard")


class Drive(Protocol):
    """The storage of a disk or a CD-ROM drive. All of the names below are constant, but `sectors` of a CD-ROM drive,
    which is the size of the medium in it (0: there is none)."""

    @property
    def sectors(self) -> int: ...

    read_only: bool
    serial: str
    model: str

    def read(self, lba: int, count: int) -> int:
        """Start to read; returns the request's number, above 0. Its end brings `count` sectors."""
        ...

    def write(self, lba: int, data: bytes) -> int: ...

    def flush(self) -> int: ...

    def discard(self, lba: int, count: int) -> int: ...

    def cancel(self, id: int) -> None:
        """The end of this request is not wanted any more: the controller was reset. A write may still happen."""
        ...


@dataclass(frozen=True, slots=True)
class InFlight:
    """A pending request of a controller: `drive` is its place among the board's drives."""

    drive: int
    id: int
    kind: int
    lba: int
    count: int


class Tray(Protocol):
    """A CD-ROM drive as its user sees it."""

    @property
    def tray_open(self) -> bool: ...

    @property
    def locked(self) -> bool: ...

    @property
    def sectors(self) -> int:
        """Of the medium in it; 0: there is none."""
        ...
