"""Native code of devices: compiled when a machine first needs it, and loaded from the cache afterwards.

The key is a hash of the functions' names and of all sources that decide what they do.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import playhead
from playhead.engine.llvm.build import _building, _write, cache_dir, host
from playhead.engine.llvm.loading import load

SOURCES = ("devices", "hw", "base", "engine/llvm/device_code.py", "engine/llvm/build.py")


def symbol(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}".removeprefix("playhead.")


@cache
def _sources() -> bytes:
    root = Path(playhead.__file__).parent
    h = hashlib.sha256(repr(host()).encode())
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
        path = cache_dir() / "devices" / f"{hashlib.sha256(_sources() + repr(names).encode()).hexdigest()[:32]}.o"
        _loaded[names] = load([_object(path, [by_name[name] for name in names])], names)
    return _loaded[names]


def _object(path: Path, functions: list[Callable]) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        pass
    with _building():
        if not path.exists():
            from playhead.engine.llvm.build import compile_part
            from playhead.engine.llvm.device_code import module_text

            path.parent.mkdir(exist_ok=True)
            _write(path, compile_part(module_text(functions)))
        return path.read_bytes()
