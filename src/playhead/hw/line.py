"""A wire: a level, and listeners that are called when the level changes.

The level of a line is not state of its own: the device that drives it sets it again in `loaded`. A listener that needs
to remember edges (an 8259) does so in its own declared state.
"""

from collections.abc import Callable


class SoleLine:
    """A line that drives a wire as others do, and can `take` it: then the others have no effect on it."""

    def __init__(self, line: "Line", follow: Callable[["Line | None"], None], restore: Callable[["Line | None"], None]):
        self.line, self._follow, self._restore = line, follow, restore

    def take(self, on: bool) -> None:
        self._follow(self.line if on else None)

    def restore(self, level: bool, taken: bool) -> None:
        """After a load, without telling anybody (as `Line.restore`)."""
        self.line.restore(level)
        self._restore(self.line if taken else None)


class Line:
    """An interrupt or signal line; `set(level)` informs the listeners on a change only."""

    __slots__ = ("_listeners", "level", "name")

    def __init__(self, name: str = ""):
        self.name = name
        self.level = False
        self._listeners: list[Callable[[bool], None]] = []

    def connect(self, listener: Callable[[bool], None]) -> None:
        self._listeners.append(listener)

    def set(self, level: bool) -> None:
        if level != self.level:
            self.level = level
            for listener in self._listeners:
                listener(level)

    def restore(self, level: bool) -> None:
        """Set the level after a load without telling anybody: the listeners' own state already reflects it."""
        self.level = level

    def pulse(self) -> None:
        self.set(True)
        self.set(False)
