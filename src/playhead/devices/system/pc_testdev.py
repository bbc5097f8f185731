"""pc-testdev: what tests of processors and chip sets (kvm-unit-tests) ask of a machine that QEMU emulates.

Four ports that remember what was written, twice over: E0h to E3h, and E8h to EBh; an access that is not aligned reads 0
and writes nothing. A page whose address is written to E4h to E7h is mapped anew, of which a guest sees nothing. Ports
2000h to 2017h are interrupt lines: a write of anything but 0 drives one. 64 KiB of memory-mapped register space behave
as memory does that is no RAM.

Source: QEMU 7.2's device, by experiment (guest/testdev.s); the sources of kvm-unit-tests for what it is used for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from playhead.base.record import U16, U32
from playhead.base.shared_record import SharedRecord, Table
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device, Differs
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

WORD, FLUSH, BYTES, LINES, MEMORY = 0xE0, 0xE4, 0xE8, 0x2000, 0xFF000000
MEMORY_SIZE, ISA_IRQS, GSIS = 0x10000, 16, 24


class TestdevState(SharedRecord):
    data = U32()
    lines = U16()  # those that are driven
    registers = Table(MEMORY_SIZE)


class PcTestdev(Device[TestdevState]):
    State = TestdevState
    part = "pc_testdev"
    QEMU = Declared(
        "pc-testdev", "ISA", "ports, interrupt lines and registers for tests of machines",
        wires=tuple(f"irq{n}" for n in range(ISA_IRQS)),
        ports=(Span(WORD, 4), Span(FLUSH, 4), Span(BYTES, 4), Span(LINES, GSIS)),
        memory=(Span(MEMORY, MEMORY_SIZE),), creatable=True,
    )  # fmt: skip
    DIFFERS = (
        Differs("ports 2010h to 2017h", "(there is no data sheet)", "no ISA interrupts: the emulator ends", False),
    )

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, [at.irq(n, name) for n in range(ISA_IRQS)])

    def __init__(self, name: str, io: Space, memory: Memory, irqs: Sequence[Line]):
        super().__init__(name)
        self._irqs = list(irqs)
        io.map(WORD, 4, self._read_data, self._write_data, max_size=4, name=name)
        io.map(FLUSH, 4, self._read_nothing, self._flush, max_size=4, name=f"{name}.flush")
        io.map(BYTES, 4, self._read_data, self._write_data, max_size=4, name=f"{name}.bytes")
        io.map(LINES, GSIS, self._read_nothing, self._drive, name=f"{name}.lines")
        memory.mmio.map(MEMORY, MEMORY_SIZE, self._read_memory, self._write_memory, max_size=4, name=f"{name}.memory")

    def reset(self) -> None:
        """Nothing here hears of a reset."""

    def loaded(self) -> None:
        for n, line in enumerate(self._irqs):
            line.restore(bool(self.state.lines >> n & 1))

    @staticmethod
    def _read_nothing(address: int, size: int) -> int:
        return 0

    def _read_data(self, address: int, size: int) -> int:
        return 0 if address % size else self.state.data >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _write_data(self, address: int, size: int, value: int) -> None:
        if address % size:
            return
        shift = 8 * (address & 3)
        mask = (1 << 8 * size) - 1 << shift
        self.state.data = (self.state.data & ~mask | value << shift & mask) & 0xFFFFFFFF

    def _flush(self, address: int, size: int, value: int) -> None:
        """A machine without a host's page tables behind its memory has nothing to map anew."""

    def _drive(self, address: int, size: int, value: int) -> None:
        number = address - LINES
        if number < ISA_IRQS:
            self.state.lines = self.state.lines & ~(1 << number) | bool(value) << number
            self._irqs[number].set(bool(value))

    def _read_memory(self, address: int, size: int) -> int:
        at = address - MEMORY
        return int.from_bytes(self.state.registers[at : at + size], "little")

    def _write_memory(self, address: int, size: int, value: int) -> None:
        at = address - MEMORY
        for n, byte in enumerate(value.to_bytes(size, "little")):
            self.state.registers[at + n] = byte
