"""A wire that several chips drive: high while any of them is. The board's interrupts and its A20 gate are such wires.

Its level is not state: after a load, every driver has restored its own line, and `restore` derives this one from
them without telling anybody.
"""

from collections.abc import Callable

from playhead.hw.line import Line, SoleLine


class SharedLine:
    """`drivers` are the chips' output lines; `listeners` hear of changes."""

    def __init__(self, name: str):
        self.line = Line(name)
        self.drivers: list[Line] = []
        self._sole: Line | None = None  # the one that counts, if it is one alone
        self.raised = 0  # how often, since it was made: for people, no state
        self.line.connect(self._count)

    def driver(self, name: str) -> Line:
        """A new line for a chip to drive."""
        return self.attach(Line(f"{self.line.name}.{name}"))

    def attach(self, line: Line) -> Line:
        """Let an output that exists already drive this wire too."""
        self.drivers.append(line)
        line.connect(self._follow)
        return line

    def sole_driver(self, name: str) -> SoleLine:
        """A new line that can take the wire from all others."""
        return SoleLine(self.driver(name), self._take, self._taken)

    def _take(self, line: Line | None) -> None:
        self._taken(line)
        self.line.set(self._level())

    def _taken(self, line: Line | None) -> None:
        self._sole = line

    def connect(self, listener: Callable[[bool], None]) -> None:
        self.line.connect(listener)

    def _count(self, level: bool) -> None:
        self.raised += level

    def _level(self) -> bool:
        return self._sole.level if self._sole is not None else any(line.level for line in self.drivers)

    def _follow(self, level: bool) -> None:
        self.line.set(self._level())

    def restore(self) -> None:
        self.line.restore(self._level())
