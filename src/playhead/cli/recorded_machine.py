"""A recording's machine, checked: what every verb that runs one starts from."""

from typing import Any

from playhead.base.errors import FormatError, UnsupportedError
from playhead.boards.config import PcConfig
from playhead.cli.assemble import make_build
from playhead.log.reader import Reader
from playhead.session.run import Build
from playhead.x86.cpuid import MODELS


def description(reader: Reader) -> tuple[PcConfig, int]:
    """What the machine is, and its first shift."""
    config = PcConfig.from_json(reader.meta["config"], reader.blob)
    if config.cpu not in MODELS:
        raise UnsupportedError(f"{reader.path} needs a processor that is not known here: {config.cpu!r}")
    shift: Any = reader.meta.get("shift")
    if type(shift) is not int or not 0 <= shift <= 10:
        raise FormatError(f"{reader.path} is damaged: its shift is {shift!r}")
    return config, shift


def builder(reader: Reader, engine: str = "native") -> tuple[Build, int]:
    """What makes the machine, and how many serial ports it has."""
    config, shift = description(reader)
    return make_build(config, engine, shift), len(config.serial)
