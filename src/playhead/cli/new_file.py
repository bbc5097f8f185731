"""A file that a verb makes: nothing else is ever replaced by it, and it gets its name when it is complete."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playhead.base.errors import HostError, UsageError

HEAD = 16  # bytes by which a file of the same kind is known


def check(path: str, kind: str, known: Callable[[bytes], bool], *, force: bool, streams: bool = False) -> None:
    """Only a file of the same kind is ever replaced, or an empty one. `known` recognises its first bytes; `kind` is
    what it is in words. `streams`: a pipe or a device may take it, too. Raises UsageError.
    """
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            if streams:
                return  # what opens it says whether it can be written
            raise UsageError(f"-o {path}: that is no regular file; give another name")
        if not info.st_size:
            return
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as e:
        raise HostError(f"cannot write {path}: {getattr(e, 'strerror', None) or e}") from None
    if not known(head):
        raise UsageError(f"-o {path}: it exists and is no {kind}; give another name")
    if not force:
        raise UsageError(f"-o {path}: it exists; give --force to replace it, or another name")


@contextmanager
def complete(path: str) -> Iterator[str]:
    """The name to write to: beside the other, so that a folder that cannot be written is found before any work."""
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "xb"):
            pass
        yield partial
        os.replace(partial, path)
    except BrokenPipeError:
        raise  # that is another file's: this one is no pipe
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror or e}") from None
    finally:
        if os.path.lexists(partial):
            os.unlink(partial)
