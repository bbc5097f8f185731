"""The drives of a machine that is about to run: their images opened, described for the machine and for a recording."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.boards import machine_version, pc_devices
from playhead.boards.drive_config import CDROM, FLOPPY, DriveConfig
from playhead.cli.option_table import naming
from playhead.cli.drive_places import DriveSpec, Placed, place

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.host.block import Image
    from playhead.host.disks import Disk, Disks
    from playhead.session.snapshots import Saved

DISK_MODEL, CDROM_MODEL = "PLAYHEAD DISK", "PLAYHEAD DVD-ROM"
SEABIOS = ("/usr/share/seabios/bios.bin", "/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios.bin",
           "/usr/share/qemu/bios-256k.bin", "/usr/share/qemu/pc-bios/bios.bin")  # fmt: skip


@dataclass
class OpenDrives:
    """`disks` is None for a machine without drives. `facts`: what a recording says of each image."""

    specs: list[DriveSpec] = field(default_factory=list)
    configs: tuple[DriveConfig, ...] = ()
    disks: Disks | None = None
    facts: list[dict[str, Any] | None] = field(default_factory=list)

    def __enter__(self) -> OpenDrives:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.disks is not None:
            self.disks.close()


def placed(values: dict[str, Any]) -> Placed:
    """The drives that the options ask for; nothing is opened yet."""
    devices = [d for d in values["devices"] if d["name"] in pc_devices.DRIVES]
    version = values["machine"].get("type", machine_version.newest())
    has_floppy = "fdc" not in machine_version.lacks(version)
    found = place(values["drives"], devices, values["snapshot"], has_floppy and not values["nodefaults"])
    if not has_floppy and any(spec.kind == FLOPPY for spec in found.specs):
        raise UsageError(f"machine {version} has no floppy drives; -M {machine_version.newest()} has")
    return found


def open_drives(placed: Placed) -> OpenDrives:
    """Open the images. Those that are not to be changed are opened for reading only."""
    specs = placed.specs
    if not specs and not placed.others:
        return OpenDrives()
    from playhead.host.disks import Disk, Disks

    disks: list[Disk] = []
    others: list[Image] = []
    opened = OpenDrives(list(specs))
    try:
        for spec in specs:
            with naming(spec.behind):
                image = _opened(spec) if spec.file else None
                disks.append(Disk(image, spec.written and image is not None, spec.flushes))
                opened.configs += (_config(spec, image, len(opened.configs)),)
            opened.facts.append(_facts(spec, image))
        for spec in placed.others:
            with naming(spec.behind):
                others.append(_opened(spec))
    except BaseException:
        Disks(disks, others).close()
        raise
    opened.disks = Disks(disks, others, placed.writable)
    return opened


def _opened(spec: DriveSpec) -> Image:
    from playhead.host.block import open_image  # here: a machine without images starts without all that

    return open_image(spec.file, format=spec.format, read_only=not spec.written)


def load_vm(name: str | None, config: PcConfig, drives: OpenDrives) -> Saved | None:
    """`-loadvm`: the state of that name, and all disks are what they were then."""
    if name is None:
        return None
    if drives.disks is None:
        raise UsageError(f"-loadvm {name}: there is no image that could have it: -drive file=IMAGE.qcow2")
    from playhead.session import vm_state

    images = drives.disks.vm_images
    with naming(f"-loadvm {name}"):
        saved = vm_state.unpack(images.state(name), config, f"snapshot '{name}' in {images.path}")
        images.apply(name)
        return saved


def _config(spec: DriveSpec, image: Image | None, number: int) -> DriveConfig:
    sectors = image.sectors if image is not None else 0
    if image is not None and not sectors:
        raise UsageError(f"{spec.file}: an image of no size")
    return described(spec, sectors, number)


def described(spec: DriveSpec, sectors: int, number: int) -> DriveConfig:
    """The drive as the machine has it; `number`: its place among all."""
    if spec.kind == FLOPPY:
        return DriveConfig(0, spec.unit, FLOPPY, sectors, spec.read_only, type=spec.type)
    model = spec.model or (CDROM_MODEL if spec.kind == CDROM else DISK_MODEL)
    serial = spec.serial or f"PH{number + 1:05}"
    return DriveConfig(spec.bus, spec.unit, spec.kind, sectors, spec.read_only, serial, model, spec.boot_index)


def _facts(spec: DriveSpec, image: Image | None) -> dict[str, Any] | None:
    """Enough to find the image again, and to see whether it is still the same."""
    if image is None:
        return None
    files, one = [], image
    while one is not None:
        found = os.stat(one.name)
        files.append({"path": os.path.abspath(one.name), "size": found.st_size, "mtime_ns": found.st_mtime_ns})
        one = one.backing  # type: ignore[assignment]
    return {"file": os.path.abspath(spec.file), "format": image.format, "changed": spec.written, "files": files}


def seabios() -> str:
    """The firmware for a machine that starts from a disk."""
    for path in SEABIOS:
        if os.path.exists(path):
            return path
    raise UsageError(
        "to start from a drive, firmware is needed: install Debian's package seabios, or give -bios FILE (or -kernel)"
    )
