"""Moving by calls: over a call, out of a function, back to where it was called, without symbols or debug information.

A function returns by the RET (or IRET) that takes its return address off the stack; calls in between, interrupts and
faults are stepped over by running to the address after them with a stack no deeper than before. The beginning of a
frame is found from its end: the place on the stack that the RET reads was written by the CALL, or by the delivery of
the interrupt, so backwards it is one search for a write. That holds for every compiler, with and without frame
pointers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.debug import READ, WRITE, Watch
from playhead.timeline.timeline import Found, Timeline

__all__ = ["READ", "WRITE", "Moves", "Watch"]

Condition = Callable[[], bool] | None

PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
CALLS = frozenset((0xE8, 0x9A, 0xCC, 0xCD, 0xCE, 0xF1))  # near, far, INT3, INT, INTO, INT1; and FF /2, /3
RETURNS = frozenset((0xC2, 0xC3, 0xCA, 0xCB, 0xCF))  # near, far, IRET
STRINGS = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
BIG = 1 << 22  # of a stack segment's attributes: ESP, not SP
ERROR_CODE = 4  # bytes that a delivery may push after the return address


class Moves:
    """What a prompt moves by. `breakpoints` (by linear address, with conditions) and `watches` are its own: they count
    in its movements only, and those of a gdb that is attached only in gdb's.
    """

    def __init__(self, line: Timeline):
        self._line = line
        self.breakpoints: dict[int, list[Condition]] = {}
        self.watches: list[Watch] = []

    @contextmanager
    def _stopping(self, breakpoints: Mapping[int, list[Condition]], watches: Iterable[Watch]) -> Iterator[None]:
        line = self._line
        before = line.break_when, line.conditional

        def counts(address: int) -> bool:
            return any(condition is None or condition() for condition in breakpoints.get(address, ()))

        line.break_when = counts
        line.conditional = lambda: any(c is not None for conditions in breakpoints.values() for c in conditions)
        line.watch(breakpoints, watches)
        try:
            yield
        finally:
            line.watch((), ())
            line.break_when, line.conditional = before

    def _mine(self) -> AbstractContextManager[None]:
        return self._stopping(self.breakpoints, self.watches)

    def step(self, count: int) -> Found:
        with self._mine():
            return self._line.steps(count)

    def step_back(self, count: int) -> Found:
        with self._mine():
            return self._line.steps_back(count)

    def cont(self, limit: Moment | None) -> Found:
        with self._mine():
            return self._line.cont(limit)

    def reverse_cont(self) -> Found:
        with self._mine():
            return self._line.reverse_cont()

    # over calls

    def next(self, count: int) -> Found:
        """Steps that take a CALL, INT or REP as one, and an interrupt as none."""
        found = Found("step", self._line.moment)
        for _ in range(count):
            found = self._over()
            if found.reason != "step":
                break
        return found

    def _over(self) -> Found:
        line, stack = self._line, self._stack()
        here, pc, icount = self._frame(), line.machine.pc(), line.moment.icount
        code = self._code()
        behind = pc + self._length() if _is_call(code) or _is_repeated(code) else None
        with self._mine():
            found = line.steps(1)
        if line.moment.icount == icount and found.reason == "step":
            if line.machine.pc() == pc:
                return found
            behind = pc  # a delivery: its handler comes back to where it was
        if found.reason != "step" or behind is None or self._arrived(behind, here, stack):
            return found
        return self._run_back(behind, here, stack)

    def _run_back(self, address: int, frame: tuple[int, int], stack: int) -> Found:
        """On until this function is at an address again."""
        breakpoints = {a: list(conditions) for a, conditions in self.breakpoints.items()}
        breakpoints.setdefault(address, []).append(lambda: self._arrived(address, frame, stack))
        with self._stopping(breakpoints, self.watches):
            found = self._line.cont()
        if found.reason == "break" and self._arrived(address, frame, stack):
            return Found("step", found.moment)
        return found

    def _arrived(self, address: int, frame: tuple[int, int], stack: int) -> bool:
        return self._line.machine.pc() == address and self._frame() == frame and self._stack() >= stack

    def next_back(self, count: int) -> Found:
        """The same backwards; a RET that one comes to leads to its CALL."""
        found = Found("step", self._line.moment)
        for _ in range(count):
            found = self._over_back()
            if found.reason != "step":
                break
        return found

    def _over_back(self) -> Found:
        line = self._line
        behind = line.moment
        found = self.step_back(1)
        if found.reason in ("step", "goal") and _is_return(self._code()) and line.moment.icount != behind.icount:
            return self._back_to_writer(self._stack())
        return Found("step", found.moment) if found.reason == "goal" else found

    # out of functions

    def finish(self) -> Found:
        """After the RET or IRET of the function that the processor is in; "step" when that was reached."""
        found, _ = self._to_return()
        return found

    def _to_return(self) -> tuple[Found, int]:
        """The same, and where on the stack the return address was."""
        while True:
            last, stack, pc = _is_return(self._code()), self._stack(), self._line.machine.pc()
            found = self._over()
            stands = (self._stack(), self._line.machine.pc()) == (stack, pc)  # a fault or an interrupt came first
            if found.reason != "step" or (last and not stands):
                return found, stack

    def reverse_finish(self) -> Found:
        """Before the CALL that called this function, or of the interrupt whose handler this is."""
        slot = self._return_slot()
        if slot is None:
            raise UsageError("this function does not return before the recording ends: where it was called cannot be "
                             "told from its stack")  # fmt: skip
        return self._back_to_writer(slot)

    def _return_slot(self) -> int | None:
        """Where on the stack the return address is that this function will take; found by going there and back."""
        line, here = self._line, self._line.moment
        try:
            found, slot = Moves(line)._to_return()
            return slot if found.reason == "step" else None
        finally:
            with line._undisturbed():
                line.seek(here)

    def _back_to_writer(self, slot: int) -> Found:
        """Backwards to the CALL or delivery that put a return address there, or to a breakpoint before that."""
        line = self._line
        with self._stopping(self.breakpoints, [*self.watches, Watch(slot, 1, WRITE)]):
            while True:
                found = line.reverse_cont()
                touched = [a for a in found.accesses if any(a.touches(w) for w in self.watches)]
                if found.reason != "watch" or touched:
                    return found
                here = line.moment
                line.step()
                pushed = 0 <= slot - self._stack() <= ERROR_CODE
                line.seek(here)
                if pushed and (_is_call(self._code()) or self._is_delivery()):
                    return Found("step", here)

    def _is_delivery(self) -> bool:
        line, here = self._line, self._line.moment
        line.step()
        delivered = line.moment.icount == here.icount
        line.seek(here)
        return delivered

    # the next instruction and its place

    def _frame(self) -> tuple[int, int]:
        """What a function that continues has kept: its address space and its stack segment."""
        core = self._line.machine.core
        return core.get("cr3"), core.seg("ss", "base")

    def _stack(self) -> int:
        """The linear address of the top of the stack."""
        core = self._line.machine.core
        top = self._line.machine.core.get("regs", 4)
        return (core.seg("ss", "base") + (top if core.seg("ss", "attr") & BIG else top & 0xFFFF)) & 0xFFFFFFFF

    def _code(self) -> bytes:
        machine = self._line.machine
        return look.read(machine, machine.pc(), look.LONGEST)

    def _length(self) -> int:
        machine = self._line.machine
        return look.disassemble(machine, machine.pc(), machine.core.get("eip"))[1]


def _opcode(code: bytes) -> tuple[bool, bytes]:
    """Whether there is a REP prefix, and the code from its opcode on."""
    at, repeated = 0, False
    while at < len(code) and code[at] in PREFIXES:
        repeated |= code[at] in (0xF2, 0xF3)
        at += 1
    return repeated, code[at:]


def _is_call(code: bytes) -> bool:
    opcode = _opcode(code)[1]
    return opcode[:1] != b"" and (opcode[0] in CALLS or (opcode[0] == 0xFF and opcode[1:2] != b""
                                                         and opcode[1] >> 3 & 7 in (2, 3)))  # fmt: skip


def _is_return(code: bytes) -> bool:
    opcode = _opcode(code)[1]
    return opcode[:1] != b"" and opcode[0] in RETURNS


def _is_repeated(code: bytes) -> bool:
    repeated, opcode = _opcode(code)
    return repeated and opcode[:1] != b"" and opcode[0] in STRINGS
