"""The side files of a recording, FILE-wal and FILE-journal, checked before SQLite sees them.

SQLite takes files with these names for the recording's own and applies them, for good. But a recording may have been
copied, moved or linked to a name under which a killed program had left its log. So everything that opens a recording
with SQLite calls this first.

A log in WAL mode is the file's own if the file says so: the copy after its end (`wal_copy.py`) begins with the log's
header, whose salts are new each time that a log is begun, so this tells other states of the same recording too. Where
a recorder has the file open, its log may be a moment ahead of the copy; then the recording's number is enough, which is
in page 1 of the file (bytes 40-43, see `writer.py`) and in the log's first frame. A rollback journal holds the page 1
that it would restore: its number is the same, and the file has been changed at most once since. A side file that is not
the recording's own is renamed, with a message.
"""

import contextlib
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from playhead.base.errors import HostError
from playhead.base.messages import tell
from playhead.log import wal_copy
from playhead.log.schema import APPLICATION_ID
from playhead.log.wal_copy import FRAME, FRAME_HEADER, PAGE, WAL_HEADER

WAL, SHM, JOURNAL = "-wal", "-shm", "-journal"
SIDE_FILES = (WAL, SHM, JOURNAL)
BEGUN = "-beginning"  # the suffix of a recording's name until it holds something whole
ALL_SIDES = (*SIDE_FILES, *(BEGUN + suffix for suffix in ("", *SIDE_FILES)))  # all side files that a recording ever has
MAGIC = b"SQLite format 3\0"
HEAD = 100  # bytes of SQLite's header of a database
NUMBER = slice(40, 44)  # in it: the "schema cookie", which is a recording's number
LOCKS = (0x40000000, 512)  # SQLite's locks on a file: where, how many bytes
WRITERS = (0x40000000, 2)  # those of them that a transaction holds that writes
FLOCK = struct.Struct("@hhqqi4x")  # struct flock of Linux on 64-bit hosts
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
JOURNAL_HEADER = struct.Struct(">8sIIIII")  # magic, records, nonce, pages of the database, sector, page


@dataclass
class Beside:
    """What is there. `busy`: another connection has the file open. `own` and `foreign` are suffixes."""

    busy: bool = False
    own: list[str] = field(default_factory=list)
    foreign: dict[str, os.stat_result] = field(default_factory=dict)


def is_recording(head: bytes) -> bool:
    """By the first `HEAD` bytes of a file."""
    return head[:16] == MAGIC and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


@contextlib.contextmanager
def alone(fd: int) -> Iterator[None]:
    """A lock on the side files: one process at a time checks and changes them."""
    with contextlib.suppress(OSError):  # no such locks on this file system
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)


def busy(fd: int, locks: tuple[int, int] = LOCKS) -> bool:
    """Whether any connection of SQLite's has a lock on the file: in WAL mode each has, as long as it is open."""
    wanted = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, *locks, 0)
    try:
        return FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, wanted))[0] != fcntl.F_UNLCK
    except OSError:
        return False


def look(path: str, fd: int) -> Beside:
    """`path` is the real one, without links; `fd` is open on it.

    Locks are checked after the side files: a program takes its lock before it makes them, so a side file without a lock
    was left by a killed program.
    """
    sides = {suffix: _open(path + suffix) for suffix in (WAL, JOURNAL)}
    head = os.pread(fd, HEAD, 0)
    found = Beside(busy(fd) and head[18:19] == b"\2")  # not in WAL mode: no lock lasts, and there is no log
    for suffix, side in sides.items():
        if side is None:
            continue
        try:
            info = os.fstat(side)
            if not stat.S_ISREG(info.st_mode):
                found.foreign[suffix] = info
            elif info.st_size:
                own = (_own_wal if suffix == WAL else _own_journal)(fd, head, side)
                if own:
                    found.own.append(suffix)
                else:
                    found.foreign[suffix] = info
        finally:
            os.close(side)
    return found


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None


def _own_wal(fd: int, head: bytes, wal: int) -> bool:
    if head[18:19] != b"\2":
        return False
    begin = os.pread(wal, WAL_HEADER + FRAME_HEADER.size + HEAD, 0)
    at = wal_copy.find_in(fd)
    if at is not None and os.pread(fd, WAL_HEADER, at + wal_copy.HEADER.size) == begin[:WAL_HEADER]:
        return True
    page = begin[WAL_HEADER + FRAME_HEADER.size :]
    return busy(fd) and (len(page) < HEAD or (is_recording(page) and page[NUMBER] == head[NUMBER]))


