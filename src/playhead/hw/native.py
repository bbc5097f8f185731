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

An alarm declares likewise what its ringing does (`Ringing`), and a function may arm alarms by `hw.clock.arm`, with the
clock's `Deadlines` among its states: the run loop then looks when the next one is due.

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
from typing import Any, NamedTuple, Protocol, TypeVar

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


def _adapted(function: Callable[..., int], states: Sequence[Any], clock: Moment | None) -> Callable[..., int]:
    """The function as Python calls it: with an offset, a size and a value."""
    assert getattr(function, "__native__", False), f"{function.__qualname__} is not @native"
    names = tuple(signature(function).parameters)[len(states) :]
    assert set(names) <= set(NUMBERS), f"{function.__qualname__}: {names}"
    assert clock is not None or not {"now_ns", "icount"} & set(names), f"{function.__qualname__} needs a clock"
    timed, counted = "now_ns" in names, "icount" in names

    def access(offset: int, size: int, value: int) -> int:
        numbers = {"offset": offset, "size": size, "value": value}
        if timed:
            numbers["now_ns"] = clock.now_ns()  # type: ignore[union-attr]
        if counted:
            numbers["icount"] = clock.icount()  # type: ignore[union-attr]
        return function(*states, *(numbers[name] for name in names))

    return access


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
        self._read = None if read is None else _adapted(read, states, clock)
        self._write = None if write is None else _adapted(write, states, clock)

    def answer(self, offset: int, size: int) -> int:
        """What a read gives; DECLINED if the ordinary handler has to do it."""
        return DECLINED if self._read is None else self._read(offset, size, 0)

    def take(self, offset: int, size: int, value: int) -> bool:
        """Do a write; False if the ordinary handler has to do it."""
        done = self._write is not None and self._write(offset, size, value) != DECLINED
        if done and self._after is not None:
            self._after()
        return done


class Ringing:
    """What native code may do when an alarm rings: `function` over `states`, with the alarm's number as `value`.

    It arms the alarm anew or cancels it. Besides its states and alarms it may change one thing: whether the interrupt
    controller has an interrupt for the processor, which is asked for afterwards. `after` is called on the Python path
    when it has not declined.
    """

    def __init__(self, function: Callable[..., int], *states: Any, clock: Moment,
                 after: Callable[[], None] | None = None):  # fmt: skip
        assert len(states) <= MOST_STATES
        self.function, self.states = function, states
        self._ring, self._after = _adapted(function, states, clock), after

    def ring(self, number: int) -> bool:
        """Do it; False if the alarm's callback has to."""
        done = self._ring(0, 0, number) != DECLINED
        if done and self._after is not None:
            self._after()
        return done


class Interrupts(NamedTuple):
    """How native code asks the interrupt controller: both functions take `state` alone. `pending`: whether it has an
    interrupt for the processor. `acknowledge`: the vector of one that it serves from now on; it may decline.
    """

    state: Any
    pending: Callable[..., int]
    acknowledge: Callable[..., int]
