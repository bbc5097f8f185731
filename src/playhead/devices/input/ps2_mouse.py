"""The PS/2 mouse: its commands, and what it reports of movements, buttons and wheels.

A mouse of two or three buttons; a driver that sets the sample rates 200, 100, 80 finds one with a wheel (IntelliMouse,
packets of four bytes), with 200, 200, 80 one with five buttons and two wheels (IntelliMouse Explorer). What is moved
adds up until a packet can say it: packets are sent when the host has said all that belongs together (`sync`), as many
as there is room for. What is left then goes out with the next sync, which is asked for as soon as there is room again
(`unsent`). A mouse that does not report (switched off) loses what happens.

Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device" (mouse commands,
status bytes, packets); Microsoft, "IntelliMouse" and "Windows support for the Explorer mouse" (sample rates, the fourth
byte); QEMU 7.2 for the horizontal wheel.
"""

from collections.abc import Callable

from playhead.base.record import I32, U8, Bool, Record
from playhead.base.shared_record import Bytes, SharedRecord
from playhead.log.event_names import AXES, BUTTONS
from playhead.log.events import MouseButton, Moved

ROOM, ANSWER_MAX = 16, 4
ACK, RESEND, BAT_OK = 0xFA, 0xFE, 0xAA
SCALING_1, SCALING_2, RESOLUTION, STATUS = 0xE6, 0xE7, 0xE8, 0xE9
STREAM, READ_DATA, WRAP_OFF, WRAP, REMOTE, IDENTIFY, SAMPLE_RATE = 0xEA, 0xEB, 0xEC, 0xEE, 0xF0, 0xF2, 0xF3
ENABLE, DISABLE, DEFAULT, RESET = 0xF4, 0xF5, 0xF6, 0xFF

PLAIN, WHEEL, FIVE_BUTTONS = 0, 3, 4  # what it answers to IDENTIFY
KNOCKS = {(200, 100, 80): WHEEL, (200, 200, 80): FIVE_BUTTONS}  # the sample rates that ask for them
PRESSED = {"left": 0x01, "right": 0x02, "middle": 0x04, "side": 0x08, "extra": 0x10}
WHEELS = {"wheel-up": (-1, 0), "wheel-down": (1, 0), "wheel-right": (0, -1), "wheel-left": (0, 1)}
FARTHEST = 32767  # what adds up of one axis: more than any screen is wide
TWO_TO_ONE = (0, 1, 1, 3, 6, 9)


class MouseState(SharedRecord):
    answers = Bytes(ANSWER_MAX)
    queue = Bytes(ROOM)
    command = U8()  # the command whose parameter is the next byte
    last = U8()  # what was fetched last
    sample_rate = U8(100)
    rate_before = U8()  # the sample rate before this one
    resolution = U8(2)
    kind = U8(PLAIN)
    scaling_2 = Bool()
    remote = Bool()
    wrap = Bool()
    reporting = Bool()
    begun = Bool()  # something has happened since the last sync
    buttons = U8()  # of `PRESSED`
    dx = I32()  # to the right
    dy = I32()  # away from the user
    dz = I32()
    dw = I32()


def answer(m: MouseState, *data: int) -> None:
    m.answers.extend(bytes(data))


def fetch(m: MouseState) -> int:
    """The controller takes a byte; the device can be asked to send it again."""
    m.last = (m.answers if m.answers else m.queue).pop(0)
    return m.last


def write(m: MouseState, byte: int, default_rate_knocks: bool = False) -> None:
    """A byte from the controller: a command or its parameter. `default_rate_knocks`: the rate that DEFAULT sets counts
    among those that ask for a wheel.
    """
    command, m.command = m.command, 0
    m.answers.clear()
    if command:
        _parameter(m, command, byte)
    elif m.wrap and byte not in (WRAP_OFF, RESET):
        answer(m, byte)
    elif byte in (IDENTIFY, STATUS, READ_DATA):
        _report(m, byte)
    elif not _set(m, byte):
        answer(m, m.last if byte == RESEND else RESEND)
    else:
        if byte == DEFAULT and not default_rate_knocks:
            m.rate_before = 0
        answer(m, ACK, *((BAT_OK, m.kind) if byte == RESET else ()))


def _parameter(m: MouseState, command: int, byte: int) -> None:
    if command == RESOLUTION:
        m.resolution = byte & 3
    else:
        m.kind = KNOCKS.get((m.rate_before, m.sample_rate, byte), m.kind)
        m.rate_before, m.sample_rate = m.sample_rate, byte
    answer(m, ACK)


def _set(m: MouseState, byte: int) -> bool:
    """Do a command that only sets something; False if it is none."""
    if byte in (RESOLUTION, SAMPLE_RATE):
        m.command = byte
    elif byte in (SCALING_1, SCALING_2):
        m.scaling_2 = byte == SCALING_2
    elif byte in (STREAM, REMOTE):
        m.remote = byte == REMOTE
    elif byte in (WRAP, WRAP_OFF):
        m.wrap = byte == WRAP
    elif byte in (ENABLE, DISABLE):
        m.reporting = byte == ENABLE
    elif byte in (DEFAULT, RESET):
        m.sample_rate, m.resolution, m.scaling_2, m.remote, m.reporting = 100, 2, False, False, False
        m.dx = m.dy = m.dz = m.dw = 0
        if byte == RESET:
            m.queue.clear()
            m.wrap, m.kind, m.rate_before = False, PLAIN, 0
    else:
        return False
    return True


