"""Native code of devices: compiled when a machine first needs it, and loaded from the cache afterwards.

The key is a hash of the functions' names and of all sources that decide what they do.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import playhead
from playhead.engine.llvm.core_file import cache_dir, write
from playhead.engine.llvm.library import building
from playhead.engine.llvm.loading import load
from playhead.engine.llvm.target import target

SOURCES = ("devices", "hw", "base", "engine/llvm/device_code.py", "engine/llvm/compile.py")
_DIGEST = hashlib.sha256().digest_size


def symbol(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}".removeprefix("playhead.")


@cache
def _sources() -> bytes:
    root = Path(playhead.__file__).parent
    h = hashlib.sha256(target())
    for place in SOURCES:
        for path in sorted((root / place).rglob("*.py")) if (root / place).is_dir() else [root / place]:
            h.update(path.relative_to(root).as_posix().encode())
            h.update(path.read_bytes())
    return h.digest()


_loaded: dict[tuple[str, ...], dict[str, int]] = {}


def addresses(functions: Iterable[Callable]) -> dict[str, int]:
    """The address of each function's native entry, by `symbol`."""
    by_name = {symbol(f): f for f in functions}
    names = tuple(sorted(by_name))
    if names not in _loaded:
        path = cache_dir() / f"{hashlib.sha256(_sources() + repr(names).encode()).hexdigest()[:32]}.o"
        _loaded[names] = load([_object(path, [by_name[name] for name in names])], names)
    return _loaded[names]


def _object(path: Path, functions: list[Callable]) -> bytes:
    """The object file of these functions, compiled if it is not in the cache as a whole."""
    data = _read(path)
    if data is None:
        with building():
            data = _read(path)
            if data is None:
                from playhead.engine.llvm.compile import compile_part  # here, so that nobody else imports LLVM
                from playhead.engine.llvm.device_code import module_text

                data = compile_part(module_text(functions))
                write(path, hashlib.sha256(data).digest() + data)
    return data


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data[_DIGEST:] if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST] else None
