"""The files of compiled units: how one is laid out, checked, read and written.

A segment is written by one process, by appending, and never changed otherwise; so there is nothing to lock, and one
that was cut off by `kill -9` or a full disk is whole up to its last records. Each record has a hash over all of it, in
which the version is mixed: damage, and a file that came from another version's folder, is a record that is not there.
The hash does not protect against somebody who may write there, so a folder or a file that is not the user's own, or
that others may write, is not used.

A segment that was made of others begins with an index of all its units, so that only its first record has to be read.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

SUFFIX = ".blocks"
_HEADER = struct.Struct("<32s32s32s")  # magic, key of the version, name of the version
_MAGIC = b"playhead blocks 1\n".ljust(32, b"\0")
_RECORD = struct.Struct("<4sI2IQ16s")  # magic, kind, sizes of the two parts, key, hash
_SIGN = b"\xb10ck"
_HASHED = _RECORD.size - 16  # bytes of a record's head that its hash is over
UNIT, USED, INDEX = range(3)  # kinds: unit and its code; packed keys; packed keys and their places
MOST = {UNIT: (1 << 18, 1 << 19), USED: (1 << 20, 0), INDEX: (1 << 24, 1 << 24)}  # bytes of the two parts
_SIZE_BITS = 20  # a place: offset and size of a record
_CHUNK = 1 << 22


class Record(NamedTuple):
    kind: int
    key: int
    first: bytes
    second: bytes


def place(offset: int, size: int) -> int:
    return offset << _SIZE_BITS | size


def size_of(where: int) -> int:
    return where & ((1 << _SIZE_BITS) - 1)


def end_of(where: int) -> int:
    return (where >> _SIZE_BITS) + size_of(where)


def open_folder(path: str) -> int:
    """A descriptor of a folder that only this user can write. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not _private(os.fstat(fd)):
        os.close(fd)
        raise PermissionError(f"{path}: others can write there")
    return fd


def _private(info: os.stat_result) -> bool:
    return info.st_uid == os.geteuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_own(info: os.stat_result) -> bool:
    return stat.S_ISREG(info.st_mode) and _private(info)


def names_in(folder: int) -> list[str]:
    return [name for name, _ in found_in(folder)]


def found_in(folder: int) -> list[tuple[str, int]]:
    """Name and inode of each segment."""
    with os.scandir(folder) as entries:
        return sorted((entry.name, entry.inode()) for entry in entries if entry.name.endswith(SUFFIX))


class Segment:
    """An open segment of a version. Raises OSError, also if the file is not one that may be used."""

    def __init__(self, folder: int, name: str, version: bytes):
        self.name, self._version = name, version
        self.fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        try:
            info = os.fstat(self.fd)
            if not is_own(info):
                raise PermissionError(f"{name}: others can write it")
            self.size, self.changed, self.inode = info.st_size, info.st_mtime_ns, info.st_ino
            self.index: Record | None = None
            magic, key, self.title = title_of(os.pread(self.fd, _HEADER.size, 0))
            if magic != _MAGIC or key != version:
                raise ValueError(f"{name} is of another version")
        except ValueError as e:
            self.close()
            raise OSError(str(e)) from None
        except BaseException:
            self.close()
            raise

    def read(self, where: int) -> Record | None:
        """The record of a place, if it is whole."""
        try:
            return unpack(self._version, self.raw(where))
        except OSError:
            return None

    def raw(self, where: int) -> bytes:
        return os.pread(self.fd, size_of(where), where >> _SIZE_BITS)

    def grown(self) -> bool:
        """Whether there is more than before."""
        before, self.size = self.size, os.fstat(self.fd).st_size
        return self.size > before

    def places(self, at: int = 0) -> Iterator[tuple[int, int, int]]:
        """(kind, key, place) of each record from the first that no index has, or from where the last one ended that was
        seen before. They are not checked yet, but for being where the record before ends."""
        if not at:
            index = self._read_index()
            at = _HEADER.size if index is None else index.key
        data, start = b"", at
        while at + _RECORD.size <= self.size:
            if at + _RECORD.size > start + len(data):
                data, start = os.pread(self.fd, _CHUNK, at), at
                if len(data) < _RECORD.size:
                    return
            sign, kind, first, second, key, _ = _RECORD.unpack_from(data, at - start)
            size = _RECORD.size + first + second
            if sign != _SIGN or kind not in MOST or first > MOST[kind][0] or second > MOST[kind][1]:
                return
            if at + size > self.size:
                return
            if kind != INDEX:
                yield kind, key, place(at, size)
            at += size

    def _read_index(self) -> Record | None:
        head = os.pread(self.fd, _RECORD.size, _HEADER.size)
        if len(head) < _RECORD.size:
            return None
        sign, kind, first, second, end, _ = _RECORD.unpack(head)
        size = _RECORD.size + first + second
        if sign != _SIGN or kind != INDEX or first != second or first > MOST[INDEX][0] or end > self.size:
            return None
        found = unpack(self._version, os.pread(self.fd, size, _HEADER.size))
        if found is not None and _HEADER.size + size <= end:
            self.index = found
        return self.index

    def close(self) -> None:
        os.close(self.fd)


def title_of(head: bytes) -> tuple[bytes, bytes, str]:
    """Magic, key and name of the version, of a segment's first bytes. Raises ValueError."""
    if len(head) < _HEADER.size:
        raise ValueError("a segment is longer than that")
    magic, key, title = _HEADER.unpack_from(head)
    return magic, key, title.rstrip(b"\0").decode("ascii", "replace")


def _hash(version: bytes, data: bytes) -> bytes:
    h = blake2b(data[:_HASHED], digest_size=16, key=version)
    h.update(memoryview(data)[_RECORD.size :])
    return h.digest()


def pack(version: bytes, record: Record) -> bytes:
    """A record as it is in a file."""
    kind, key, first, second = record
    assert len(first) <= MOST[kind][0] and len(second) <= MOST[kind][1]
    head = _RECORD.pack(_SIGN, kind, len(first), len(second), key, bytes(16))[:_HASHED]
    return head + _hash(version, head + bytes(16) + first + second) + first + second


def unpack(version: bytes, data: bytes) -> Record | None:
    """The inverse; None if it is not whole, or of another version."""
    if len(data) < _RECORD.size:
        return None
    sign, kind, first, second, key, check = _RECORD.unpack_from(data)
    if sign != _SIGN or len(data) != _RECORD.size + first + second or check != _hash(version, data):
        return None
    middle = _RECORD.size + first
    return Record(kind, key, data[_RECORD.size : middle], data[middle:])


def header(version: bytes, title: str) -> bytes:
    return _HEADER.pack(_MAGIC, version, title.encode("ascii", "replace")[:32])


def create(folder: int) -> tuple[int, str]:
    """A new file in a folder, opened to append, and its name. Raises OSError."""
    number = 0
    while True:
        name = f"{os.getpid()}-{number}{SUFFIX}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(name, flags, 0o600, dir_fd=folder), name
        except FileExistsError:
            number += 1


def write_all(fd: int, parts: Iterable[bytes]) -> None:
    """Append all or nothing, as far as that is possible. Raises OSError."""
    before = os.fstat(fd).st_size
    try:
        data = memoryview(b"".join(parts))
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        os.ftruncate(fd, before)
        raise
