"""The PS/2 keyboard: its commands, and the scan codes of keys that are pressed and released.

It has room for sixteen bytes. What it answers to a command comes before key codes that wait, and is forgotten if the
next command comes before it was fetched. A key whose codes do not fit has to wait outside (`can_take`); one that is
pressed while the keyboard is switched off is lost. It does not repeat a key that is held: the rate is only kept.

Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device" (keyboard 101/102
commands).
"""

from collections.abc import Callable

from playhead.base.record import U8, Bool, Record
from playhead.base.shared_record import Bytes, SharedRecord
from playhead.devices.input.scan_codes import MODIFIERS, codes, numbered
from playhead.log.event_names import KEYS
from playhead.log.events import KeyCode, KeyNumber

ROOM, ANSWER_MAX = 16, 4
ACK, RESEND, ECHO, BAT_OK = 0xFA, 0xFE, 0xEE, 0xAA
SET_LEDS, SCAN_SET, IDENTIFY, TYPEMATIC = 0xED, 0xF0, 0xF2, 0xF3
ENABLE, DISABLE, DEFAULT, RESET = 0xF4, 0xF5, 0xF6, 0xFF
SET_3_KEYS_ALL, SET_3_KEYS_ONE = (0xF7, 0xF8, 0xF9, 0xFA), (0xFB, 0xFC, 0xFD)
KEYBOARD_ID = (0xAB, 0x83)


class KeyboardState(SharedRecord):
    answers = Bytes(ANSWER_MAX)
    queue = Bytes(ROOM)
    command = U8()  # the command whose parameter is the next byte
    last = U8()  # what was fetched last
    leds = U8()  # scroll lock, num lock, caps lock from bit 0 on
    typematic = U8(0x2B)
    scan_set = U8(2)
    scanning = Bool(True)
    held = U8()  # of `scan_codes.MODIFIERS`


def answer(k: KeyboardState, *data: int) -> None:
    k.answers.extend(bytes(data))


def fetch(k: KeyboardState) -> int:
    """The controller takes a byte; the device can be asked to send it again."""
    k.last = (k.answers if k.answers else k.queue).pop(0)
    return k.last


def write(k: KeyboardState, byte: int) -> None:
    """A byte from the controller: a command or its parameter."""
    command, k.command = k.command, 0
    k.answers.clear()
    if command and byte < 0x80:
        _parameter(k, command, byte)
    elif byte == ECHO:
        answer(k, ECHO)
    elif byte == RESEND:
        answer(k, k.last)
    elif byte in (SET_LEDS, SCAN_SET, TYPEMATIC) or byte in SET_3_KEYS_ONE:
        k.command = byte
        answer(k, ACK)
    elif byte == IDENTIFY:
        answer(k, ACK, *KEYBOARD_ID)
    elif byte == ENABLE:
        k.scanning = True
        answer(k, ACK)
    elif byte in (DISABLE, DEFAULT, RESET):
        _set_defaults(k)
        k.scanning = byte != DISABLE
        answer(k, ACK, *((BAT_OK,) if byte == RESET else ()))
    else:
        answer(k, ACK if byte in SET_3_KEYS_ALL else RESEND)


def _parameter(k: KeyboardState, command: int, byte: int) -> None:
    if command == SET_LEDS:
        k.leds = byte & 7
    elif command == TYPEMATIC:
        k.typematic = byte
    elif command == SCAN_SET and byte == 0:
        answer(k, ACK, k.scan_set)
        return
    elif command == SCAN_SET and byte > 3:
        answer(k, RESEND)
        return
    elif command == SCAN_SET:
        k.scan_set = byte
    answer(k, ACK)


def _set_defaults(k: KeyboardState) -> None:
    k.queue.clear()
    k.typematic, k.scan_set, k.leds = 0x2B, 2, 0


class Keyboard:
    """The end that faces whoever types (`hw.inputs.InputReceiver`). `changed`: there may be bytes to fetch;
    `touched`: somebody is there, whether or not the guest listens.
    """

    name = "keyboard"
    TAKES: tuple[type[Record], ...] = (KeyCode, KeyNumber)
    unsent = False

    def __init__(self, state: KeyboardState, changed: Callable[[], None], touched: Callable[[], None]):
        self.state, self._changed, self._touched = state, changed, touched

    @property
    def lights(self) -> int:
        return self.state.leds

    def can_take(self, what: Record) -> bool:
        s = self.state
        return not s.scanning or len(self._codes(what)) <= ROOM - len(s.queue) - len(s.answers)

    def take(self, what: Record) -> None:
        self._touched()
        if self.state.scanning:
            self.state.queue.extend(self._codes(what))
            self._hold(what)
            self._changed()

    def sync(self) -> None:
        """A key counts when it is pressed."""

    def _codes(self, what: Record) -> bytes:
        held = frozenset(key for n, key in enumerate(MODIFIERS) if self.state.held >> n & 1)
        return codes(_key(what), bool(what.down), self.state.scan_set, held)  # type: ignore[attr-defined]

    def _hold(self, what: Record) -> None:
        key = _key(what)
        if key in MODIFIERS:
            bit = 1 << MODIFIERS.index(key)
            down = what.down  # type: ignore[attr-defined]
            self.state.held = self.state.held | bit if down else self.state.held & ~bit


def _key(what: Record) -> str:
    """The key's name; `unmapped` for a number that no key has."""
    if isinstance(what, KeyNumber):
        return numbered().get(what.number, KEYS[0])
    assert isinstance(what, KeyCode)
    return KEYS[what.key] if what.key < len(KEYS) else KEYS[0]
