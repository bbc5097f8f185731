"""Processes: who runs, and who there is, by a `task_struct` of which no layout is known.

Debian's 32-bit kernels say nothing of their structures, so the few fields that are needed are found in `init_task`,
the one task whose content is known: its name is `swapper`, it is its own parent and group leader, its children are
process 1 and, soon, 2. What is found so is checked by those children's numbers; if that fails, processes have no
numbers here.

`current_task` is a per-CPU variable; the kernel's FS (GS on amd64) leads to this processor's.

Source: Linux's include/linux/sched.h (the order of the fields).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from playhead.base.errors import UnknownKernel
from playhead.linux.memory import KernelMemory
from playhead.linux.symbol_table import SymbolTable
from playhead.linux.symbols import kernel_of
from playhead.machine import look
from playhead.machine.machine import Machine

STRUCT = 16384  # bytes of a task_struct that are searched
NAME = 16  # bytes of `comm`
FIRST = b"swapper"
MOST = 65_536  # tasks in the list
MM_BYTES = 256  # of a process's mm_struct, in which its page tables are named
PAE_ROOT, ROOT = 0xFFFFFFE0, 0xFFFFF000


@dataclass(frozen=True, slots=True)
class Task:
    """`pid` is the thread's number, `tgid` the process's, as in the kernel (in programs: tid and pid); -1 if not known.
    `cr3`: its page tables' address, which tells processes apart; 0 for a kernel thread that is not running.
    """

    pid: int
    tgid: int
    comm: str
    cr3: int = 0
    address: int = 0


@dataclass(frozen=True)
class Layout:
    """Offsets in a task_struct. `real_parent` is followed by parent, children, sibling and group_leader."""

    comm: int
    pid: int = -1
    real_parent: int = -1
    mm: int = -1  # of the pointer to the memory's description, of which `pgd` is the offset of the page tables
    pgd: int = -1

    def children(self, word: int) -> int:
        return self.real_parent + 2 * word

    def sibling(self, word: int) -> int:
        return self.real_parent + 4 * word


def layout_of(memory: KernelMemory, symbols: SymbolTable) -> Layout | None:
    """None if not even the name is found."""
    if "init_task" not in symbols:
        return None
    first, word = symbols.address("init_task"), memory.word
    data = memory.read(first, STRUCT)
    comm = _comm(data)
    if comm < 0:
        return None
    own = first.to_bytes(word, "little")
    at = data.find(own + own)
    while at >= 0:
        if at % word == 0 and data[at + 6 * word : at + 7 * word] == own:
            for pid in (at - 8 - word, at - 8):  # with a stack canary in between, and without
                layout = Layout(comm, pid, at)
                if pid >= 0 and data[pid : pid + 8] == bytes(8) and _proven(memory, first, layout):
                    return _with_memory(memory, first, layout)
        at = data.find(own + own, at + 1)
    return Layout(comm)


def _comm(data: bytes) -> int:
    at = data.find(FIRST)
    while at >= 0 and data[at + len(FIRST) : at + len(FIRST) + 3] not in (b"\0\0\0", b"/0\0"):
        at = data.find(FIRST, at + 1)
    return at


def _proven(memory: KernelMemory, first: int, layout: Layout) -> bool:
    """By the first task's children, process 1 and, soon, 2: their numbers are these, and it is their parent."""
    found = []
    for task in _children(memory, first, layout):
        numbers = memory.read(task + layout.pid, 8)
        parent = memory.pointer(task + layout.real_parent)
        found.append((int.from_bytes(numbers[:4], "little"), int.from_bytes(numbers[4:], "little"), parent))
        if len(found) > 2:
            break
    return found[:2] == [(1, 1, first), (2, 2, first)][: len(found)] and bool(found)


