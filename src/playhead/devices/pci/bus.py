"""What PCI functions share: a configuration space of declared registers, base addresses, and the bus that finds them.

A function declares its configuration registers once (`CONFIG`); reset values, write masks and write-one-to-clear
masks come from that. What is not declared reads as zero and swallows writes.

Source: PCI Local Bus Specification 2.1, chapter 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from playhead.hw.declared import Declared, Property
from playhead.base.errors import UsageError
from playhead.base.shared_record import Links, SharedRecord, Table
from playhead.hw.device import Device

COMMAND, STATUS, INTERRUPT_LINE, INTERRUPT_PIN = 0x04, 0x06, 0x3C, 0x3D
COMMAND_IO, COMMAND_MEMORY, COMMAND_MASTER = 1, 2, 4
BAR0 = 0x10
FIRST_FREE, SLOTS = 2, 32


class Reg(NamedTuple):
    """`size` bytes of configuration space at `offset`: reset value, bits a write changes, bits a one clears."""

    offset: int
    size: int
    reset: int = 0
    write: int = 0
    w1c: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """Base address register `index`: `length` (a power of two) of memory, or of ports if `io`. `prefetch`: of memory
    that reads have no effect on.
    """

    index: int
    length: int
    io: bool = False
    prefetch: bool = False


def identity(vendor: int, device: int, revision: int, class_code: int, *, header: int = 0,
             subsystem: tuple[int, int] = (0x1AF4, 0x1100)) -> tuple[Reg, ...]:  # fmt: skip
    """The read-only part of a type 0 header. The subsystem default is QEMU's, by which firmware knows the machine."""
    return (
        Reg(0x00, 2, vendor, name="VID"), Reg(0x02, 2, device, name="DID"), Reg(0x08, 1, revision, name="RID"),
        Reg(0x09, 3, class_code, name="CLASSC"), Reg(0x0E, 1, header, name="HEDT"),
        Reg(0x2C, 2, subsystem[0], name="SVID"), Reg(0x2E, 2, subsystem[1], name="SID"),
    )  # fmt: skip


def addr(default: str | None = None) -> Property:
    """The property by which a function is given a place on the bus; one with a default is soldered there."""
    if default is not None:
        return Property("addr", "enum", default, "slot and function", values=(default,))
    return Property("addr", "addr", None, "Slot and optional function number, example: 06.0 or 06")


def place(text: str) -> tuple[int, int]:
    """Slot and function of an `addr`."""
    slot, _, function = text.partition(".")
    return int(slot, 16), int(function or "0")


class PciState(SharedRecord):
    config = Table(256)


P = TypeVar("P", bound=PciState)


class PciFunction(Device[P]):
    """One function; its state begins with the configuration space."""

    part = "pci_function"
    CONFIG: tuple[Reg, ...] = ()
    BARS: tuple[Bar, ...] = ()

    def __init__(self, name: str):
        super().__init__(name)
        self._write_mask = bytearray(256)
        self._w1c_mask = bytearray(256)
        self._reset_config = bytearray(256)
        for r in (*self.CONFIG, *(self._bar_register(b) for b in self.BARS)):
            span = slice(r.offset, r.offset + r.size)
            self._reset_config[span] = r.reset.to_bytes(r.size, "little")
            self._write_mask[span] = r.write.to_bytes(r.size, "little")
            self._w1c_mask[span] = r.w1c.to_bytes(r.size, "little")
        self.state.config[:] = self._reset_config

    @staticmethod
    def _bar_register(bar: Bar) -> Reg:
        low, kind = 3 if bar.io else 15, 8 if bar.prefetch else int(bar.io)
        return Reg(BAR0 + 4 * bar.index, 4, kind, ~(bar.length - 1) & 0xFFFFFFFF & ~low, name=f"BAR{bar.index}")

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        """Without `addr` it takes the first free slot, from 2 on."""
        taken = {place(values["addr"]): declared.name for declared, values in others if declared.bus == cls.QEMU.bus}
        if p.get("addr") is None:
            free = [slot for slot in range(FIRST_FREE, SLOTS) if not any(used == slot for used, _ in taken)]
            if not free:
                raise UsageError(f"PCI: no slot is left for {cls.QEMU.name}")
            return {"addr": f"{free[0]:02x}.0"}
        slot, function = place(p["addr"])
        if (slot, function) in taken:
            where = f"slot {slot} function {function}"
            raise UsageError(f"PCI: {where} is not free for {cls.QEMU.name}: {taken[slot, function]} is there")
        return {"addr": f"{slot:02x}.{function}"}

    def reset(self) -> None:
        self.state.reset()
        self.state.config[:] = self._reset_config
        self.loaded()

    def word(self, offset: int, size: int = 2) -> int:
        """A configuration register's value."""
        return int.from_bytes(self.state.config[offset : offset + size], "little")

    def config_write(self, offset: int, size: int, value: int) -> None:
        config = self.state.config
        for i in range(offset, min(offset + size, 256)):
            byte = value & 0xFF
            value >>= 8
            old = config[i] & ~(byte & self._w1c_mask[i])
            config[i] = (old & ~self._write_mask[i] | byte & self._write_mask[i]) & 0xFF
        self.config_changed(offset, size)

    def program(self, offset: int, size: int, value: int) -> None:
        """What firmware would write here, for a machine that starts without any."""
        self.config_write(offset, size, value)

    def config_changed(self, offset: int, size: int) -> None:
        """Called after a write to configuration bytes [offset, offset + size)."""

    def bar(self, index: int) -> int | None:
        """Where the range of a base address register is mapped; None while its decoding is off."""
        bar = next(b for b in self.BARS if b.index == index)
        if not self.word(COMMAND) & (COMMAND_IO if bar.io else COMMAND_MEMORY):
            return None
        address = self.word(BAR0 + 4 * index, 4) & ~(3 if bar.io else 15)
        limit = 1 << 16 if bar.io else 1 << 32
        return address if 0 < address <= limit - bar.length else None


class PciSlots(SharedRecord):
    """The configuration spaces on a bus, by device and function number."""

    functions = Links(PciState, 256)


class PciBus:
    """Functions by device and function number; no state of its own."""

    def __init__(self) -> None:
        self.slots = PciSlots()
        self._functions: dict[int, PciFunction[Any]] = {}

    def add(self, device: int, function: int, part: PciFunction[Any]) -> None:
        devfn = device << 3 | function
        assert devfn not in self._functions, f"two PCI functions at {device}.{function}"
        self._functions[devfn] = part
        self.slots.functions[devfn] = part.state

    def find(self, bus: int, devfn: int) -> PciFunction[Any] | None:
        return self._functions.get(devfn) if bus == 0 else None

    def functions(self) -> list[tuple[int, PciFunction[Any]]]:
        return sorted(self._functions.items(), key=lambda item: item[0])

    def pirq_of(self, device: int, pin: int) -> int:
        """Which PIRQ (0-3 for A-D) the pin (0-3 for INTA-INTD) of a slot is wired to on this board."""
        return (device - 1 + pin) & 3
