"""What a PC is made of: the devices that machine `pc` has of its own, where those that are asked for go among them, and
what makes a list of devices one that can be built.

The order of the list is part of the determinism contract: the board builds by it, which numbers the alarms, and resets,
digests and checkpoints by it (but for the clock, see `pc.DIGESTED_BEHIND`). A recording keeps its list, so another
order here is for machines to come only.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from playhead.base.errors import UsageError
from playhead.boards import drive_config, machine_version
from playhead.boards.drive_config import CDROM, FLOPPY, DriveConfig
from playhead.boards.entry import Entry, Outside
from playhead.devices import registry
from playhead.hw.declared import IDENTIFIER, Declared, Value, kind_of

# (QEMU names, id) in the order of building; without an id: where those go that are asked for
PLACES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("isa-i8259",), "pic"), (("apic",), "lapic"), (("ioapic",), "ioapic"), (("nmi-latch",), "nmi"),
    (("mc146818rtc",), "rtc"), (("isa-pit",), "pit"), (("hpet",), "hpet"), (("isa-pcspk",), "port61"),
    (("i8042",), "kbc"), (("port92",), "port92"), (("fpu-error",), "fpu_error"), (("i440FX",), "pci"),
    (("PIIX3",), "isa"), (("PIIX4_PM",), "pm"), (("piix3-ide",), ""), (("ide-hd", "ide-cd"), ""),
    (("i8257",), "dma"), (("isa-fdc",), "fdc"), (("floppy",), ""), (("isa-serial",), ""),
    (("fw_cfg_io",), "fw_cfg"), (("isa-debugcon",), ""), (("isa-debug-exit",), ""), (("vga-text",), "vga"),
)  # fmt: skip
RANK = {name: n for n, (names, _) in enumerate(PLACES) for name in names}
VGA_CARDS = ("VGA",)  # a machine that has one has no text-only adapter
DRIVES = ("ide-hd", "ide-cd", "floppy")  # what has storage behind it
IDS = {"isa-serial": "serial{index}", "isa-debugcon": "debugcon", "isa-debug-exit": "debug_exit", "piix3-ide": "ide"}
OPTIONAL = ("hpet", "vga")  # the ids of devices that a machine has of its own, unless it is told not to
SHARED = ("audiodev",)  # types of what several devices may use
TAKEN = ("cpu", "tlb", "ram", "clock", "machine", "storage")  # names of parts that are no devices
ID_MAX, PORTS = 64, 1 << 16

Neighbours = list[tuple[Declared, Mapping[str, Any]]]


def own(version: str, more: Sequence[Entry] = (), without: Collection[str] = ()) -> list[Entry]:
    """The devices that the machine has of its own, beside these; without those of these ids, which are `OPTIONAL`. The
    IDE controller is there if a drive is, and the text-only screen if there is no other.
    """
    lacks = {*machine_version.lacks(version), *without}
    if any(entry.driver in VGA_CARDS for entry in more):
        lacks.add("vga")
    found = [Entry(names[0], id) for names, id in PLACES if id and id not in lacks]
    if any(registry.declared(entry.driver).bus == "IDE" for entry in more):
        found.append(Entry("piix3-ide", IDS["piix3-ide"]))
    return found


def listed(version: str, more: Sequence[Entry], everywhere: Mapping[str, Value] | None = None,
           without: Collection[str] = ()) -> tuple[Entry, ...]:  # fmt: skip
    """The machine's list with these devices in it: in their places, which what has none takes behind all others; with
    ids, and what their properties come to beside each other. `everywhere`: values by `device.property`, for each device
    that does not say another. Raises UsageError; no two devices that are asked for share a port, which a recording's
    list may (the later one answers).
    """
    entries = sorted([*own(version, more, without), *more], key=lambda entry: RANK.get(entry.driver, len(PLACES)))
    for n, entry in enumerate(entries):
        prefix = f"{entry.driver}."
        said = {name.removeprefix(prefix): v for name, v in (everywhere or {}).items() if name.startswith(prefix)}
        entries[n] = entry._replace(values={**said, **entry.values})
    settled = _settled(version, entries)
    _check_shared_ports(version, settled)
    _check_boot_indexes(settled)
    return settled


def values_of(version: str, entry: Entry) -> dict[str, Value]:
    """All properties of a device: those that are set, and the defaults of the machine's version."""
    return {**machine_version.defaults(version, registry.declared(entry.driver)), **entry.values}


