"""Compiled units on disk, as helper processes write them: appended to a segment of the process's own, and now and then
put in order.

Order is by use: merging goes through the segments from the oldest to the newest, and what was used later moves to the
end, so what has to go when all is too big is at the beginning. No process waits for another: a lock that is taken means
that somebody else does it, a file system without locks that two may do the same work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

from playhead.engine.llvm.cache import cache_dir
from playhead.engine.llvm.tier2 import segments as file
from playhead.engine.llvm.tier2.segments import Record, Segment
from playhead.engine.llvm.tier2.store import FOLDER, folder_of, pack_keys, version
from playhead.version import __version__

LIMIT = 128 << 20  # bytes of all versions; half of it for one
SEGMENTS = 4  # more are merged
APART = 4  # a segment that is longer than all others by this factor is left as it is
MOST_USED = 100_000  # keys of other segments that are remembered
AT_ONCE = 100  # units that are copied with one write
LOOSE = 256 << 10  # and so are more bytes that no index has


class Unit(NamedTuple):
    """Where a unit is now."""

    key: int
    segment: Segment
    where: int


class StoreWriter:
    """`add` units and `use` keys, then `flush`. What the disk refuses ends it silently: what is not kept is compiled
    again."""

    def __init__(self, name: str | None = None, limit: int = LIMIT):
        self._name, self._limit = name or version(), limit
        self._key = self._name.encode()
        self._fd = -1
        self._pending: list[bytes] = []
        self._failed = not os.path.isabs(folder_of(self._name))

    def add(self, key: int, unit: bytes, code: bytes) -> None:
        """Empty code: there can be none."""
        most = file.MOST[file.UNIT]
        if len(unit) <= most[0] and len(code) <= most[1]:
            self._pending.append(file.pack(self._key, Record(file.UNIT, key, unit, code)))

    def use(self, keys: set[int]) -> None:
        """They were read from the disk."""
        if keys:
            self._pending.append(file.pack(self._key, Record(file.USED, 0, pack_keys(keys), b"")))

    def flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending or self._failed:
            return
        try:
            if self._fd >= 0 and not os.fstat(self._fd).st_nlink:
                self._let_go()  # it was merged, or the cache was cleared
            if self._fd < 0:
                self._begin()
            if os.fstat(self._fd).st_size < self._limit // 2:
                file.write_all(self._fd, pending)
        except OSError:
            self._failed = True
            self._let_go()

    def _begin(self) -> None:
        os.makedirs(cache_dir(), exist_ok=True)
        path = folder_of(self._name)
        for folder in (os.path.dirname(path), path):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
        folder_fd = file.open_folder(path)
        try:
            while self._fd < 0:
                self._fd, _ = file.create(folder_fd)
                if not _locked(self._fd) or not os.fstat(self._fd).st_nlink:
                    self._let_go()  # somebody who merges has found it before it was locked
            file.write_all(self._fd, [file.header(self._key, __version__)])
        finally:
            os.close(folder_fd)

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def tidy(self) -> None:
        """Merge and bound what is there, if that is due and nobody else does it."""
        if self._failed:
            return
        try:
            folder = file.open_folder(folder_of(self._name))
        except OSError:
            return
        try:
            if _locked(folder):
                self._let_go()  # what this process has added so far is merged as well
                merge(folder, self._name, self._limit // 2)
                bound(self._limit, self._name)
        except OSError:
            pass
        finally:
            os.close(folder)

    def close(self) -> None:
        self.flush()
        self._let_go()


def _locked(fd: int) -> bool:
    """Whether nobody else has it locked. A file system may have no locks: then nobody has."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def merge(folder: int, name: str, most: int) -> None:
    """Make one segment of those that nobody is writing, if they are many or long. Raises OSError."""
    version = name.encode()
    free = []
    for one in file.names_in(folder):
        try:
            segment = Segment(folder, one, version)
        except OSError:
            _drop(folder, one)
            continue
        if _locked(segment.fd):
            free.append(segment)
        else:
            segment.close()
    try:
        wanted = _worth_it(free, most)
        if wanted:
            units, used = _units(wanted)
            _write_merged(folder, version, _newest(units, most), used)
            for segment in wanted:
                with contextlib.suppress(OSError):
                    os.unlink(segment.name, dir_fd=folder)
    finally:
        for segment in free:
            segment.close()


