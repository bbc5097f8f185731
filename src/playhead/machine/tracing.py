"""Watching what a machine does while somebody logs it: deliveries, resets, accesses to devices.

The guest cannot tell. A run that is traced is only cut into more pieces, and accesses that native code would have
answered are answered in Python, which the machine does anyhow wherever a device is not declared.
"""

from collections.abc import Callable
from typing import Any, Protocol

from playhead.hw.space import Space

NOTHING, UNANSWERED, EVERYTHING = range(3)  # which accesses are told of


class Tap(Protocol):
    """Who is told. None of this may change the machine, or raise."""

    @property
    def deliveries(self) -> bool:
        """Whether `delivered` is wanted."""
        ...

    @property
    def accesses(self) -> int:
        """One of NOTHING, UNANSWERED, EVERYTHING."""
        ...

    def delivered(self, kind: str, vector: int | None) -> None: ...

    def resetting(self) -> None:
        """The machine is about to be reset."""

    def accessed(self, space: Space, write: bool, address: int, size: int, value: int) -> None: ...


def watch(space: Space, tell: Callable[[Space, bool, int, int, int], Any]) -> None:
    """Have `tell` called after each access to this space, whole, however the bus splits it."""
    inside = False

    def read(address: int, size: int) -> int:
        nonlocal inside
        if inside:
            return Space.read(space, address, size)
        inside = True
        try:
            value = Space.read(space, address, size)
        finally:
            inside = False
        tell(space, False, address, size, value)
        return value

    def write(address: int, size: int, value: int) -> None:
        nonlocal inside
        if inside:
            Space.write(space, address, size, value)
            return
        inside = True
        try:
            Space.write(space, address, size, value)
        finally:
            inside = False
        tell(space, True, address, size, value)

    space.__dict__.update(read=read, write=write)


def unwatch(space: Space) -> None:
    for name in ("read", "write"):
        space.__dict__.pop(name, None)