def _with_memory(memory: KernelMemory, first: int, layout: Layout) -> Layout:
    """With where a process's page tables are told: by a pointer that stands twice (`mm`, `active_mm`) in process 1, to
    something with a pointer to page tables that map the kernel.
    """
    word = memory.word
    one = next(_children(memory, first, layout), 0)
    for mm in range(0, layout.real_parent, word):
        pointer = memory.pointer(one + mm)
        if not pointer or pointer < memory.note.stext >> 1 or memory.pointer(one + mm + word) != pointer:
            continue
        for pgd in range(0, MM_BYTES, word):
            if _root(memory, memory.pointer(pointer + pgd) or 0):
                return replace(layout, mm=mm, pgd=pgd)
    return layout


def _root(memory: KernelMemory, pgd: int) -> int:
    """CR3 of page tables by their virtual address; 0 if they are none."""
    physical = memory.physical(pgd) if pgd > memory.note.stext >> 1 and not pgd % 32 else None
    return physical if physical is not None and memory.maps_kernel(physical) else 0


def _children(memory: KernelMemory, task: int, layout: Layout) -> Iterator[int]:
    head = task + layout.children(memory.word)
    at = memory.pointer(head)
    for _ in range(MOST):
        if not at or at == head:
            return
        yield at - layout.sibling(memory.word)
        at = memory.pointer(at)


def processes(memory: KernelMemory, symbols: SymbolTable, layout: Layout) -> Iterator[Task]:
    """All processes but 0, parents before children; without threads other than their leaders."""
    if layout.real_parent < 0:
        return
    waiting, seen = [symbols.address("init_task")], set[int]()
    while waiting and len(seen) < MOST:
        for task in _children(memory, waiting.pop(0), layout):
            if task in seen:
                return  # a list that runs in circles is none
            seen.add(task)
            waiting.append(task)
            yield task_at(memory, task, layout, _cr3(memory, task, layout))


def _cr3(memory: KernelMemory, task: int, layout: Layout) -> int:
    """Of a process; 0 for a kernel thread, which has no memory of its own."""
    mm = memory.pointer(task + layout.mm) if layout.mm >= 0 else 0
    return _root(memory, memory.pointer(mm + layout.pgd) or 0) if mm else 0


class Readable(Protocol):
    def read(self, address: int, length: int, /) -> bytes: ...


def task_at(memory: Readable, address: int, layout: Layout | None, cr3: int = 0) -> Task:
    """What a task_struct says."""
    if layout is None:
        return Task(-1, -1, "", cr3, address)
    numbers = memory.read(address + layout.pid, 8) if layout.pid >= 0 else b""
    pid, tgid = (int.from_bytes(numbers[n : n + 4], "little", signed=True) for n in (0, 4)) if numbers else (-1, -1)
    comm = memory.read(address + layout.comm, NAME).partition(b"\0")[0].decode("utf-8", errors="backslashreplace")
    return Task(pid, tgid, comm, cr3, address)


def current_address(machine: Machine, symbols: SymbolTable) -> int:
    """The address of the task_struct of what runs, while the processor is in the kernel; 0 if it cannot be known."""
    core = machine.core
    if core.get("cpl") or "current_task" not in symbols:
        return 0
    where = (core.seg("fs", "base") + symbols.address("current_task")) & 0xFFFFFFFF
    data = look.read(machine, where, 4)
    return int.from_bytes(data, "little") if len(data) == 4 else 0


def root_of(machine: Machine) -> int:
    """CR3 without its flags: where the page tables are."""
    return machine.core.get("cr3") & (PAE_ROOT if machine.core.get("cr4") & 0x20 else ROOT)


def processes_of(source: Any) -> list[Task]:
    """Of the kernel in a recording (a Reader, as of the last checkpoint) or a machine. Raises UnknownKernel."""
    kernel = kernel_of(source)
    layout = layout_of(kernel.memory, kernel.symbols)
    if layout is None or layout.real_parent < 0:
        raise UnknownKernel(f"Linux {kernel.memory.note.release}: its first task (init_task) is not understood")
    return list(processes(kernel.memory, kernel.symbols, layout))
