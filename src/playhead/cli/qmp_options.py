"""The table of options as QMP's `query-command-line-options` gives it, by which tools find out what they may use."""

from typing import Any

from playhead.base.booleans import BOOLEANS
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.option_table import Sub
from playhead.cli.value_types import type_of

NAMES = {"M": "machine", "m": "memory", "boot": "boot-opts", "smp": "smp-opts"}  # QEMU's own for these
TEXTS = ("port", "detect-zeroes")  # QEMU takes a service's name, too, and a third word
REFUSED = "..."  # shown for the value of what is there to be refused by name


def described() -> dict[str, list[dict[str, Any]]]:
    """Option -> its parameters; options without any are not in QEMU's list either."""
    found = {}
    for option in MACHINE_OPTIONS:
        name = option.name.lstrip("-")
        subs = [sub for sub in option.subs if type_of(sub.type).shown != REFUSED]
        if subs:
            found[NAMES.get(name, name)] = [_parameter(sub) for sub in subs]
    return found


def _parameter(sub: Sub) -> dict[str, Any]:
    about = {"help": sub.help} if sub.help else {}
    return {"name": sub.name, **about, "type": _type(sub)}


def _type(sub: Sub) -> str:
    """In the words of QEMU's schema."""
    known = type_of(sub.type)
    if sub.name in TEXTS:
        return "string"
    if known.words and set(known.words) <= set(BOOLEANS):
        return "boolean"
    if known.shown.isdecimal():
        return "number"
    return {"N": "number", "SIZE": "size"}.get(known.shown, "string")
