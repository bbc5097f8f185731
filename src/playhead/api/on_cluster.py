"""A query on a cluster of Dask: its workers answer segments, this process puts the answers in order.

A worker that sees the recording under the name that it has here uses that file, if its hash chain ends alike. Any other
machine gets the recording once: first all but the contents of pages (`shipping.py`), then those packs of pages that its
segments begin with. A task never waits for data: where some is missing it says so, the client sends it to the machine,
and the segment is asked for again. So what a worker knew is nowhere needed when it is gone, and a segment whose worker
was killed begins again on another one.

Tasks return values; each of them is a tuple whose first item says what the rest is.
"""

from __future__ import annotations

import pickle
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from playhead.api import on_worker
from playhead.api.recording import Recording
from playhead.api.segments import TRIES, Query, Segment, Told
from playhead.api.shipping import Shipment
from playhead.base.errors import HostError, UsageError, WorkerDied
from playhead.log.moment import Moment
from playhead.version import __version__

MISSING = "a cluster needs Dask: pip install 'playhead[dask]'"
CONNECT_S = 10
SHARES = 4  # segments for each worker
AHEAD = 2  # for each worker: segments that are asked for at a time
MOST_ANSWERS = 64  # of a segment, in which something was missing


def parts(rec: Recording, query: Query[Any, Any], at: Sequence[Moment], where: Any, progress: Told) -> Iterator[Any]:
    """The answers of segments in order. `where`: a scheduler's address, or a client."""
    client, ours = _client(where)
    try:
        cluster = _Cluster(client, _checked_workers(client), rec, query, at, progress)
        try:
            yield from cluster.parts()
        finally:
            cluster.close()
    finally:
        if ours:
            client.close()


def _client(where: Any) -> tuple[Any, bool]:
    """The client, and whether it is to be closed. Raises UsageError or HostError."""
    try:
        import distributed
    except ImportError:
        raise UsageError(MISSING) from None
    if isinstance(where, distributed.Client):
        return where, False
    if not isinstance(where, str) or not where:
        raise UsageError(f"{where!r} is no cluster: give a scheduler's address, such as tcp://host:8786, or a Client")
    try:
        distributed.comm.get_address_host_port(where)  # before there is a client, which complains when it is forgotten
        return distributed.Client(where, timeout=CONNECT_S, set_as_default=False), True
    except (OSError, TimeoutError):
        raise HostError(f"no Dask scheduler answers at {where} within {CONNECT_S} seconds") from None
    except ValueError as e:
        raise UsageError(f"{where!r} is no address of a scheduler, such as tcp://host:8786: {e}") from None


def _checked_workers(client: Any) -> int:
    """How many workers there are. All have this Playhead, and a Python that reads what this one pickles, or this raises
    HostError.
    """

    def installed() -> tuple[str, str]:  # by value: what is not installed cannot be imported
        import sys

        try:
            from playhead.version import __version__ as found
        except ImportError:
            found = ""
        return found, ".".join(map(str, sys.version_info[:2]))

    _keep_by_value(installed)
    found = client.run(installed)
    if not found:
        raise HostError("the cluster has no workers")
    python = ".".join(map(str, sys.version_info[:2]))
    for worker, (version, other) in sorted(found.items()):
        if version != __version__:
            what = f"playhead {version}" if version else "no playhead"
            raise HostError(f"worker {worker} has {what}, this is playhead {__version__}: install the same everywhere")
        if other != python:
            raise HostError(f"worker {worker} runs Python {other}, this is Python {python}: use the same everywhere")
    return len(found)


def _keep_by_value(function: Any) -> None:
    """Have cloudpickle send the code of a function, and not its name."""
    function.__module__ = "__main__"


class _Asked:
    """A segment, in order."""

    def __init__(self, segment: Segment):
        self.segment = segment
        self.answer: tuple[Any, ...] | None = None
        self.deaths = self.answers = 0
        self.missed: set[int] = set()  # what was missing in an answer


