"""The versions of the machine: what a guest sees by default, and what older versions show instead.

A recording names its machine's version and replays on that one for ever. So whatever a guest can see without being
asked for (a register's fixed value, a default device, a default of the command line) is changed in one way only: the
new value goes into `PROPERTIES`, a new row becomes the first of `VERSIONS`, and the row of the version before sets the
property back (`back`), as QEMU's machine types do it. A version's properties are `PROPERTIES` with the `back` of every
version from the newest to itself laid over, in this order. docs/recording-format.md says it for users.

A property with a dot belongs to a chip, and the board hands it over; one without is a field of `PcConfig`: its value if
neither the command line nor a recording says another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from playhead.base.errors import UnsupportedError, UsageError

Value = int | str | bool
ALIASES = ("pc", "pc-i440fx")  # QEMU's names of the newest one
FIRST_RELEASE = "0.1.0"  # whose recordings name no version


@dataclass(frozen=True)
class MachineVersion:
    """`back`: the properties that differ from the next newer version. `released`: it may not change any more."""

    name: str
    about: str
    released: bool = False
    back: Mapping[str, Value] = field(default_factory=dict)


PROPERTIES: Mapping[str, Value] = MappingProxyType({
    "cpu": "pentium2",
    "ram_bytes": 128 << 20,
    "debugcon.iobase": 0xE9,  # where -debugcon puts the port
    "ioapic.version": 0x20,  # of the 82093AA and its successors
    "lapic.version": 0x14,
})  # fmt: skip

VERSIONS: Sequence[MachineVersion] = (
    MachineVersion("pc-2", "PC (i440FX + PIIX3), since Playhead 0.2.0", released=True),
)  # fmt: skip


def newest() -> str:
    return VERSIONS[0].name


def listed() -> list[tuple[str, str]]:
    """For `-M help`: each name that may be given, and what it is."""
    aliases = [(name, f"the newest version, {newest()} (default)" if name == "pc" else "the same") for name in ALIASES]
    return [*aliases, *((version.name, version.about) for version in VERSIONS)]


def resolve(name: str) -> str:
    """The version that a name on the command line means. Raises UsageError."""
    if name in ALIASES:
        return newest()
    if name not in (version.name for version in VERSIONS):
        raise UsageError(f"unknown machine '{name}'; there is {', '.join(known for known, _ in listed())}")
    return name


def properties(name: str) -> dict[str, Any]:
    """All properties of a version, by name."""
    found: dict[str, Any] = dict(PROPERTIES)
    for version in VERSIONS:
        found.update(version.back)
        if version.name == name:
            return found
    raise UnsupportedError(f"machine version {name!r} is not known here: there is {', '.join(v.name for v in VERSIONS)}"
                           "; use the Playhead that has it")  # fmt: skip


def of_recording(plain: Mapping[str, object]) -> str:
    """The version that a recorded description names. Raises UnsupportedError for one that cannot be run here."""
    name = plain.get("machine")
    if name is None:
        raise UnsupportedError(
            f"made by Playhead {FIRST_RELEASE}, whose machine this version does not have; use Playhead {FIRST_RELEASE}"
        )
    properties(str(name))
    return str(name)
