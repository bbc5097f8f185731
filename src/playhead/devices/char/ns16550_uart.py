"""16550A UART: a PC's serial port.

Transmission takes no time: a byte written to THR is in the sink when the write returns, as in QEMU, because a paced
transmitter would only make a console slow. Everything that a driver can see of it still behaves: THRE falls and
rises, so an edge-triggered interrupt controller sees a new edge for each byte written.

Reception comes from outside through `receive`, which is the delivery of one recorded event. The character time-out
runs on virtual time.

The interrupt output always reaches the interrupt controller, as in QEMU: systems that were written there leave OUT2
off, which on the PC's serial adapter shuts a buffer.

Sources: National Semiconductor PC16550D data sheet (registers, priorities, FIFO interrupt mode); IBM PC/AT
Technical Reference, serial adapter (OUT2, addresses, 1.8432 MHz clock).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from playhead.base.errors import UsageError
from playhead.base.record import U8, U16, Bool
from playhead.base.shared_record import Bytes, SharedRecord
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Device, Differs
from playhead.hw.door import Sink
from playhead.hw.inputs import SERIAL, nobody_waits
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.outlet import Outlet, Sent, send
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

COM_PORTS = ((0x3F8, 4), (0x2F8, 3), (0x3E8, 4), (0x2E8, 3))  # (I/O base, IRQ) of COM1-COM4
CLOCK_HZ = 1_843_200
FIFO_SIZE = 16
TRIGGER_LEVELS = (1, 4, 8, 14)  # FCR bits 7:6

RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
FCR = IIR  # what a write goes to
IER_ERBFI, IER_ETBEI, IER_ELSI = 1, 2, 4
IIR_NONE, IIR_THRE, IIR_RDA, IIR_LINE, IIR_TIMEOUT = 0x1, 0x2, 0x4, 0x6, 0xC
IIR_FIFOS = 0xC0
FCR_ENABLE, FCR_CLEAR_RX, FCR_CLEAR_TX, FCR_KEPT = 0x01, 0x02, 0x04, 0xC9
LCR_STB, LCR_PEN, LCR_DLAB = 0x04, 0x08, 0x80
MCR_DTR, MCR_RTS, MCR_OUT1, MCR_OUT2, MCR_LOOP = 0x01, 0x02, 0x04, 0x08, 0x10
LSR_DR, LSR_OE, LSR_THRE, LSR_TEMT = 0x01, 0x02, 0x20, 0x40
MSR_CTS, MSR_DSR, MSR_RI, MSR_DCD = 0x10, 0x20, 0x40, 0x80
CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD  # what the other end drives: always there and ready


class UartState(SharedRecord):
    ier = U8()
    fcr = U8()
    lcr = U8()
    mcr = U8(MCR_OUT2)
    scr = U8()
    dll = U8(12)  # 9600 baud
    dlm = U8()
    rx = Bytes(FIFO_SIZE)  # the receive FIFO, or RBR alone when FIFOs are off
    rbr = U8()  # the last byte read, which an empty RBR shows again
    overrun = Bool()
    thre_pending = Bool()
    timeout_pending = Bool()
    received = U16()  # since power-on, modulo 2**16: a check that replayed input arrived


@native
def has_fifos(s: UartState) -> bool:
    return s.fcr & FCR_ENABLE != 0


@native
def source(s: UartState) -> int:
    """The interrupt identification by priority (data sheet, table IV)."""
    if s.ier & IER_ELSI and s.overrun:
        return IIR_LINE
    if s.ier & IER_ERBFI:
        if len(s.rx) >= (TRIGGER_LEVELS[s.fcr >> 6] if has_fifos(s) else 1):
            return IIR_RDA
        if s.timeout_pending:
            return IIR_TIMEOUT
    if s.ier & IER_ETBEI and s.thre_pending:
        return IIR_THRE
    return IIR_NONE


@native
def line_status(s: UartState) -> int:
    return LSR_THRE | LSR_TEMT | (LSR_DR if s.rx else 0) | (LSR_OE if s.overrun else 0)


@native
def modem_status(s: UartState) -> int:
    """The modem lines never change, so there is no interrupt that tells of it."""
    if not s.mcr & MCR_LOOP:
        return CONNECTED
    return (
        (MSR_CTS if s.mcr & MCR_RTS else 0) | (MSR_DSR if s.mcr & MCR_DTR else 0)
        | (MSR_RI if s.mcr & MCR_OUT1 else 0) | (MSR_DCD if s.mcr & MCR_OUT2 else 0)
    )  # fmt: skip


@native
def read_uart(s: UartState, sent: Sent, offset: int) -> int:
    if s.lcr & LCR_DLAB and offset < 2:
        return s.dlm if offset else s.dll
    if offset == RBR:
        if s.rx:
            return DECLINED  # it leaves the FIFO
        if has_fifos(s):
            s.rbr = 0
        return s.rbr
    if offset == IER:
        return s.ier
    if offset == IIR:
        if source(s) == IIR_THRE:
            return DECLINED  # which is reset by this
        return source(s) | (IIR_FIFOS if has_fifos(s) else 0)
    if offset == LCR:
        return s.lcr
    if offset == MCR:
        return s.mcr
    if offset == LSR:
        return DECLINED if s.overrun else line_status(s)
    return modem_status(s) if offset == MSR else s.scr


@native
def write_uart(s: UartState, sent: Sent, offset: int, value: int, icount: int) -> int:
    if s.lcr & LCR_DLAB and offset < 2:
        if offset:
            s.dlm = value
        else:
            s.dll = value
    elif offset == RBR:
        if s.mcr & MCR_LOOP or s.ier & IER_ETBEI or not send(sent, value, icount):
            return DECLINED
        s.thre_pending = True
    elif offset == IER:
        ier, pending, was = s.ier, s.thre_pending, source(s)
        write_ier(s, value)
        if (source(s) == IIR_NONE) != (was == IIR_NONE):
            s.ier, s.thre_pending = ier, pending
            return DECLINED
    elif offset == FCR:
        return DECLINED
    elif offset == LCR:
        s.lcr = value
    elif offset == MCR:
        if (value ^ s.mcr) & MCR_LOOP:
            return DECLINED
        s.mcr = value & 0x1F
    elif offset == SCR:
        s.scr = value
    return 0


@native
def write_ier(s: UartState, value: int) -> int:
    if value & ~s.ier & IER_ETBEI:
        s.thre_pending = True  # enabling it with THR empty interrupts at once
    s.ier = value & 0xF
    return 0


class Ns16550(Device[UartState]):
    """One UART at eight ports from `base`; `line` is its interrupt output."""

    State = UartState
    outlet: Outlet
    INPUT = SERIAL
    part = "ns16550_uart"
    QEMU = Declared(
        "isa-serial", "ISA", "serial port", (
            Property("index", "uint32", None, "0 to 3 for COM1 to COM4; by default the next one", most=3),
            Property("iobase", "uint16", None, "its eight ports; by default those of the index", most=0xFFF8),
            Property("irq", "uint8", None, "its ISA interrupt; by default that of the index", most=15),
            Property("chardev", "chardev"),
        ),
        wires=("irq{irq}",), ports=(Span("iobase", 8),), most=4, creatable=True, category="Input",
    )  # fmt: skip
    DIFFERS = (
        Differs("interrupt output", "OUT2 (MCR bit 3) opens the buffer behind it, loopback shuts it",
                "always connected", True),
        Differs("MCR after a reset", "00h", "08h (OUT2)", True),
        Differs("FCR: the enable bit changes, or bit 2 clears the transmit FIFO", "no new interrupt",
                "the transmitter's interrupt is pending", True),
        Differs("RBR read while an enabled FIFO is empty", "undefined", "00h", True),
        Differs("MSR bits 3:0 in loopback", "changes of MCR are seen as changes of modem lines", "00h", True),
        Differs("loopback of characters shorter than 8 bits", "the upper bits are 0", "all 8 bits come back", True),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, p["iobase"], at.irq(p["irq"], name), at.chardev(p["chardev"]), at.clock)

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        """Without `index` it is the next of COM1 to COM4, which says its ports and its interrupt."""
        taken = {values["index"] for declared, values in others if declared.name == cls.QEMU.name}
        index = p.get("index")
        if index is None:
            index = next((n for n in range(len(COM_PORTS)) if n not in taken), None)
        if index is None:
            raise UsageError(f"isa-serial: COM1 to COM{len(COM_PORTS)} are all there is, and all are taken")
        if index in taken:
            raise UsageError(f"isa-serial: index={index} (COM{index + 1}) is another one's; leave index= out")
        iobase, irq = COM_PORTS[index]
        return {"index": index, "iobase": iobase if p.get("iobase") is None else p["iobase"],
                "irq": irq if p.get("irq") is None else p["irq"]}  # fmt: skip

    def __init__(self, name: str, io: Space, base: int, line: Line, sink: Sink, clock: VirtualClock):
        super().__init__(name)
        self._line, self._clock = line, clock
        self.outlet = Outlet(sink, clock)
        self.on_room = nobody_waits
        self._timeout = clock.alarm(f"{name}.timeout", self._time_out)
        registers = Registers(self.state, self.outlet.sent, read=read_uart, write=write_uart, clock=clock,
                              after=self.outlet.drain)  # fmt: skip
        io.map(base, 8, self._read, self._write, name=name, registers=registers)

    def reset(self) -> None:
        self._line.set(False)  # before the state goes, so that listeners are told
        self._timeout.cancel()
        super().reset()

    def loaded(self) -> None:
        self._line.restore(self._interrupt())

    # -- from outside

    def can_receive(self) -> int:
        """How many bytes `receive` would take now. In loopback the serial input is disconnected."""
        if self.state.mcr & MCR_LOOP:
            return 0
        return max(self._depth() - len(self.state.rx), 0)

    def receive(self, data: bytes) -> int:
        """Take bytes from the other end of the wire; returns how many fitted."""
        taken = bytes(data[: self.can_receive()])
        if taken:
            self.state.received = (self.state.received + len(taken)) & 0xFFFF
            self._put(taken)
        return len(taken)

    def _tell_room(self) -> None:
        """A receiver that is empty, and polled, is ready for more. (One whose interrupts are on is left to the session:
        an interrupt handler that found a full FIFO again and again would never come to its end.)
        """
        s = self.state
        if not s.rx and not s.ier & IER_ERBFI and not s.mcr & MCR_LOOP:
            self.on_room()

    # -- receiver

    def _depth(self) -> int:
        return FIFO_SIZE if has_fifos(self.state) else 1

    def _put(self, data: bytes) -> None:
        s = self.state
        for byte in data:
            if len(s.rx) < self._depth():
                s.rx.append(byte)
            else:
                s.overrun = True
                if not has_fifos(self.state):
                    s.rx[:] = bytes((byte,))  # RBR is overwritten; a full FIFO loses the new byte instead
        self._restart_timeout()
        self._update()

    def _clear_rx(self) -> None:
        self.state.rx.clear()
        self._restart_timeout()

    def character_ns(self) -> int:
        """One character time at the programmed rate and format (a divisor of 0 counts as 65536)."""
        s = self.state
        divisor = (s.dlm << 8 | s.dll) or 0x10000
        half_bits = 2 * (1 + 5 + (s.lcr & 3) + (s.lcr & LCR_PEN != 0)) + 2
        if s.lcr & LCR_STB:
            half_bits += 1 if s.lcr & 3 == 0 else 2
        return -(-half_bits * 16 * divisor * 1_000_000_000 // (2 * CLOCK_HZ))

    def _restart_timeout(self) -> None:
        """Four character times without a byte in or out of a FIFO that holds some raise the time-out interrupt."""
        self.state.timeout_pending = False
        if has_fifos(self.state) and self.state.rx:
            self._timeout.arm(self._clock.now_ns() + 4 * self.character_ns())
        else:
            self._timeout.cancel()

    def _time_out(self) -> None:
        self.state.timeout_pending = True
        self._update()

    # -- interrupts

    def _interrupt(self) -> bool:
        return source(self.state) != IIR_NONE

    def _update(self) -> None:
        self._line.set(self._interrupt())

    # -- accesses that do more than `read_uart` and `write_uart`

    def _read(self, address: int, size: int) -> int:
        s, register = self.state, address & 7
        if register == RBR:
            value = s.rbr = s.rx.pop(0)
            self._restart_timeout()
        elif register == IIR:
            value = IIR_THRE | (IIR_FIFOS if has_fifos(s) else 0)
            s.thre_pending = False
        else:
            value = line_status(s)
            s.overrun = False
        self._update()
        if register == RBR:
            self._tell_room()
        return value

    def _write(self, address: int, size: int, value: int) -> None:
        s, register = self.state, address & 7
        if register == RBR:
            self._transmit(value)
        elif register == IER:
            write_ier(s, value)
        elif register == FCR:
            self._write_fcr(value)
        else:
            s.mcr = value & 0x1F
        self._update()
        if register in (FCR, MCR):  # a FIFO that was cleared, the end of a loopback
            self._tell_room()

    def _write_fcr(self, value: int) -> None:
        s = self.state
        if (value ^ s.fcr) & FCR_ENABLE:
            value |= FCR_CLEAR_RX | FCR_CLEAR_TX
        s.fcr = value & FCR_KEPT if value & FCR_ENABLE else 0  # the other bits need the enable bit
        if value & FCR_CLEAR_RX:
            self._clear_rx()
        if value & FCR_CLEAR_TX:
            s.thre_pending = True

    def _transmit(self, value: int) -> None:
        s = self.state
        s.thre_pending = False
        self._update()
        if s.mcr & MCR_LOOP:
            self._put(bytes((value,)))
        else:
            self.outlet.write(value)
        s.thre_pending = True