def _report(m: MouseState, byte: int) -> None:
    if byte == IDENTIFY:
        answer(m, ACK, m.kind)
    elif byte == READ_DATA:
        answer(m, ACK)
        send_packet(m, 1)
    else:
        pressed = m.buttons >> 1 & 1 | m.buttons & 4 >> 1 | (m.buttons & 1) << 2
        modes = (m.remote and 0x40) | (m.reporting and 0x20) | (m.scaling_2 and 0x10)
        answer(m, ACK, modes | pressed, m.resolution, m.sample_rate)


# -- packets


def packet_fits(m: MouseState) -> bool:
    return ROOM - len(m.queue) - len(m.answers) >= (3 if m.kind == PLAIN else 4)


def unsent(m: MouseState) -> bool:
    """Has something been moved that no packet has said yet, which is to go out by itself?"""
    return m.reporting and not m.remote and bool(m.dx or m.dy or m.dz or m.dw)


def _within(value: int, most: int) -> int:
    return max(-most, min(most, value))


def _scaled(value: int) -> int:
    """Of scaling 2:1."""
    size = abs(value)
    size = TWO_TO_ONE[size] if size < len(TWO_TO_ONE) else 2 * size
    return size if value >= 0 else -size


def send_packet(m: MouseState, scale: int) -> bool:
    """Queue what has been moved, or as much of it as one packet can say; False if there is no room for it."""
    if not packet_fits(m):
        return False
    dx, dy = _within(m.dx, 127), _within(m.dy, 127)
    m.dx, m.dy = m.dx - dx, m.dy - dy
    if scale == 2:
        dx, dy = _scaled(dx), _scaled(dy)
    m.queue.extend(bytes((0x08 | (dy < 0) << 5 | (dx < 0) << 4 | m.buttons & 7, dx & 0xFF, dy & 0xFF)))
    if m.kind != PLAIN:
        m.queue.append(_fourth_byte(m) & 0xFF)
    if m.kind != FIVE_BUTTONS:
        m.dw = 0
    if m.kind == PLAIN:
        m.dz = 0
    return True


def _fourth_byte(m: MouseState) -> int:
    if m.kind == FIVE_BUTTONS and m.dw:
        dw = _within(m.dw, 31)
        m.dw -= dw
        return 0x40 | dw & 0x3F
    dz = _within(m.dz, 127 if m.kind == WHEEL else 7)
    m.dz -= dz
    return dz if m.kind == WHEEL else dz & 0x0F | (m.buttons & 0x18) << 1


class Mouse:
    """The end that faces the hand (`hw.inputs.InputReceiver`). `changed`: there may be bytes to fetch;
    `touched`: a button is pressed, whether or not the guest listens.
    """

    name = "mouse"
    TAKES: tuple[type[Record], ...] = (Moved, MouseButton)

    def __init__(self, state: MouseState, changed: Callable[[], None], touched: Callable[[], None]):
        self.state, self._changed, self._touched = state, changed, touched

    @property
    def unsent(self) -> bool:
        """Whether a sync would send more of what has been moved."""
        return unsent(self.state) and packet_fits(self.state)

    def can_take(self, what: Record) -> bool:
        """Movements add up; a button waits until a packet can say it."""
        m = self.state
        waits = m.reporting and not m.remote and isinstance(what, MouseButton)
        return not waits or packet_fits(m)

    def take(self, what: Record) -> None:
        m = self.state
        if isinstance(what, MouseButton) and what.down:
            self._touched()
        if not m.reporting:
            return
        m.begun = True
        if isinstance(what, MouseButton):
            self._button(BUTTONS[what.button] if what.button < len(BUTTONS) else "", bool(what.down))
        elif isinstance(what, Moved) and what.axis == AXES.index("x"):
            m.dx = _within(m.dx + what.value, FARTHEST)
        elif isinstance(what, Moved) and what.axis == AXES.index("y"):
            m.dy = _within(m.dy - what.value, FARTHEST)

    def _button(self, name: str, down: bool) -> None:
        m = self.state
        if name in PRESSED:
            m.buttons = m.buttons | PRESSED[name] if down else m.buttons & ~PRESSED[name]
        elif name in WHEELS and down:
            dz, dw = WHEELS[name]
            m.dz, m.dw = _within(m.dz + dz, FARTHEST), _within(m.dw + dw, FARTHEST)

    def sync(self) -> None:
        """All that belongs together has been said; perhaps to the keyboard."""
        m = self.state
        begun, m.begun = m.begun, False
        if not m.reporting or m.remote or not (begun or unsent(m)):
            return
        while send_packet(m, 2 if m.scaling_2 else 1):
            if not unsent(m):
                break
        self._changed()
