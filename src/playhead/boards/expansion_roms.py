"""The expansion ROMs in a machine's description: which device has one, how large its address range is, and what
firmware finds of it in fw_cfg.

In a description the property `romfile` of a device is the last part of a file's name, or not set if the device has no
ROM; `PcConfig.roms` has the content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.boards import pc_devices

if TYPE_CHECKING:
    from playhead.boards.entry import Entry, Rom

FOLDER, SCREEN_FOLDER = "genroms", "vgaroms"  # where SeaBIOS looks for ROMs in fw_cfg
NAME_MAX = 55 - len(FOLDER) - 1


def check(version: str, devices: Sequence[Entry], roms: Sequence[Rom]) -> None:
    """Raise UsageError unless each device with a `romfile` has its ROM, and no other."""
    named = {e.id: (e, v) for e in devices if "romfile" in e.values and (v := pc_devices.values_of(version, e))}
    if len({rom.device for rom in roms}) < len(roms) or {rom.device for rom in roms} != named.keys():
        raise UsageError("a list of expansion ROMs that are not those of its devices")
    for rom in roms:
        _check_rom(*named[rom.device], rom.data)


def _check_rom(entry: Entry, values: Mapping[str, Any], data: bytes) -> None:
    from playhead.devices.pci.expansion_rom import LARGEST, SMALLEST, rom_size

    name = f"{entry.driver}: romfile {values['romfile']}"
    if not values["romfile"] or "/" in values["romfile"]:
        raise UsageError(f"{name}: not the name of a file")
    if not 0 < len(data) <= LARGEST:
        found = "empty" if not data else f"too large ({len(data)} bytes)"
        raise UsageError(f"{name} is {found}: an expansion ROM has at most {LARGEST >> 20} MiB")
    size = rom_size(len(data), values["romsize"])
    if not SMALLEST <= size <= LARGEST or size & (size - 1):
        raise UsageError(f"{entry.driver}: romsize={size}: a power of two from {SMALLEST} to {LARGEST}")
    if size < len(data):
        raise UsageError(f"{name} has {len(data)} bytes, which is more than romsize={size}")
    if not values["rombar"] and (len(values["romfile"]) > NAME_MAX or not values["romfile"].isascii()):
        raise UsageError(f"{name}: with rombar=0 a name has at most {NAME_MAX} ASCII characters")


class Socket(NamedTuple):
    """A ROM in its device: `length` of its address range, 0 if firmware finds it in fw_cfg, as `file`."""

    device: str
    file: str
    length: int
    data: bytes


def sockets(version: str, devices: Sequence[Entry], roms: Sequence[Rom]) -> list[Socket]:
    if not roms:
        return []
    from playhead.devices.pci.expansion_rom import rom_size

    of = {entry.id: entry for entry in devices}
    return [_socket(rom, of[rom.device], pc_devices.values_of(version, of[rom.device]), rom_size) for rom in roms]


def _socket(rom: Rom, entry: Entry, values: Mapping[str, Any], size: Callable[[int, int], int]) -> Socket:
    folder = SCREEN_FOLDER if entry.driver in pc_devices.VGA_CARDS else FOLDER
    length = size(len(rom.data), values["romsize"]) if values["rombar"] else 0
    return Socket(rom.device, f"{folder}/{values['romfile']}", length, rom.data)
