"""A film as a folder of PNG files, one for each picture that is another one, and an index of when each is shown."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playhead.base.errors import HostError, UsageError
from playhead.base.picture_file import png
from playhead.host.film.canvas import Canvas
from playhead.host.film.film import Shot
from playhead.host.film.video import caption

INDEX = "index.csv"
COLUMNS = ("file", "frame", "seconds", "moment", "virtual_ns", "width", "height")


class Folder:
    """`seconds` is the film's time; the index's last row has the film's end and no file."""

    def __init__(self, path: str, canvas: Canvas, fps: int):
        self._path, self._canvas, self._fps, self._count = path, canvas, fps, 0
        self._index = open(os.path.join(path, INDEX), "w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._index, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def add(self, shot: Shot) -> None:
        picture = self._canvas.compose(shot.picture, caption(shot))
        self._count += 1
        name = f"{self._count:06}.png"
        with open(os.path.join(self._path, name), "wb") as file:
            file.write(png(picture))
        when = shot.frame, f"{shot.frame / self._fps:.6f}", shot.moment, shot.virtual_ns
        self._rows.writerow((name, *when, picture.width, picture.height))

    def finish(self, frames: int) -> None:
        self._rows.writerow(("", frames, f"{frames / self._fps:.6f}", "", "", "", ""))

    def close(self) -> None:
        self._index.close()


def check(path: str, *, force: bool) -> None:
    """Only an empty folder, or one that holds a film, if `force`, is used. Raises UsageError."""
    if _listed(path) is None:
        return
    if _films_own(path) is None:
        raise UsageError(f"-o {path}: the folder is not empty and holds no film; give another name")
    if not force:
        raise UsageError(f"-o {path}: it holds a film; give --force to replace it, or another name")


@contextmanager
def complete(path: str) -> Iterator[str]:
    """The folder to write to, inside of the other: a film that is there stays until the new one is complete, and
    nothing is left of one that was given up.
    """
    partial, made = os.path.join(path, f".{os.getpid()}.partial"), not os.path.lexists(path)
    try:
        os.makedirs(partial)
        yield partial
        for name in (_films_own(path) or set()) & (_listed(path) or set()):
            os.unlink(os.path.join(path, name))
        for name in sorted(os.listdir(partial)):
            os.rename(os.path.join(partial, name), os.path.join(path, name))
        made = False
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror or e}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if made and os.path.isdir(path):
            os.rmdir(path)


def _listed(path: str) -> set[str] | None:
    """What is in it; None if that is nothing."""
    try:
        return set(os.listdir(path)) or None
    except FileNotFoundError:
        return None
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror}") from None


def _films_own(path: str) -> set[str] | None:
    """The files of the film that is there."""
    try:
        with open(os.path.join(path, INDEX), newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError):
        return None
    if not rows or tuple(rows[0]) != COLUMNS:
        return None
    names = {row[0] for row in rows[1:] if row}
    return {INDEX, *(name for name in names if name.endswith(".png") and name == os.path.basename(name))}
