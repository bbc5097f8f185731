"""Options that are given for a replay beside the recording, which has them all: each that says something else of what
the guest sees is refused by its name.

QEMU takes the options as they come, and then replays something else without a word. Options that are not given are
taken from the recording. No difference is what the guest cannot see: where its output goes, which image a drive had,
and whether that is still there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.base.errors import HostError, UsageError
from playhead.boards.drive_config import CDROM, FLOPPY, HD
from playhead.boards.pc_devices import DRIVES, VGA_CARDS
from playhead.cli import card_roms
from playhead.cli.audio_options import audio
from playhead.cli.network import network
from playhead.cli.network_filters import filters
from playhead.cli.options import commas
from playhead.cli.serial_ports import all_specs
from playhead.devices import registry
from playhead.hw.declared import OUTSIDE

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.boards.drive_config import DriveConfig
    from playhead.cli.drive_places import DriveSpec
    from playhead.log.reader import Reader

KINDS = {CDROM: "a CD-ROM drive", FLOPPY: "a floppy disk drive"}
SEEN = {HD: ("read_only", "serial", "model", "boot_index"), CDROM: ("serial", "model", "boot_index"),
        FLOPPY: ("read_only", "type")}  # fmt: skip
WORDS = {"read_only": "readonly", "boot_index": "bootindex", "type": "drive-type"}
SHOWN = 60  # characters of a text in a message


class Recorded(NamedTuple):
    """What a recording says of its machine and its run."""

    path: str
    config: PcConfig
    shift: int
    auto_shift: bool
    no_reboot: bool


def recorded(reader: Reader, config: PcConfig) -> Recorded:
    session = reader.meta["session"]
    return Recorded(reader.path, config, reader.meta["shift"], bool(reader.meta.get("auto_shift")),
                    bool(session.get("no_reboot")))  # fmt: skip


def check(values: Mapping[str, Any], of: Recorded) -> None:
    """Raise UsageError with a line for each difference."""
    found = [line for row in ROWS for line in row(values, of)]
    if found:
        raise UsageError(*(f"{line} (leave the option out: {of.path} has all of them)" for line in found))


Row = Callable[[Mapping[str, Any], Recorded], Iterator[str]]


def _differ(option: str, given: object, there: object) -> Iterator[str]:
    if given != there:
        yield f"{option} {_short(given)}: the recording was made with {_short(there)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


# the machine as a whole


def memory(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    if values["ram_bytes"] is not None:
        yield from _differ("-m", _mebibytes(values["ram_bytes"]), _mebibytes(of.config.ram_bytes))


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):g}M"


def processor(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    if values["cpu"] is not None:
        yield from _differ("-cpu", values["cpu"], of.config.cpu)


def machine(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """`pc` names the newest version of its day, so it fits a recording of any."""
    given = values["machine"]
    version = given.get("type")
    if version is not None and not version.alias:
        yield from _differ("-M", str(version), of.config.machine)
    if given.get("graphics") is not None and given["graphics"] != of.config.graphics:
        yield from _differ("-M graphics", *map(_on, (given["graphics"], of.config.graphics)))
    hpet = False if values["no_hpet"] else given.get("hpet")
    if hpet is not None:
        yield from _differ("-M hpet", *map(_on, (hpet, bool(of.config.all_of("hpet")))))


def _on(value: bool) -> str:
    return "on" if value else "off"


def shift(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    if "shift" in values["icount"]:
        yield from _differ("-icount shift", values["icount"]["shift"], "auto" if of.auto_shift else of.shift)


def clock(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """A clock that follows virtual time from the date of the recording's start has that date in the recording."""
    given = values["rtc"]
    if "clock" in given:
        yield from _differ("-rtc clock", given["clock"], of.config.rtc_clock)
    if "base" in given and not (given["base"] == "utc" and of.config.rtc_clock == "vm"):
        yield from _differ("-rtc base", given["base"], of.config.rtc_base)


