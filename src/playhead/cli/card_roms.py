"""The files with the expansion ROMs of PCI cards: which file a card has, where it is, and what is in it.

A card has the ROM that QEMU gives it (Debian's packages ipxe-qemu, of network cards, and seabios, of the VGA), unless
`romfile=` says another, or none. Names are looked up as QEMU does it: as they are, then in the folders where ROMs are
installed. A machine that starts a kernel without firmware has nobody who would run a ROM, so it has only those that are
asked for, and the VGA's, whose font it needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.base.messages import tell

if TYPE_CHECKING:
    from playhead.boards.entry import Entry
    from playhead.devices.pci.expansion_rom import PciCard

FOLDERS = ("/usr/lib/ipxe/qemu", "/usr/share/qemu", "/usr/share/ipxe/qemu", "/usr/share/seabios")
STANDARD = (FOLDERS[0], FOLDERS[-1])
PROPERTY = "romfile"


def cards(devices: Sequence[Entry]) -> list[Entry]:
    """Those that can have an expansion ROM."""
    from playhead.devices import registry

    return [e for e in devices if any(known.name == PROPERTY for known in registry.declared(e.driver).properties)]


def starts(devices: Sequence[Entry]) -> bool:
    """Whether firmware finds something to start from among the cards."""
    return any(entry.values.get(PROPERTY, _class(entry).ROM_FILE) != "" and not _class(entry).SCREEN
               for entry in cards(devices))  # fmt: skip


def read(devices: Sequence[Entry], firmware: bool) -> dict[str, Any]:
    """`devices` and `roms` of a description, from a list in which `romfile` is what the command line says."""
    from playhead.boards.entry import Rom

    there, roms = {entry.id for entry in cards(devices)}, list[Rom]()
    missing: dict[type[PciCard[Any]], list[str]] = {}
    out = list(devices)
    for n, entry in enumerate(devices):
        if entry.id not in there:
            continue
        asked = entry.values.get(PROPERTY)
        wanted = firmware or _class(entry).SCREEN
        path = _path(entry, asked, wanted)
        if path is None and asked is None and wanted and _class(entry).ROM_FILE:
            missing.setdefault(_class(entry), []).append(entry.driver)
        out[n] = entry._replace(values={name: v for name, v in entry.values.items() if name != PROPERTY})
        if path is not None:
            out[n] = entry._replace(values={**entry.values, PROPERTY: os.path.basename(path)})
            roms.append(Rom(entry.id, _content(entry, path)))
    for cls, drivers in missing.items():
        tell(f"{drivers[0]}: no {cls.ROM_FILE}, so {cls.ROM_LACKS}: install Debian's package {cls.ROM_PACKAGE} "
             f"(romfile= with an empty name: no ROM, and no warning)")  # fmt: skip
    return {"devices": tuple(out), "roms": tuple(roms)}


def named(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(option, path) of each ROM that the options name and that is there."""
    asked = [(f"-device {one['name']},romfile=", one.get(PROPERTY)) for one in values["devices"]]
    asked += [(f"-global {name}=", value) for name, value in values["globals"] if name.endswith(f".{PROPERTY}")]
    for option, name in asked:
        if name and (path := find(name)) is not None:
            yield option, path


def installed() -> list[str]:
    """Those that a card may have without being told."""
    folders = [folder for folder in STANDARD if os.path.isdir(folder)]
    return [os.path.join(folder, name) for folder in folders for name in sorted(os.listdir(folder))]


def find(name: str) -> str | None:
    """Where the file of this name is."""
    places = [name, *(os.path.join(folder, name) for folder in FOLDERS)]
    return next((path for path in places if os.path.exists(path)), None)


def _path(entry: Entry, asked: Any, wanted: bool) -> str | None:
    """Of the file that this card has; None: none, or the standard one is not installed."""
    if asked == "" or (asked is None and not wanted):
        return None
    name = asked if asked is not None else _class(entry).ROM_FILE
    if not name:
        return None
    path = find(name)
    if path is None and asked is not None:
        raise UsageError(f"{entry.driver}: no romfile {asked}: neither the file, nor one of that name in {FOLDERS[0]}")
    return path


def _class(entry: Entry) -> type[PciCard[Any]]:
    """The card's, which names the file that QEMU takes if nothing is said, or none."""
    from playhead.devices import registry

    cls: type[PciCard[Any]] = registry.class_of(entry.driver)
    return cls


def _content(entry: Entry, path: str) -> bytes:
    from playhead.cli.option_table import naming
    from playhead.host.files import read_file

    with naming(f"{entry.driver},romfile={path}"):
        return read_file(path, "expansion ROM")
