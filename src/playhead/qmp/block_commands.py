"""Drives and what is in them. A drive is named as in QEMU (`ide1-cd0`), or by the id of its device."""

import os
from typing import Any

from playhead.qmp import objects
from playhead.qmp.declared import command, event
from playhead.qmp.errors import QmpError, no_device
from playhead.qmp.service import Qmp
from playhead.qmp.types import ANY, BOOL, INT, STR, Enum, Struct
from playhead.session.drives import DriveNow, Medium
from playhead.timeline.live_control import LiveControl

IMAGE = Struct("ImageInfo", {"filename": STR, "format": STR, "*dirty-flag": BOOL, "*actual-size": INT,
                             "virtual-size": INT, "*backing-filename": STR, "*full-backing-filename": STR})  # fmt: skip
CACHE = Struct("BlockdevCacheInfo", {"writeback": BOOL, "direct": BOOL, "no-flush": BOOL})
RATES = ("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")
NODE = Struct("BlockDeviceInfo", {
    "file": STR, "*node-name": STR, "ro": BOOL, "drv": STR, "*backing_file": STR, "backing_file_depth": INT,
    "encrypted": BOOL, "detect_zeroes": Enum("BlockdevDetectZeroesOptions", "off"), **{rate: INT for rate in RATES},
    "image": IMAGE, "cache": CACHE, "write_threshold": INT,
})  # fmt: skip
BLOCK = Struct("BlockInfo", {
    "device": STR, "*qdev": STR, "type": STR, "removable": BOOL, "locked": BOOL, "*inserted": NODE, "*tray_open": BOOL,
    "*io-status": Enum("BlockDeviceIoStatus", "ok"),
})  # fmt: skip
KINDS = ("rd", "wr", "flush", "unmap")
COUNTED = (
    *(f"{kind}_{what}" for kind in KINDS for what in ("operations", "total_time_ns")),
    *(f"{kind}_{what}" for kind in ("rd", "wr", "unmap") for what in ("bytes", "merged")), "wr_highest_offset",
    *(f"{how}_{kind}_operations" for how in ("failed", "invalid") for kind in KINDS),
)  # fmt: skip
ACCOUNTED = ("account_invalid", "account_failed")
STATISTICS = Struct("BlockStats", {
    "*device": STR, "*qdev": STR, "*node-name": STR,
    "stats": Struct("BlockDeviceStats", {
        **dict.fromkeys(COUNTED, INT), **dict.fromkeys(ACCOUNTED, BOOL), "timed_stats": [ANY],
    }),
})  # fmt: skip
RETAIN = Enum("BlockdevChangeReadOnlyMode", "retain", "read-only", "read-write")

event("DEVICE_TRAY_MOVED", {"device": STR, "id": STR, "tray-open": BOOL}, "a tray has opened or closed, by hand or by "
      "the guest")  # fmt: skip


@command("query-block", returns=[BLOCK], about="the drives, and what is in them")
def query_block(qmp: Qmp) -> list[dict[str, Any]]:
    found = []
    for drive in qmp.target.drives_now():
        one = {"device": drive.name, "locked": drive.locked, "removable": drive.removable,
               "qdev": objects.qdev(qmp.target.machine.config, drive.device_id), "type": "unknown"}  # fmt: skip
        if drive.has_tray:
            one["tray_open"] = drive.tray_open
        if drive.has_tray or not drive.removable:
            one["io-status"] = "ok"
        if drive.medium is not None:
            one["inserted"] = node(drive, drive.medium)
        found.append(one)
    return found


@command("query-named-block-nodes", {"*flat": BOOL}, [NODE], about="the images in the drives")
def query_named_block_nodes(qmp: Qmp, flat: bool = False) -> list[dict[str, Any]]:
    return nodes(qmp)


def nodes(qmp: Qmp) -> list[dict[str, Any]]:
    """Of all drives that have a medium."""
    return [node(drive, drive.medium) for drive in qmp.target.drives_now() if drive.medium is not None]


def node(drive: DriveNow, medium: Medium) -> dict[str, Any]:
    """An image's node has its drive's name, with a # in front, which no name that a user gives has."""
    image = {"virtual-size": medium.size, "filename": medium.path, "format": medium.format, "dirty-flag": False}
    backing = {}
    if medium.backing:
        backing["backing_file"] = image["backing-filename"] = image["full-backing-filename"] = medium.backing[0]
    try:
        image["actual-size"] = os.stat(medium.path).st_blocks * 512
    except (OSError, ValueError):
        pass  # a replay may run where there is no image
    return {
        **dict.fromkeys(RATES, 0), "detect_zeroes": "off", "image": image, "ro": drive.read_only,
        "node-name": f"#{drive.name}", "drv": medium.format, "file": medium.path, "encrypted": False,
        "cache": {"no-flush": False, "direct": False, "writeback": True}, "write_threshold": 0,
        "backing_file_depth": len(medium.backing), **backing,
    }  # fmt: skip


