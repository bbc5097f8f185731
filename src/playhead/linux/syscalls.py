"""System calls of a Linux guest, seen at two instructions: where the kernel's entry calls C, and what follows it.

The entries (`int 0x80`, SYSENTER) save the user's registers (pt_regs) on the thread's kernel stack and call a
function with the address in EAX: `mov eax, esp; call`. At the call the arguments are there, behind it the result is,
and ESP is the same. So a return belongs to the last call of the same ESP, whatever ran in between.

Entries are found by their symbols. A call that never returns (exit) has no result; the first return of a new thread is
no return of a call. If a signal's handler is to run first, the registers are the handler's (ESP tells), and the result
is in its frame on the user's stack. A call that is to be made again after a signal continues at its own `int 0x80`.

Source: Linux's arch/x86/entry/entry_32.S and include/asm/ptrace.h (pt_regs), the ABI of its system calls (vDSO).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from playhead.base.errors import UnknownKernel
from playhead.linux.memory import KernelMemory
from playhead.linux.symbol_table import SymbolTable
from playhead.linux.symbols import Kernel, kernel_of
from playhead.linux.syscall_args import (
    CREATES,
    LARGEST_ERROR,
    Read,
    argument_text,
    bytes_at,
    result_text,
    signed,
)
from playhead.linux.syscall_table import signature
from playhead.linux.tasks import Layout, Task, current_address, layout_of, root_of, task_at
from playhead.machine import look
from playhead.machine.machine import Machine

ENTRIES = {"int80": "entry_INT80_32", "sysenter": "entry_SYSENTER_32"}
CALL = re.compile(rb"\x89\xe0\xe8", re.DOTALL)  # mov eax, esp; call
CODE_BYTES, CALL_AT, CALL_BYTES = 512, 2, 5
EBX, ECX, EDX, ESI, EDI, EBP, EAX, ORIG_EAX, EIP, USER_ESP = 0, 4, 8, 12, 16, 20, 24, 44, 48, 60  # in pt_regs
PT_REGS, ESP = 68, 4  # bytes of it; number of the register
INT_80 = b"\xcd\x80"
SAVED = ((36, 52, 64), (192, 208, 220))  # ESP, EAX and EIP in a handler's frame, and in one with siginfo
SIGNAL_FRAME = 224  # bytes of it that are looked at
REPLACES_PROGRAM = ("execve", "execveat")
OWN_FRAME = ("sigreturn", "rt_sigreturn")  # these give back registers, and no result
NO_RETURN = ("exit", "exit_group")
IN_MEMORY = ("path", "str", "argv", "in")


@dataclass(frozen=True)
class Gate:
    """Linear addresses of instructions: at `entry` a call is made, at `exit` one has returned."""

    kind: str
    entry: int
    exit: int


@dataclass(frozen=True)
class Syscall:
    """`args`: as many as are described, else six. `shown`: they as text, as far as known at the entry. `result`: EAX,
    None before the return, or if the call never returns. `thread`: tells threads apart that exist at the same time.
    `restarted`: a signal came, and the call will be made again, so this one has no result. `esp`: the user's.
    """

    number: int
    name: str
    args: tuple[int, ...]
    shown: tuple[str, ...]
    thread: int
    task: Task
    esp: int
    result: int | None = None
    restarted: bool = False

    @property
    def never_returns(self) -> bool:
        return self.name in NO_RETURN

    @property
    def failed(self) -> bool:
        """Whether the result is an error."""
        value = signed(self.result or 0)
        return self.result is not None and self.name not in OWN_FRAME and -LARGEST_ERROR <= value < 0

    def arguments_text(self) -> str:
        return ", ".join(self.shown)

    def result_text(self) -> str:
        """As strace shows it: a number, -1 and the error's name, or ?."""
        if self.restarted:
            return "? ERESTART"
        if self.result is None or self.name in OWN_FRAME:
            return "?"
        return result_text(self.name, self.result)

    def text(self) -> str:
        """`close(3) = 0`"""
        return f"{self.name}({self.arguments_text()}) = {self.result_text()}"


