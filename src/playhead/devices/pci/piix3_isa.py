"""Intel 82371SB (PIIX3), function 0: the bridge from PCI to ISA.

Here are the PIRQ route registers, which lead the four PCI interrupt lines to ISA interrupts, and the reset control
register at CF9h. The edge/level registers (4D0h) are with the 8259, the other ISA chips in files of their own.

Source: Intel 82371FB/82371SB (PIIX/PIIX3) data sheet, sections 2.2 (configuration) and 2.5 (RC, at CF9h).
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U8, Array, Bool
from playhead.devices.pci.bus import PciFunction, PciState, Reg, addr, identity
from playhead.hw.declared import Declared, Span
from playhead.hw.door import Requests
from playhead.hw.line import Line
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

PIRQRC = 0x60
ROUTE_DISABLED = 0x80
USABLE_IRQS = (3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15)  # the others are reserved: routing there is no route
RC_CPU_RESET, RC_KEPT = 0x04, 0x06


class IsaBridgeState(PciState):
    pirq = Array(Bool(), 4)  # the levels of PIRQA-PIRQD
    rc = U8()


class Piix3Isa(PciFunction[IsaBridgeState]):
    """`irqs[n]` is this chip's output towards ISA interrupt n; the board joins it with the ISA devices'."""

    State = IsaBridgeState
    part = "piix3_isa"
    QEMU = Declared("PIIX3", "PCI", "bridge from PCI to ISA", (addr("01.0"),), provides=("isa.0",),
                    wires=tuple(f"irq{n}" for n in USABLE_IRQS), ports=(Span(0xCF9, 1),), needs=("i440FX",),
                    category="Controller/Bridge/Hub")  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x7000, 0x00, 0x060100, header=0x80),
        Reg(0x04, 2, 0x0007, 0x0008, name="PCICMD"),
        Reg(0x06, 2, 0x0200, w1c=0x7800, name="PCISTS"),
        Reg(0x4C, 1, 0x4D, 0xFF, name="IORT"),
        Reg(0x4E, 2, 0x0003, 0x07FF, name="XBCS"),
        Reg(PIRQRC, 4, 0x80808080, 0x8F8F8F8F, name="PIRQRCA-PIRQRCD"),
        Reg(0x69, 1, 0x02, 0xFE, name="TOM"),
        Reg(0x6A, 2, 0x0000, 0x8092, name="MSTAT"),
        Reg(0x70, 2, 0x0080, 0x00CF, name="MBIRQ0"),
        Reg(0x76, 2, 0x0C0C, 0x8F8F, name="MBDMA"),
        Reg(0x78, 2, 0x0002, 0xFFFF, name="PCSC"),
        Reg(0x80, 1, 0x00, 0x7F, name="APICBASE"),
        Reg(0x82, 1, 0x00, 0x0F, name="DLC"),
        Reg(0xA0, 1, 0x08, 0x1F, name="SMICNTL"),
        Reg(0xA2, 2, 0x0000, 0xFFFF, name="SMIEN"),
        Reg(0xA4, 4, 0x0000, 0xFFFFFFFF, name="SEE"),
        Reg(0xA8, 1, 0x0F, 0xFF, name="FTMR"),
        Reg(0xAA, 2, 0x0000, w1c=0xFFFF, name="SMIREQ"),
        Reg(0xAC, 1, 0x00, 0xFF, name="CTLTMR"),
        Reg(0xAE, 1, 0x00, 0xFF, name="CTHTMR"),
    )

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        isa = cls(name, at.io, at.requests)
        for n, line in isa.irqs.items():
            at.drive_irq(n, line)
        return isa

    def __init__(self, name: str, io: Space, requests: Requests):
        super().__init__(name)
        self._requests = requests
        self.irqs = {n: Line(f"{name}.irq{n}") for n in USABLE_IRQS}
        io.map(0xCF9, 1, self._read_rc, self._write_rc, name=f"{name}.rc")

    def reset(self) -> None:
        pirq = list(self.state.pirq)  # what the PCI devices drive is not this chip's to reset
        for line in self.irqs.values():
            line.set(False)  # no route is enabled after a reset
        super().reset()
        self.state.pirq = pirq

    def loaded(self) -> None:
        for n, line in self.irqs.items():
            line.restore(self._level(n))

    def set_pirq(self, index: int, level: bool) -> None:
        """Level of PIRQA-PIRQD (index 0-3)."""
        self.state.pirq[index] = bool(level)
        irq = self.route(index)
        if irq is not None:  # no other line can have changed
            self.irqs[irq].set(self._level(irq))

    def route(self, index: int) -> int | None:
        """The ISA interrupt that a PIRQ leads to, or None."""
        value = self.state.config[PIRQRC + index]
        irq = value & 0xF
        return None if value & ROUTE_DISABLED or irq not in USABLE_IRQS else irq

    def config_changed(self, offset: int, size: int) -> None:
        if offset < PIRQRC + 4 and offset + size > PIRQRC:
            self._drive()

    def _level(self, irq: int) -> bool:
        for index, level in enumerate(self.state.pirq):
            if level and self.route(index) == irq:
                return True
        return False

    def _drive(self) -> None:
        for n, line in self.irqs.items():
            line.set(self._level(n))

    def _read_rc(self, address: int, size: int) -> int:
        return self.state.rc

    def _write_rc(self, address: int, size: int, value: int) -> None:
        rising = value & ~self.state.rc & RC_CPU_RESET
        self.state.rc = value & RC_KEPT
        if rising:
            self._requests.reset("guest-reset")