class _Cluster:
    """Who answers what. `_futures`: what was asked for, and what that is."""

    def __init__(self, client: Any, workers: int, rec: Recording, query: Query[Any, Any], at: Sequence[Moment],
                 progress: Told):  # fmt: skip
        from distributed import as_completed

        self._client, self._progress = client, progress
        self._shipment = Shipment(rec)
        self._job = on_worker.Job(_pickled(query), rec.path, rec.engine, rec.images, rec.reader.identity(),
                                 rec._symbols)  # fmt: skip
        self._segments = deque(_Asked(one) for one in _shares(query, at, SHARES * workers))
        self._ahead = AHEAD * workers
        self._whole, self._done = at[-1].icount - at[0].icount, 0
        self._asked: deque[_Asked] = deque()  # in order, from the first whose answer was not taken
        self._futures: dict[Any, _Asked] = {}
        self._completed = as_completed(loop=client.loop, raise_errors=False)
        self._sent: set[tuple[str, Any]] = set()  # to which machine, and what

    def parts(self) -> Iterator[Any]:
        while self._asked or self._segments:
            while self._segments and len(self._asked) < self._ahead:
                one = self._segments.popleft()
                self._asked.append(one)
                self._submit(one)
            self._take(next(self._completed))
            while self._asked and self._asked[0].answer is not None:
                one = self._asked.popleft()
                assert one.answer is not None
                kind, what = one.answer
                if kind == on_worker.FAILED:
                    raise what.error()
                self._done += one.segment.instructions
                yield pickle.loads(what)
            self._progress(self._done + sum(one.segment.instructions for one in self._asked if one.answer), self._whole)

    def close(self) -> None:
        self._client.cancel(list(self._futures), force=True)
        self._futures.clear()

    def _submit(self, one: _Asked, near: str = "") -> None:
        """`near`: a worker on whose machine the data is."""
        hints = {"workers": [near], "allow_other_workers": True} if near else {}
        future = self._client.submit(on_worker.answer, self._job, one.segment, pure=False, retries=0, **hints)
        self._futures[future] = one
        self._completed.add(future)

    def _take(self, future: Any) -> None:
        one = self._futures.pop(future)
        if future.status != "finished":
            self._lost(one, future)
            return
        kind, what, *more = future.result()
        if kind == on_worker.MISSING:
            one.answers += 1
            if one.answers > MOST_ANSWERS:
                raise HostError(f"worker {more[0]} loses what it is sent: is there space in its cache folder?")
            worker, place = more
            self._send([item for item in what if item in one.missed or (place, item) not in self._sent], worker, place)
            one.missed.update(what)
            self._submit(one, near=worker)
            return
        one.answer = kind, what

    def _lost(self, one: _Asked, future: Any) -> None:
        """The task has no result: its workers were killed, or what it needed of Dask has gone."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        if error is not None and not isinstance(error, (KilledWorker, OSError)):
            raise error
        one.deaths += 1
        if one.deaths >= TRIES:
            first, last = one.segment
            where = f"the segment from {first} to {last}"
            raise WorkerDied(f"workers of the cluster, one after the other, ended in {where}")
        self._submit(one)

    def _send(self, items: Sequence[int], worker: str, place: str) -> None:
        """To a worker, for its machine: what was not sent there, or is not there any more."""
        for some in self._shipment.pieces(items):
            try:
                self._client.run(on_worker.keep, self._job.identity, some, workers=[worker])
            except (OSError, ValueError, KeyError):
                return  # it has gone: another one will say what it misses
        self._sent.update((place, item) for item in items)


def _pickled(query: Query[Any, Any]) -> bytes:
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(query))
    except Exception as e:
        raise UsageError(f"this query cannot go to other machines: {e}") from None


def _shares(query: Query[Any, Any], at: Sequence[Moment], count: int) -> list[Segment]:
    """Segments of about as many stretches between checkpoints."""
    stretches = len(at) - 1
    size = 1 if query.piecemeal else max(stretches // count, 1)
    edges = [*range(0, stretches, size), stretches]
    found = [Segment(at[a], at[b]) for a, b in pairwise(edges)]
    return found[::-1] if query.newest_first else found
