"""Locks an image file in the way that QEMU does, so that QEMU, qemu-img and we keep out of each other's way.

QEMU's protocol, of open file description locks on single bytes: a shared lock on byte 100 + p says "I use permission
p", one on byte 200 + p says "no other program may use p". Having set its own, a program checks for contradictions.
Because all locks are shared ones, setting them never fails; the check decides. Where the file system has no such locks
there is no protection, as with QEMU.
"""

import fcntl
import struct

from playhead.base.errors import HostError

USES, FORBIDS = 100, 200  # first bytes
CONSISTENT_READ, WRITE, RESIZE = 0, 1, 3  # permissions, by QEMU's bit numbers
FLOCK = struct.Struct("@hhqqi4x")  # struct flock of Linux on 64-bit hosts


def lock(fd: int, path: str, read_only: bool) -> None:
    """Lock for as long as `fd` is open, or raise if another program uses the file."""
    used = (CONSISTENT_READ,) if read_only else (CONSISTENT_READ, WRITE, RESIZE)
    forbidden = (WRITE, RESIZE)
    mine = [USES + p for p in used] + [FORBIDS + p for p in forbidden]
    theirs = [FORBIDS + p for p in used] + [USES + p for p in forbidden]
    try:
        for byte in mine:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, byte))
        taken = [byte for byte in theirs if _is_taken(fd, byte)]
    except OSError:
        return  # no locks here (some network file systems)
    if taken:
        how = "written" if USES + WRITE in taken else "used"
        raise HostError(f"cannot open image {path}: it is being {how} elsewhere, by QEMU or by Playhead")


def _is_taken(fd: int, byte: int) -> bool:
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, byte))
    return FLOCK.unpack(answer)[0] != fcntl.F_UNLCK


def _flock(kind: int, byte: int) -> bytes:
    return FLOCK.pack(kind, 0, byte, 1, 0)
