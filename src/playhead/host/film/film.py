"""What a film is to whoever makes one, and the thread that writes it meanwhile."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from playhead.base.picture import Picture
from playhead.host.worker import Worker

MOST_WAITING = 12  # pictures that have not been written yet


class Shot(NamedTuple):
    """A picture from a frame on. `moment` and `virtual_ns`: where it is in the recording."""

    frame: int
    picture: Picture
    moment: str
    virtual_ns: int


class Film(Protocol):
    """Shots come in the order of their frames, and not for each frame: a picture stays until the next one."""

    def add(self, shot: Shot) -> None: ...

    def finish(self, frames: int) -> None:
        """All shots are there; the film has so many frames."""
        ...

    def close(self) -> None:
        """Also of a film that was given up."""
        ...


class Aside:
    """A film that is written by a thread, beside the replay that its pictures come from."""

    def __init__(self, film: Film):
        self._film, self._worker, self._waiting = film, Worker[None](), 0

    def add(self, shot: Shot) -> None:
        self._worker.submit(lambda: self._film.add(shot))
        self._waiting += 1
        self._waiting -= len(self._worker.finished(wait=self._waiting >= MOST_WAITING))

    def finish(self, frames: int) -> None:
        self._worker.finished(wait=True)
        self._film.finish(frames)

    def close(self) -> None:
        self._worker.close()
        self._film.close()
