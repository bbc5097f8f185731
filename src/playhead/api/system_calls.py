"""System calls of a Linux guest, for callbacks: where they are made and where they return (`linux/syscalls.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from playhead.api.happenings import SystemCall, SystemReturn
from playhead.api.machine_view import MachineView
from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.base.messages import nearest
from playhead.linux.syscall_table import NUMBERS
from playhead.linux.syscalls import Calls, Syscall, entry_points, signed

Wanted = set[int] | None  # numbers of calls; None: all


def numbers_of(names: Iterable[str | int]) -> Wanted:
    """Of calls by name or number; without any, None. Raises UsageError."""
    found = set()
    for name in names:
        if isinstance(name, int):
            found.add(name)
        elif name in NUMBERS:
            found.add(NUMBERS[name])
        else:
            raise UsageError(f"i386 has no system call {name!r}{nearest(str(name), NUMBERS)}")
    return found or None


class SystemCalls:
    """Of one replay. Raises UnknownKernel where there is no Linux that is understood."""

    def __init__(self, recording: Source):
        self._entries = entry_points(recording.reader)
        self._places = self._entries.addresses()
        self.entering: list[tuple[Wanted, Callable[[SystemCall], Any]]] = []
        self.returning: list[tuple[Wanted, Callable[[SystemReturn], Any]]] = []
        self.begin()

    @property
    def addresses(self) -> list[int]:
        """Of the instructions at which it wants to be called."""
        return list(self._places)

    def begin(self) -> None:
        """A run begins."""
        self._calls = Calls(self._entries)
        self._made: dict[int, SystemCall] = {}

    def at(self, address: int, view: MachineView) -> None:
        gate, is_entry = self._places[address]
        machine = view._machine
        if is_entry:
            call = self._calls.entry(machine, gate)
            self._made[call.thread] = it = _told(call, view)
            for wanted, tell in self.entering:
                if wanted is None or call.number in wanted:
                    tell(it)
        elif (done := self._calls.exit(machine)) is not None:
            made = self._made.pop(done.thread)
            back = SystemReturn(view.moment, view.virtual_ns, signed(done.result or 0), replace(made, text=done.text()),
                                view)  # fmt: skip
            for wanted, tell_back in self.returning:
                if wanted is None or done.number in wanted:
                    tell_back(back)


def _told(call: Syscall, view: MachineView) -> SystemCall:
    text = f"{call.name}({call.arguments_text()})"
    return SystemCall(view.moment, view.virtual_ns, call.name, call.number, call.args, text, call.task.tgid,
                      call.task.comm, view)  # fmt: skip
