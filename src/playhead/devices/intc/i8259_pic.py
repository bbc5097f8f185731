"""Intel 8259A, twice: the PC's interrupt controllers, the second behind input 2 of the first.

The wiring is the PC's, not ICW3's: whatever a guest writes there, the slave stays on IR2. As in the PIIX3, the ELCR
ports (4D0h, 4D1h) choose edge or level for each input.

Sources: Intel 8259A data sheet (231468); Intel 82371SB (PIIX3) data sheet, ELCR1 and ELCR2.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from playhead.hw.surroundings import Surroundings
from playhead.hw.declared import Declared, Span
from playhead.base.record import U16, Nested
from playhead.base.shared_record import SharedRecord
from playhead.devices.intc.i8259_chip import (
    ICW1_IC4, ICW1_SNGL, ICW4_AEOI, PicState, command, read_chip, requested, write_chip,
)  # fmt: skip
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.space import Space, never

MASTER, SLAVE, ELCR1, ELCR2 = 0x20, 0xA0, 0x4D0, 0x4D1
CASCADE, SPURIOUS = 2, 7
ELCR_BITS = (0xF8, 0xDE)  # IRQ 0-2, 8 and 13 are edge triggered for good


class Pic8259:
    """One 8259A over its `state`. `changed` is called whenever INT may have changed; `cascade` is a mask of slaves."""

    def __init__(self, state: PicState, cascade: int, changed: Callable[[], None]):
        self.state = state
        self.cascade, self._changed = cascade, changed

    def input(self, n: int, on: bool) -> None:
        s, bit = self.state, 1 << n
        if on and not s.inputs & bit:
            s.inputs |= bit
            s.latch |= bit
        elif not on:
            s.inputs &= ~bit
            s.latch &= ~bit
        self._changed()

    def request(self) -> int | None:
        """The input that INT is asserted for, if any."""
        n = requested(self.state, self.cascade)
        return None if n < 0 else n

    def acknowledge(self) -> int | None:
        """The INTA sequence: take the request into service. None if there is none any more (then the chip says IR7)."""
        s = self.state
        n = self.request()
        if n is not None:
            s.latch &= ~(1 << n)
            if not s.icw4 & ICW4_AEOI:
                s.isr |= 1 << n
            elif s.rotate_in_aeoi:
                s.lowest = n
            self._changed()
        return n

    def vector(self, n: int | None) -> int:
        return (self.state.base & 0xF8) | (SPURIOUS if n is None else n)

    # -- ports

    def poll(self) -> int:
        """A read in poll mode is the acknowledge."""
        self.state.poll = False
        n = self.acknowledge()
        return 0 if n is None else 0x80 | n

    def write(self, odd: bool, value: int) -> None:
        if command(self.state, odd, value) == DECLINED:
            if odd:
                self._next_icw(value)
            else:
                self._icw1(value)
        self._changed()

    def _icw1(self, value: int) -> None:
        """Start initialising. Edges seen so far are forgotten: a line must fall and rise again."""
        s = self.state
        s.latch = s.isr = s.imr = s.icw4 = 0
        s.lowest = 7
        s.special_mask = s.read_isr = s.poll = s.rotate_in_aeoi = False
        s.icw1 = value
        s.expect = 2

    def _next_icw(self, value: int) -> None:
        s = self.state
        after_2 = 4 if s.icw1 & ICW1_IC4 else 0
        if s.expect == 2:
            s.base = value
            s.expect = after_2 if s.icw1 & ICW1_SNGL else 3
        elif s.expect == 3:
            s.icw3 = value
            s.expect = after_2
        else:
            s.icw4 = value
            s.expect = 0


class PicPairState(SharedRecord):
    master = Nested(PicState)
    slave = Nested(PicState)
    inputs = U16()  # the levels of IRQ 0-15 at the connector; bit 2 leads nowhere


@native
def read_master(s: PicPairState, offset: int) -> int:
    return read_chip(s.master, offset)


@native
def write_master(s: PicPairState, offset: int, value: int) -> int:
    return write_chip(s.master, 1 << CASCADE, offset, value)


@native
def read_slave(s: PicPairState, offset: int) -> int:
    return read_chip(s.slave, offset)


@native
def write_slave(s: PicPairState, offset: int, value: int) -> int:
    """If the slave's INT stays as it is, so does all of the master."""
    return write_chip(s.slave, 0, offset, value)


