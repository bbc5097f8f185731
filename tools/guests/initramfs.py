"""An initramfs from a list of files: the cpio "newc" format, compressed, the same bytes at every build.

Written here rather than by cpio(1), because a device node needs root on a real file system, because times and inode
numbers would differ from build to build, and because the format is 13 hexadecimal numbers before each name
(Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file. `mode` has the type bits; `device` is (major, minor) of a device node; a link's data is its target;
    `owner` is (user, group).
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)
    owner: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    return Entry(path, 0o040755)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, 0o100000 | mode, data)


def link(path: str, target: str) -> Entry:
    return Entry(path, 0o120777, target.encode())


def character_device(path: str, major: int, minor: int, mode: int = 0o600) -> Entry:
    return Entry(path, 0o020000 | mode, device=(major, minor))


def pack(entries: list[Entry]) -> bytes:
    """The compressed archive, in the order given: a folder comes before what is in it."""
    archive = b"".join(_record(entry, inode) for inode, entry in enumerate(entries, 1))
    archive += _record(Entry("TRAILER!!!", 0), 0)
    return gzip.compress(archive, compresslevel=9, mtime=0)


def _record(entry: Entry, inode: int) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if entry.mode & 0o170000 == 0o040000 else 1
    numbers = (inode, entry.mode, *entry.owner, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + name) + _padded(entry.data)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)
