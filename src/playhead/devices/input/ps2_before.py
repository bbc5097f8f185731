"""The two PS/2 peripherals of machines before pc-3: an AT keyboard and a mouse that only answer their commands.

They stay as they were, so that recordings of those machines replay for ever. Each is a record of declared state with
functions that take a byte from the controller and queue what it answers; the controller (i8042_before.py) holds them as
part of its own state. A command that wants a parameter remembers itself in `command` until the parameter comes.

Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device" (keyboard 101/102
commands, scan code set 2; mouse commands and status bytes).
"""

from playhead.base.record import U8, Bool
from playhead.base.shared_record import Bytes, SharedRecord

QUEUE_SIZE = 64  # nothing real fills it
ACK, RESEND, ECHO, BAT_OK = 0xFA, 0xFE, 0xEE, 0xAA

SET_LEDS, SCAN_SET, IDENTIFY, TYPEMATIC = 0xED, 0xF0, 0xF2, 0xF3
ENABLE, DISABLE, DEFAULT, RESET = 0xF4, 0xF5, 0xF6, 0xFF
KEYBOARD_ID = (0xAB, 0x83)
SET_3_KEYS_ALL, SET_3_KEYS_ONE = (0xF7, 0xF8, 0xF9, 0xFA), (0xFB, 0xFC, 0xFD)

SCALING_1, SCALING_2, RESOLUTION, STATUS = 0xE6, 0xE7, 0xE8, 0xE9
STREAM, READ_DATA, WRAP_OFF, WRAP, REMOTE, SAMPLE_RATE = 0xEA, 0xEB, 0xEC, 0xEE, 0xF0, 0xF3
MOUSE_ID = 0x00


class KeyboardBefore(SharedRecord):
    queue = Bytes(QUEUE_SIZE)
    command = U8()
    last = U8()
    leds = U8()
    typematic = U8(0x2B)
    scan_set = U8(2)
    scanning = Bool(True)


class MouseBefore(SharedRecord):
    queue = Bytes(QUEUE_SIZE)
    command = U8()
    last = U8()
    sample_rate = U8(100)
    resolution = U8(2)
    scaling_2 = Bool()
    remote = Bool()
    wrap = Bool()
    reporting = Bool()


def answer(device: KeyboardBefore | MouseBefore, *data: int) -> None:
    """Queue bytes towards the controller; what no guest fetches is lost beyond the queue's size."""
    device.queue.extend(bytes(data[: QUEUE_SIZE - len(device.queue)]))


def fetch(device: KeyboardBefore | MouseBefore) -> int:
    """The controller takes a byte; the device can be asked to send it again."""
    device.last = device.queue.pop(0)
    return device.last


def _keyboard_defaults(k: KeyboardBefore) -> None:
    k.queue.clear()
    k.typematic, k.scan_set = 0x2B, 2


def keyboard_write(k: KeyboardBefore, byte: int) -> None:
    """A byte from the controller: a command or its parameter."""
    command, k.command = k.command, 0
    if command and byte < 0x80:
        _keyboard_parameter(k, command, byte)
    elif byte == ECHO:
        answer(k, ECHO)
    elif byte == RESEND:
        answer(k, k.last)
    elif byte in (SET_LEDS, SCAN_SET, TYPEMATIC) or byte in SET_3_KEYS_ONE:
        k.command = byte
        answer(k, ACK)
    elif byte == IDENTIFY:
        answer(k, ACK, *KEYBOARD_ID)
    elif byte in (ENABLE, DISABLE, DEFAULT, RESET):
        k.scanning = byte != DISABLE
        if byte == ENABLE:
            k.queue.clear()
        else:
            _keyboard_defaults(k)
        answer(k, ACK)
        if byte == RESET:
            k.leds = 0
            answer(k, BAT_OK)
    elif byte in SET_3_KEYS_ALL:
        answer(k, ACK)
    else:
        answer(k, RESEND)


def _keyboard_parameter(k: KeyboardBefore, command: int, byte: int) -> None:
    if command == SET_LEDS:
        k.leds = byte & 7
    elif command == TYPEMATIC:
        k.typematic = byte
    elif command == SCAN_SET:
        if byte == 0:
            answer(k, ACK, k.scan_set)
            return
        if byte > 3:
            answer(k, RESEND)
            return
        k.scan_set = byte
    answer(k, ACK)


def _mouse_defaults(m: MouseBefore) -> None:
    m.sample_rate, m.resolution, m.scaling_2, m.remote, m.reporting = 100, 2, False, False, False


def mouse_write(m: MouseBefore, byte: int) -> None:
    """A byte from the controller: a command or its parameter."""
    command, m.command = m.command, 0
    if m.wrap and byte not in (WRAP_OFF, RESET):
        answer(m, byte)
        return
    if command:
        _mouse_parameter(m, command, byte)
        return
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
    elif byte == DEFAULT:
        _mouse_defaults(m)
    elif byte in (IDENTIFY, RESET, STATUS, READ_DATA):
        _mouse_report(m, byte)
        return
    else:
        answer(m, m.last if byte == RESEND else RESEND)
        return
    answer(m, ACK)


def _mouse_parameter(m: MouseBefore, command: int, byte: int) -> None:
    if command == RESOLUTION:
        m.resolution = byte & 3
    else:
        m.sample_rate = byte
    answer(m, ACK)


def _mouse_report(m: MouseBefore, byte: int) -> None:
    if byte == RESET:
        m.queue.clear()
        m.wrap = False
        _mouse_defaults(m)
        answer(m, ACK, BAT_OK, MOUSE_ID)
    elif byte == IDENTIFY:
        answer(m, ACK, MOUSE_ID)
    elif byte == STATUS:
        status = (m.remote and 0x40) | (m.reporting and 0x20) | (m.scaling_2 and 0x10)
        answer(m, ACK, status, m.resolution, m.sample_rate)
    else:
        answer(m, ACK, 0x08, 0, 0)  # nothing pressed, nothing moved; bit 3 is always set
