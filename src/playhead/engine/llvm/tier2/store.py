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
from playhead.engine.llvm.tier2.segments import UNIT, Segment, names_in, open_folder

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
    """`holds(key)` and `find(key, unit)`. What processes add later is not seen."""

    def __init__(self, name: str | None = None):
        self._name = name or version()
        self._segments: list[Segment] = []
        self._places: dict[int, int] = {}
        self.used: set[int] = set()  # keys that were found; whoever passes them on takes them out
        path = folder_of(self._name)
        if not os.path.isabs(path):
            return  # there is no home, and this is anywhere
        try:
            folder = open_folder(path)
        except OSError:
            return
        try:
            for name in names_in(folder)[:MOST_SEGMENTS]:
                self._open(folder, name)
        except OSError:
            pass
        finally:
            os.close(folder)

    def _open(self, folder: int, name: str) -> None:
        try:
            segment = Segment(folder, name, self._name.encode())
        except OSError:
            return
        number = len(self._segments) << _PLACE_BITS
        self._segments.append(segment)
        more = {key: number | place for kind, key, place in segment.places() if kind == UNIT}
        if segment.index is not None:
            keys, places = (memoryview(part).cast("Q") for part in segment.index[2:])
            if number:
                self._places.update(zip(keys, [number | place for place in places], strict=True))
            else:
                self._places.update(zip(keys, places, strict=True))
        self._places.update(more)

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
        for segment in self._segments:
            try:
                os.utime(segment.fd)
            except OSError:
                return

    def close(self) -> None:
        for segment in self._segments:
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