@command("query-blockstats", {"*query-nodes": BOOL}, [STATISTICS], about="what the images of a machine that runs have "
         "done; times are not measured, and are 0")  # fmt: skip
def query_blockstats(qmp: Qmp, query_nodes: bool = False) -> list[dict[str, Any]]:
    if not isinstance(qmp.target, LiveControl):
        raise QmpError("a replay starts no requests to images")
    found = []
    for drive in qmp.target.drives_now():
        counts = qmp.target.drives.counts()[drive.name]
        stats = {**dict.fromkeys(COUNTED, 0), **dict.fromkeys(ACCOUNTED, False), "timed_stats": [], **counts}
        inserted = {"node-name": f"#{drive.name}"} if drive.medium is not None else {}
        qdev = objects.qdev(qmp.target.machine.config, drive.device_id)
        found.append({"device": drive.name, "stats": stats, "qdev": qdev, **inserted})
    return found


def _drive(qmp: Qmp, device: str | None, id: str | None) -> DriveNow:
    if (device is None) == (id is None):
        raise QmpError("Need exactly one of 'device' and 'id'")
    for drive in qmp.target.drives_now():
        if drive.name == device or (id is not None and id in (drive.device_id, _path(qmp, drive))):
            return drive
    raise no_device(str(device if id is None else id))


def _path(qmp: Qmp, drive: DriveNow) -> str:
    return objects.path_of(qmp.target.machine.config, drive.device_id)


@command("eject", {"*device": STR, "*id": STR, "*force": BOOL}, about="open a CD-ROM drive and take the medium out; "
         "`force`: even if the guest has locked it")  # fmt: skip
def eject(qmp: Qmp, device: str | None = None, id: str | None = None, force: bool = False) -> None:
    drive = _drive(qmp, device, id)
    qmp.target.eject(drive.name, force)
    qmp.laid_out.pop(drive.name, None)


@command("blockdev-open-tray", {"*device": STR, "*id": STR, "*force": BOOL}, about="open a CD-ROM drive; "
         "`blockdev-close-tray` puts the medium back in")  # fmt: skip
def blockdev_open_tray(qmp: Qmp, device: str | None = None, id: str | None = None, force: bool = False) -> None:
    drive = _drive(qmp, device, id)
    if drive.removable and (drive.tray_open or not drive.has_tray):
        return
    qmp.target.eject(drive.name, force)
    qmp.laid_out[drive.name] = drive.medium


@command("blockdev-close-tray", {"*device": STR, "*id": STR}, about="close a tray that `blockdev-open-tray` has "
         "opened, with the medium that lay in it")  # fmt: skip
def blockdev_close_tray(qmp: Qmp, device: str | None = None, id: str | None = None) -> None:
    drive = _drive(qmp, device, id)
    if why := qmp.target.unchangeable():
        raise QmpError(why)
    if not drive.removable:
        raise QmpError(f"Device '{drive.name}' is not removable")
    if not drive.tray_open:
        return
    medium = qmp.laid_out.get(drive.name)
    if medium is None or not medium.path:
        raise QmpError(f"Device '{drive.name}' has no medium: blockdev-change-medium closes it with one in it")
    qmp.target.change(drive.name, medium.path, medium.format)


@command("blockdev-change-medium", {"*device": STR, "*id": STR, "filename": STR, "*format": STR, "*force": BOOL,
         "*read-only-mode": RETAIN}, about="put another medium into a CD-ROM or floppy disk drive")  # fmt: skip
def blockdev_change_medium(
    qmp: Qmp, filename: str, device: str | None = None, id: str | None = None, format: str | None = None,
    force: bool = False, read_only_mode: str = "retain",
) -> None:  # fmt: skip
    drive = _drive(qmp, device, id)
    if read_only_mode == "read-write" and drive.has_tray:
        raise QmpError(f"Device '{drive.name}' is a CD-ROM drive, whose media are read-only")
    qmp.target.change(drive.name, filename, format, force, read_only_mode == "read-only" and not drive.has_tray)