def _settled(version: str, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    before: Neighbours = []
    out: list[Entry] = []
    for entry in entries:
        cls = registry.class_of(entry.driver)
        declared: Declared = cls.QEMU
        declared.check(entry.values)
        values: dict[str, Any] = {**values_of(version, entry), "bus": entry.bus}
        values.update(cls.settle(values, before))
        before.append((declared, values))
        out.append(_entry(version, declared, values, entry.id or _free_id(declared, values, out)))
    return tuple(out)


def _entry(version: str, declared: Declared, values: Mapping[str, Any], id: str) -> Entry:
    """With the properties that are not at their defaults."""
    plain = machine_version.defaults(version, declared)
    return Entry(declared.name, id, {n: values[n] for n in plain if values[n] != plain[n]}, values["bus"] or "")


def _free_id(declared: Declared, values: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    """Network cards have names that QEMU gives them, too: `e1000.1` is the second e1000."""
    stem = IDS.get(declared.name, declared.name).format_map(values)
    taken = {entry.id for entry in entries} | {id for _, id in PLACES}
    if declared.category == "Network":
        first = sum(entry.driver == declared.name for entry in entries)
        return next(id for n in range(len(taken) + 1) if (id := f"{stem}.{first + n}") not in taken)
    return next(id for n in range(len(taken) + 1) if (id := f"{stem}.{n}" if n else stem) not in taken)


def check(version: str, entries: Sequence[Entry], outside: Sequence[Outside]) -> None:
    """Raise UsageError for a list that cannot be built."""
    _check_order(entries)
    there = [entry.driver for entry in entries]
    if lacking := [entry.driver for entry in own(version, without=OPTIONAL) if entry.driver not in there]:
        raise UsageError(f"the machine lacks {lacking[0]}")
    if _settled(version, entries) != tuple(entries):
        raise UsageError("a list of devices whose properties do not fit together")
    values = [values_of(version, entry) for entry in entries]
    for entry, all_values in zip(entries, values, strict=True):
        _check_ports(registry.declared(entry.driver), all_values)
    _check_outside([registry.declared(entry.driver) for entry in entries], values, outside)


def _check_order(entries: Sequence[Entry]) -> None:
    """What each device needs is before it, and nothing is there too often."""
    names: list[str] = []
    buses: list[str] = []
    for n, entry in enumerate(entries):
        declared = registry.declared(entry.driver)
        _check_id(entry.id, [other.id for other in entries[:n]])
        names.append(declared.name)
        if declared.most and names.count(declared.name) > declared.most:
            raise UsageError(f"{names.count(declared.name)} devices {declared.name}: there can be {declared.most}")
        if missing := [need for need in declared.needs if need not in names]:
            raise UsageError(f"{declared.name} needs {missing[0]} before it")
        if entry.bus and entry.bus not in buses:
            raise UsageError(f"{declared.name}: bus '{entry.bus}' not found")
        if entry.bus and kind_of(entry.bus) != declared.bus:
            raise UsageError(f"{declared.name} can't go on bus {entry.bus}: its bus is {declared.bus}")
        buses += declared.provides


def _check_outside(devices: Sequence[Declared], values: Sequence[Mapping[str, Any]],
                   outside: Sequence[Outside]) -> None:  # fmt: skip
    """What is outside is there, once, and each has a device that uses it: one, if it cannot be shared."""
    ends = {(end.type, end.id): False for end in outside}  # whether a device uses it
    if len(ends) < len(outside):
        raise UsageError("two ends outside of the machine have one id")
    for end in outside:
        end.check()
    for declared, all_values in zip(devices, values, strict=True):
        for use in declared.outside(all_values):
            if ends.get(use, True) and not (use[0] in SHARED and use in ends):
                raise UsageError(f"property '{declared.name}.{use[0]}': {_why(ends, use)}")
            ends[use] = True
    if idle := [id for (_, id), used in ends.items() if not used]:
        raise UsageError(f"no device uses '{idle[0]}'")


def _why(ends: Mapping[tuple[str, str], bool], use: tuple[str, str]) -> str:
    if use in ends:
        return f"'{use[1]}' is used already"
    return f"there is no {use[0]} '{use[1]}'; -{use[0]} ...,id={use[1]} makes it"


def _check_id(id: str, others: Sequence[str]) -> None:
    if not re.fullmatch(IDENTIFIER, id) or len(id) > ID_MAX:
        raise UsageError(f"id={id}: an id begins with a letter and has letters, digits, and - . _")
    if id in others or id in TAKEN:
        raise UsageError(f"id={id}: another device has this id")


def _check_ports(declared: Declared, values: Mapping[str, Any]) -> None:
    for span in declared.ports:
        base, length = span.of(values)
        if base + length > PORTS:
            raise UsageError(f"{declared.name}: iobase={base:#x} puts its ports beyond the last one, {PORTS - 1:#x}")


def _check_shared_ports(version: str, entries: Sequence[Entry]) -> None:
    spans = [(entry, registry.declared(entry.driver), *span.of(values_of(version, entry)))
             for entry in entries for span in registry.declared(entry.driver).ports]  # fmt: skip
    for n, (entry, declared, base, length) in enumerate(spans):
        for other, known, start, size in spans[:n] + spans[n + 1 :] if declared.creatable else ():
            if known.most == 1 and known is declared:
                continue  # `check` says that there cannot be two of them
            if max(base, start) < min(base + length, start + size):
                raise UsageError(
                    f"{declared.name} '{entry.id}' at I/O ports {_ports(base, length)}: {known.name} '{other.id}' is "
                    f"at {_ports(start, size)}; iobase=N puts {declared.name} elsewhere"
                )


def _check_boot_indexes(entries: Sequence[Entry]) -> None:
    used: set[Value] = set()
    for entry in entries:
        for name in ("bootindex", "bootindexA", "bootindexB"):
            value = entry.values.get(name)
            if value is not None and value in used:
                raise UsageError(f"{entry.driver} '{entry.id}': {name}={value}: another device has this number")
            used.add(value)


def _ports(base: int, length: int) -> str:
    return f"{base:#x}-{base + length - 1:#x}" if length > 1 else f"{base:#x}"


def parts(version: str = "", *, serial: Sequence[str] = ("null",), debugcon: int | None = None,
          debug_exit: int | None = None, debug_exit_size: int = 2, drives: Sequence[DriveConfig] = (),
          more: Sequence[Entry] = (), outside: Sequence[Outside] = ()) -> dict[str, Any]:  # fmt: skip
    """`devices` and `outside` of a description with what a PC mostly has: a serial port for each word, which says what
    is at its other end, a debug port and a debug exit at these I/O ports, disks and CD-ROM drives.
    """
    drive_config.check(drives)
    entries = list(more)
    ends = list(outside)
    for n, backend in enumerate(serial):
        entries.append(Entry("isa-serial", "", {"chardev": f"serial{n}"}))
        ends.append(Outside("chardev", f"serial{n}", {"backend": backend}))
    if debugcon is not None:
        entries.append(Entry("isa-debugcon", "", {"iobase": debugcon, "chardev": "debugcon"}))
        ends.append(Outside("chardev", "debugcon", {"backend": "null"}))
    if debug_exit is not None:
        entries.append(Entry("isa-debug-exit", "", {"iobase": debug_exit, "iosize": debug_exit_size}))
    for drive in drives:
        entry, end = of_drive(drive)
        entries.append(entry)
        ends.append(end)
    return {"devices": listed(version or machine_version.newest(), entries), "outside": tuple(ends)}


def of_drive(drive: DriveConfig, id: str = "", behind: str = "") -> tuple[Entry, Outside]:
    """A drive as a device, perhaps of an id of its own, and what is behind it, perhaps with a name of its own."""
    if drive.kind == FLOPPY:
        name = f"floppy{drive.unit}"
        of_floppy: dict[str, Value] = {"drive": behind or name, "unit": drive.unit}
        if drive.type:
            of_floppy["drive-type"] = drive.type
        facts = {"sectors": drive.sectors, "read_only": drive.read_only}
        return Entry("floppy", id or name, of_floppy, "floppy-bus.0"), Outside("drive", behind or name, facts)
    name = f"ide{drive.bus}-{'cd' if drive.kind == CDROM else 'hd'}{drive.unit}"
    behind = behind or name
    values: dict[str, Value] = {"drive": behind, "unit": drive.unit}
    words = (("serial", drive.serial), ("model", drive.model), ("bootindex", drive.boot_index))
    values.update({key: value for key, value in words if value not in (None, "")})
    entry = Entry("ide-cd" if drive.kind == CDROM else "ide-hd", id or name, values, f"ide.{drive.bus}")
    return entry, Outside("drive", behind, {"sectors": drive.sectors, "read_only": drive.read_only})


def drive_of(entry: Entry, values: Mapping[str, Any], facts: Mapping[str, Any]) -> DriveConfig:
    """The inverse."""
    if entry.driver == "floppy":
        return DriveConfig(0, values["unit"], FLOPPY, facts["sectors"], facts["read_only"], type=values["drive-type"])
    kind = CDROM if entry.driver == "ide-cd" else drive_config.HD
    return DriveConfig(int(entry.bus[-1]), values["unit"], kind, facts["sectors"], facts["read_only"],
                       values["serial"] or "", values["model"] or "", values["bootindex"])  # fmt: skip
