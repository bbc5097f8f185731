"""Compiled units on disk, as the guest's process reads them: found by their hash, read and checked one at a time.

They are in a folder of this version's own (the key of the native core: sources, LLVM, host's processor), in segments
(segments.py) that helper processes write (store_writer.py). No cache, one that may not be used, or a damaged one is the
same as an empty one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from functools import cache

from playhead.engine.llvm.cache import cache_dir, sources
from playhead.engine.llvm.core_file import IMPORTED, TIER2
from playhead.engine.llvm.tier2.segments import UNIT, Segment, end_of, found_in, names_in, open_folder

FOLDER = "blocks"  # in the folder of native code
MOST_SEGMENTS = 200  # more are not opened
_PLACE_BITS = 56  # a place in the index: number of the segment above the place in it
_PLACE = (1 << _PLACE_BITS) - 1


def folder_of(version: str) -> str:
    return os.path.join(cache_dir(), FOLDER, version)


def _version() -> str:
    h = hashlib.sha256(IMPORTED.encode())
    for path, source in sources(TIER2):
        h.update(path.encode())
        h.update(source)
    return h.hexdigest()[:32]


VERSION = _version()  # of the native core and of the second tier, as this process has imported them


def version() -> str:
    """The folder's name, and what is mixed into each hash."""
    return VERSION


class Store:
    """`holds(key)` and `find(key, unit)`. What processes add later is seen by `refresh`."""

    def __init__(self, name: str | None = None):
        self._name = name or version()
        self._segments: dict[int, Segment] = {}  # by number
        self._ends: dict[int, int] = {}  # of each segment: up to where it is known
        self._opened = 0  # segments until now
        self._places: dict[int, int] = {}
        self.used: set[int] = set()  # keys that were found; whoever passes them on takes them out
        self.refresh()

    def refresh(self) -> None:
        """See what there is now."""
        path = folder_of(self._name)
        if not os.path.isabs(path):
            return  # there is no home, and this is anywhere
        try:
            for number, segment in self._segments.items():
                if segment.grown():
                    self._note(number, self._ends[number])
            folder = open_folder(path)
        except OSError:
            return
        try:
            there = set(found_in(folder))  # names and inodes: a name may come again
            for name, _ in sorted(there - {(segment.name, segment.inode) for segment in self._segments.values()}):
                if len(self._segments) < MOST_SEGMENTS:
                    self._open(folder, name)
            self._drop_merged(there)
        except OSError:
            pass
        finally:
            os.close(folder)

    def _open(self, folder: int, name: str) -> None:
        try:
            segment = Segment(folder, name, self._name.encode())
        except OSError:
            return
        number = self._opened
        self._opened += 1
        self._segments[number], self._ends[number] = segment, 0
        self._note(number)
        if segment.index is not None:
            base = number << _PLACE_BITS
            keys, places = (memoryview(part).cast("Q") for part in segment.index[2:])
            self._places.update(zip(keys, [base | place for place in places] if base else places, strict=True))
            self._ends[number] = max(self._ends[number], segment.index.key)

    def _drop_merged(self, there: set[tuple[str, int]]) -> None:
        """Close segments that have gone from the folder and of which every unit is in another one."""
        gone = [number for number, segment in self._segments.items() if (segment.name, segment.inode) not in there]
        if not gone:
            return
        needed = {where >> _PLACE_BITS for where in self._places.values()}
        for number in gone:
            if number not in needed:
                self._segments.pop(number).close()
                del self._ends[number]

    def _note(self, number: int, start: int = 0) -> None:
        """Take up a segment's units that no index has."""
        base = number << _PLACE_BITS
        for kind, key, place in self._segments[number].places(start):
            self._ends[number] = end_of(place)
            if kind == UNIT:
                self._places[key] = base | place

    def __len__(self) -> int:
        return len(self._places)

    def holds(self, key: int) -> bool:
        return key in self._places

    def find(self, key: int, unit: bytes) -> bytes | None:
        """The unit's code; empty if there can be none; None if that is not known."""
        where = self._places.get(key)
        if where is None:
            return None
        segment = self._segments[where >> _PLACE_BITS]
        record = segment.read(where & _PLACE)
        if record is None or record.kind != UNIT or record.key != key:
            del self._places[key]  # it is damaged
            return None
        if record.first != unit:
            return None  # another one with the same hash
        if not self.used:
            self._touch()
        self.used.add(key)
        return record.second

    def _touch(self) -> None:
        """These segments are in use: the host's clock says when."""
        for segment in self._segments.values():
            try:
                os.utime(segment.fd)
            except OSError:
                return

    def close(self) -> None:
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()
        self._places.clear()


def count(path: str) -> tuple[str, int]:
    """For people: the version that made what is in a folder, and how many units that is. Raises OSError."""
    folder = open_folder(path)
    try:
        title, units = "", 0
        for name in names_in(folder):
            with contextlib.suppress(OSError):
                segment = Segment(folder, name, os.path.basename(path).encode())
                title = segment.title
                units += sum(kind == UNIT for kind, _, _ in segment.places())
                units += len(segment.index.first) // 8 if segment.index else 0
                segment.close()
        return title, units
    finally:
        os.close(folder)


@cache
def store() -> Store:
    """This process's."""
    return Store()


def pack_keys(keys: set[int]) -> bytes:
    return struct.pack(f"<{len(keys)}Q", *keys)
