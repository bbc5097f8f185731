"""Reads files that a user named; what goes wrong is one line that names the file."""

import os
import stat

from playhead.base.errors import HostError, UsageError

MAX_FILE = 1 << 30  # bytes; a kernel, an initramfs, firmware


def read_file(path: str, what: str) -> bytes:
    """The whole of the `what` (kernel, initrd, ...) at `path`."""
    try:
        with open(path, "rb") as f:
            info = os.fstat(f.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise UsageError(f"cannot read {what} {path}: it is not a regular file")
            if info.st_size > MAX_FILE:
                raise UsageError(f"cannot read {what} {path}: {info.st_size >> 20} MiB is more than {MAX_FILE >> 20}")
            return f.read()
    except OSError as e:
        raise HostError(f"cannot read {what} {path}: {e.strerror}") from None
    except ValueError:
        raise UsageError(f"cannot read {what} {path!r}: that is no file name") from None
