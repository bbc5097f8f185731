"""Calls of functions and their returns, told by the stack: no debug information is needed.

A function begins with its return address on the stack. It has returned when that address is next and the same place on
the same stack (by its physical address, for several processes may have one at the same linear address) is free again.
That holds for recursion, and for functions that take their arguments off the stack or end in a jump to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from playhead.api.happenings import Called, Returned
from playhead.api.machine_view import MachineView
from playhead.api.source import Source
from playhead.api.walk import Walk
from playhead.base.errors import UsageError
from playhead.machine import look

BIG = 1 << 22  # of a segment's attributes
WORDS = 6  # arguments that are read
MOST_POPPED = 1 << 8  # bytes of arguments that a function may take off the stack
CONVENTIONS = ("auto", "cdecl", "regparm")


def check_convention(convention: str) -> None:
    if convention not in CONVENTIONS:
        raise UsageError(f"a calling convention is one of {', '.join(CONVENTIONS)}, not {convention!r}")


def called(recording: Source, view: MachineView, address: int, convention: str) -> Called:
    """The call that begins here."""
    machine = view._machine
    core = machine.core
    word = 4 if look.is_big(machine) else 2
    top = core.get("regs", 4)
    stack = (core.seg("ss", "base") + (top if core.seg("ss", "attr") & BIG else top & 0xFFFF)) & 0xFFFFFFFF
    data = look.read(machine, stack, word * (WORDS + 1))
    words = [int.from_bytes(data[n : n + word], "little") for n in range(0, len(data) - word + 1, word)]
    args = words[1:]
    name = recording.name_of(address)
    if convention == "regparm" or (convention == "auto" and name and word == 4 and not view.cpl):
        args = [*(core.get("regs", n) for n in (0, 2, 1)), *args][:WORDS]
    return Called(view.moment, view.virtual_ns, address, name, words[0] if words else 0, stack, tuple(args), view)


class _Pending(NamedTuple):
    call: Called
    place: int | None  # of the return address, physical


class Returns:
    """Finds the returns of calls that it was told of: `told(return)`. More of them may be open at the end."""

    def __init__(self, walk: Walk, told: Callable[[Returned], None]):
        self._walk, self._told = walk, told
        self._open: dict[int, list[_Pending]] = {}  # by return address

    def __contains__(self, address: int) -> bool:
        return bool(self._open.get(address))

    @property
    def open(self) -> Iterable[Called]:
        """Calls that have not returned, in order."""
        return sorted((p.call for some in self._open.values() for p in some), key=lambda call: call.moment)

    def begin(self, call: Called) -> None:
        place = look.translate(self._walk.line.machine, call.stack)
        self._open.setdefault(call.caller, []).append(_Pending(call, place))
        self._walk.break_at([call.caller])

    def at(self, address: int, view: MachineView) -> None:
        """The instruction at a return address is next: whose return is it, if any?"""
        machine = view._machine
        core = machine.core
        top = core.get("regs", 4)
        stack = (core.seg("ss", "base") + (top if core.seg("ss", "attr") & BIG else top & 0xFFFF)) & 0xFFFFFFFF
        some = self._open.get(address, [])
        for n in range(len(some) - 1, -1, -1):
            call = some[n].call
            if 0 < stack - call.stack <= MOST_POPPED and look.translate(machine, call.stack) == some[n].place:
                del some[n]
                self._told(Returned(view.moment, view.virtual_ns, core.get("regs", 0), call, view))
                return
