"""The native core of this process: from the cache, or built when there is none."""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from playhead.base.errors import HostError
from playhead.engine.llvm.cache import cache_dir
from playhead.engine.llvm.core_file import NativeCore, Progress, read_core
from playhead.hw.memory import host_array


class Library:
    """The loaded native core: addresses of its functions, the handler array and the decode tables."""

    def __init__(self) -> None:
        core = load_or_build()
        self.address, self.kinds = core.address, core.kinds
        self.handlers = _array(core.handlers)
        self.copies = _array(core.copies)
        self.decode = _array(core.decode)


@cache
def library() -> Library:
    return Library()


def _array(data: bytes | bytearray) -> mmap.mmap:
    array = host_array(len(data))
    array[: len(data)] = data
    return array


def load_or_build(progress: Progress | None = None) -> NativeCore:
    """The core, from the cache if it is there. Of several processes that miss it, one builds; the others wait for
    that."""
    found = read_core()
    if found is None:
        with building():
            found = read_core()
            if found is None:
                from playhead.engine.llvm.build import build  # here, so that a cached core needs no LLVM

                found = NativeCore(build(progress))
    return found


@contextmanager
def building() -> Iterator[None]:
    """Makes the cache directory, and keeps other processes from building there at the same time."""
    directory = cache_dir()
    try:
        os.makedirs(os.path.join(directory, "parts"), exist_ok=True)
        lock = open(os.path.join(directory, "lock"), "ab")
    except OSError as e:
        raise HostError(f"cannot make the cache directory {directory}: {e.strerror}; set XDG_CACHE_HOME") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