def boot_order(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    for name, there in (("order", of.config.boot), ("once", of.config.boot_once or "none"),
                        ("menu", of.config.boot_menu), ("strict", of.config.boot_strict),
                        ("splash-time", of.config.menu_wait), ("reboot-timeout", of.config.fail_wait)):  # fmt: skip
        if name in values["boot"]:
            yield from _differ(f"-boot {name}", *map(_word, (values["boot"][name], there)))


def _word(value: object) -> object:
    return _on(value) if isinstance(value, bool) else value


def uuid(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    if values["uuid"] is not None:
        yield from _differ("-uuid", values["uuid"], of.config.uuid or "none")


def reboot(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    action = values["action"].get("reboot") == "shutdown"
    if (values["no_reboot"] or action) and not of.no_reboot:
        option = "-action reboot=shutdown" if action else "-no-reboot"
        yield f"{option}: the recording was made without it, so it goes on after a reset"


# what it starts


def files(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """By content. A file that is not there any more cannot be another one."""
    modules = of.config.modules if of.config.kernel_name else None
    for name in ("kernel", "initrd", "bios"):
        if values[name] is not None and not (name == "initrd" and modules is not None):
            yield from _file(f"-{name}", values[name], getattr(of.config, name))
    if of.config.kernel_name and values["kernel"] not in (None, of.config.kernel_name):
        yield from _differ("-kernel", values["kernel"], f"{of.config.kernel_name}, a name that the kernel was told")
    if modules is not None and values["initrd"] is not None:
        given = commas(values["initrd"])
        yield from _differ("-initrd", ",".join(given), ",".join(module.command_line for module in modules))
        for item, module in zip(given, modules, strict=False):
            yield from _file("-initrd", item.partition(" ")[0], module.data)


def _file(option: str, path: str, there: bytes | None) -> Iterator[str]:
    if there is None:
        yield f"{option} {path}: the recorded machine was started without one"
    elif (content := _content(path)) is not None and content != there:
        size = f" ({len(content)} bytes, not {len(there)})" if len(content) != len(there) else ""
        yield f"{option} {path}: its content is not that which was recorded{size}"


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise HostError(f"cannot read {path}: {getattr(e, 'strerror', None) or e}") from None


def command_line(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    if values["append"] is not None:
        yield from _differ("-append", repr(values["append"]), repr(of.config.append))


# its devices


def serial_ports(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """How many; what they are connected to is the host's business."""
    asked = [one for one in values["devices"] if one["name"] == "isa-serial"]
    if values["serial"] or asked:
        given, there = len(all_specs(dict(values))), len(of.config.serial)
        if given != there:
            yield f"-serial: {_count(given, 'serial port')}, and the recorded machine has {there}"
    if values["debugcon"] is not None:
        has = bool(of.config.all_of("isa-debugcon"))
        if has != (values["debugcon"] != "none"):
            yield f"-debugcon {values['debugcon']}: the recorded machine has {'a' if has else 'no'} debug console"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def devices(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """Each that is given must have been there, with the properties that are given; network cards of -nic and -net, too.
    """
    left = list(of.config.devices)
    cards = [(f"{card.said}: {card.model}", {"name": card.model, **card.values}) for card in network(values).cards]
    cards += [(f"{card.said}: {card.driver}", {"name": card.driver, **card.values}) for card in audio(values).cards]
    for option, asked in (*cards, *((f"-device {one['name']}", one) for one in values["devices"])):
        name = asked["name"]
        if name in DRIVES:
            continue
        same = [entry for entry in left if entry.driver == name]
        if not same:
            yield f"{option}: the recorded machine has {'no more of them' if of.config.all_of(name) else 'none'}"
            continue
        wanted = {key: value for key, value in asked.items() if key not in ("name", "id", *OUTSIDE)}
        fits = [entry for entry in same if not _unlike(wanted, of.config.values(entry))]
        left.remove((fits or same)[0])
        if not fits:
            key, there = _unlike(wanted, of.config.values(same[0]))[0]
            yield from _differ(f"{option},{key}", wanted[key], there)


def graphics_card(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """How the screen is seen is the host's business."""
    if values["vga"] is not None:
        yield from _differ("-vga", values["vga"], "std" if of.config.all_of(*VGA_CARDS) else "none")


def networks(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """A card that is given to a netdev must have had one. What a netdev was is the host's business, and so is one that
    no card uses.
    """
    there = [end.id for end in of.config.netdevs]
    given = network(values)
    for netdev in given.netdevs:
        if netdev.said.startswith("-netdev") and netdev.id not in there:
            which = f"it has {', '.join(there)}" if there else "it has none"
            yield f"{netdev.said}: the recorded machine has no netdev '{netdev.id}'; {which}"
    filters(values, [one.id for one in (*given.netdevs, *given.idle)] + there)
    cards, asked = of.config.all_of(*registry.network_cards()), [one["name"] for one in values["devices"]]
    left_out = next((one.said for one in (*values["nics"], *values["nets"]) if not one.card and one.netdev is None), "")
    left_out = left_out or ("-nodefaults" if values["nodefaults"] else "")
    if cards and left_out and not (given.cards or set(asked) & set(registry.network_cards())):
        yield f"{left_out}: the recorded machine has {_count(len(cards), 'network card')}"


def sound(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """A device at an audiodev must have been at one. What it was is the host's business: a replay opens none."""
    there = [end.id for end in of.config.audiodevs]
    for end in audio(values).audiodevs:
        if end.said.startswith("-audiodev") and end.id not in there:
            which = f"it has {', '.join(there)}" if there else "it has none"
            yield f"{end.said}: the recorded machine has no audiodev '{end.id}'; {which}"
    (speaker,) = of.config.all_of("isa-pcspk")
    if (given := values["machine"].get("pcspk-audiodev")) is not None:
        yield from _differ("-M pcspk-audiodev", given, of.config.values(speaker)["audiodev"] or "none")


def _unlike(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, there.get(key)) for key, value in wanted.items() if not _alike(key, value, there.get(key, value))]


def _alike(key: str, value: Any, there: Any) -> bool:
    """Of an expansion ROM's name: whether there is one; the content is compared below."""
    return bool(value) == bool(there) if key == card_roms.PROPERTY else bool(value == there)


def roms(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """The expansion ROMs that are given, by content. A file that is not there any more cannot be another one."""
    for option, path in card_roms.named(dict(values)):
        driver = re.split("[ .,]", option)[1]  # of `-device e1000,romfile=` or `-global e1000.romfile=`
        there = [rom.data for entry in of.config.all_of(driver) for rom in of.config.roms if rom.device == entry.id]
        if there and _content(path) not in there:
            yield from _file(option.removesuffix("="), path, there[0])


def properties(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """-global: some device of that name must have the value, if there is one; another may have had its own."""
    for name, value in values["globals"]:
        driver, _, prop = name.rpartition(".")
        there = [of.config.values(entry).get(prop) for entry in of.config.all_of(driver)]
        if there and not any(_alike(prop, value, other) for other in there):
            yield from _differ(f"-global {name}", value, there[0])


# its drives


def drives(values: Mapping[str, Any], of: Recorded) -> Iterator[str]:
    """Places, kinds, names and sizes, of IDE drives and floppy disk drives by themselves. What is in an image comes
    from the recording. The empty floppy disk drive of a machine of which nothing is said is not given.
    """
    from playhead.cli.drive_places import EMPTY_FLOPPY
    from playhead.cli.drives import placed

    given = [spec for spec in placed(dict(values)).specs if spec != EMPTY_FLOPPY]
    for floppies in (False, True):
        specs = [spec for spec in given if (spec.kind == FLOPPY) == floppies]
        there = {(drive.bus, drive.unit): (n, drive) for n, drive in enumerate(of.config.drives)
                 if (drive.kind == FLOPPY) == floppies}  # fmt: skip
        if specs:
            yield from _drives(specs, there)
        elif floppies and values["nodefaults"] and there:
            yield "-nodefaults: the recorded machine has a floppy disk drive"


def _drives(specs: list[DriveSpec], there: dict[tuple[int, int], tuple[int, DriveConfig]]) -> Iterator[str]:
    for spec in specs:
        recorded = there.pop((spec.bus, spec.unit), None)
        if recorded is None:
            yield f"{_where(spec)}: the recorded machine has no drive there"
        else:
            yield from _drive(spec, *recorded)
    for _, drive in there.values():
        yield f"{_where(drive)}: the recorded machine has {_kind(drive.kind)} there, and none is given"


def _where(at: DriveSpec | DriveConfig) -> str:
    file = getattr(at, "file", "")
    place = f"floppy disk drive {at.unit}" if at.kind == FLOPPY else f"ide.{at.bus} unit {at.unit}"
    return f"-drive {file}, at {place}" if file else place


def _kind(kind: str) -> str:
    return KINDS.get(kind, "a disk")


def _drive(spec: DriveSpec, n: int, drive: DriveConfig) -> Iterator[str]:
    """`n`: the recorded drive's place among all, from which its serial number follows if none is said."""
    from playhead.cli.drives import described

    if spec.kind != drive.kind:
        yield f"{_where(spec)}: it is {_kind(spec.kind)}, and {_kind(drive.kind)} was recorded"
        return
    sectors = _sectors(spec)
    given = described(spec, drive.sectors if sectors is None else sectors, n)
    if given.sectors != drive.sectors:
        sizes = [f"{one.sectors << 9} bytes" if one.sectors else "no medium" for one in (given, drive)]
        yield f"{_where(spec)}: it has {sizes[0]}, and the recorded one had {sizes[1]}"
    for name in SEEN[drive.kind]:
        wanted, there = getattr(given, name), getattr(drive, name)
        if wanted != there and not (name == "type" and not wanted):
            yield from _differ(f"{_where(spec)}: {WORDS.get(name, name)}", wanted, there)


def _sectors(spec: DriveSpec) -> int | None:
    """Of the image, None if it cannot be seen: missing, or in use."""
    from playhead.host.block import open_image

    if not spec.file:
        return 0
    try:
        with open_image(spec.file, format=spec.format, read_only=True) as image:
            return image.sectors
    except HostError:
        return None


ROWS: tuple[Row, ...] = (
    memory, processor, machine, shift, clock, boot_order, uuid, reboot, files, command_line, serial_ports, devices,
    graphics_card, networks, sound, properties, drives, roms,
)  # fmt: skip
