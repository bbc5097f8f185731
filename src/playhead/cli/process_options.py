"""QEMU's options that are about the process, not the machine: its name, and the file that has its number.

The file is locked as long as the process lives, so that a second one is refused, and removed at its end.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playhead.base.errors import HostError
from playhead.cli.option_table import Option, Sub
from playhead.cli.value_types import FILE, TEXT, on_off

NAME_SUBS = (
    Sub("guest", TEXT, "the machine's name: in `playhead info`, and for monitors", since="0.4.0"),
    Sub("process", TEXT, "the process's name, of 15 bytes at most, as ps shows it", since="0.4.0"),
    Sub("debug-threads", on_off, "accepted: the threads' names stay", "off", since="0.4.0"),
)
COMM = "/proc/self/comm"
GROUP = "its process"

PROCESS_OPTIONS = (
    Option("-name", "names of the machine and the process", "[guest=]NAME[,KEY=VALUE...]", subs=NAME_SUBS,
           implied="guest", merges=True, default={}, group=GROUP, since="0.4.0"),
    Option("-pidfile", "write the process's number there while it runs", parse=FILE, group=GROUP, since="0.4.0"),
)  # fmt: skip


@contextmanager
def process(values: dict[str, Any]) -> Iterator[None]:
    """What the options ask for, while the machine is there."""
    name = values.get("name", {}).get("process")
    if name:
        _rename(name)
    path = values.get("pidfile")
    if path is None:
        yield
        return
    fd = _write(path)
    try:
        yield
    finally:
        _remove(path, fd)


def _rename(name: str) -> None:
    try:
        with open(COMM, "wb", buffering=0) as comm:
            comm.write(os.fsencode(name)[:15])
    except OSError as e:
        raise HostError(f"-name process={name}: the process cannot be named so: {e.strerror}") from None


def _write(path: str) -> int:
    """The file, locked, with the process's number in it. If it is another one by the time it is locked, because its
    process has just ended, once more.
    """
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        except OSError as e:
            raise HostError(f"-pidfile {path}: {e.strerror}") from None
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(path, fd):
                os.ftruncate(fd, 0)
                _number(path, fd)
                return fd
        except OSError as e:
            os.close(fd)
            why = "another process that runs has it" if isinstance(e, BlockingIOError) else e.strerror
            raise HostError(f"-pidfile {path}: {why}") from None
        os.close(fd)


def _number(path: str, fd: int) -> None:
    """The process's number into its file, which does not stay if there is no room for that."""
    try:
        os.write(fd, b"%d\n" % os.getpid())
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise


def _same(path: str, fd: int) -> bool:
    """Whether an open file is still what has this name."""
    try:
        there, here = os.stat(path), os.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _remove(path: str, fd: int) -> None:
    try:
        if _same(path, fd):
            os.unlink(path)
    except OSError:
        pass  # its folder may not be written any more; the lock is gone in any case
    os.close(fd)
