"""Small ports of the PC's chip set: system control ports B (61h) and A (92h), coprocessor error (F0h).

Port 61h joins counter 2 with the speaker and shows two things that toggle by themselves: the memory refresh (bit 4,
every 15 us, which old software uses as a clock) and OUT 2. Port 92h is the fast way to the A20 gate and to a reset.

The refresh toggles every 18 ticks of the 8254's oscillator since power-on, as counter 1 would drive it with the count
that BIOSes give it.

Port F0h is where a handler of IRQ 13 answers to the processor's floating-point error output.

Source: Intel 82371SB (PIIX3) data sheet, NMISC (61h), Port 92 and Coprocessor Error (F0h) registers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from playhead.hw.surroundings import Surroundings
from playhead.base.sound import SPEAKER_RATE, Piece
from playhead.hw.audio import AudioPort
from playhead.hw.declared import Declared, Property, Span
from playhead.base.record import U8, Bool
from playhead.base.shared_record import SharedRecord
from playhead.devices.system.pc_speaker import wave
from playhead.devices.timer.i8254_counter import CounterState, out
from playhead.devices.timer.i8254_pit import HZ, I8254
from playhead.hw.clock import VirtualClock, ticks_at
from playhead.hw.device import Device
from playhead.hw.door import Requests
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.space import Space, never

PORT_B, PORT_A, PORT_ERROR = 0x61, 0x92, 0xF0
B_GATE2, B_SPEAKER, B_KEPT, B_REFRESH, B_OUT2 = 0x01, 0x02, 0x0F, 0x10, 0x20
REFRESH_TICKS = 18
A_RESET, A_A20, A_ONES = 0x01, 0x02, 0x24


class PortBState(SharedRecord):
    value = U8()  # bits 0-3; the two that switch parity and channel checks are kept, there is nothing to check


@native
def read_port_b(s: PortBState, counter2: CounterState, now_ns: int) -> int:
    t = ticks_at(now_ns, HZ)
    refresh = t // REFRESH_TICKS & 1
    return s.value | (B_REFRESH if refresh else 0) | (B_OUT2 if out(counter2, t) else 0)


@native
def write_port_b(s: PortBState, counter2: CounterState, value: int) -> int:
    """A write that leaves the gate as it is."""
    if bool(value & B_GATE2) != counter2.gate:
        return DECLINED
    s.value = value & B_KEPT
    return 0


class Port61(Device[PortBState]):
    """System control port B. It drives the gate of the 8254's counter 2."""

    State = PortBState
    part = "port61"
    SPEAKER = True
    QEMU = Declared("isa-pcspk", "ISA", "speaker and system control port B", (Property("audiodev", "audiodev"),),
                    ports=(Span(PORT_B, 1),), needs=("isa-pit",))  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        port = cls(name, at.clock, at.find(I8254), at.audiodev(p["audiodev"]))
        port.attach(at.io)
        return port

    def __init__(self, name: str, clock: VirtualClock, pit: I8254, port: AudioPort | None = None):
        super().__init__(name)
        self._clock, self._pit, self.port = clock, pit, port or AudioPort()

    def attach(self, io: Space) -> None:
        """With an audiodev, Python is asked for each write, and tells of what sounded until then."""
        write = write_port_b if self.port.number is None else None
        registers = Registers(self.state, self._pit.state.counters[2], read=read_port_b, write=write, clock=self._clock)
        io.map(PORT_B, 1, never, self.write_port, name=self.name, registers=registers)

    def reset(self) -> None:
        self._pit.before_change()
        super().reset()
        self._pit.set_gate2(False)

    def listen(self, before_change: Callable[[], None]) -> None:
        """Have this called in front of whatever changes the speaker's sound."""
        self._pit.before_change = before_change

    def sound(self, first: int, frames: int) -> Piece | None:
        """What it sounds like as long as nothing changes; None: it is off."""
        if not self.state.value & B_SPEAKER:
            return None
        return Piece(self.name, 0, first, SPEAKER_RATE, wave(self._pit.state.counters[2], first, frames))

    def write_port(self, address: int, size: int, value: int) -> None:
        self._pit.before_change()
        self.state.value = value & B_KEPT
        self._pit.set_gate2(bool(value & B_GATE2))


class PortAState(SharedRecord):
    a20 = Bool()
    init = Bool()  # bit 0: its rise is a reset


@native
def read_port_a(s: PortAState) -> int:
    return A_ONES | (A_A20 if s.a20 else 0) | (A_RESET if s.init else 0)


@native
def write_port_a(s: PortAState, value: int) -> int:
    """A write that neither moves the gate nor asks for a reset."""
    if bool(value & A_A20) != s.a20 or (value & A_RESET and not s.init):
        return DECLINED
    s.init = bool(value & A_RESET)
    return 0


class Port92(Device[PortAState]):
    """System control port A. `a20` is its say about the A20 gate; a reset is asked for when bit 0 goes from 0 to 1."""

    State = PortAState
    part = "port92"
    QEMU = Declared("port92", "ISA", "system control port A", wires=("a20",), ports=(Span(PORT_A, 1),))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        port = cls(name, at.a20(name), at.requests)
        port.attach(at.io)
        return port

    def __init__(self, name: str, a20: Line, requests: Requests):
        super().__init__(name)
        self._a20, self._requests = a20, requests

    def attach(self, io: Space) -> None:
        io.map(PORT_A, 1, never, self.write_port, name=self.name,
               registers=Registers(self.state, read=read_port_a, write=write_port_a))  # fmt: skip

    def reset(self) -> None:
        self._a20.set(False)
        super().reset()

    def loaded(self) -> None:
        self._a20.restore(self.state.a20)

    def write_port(self, address: int, size: int, value: int) -> None:
        s = self.state
        asked = bool(value & A_RESET) and not s.init
        s.a20, s.init = bool(value & A_A20), bool(value & A_RESET)
        self._a20.set(s.a20)
        if asked:
            self._requests.reset("guest-reset")


class CoprocessorErrorState(SharedRecord):
    irq = Bool()


class CoprocessorError(Device[CoprocessorErrorState]):
    """FERR#, IRQ 13 and IGNNE#, wired as in the PC/AT: an edge of FERR# sets the interrupt; a write to the port, of
    whatever value, clears it and asks for IGNNE#. XBCS bit 5, which would switch this off, is not looked at: no
    firmware sets it, QEMU does not look at it either, and software for DOS relies on IRQ 13.
    """

    State = CoprocessorErrorState
    part = "coprocessor_error"
    QEMU = Declared("fpu-error", "ISA", "coprocessor error", wires=("irq13",), ports=(Span(PORT_ERROR, 1),))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        chip = cls(name, at.irq(13, "ferr"), at.ignne)
        chip.attach(at.io)
        return chip

    def __init__(self, name: str, irq: Line, ignne: Callable[[], None]):
        super().__init__(name)
        self._irq, self._ignne = irq, ignne

    def attach(self, io: Space) -> None:
        io.map(PORT_ERROR, 1, self.read_port, self.write_port, name=self.name)

    def reset(self) -> None:
        self._irq.set(False)
        super().reset()

    def loaded(self) -> None:
        self._irq.restore(self.state.irq)

    def error(self) -> None:
        """The processor asserts FERR#."""
        self.state.irq = True
        self._irq.set(True)

    def read_port(self, address: int, size: int) -> int:
        return 0xFF

    def write_port(self, address: int, size: int, value: int) -> None:
        self.state.irq = False
        self._irq.set(False)
        self._ignne()
