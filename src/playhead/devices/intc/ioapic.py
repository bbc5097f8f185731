"""Intel 82093AA: the I/O APIC. It turns 24 interrupt pins into messages to local APICs.

ISA interrupts are on the pins of their number, but for the timer, which is on pin 2, as the MADT of QEMU's `pc` says.
Messages arrive at once, so "delivery status" always reads idle. An edge while its entry is masked is lost, as in the
data sheet; switching an entry to edge clears its remote IRR, by which kernels end an interrupt without an EOI register.

Source: Intel 82093AA data sheet (290566).
"""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from playhead.hw.surroundings import Surroundings
from playhead.base.record import U8, U32, U64, Array
from playhead.base.shared_record import SharedRecord
from playhead.devices.intc.lapic import Lapic
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Device, Differs
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.space import Space, never

BASE, LENGTH, PINS = 0xFEC00000, 0x1000, 24
IOREGSEL, IOWIN, EOI = 0x00, 0x10, 0x40
ID, VERSION_REG, ARBITRATION, REDIRECTION = 0x00, 0x01, 0x02, 0x10
VERSION = 0x20  # of those with an EOI register
TIMER_PIN = 2

LOGICAL, ACTIVE_LOW, REMOTE_IRR, LEVEL, MASKED = 0x800, 0x2000, 0x4000, 0x8000, 0x10000
WRITABLE_LOW, WRITABLE_HIGH = 0x1AFFF, 0xFF000000
FIXED, LOWEST = 0, 1


class Deliver(Protocol):
    """A message to the local APICs; `dest_mode`: logical, `trigger`: level. Returns whether one took it."""

    def __call__(self, vector: int, mode: int, dest: int, dest_mode: bool, trigger: bool) -> bool: ...


class IoApicState(SharedRecord):
    index = U8()
    id = U8()
    pins = U32()  # the levels of the pins
    table = Array(U64(MASKED), PINS)


class IoApicModel(SharedRecord):
    """What the board fixes."""

    version = U8()


@native
def asserted(s: IoApicState, pin: int) -> bool:
    return bool(s.pins >> pin & 1) != bool(s.table[pin] & ACTIVE_LOW)


@native
def level_triggered(s: IoApicState, pin: int) -> bool:
    """NMI, INIT and ExtINT are edge triggered whatever the entry says."""
    return bool(s.table[pin] & LEVEL) and s.table[pin] >> 8 & 7 in (FIXED, LOWEST)


@native
def to_offer(s: IoApicState, pin: int) -> bool:
    """Is there a level that has not been sent, or that has been sent and ended?"""
    return level_triggered(s, pin) and asserted(s, pin) and not s.table[pin] & (MASKED | REMOTE_IRR)


@native
def served(s: IoApicState, pin: int, vector: int) -> bool:
    """Does the pin wait for the end of this interrupt?"""
    return bool(s.table[pin] & REMOTE_IRR) and s.table[pin] & 0xFF == vector


@native
def store_entry(s: IoApicState, value: int) -> None:
    """Write the half of the redirection entry that is selected."""
    pin = (s.index - REDIRECTION) // 2
    entry = s.table[pin]
    if s.index & 1:
        s.table[pin] = entry & 0xFFFFFFFF | (value & WRITABLE_HIGH) << 32
    else:
        kept = entry & REMOTE_IRR if value & LEVEL else 0
        s.table[pin] = entry & ~0xFFFFFFFF | value & WRITABLE_LOW | kept


