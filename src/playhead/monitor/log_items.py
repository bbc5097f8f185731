"""The log of the emulator: `-d`, `-D`, `-trace`, and the monitor's `log`, `logfile`, `trace-event`, on any machine.

QEMU's items and, where there is the same to tell, its trace events. The log is read by people: it is not part of a
recording, and the guest cannot tell (`machine/tracing.py`), so the machine's digests are the same with it. Each line
ends with the moment in which it was.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.hw.space import Space
from playhead.log.events import Event, text_of
from playhead.machine import look, tracing
from playhead.machine.machine import Machine
from playhead.monitor.files import cannot, check
from playhead.monitor.processor import register_lines

ITEMS = {
    "int": "show interrupts/exceptions in short format",
    "cpu_reset": "show CPU state before CPU resets",
    "unimp": "log unimplemented functionality: instructions that this processor does not have",
    "guest_errors": "log when the guest OS does something invalid: accesses to ports and addresses where nothing is",
}
TRANSLATED = "instructions are not translated here; x /i of the monitor and playhead debug show them"
ONE_BY_ONE = "playhead debug goes from instruction to instruction, and knows the registers at each"
NOT_HERE = {
    **dict.fromkeys(("out_asm", "in_asm", "op", "op_opt", "op_ind", "op_plugin", "nochain"), TRANSLATED),
    **dict.fromkeys(("exec", "cpu", "fpu", "vpu"), ONE_BY_ONE),
    "mmu": "info tlb and info mem show the translations", "pcall": ONE_BY_ONE,
    **dict.fromkeys(("page", "strace", "tid"), "it is for programs that run without a machine"),
    "plugin": "nothing is loaded into the process",
}  # fmt: skip
EVENTS = {
    "cpu_in": "a port was read",
    "cpu_out": "a port was written",
    "memory_region_ops_read": "a device's register in memory was read",
    "memory_region_ops_write": "a device's register in memory was written",
    "replay_event": "an event enters the machine, as it is recorded or replayed",
    "replay_checkpoint": "the session is at one of QEMU's replay checkpoints",
}
ACCESSES = ("cpu_in", "cpu_out", "memory_region_ops_read", "memory_region_ops_write")
UNDEFINED, PAGE_FAULT = 6, 14
WITH_ERROR = (8, 10, 11, 12, 13, 14, 17)
PROTECTED = 1  # of CR0
LETTERS = {1: "b", 2: "w", 4: "l"}
TRACE = "trace:"


def items_text() -> str:
    """As QEMU prints it for `-d help`."""
    rows = [f"{name:<16}{help}" for name, help in {"none": "remove all logs", **ITEMS}.items()]
    return "\n".join(["Log items (comma separated):", *rows, "trace:PATTERN   enable trace events", "",
                      'Use "log trace:help" to get a list of trace events.'])  # fmt: skip


def parse_items(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The items of `int,cpu_reset,trace:cpu_*`, and the patterns of trace events. Raises UsageError."""
    items: set[str] = set()
    patterns = []
    for word in text.split(","):
        if word.startswith(TRACE):
            patterns.append(word.removeprefix(TRACE))
        elif word == "all":
            items.update(ITEMS)
        elif word in ITEMS:
            items.add(word)
        elif word in NOT_HERE:
            raise UsageError(f"log item {word} is not supported: {NOT_HERE[word]}; there is {', '.join(ITEMS)}")
        elif word != "none":
            raise UsageError(f"'{word}' is no log item; there is {', '.join(ITEMS)}, none, all and trace:PATTERN")
    for pattern in patterns:
        matching(pattern)
    return frozenset(items), tuple(patterns)


def matching(pattern: str) -> list[str]:
    """The trace events that a pattern means. Raises UsageError if there is none."""
    found = [name for name in EVENTS if fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f"unknown event '{pattern}'; there is {', '.join(EVENTS)}")
    return found