@native
def read_elcr(s: PicPairState, offset: int) -> int:
    return s.slave.elcr if offset else s.master.elcr


class PicPair(Device[PicPairState]):
    """`lines[n]` is ISA interrupt n (2 leads nowhere); `intr` is the output to the CPU or to the local APIC's LINT0.

    The lines' levels are part of this chip's state, so that a board may join several sources into one of them.
    """

    State = PicPairState
    part = "i8259_pic"
    QEMU = Declared(
        "isa-i8259", "ISA", "pair of interrupt controllers", category="Controller/Bridge/Hub",
        ports=(Span(MASTER, 2), Span(SLAVE, 2), Span(ELCR1, 2)),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        pic = cls(name, at.isa_lines())
        pic.attach(at.io)
        return pic

    def __init__(self, name: str, lines: list[Line] | None = None, intr: Line | None = None):
        super().__init__(name)
        self.lines = lines if lines is not None else [Line(f"{name}.irq{n}") for n in range(16)]
        self.intr = intr if intr is not None else Line(f"{name}.intr")
        assert len(self.lines) == 16
        self.master = Pic8259(self.state.master, 1 << CASCADE, self._update)
        self.slave = Pic8259(self.state.slave, 0, self._cascade)
        self.loaded()
        for n, line in enumerate(self.lines):
            line.connect(self._listener(n))

    def attach(self, io: Space) -> None:
        for base, read, write in ((MASTER, read_master, write_master), (SLAVE, read_slave, write_slave)):
            io.map(base, 2, self.read_port, self.write_port, name=f"{self.name}.{base:02x}",
                   registers=Registers(self.state, read=read, write=write))  # fmt: skip
        io.map(ELCR1, 2, never, self.write_elcr, name=f"{self.name}.elcr",
               registers=Registers(self.state, read=read_elcr))  # fmt: skip

    def line(self, n: int) -> Line:
        return self.lines[n]

    def reset(self) -> None:
        """The wires keep their levels; what they stand for has to rise again."""
        s = self.state
        inputs, master, slave = s.inputs, s.master.inputs, s.slave.inputs
        s.reset()
        s.inputs, s.master.inputs, s.slave.inputs = inputs, master & ~(1 << CASCADE), slave
        self._update()

    def loaded(self) -> None:
        for n, line in enumerate(self.lines):
            line.restore(bool(self.state.inputs >> n & 1))
        self.intr.restore(self.master.request() is not None)

    def _listener(self, n: int) -> Callable[[bool], None]:
        def listen(level: bool) -> None:
            bit = 1 << n
            self.state.inputs = self.state.inputs | bit if level else self.state.inputs & ~bit
            if n != CASCADE:
                (self.slave if n >= 8 else self.master).input(n & 7, level)

        return listen

    def _cascade(self) -> None:
        self.master.input(CASCADE, self.slave.request() is not None)

    def _update(self) -> None:
        self.intr.set(self.master.request() is not None)

    def acknowledge(self) -> int:
        """The CPU's interrupt acknowledge: the vector, of a spurious interrupt if the request has gone."""
        n = self.master.acknowledge()
        if n == CASCADE:
            vector = self.slave.vector(self.slave.acknowledge())
            if self.slave.request() is not None:  # another one waits: INT fell during INTA and rises again
                self.master.input(CASCADE, False)
                self.master.input(CASCADE, True)
            return vector
        return self.master.vector(n)

    # -- ports: what is not declared

    def read_port(self, address: int, size: int) -> int:
        return (self.slave if address >= SLAVE else self.master).poll()

    def write_port(self, address: int, size: int, value: int) -> None:
        (self.slave if address >= SLAVE else self.master).write(bool(address & 1), value & 0xFF)

    def write_elcr(self, address: int, size: int, value: int) -> None:
        chip = self.slave if address & 1 else self.master
        chip.state.elcr = value & ELCR_BITS[address & 1]
        self._cascade()
        self._update()
