"""The versions of the machine: what a guest sees by default, and what older versions show instead.

A recording names its machine's version and replays on that one for ever. So whatever a guest can see without being
asked for (a register's fixed value, a default device, a default of the command line) is changed in one way only: the
new value goes where the default is, a new row becomes the first of `VERSIONS`, and the row of the version before sets
it back (`back`), as QEMU's machine types do it. A version's properties are the defaults with the `back` of every
version from the newest to itself laid over, in this order. docs/recording-format.md says it for users.

A property with a dot belongs to a device, `ioapic.version`: its default is declared in the device's class. One without
is a field of `PcConfig`: its value if neither the command line nor a recording says another. A device that a version
has of its own, and the version before it did not, is named by the older one's row (`lacks`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playhead.base.errors import UnsupportedError, UsageError
from playhead.hw.declared import Declared, Value

ALIASES = ("pc", "pc-i440fx")  # QEMU's names of the newest one
FIRST_RELEASE = "0.1.0"  # whose recordings name no version


@dataclass(frozen=True)
class MachineVersion:
    """`back`: the properties that differ from the next newer version; `lacks`: the ids of devices that only the newer
    one has of its own. `released`: it may not change any more.
    """

    name: str
    about: str
    released: bool = False
    back: Mapping[str, Value] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()


DEFAULT_NIC = "default-nic"
"""Stands in `lacks` for the network card that `playhead-system-i386` gives a machine of which no network is asked."""

DEFAULT_VGA = "default-vga"
"""The same for a VGA; and a machine without one that has this word has a text-only adapter in any case."""

FAIL_WAIT = "fail-wait"
"""Stands in `lacks` for what firmware is told, as by QEMU: to stay where it is if it finds nothing to start."""

VERSIONS: Sequence[MachineVersion] = (
    MachineVersion("pc-5", "PC (i440FX + PIIX3), since Playhead 0.6.0", released=True),
    MachineVersion("pc-4", "PC (i440FX + PIIX3), since Playhead 0.5.0", released=True,
                   back={"i8042.default-rate-knocks": True}, lacks=(DEFAULT_VGA,)),
    MachineVersion("pc-3", "PC (i440FX + PIIX3), since Playhead 0.4.0", released=True,
                   lacks=(DEFAULT_NIC, FAIL_WAIT)),
    MachineVersion(
        "pc-2", "PC (i440FX + PIIX3), since Playhead 0.2.0", released=True,
        back={"i8042.input": False, "PIIX4_PM.disable_s3": 1, "PIIX4_PM.disable_s4": 1},
        lacks=("hpet", "dma", "fdc"),
    ),
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


def back(name: str) -> dict[str, Value]:
    """What a version sets back, by property. Raises UnsupportedError for a version that is not known."""
    return {prop: value for version in _down_to(name) for prop, value in version.back.items()}


def lacks(name: str) -> set[str]:
    """The ids of devices that later versions have of their own, and this one does not. Raises UnsupportedError."""
    return {id for version in _down_to(name) for id in version.lacks}


def _down_to(name: str) -> Sequence[MachineVersion]:
    """From the newest version to this one."""
    names = [version.name for version in VERSIONS]
    if name not in names:
        raise UnsupportedError(
            f"machine version {name!r} is not known here: there is {', '.join(names)}; use the Playhead that has it"
        )
    return VERSIONS[: names.index(name) + 1]


def defaults(name: str, device: Declared) -> dict[str, Value]:
    """A device's properties if nothing is said, in this version of the machine."""
    set_back = back(name)
    return {prop: set_back.get(f"{device.name}.{prop}", value) for prop, value in device.defaults().items()}


def of_recording(plain: Mapping[str, object]) -> str:
    """The version that a recorded description names. Raises UnsupportedError for one that cannot be run here."""
    name = plain.get("machine")
    if name is None:
        raise UnsupportedError(
            f"made by Playhead {FIRST_RELEASE}, whose machine this version does not have; use Playhead {FIRST_RELEASE}"
        )
    back(str(name))
    return str(name)
