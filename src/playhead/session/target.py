"""The two sides of a session: the machine that it needs (`MachineLike`), and what it gives to a machine (`Door`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from playhead.base.record import BytesLike
from playhead.log.console import number_of
from playhead.log.events import ClockHost, Event
from playhead.log.hot_blocks import HotBlock
from playhead.machine.debug import Access, Delivery

Printed = Callable[[int, bytes, Sequence[int]], None]


class Sink(Protocol):
    """Where a character device's output goes (`hw.door.Sink`)."""

    def write(self, data: bytes, icounts: Sequence[int]) -> None: ...


class StopLike(Protocol):
    """Why `run` returned."""

    @property
    def kind(self) -> str:
        """budget (the moment was reached), halted, shutdown, reset, suspend, wakeup, kick, input."""
        ...

    @property
    def deadline_ns(self) -> int:
        """halted: the next alarm, or `base.units.NEVER`."""
        ...

    @property
    def cause(self) -> str:
        """shutdown and reset: in the words of `log.causes`; wakeup: the reason (`hw.door.Requests`)."""
        ...

    @property
    def status(self) -> int:
        """shutdown: the exit status that the guest requested."""
        ...

    @property
    def accesses(self) -> tuple[Access, ...]:
        """watch: those that were met."""
        ...

    @property
    def delivery(self) -> Delivery | None:
        """delivery, and it may be beside a watch: the interrupt or exception whose handler was entered."""
        ...


class Follower(Protocol):
    """A log of the emulator (`monitor.log_items`): it hears of all that happens, and changes nothing."""

    def follow(self, session: Any) -> None: ...

    def close(self) -> None: ...


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

    def run(self, until_icount: int, until_seq: int = 0) -> StopLike:
        """Run until the moment is (until_icount, until_seq) or later, or stop earlier for a reason (`StopLike`).

        Called at or after that moment it does nothing (budget). A halted CPU with nothing due stays at its moment:
        `halted`. Every delivery and every ringing of alarms moves `seq` on. Where it stops does not change what
        happens: run(a); run(b) is run(b). It stops (also for a kick) before the boundary of its moment: alarms that
        are due then and interrupts that are pending are the next call's.
        """
        ...

    def warp(self, to_ns: int) -> None:
        """Move a halted CPU's virtual time forward. Alarms that become due ring at the next `run`."""
        ...

    def set_shift(self, shift: int) -> None:
        """From now on an instruction takes 2**shift ns; virtual time does not jump."""
        ...

    @property
    def shift(self) -> int: ...

    hot_blocks: Sequence[HotBlock]
    """Where the guest spent its time. What is assigned to it is compiled first; nothing else comes of it."""

    @property
    def devices(self) -> Mapping[str, Any]:
        """Its devices by name. A source of input talks to its own (`hw.inputs`)."""
        ...

    def reset(self) -> None: ...

    @property
    def suspended(self) -> bool:
        """Whether it is suspended to RAM: like a halted CPU that only `wake_up` or `reset` wakes."""
        ...

    def suspend(self) -> None:
        """The guest has asked for it (`suspend`)."""
        ...

    def wake_up(self, reason: str) -> None:
        """Something wakes it (`wakeup`)."""
        ...

    def digest_parts(self) -> dict[str, bytes]:
        """The digest of each part, 16 bytes, always the same names in the same order."""
        ...

    def note_digest(self) -> None:
        """Keep what the digest of now is made from: cheaper than to make it at once."""
        ...

    def noted_digests(self) -> list[dict[str, bytes]]:
        """What `digest_parts` would have given at each `note_digest` since the last call, in order."""
        ...

    def take_checkpoint(self) -> tuple[dict[str, bytes], dict[int, BytesLike]] | None:
        """The state of every part by name, and the pages of its memory that were written since the last call (the
        first: since it was made), by page number. None if this moment has no state of its own: the last instruction
        asked for a reset or an end, and that has not happened yet. Changes nothing in the guest.
        """
        ...

    def unsaved_pages(self) -> int:
        """How many pages the next checkpoint would have, as far as the last digest saw."""
        ...

    def kick(self) -> None:
        """From any thread: make `run` return soon (`kick`)."""
        ...

    def take_input(self) -> None:
        """From a device, inside `run`: make it return right behind the instruction under way (`input`)."""
        ...


class End(Protocol):
    """The host's side of a character device."""

    def write(self, data: bytes) -> None: ...


class Tap:
    """A sink that counts bytes (a session whose guest prints nothing for long gives a hint), and reports them. `port`
    is its number in a recording's console.
    """

    def __init__(self, end: End, port: int, printed: Printed):
        self._end, self._port, self._printed = end, port, printed
        self.count = 0

    def write(self, data: bytes, icounts: Sequence[int]) -> None:
        self.count += len(data)
        self._printed(self._port, data, icounts)
        self._end.write(data)


def _unheard(port: int, data: bytes, icounts: Sequence[int]) -> None:
    """For sessions that ignore output."""


class Door:
    """All that the machine may use of the outside: what its devices are connected to, and input that they ask for.
    Calls come from inside `run`, possibly through native code, so none may raise.

    `ends`: by the name of the device (`serial0`, `debugcon`, ...); `disks` is behind all drives (`storage.Backing`).
    Those that print are tapped.
    """

    def __init__(self, ends: Mapping[str, Any], ask: Callable[[type[Event]], Any], printed: Printed = _unheard):
        """`ask` gives an event of a kind that devices ask for (`pulled`). `printed` is called with all output, and the
        port's number in a recording's console.
        """
        self.ask = ask
        self.ends: dict[str, Any] = {}
        self.taps: list[Tap] = []
        for name, end in ends.items():
            number = number_of(name)
            if number is not None:
                end = Tap(end, number, printed)
                self.taps.append(end)
            self.ends[name] = end

    def host_clock_ns(self) -> int:
        """Nanoseconds since 1970, UTC; recorded, or answered from the recording."""
        return int(self.ask(ClockHost).ns)


class _Nobody:
    def write(self, data: bytes) -> None:
        pass


def serial_ports(ends: Mapping[str, Any]) -> int:
    """The number of serial ports among these ends."""
    return sum(name.startswith("serial") for name in ends)


def has_network(ends: Mapping[str, Any]) -> bool:
    return any(name.startswith("net") for name in ends)


def closed_door(ports: int) -> Door:
    """For a machine that is only built, and compared with another one."""
    names = [*(f"serial{n}" for n in range(ports)), "debugcon"]
    return Door({name: _Nobody() for name in names}, lambda kind: kind())
