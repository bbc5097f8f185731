"""`playhead cache`: shows what Playhead keeps in the user's cache folder, and its size, or removes it.

Only what has a name that Playhead gives is counted and removed; anything else stays, and so does what a link leads to.
All of it is made again when it is wanted: the native core at the next run, guests by `./dev guest`.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playhead.base.errors import HostError, UsageError
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS: tuple[Option, ...] = ()
WAYS = ("info", "clear")
NATIVE = re.compile(r"[0-9a-f]{32}(\.[0-9]+)?\.(core|json|o|tmp)")
GUEST = re.compile(r".+-[0-9a-f]{12}(\.[0-9]+|\.[a-z0-9.]+)?|disk-5\.img")
DEBIAN = re.compile(GUEST.pattern + r"|vmlinuz(-[a-z0-9-]+)?|busybox|version|apt-index")
OPERANDS = ("info|clear",)


def help() -> str:
    what = (
        "Shows where the cache is and what it holds (info), or removes that (clear): the native core, which is built\n"
        "again at the next run, and guests that ./dev guest has made or fetched. Other files there are left alone."
    )
    return help_text("cache", "playhead cache info|clear", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("cache", OPTIONS, words, OPERANDS)
    from playhead.engine.llvm.cache import cache_dir

    way = values["info|clear"]
    if way not in WAYS:
        raise UsageError(f"cache '{way}': there is {' and '.join(WAYS)}")
    folder = Path(cache_dir()).parent
    print(f"{folder}{'' if folder.is_dir() else ': nothing is there'}")
    for title, lock, found in (
        ("native core", folder / "native" / "lock", list(_native(folder))),
        ("guests", folder / "guests" / "debian" / "lock", list(_guests(folder))),
    ):
        size = sum(map(_size, found))
        if way == "clear":
            with _locked(lock):
                for path in found:
                    _remove(path)
        print(f"{title:<14}{len(found):>6} entries {size / 1e6:>10.1f} MB{' removed' if way == 'clear' else ''}")
    return 0


def _native(folder: Path) -> Iterator[Path]:
    for places in (["native"], ["native", "parts"]):
        yield from (path for path in _in(folder, *places) if NATIVE.fullmatch(path.name))


def _guests(folder: Path) -> Iterator[Path]:
    yield from (path for path in _in(folder, "guests") if GUEST.fullmatch(path.name))
    yield from (path for path in _in(folder, "guests", "debian") if DEBIAN.fullmatch(path.name))


def _in(folder: Path, *places: str) -> list[Path]:
    """What is in a folder inside of ours; nothing if a link is on the way there."""
    for place in places:
        folder /= place
        if folder.is_symlink() or not folder.is_dir():
            return []
    try:
        return sorted(folder.iterdir())
    except OSError as e:
        raise HostError(f"cannot read {folder}: {e.strerror}") from None


def _size(path: Path) -> int:
    """Bytes on the disk, links not followed. What is removed meanwhile counts 0."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(_size(inside) for inside in path.iterdir())
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0
    except OSError as e:
        raise HostError(f"cannot read {path}: {e.strerror}") from None


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as e:
        raise HostError(f"cannot remove {e.filename or path}: {e.strerror}") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Not while another process builds there."""
    if not path.exists():
        yield
        return
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as e:
        raise HostError(f"cannot lock {path}: {e.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
