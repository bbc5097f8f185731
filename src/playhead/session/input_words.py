"""Keys, movements and buttons as users write them: QEMU's words (`sendkey ctrl-alt-f1`) and its QMP objects.

Each function gives what `session/sources/input.py` takes, or raises UsageError, which says what is wrong and, for a key
name, what is near.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.record import Record
from playhead.log.event_names import AXES, BUTTONS, KEYS
from playhead.log.events import KeyCode, KeyNumber, MouseButton, Moved, MovedTo

Key = KeyCode | KeyNumber
HELD = {1: "left", 2: "right", 4: "middle"}  # bits of `mouse_button`
NUMBER_MAX = 0xFFFF
MOVE_MAX = 1 << 31


def keys_of(text: str) -> list[Key]:
    """`ctrl-alt-f1`, `0x1e`, `<` as keys that are pressed together, in this order."""
    return [_key(word) for word in text.split("-")]


def _key(word: str) -> Key:
    if word.startswith(("0x", "0X")):
        try:
            return _numbered(int(word, 16))
        except ValueError:
            raise UsageError(f"invalid parameter: {word}: a scan code is a hexadecimal number such as 0x1e") from None
    return _named("less" if word == "<" else word)


def _named(name: object) -> KeyCode:
    if name not in KEYS or name == KEYS[0]:
        from playhead.hw.declared import near  # here: only for this message

        guess = near(str(name), KEYS[1:]) if name else ""
        hint = guess if "mean" in guess else "; keys have QEMU's names: a, 1, ret, spc, ctrl, shift_r, f1, kp_5, 0x1e"
        raise UsageError(f"invalid parameter: {name}: no key has this name{hint}")
    return KeyCode(key=KEYS.index(str(name)))


def _numbered(number: object) -> KeyNumber:
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        raise UsageError(f"invalid parameter: {number}: a key's number is between 0 and {NUMBER_MAX:#x}")
    return KeyNumber(number=number)


def moves(dx: int, dy: int) -> list[Record]:
    """`mouse_move dx dy`: to the right and downwards."""
    return [Moved(axis=AXES.index(axis), value=_within(value)) for axis, value in zip(AXES, (dx, dy), strict=True)]


def wheel(dz: int) -> list[Record]:
    """The third argument of `mouse_move`: one click of the wheel, upwards if it is positive; none if it is 0."""
    return [_button("wheel-up" if dz > 0 else "wheel-down", True)] if dz else []


def buttons(held: int, before: int) -> list[Record]:
    """`mouse_button`: what changes between two states of the buttons (1 left, 2 right, 4 middle)."""
    return [_button(name, bool(held & bit)) for bit, name in HELD.items() if (held ^ before) & bit]


def _button(name: object, down: bool) -> MouseButton:
    if name not in BUTTONS or name == "touch":
        raise UsageError(f"button {name!r} is not known: there is {', '.join(BUTTONS[:-1])}")
    return MouseButton(button=BUTTONS.index(str(name)), down=down)


def _within(value: object) -> int:
    if type(value) is not int or not -MOVE_MAX <= value < MOVE_MAX:
        raise UsageError(f"a movement is a number of 32 bits, not {value!r}")
    return value


# QMP


def qmp_keys(values: Sequence[Any]) -> list[Key]:
    """`keys` of `send-key`: objects with `type` (qcode or number) and `data`."""
    return [_qmp_key(value) for value in values]


def _qmp_key(value: Any) -> Key:
    kind, data = _tagged(value, "a key")
    if kind == "qcode":
        return _named(data)
    if kind == "number":
        return _numbered(data)
    raise UsageError(f"a key is of type qcode or number, not {kind!r}")


def qmp_events(values: Sequence[Any]) -> list[Record]:
    """`events` of `input-send-event`."""
    return [_qmp_event(value) for value in values]


def _qmp_event(value: Any) -> Record:
    kind, data = _tagged(value, "an event")
    if kind not in ("key", "btn", "rel", "abs"):
        raise UsageError(f"an event is of type key, btn, rel or abs, not {kind!r}")
    if not isinstance(data, Mapping):
        raise UsageError(f"an event's data is an object, not {data!r}")
    if kind == "key":
        key = _qmp_key(data.get("key"))
        key.down = _truth(data)
        return key
    if kind == "btn":
        return _button(data.get("button"), _truth(data))
    if data.get("axis") not in AXES:
        raise UsageError(f"an axis is x or y, not {data.get('axis')!r}")
    cls = Moved if kind == "rel" else MovedTo
    return cls(axis=AXES.index(data["axis"]), value=_within(data.get("value")))


def _tagged(value: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(value, Mapping) or "type" not in value or "data" not in value:
        raise UsageError(f"{what} is an object with type and data, not {value!r}")
    return value["type"], value["data"]


def _truth(data: Mapping[str, Any]) -> bool:
    down = data.get("down")
    if type(down) is not bool:
        raise UsageError(f"down is true or false, not {down!r}")
    return down
