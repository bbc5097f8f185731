"""A copy of SQLite's write-ahead log after the last page of the recording, so that the file alone is whole at every
instant.

In WAL mode the newest batches are in a second file, `FILE-wal`, and folding them in (a checkpoint) writes page after
page in place: a copy of the first file alone would lack the newest batches, and a kill in mid-fold would leave it
inconsistent. So after each commit the log's new frames are also appended here, and SQLite's fold, when it is done,
cuts the copy off (it truncates the file to the database's size). SQLite never reads past the size in its header.
Room for the pages of the next fold is reserved before the copy, so that a fold neither runs over it nor fails on
a full disk.

`find` and `restore` are the way back: from a file that was separated from its log, the log is made again, and SQLite
recovers it as after any crash. No syncing is needed for all that: it is about processes that die, not about power.

The copy also tells which log is the file's own (`beside.py`): the one with the same header. So each log begins with a
transaction that changes nothing, and is copied before the first batch.
"""

import contextlib
import errno
import os
import struct
from hashlib import blake2b

PAGE = 4096
MAGIC = b"Playhead WAL 1\0\0"
HEADER = struct.Struct(">16sQ8s")  # magic, where in the file this is, check of both
ROOM = 96 * PAGE  # bytes before a copy, at least
CHUNK = 1 << 20
WAL_HEADER = 32  # SQLite's file format, chapter 4: magic, version, page size, number, two salts, two checksums
FRAME_HEADER = struct.Struct(">II8s8x")  # page, pages of the database after a commit (or 0), salts, checksums
FRAME = FRAME_HEADER.size + PAGE
IDENTITY = 32, 40  # bytes of SQLite's header, and where: the recording's number, format, "application id"


def header(at: int) -> bytes:
    check = blake2b(MAGIC + at.to_bytes(8, "big"), digest_size=8).digest()
    return HEADER.pack(MAGIC, at, check)


class WalCopy:
    """The writer's side. `make_room` before a transaction, `follow` after it; `close` only after the connection,
    because closing any descriptor of a file gives up this process's locks on it.
    """

    def __init__(self, path: str):
        self._path = path
        self._wal: int | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._identity = os.pread(self._file, *IDENTITY)
        self._head = b""  # of the log that is being followed
        self._pages = 0  # of the database, with what is in the log
        self._at = 0  # where the copy starts; 0: there is none
        self._done = 0  # bytes of the log that are copied
        self._in_kernel = hasattr(os, "copy_file_range")

    @property
    def wal_bytes(self) -> int:
        """How much the log holds that is not folded in."""
        return self._done

    def still_there(self) -> bool:
        """Whether the file is still the one that was begun, and not overwritten by a copy of another."""
        return os.pread(self._file, *IDENTITY) == self._identity

    def has_name(self) -> bool:
        """Whether its name still leads to it."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except OSError:
            return False

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def abandon(self) -> None:
        """Nothing of the log may get into the file any more: SQLite, when it closes, finds nothing to fold."""
        if self._wal is not None:
            os.ftruncate(self._wal, 0)

    def make_room(self, size: int) -> None:
        """Before a transaction of about `size` bytes: see that folding it will not run over the copy."""
        if self._at and self._pages * PAGE + size > self._at:
            self._move(size)

    def follow(self) -> None:
        """After a transaction: copy what is new in the log."""
        if self._wal is None:
            self._wal = os.open(self._path + "-wal", os.O_RDWR | os.O_CLOEXEC)
        head = os.pread(self._wal, WAL_HEADER, 0)
        if len(head) < WAL_HEADER:  # folded in
            self._forget(b"")
            return
        if head != self._head:  # folded in, and begun anew
            if self._at and os.fstat(self._file).st_size > self._at:
                os.ftruncate(self._file, self._at)
            self._forget(head)
        elif self._at and os.fstat(self._file).st_size < self._at + HEADER.size + self._done:
            self._at = 0  # a fold by another process cut it off
        end = self._scan(max(self._done, WAL_HEADER))
        if not self._at or self._pages * PAGE > self._at:
            self._done = end
            self._move(0)
        elif end > self._done:
            self._copy(self._done, end)
            self._done = end

    def _forget(self, head: bytes) -> None:
        self._head, self._at, self._done = head, 0, 0

    def _scan(self, end: int) -> int:
        """The end of the log's frames, from a known one; older frames after have other salts."""
        assert self._wal is not None
        salts = self._head[16:24]
        size = os.fstat(self._wal).st_size
        if size > end and (size - WAL_HEADER) % FRAME == 0:
            _, pages, found = FRAME_HEADER.unpack(os.pread(self._wal, FRAME_HEADER.size, size - FRAME))
            if found == salts and pages:  # the last frame of the file is the last one of a transaction of this log
                self._pages = pages
                return size
        while True:
            head = os.pread(self._wal, FRAME_HEADER.size, end)
            if len(head) < FRAME_HEADER.size:
                return end
            _, pages, found = FRAME_HEADER.unpack(head)
            if found != salts:
                return end
            self._pages = pages or self._pages
            end += FRAME

    def _move(self, size: int) -> None:
        """Begin the copy at a place that leaves room, after the old one, which stays valid until this one is."""
        old_end = self._at + HEADER.size + self._done if self._at else 0
        base = self._pages * PAGE
        at = max(base + ROOM + (size + PAGE - 1) // PAGE * PAGE, (old_end + PAGE - 1) // PAGE * PAGE)
        try:
            os.posix_fallocate(self._file, base, at - base)
        except OSError as e:
            if e.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO):
                raise
        self._at = at
        self._copy(0, self._done)
        self._write(header(at), at)

    def _copy(self, start: int, end: int) -> None:
        assert self._wal is not None
        while start < end:
            done = self._copy_some(start, end)
            assert done, "the log is shorter than it was"
            start += done

    def _copy_some(self, start: int, end: int) -> int:
        """Within the kernel, where the file system offers that."""
        assert self._wal is not None
        to = self._at + HEADER.size + start
        if self._in_kernel:
            try:
                return os.copy_file_range(self._wal, self._file, end - start, start, to)
            except OSError as e:
                if e.errno not in (errno.ENOSYS, errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM):
                    raise
                self._in_kernel = False
        data = os.pread(self._wal, min(CHUNK, end - start), start)
        self._write(data, to)
        return len(data)

    def _write(self, data: bytes, at: int) -> None:
        while data:
            n = os.pwrite(self._file, data, at)
            data, at = data[n:], at + n

    def close(self) -> None:
        for fd in (self._wal, self._file):
            if fd is not None:
                os.close(fd)


def find(path: str) -> int | None:
    """Where the file's copy of its log starts, if it has one."""
    with open(path, "rb") as f:
        return find_in(f.fileno())


def find_in(fd: int) -> int | None:
    """The same for a file that is open."""
    size = os.fstat(fd).st_size
    pages = int.from_bytes(os.pread(fd, 4, 28), "big")  # SQLite's size of the database
    first = min(max(pages, 1) * PAGE, size)
    for at in range((size - 1) // PAGE * PAGE, first - 1, -PAGE):
        if os.pread(fd, HEADER.size, at) == header(at):
            return at
    return None


def restore(path: str, at: int, target: str) -> None:
    """Make the log of `path` again, under the name `target`, from the copy; nothing is done if it is there."""
    new = f"{target}.{os.getpid()}"
    try:
        with open(path, "rb") as source, open(new, "wb") as out:
            source.seek(at + HEADER.size)
            while data := source.read(CHUNK):
                out.write(data)
        with contextlib.suppress(FileExistsError):
            os.link(new, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
