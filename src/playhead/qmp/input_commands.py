"""Keys, movements and buttons. They are input like any other: recorded, and refused in a replay."""

from typing import Any

from playhead.log.event_names import AXES, BUTTONS, KEYS
from playhead.qmp.declared import command
from playhead.qmp.errors import QmpError, no_device
from playhead.qmp.service import Qmp
from playhead.qmp.types import BOOL, INT, STR, Enum, Struct
from playhead.session import input_words

QCODE = Enum("QKeyCode", *KEYS)
KEY = Struct("KeyValue", {"type": Enum("KeyValueKind", "number", "qcode")}, tag="type", variants={
    "number": Struct("IntWrapper", {"data": INT}), "qcode": Struct("QKeyCodeWrapper", {"data": QCODE}),
})  # fmt: skip
MOVE = Struct("InputMoveEvent", {"axis": Enum("InputAxis", *AXES), "value": INT})
EVENT = Struct("InputEvent", {"type": Enum("InputEventKind", "key", "btn", "rel", "abs")}, tag="type", wrapped=True,
               variants={"key": Struct("InputKeyEvent", {"key": KEY, "down": BOOL}),
                         "btn": Struct("InputBtnEvent", {"button": Enum("InputButton", *BUTTONS[:-1]), "down": BOOL}),
                         "rel": MOVE, "abs": MOVE})  # fmt: skip


@command("send-key", {"keys": [KEY], "*hold-time": INT}, about="press keys one after another, then release them; "
         "`hold-time` in ms")  # fmt: skip
def send_key(qmp: Qmp, keys: list[dict[str, Any]], hold_time: int | None = None) -> None:
    if hold_time is not None and hold_time < 0:
        raise QmpError("hold-time cannot be negative")
    qmp.target.send_keys(input_words.qmp_keys(keys), hold_time)


@command("input-send-event", {"*device": STR, "*head": INT, "events": [EVENT]},
         about="keys, movements and buttons that belong together, to a machine that runs")  # fmt: skip
def input_send_event(
    qmp: Qmp, events: list[dict[str, Any]], device: str | None = None, head: int | None = None
) -> None:
    if device is not None:
        raise no_device(device)
    if qmp.target.mode != "play" and not qmp.target.running:
        raise QmpError("VM not running")
    for one in events:
        if one["type"] == "abs":
            raise QmpError("Input handler not found for event type abs: a tablet comes with virtio; rel moves a mouse")
    qmp.target.send_input(input_words.qmp_events(events))
