"""What callbacks are given: one object each, that says what happened and when, and has the machine of that moment.

Everything but `machine` stays; `machine` can be read while the callback runs, and says so later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playhead.api.machine_view import MachineView
from playhead.api.rows import Row
from playhead.log.events import Event, text_of
from playhead.log.moment import Moment


@dataclass(frozen=True)
class Executed(Row):
    """The instruction at a linear address is next."""

    moment: Moment
    virtual_ns: int
    address: int
    machine: MachineView = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The instruction in Intel's syntax."""
        return self.machine.disassemble(1, self.address)[0].text


@dataclass(frozen=True)
class Touched(Row):
    """Memory was read or written, right before `moment`. `address`: linear, or physical where that was asked for.
    `value`: the bytes there now, so of a write those that were written; empty where nothing is to be seen. `by`: cpu,
    page walk, or a bus master's name.
    """

    moment: Moment
    virtual_ns: int
    address: int
    size: int
    write: bool
    value: bytes
    by: str
    physical: bool
    machine: MachineView = field(repr=False, compare=False)


@dataclass(frozen=True)
class Called(Row):
    """A function is about to begin. `caller`: the address to which it will return, behind the CALL; `stack`: the linear
    address of the place that holds it. `args`: six words, as far as there is memory: from the stack (cdecl), or the
    first three from EAX, EDX and ECX (regparm, as 32-bit Linux kernels have it).
    """

    moment: Moment
    virtual_ns: int
    address: int
    name: str
    caller: int
    stack: int
    args: tuple[int, ...]
    machine: MachineView = field(repr=False, compare=False)

    HEX = Row.HEX | {"args"}


@dataclass(frozen=True)
class Returned(Row):
    """A function has returned. `result`: EAX then."""

    moment: Moment
    virtual_ns: int
    result: int
    call: Called
    machine: MachineView = field(repr=False, compare=False)


@dataclass(frozen=True)
class Delivered(Row):
    """An interrupt or exception was delivered; the first instruction of its handler, at `address`, is next. `kind`:
    interrupt (hardware), exception, or software (INT n). `error`: its error code, if it has one.
    """

    moment: Moment
    virtual_ns: int
    vector: int
    kind: str
    error: int | None
    address: int
    machine: MachineView = field(repr=False, compare=False)


@dataclass(frozen=True)
class Happened(Row):
    """An event of the recording is about to enter the machine. `kind`: its name, as `playhead log` shows it."""

    moment: Moment
    virtual_ns: int
    kind: str
    event: Event
    machine: MachineView = field(repr=False, compare=False)

    def _columns(self) -> dict[str, Any]:
        return {**super()._columns(), "event": text_of(self.event)}


@dataclass(frozen=True)
class SystemCall(Row):
    """A process calls the kernel; its first instruction there is next. `args`: six plain words. `text`: as strace
    would show it, with paths and strings read.
    """

    moment: Moment
    virtual_ns: int
    name: str
    number: int
    args: tuple[int, ...]
    text: str
    pid: int
    command: str
    machine: MachineView = field(repr=False, compare=False)

    HEX = Row.HEX | {"args"}


@dataclass(frozen=True)
class SystemReturn(Row):
    """The kernel is about to go back to the process. `result`: what the call gives, negative for an error."""

    moment: Moment
    virtual_ns: int
    result: int
    call: SystemCall
    machine: MachineView = field(repr=False, compare=False)

    HEX = Row.HEX - {"result"}
