"""Files that monitor commands write (memory, dumps, logs), readable by their owner only, as what is in them may be.

Nothing that this run uses is ever replaced by one: no image, no recording, nothing that is open.
"""

import os
import stat
from collections.abc import Callable

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.log.beside import HEAD, is_recording

OPEN_FILES = "/proc/self/fd"


def write_file(path: str, produce: Callable[[Callable[[bytes], object]], object]) -> None:
    """Make a file of what `produce` puts; one of that name is replaced. What fails costs only the command."""
    check(path)
    try:
        with open(path, "wb", opener=_only_mine) as file:
            produce(file.write)
    except (OSError, ValueError) as e:
        raise cannot(path, e) from None


def _only_mine(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def cannot(path: str, error: Exception) -> UsageError:
    return UsageError(f"cannot write {shown(path)}: {getattr(error, 'strerror', None) or error}")


def check(path: str) -> None:
    """Raise UsageError if this file is not to be replaced."""
    try:
        there = os.stat(path)
        if stat.S_ISREG(there.st_mode):
            with open(path, "rb") as file:
                recording = is_recording(file.read(HEAD))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as e:
        raise cannot(path, e) from None
    if not stat.S_ISREG(there.st_mode):
        raise UsageError(f"{shown(path)} is no regular file")
    if recording:
        raise UsageError(f"{shown(path)} is a recording, which a monitor command never replaces")
    for fd in os.listdir(OPEN_FILES):
        try:
            used = os.fstat(int(fd))
        except OSError:
            continue  # it was that of the listing
        if (used.st_dev, used.st_ino) == (there.st_dev, there.st_ino):
            raise UsageError(f"{shown(path)} is in use by this run")
