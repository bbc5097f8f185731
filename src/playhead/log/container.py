"""Opens the SQLite file that a recording is, and hands on rows of the types asked for. Everything in it is untrusted.

A file that a killed recorder left is repaired when it is opened: SQLite recovers the log next to it; where that is
missing (the file was copied alone), or is another file's (`beside.py`), it is made again from the copy in the file
(`wal_copy.py`). Then the log is folded in, if no process is writing. Where nothing can be written, or the file is being
written under another name, a temporary copy is repaired instead.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from typing import TYPE_CHECKING, Any

from playhead.base.errors import FormatError, HostError, UnsupportedError, UsageError
from playhead.base.messages import tell
from playhead.log import beside, wal_copy
from playhead.log.beside import HEAD, WAL, Beside
from playhead.log.qemu_format import sniff
from playhead.log.schema import APPLICATION_ID, FORMAT, MAX_BLOB, READ, objects_of, tables_of

if TYPE_CHECKING:
    import tempfile

MAX_INT = (1 << 63) - 1
MAKERS = {1: "was never released", 2: "Playhead 0.1.0 writes and replays"}  # earlier formats
TRIES = 5  # to copy a file that is being written
REFUSALS = (sqlite3.Error, UnicodeError, OverflowError)  # Unicode: SQLite quotes a damaged file in its messages
REFUSED = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_NOMEM")


def printable(text: str) -> str:
    """What a file says, fit for a terminal."""
    return "".join(c for c in text if c.isprintable())


class Container:
    """An open recording as tables."""

    def __init__(self, path: str):
        self.path = path
        self._closed = False
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._apart = False  # SQLite has no lock on the file: it has a copy, or cannot write there
        # Open for as long as SQLite has the file: closing any descriptor of it gives up this process's locks on it.
        self._fd = self._open_file()
        try:
            self._check_header()
            with beside.alone(self._fd):
                self._db = self._open()
        except BaseException:
            self._let_go()
            raise
        try:
            self._check_schema()
        except BaseException:
            self.close()
            raise

    def damaged(self, why: str) -> FormatError:
        return FormatError(f"{self.path} is damaged: {printable(why)}")

    def _open_file(self) -> int:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO does not block here
        except OSError as e:
            raise HostError(f"cannot read {self.path}: {e.strerror}") from None
        except ValueError:
            raise HostError(f"cannot read {self.path!r}: that is no file name") from None

    def _check_header(self) -> None:
        """Tell from the first 100 bytes whether this is ours and not too new, before SQLite sees the file."""
        try:
            head = os.pread(self._fd, HEAD, 0)
        except OSError as e:
            raise HostError(f"cannot read {self.path}: {e.strerror}") from None
        if len(head) < HEAD or head[:16] != b"SQLite format 3\0":
            if sniff(head) is not None:
                raise UnsupportedError(
                    f"{self.path} is a log that QEMU recorded: it holds events only, not the machine that they "
                    "belong to (its firmware, kernel, disks and devices), so it cannot run here; playhead log shows it"
                )
            raise FormatError(f"{self.path} is not a recording")
        version, application = struct.unpack_from(">I", head, 60)[0], struct.unpack_from(">I", head, 68)[0]
        if application != APPLICATION_ID:
            raise FormatError(f"{self.path} is an SQLite file, but not a recording")
        if version > FORMAT:
            raise FormatError(
                f"{self.path} was made by a newer Playhead (format {version}; this one reads up to {FORMAT})"
            )
        if version == 0:
            raise self.damaged("it has no format number")
        if version not in READ:
            raise FormatError(
                f"{self.path} is of format {version}, which {MAKERS[version]}; this Playhead reads formats "
                f"{READ[0]} to {FORMAT}"
            )
        self.format: int = version

    def _open(self) -> sqlite3.Connection:
        path = os.path.realpath(self.path)  # SQLite looks for side files of the file that a link leads to
        writable = os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)
        try:
            found = beside.look(path, self._fd)
            path, mode = self._ready(path, found, writable)
        except OSError as e:
            raise HostError(f"cannot read {self.path}: its newest part cannot be restored: {e.strerror}") from None
        try:
            quoted = "".join(f"%{byte:02X}" for byte in os.fsencode(path))  # so any name can be in a URI
            db = sqlite3.connect(f"file:{quoted}?mode={mode}", uri=True, isolation_level=None, timeout=0,
                                 check_same_thread=False)  # fmt: skip
            try:
                self._set_up(db, mode == "rw" and self._in_wal_mode())
            except BaseException:
                db.close()
                raise
        except REFUSALS as e:
            raise self._refused(e) from None
        return db

    @property
    def written(self) -> bool:
        """Whether a process is still writing it. A connection of ours on the file itself has a lock, too; it leaves WAL
        mode when it is opened, if no process is writing.
        """
        return self._in_wal_mode() and (not self._apart or beside.busy(self._fd))

    def _in_wal_mode(self) -> bool:
        return os.pread(self._fd, 1, 18) == b"\2"

    def _ready(self, path: str, found: Beside, writable: bool) -> tuple[str, str]:
        """Make the file and its side files ready for SQLite: the path to open, and the mode."""
        in_wal_mode, at = self._in_wal_mode(), None
        if found.busy:
            if found.foreign:
                raise HostError(f"cannot read {self.path}: it is being written, and its side files ("
                                f"{', '.join(path + s for s in found.foreign)}) is of another recording")  # fmt: skip
            if in_wal_mode and not os.path.exists(path + WAL):
                return self._copied(path, found), "rw"  # its writer knows it by another name
            return path, "rw" if writable else "ro"
        if in_wal_mode and WAL not in found.own:
            at = wal_copy.find_in(self._fd)
        if not writable:
            for suffix in found.foreign:
                tell(f"{path}{suffix} is of another recording, or of another state of this one: it is not used")
            if at is None and not found.own:
                self._apart = True
                return path, "ro&immutable=1"  # SQLite makes and reads no side files
            return self._copied(path, found), "rw"
        beside.clear(path, self._fd, found)
        if at is not None:
            beside.remove(path + WAL)  # an empty one
            wal_copy.restore(path, at, path + WAL)
        return path, "rw"

    def _copied(self, path: str, found: Beside) -> str:
        """The file and what belongs to it, in a place of our own."""
        import shutil  # here, with what it imports: nearly every recording is read where it lies
        import tempfile

        self._apart, self._temporary = True, tempfile.TemporaryDirectory(prefix="playhead-")
        copy = os.path.join(self._temporary.name, "recording")
        for _ in range(TRIES):
            before = os.fstat(self._fd)
            shutil.copyfile(path, copy)
            after = os.fstat(self._fd)
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                break
        else:
            raise HostError(f"cannot read {self.path}: it is being written under another name; read it by that one")
        for suffix in found.own:
            shutil.copyfile(path + suffix, copy + suffix)
        if self._in_wal_mode() and WAL not in found.own:
            at = wal_copy.find(copy)
            if at is not None:
                wal_copy.restore(copy, at, copy + WAL)
        return copy

    @staticmethod
    def _set_up(db: sqlite3.Connection, fold: bool) -> None:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(MAX_BLOB + (1 << 20), 0x7FFFFFFF))
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        if fold:
            with contextlib.suppress(sqlite3.OperationalError):  # "locked": it is being written, so leave it
                db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA busy_timeout = 5000")
        db.execute("PRAGMA query_only = ON")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _refused(self, e: Exception) -> Exception:
        if self._closed:
            return UsageError(f"{self.path} has been closed")
        text = printable(str(e))
        if getattr(e, "sqlite_errorname", "").startswith(REFUSED):
            return HostError(f"cannot read {self.path}: {text}")
        return self.damaged(f"SQLite says: {text}")

    def objects(self) -> dict[tuple[str, str, str], str | None]:
        """(type, name, table) -> SQL text of everything in the file, ours or not."""
        rows = self.rows("SELECT type, name, tbl_name, sql FROM sqlite_master", str, str, str, str | None, limit=1000)
        return {row[:3]: row[3] for row in rows}

    def _check_schema(self) -> None:
        """Our tables must be as we make them: something else in their place could compute forever, or read
        differently. Added tables and views are left alone.
        """
        found, ours, tables = self.objects(), objects_of(self.format), tables_of(self.format)
        for key, sql in ours.items():
            kind, name, table = key
            if key not in found:
                raise self.damaged(f"it has no {kind} {name!r}" + (f" of table {table!r}" if kind == "index" else ""))
            if found[key] != sql:
                raise self.damaged(f"its {kind} {name!r} is another one than a recording has")
        for kind, name, table in found:
            if table in tables and (kind, name, table) not in ours:
                raise self.damaged(f"a recording has no {kind} {name!r} on its table {table!r}")

    def rows(self, sql: str, *types: Any, args: tuple = (), limit: int = MAX_INT) -> list[tuple]:
        """All rows of a query, each column of its type (SQLite does not insist on types: we do)."""
        out: list[tuple] = []
        try:
            for row in self._db.execute(sql, args):
                if len(out) >= limit:
                    raise self.damaged(f"more than {limit} rows where there are few")
                for value, kind in zip(row, types, strict=True):
                    if not isinstance(value, kind):
                        raise self.damaged(f"a {type(value).__name__} in place of a {getattr(kind, '__name__', kind)}")
                out.append(row)
        except REFUSALS as e:
            raise self._refused(e) from None
        return out

    def close(self) -> None:
        self._closed = True
        self._db.close()
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._fd)
        if self._temporary is not None:
            self._temporary.cleanup()
