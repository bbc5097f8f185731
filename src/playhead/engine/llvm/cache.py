"""The folder in the user's cache where native code is kept, and the sources by whose hash it is found there."""

import os
from collections.abc import Iterator

from playhead import version
from playhead.base.errors import HostError


def cache_dir() -> str:
    """A relative XDG_CACHE_HOME is ignored, as its specification says."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "playhead", "native")


def sources(*places: str) -> Iterator[tuple[str, bytes]]:
    """The names and contents of source files of ours: of single ones, and of all in a folder, in a fixed order."""
    root = os.path.dirname(version.__file__)
    for place in places:
        files = _files(os.path.join(root, place))
        assert files, f"there are no sources in {place}, and so no telling which native code is theirs"
        for file in files:
            yield os.path.relpath(file, root), read(file)


def _files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if name.endswith(".py")
    )


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(path: str, data: bytes) -> None:
    """A whole file or none."""
    temporary = f"{os.path.splitext(path)[0]}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror}; set XDG_CACHE_HOME to a folder with space") from None
