"""Native code of devices: compiled when a machine first needs it, and loaded from the cache afterwards.

The key is a hash of the functions' names and of all sources that decide what they do.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import cache

from playhead.engine.llvm.cache import cache_dir, read, sources, write
from playhead.engine.llvm.library import building
from playhead.engine.llvm.loading import load
from playhead.engine.llvm.target import target
from playhead.hw.native import symbol

SOURCES = (
    "devices",
    "hw",
    "base",
    "engine/llvm/device_code.py",
    "engine/llvm/device_values.py",
    "engine/llvm/compile.py",
)
_DIGEST = hashlib.sha256().digest_size


@cache
def _sources() -> bytes:
    h = hashlib.sha256(target())
    for path, source in sources(*SOURCES):
        h.update(path.encode())
        h.update(source)
    return h.digest()


_loaded: dict[tuple[str, ...], dict[str, int]] = {}


def addresses(functions: Iterable[Callable]) -> dict[str, int]:
    """The address of each function's native entry, by `symbol`."""
    by_name = {symbol(f): f for f in functions}
    names = tuple(sorted(by_name))
    if names not in _loaded:
        key = hashlib.sha256(_sources() + repr(names).encode()).hexdigest()[:32]
        path = os.path.join(cache_dir(), f"{key}.o")
        _loaded[names] = load([_object(path, [by_name[name] for name in names])], names)
    return _loaded[names]


def _object(path: str, functions: list[Callable]) -> bytes:
    """The object file of these functions, compiled if it is not in the cache as a whole."""
    data = _read(path)
    if data is None:
        with building():
            data = _read(path)
            if data is None:
                from playhead.engine.llvm.compile import compile_part  # here, so that a cached core needs no LLVM
                from playhead.engine.llvm.device_code import module_text

                data = compile_part(module_text(functions))
                write(path, hashlib.sha256(data).digest() + data)
    return data


def _read(path: str) -> bytes | None:
    try:
        data = read(path)
    except OSError:
        return None
    return data[_DIGEST:] if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST] else None
