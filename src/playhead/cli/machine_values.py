"""What values of QEMU's options for the machine mean: sizes, dates, versions of the machine, and what may be listed."""

import re
import time
from collections.abc import Iterable
from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.keyboard.layouts import LAYOUTS, layout
from playhead.boards import machine_version
from playhead.boards.config import RAM_MAX, RAM_MIN
from playhead.cli.value_types import Parser, Type, number, one_of
from playhead.log.snapshot_names import check_name

UNITS = {"": 20, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
SIZE = re.compile(r"\+?(0x[0-9a-f]{1,16}|[0-9]{1,20})(\.[0-9]{0,20})?([BKMGTPE]?)", re.IGNORECASE)
RAM_ROUND = 8 << 10
DATES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
OTHER_MACHINES = ("q35", "isapc", "microvm", "none", "xenfv", "xenpv", "x-remote")  # QEMU's, beside its pc
VERSIONED = re.compile(r"pc-(i440fx|q35)-[0-9.]+")


def memory_size(text: str) -> int:
    """`128`, `0x80`, `128M`, `0.5G`: bytes; a plain number is mebibytes. Rounded up as QEMU does it."""
    match = SIZE.fullmatch(text)
    if not match or ("x" in match[1].lower() and (match[2] or match[3])):
        raise UsageError("not a size such as 128M or 1.5G")
    if match[2] and match[3].upper() in ("", "B"):
        raise UsageError("a fraction needs a unit: K, M or G")
    size = (int(match[1], 0) if "x" in match[1].lower() else int(match[1])) << UNITS[match[3].upper()]
    if match[2]:
        from fractions import Fraction

        size += round(Fraction(f"0{match[2]}0") * (1 << UNITS[match[3].upper()]))
    size = -(-size // RAM_ROUND) * RAM_ROUND
    if not RAM_MIN <= size <= RAM_MAX:
        raise UsageError(f"memory can be {RAM_MIN >> 20}M to {RAM_MAX >> 20}M")
    return size


def _shift(value: str) -> int | str:
    return "auto" if value == "auto" else int(number(0, 10)(value))


def _snapshot(value: str) -> str:
    check_name(value)
    return value


def _date(value: str) -> str:
    """utc, or a date, which is brought into the form 2026-01-31T12:00:00."""
    if value == "utc":
        return value
    if value == "localtime":
        raise UnsupportedError("base=localtime is not supported: it would depend on where a replay runs; give a date")
    for form in DATES:
        try:
            return time.strftime(DATES[0], time.strptime(value, form))
        except ValueError:
            continue
    raise UsageError(f"'{value}' is neither utc nor a date such as 2026-01-31T12:00:00")


def _clock(value: str) -> str:
    if value == "rt":
        raise UnsupportedError("clock=rt is not supported: real time never touches the machine; use clock=host")
    return str(one_of("host", "vm")(value))


class Version(str):
    """A version of the machine. `alias`: it was asked for as the newest one, by a name that all of them have."""

    alias = False


def _machine_version(text: str) -> Version:
    """The version of the machine that a name means."""
    if VERSIONED.fullmatch(text) or text in OTHER_MACHINES:
        what = "a version of QEMU's machine" if VERSIONED.fullmatch(text) else "another machine of QEMU's"
        newest = machine_version.newest()
        raise UnsupportedError(f"'{text}' is {what}; there is pc (i440FX), whose newest version is {newest} (-M help)")
    version = Version(machine_version.resolve(text))
    version.alias = text in machine_version.ALIASES
    return version


def _accelerator(text: str) -> str:
    """QEMU tries them in turn; what it is asked for here must have tcg among them."""
    if "tcg" not in text.split(":"):
        raise UnsupportedError(f"'{text}' is not supported: a recording needs an emulated processor; there is tcg")
    return "tcg"


def _one_cpu(text: str) -> int:
    if number(1, 1 << 16)(text) != 1:
        raise UnsupportedError("more than one CPU is not supported")
    return 1


def _boot_order(letters: str) -> Parser:
    def parse(value: str) -> str:
        if not value or set(value) - set(letters) or len(set(value)) < len(value):
            raise UsageError(f"'{value}' should be letters of {letters}, each once: floppy, disk, CD-ROM, network")
        if len(value) > 3:
            raise UsageError(f"'{value}' is too long: a PC's firmware tries three kinds of devices")
        return value

    return parse


def _cpu(text: str) -> str:
    """A model that CPUID can describe, with features added or taken away."""
    from playhead.x86.system.cpuid import canonical

    return canonical(text)


def _none(text: str) -> str:
    if text != "none":
        raise UnsupportedError("this version has no such thing; the only value is none")
    return text


def boot_order(letters: str) -> Type:
    """Letters of devices, each once at most."""
    return Type("LETTERS", _boot_order(letters))


def _uuid(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise UsageError("not a UUID such as 12345678-1234-5678-9abc-123456789abc")
    return text.lower()


UUID = Type("UUID", _uuid)
SIZE_OF_MEMORY = Type("SIZE", memory_size)
SHIFT = Type("N|auto", _shift, (*map(str, range(11)), "auto"))
SNAPSHOT = Type("NAME", _snapshot)
DATE = Type("utc|DATE", _date, ("utc",))
CLOCK = Type("host|vm", _clock, ("host", "vm"))
MACHINE_TYPE = Type("NAME", _machine_version, tuple(name for name, _ in machine_version.listed()))
ACCELERATOR = Type("tcg", _accelerator, ("tcg",))
ONE_CPU = Type("1", _one_cpu, ("1",))
CPU = Type("MODEL[,+FEATURE][,-FEATURE]", _cpu, completes="cpu")
NONE = Type("none", _none, ("none",))  # for what this machine does not have


# what may be listed, for `-M help`


def list_machines(about: str) -> str | None:
    return None if about else _listed("machines", machine_version.listed())


def list_processors(about: str) -> str | None:
    from playhead.x86.system.cpuid import ALL, DEFAULT, MODELS

    if about not in ("", *MODELS):
        return None
    models = [(name, " ".join(m.features) + (" (default)" if name == DEFAULT else "")) for name, m in MODELS.items()
              if about in ("", name)]  # fmt: skip
    features = f"features, to be added or taken away (-cpu {about or DEFAULT},+nx,-pae):\n  {' '.join(ALL)}"
    return f"{_listed('models, and their features', models)}\n{features}"


LAYOUT = Type("LAYOUT", lambda text: layout(text).name, LAYOUTS)


def list_layouts(about: str) -> str | None:
    return None if about else "\n".join(LAYOUTS)


def list_nothing(about: str) -> str | None:
    return None if about else "none"


def list_accelerators(about: str) -> str | None:
    return None if about else "tcg"


def _listed(title: str, rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {what}" for name, what in rows)])


def size(given: dict[str, Any]) -> int | None:
    """The value of -m: its size, if it says one."""
    return given.get("size")
