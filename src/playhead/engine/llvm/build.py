"""Builds the native core once per version, in parallel and with visible progress, and loads it from the cache
afterwards.

The key of a build is a hash of the sources that decide it (ir, x86, engine), the LLVM version and the host's processor.
Each
part (some functions) is an object file of its own with a key of its own, so that a change rebuilds only what it
touched.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

import playhead
from playhead.base.errors import HostError

PR_SET_PDEATHSIG = 1
PART = 48  # functions in an object file
ATTRIBUTES = """
attributes #0 = { nounwind "frame-pointer"="none" "no-stack-arg-probe" }
attributes #1 = { nounwind noinline cold "frame-pointer"="none" }
!0 = !{}
!1 = !{!"branch_weights", i32 4000, i32 1}
!2 = !{!"branch_weights", i32 1, i32 4000}
"""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "playhead" / "native"


def host() -> tuple[str, str]:
    """The processor and its features, as LLVM names them."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def source_key() -> str:
    """Hash of everything that decides the native code."""
    root = Path(playhead.__file__).parent
    h = hashlib.sha256(repr((llvm.llvm_version_info, host(), sys.version_info[:2])).encode())
    for folder in ("ir", "x86", "engine"):
        for path in sorted((root / folder).rglob("*.py")):
            h.update(path.relative_to(root).as_posix().encode())
            h.update(path.read_bytes())
    return h.hexdigest()[:32]


IMPORTED = source_key()


# LLVM 22's fixup-byte-word-insts turns a 16-bit load that is merged into a live register into one that zeroes the upper
# half
# (`movw mem, %ax` became `movzwl mem, %eax` in the handler of LEAVE with 16-bit operands). It is an optimisation only.
LLVM_OPTIONS = ("-fixup-byte-word-insts=0",)


@cache
def _initialize() -> None:
    for option in LLVM_OPTIONS:
        llvm.set_option("playhead", option)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def target_machine() -> llvm.TargetMachine:
    _initialize()
    cpu, features = host()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="pic", codemodel="small")  # fmt: skip


def compile_part(text: str) -> bytes:
    """LLVM text to an object file."""
    tm = target_machine()
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = llvm.get_default_triple()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(tm, options)
    builder.getModulePassManager().run(module, builder)
    return tm.emit_object(module)


def _end_with(parent: int) -> None:
    """A worker ends when its parent does: it has inherited the lock of the cache, which would stay taken after a
    `kill -9`, and every later run would wait for it.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def build(progress=None) -> tuple[list[bytes], dict]:
    """Object files and what Python needs to know of them (handler names and flags, decode tables)."""
    from playhead.engine.llvm.generate import generate

    directory = cache_dir()
    parts, index = generate(PART)
    salt = repr((llvm.llvm_version_info, host(), LLVM_OPTIONS)).encode()
    keys = [hashlib.sha256(salt + p.encode()).hexdigest()[:32] for p in parts]
    paths = [directory / "parts" / f"{k}.o" for k in keys]
    todo = [i for i, p in enumerate(paths) if not p.exists()]
    done = len(parts) - len(todo)
    if todo:
        todo.sort(key=lambda i: -len(parts[i]))
        workers = os.cpu_count() or 1
        with ProcessPoolExecutor(workers, initializer=_end_with, initargs=(os.getpid(),)) as pool:
            futures = {pool.submit(compile_part, parts[i]): i for i in todo}
            for future in as_completed(futures):
                _write(paths[futures[future]], future.result())
                done += 1
                if progress:
                    progress(done, len(parts))
    index["parts"] = keys
    if source_key() == IMPORTED:  # else the sources were edited meanwhile, and this is the code of the old ones
        _write(directory / f"{IMPORTED}.json", json.dumps(index).encode())
    return [p.read_bytes() for p in paths], index


@contextmanager
def _building() -> Iterator[None]:
    """Makes the cache directory, and keeps other processes from building there at the same time."""
    directory = cache_dir()
    try:
        (directory / "parts").mkdir(parents=True, exist_ok=True)
        lock = open(directory / "lock", "ab")
    except OSError as e:
        raise HostError(f"cannot make the cache directory {directory}: {e.strerror}; set XDG_CACHE_HOME") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror}; set XDG_CACHE_HOME to a folder with space") from None


def load_or_build(progress=None) -> tuple[list[bytes], dict]:
    """What `build` returns, from the cache if it is there. Of several processes that miss it, one builds; the others
    wait for that.
    """
    found = _load()
    if found:
        return found
    with _building():
        return _load() or build(progress)


def _load() -> tuple[list[bytes], dict] | None:
    directory = cache_dir()
    try:
        index = json.loads((directory / f"{IMPORTED}.json").read_bytes())
        return [(directory / "parts" / f"{k}.o").read_bytes() for k in index["parts"]], index
    except (OSError, ValueError, KeyError):
        return None
