"""What a gdb session needs of the machine that it debugs: a protocol that the timeline implements.

The session knows packets and nothing of machines; the target knows a machine and nothing of packets. A target may be a
machine that runs live, a recording that is being made, or a replay, which alone can go backwards (`can_reverse`).
Whatever it cannot or must not do it answers with `Refused` (or any other `PlayheadError`), whose text reaches the user
of gdb. What it returns need only have the shape of a `Stop`, since the timeline may not import this package.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["continue", "step", "reverse-continue", "reverse-step"]
Reason = Literal["step", "break", "watch", "interrupt", "history-begin", "history-end", "exited", "replay-break"]
Access = Literal["watch", "rwatch", "awatch", ""]

# Kinds of break and watchpoints, numbered as in the packets Z0 to Z4.
SOFTWARE, HARDWARE, WRITE, READ, ACCESS = range(5)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the target has stopped.

    `watch` has the first address that was touched and what kind of watchpoint that was; `exited` has a status, and says
    that there is no machine any more (a replay that is at its end says `history-end` instead); `hardware` tells a
    breakpoint of kind HARDWARE from one of kind SOFTWARE.
    """

    reason: Reason
    address: int = 0
    access: Access = ""
    status: int = 0
    hardware: bool = False


class StopLike(Protocol):
    """The shape of a `Stop`; `reason` and `access` are strings as there."""

    @property
    def reason(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def access(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def hardware(self) -> bool: ...


class Target(Protocol):
    """A processor with registers and memory, stopped between two instructions whenever a method is called."""

    @property
    def can_reverse(self) -> bool:
        """Whether it can go backwards. Told to gdb when it attaches, and never to change after that."""
        ...

    def read_register(self, name: str) -> int:
        """A register of `gdb.registers`, by its name there, not negative. `Refused`: shown as <unavailable>."""
        ...

    def write_register(self, name: str, value: int) -> None:
        """Change it, or `Refused`."""
        ...

    def read_memory(self, address: int, length: int, physical: bool) -> bytes:
        """From a linear address, or a physical one; fewer bytes where memory ends, none if there is nothing at all.
        Must change nothing: no device register is read, no accessed bit set."""
        ...

    def write_memory(self, address: int, data: bytes, physical: bool) -> None:
        """All of it, or `Refused`."""
        ...

    def insert(self, kind: int, address: int, length: int, condition: Callable[[], bool] | None) -> None:
        """A breakpoint (at a linear address; `length` means nothing) or a watchpoint over `length` bytes, as many and
        as long as wanted; `Refused` if impossible. It is ignored where `condition`, evaluated when the target has
        stopped there, does not hold. Never inserted twice without `remove` between."""
        ...

    def remove(self, kind: int, address: int, length: int) -> None:
        """Take back what `insert` did with the same arguments."""
        ...

    def resume(self, kind: Kind, interrupted: Callable[[], bool]) -> StopLike:
        """Resume, and return the reason for stopping; `Refused` if it cannot resume (then it did not).

        A step is one instruction. Breakpoints at the present position do not count: each call gets somewhere. Forwards,
        a watchpoint stops after the instruction that touched the memory; backwards, before it, so that the memory
        holds what it held before. `interrupted` is cheap; ask it often, and stop with `interrupt` when it says True.
        """
        ...

    def rr_command(self, name: str, words: list[str]) -> str | None:
        """A command of rr's by its name there; its answer, or None if there is none such."""
        ...

    def run_again(self, where: str) -> None:
        """Be at the start, or at a moment or a checkpoint (`c1`) of rr's; `Refused` if it cannot."""
        ...

    def monitor(self, text: str, say: Callable[[str], None]) -> None:
        """A command of the user to us. Each `say` is shown at once. A `PlayheadError` is shown as its text."""
        ...
