"""What a session needs of a machine, and what the machine gets from the session."""

from collections.abc import Callable
from typing import Any, Protocol

from playhead.log.console import DEBUGCON

Printed = Callable[[int, bytes], None]


class Sink(Protocol):
    """Where a character device's output goes (`hw.door.Sink`)."""

    def write(self, data: bytes) -> None: ...


class StopLike(Protocol):
    """Why `run` returned."""

    @property
    def kind(self) -> str:
        """budget (the moment was reached), halted, shutdown, reset, kick."""
        ...

    @property
    def deadline_ns(self) -> int:
        """halted: the next alarm, or `base.units.NEVER`."""
        ...

    @property
    def cause(self) -> str:
        """shutdown and reset: in the words of `log.causes`."""
        ...

    @property
    def status(self) -> int:
        """shutdown: the exit status that the guest asks for."""
        ...


class MachineLike(Protocol):
    """A machine as sessions see it. (icount, seq) is the moment; it never goes back, not even over a reset."""

    on_delivery: Callable[[str, int | None], None] | None
    """If not None: called behind each delivery, with "interrupt" or "exception" and the vector."""

    @property
    def icount(self) -> int: ...

    @property
    def seq(self) -> int: ...

    def now_ns(self) -> int:
        """Virtual time."""
        ...

    def run(self, until_icount: int, until_seq: int = 0) -> Any:
        """Run until the moment is (until_icount, until_seq) or later, or stop earlier for a reason (`StopLike`).

        Called at or after that moment it does nothing (budget). A halted CPU with nothing due stays at its moment:
        `halted`. Every delivery and every ringing of alarms moves `seq` on. Where it stops does not change what
        happens: run(a); run(b) is run(b). It stops (also for a kick) before the boundary of its moment: alarms that
        are due then and interrupts that are pending are the next call's.
        """
        ...

    def warp(self, to_ns: int) -> None:
        """Move a halted CPU's virtual time forward; what becomes due rings at the next `run`, which moves the moment
        on.
        """
        ...

    def set_shift(self, shift: int) -> None:
        """From now on an instruction takes 2**shift ns; virtual time goes on without a jump."""
        ...

    def serial_receive(self, port: int, data: bytes) -> int: ...

    def serial_room(self, port: int) -> int: ...

    def reset(self) -> None: ...

    def digest_parts(self) -> dict[str, bytes]:
        """The digest of each part, 16 bytes, always the same names in the same order."""
        ...

    def take_checkpoint(self) -> tuple[dict[str, bytes], dict[int, bytes]] | None:
        """The state of every part by name, and the pages of its memory that were written since the last call (the
        first: since it was made), by page number. None if this moment has no state of its own: the last instruction
        asked for a reset or an end, and that has not happened yet. Changes nothing in the guest.
        """
        ...

    def kick(self) -> None:
        """From any thread: make `run` return soon."""
        ...


class Tap:
    """A sink that counts what goes through it (a session that hears nothing for long gives a hint), and tells of it:
    `port` is the number by which a recording's console calls it.
    """

    def __init__(self, sink: Sink, port: int, printed: Printed):
        self._sink, self._port, self._printed = sink, port, printed
        self.count = 0

    def write(self, data: bytes) -> None:
        self.count += len(data)
        self._printed(self._port, data)
        self._sink.write(data)


def _unheard(port: int, data: bytes) -> None:
    """Nobody wants to know what is printed."""


class Door:
    """What the machine may use of the outside. Calls come from inside `run`, possibly through native code: none
    raises.
    """

    def __init__(self, clock: Any, serial: list[Sink], debugcon: Sink, disks: Any = None,
                 printed: Printed = _unheard):  # fmt: skip
        """`printed` is told of all output, by port: COM1 is 0."""
        self._clock = clock
        self.disks = disks  # what is behind the machine's storage (`machine.storage.Backing`)
        self.taps = [Tap(s, port, printed) for port, s in enumerate(serial)] + [Tap(debugcon, DEBUGCON, printed)]
        self.serial_sinks: list[Sink] = list(self.taps[:-1])
        self.debugcon: Sink = self.taps[-1]

    def host_clock_ns(self) -> int:
        """Nanoseconds since 1970, UTC; recorded, or answered from the recording."""
        return int(self._clock())


class _Nobody:
    def write(self, data: bytes) -> None:
        pass


def closed_door(ports: int) -> Door:
    """The outside of a machine that is only made, to be compared with."""
    return Door(lambda: 0, [_Nobody()] * ports, _Nobody())
