"""Intel 8259A, twice: the PC's interrupt controllers, the second behind input 2 of the first.

The wiring is the PC's, not ICW3's: whatever a guest writes there, the slave stays on IR2. As in the PIIX3, the ELCR
ports (4D0h, 4D1h) choose edge or level for each input.

In edge mode a request is remembered from its rising edge until it is acknowledged, and withdrawn if the line falls
before that: the data sheet wants IR high until the first INTA, and answers with IR7 if it is not.

Sources: Intel 8259A data sheet (231468); Intel 82371SB (PIIX3) data sheet, ELCR1 and ELCR2.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from playhead.base.record import U8, U16, Bool, Nested
from playhead.base.shared_record import SharedRecord
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

MASTER, SLAVE, ELCR1, ELCR2 = 0x20, 0xA0, 0x4D0, 0x4D1
CASCADE, SPURIOUS = 2, 7
ELCR_BITS = (0xF8, 0xDE)  # IRQ 0-2, 8 and 13 are edge triggered for good

ICW1_IC4, ICW1_SNGL, ICW1_LTIM, ICW1 = 0x01, 0x02, 0x08, 0x10
ICW4_AEOI, ICW4_SFNM = 0x02, 0x10
OCW2_EOI, OCW2_SL, OCW2_R = 0x20, 0x40, 0x80
OCW3, OCW3_RIS, OCW3_RR, OCW3_P, OCW3_SMM, OCW3_ESMM = 0x08, 0x01, 0x02, 0x04, 0x20, 0x40


class PicState(SharedRecord):
    inputs = U8()  # the levels of IR0-IR7
    latch = U8()  # rising edges not yet acknowledged
    isr = U8()
    imr = U8()
    elcr = U8()
    base = U8()  # ICW2: bits 3-7 of the vector
    lowest = U8(7)  # the input of lowest priority; rotation moves it
    expect = U8()  # the ICW that the next write to the odd port is; 0 when initialised
    icw1 = U8()
    icw3 = U8()
    icw4 = U8()
    rotate_in_aeoi = Bool()
    special_mask = Bool()
    poll = Bool()
    read_isr = Bool()


class Pic8259:
    """One 8259A over its `state`. `changed` is called whenever INT may have changed; `cascade` is a mask of slaves."""

    def __init__(self, state: PicState, cascade: int, changed: Callable[[], None]):
        self.state = state
        self._cascade, self._changed = cascade, changed

    # -- requests and priorities

    @property
    def irr(self) -> int:
        s = self.state
        level = 0xFF if s.icw1 & ICW1_LTIM else s.elcr
        return (s.inputs & level) | (s.latch & ~level)

    def input(self, n: int, on: bool) -> None:
        s, bit = self.state, 1 << n
        if on and not s.inputs & bit:
            s.inputs |= bit
            s.latch |= bit
        elif not on:
            s.inputs &= ~bit
            s.latch &= ~bit
        self._changed()

    def _first(self, bits: int) -> int:
        """The rank (0 is highest) of the most important of `bits`; 8 if there is none."""
        lowest = self.state.lowest
        for rank in range(8):
            if bits >> ((lowest + 1 + rank) & 7) & 1:
                return rank
        return 8

    def request(self) -> int | None:
        """The input that INT is asserted for, if any."""
        s = self.state
        rank = self._first(self.irr & ~s.imr)
        if rank == 8:
            return None
        in_service = s.isr & ~s.imr if s.special_mask else s.isr
        if s.icw4 & ICW4_SFNM:
            slave = in_service & self._cascade
            if slave and rank == self._first(slave):  # a slave may interrupt its own routine: it knows its priorities
                in_service &= ~slave
        if rank >= self._first(in_service):
            return None
        return (s.lowest + 1 + rank) & 7

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

    def read(self, odd: bool) -> int:
        s = self.state
        if s.poll:  # the read is the acknowledge
            s.poll = False
            n = self.acknowledge()
            return 0 if n is None else 0x80 | n
        if odd:
            return s.imr
        return s.isr if s.read_isr else self.irr

    def write(self, odd: bool, value: int) -> None:
        s = self.state
        if odd:
            self._write_odd(value)
        elif value & ICW1:
            self._icw1(value)
        elif value & OCW3:
            if value & OCW3_ESMM:
                s.special_mask = bool(value & OCW3_SMM)
            if value & OCW3_P:
                s.poll = True
            elif value & OCW3_RR:
                s.read_isr = bool(value & OCW3_RIS)
        else:
            self._ocw2(value)
        self._changed()

    def _icw1(self, value: int) -> None:
        """Start initialising. Edges seen so far are forgotten: a line must fall and rise again."""
        s = self.state
        s.latch = s.isr = s.imr = s.icw4 = 0
        s.lowest = 7
        s.special_mask = s.read_isr = s.poll = s.rotate_in_aeoi = False
        s.icw1 = value
        s.expect = 2

    def _write_odd(self, value: int) -> None:
        s = self.state
        after_2 = 4 if s.icw1 & ICW1_IC4 else 0
        if s.expect == 2:
            s.base = value
            s.expect = after_2 if s.icw1 & ICW1_SNGL else 3
        elif s.expect == 3:
            s.icw3 = value
            s.expect = after_2
        elif s.expect == 4:
            s.icw4 = value
            s.expect = 0
        else:
            s.imr = value

    def _ocw2(self, value: int) -> None:
        s, level = self.state, value & 7
        if value & OCW2_EOI:
            if not value & OCW2_SL:
                # In special mask mode a masked level stays in service: only a specific EOI ends it.
                rank = self._first(s.isr & ~s.imr if s.special_mask else s.isr)
                if rank == 8:
                    return
                level = (s.lowest + 1 + rank) & 7
            s.isr &= ~(1 << level)
            if value & OCW2_R:
                s.lowest = level
        elif value & OCW2_SL:
            if value & OCW2_R:
                s.lowest = level
        else:
            s.rotate_in_aeoi = bool(value & OCW2_R)


class PicPairState(SharedRecord):
    master = Nested(PicState)
    slave = Nested(PicState)
    inputs = U16()  # the levels of IRQ 0-15 at the connector; bit 2 leads nowhere


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
        for base in (MASTER, SLAVE):
            io.map(base, 2, self.read_port, self.write_port, name=f"{self.name}.{base:02x}")
        io.map(ELCR1, 2, self.read_port, self.write_port, name=f"{self.name}.elcr")

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

    def read_port(self, address: int, size: int) -> int:
        if address >= ELCR1:
            return (self.slave if address & 1 else self.master).state.elcr
        return (self.slave if address >= SLAVE else self.master).read(bool(address & 1))

    def write_port(self, address: int, size: int, value: int) -> None:
        if address >= ELCR1:
            chip = self.slave if address & 1 else self.master
            chip.state.elcr = value & ELCR_BITS[address & 1]
            self._cascade()
            self._update()
        else:
            (self.slave if address >= SLAVE else self.master).write(bool(address & 1), value & 0xFF)
