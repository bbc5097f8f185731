"""QEMU's ways to name a disk image: `file:NAME`, `json:{...}`, and the prefixes of what is no local file.

Those of local files become a path, and perhaps a format; the others are refused by what they name. A prefix is what
stands before a colon in front of any slash, so `./a:b` is always a file's name. On our command line a name with another
prefix than QEMU's is the name of a file too, where QEMU refuses it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError

FORMATS = ("raw", "qcow2")
LOCAL = ("file", "host_device", "host_cdrom")  # a block device is opened like a file
NETWORK = ("nbd", "nbd+tcp", "nbd+unix", "http", "https", "ftp", "ftps", "tftp", "ssh", "iscsi", "iser", "rbd", "nfs",
           "nvme", "gluster", "gluster+tcp", "gluster+unix", "gluster+rdma", "sheepdog", "vxhs")  # fmt: skip
INVENTED = ("fat", "vvfat", "null-co", "null-aio", "blkdebug", "blkverify", "blklogwrites", "blkreplay", "quorum",
            "throttle", "copy-on-read", "copy-before-write", "preallocate", "replication", "compress", "raw-snapshot",
            "snapshot-access")  # fmt: skip
FDSET = "/dev/fdset/"
IGNORED = ("node-name", "auto-read-only", "cache", "cache.direct", "cache.no-flush", "discard", "detect-zeroes", "aio",
           "locking")  # fmt: skip  # they change nothing of what is read or written
HOW = "; a local image is named by its path, file:PATH or json:{...}"


class ImageName(NamedTuple):
    """`format` is None if the name says nothing of it."""

    path: str
    format: str | None = None


def prefix(name: str) -> str:
    """The text before the first colon, if that comes before any slash; otherwise nothing."""
    head, colon, _ = name.partition("/")[0].partition(":")
    return head if colon else ""


def parse(name: str) -> ImageName:
    """Raises UnsupportedError for what is not a local file, UsageError for what says nothing."""
    if name.startswith(FDSET):
        raise UnsupportedError(f"{name!r}: file descriptors that are handed over (add-fd) are not supported{HOW}")
    head = prefix(name)
    rest = name[len(head) + 1 :]
    if head == "json":
        return _from_json(rest)
    if head in LOCAL:
        if not rest:
            raise UsageError(f"{name!r} names no file")
        return ImageName(rest)
    if head in (*NETWORK, *INVENTED):
        raise UnsupportedError(f"{name!r}: {_what(head)}{HOW}")
    return ImageName(name)


def _what(driver: str) -> str:
    where = "an image that is not on this machine" if driver in NETWORK else "what QEMU makes up"
    return f"QEMU's block driver '{driver}' ({where}) is not supported"


def _from_json(text: str) -> ImageName:
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{'json:' + text!r}: no JSON: {e}") from None
    if not isinstance(options, dict):
        raise UsageError(f"{'json:' + text!r}: no object with a driver and a file.filename")
    return from_options(options)


def from_options(options: Mapping[str, Any]) -> ImageName:
    """Of `driver`, `filename`, `file` (an object, or a file's name) and `file.KEY`, as json: and -drive have them."""
    inner = {key.removeprefix("file."): value for key, value in options.items() if key.startswith("file.")}
    outer = {key: value for key, value in options.items() if not key.startswith("file.") and key not in IGNORED}
    if isinstance(outer.get("file"), dict):
        inner |= outer.pop("file")
    driver = outer.pop("driver", None)
    if driver is None and "filename" in outer:
        inner = {"filename": outer.pop("filename"), **inner}
    if driver in LOCAL:  # a name without a format
        inner, outer, driver = {"driver": driver, **outer, **inner}, {}, None
    if driver is not None and driver not in FORMATS:
        known = isinstance(driver, str) and driver in (*NETWORK, *INVENTED)
        raise UnsupportedError(_what(driver) + HOW if known else f"driver {driver!r} is not supported{HOW}")
    file = outer.pop("file", None)
    if file is not None and not inner:
        inner = {"filename": file}
    if outer:
        raise UnsupportedError(f"option {sorted(outer)[0]!r} of an image is not supported{HOW}")
    return ImageName(_file(inner), driver)


def _file(options: Mapping[str, Any]) -> str:
    left = {key: value for key, value in options.items() if key not in IGNORED}
    driver, name = left.pop("driver", "file"), left.pop("filename", None)
    if driver not in LOCAL:
        raise UnsupportedError(_what(str(driver)) + HOW)
    if left:
        raise UnsupportedError(f"option 'file.{sorted(left)[0]}' of an image is not supported{HOW}")
    if not isinstance(name, str) or not name:
        raise UsageError("the options of an image name no file: file.filename is missing")
    return name
