"""A machine as a program looks at it: registers, memory, instructions. Looking changes nothing.

It is what `Recording.at` gives (as a `Moment`, which can also move) and what a callback of a replay finds in `machine`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from playhead.api.rows import Row
from playhead.base.errors import NoMemory, UsageError
from playhead.log.moment import Moment as Instant
from playhead.machine import look, registers
from playhead.machine.machine import Machine
from playhead.x86 import state as S

LONGEST_STRING = 1 << 16  # bytes
GONE = "this callback has returned and the machine has moved on: read what is needed of it in the callback"
NAMES = (*S.REG32, "eip", "eflags", *S.SEGMENTS, "cr0", "cr2", "cr3", "cr4", "efer", "gdtr_base", "gdtr_limit",
         "idtr_base", "idtr_limit")  # fmt: skip
PE, VM = 1, 1 << 17


class Registers:
    """The processor's registers as attributes, plain unsigned numbers: `eax`, `eip`, `cs`, `cs_base`, `cr3`, `st0`,
    `dr7`, by the names that gdb and the monitor use.
    """

    _view: MachineView

    def __init__(self, view: MachineView):
        object.__setattr__(self, "_view", view)

    def __setattr__(self, name: str, value: object) -> None:
        raise UsageError(f"regs.{name} = ...: a recording is only read")

    def __getattr__(self, name: str) -> int:
        read = None if name.startswith("_") else registers.reader(name)
        if read is None:
            raise AttributeError(f"this processor has no register {name!r}")
        return read(self._view._machine)

    def __getitem__(self, name: str) -> int:
        try:
            return self.__getattr__(name)
        except AttributeError as e:
            raise UsageError(str(e)) from None

    def __dir__(self) -> list[str]:
        return [*NAMES, "as_dict"]

    def as_dict(self) -> dict[str, int]:
        """The integer registers, segments and control registers."""
        return {name: self[name] for name in NAMES}

    def __repr__(self) -> str:
        return " ".join(f"{name}={value:08x}" for name, value in self.as_dict().items())


class Memory:
    """Guest memory: `memory[address]` is a byte, `memory[first:last]` bytes; raises NoMemory where there is none."""

    def __init__(self, view: MachineView, physical: bool):
        self._view, self._physical = view, physical

    def __getitem__(self, where: int | slice) -> Any:
        if not isinstance(where, slice):
            return self.read(where, 1)[0]
        if where.start is None or where.stop is None or where.step not in (None, 1):
            raise UsageError("a range of memory is memory[first:last]: both ends, and no step")
        return self.read(where.start, where.stop - where.start)

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from an address on."""
        if not isinstance(address, int) or not isinstance(length, int):
            raise UsageError(f"an address and a number of bytes are numbers, not {address!r} and {length!r}")
        if length < 0 or not 0 <= address <= address + length <= 1 << 32:
            raise UsageError(f"{address:#x} and {length} bytes more are not in the 4 GiB that this processor addresses")
        data = look.seen(self._view._machine, address, length, self._physical)
        if len(data) < length:
            kind = "physical address" if self._physical else "address"
            raise NoMemory(f"there is no memory at {kind} {address + len(data):#x} at moment {self._view.moment}")
        return data

    def u8(self, address: int) -> int:
        return self.read(address, 1)[0]

    def u16(self, address: int) -> int:
        return int.from_bytes(self.read(address, 2), "little")

    def u32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def u64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def string(self, address: int, longest: int = LONGEST_STRING) -> bytes:
        """The bytes up to a zero byte, or to `longest`, or to where memory ends; NoMemory if it is not there at all."""
        data = look.seen(self._view._machine, address, min(longest, (1 << 32) - address), self._physical)
        if not data and longest:
            self.read(address, 1)
        return data.partition(b"\0")[0]


@dataclass(frozen=True)
class Instruction(Row):
    """One that `disassemble` found: a linear address, its bytes, and its text in Intel's syntax."""

    address: int
    code: bytes
    text: str

    def __str__(self) -> str:
        return f"{self.address:08x}  {self.code.hex(' ')}  {self.text}"


class MachineView:
    """A machine at a moment. `icount` counts instructions since power-on, `virtual_ns` is the guest's time."""

    def __init__(self, machine: Machine | None = None):
        self._shown = machine

    @property
    def _machine(self) -> Machine:
        assert self._shown is not None
        return self._shown

    @cached_property
    def regs(self) -> Registers:
        """The registers, by name: `regs.eax`, `regs["eax"]`."""
        return Registers(self)

    @cached_property
    def memory(self) -> Memory:
        """Memory by linear address, through the page tables as they are."""
        return Memory(self, False)

    @cached_property
    def physical(self) -> Memory:
        """Memory by physical address."""
        return Memory(self, True)

    @property
    def moment(self) -> Instant:
        """(icount, seq)"""
        return Instant(self._machine.icount, self._machine.seq)

    @property
    def icount(self) -> int:
        """Instructions since power-on."""
        return self._machine.icount

    @property
    def seq(self) -> int:
        """Deliveries and other happenings since the last instruction."""
        return self._machine.seq

    @property
    def virtual_ns(self) -> int:
        """The guest's time since power-on, in nanoseconds."""
        return self._machine.now_ns()

    @property
    def pc(self) -> int:
        """The linear address of the next instruction."""
        return self._machine.pc()

    @property
    def cpl(self) -> int:
        """The privilege level, 0 to 3."""
        return self._machine.core.get("cpl")

    @property
    def mode(self) -> str:
        """real, v86, protected16 or protected32."""
        core = self._machine.core
        if not core.get("cr0") & PE:
            return "real"
        if core.eflags & VM:
            return "v86"
        return "protected32" if look.is_big(self._machine) else "protected16"

    def translate(self, address: int) -> int | None:
        """The physical address of a linear one by the page tables of now; None if it is not mapped."""
        if not 0 <= address < 1 << 32:
            raise UsageError(f"{address:#x} is no linear address")
        return look.translate(self._machine, address)

    def disassemble(self, count: int = 1, address: int | None = None) -> list[Instruction]:
        """`count` instructions from an address on, by default the next ones; fewer where memory ends."""
        found: list[Instruction] = []
        at = self.pc if address is None else address
        if not isinstance(at, int) or not 0 <= at < 1 << 32:
            raise UsageError(f"{at!r} is no linear address; `Recording.address` has that of a symbol")
        base = self.regs.cs_base
        for _ in range(count):
            text, length = look.disassemble(self._machine, at, (at - base) & 0xFFFFFFFF)
            if not length:
                break
            code, _, words = text.partition("  ")
            found.append(Instruction(at, bytes.fromhex(code), words))
            at = (at + length) & 0xFFFFFFFF
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.moment}: {look.instruction_text(self._machine)}>"


class PassingView(MachineView):
    """What a callback gets: the machine as it is then, and an error once it has moved on."""

    def __init__(self, machine: Machine, current: Callable[[], bool]):
        super().__init__(machine)
        self._current = current

    @property
    def _machine(self) -> Machine:
        if not self._current():
            raise UsageError(GONE)
        assert self._shown is not None
        return self._shown

    def __repr__(self) -> str:
        return super().__repr__() if self._current() else "<MachineView of a moment that has passed>"