class Returned(NamedTuple):
    """A return at a gate, of the task at `task` (task_struct). `esp`: the user's; `stack`: what is there; `again`:
    whether the program continues at an `int 0x80`.
    """

    thread: int
    value: int
    task: int
    esp: int
    stack: bytes
    again: bool


@dataclass(frozen=True)
class Entries:
    """All that tells system calls of one kernel. `layout` is None if processes cannot be named."""

    gates: tuple[Gate, ...]
    symbols: SymbolTable
    layout: Layout | None

    def addresses(self) -> dict[int, tuple[Gate, bool]]:
        """Of instructions to stop at: the gate, and whether it is the entry."""
        return {at: (gate, at == gate.entry) for gate in self.gates for at in (gate.entry, gate.exit)}


def entry_points(source: Any, kernel: Kernel | None = None) -> Entries:
    """Of the kernel in a recording (a Reader) or a machine. Raises UnknownKernel."""
    kernel = kernel or kernel_of(source)
    places = {kind: kernel.symbols.address(name) for kind, name in ENTRIES.items() if name in kernel.symbols}
    gates = list(_gates(kernel.memory, places))
    if not gates:
        raise UnknownKernel(f"Linux {kernel.memory.note.release}: the entries of system calls are not understood "
                            f"({', '.join(ENTRIES.values())})")  # fmt: skip
    return Entries(tuple(gates), kernel.symbols, layout_of(kernel.memory, kernel.symbols))


class _Now:
    """A machine's memory as it is mapped now."""

    word = 4

    def __init__(self, machine: Machine):
        self.read = partial(look.read, machine)


def _gates(memory: KernelMemory, places: dict[str, int]) -> Iterator[Gate]:
    for kind, place in places.items():
        found = CALL.search(memory.read(place, CODE_BYTES)) if place else None
        if found:
            call = place + found.start() + CALL_AT
            yield Gate(kind, call, call + CALL_BYTES)


def at_entry(machine: Machine, gate: Gate, entries: Entries) -> Syscall:
    """The call that is made; the machine is at `gate.entry`."""
    read = partial(look.read, machine)
    thread = thread_at(machine)
    regs = _Registers(look.read(machine, thread, PT_REGS))
    number = regs[ORIG_EAX]
    name, kinds = signature(number)
    if kinds is None:
        kinds = ("x",) * 6
    some = _arguments(regs, gate, read)[: len(kinds)]
    shown = tuple(argument_text(kind, some, n, read) for n, kind in enumerate(kinds[: _wanted(kinds, some)]))
    esp = regs[USER_ESP] if gate.kind == "int80" else regs[EBP]
    return Syscall(number, name, some, shown, thread, task_now(machine, entries), esp)


def _arguments(regs: _Registers, gate: Gate, read: Read) -> tuple[int, ...]:
    args = [regs[place] for place in (EBX, ECX, EDX, ESI, EDI, EBP)]
    if gate.kind == "sysenter":  # EBP points to the sixth, which the vDSO has pushed
        args[5] = int.from_bytes(read(regs[EBP], 4), "little")
    return tuple(args)


def _wanted(kinds: tuple[str, ...], args: tuple[int, ...]) -> int:
    """How many arguments the call looks at: an `open` that creates nothing, not at its mode."""
    opens = kinds[-2:] == ("oflags", "mode") and not args[-2] & CREATES
    return len(kinds) - opens


def at_exit(machine: Machine, entries: Entries) -> Returned:
    """The return; the machine is at a gate's `exit`."""
    thread = thread_at(machine)
    regs = _Registers(look.read(machine, thread, PT_REGS))
    esp, again = regs[USER_ESP], look.read(machine, regs[EIP], 2) == INT_80
    task = current_address(machine, entries.symbols)
    return Returned(thread, regs[EAX], task, esp, look.read(machine, esp, SIGNAL_FRAME), again)


def thread_at(machine: Machine) -> int:
    """What tells the thread at a gate's entry or exit."""
    return machine.core.get("regs", ESP)


class _Registers:
    def __init__(self, data: bytes):
        self._data = data

    def __getitem__(self, place: int) -> int:
        return int.from_bytes(self._data[place : place + 4], "little")


