"""Descriptions of machines as recordings had them up to format 3, and states in disk images up to Playhead 0.2.0: what
a PC had was said by keys of its own, not by a list of devices.
"""

from typing import Any

from playhead.base.errors import FormatError
from playhead.boards import pc_devices
from playhead.boards.drive_config import DriveConfig

WAS = {"serial": list, "debugcon": int, "debug_exit": int, "debug_exit_size": int, "drives": list}
MAY_BE_NONE = ("debugcon", "debug_exit")


def is_before(plain: dict[str, Any]) -> bool:
    return "devices" not in plain


def converted(plain: dict[str, Any], version: str) -> dict[str, Any]:
    """The same machine as a list of devices. Raises FormatError for a damaged description and UsageError for one that
    cannot be built.
    """
    if "outside" in plain:
        raise FormatError("a machine description with unknown parts: ['outside']")
    asked: dict[str, Any] = {name: plain[name] for name in WAS if name in plain}
    for name, value in asked.items():
        if type(value) is not WAS[name] and not (value is None and name in MAY_BE_NONE):
            raise FormatError(f"a machine description whose {name} is {value!r}")
    if not all(isinstance(word, str) for word in asked.get("serial", ())):
        raise FormatError(f"a machine description whose serial is {asked['serial']!r}")
    asked["drives"] = [DriveConfig.from_json(drive) for drive in asked.get("drives", ())]
    made = pc_devices.parts(version, **asked)
    lists = {name: [part.to_json() for part in made[name]] for name in ("devices", "outside")}
    return {"boot": "cad"} | {name: value for name, value in plain.items() if name not in WAS} | lists
