"""Intel 8042: the PC's keyboard controller, with its keyboard and mouse (ps2_keyboard.py, ps2_mouse.py).

One output buffer serves three sources: the controller's own answers, the keyboard (translated to set 1 if the
command byte asks for it) and the auxiliary device. The buffer refills at once when it is read; the interrupt line
falls and rises in between, so that an edge-triggered interrupt controller sees each byte.

Two bits of its output port are the A20 gate and the processor's reset.

Sources: IBM PC/AT Technical Reference, "Keyboard Controller" (commands, status, translation to set 1); IBM PS/2
Hardware Interface Technical Reference (auxiliary device commands A7h-A9h, D3h, D4h).
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U8, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord, Table
from playhead.devices.input import ps2_keyboard, ps2_mouse
from playhead.devices.input.ps2_keyboard import Keyboard, KeyboardState
from playhead.devices.input.ps2_mouse import Mouse, MouseState
from playhead.devices.input.scan_codes import BREAK, TO_SET_1
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Device, Differs
from playhead.hw.door import Requests
from playhead.hw.inputs import INPUT, InputReceiver, nobody_waits
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.space import Space, never
from playhead.hw.surroundings import Surroundings

DATA, COMMAND = 0x60, 0x64
STATUS_OBF, STATUS_SYS, STATUS_CMD, STATUS_UNLOCKED, STATUS_AUX = 0x01, 0x04, 0x08, 0x10, 0x20
CTR_KBD_INT, CTR_AUX_INT, CTR_SYS, CTR_KBD_OFF, CTR_AUX_OFF, CTR_XLATE = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
OUT_RESET, OUT_A20, OUT_OBF, OUT_AUX = 0x01, 0x02, 0x10, 0x20
OUT_OPEN = 0xCC  # pins that nothing drives

READ_RAM, WRITE_RAM = 0x20, 0x60  # 32 commands each; byte 0 is the controller's command byte
TEST_PASSWORD, AUX_OFF, AUX_ON, TEST_AUX, SELF_TEST, TEST_KBD, KBD_OFF, KBD_ON = (
    0xA4, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAD, 0xAE,
)  # fmt: skip
READ_INPUT, READ_OUTPUT, WRITE_OUTPUT, WRITE_KBD_OBF, WRITE_AUX_OBF, WRITE_AUX = 0xC0, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4
A20_OFF, A20_ON, TEST_INPUTS, PULSE = 0xDD, 0xDF, 0xE0, 0xF0
INPUT_PORT = 0x80  # keyboard not locked
ANSWERS_MAX = 16


class KbcState(SharedRecord):
    ram = Table(32, bytes((CTR_KBD_INT | CTR_AUX_INT,)))
    output_port = U8(OUT_OPEN | OUT_RESET | OUT_A20)
    last_was_command = Bool(True)
    command = U8()  # the command whose parameter is the next byte at the data port
    answers = Bytes(ANSWERS_MAX)
    obf = Bool()
    obf_aux = Bool()
    obuf = U8()
    released = Bool()  # a break prefix was swallowed by the translation
    keyboard = Nested(KeyboardState)
    mouse = Nested(MouseState)


@native
def interrupts(s: KbcState, aux: bool) -> bool:
    """Is the interrupt of the keyboard, or of the auxiliary device, asserted?"""
    enabled = s.ram[0] & (CTR_AUX_INT if aux else CTR_KBD_INT)
    return s.obf and s.obf_aux == aux and bool(enabled)


@native
def more_waits(s: KbcState) -> bool:
    """Does anything follow what is in the output buffer?"""
    keyboard = (len(s.keyboard.answers) > 0 or len(s.keyboard.queue) > 0) and not s.ram[0] & CTR_KBD_OFF
    mouse = (len(s.mouse.answers) > 0 or len(s.mouse.queue) > 0) and not s.ram[0] & CTR_AUX_OFF
    return len(s.answers) > 0 or keyboard or mouse


@native
def read_data(s: KbcState) -> int:
    if s.obf:
        if interrupts(s, False) or interrupts(s, True) or more_waits(s):
            return DECLINED
        s.obf = False
    return s.obuf


@native
def read_status(s: KbcState) -> int:
    status = STATUS_UNLOCKED | (STATUS_CMD if s.last_was_command else 0) | (s.ram[0] & CTR_SYS)
    if s.obf:
        status |= STATUS_OBF | (STATUS_AUX if s.obf_aux else 0)
    return status


class I8042(Device[KbcState]):
    """`kbd_irq` and `aux_irq` are ISA interrupts 1 and 12; `a20` is the gate's output."""

    State = KbcState
    part = "i8042_kbc"
    INPUT = INPUT
    QEMU = Declared(
        "i8042", "ISA", "keyboard controller, with a keyboard and a mouse",
        (Property("input", "bool", True, "Keys and movements reach the guest; without, the two only answer commands"),
         Property("default-rate-knocks", "bool", False, "The sample rate that a mouse's command F6h sets is taken for "
                  "one of the three of a knock, as in machines before pc-5")),
        wires=("irq1", "irq12", "a20"), ports=(Span(DATA, 1), Span(COMMAND, 1)), category="Input",
    )  # fmt: skip
    DIFFERS = (
        Differs("output port after a reset", "bits 2, 3, 6 and 7 are not said", "CFh", True),
        Differs("output port bits 4 and 5, written", "show the output buffer all the same",
                "are as written until the buffer's next change", False),
        Differs("status bit 3", "1 behind a command, 0 behind data", "always 1", False),
        Differs("commands 21h-3Fh, 61h-7Fh, A4h, E0h", "internal memory, password, test inputs", "ignored", False),
        Differs("self test (AAh)", "sets the system flag in the command byte, which status bit 2 shows",
                "sets status bit 2 only", False),
        Differs("a command to the controller in place of a parameter", "the parameter is not waited for any more",
                "the next byte of data is it", False),
        Differs("two answers of the controller, none of them read", "both are there", "the second only", False),
        Differs("an answer of the controller while the keyboard is held off (ADh)", "an interrupt", "none", False),
        Differs("translation switched while key codes wait", "as it is when they are fetched",
                "as it was when they came", False),
        Differs("keyboard and mouse both have bytes", "not said; keyboard first here", "they take turns", False),
        Differs("an answer in the output buffer when the next command to the same device comes", "stays there",
                "is lost", False),
        Differs("a byte of 80h and more where the keyboard waits for a parameter", "is a command", "is the parameter",
                False),
        Differs("keyboard command FEh", "the last byte again", "FEh", False),
        Differs("keyboard commands F7h-F9h, FBh, FDh", "acknowledged", "FEh", False),
        Differs("unknown commands to the mouse", "FEh", "no answer", False),
        Differs("mouse command ECh without wrap mode", "acknowledged", "no answer", False),
        Differs("a mouse that is reset in wrap mode", "leaves it", "stays in it", False),
        Differs("a mouse that is reset in remote mode, after movements", "forgets them", "keeps them", False),
        Differs("a mouse's answers while packets wait", "come first", "come last; none if there is no room", False),
        Differs("a mouse's resolution and sample rate before its first reset", "2 and 100", "0 and 0", False),
        Differs("a resolution of 4 and more", "its lower two bits", "is kept as it is", False),
        Differs("sample rates 200, 200, 100, 80", "the last three are IntelliMouse's knock", "no knock", False),
        Differs("a mouse's status", "says which buttons are pressed", "does not", False),
        Differs("a mouse's scaling 2:1", "larger movements are doubled", "no effect", False),
        Differs("a mouse's resolution and sample rate", "counts per mm, packets per second", "no effect", True),
        Differs("keys of scan code set 3", "most send no break code", "all send one", True),
        Differs("Hangul and Hanja keys", "F2h and F1h", "72h and 71h in set 1, nothing in set 2", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        wires = at.irq(1, "kbd"), at.irq(12, "aux"), at.a20(name)
        return cls(name, at.io, *wires, at.requests, default_rate_knocks=bool(p["default-rate-knocks"]))

    def __init__(self, name: str, io: Space, kbd_irq: Line, aux_irq: Line, a20: Line, requests: Requests,
                 default_rate_knocks: bool = False):  # fmt: skip
        super().__init__(name)
        self._default_rate_knocks = default_rate_knocks
        self._kbd_irq, self._aux_irq, self._a20, self._requests = kbd_irq, aux_irq, a20, requests
        self.receivers, self.on_room = self._receivers(), nobody_waits
        self._map(io)
        self.loaded()

    def _receivers(self) -> tuple[InputReceiver, ...]:
        return (
            Keyboard(self.state.keyboard, self._refill, self._touched),
            Mouse(self.state.mouse, self._refill, self._touched),
        )

    def _touched(self) -> None:
        """Somebody is at the keyboard or the mouse: a machine that is suspended wakes up."""
        self._requests.wake_up("other")

    def _map(self, io: Space) -> None:
        io.map(DATA, 1, self._read_data, self._write_data, name=f"{self.name}.data",
               registers=Registers(self.state, read=read_data))  # fmt: skip
        io.map(COMMAND, 1, never, self._write_command, name=f"{self.name}.command",
               registers=Registers(self.state, read=read_status))  # fmt: skip

    def reset(self) -> None:
        self._kbd_irq.set(False)
        self._aux_irq.set(False)
        self._a20.set(True)
        super().reset()

    def loaded(self) -> None:
        s = self.state
        self._kbd_irq.restore(interrupts(self.state, False))
        self._aux_irq.restore(interrupts(self.state, True))
        self._a20.restore(bool(s.output_port & OUT_A20))

    def program(self, command_byte: int) -> None:
        """The command byte that firmware would leave, for a machine that starts without any."""
        self.state.ram[0] = command_byte
        self._refill()

    # -- the output buffer

    def _update(self) -> None:
        self._kbd_irq.set(interrupts(self.state, False))
        self._aux_irq.set(interrupts(self.state, True))

    def _refill(self) -> None:
        """Put the next waiting byte into the output buffer if it is empty."""
        s = self.state
        if not s.obf:
            if s.answers:
                self._show(s.answers.pop(0), False)
            else:
                self._from_keyboard()
                if not s.obf and self._mouse_waits() and not s.ram[0] & CTR_AUX_OFF:
                    self._show(self._fetch_mouse(), True)
        self._update()

    def _from_keyboard(self) -> None:
        s = self.state
        while self._keyboard_waits() and not s.obf and not s.ram[0] & CTR_KBD_OFF:
            byte = self._fetch_keyboard()
            if not s.ram[0] & CTR_XLATE:
                self._show(byte, False)
            elif byte == BREAK:
                s.released = True
            else:
                self._show(TO_SET_1[byte] | (0x80 if s.released else 0), False)
                s.released = False

    def _keyboard_waits(self) -> bool:
        return bool(self.state.keyboard.answers or self.state.keyboard.queue)

    def _mouse_waits(self) -> bool:
        return bool(self.state.mouse.answers or self.state.mouse.queue)

    def _fetch_keyboard(self) -> int:
        return ps2_keyboard.fetch(self.state.keyboard)

    def _fetch_mouse(self) -> int:
        return ps2_mouse.fetch(self.state.mouse)

    def _tell_keyboard(self, byte: int) -> None:
        ps2_keyboard.write(self.state.keyboard, byte)

    def _tell_mouse(self, byte: int) -> None:
        self.state.ram[0] &= ~CTR_AUX_OFF  # talking to the mouse enables it
        ps2_mouse.write(self.state.mouse, byte, self._default_rate_knocks)

    def _show(self, byte: int, aux: bool) -> None:
        s = self.state
        s.obuf, s.obf, s.obf_aux = byte, True, aux

    def _answer(self, byte: int) -> None:
        if len(self.state.answers) < ANSWERS_MAX:
            self.state.answers.append(byte)

    # -- ports

    def _read_data(self, address: int, size: int) -> int:
        """Another byte follows, or the interrupt falls: it does even if it rises again."""
        s = self.state
        s.obf = False
        self._update()
        value = s.obuf
        self._refill()
        self.on_room()
        return value

    def _write_command(self, address: int, size: int, value: int) -> None:
        s = self.state
        s.last_was_command = True
        s.command = 0
        if READ_RAM <= value < READ_RAM + 32:
            self._answer(s.ram[value & 31])
        elif WRITE_RAM <= value < WRITE_RAM + 32 or WRITE_OUTPUT <= value <= WRITE_AUX:
            s.command = value
        elif value in (AUX_OFF, AUX_ON, KBD_OFF, KBD_ON):
            bit = CTR_AUX_OFF if value in (AUX_OFF, AUX_ON) else CTR_KBD_OFF
            s.ram[0] = s.ram[0] | bit if value in (AUX_OFF, KBD_OFF) else s.ram[0] & ~bit
        elif value == SELF_TEST:
            s.ram[0] |= CTR_SYS
            self._answer(0x55)
        elif value in (A20_OFF, A20_ON):
            self._write_output_port(s.output_port & ~OUT_A20 | (value & OUT_A20))
        elif value >= PULSE:
            if not value & OUT_RESET:  # a pulse: low for 6 us, and the port keeps its value
                self._requests.reset("guest-reset")
        else:
            self._answer_test(value)
        self._refill()

    def _answer_test(self, value: int) -> None:
        s = self.state
        output_port = s.output_port | ((OUT_AUX if s.obf_aux else OUT_OBF) if s.obf else 0)
        answers = {TEST_PASSWORD: 0xF1, TEST_AUX: 0, TEST_KBD: 0, READ_INPUT: INPUT_PORT, READ_OUTPUT: output_port,
                   TEST_INPUTS: 0}  # fmt: skip
        if value in answers:
            self._answer(answers[value])

    def _write_data(self, address: int, size: int, value: int) -> None:
        s = self.state
        s.last_was_command = False
        command, s.command = s.command, 0
        if command == 0:
            s.ram[0] &= ~CTR_KBD_OFF  # talking to the keyboard enables it
            self._tell_keyboard(value)
        elif command < WRITE_RAM + 32:
            s.ram[command & 31] = value
        elif command == WRITE_OUTPUT:
            self._write_output_port(value & ~(OUT_OBF | OUT_AUX))
        elif command == WRITE_AUX:
            self._tell_mouse(value)
        elif not s.obf:
            self._show(value, command == WRITE_AUX_OBF)
        self._refill()

    def _write_output_port(self, value: int) -> None:
        if not value & OUT_RESET:
            self._requests.reset("guest-reset")
        self.state.output_port = value | OUT_RESET
        self._a20.set(bool(value & OUT_A20))
