"""What the serial ports are connected to, from parsed options."""

from typing import Any

from playhead.base.errors import UnsupportedError


def serial_specs(values: dict[str, Any]) -> list[str]:
    """What COM1... are connected to; COM1 is standard input and output if nothing is said."""
    specs = list(values["serial"]) or ["stdio"]
    while specs and specs[-1] == "none":
        specs.pop()
    if "none" in specs:
        raise UnsupportedError("-serial none is only supported behind the last port; null connects to nobody")
    return specs
