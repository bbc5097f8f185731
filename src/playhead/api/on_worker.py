"""What a worker of a cluster does: it answers segments of a recording that it sees, or that was sent to its machine.

What was sent lies in the user's cache folder, `cluster/HASH`, for all workers of the machine; when it grows beyond
`MOST_BYTES`, the recordings that were not used for the longest time go.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import takewhile
from typing import Any, NamedTuple

import zstandard

from playhead.api.recording import Recording
from playhead.api.segments import Segment
from playhead.api.shipping import RECORDING, Piece
from playhead.base.errors import FormatError, HostError, PlayheadError
from playhead.base.failure import failure_of
from playhead.linux.symbol_table import SymbolTable
from playhead.log.reader import Reader

ANSWERED, FAILED, MISSING = "answered", "failed", "missing"
MOST_BYTES = 8 << 30  # of all recordings that were sent to this machine
CHECK = 32  # bytes of a SHA-256 in front of a file's content
MAX_RECORDING = 1 << 34


class Job(NamedTuple):
    """What is asked, and of which recording: `identity` is the end of its hash chain; `path` a place to look first."""

    query: bytes
    path: str
    engine: str
    images: tuple[dict[str, Any], ...]
    identity: bytes
    symbols: SymbolTable | None  # if they are known already


class MissingItems(Exception):
    """Of a recording that is sent in pieces: numbers of packs, or RECORDING."""

    def __init__(self, items: Sequence[int]):
        super().__init__(items)
        self.items = tuple(items)


# what tasks are


def answer(job: Job, segment: Segment) -> tuple[Any, ...]:
    """(ANSWERED, the pickled part), (FAILED, a Failure), or (MISSING, items, this worker, its machine's folder)."""
    from distributed import get_worker

    try:
        return ANSWERED, pickle.dumps(_answerer(job)(Segment(*segment)))
    except MissingItems as e:
        _forget()
        return MISSING, e.items, get_worker().address, place()
    except Exception as e:
        _forget()
        return FAILED, failure_of(e)


def keep(identity: bytes, pieces: Sequence[Piece]) -> None:
    """Take what was sent to this machine."""
    folder = _folder(identity)
    for piece in map(Piece._make, pieces):
        if piece.item != RECORDING:
            _write(os.path.join(folder, f"pack-{piece.item}"), piece.data)
            continue
        parts = [os.path.join(folder, f"part-{n}-of-{piece.parts}") for n in range(piece.parts)]
        _write(parts[piece.part], piece.data)
        found = [_read(part) for part in parts]
        if None not in found:
            whole = zstandard.ZstdDecompressor().decompress(b"".join(filter(None, found)), MAX_RECORDING)
            _write(os.path.join(folder, "recording"), whole, checked=False)
            for part in parts:
                with suppress(OSError):
                    os.unlink(part)
    _bound(folder)


# the recording of this process

_kept: dict[tuple[Any, ...], tuple[Recording, Callable[[Segment], Any]]] = {}


def _answerer(job: Job) -> Callable[[Segment], Any]:
    """One recording and query are kept from task to task."""
    key = sha256(job.query).digest(), job.identity, job.engine, job.symbols is None
    if key not in _kept:
        _forget()
        rec = _opened(job)
        try:
            query = pickle.loads(job.query)
            if job.symbols is not None:
                rec.symbols = job.symbols
            _kept[key] = rec, query.start(rec)
        except BaseException:
            rec.close()
            raise
    rec, found = _kept[key]

    def prepared(segment: Segment) -> Any:
        if isinstance(rec, _Sent):
            rec.need(segment)
        return found(segment)

    return prepared


def _forget() -> None:
    while _kept:
        _kept.popitem()[1][0].close()


def _opened(job: Job) -> Recording:
    with suppress(PlayheadError):
        seen = Recording(job.path, engine=job.engine, images=job.images)
        if seen.reader.identity() == job.identity:
            return seen
        seen.close()
    return _Sent(job)


class _Sent(Recording):
    """A recording that was sent: whatever needs a pack that is not there raises MissingItems."""

    def __init__(self, job: Job):
        self._folder = _folder(job.identity)
        path = os.path.join(self._folder, "recording")
        if not os.path.exists(path):
            raise MissingItems([RECORDING])
        with suppress(OSError):
            os.utime(self._folder)
        try:
            super().__init__(path, engine=job.engine, images=job.images)
        except (FormatError, HostError):
            os.unlink(path)
            raise MissingItems([RECORDING]) from None
        if self.reader.identity() != job.identity:
            self.close()
            os.unlink(path)
            raise MissingItems([RECORDING])
        self.reader.packs_elsewhere(self._pack)

    def _pack(self, number: int) -> bytes:
        data = _read(os.path.join(self._folder, f"pack-{number}"))
        if data is None:
            raise MissingItems([number])
        return data

    def need(self, segment: Segment) -> None:
        """Raise MissingItems unless all is here that the segment begins with, and the blocks of disks that it is the
        first to read."""
        packs = self.reader.packs_of({*_pages(self.reader, segment), *_blocks(self.reader, segment)})
        missing = [n for n in sorted(packs) if not os.path.exists(os.path.join(self._folder, f"pack-{n}"))]
        if missing:
            raise MissingItems(missing)


def _pages(reader: Reader, segment: Segment) -> Iterator[bytes]:
    """Hashes of memory where the segment begins."""
    pages: dict[int, bytes] = {}
    for one in takewhile(lambda one: one.moment <= segment.first, reader.checkpoints()):
        pages.update(reader.checkpoint_pages(one))
    return iter(pages.values())


def _blocks(reader: Reader, segment: Segment) -> Iterator[bytes]:
    marks = [mark for _, mark, _ in reader.marks()]
    first = max((mark.last_content for mark in marks if mark.moment < segment.first), default=0)
    last = next((mark.last_content for mark in marks if mark.moment >= segment.last), reader.last().last_content)
    for _, known in reader.disks.each(first, last):
        yield from known.values()


# the machine's folder


def _root() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = os.path.join(base, "playhead", "cluster")
    os.makedirs(root, exist_ok=True)
    return root


def _folder(identity: bytes) -> str:
    folder = os.path.join(_root(), identity.hex())
    os.makedirs(folder, exist_ok=True)
    return folder


def place() -> str:
    """What tells this machine's folder from those of others: several machines may share one."""
    path = os.path.join(_root(), "place")
    with suppress(FileExistsError):
        with open(f"{path}.{os.getpid()}", "x", encoding="ascii") as file:
            file.write(os.urandom(16).hex())
        with suppress(FileExistsError):
            os.link(f"{path}.{os.getpid()}", path)
        os.unlink(f"{path}.{os.getpid()}")
    with open(path, encoding="ascii") as file:
        return file.read()


def _write(path: str, data: bytes, checked: bool = True) -> None:
    """A whole file or none."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        if checked:
            file.write(sha256(data).digest())
        file.write(data)
    os.replace(temporary, path)


def _read(path: str) -> bytes | None:
    """A file's content, if it is there and what was written."""
    try:
        with open(path, "rb") as file:
            check, data = file.read(CHECK), file.read()
    except OSError:
        return None
    if sha256(data).digest() == check:
        return data
    with suppress(OSError):
        os.unlink(path)
    return None


def _bound(mine: str) -> None:
    """Remove recordings until the rest is small enough, the least recently used first; never this one."""
    root = _root()
    folders = [path for name in os.listdir(root) if os.path.isdir(path := os.path.join(root, name))]
    sizes = {folder: _size(folder) for folder in folders}
    for folder in sorted(folders, key=_used):
        if sum(sizes.values()) <= MOST_BYTES:
            return
        if folder != mine:
            shutil.rmtree(folder, ignore_errors=True)
            del sizes[folder]


def _used(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return 0.0


def _size(folder: str) -> int:
    total = 0
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            with suppress(OSError):
                total += entry.stat().st_size
    return total
