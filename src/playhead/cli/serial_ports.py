"""What the serial ports are connected to, from parsed options."""

from typing import Any

from playhead.base.errors import UnsupportedError


def serial_specs(values: dict[str, Any]) -> list[str]:
    """What the ports of -serial are connected to; there is one on standard input and output if nothing asks for any."""
    specs = list(values["serial"]) or ([] if _devices(values) else ["stdio"])
    while specs and specs[-1] == "none":
        specs.pop()
    if "none" in specs:
        raise UnsupportedError("-serial none is only supported after the last port; null connects a port to nothing")
    return specs


def all_specs(values: dict[str, Any]) -> list[str]:
    """The same, and those of -device isa-serial, in the order of the machine's list."""
    return [*serial_specs(values), *("null" for _ in _devices(values))]


def _devices(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [device for device in values.get("devices", ()) if device["name"] == "isa-serial"]
