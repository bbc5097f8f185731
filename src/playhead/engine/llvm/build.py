"""Builds the native core once per version, in parallel and with visible progress; core_file.py keeps it.

Each part (some functions) is a separate object file with a separate key, so that a change rebuilds only what it
touched. This needs LLVM: it is imported to build, not to run.
"""

import ctypes
import hashlib
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed

import llvmlite.binding as llvm

from playhead.engine.llvm.compile import LLVM_OPTIONS, Host, compile_part, host
from playhead.engine.llvm.cache import write
from playhead.engine.llvm.core_file import Progress, pack, part_path, write_core
from playhead.engine.llvm.generate import generate

PR_SET_PDEATHSIG = 1
PART = 48  # functions in an object file


def _end_with(parent: int) -> None:
    """A worker ends when its parent does: it has inherited the lock of the cache, which would stay taken after a
    `kill -9`, and every later run would wait for it.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def build(progress: Progress | None = None) -> bytes:
    """The core as it is cached (core_file.py), of which only the parts that are not there are compiled."""
    keys, index = build_parts(None, progress)
    core = pack(keys, index)
    write_core(core)
    return core


def build_parts(goal: Host | None = None, progress: Progress | None = None) -> tuple[list[str], dict]:
    """The object files, for this host or another, put into the cache; their names there, and the index of what is in
    them."""
    parts, index = generate(PART)
    salt = repr((llvm.llvm_version_info, goal or host(), LLVM_OPTIONS)).encode()
    keys = [hashlib.sha256(salt + p.encode()).hexdigest()[:32] for p in parts]
    paths = [part_path(k) for k in keys]
    todo = [i for i, p in enumerate(paths) if not os.path.exists(p)]
    done = len(parts) - len(todo)
    if todo:
        todo.sort(key=lambda i: -len(parts[i]))
        workers = os.cpu_count() or 1
        with ProcessPoolExecutor(workers, initializer=_end_with, initargs=(os.getpid(),)) as pool:
            futures = {pool.submit(compile_part, parts[i], goal): i for i in todo}
            for future in as_completed(futures):
                write(paths[futures[future]], future.result())
                done += 1
                if progress:
                    progress(done, len(parts))
    return keys, index
