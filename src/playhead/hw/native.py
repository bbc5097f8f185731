"""Registers that native code answers: their one declaration, in a subset of Python that is compiled.

A device declares what a plain access to its registers does as module-level functions over its state (`SharedRecord`,
which native code reads and writes in place):

    @native
    def read_lsr(s: UartState) -> int:
        if s.overrun:  # reading clears it, which may end an interrupt
            return DECLINED
        return LSR_THRE | LSR_TEMT | (LSR_DR if len(s.rx) else 0)

and gives them to `Space.map` as `Registers(*states, read=..., write=...)`. The Python path calls the same
functions, so there is nothing to keep in step. What a function declines (DECLINED) the device's ordinary handler does,
in Python: whatever changes a line, an alarm, another device or the outside. A function that declines must have changed
nothing; one that does not must leave every line and alarm as `loaded` would derive them from the state.

Parameters: first the states, and video memory (hw/vram.py), by annotation; then any of `offset` (in the range), `size`
(1, 2, 4), `value` (writes), `now_ns` (virtual time), `icount`. All numbers are signed 64-bit integers. The subset:
assignments to local names and to fields and items of states, if, while, for over range, conditional expressions,
and/or/not, comparisons (also `in` a tuple), arithmetic with positive divisors, min, max, len of a `Bytes` field,
int.bit_length, integer constants and tuples of them from the module, and calls of other @native functions.
`engine/llvm/device_code.py` compiles it; what comes out touches nothing but the states and video memory and cannot
trap, whatever a damaged state holds.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, Protocol, TypeVar

DECLINED = -1
MOST_STATES = 8
NUMBERS = ("offset", "size", "value", "now_ns", "icount")  # what a function may ask for after its states
F = TypeVar("F", bound=Callable[..., Any])


class Moment(Protocol):
    """What tells when an access happens: the virtual clock."""

    def now_ns(self) -> int: ...

    def icount(self) -> int: ...


def native(function: F) -> F:
    """Mark a function as one that native code is made of."""
    function.__native__ = True  # type: ignore[attr-defined]
    return function


def symbol(function: Callable[..., Any]) -> str:
    """The name of a function in native code."""
    return f"{function.__module__}.{function.__qualname__}".removeprefix("playhead.")


class Registers:
    """What native code may do with the accesses of a range: `read` and `write` over `states`.

    `clock` is what `now_ns` and `icount` are taken from on the Python path; not needed if neither is asked for.
    `after` is called on the Python path after a write that was done.

    `like_memory`: accesses may happen where the instruction makes them, and not after it, so that one costs some tens
    of nanoseconds and REP MOVS goes on. So both functions depend on no time, decline nothing, leave all lines and
    alarms alone whatever they do, and one that is done again at once leaves what it left the first time; a wide access
    is the same as its bytes in ascending order.
    """

    def __init__(self, *states: Any, read: Callable[..., int] | None = None, write: Callable[..., int] | None = None,
                 clock: Moment | None = None, after: Callable[[], None] | None = None,
                 like_memory: bool = False):  # fmt: skip
        assert len(states) <= MOST_STATES
        assert not like_memory or (read is not None and write is not None and clock is None and after is None)
        self.like_memory = like_memory
        self.states: Sequence[Any] = states
        self._after = after
        self.read, self.write = read, write
        self._read, self._write = self._adapted(read, clock), self._adapted(write, clock)

    def _adapted(self, function: Callable[..., int] | None, clock: Moment | None) -> Callable[..., int] | None:
        if function is None:
            return None
        assert getattr(function, "__native__", False), f"{function.__qualname__} is not @native"
        names = tuple(signature(function).parameters)[len(self.states) :]
        assert set(names) <= set(NUMBERS), f"{function.__qualname__}: {names}"
        assert clock is not None or not {"now_ns", "icount"} & set(names), f"{function.__qualname__} needs a clock"
        states, timed, counted = self.states, "now_ns" in names, "icount" in names

        def access(offset: int, size: int, value: int) -> int:
            numbers = {"offset": offset, "size": size, "value": value}
            if timed:
                numbers["now_ns"] = clock.now_ns()  # type: ignore[union-attr]
            if counted:
                numbers["icount"] = clock.icount()  # type: ignore[union-attr]
            return function(*states, *(numbers[name] for name in names))

        return access

    def answer(self, offset: int, size: int) -> int:
        """What a read gives; DECLINED if the ordinary handler has to do it."""
        return DECLINED if self._read is None else self._read(offset, size, 0)

    def take(self, offset: int, size: int, value: int) -> bool:
        """Do a write; False if the ordinary handler has to do it."""
        done = self._write is not None and self._write(offset, size, value) != DECLINED
        if done and self._after is not None:
            self._after()
        return done