def _worth_it(free: list[Segment], most: int) -> list[Segment]:
    """The segments to merge, the oldest first; none if it is not yet worth it."""
    by_size = sorted(free, key=lambda segment: segment.size)
    size = sum(segment.size for segment in free)
    if size > most:
        return sorted(free, key=lambda segment: segment.changed)
    if by_size and by_size[-1].size > APART * (size - by_size[-1].size) and not _loose(by_size[-1]):
        by_size.pop()
    if len(by_size) > SEGMENTS or sum(_loose(segment) for segment in by_size) > LOOSE:
        return sorted(by_size, key=lambda segment: segment.changed)
    return []


def _drop(folder: int, name: str) -> None:
    """Remove a file that is no segment, if it is one of the user's own that nobody is about to make one."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return
    try:
        if file.is_own(os.fstat(fd)) and _locked(fd):
            os.unlink(name, dir_fd=folder)
    except OSError:
        pass
    finally:
        os.close(fd)


def _loose(segment: Segment) -> int:
    """Bytes of units that no index has."""
    return sum(file.size_of(where) for kind, _, where in segment.places() if kind == file.UNIT)


def _units(segments: list[Segment]) -> tuple[list[Unit], set[int]]:
    """All that are whole, each once, those that were used last at the end; and keys that were used of others."""
    found: dict[int, Unit] = {}
    elsewhere: set[int] = set()
    for segment in segments:
        places = [where for _, _, where in segment.places()]
        if segment.index is not None:
            places = [where for (where,) in struct.iter_unpack("<Q", segment.index.second)] + places
        for where in places:
            record = segment.read(where)
            if record is not None and record.kind == file.UNIT:
                found.pop(record.key, None)
                found[record.key] = Unit(record.key, segment, where)
            elif record is not None and record.kind == file.USED:
                for (key,) in struct.iter_unpack("<Q", record.first):
                    if key in found:
                        found[key] = found.pop(key)
                    elif len(elsewhere) < MOST_USED:
                        elsewhere.add(key)
    return list(found.values()), elsewhere


def _newest(units: list[Unit], most: int) -> list[Unit]:
    """As many from the end as have `most` bytes."""
    size, first = 0, len(units)
    while first and size + file.size_of(units[first - 1].where) <= most:
        first -= 1
        size += file.size_of(units[first].where)
    return units[first:]


def _write_merged(folder: int, version: bytes, units: list[Unit], used: set[int]) -> None:
    """A segment that begins with its index. What of it is not written in the end makes the index void."""
    if not units:
        return
    head = file.header(version, __version__)
    keys = struct.pack(f"<{len(units)}Q", *(unit.key for unit in units))
    at, places = len(head) + len(file.pack(version, Record(file.INDEX, 0, keys, keys))), []
    for unit in units:
        size = file.size_of(unit.where)
        places.append(file.place(at, size))
        at += size
    index = Record(file.INDEX, at, keys, struct.pack(f"<{len(places)}Q", *places))
    fd, name = file.create(folder)
    try:
        file.write_all(fd, [head, file.pack(version, index)])
        for n in range(0, len(units), AT_ONCE):
            file.write_all(fd, [unit.segment.raw(unit.where) for unit in units[n : n + AT_ONCE]])
        if used:
            file.write_all(fd, [file.pack(version, Record(file.USED, 0, pack_keys(used), b""))])
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(fd)


def bound(limit: int, own: str) -> None:
    """Remove other versions' segments, those that were not used for longest first, until all versions have `limit`
    bytes. Raises OSError."""
    top = os.path.join(cache_dir(), FOLDER)
    found, size = [], 0
    for name in sorted(os.listdir(top)):
        for info, path in _segments_in(os.path.join(top, name)):
            size += info.st_size
            if name != own:
                found.append((info.st_mtime_ns, info.st_size, path))
    for _, bytes_there, path in sorted(found):
        if size <= limit:
            return
        os.unlink(path)
        size -= bytes_there
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))


def _segments_in(path: str) -> Iterable[tuple[os.stat_result, str]]:
    try:
        folder = file.open_folder(path)
    except OSError:
        return
    try:
        for name in file.names_in(folder):
            with contextlib.suppress(OSError):
                yield os.stat(name, dir_fd=folder, follow_symlinks=False), os.path.join(path, name)
    finally:
        os.close(folder)