def _own_journal(fd: int, head: bytes, journal: int) -> bool:
    if busy(fd, WRITERS):
        return True  # it is of a transaction that continues
    begin = os.pread(journal, JOURNAL_HEADER.size, 0)
    if len(begin) < JOURNAL_HEADER.size:
        return False
    magic, _, _, _, sector, page_size = JOURNAL_HEADER.unpack(begin)
    if magic != JOURNAL_MAGIC or page_size != PAGE or not sector:
        return False
    at = sector
    while record := os.pread(journal, 4 + HEAD, at):
        if record[:4] == b"\0\0\0\1":
            before, now = (int.from_bytes(h[24:28], "big") for h in (record[4:], head))  # changes that were counted
            return is_recording(record[4:]) and record[4:][NUMBER] == head[NUMBER] and now - before in (0, 1)
        at += 4 + PAGE + 4
    return False  # page 1 goes into a journal before the file is touched


def clear(path: str, fd: int, found: Beside) -> None:
    """Make place: what is not the file's own gets another name, unless it would not change a byte of the file."""
    for suffix, info in found.foreign.items():
        if not os.path.lexists(path + suffix) or not os.path.samestat(os.stat(path + suffix), info):
            continue  # its owner has just removed it
        if suffix == WAL and _changes_nothing(fd, path + WAL):
            remove(path + WAL)
        else:
            set_aside(path, suffix)
    if WAL in found.foreign:
        remove(path + SHM)


def _changes_nothing(fd: int, wal: str) -> bool:
    """Whether all that a log holds is in the file already."""
    pages, size = {}, 0
    if not stat.S_ISREG(os.stat(wal).st_mode):
        return False
    with open(wal, "rb") as f:
        head, seen = f.read(WAL_HEADER), {}
        while len(frame := f.read(FRAME)) == FRAME:
            number, commit, salts = FRAME_HEADER.unpack(frame[: FRAME_HEADER.size])
            if salts != head[16:24]:
                break
            seen[number] = frame[FRAME_HEADER.size :]
            if commit:
                pages, size = dict(seen), commit
    here = int.from_bytes(os.pread(fd, 4, 28), "big")
    return size in (0, here) and all(
        _content(n, os.pread(fd, PAGE, (n - 1) * PAGE)) == _content(n, data) for n, data in pages.items() if n
    )


def _content(number: int, page: bytes) -> bytes:
    """A page without what says only in which mode the file is, and how often it was changed, by which SQLite."""
    return page[:18] + page[20:24] + page[28:92] + page[HEAD:] if number == 1 else page


def set_aside(path: str, suffix: str) -> None:
    """A new, unused name for a side file of `path`, and a message about it."""
    old = path + suffix
    new = _free_name(old + ".aside")
    try:
        os.rename(old, new)
    except OSError as e:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise HostError(f"{old} does not belong to {path}, and cannot be moved out of its way: {e.strerror}") from None
    tell(f"{old} is of another recording, or of another state of this one: it was set aside, as {new}, and not used")


def _free_name(wanted: str) -> str:
    """Made as an empty file, which a rename then replaces, so that no other process can take the name meanwhile."""
    number, name = 1, wanted
    while True:
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            return name
        except OSError as e:
            if e.errno != errno.EEXIST:
                raise HostError(f"cannot make {name}: {e.strerror}") from None
        number += 1
        name = f"{wanted}-{number}"


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def replaced(path: str) -> None:
    """Another file is about to get this name: remove the old file's own side files."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # none, or a link: side files belong to nothing of this name
        found = Beside(foreign={s: os.lstat(path + s) for s in (WAL, JOURNAL) if os.path.lexists(path + s)})
    else:
        try:
            found = look(path, fd)
        finally:
            os.close(fd)
    for suffix, info in found.foreign.items():
        if info.st_size or not stat.S_ISREG(info.st_mode):
            set_aside(path, suffix)
    for suffix in SIDE_FILES:
        remove(path + suffix)
