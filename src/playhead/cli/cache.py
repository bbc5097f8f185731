"""`playhead cache`: shows what Playhead keeps in the user's cache folder, and its size, or removes it.

Only what has a name that Playhead gives is counted and removed; anything else stays, and so does what a link leads to.
All of it is made again when it is wanted: native code by the next runs, guests by `./dev guest`. Code of hot blocks
is of one version and host; here the others' is seen as well.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playhead.base.errors import HostError, UsageError
from playhead.base.messages import shown
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS: tuple[Option, ...] = ()
WAYS = ("info", "clear")
NATIVE = re.compile(r"[0-9a-f]{32}(\.[0-9]+)?\.(core|json|o|tmp)")
VERSION, BLOCKS = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9]+-[0-9]+\.blocks")
GUEST = re.compile(r".+-[0-9a-f]{12}(\.[0-9]+|\.[a-z0-9.]+)?|disk-5\.img")
DEBIAN = re.compile(GUEST.pattern + r"|vmlinuz(-[a-z0-9-]+)?|busybox|version|apt-index")
OPERANDS = ("info|clear",)


def help() -> str:
    what = (
        "Shows where the cache is and what it holds (info), or removes that (clear): the native core, which is built\n"
        "again at the next run; code of guests' hot blocks, which is compiled again while they run; and guests that\n"
        "./dev guest has made or fetched. Other files there are left alone."
    )
    return help_text("cache", "playhead cache info|clear", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("cache", OPTIONS, words, OPERANDS)
    from playhead.engine.llvm.cache import cache_dir

    way = values["info|clear"]
    if way not in WAYS:
        raise UsageError(f"cache '{way}': there is {' and '.join(WAYS)}")
    folder = Path(cache_dir()).parent
    if os.path.exists(folder.parent) and not folder.parent.is_dir():
        raise UsageError(f"{folder.parent} is no folder: set XDG_CACHE_HOME to one")
    print(f"{folder}{'' if folder.is_dir() else ': nothing is there'}")
    for title, lock, found, count in (
        ("native core", folder / "native" / "lock", list(_core(folder)), len),
        ("its parts", folder / "native" / "lock", list(_parts(folder)), len),
        ("hot blocks", None, list(_blocks(folder)), _count),
        ("guests", folder / "guests" / "debian" / "lock", list(_guests(folder)), len),
    ):
        size, entries = sum(map(_size, found)), count(found)
        if way == "clear":
            with _locked(lock):
                for path in found:
                    _remove(path)
        print(_row(title, entries, size) + (" removed" if way == "clear" else ""))
        if way == "info" and count is _count:
            _show_versions(found)
    return 0


def _row(title: str, entries: int, size: int) -> str:
    return f"{title:<14}{entries:>6} {'entry' if entries == 1 else 'entries':<7} {size / 1e6:>10.1f} MB"


def _show_versions(segments: list[Path]) -> None:
    """One line for each version's blocks: Playhead's number, and whether this version on this host uses them."""
    from playhead.engine.llvm.tier2.store import count, version

    for folder in sorted({path.parent for path in segments}):
        size = sum(_size(path) for path in segments if path.parent == folder)
        try:
            title, entries = count(str(folder))
            note = "in use" if folder.name == version() else "of another version or host"
        except OSError:
            title, entries, note = "", 0, "not used: others can write there"
        print(f"{_row(f'  {shown(title)}', entries, size)}  {folder.name[:8]}, {note}")


def _count(segments: list[Path]) -> int:
    """The blocks in these files. Those of a folder that is not used are none."""
    from playhead.engine.llvm.tier2.store import count

    found = 0
    for folder in {path.parent for path in segments}:
        with suppress(OSError):
            found += count(str(folder))[1]
    return found


def _core(folder: Path) -> Iterator[Path]:
    yield from (path for path in _in(folder, "native") if NATIVE.fullmatch(path.name))


def _parts(folder: Path) -> Iterator[Path]:
    yield from (path for path in _in(folder, "native", "parts") if NATIVE.fullmatch(path.name))


def _blocks(folder: Path) -> Iterator[Path]:
    for version in _in(folder, "native", "blocks"):
        if VERSION.fullmatch(version.name):
            yield from (path for path in _in(folder, "native", "blocks", version.name) if BLOCKS.fullmatch(path.name))


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
            if BLOCKS.fullmatch(path.name):
                with suppress(OSError):  # something else is in it
                    path.parent.rmdir()
    except OSError as e:
        raise HostError(f"cannot remove {e.filename or path}: {e.strerror}") from None


@contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    """Not while another process builds there."""
    if path is None or not path.exists():
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