class Log:
    """The log of one machine, which is a `tracing.Tap`."""

    def __init__(self, say: Callable[[str], None]):
        self._tell_user = say
        self.items: frozenset[str] = frozenset()
        self.events: set[str] = set()
        self._machine: Machine | None = None
        self._path, self._fd = "", 2
        self._count = 0  # of deliveries

    # what is asked for

    def choose(self, text: str) -> None:
        """`-d ITEMS`, `log ITEMS`: these items and no others, and these trace events besides."""
        self.items, patterns = parse_items(text)
        for pattern in patterns:
            self.events.update(matching(pattern))
        self._apply()

    def trace(self, pattern: str, on: bool) -> None:
        """`-trace PATTERN`, `trace-event NAME on`."""
        for name in matching(pattern):
            (self.events.add if on else self.events.discard)(name)
        self._apply()

    def into(self, path: str) -> None:
        """`-D FILE`, `logfile FILE`: from now on there, instead of standard error."""
        check(path)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as e:
            raise cannot(path, e) from None
        self.close()
        self._path, self._fd = path, fd

    def close(self) -> None:
        if self._fd > 2:
            os.close(self._fd)
        self._path, self._fd = "", 2

    # what it listens to

    @property
    def deliveries(self) -> bool:
        return bool(self.items & {"int", "unimp"})

    @property
    def accesses(self) -> int:
        if self.events.intersection(ACCESSES):
            return tracing.EVERYTHING
        return tracing.UNANSWERED if "guest_errors" in self.items else tracing.NOTHING

    def follow(self, session: Any) -> None:
        """The session whose log this is, live or a replay, when it has made its machine."""
        self._machine = session.machine
        self._apply()
        session.queue.heard = self._entered
        session.checkpoints.watchers.append(self._at_checkpoint)

    def _apply(self) -> None:
        if self._machine is not None:
            wanted = self.items or self.events.intersection(ACCESSES)
            self._machine.tap_into(self if wanted else None)

    # what is written

    def _line(self, text: str) -> None:
        """What cannot be written ends the log, and nothing else."""
        if not (self.items or self.events):
            return  # it has ended within a record of several lines
        machine = self._machine
        when = f"  @{machine.icount}+{machine.seq}" if machine is not None else ""
        try:
            os.write(self._fd, f"{shown(text)}{when}\n".encode(errors="backslashreplace"))
        except OSError as e:
            self.items, self.events = frozenset(), set()
            path = self._path
            with suppress(OSError):
                self.close()
            self._tell_user(f"the log ends here: {cannot(path or 'standard error', e)}")

    def delivered(self, kind: str, vector: int | None) -> None:
        if vector is None or self._machine is None:
            return
        error, cs, eip = _frame(self._machine, vector, kind)
        where = "IP=?" if cs is None else f"IP={cs:04x}:{eip:08x}"
        if "int" in self.items:
            if kind == "interrupt":
                self._line(f"Servicing hardware INT=0x{vector:02x}")
            cpl = "" if cs is None else f" cpl={cs & 3}"
            fault = f" CR2={self._machine.core.get('cr2'):08x}" if vector == PAGE_FAULT else ""
            soft = int(kind != "interrupt" and self._machine.core.get("fault_soft") == 1)
            self._line(f"{self._count:6}: v={vector:02x} e={error or 0:04x} i={soft}{cpl} {where}{fault}")
            self._count += 1
        if "unimp" in self.items and vector == UNDEFINED and kind == "exception":
            self._line(f"undefined instruction, {where}")

    def resetting(self) -> None:
        if "cpu_reset" in self.items and self._machine is not None:
            self._line("CPU Reset (CPU 0)")
            for line in register_lines(self._machine):
                self._line(line)

    def accessed(self, space: Space, write: bool, address: int, size: int, value: int) -> None:
        owner, port = space.find(address), space.name == "io"
        if owner is None and "guest_errors" in self.items:
            what, kind = "write" if write else "read", "port" if port else "addr"
            self._line(f"Invalid {what} at {kind} {address:#x}, size {size}: nothing is there")
        name = (("cpu_out" if write else "cpu_in") if port else
                ("memory_region_ops_write" if write else "memory_region_ops_read"))  # fmt: skip
        if name not in self.events:
            return
        if port:
            self._line(f"{name} addr {address:#x}({LETTERS[size]}) value {value}")
        else:
            region = owner.name if owner is not None else "(null)"
            self._line(f"{name} cpu 0 addr {address:#x} value {value:#x} size {size} name '{region}'")

    def _entered(self, event: Event) -> None:
        if "replay_event" in self.events:
            self._line(f"replay_event {text_of(event)}")

    def _at_checkpoint(self, checkpoint: Any) -> None:
        if "replay_checkpoint" in self.events:
            self._line(f"replay_checkpoint {checkpoint.name}")


def _frame(machine: Machine, vector: int, kind: str) -> tuple[int | None, int | None, int | None]:
    """(error code, CS, EIP) of the frame that a delivery has just pushed; None where there is none to be read."""
    size = _slot_size(machine, vector)
    if size == 0:
        return None, None, None
    core = machine.core
    big = core.seg("ss", "attr") & look.BIG
    top = core.get("regs", 4) if big else core.get("regs", 4) & 0xFFFF
    has_error = kind == "exception" and vector in WITH_ERROR and bool(core.get("cr0") & PROTECTED)
    slots = list(_slots(look.read(machine, core.seg("ss", "base") + top, size * (2 + has_error)), size))
    if len(slots) < 2 + has_error:
        return None, None, None
    return (slots[0] if has_error else None), slots[1 + has_error] & 0xFFFF, slots[has_error]


def _slots(data: bytes, size: int) -> Iterator[int]:
    for at in range(0, len(data) - size + 1, size):
        yield int.from_bytes(data[at : at + size], "little")


def _slot_size(machine: Machine, vector: int) -> int:
    """Bytes of each thing that a delivery pushes; 0 for a task gate."""
    core = machine.core
    if not core.get("cr0") & PROTECTED:
        return 2
    gate = look.read(machine, core.get("idtr_base") + 8 * vector + 5, 1)
    kind = gate[0] & 15 if gate else 5
    return 0 if kind == 5 else 4 if kind & 8 else 2