@native
def read_ioapic(s: IoApicState, model: IoApicModel, offset: int) -> int:
    if offset == IOREGSEL:
        return s.index
    if offset != IOWIN:
        return 0
    if REDIRECTION <= s.index < REDIRECTION + 2 * PINS:
        entry = s.table[(s.index - REDIRECTION) // 2]
        return (entry >> 32 if s.index & 1 else entry) & 0xFFFFFFFF
    if s.index == VERSION_REG:
        return (PINS - 1) << 16 | model.version
    return s.id << 24 if s.index in (ID, ARBITRATION) else 0


@native
def write_ioapic(s: IoApicState, model: IoApicModel, offset: int, value: int) -> int:
    """All but what sends a message."""
    if offset == IOREGSEL:
        s.index = value & 0xFF
    elif offset == IOWIN and s.index == ID:
        s.id = value >> 24 & 0xF
    elif offset == IOWIN and REDIRECTION <= s.index < REDIRECTION + 2 * PINS:
        pin = (s.index - REDIRECTION) // 2
        entry = s.table[pin]
        store_entry(s, value)
        if to_offer(s, pin):
            s.table[pin] = entry
            return DECLINED
    elif offset == EOI and model.version >= VERSION:
        for pin in range(PINS):
            if served(s, pin, value & 0xFF):
                return DECLINED
    return 0


class IoApic(Device[IoApicState]):
    """`set_pin` drives a pin; `connect` joins it with a line. `eoi` is what local APICs broadcast."""

    State = IoApicState
    part = "ioapic"
    QEMU = Declared(
        "ioapic", "System", "I/O APIC", (Property("version", "uint8", VERSION, "bits 7:0 of the version register"),),
        memory=(Span(BASE, LENGTH),), needs=("apic",), category="Controller/Bridge/Hub",
    )  # fmt: skip
    DIFFERS = (
        Differs("version", "11h (82093AA)", "20h, with an EOI register at offset 40h", True),
        Differs("reserved bits of a redirection entry", "0", "memory", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        lapic = at.find(Lapic)
        ioapic = cls(name, lapic.deliver, p["version"])
        ioapic.attach(at.memory.mmio)
        lapic.eoi_broadcast = ioapic.eoi
        ioapic.connect_isa(at.isa_lines())
        return ioapic

    def __init__(self, name: str, deliver: Deliver, version: int = VERSION):
        super().__init__(name)
        self._model = IoApicModel(version=version)
        self._deliver = deliver

    def attach(self, mmio: Space) -> None:
        registers = Registers(self.state, self._model, read=read_ioapic, write=write_ioapic)
        mmio.map(BASE, LENGTH, never, self.write_mem, min_size=4, max_size=4, name=self.name, registers=registers)

    def connect(self, line: Line, pin: int) -> None:
        line.connect(lambda level: self.set_pin(pin, level))

    def connect_isa(self, lines: list[Line]) -> None:
        """Connect ISA interrupts 0-15; 2 is the 8259s' own."""
        for n, line in enumerate(lines):
            if n != 2:
                self.connect(line, TIMER_PIN if n == 0 else n)

    def reset(self) -> None:
        pins = self.state.pins
        self.state.reset()
        self.state.pins = pins

    # -- pins

    def set_pin(self, pin: int, level: bool) -> None:
        s = self.state
        was = asserted(s, pin)
        s.pins = s.pins | 1 << pin if level else s.pins & ~(1 << pin)
        if level_triggered(s, pin):
            self._offer(pin)
        elif asserted(s, pin) and not was and not s.table[pin] & MASKED:
            self._message(pin)

    def _offer(self, pin: int) -> None:
        """Send a level, unless it has been sent and not ended."""
        s = self.state
        if to_offer(s, pin):
            s.table[pin] |= REMOTE_IRR
            if not self._message(pin):
                s.table[pin] &= ~REMOTE_IRR

    def _message(self, pin: int) -> bool:
        entry = self.state.table[pin]
        return self._deliver(
            entry & 0xFF, entry >> 8 & 7, entry >> 56, bool(entry & LOGICAL), level_triggered(self.state, pin)
        )  # fmt: skip

    def eoi(self, vector: int) -> None:
        """The end of a level interrupt: what is still asserted is sent again."""
        table = self.state.table
        for pin, entry in enumerate(table):
            if entry & REMOTE_IRR and entry & 0xFF == vector:
                table[pin] &= ~REMOTE_IRR
                self._offer(pin)

    # -- registers: what is not declared

    def write_mem(self, address: int, size: int, value: int) -> None:
        if address & (LENGTH - 1) == IOWIN:
            pin = (self.state.index - REDIRECTION) // 2
            store_entry(self.state, value)
            self._offer(pin)
        else:
            self.eoi(value & 0xFF)