def task_now(machine: Machine, entries: Entries) -> Task:
    """Who runs. The machine is in the kernel, with the kernel's segments."""
    address, root = current_address(machine, entries.symbols), root_of(machine)
    if not address:
        return Task(-1, -1, "", root)
    return task_at(_Now(machine), address, entries.layout, root)


def memory_at_exit(machine: Machine, gate: Gate, back: Returned) -> dict[tuple[int, int], bytes]:
    """What `finished` reads at this exit, by address and length, for a call that is not known here but still stands in
    the registers: nearly every one that no signal's handler has delayed.
    """
    seen: dict[tuple[int, int], bytes] = {}

    def read(address: int, length: int) -> bytes:
        return seen.setdefault((address, length), look.read(machine, address, length))

    regs = _Registers(look.read(machine, back.thread, PT_REGS))
    name, kinds = signature(regs[ORIG_EAX])
    args = _arguments(regs, gate, read)[: len(kinds or ())]
    unknown = ("0x",) * len(args)  # whatever was not there at the entry
    call = Syscall(regs[ORIG_EAX], name, args, unknown, back.thread, Task(-1, -1, "", 0), back.esp)
    for _ in _shown_later(call, back.value, read):
        pass
    for _, _, eip in SAVED:
        read(int.from_bytes(back.stack[eip : eip + 4], "little"), 2)
    return seen


def finished(call: Syscall, back: Returned, read: Read | None = None) -> Syscall:
    """The call with its result. `read`: memory at the exit, by which what `out` arguments have become is shown."""
    if call.name in OWN_FRAME or (call.name in REPLACES_PROGRAM and not signed(back.value)):
        return replace(call, result=back.value)
    value, again = (back.value, back.again) if back.esp == call.esp else _behind_handler(call, back, read)
    if value is None or again:
        return replace(call, restarted=again)
    shown = call.shown if read is None else tuple(_shown_later(call, value, read))
    return replace(call, result=value, shown=shown)


def _behind_handler(call: Syscall, back: Returned, read: Read | None) -> tuple[int | None, bool]:
    """The result that a program sees when its signal's handler has run, and whether it then makes the call again: by
    the registers that the kernel has put on its stack, of which one is known.
    """
    for esp, eax, eip in SAVED:
        words = [int.from_bytes(back.stack[at : at + 4], "little") for at in (esp, eax, eip)]
        if words[0] == call.esp and len(back.stack) == SIGNAL_FRAME:
            again = read is not None and read(words[2], 2) == INT_80
            return words[1], again
    return None, False


def _shown_later(call: Syscall, value: int, read: Read) -> Iterator[str]:
    """Arguments after the call: what it gave; and what it has read from pages that were not there before."""
    kinds = signature(call.number).kinds or ()
    for n, (shown, kind) in enumerate(zip(call.shown, kinds, strict=False)):
        if kind.startswith("out:") and 0 <= value < 1 << 31:
            yield bytes_at(call.args[n], value, read)
        elif shown.startswith("0x") and kind.partition(":")[0] in IN_MEMORY:
            yield argument_text(kind, call.args, n, read)
        else:
            yield shown


@dataclass
class Calls:
    """Matches calls and returns in the order in which they happen. A return without its call gives nothing: where calls
    return, the kernel also comes when it goes on with a program after an interrupt.
    """

    entries: Entries
    pending: dict[int, Syscall] = field(default_factory=dict)

    def entry(self, machine: Machine, gate: Gate) -> Syscall:
        call = at_entry(machine, gate, self.entries)
        self.pending[call.thread] = call
        return call

    def exit(self, machine: Machine) -> Syscall | None:
        if thread_at(machine) not in self.pending:
            return None
        return self.match(at_exit(machine, self.entries), partial(look.read, machine))

    def match(self, back: Returned, read: Read | None = None) -> Syscall | None:
        """The call that has returned, if any: a task that was killed, or has ended, has left one behind."""
        call = self.pending.pop(back.thread, None)
        if call is None or call.name in NO_RETURN or call.task.address != back.task:
            return None
        return finished(call, back, read)
