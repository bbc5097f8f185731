"""Asking a query: of this process, of all processors of this machine, or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from playhead.api import on_cores
from playhead.api.interrupts import Bar
from playhead.api.recording import Recording
from playhead.api.segments import Answer, Part, Query, Told, cuts, in_order
from playhead.api.source import Place
from playhead.base.errors import UsageError
from playhead.host.crew import cores
from playhead.log.moment import Moment

SMALL = 200_000_000  # instructions that one processor replays in less time than it takes to share them out


def ask(rec: Recording, query: Query[Part, Answer], first: Place = "start", last: Place = "end", *,
        jobs: int | None = None, dask: Any = None, progress: Told | None = None) -> Answer:  # fmt: skip
    """The answer to a query about a stretch of a recording.

    `jobs`: processes on this machine (default: one for each processor, but for short stretches; 1: none but this one).
    `dask`: the address of a scheduler ("tcp://host:8786") or a `distributed.Client`: its workers answer. `progress` is
    called now and then (default: a bar, on a terminal or in a notebook). Raises what the query raises, with the
    worker's traceback as a note; WorkerDied if a segment ends several processes.
    """
    parts = asked(rec, query, first, last, jobs=jobs, dask=dask, progress=progress)
    try:
        return query.merge(parts)
    finally:
        parts.close()


def asked(rec: Recording, query: Query[Part, Any], first: Place = "start", last: Place = "end", *,
          jobs: int | None = None, dask: Any = None, progress: Told | None = None) -> Any:  # fmt: skip
    """The same, but the answers of segments: a generator, in the order that the query asks for. Closing it ends the
    work.
    """
    if not isinstance(query, Query):
        raise UsageError(f"{query!r:.80} is no question: give an instance of a playhead.Query, or Rows(...)")
    begin, end = rec.instant(first), rec.instant(last)
    if begin > end:
        raise UsageError(f"from {begin} to {end} would go backwards")
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is a number of processes from 1 on, not {jobs}")
    if dask is not None and jobs is not None:
        raise UsageError("either jobs or dask: a cluster has as many processes as it has")
    return parts_of(rec, query, cuts(rec.reader, begin, end), jobs, dask, progress)


def parts_of(rec: Recording, query: Query[Part, Any], at: Sequence[Moment], jobs: int | None, dask: Any,
             progress: Told | None = None) -> Any:  # fmt: skip
    """A generator of the answers of segments, in the order that the query asks for."""
    if dask is not None:
        from playhead.api import on_cluster

        if progress is not None:
            return on_cluster.parts(rec, query, at, dask, progress)
        return _with_bar(lambda told: on_cluster.parts(rec, query, at, dask, told), at)
    if jobs is None:
        jobs = 1 if at[-1].icount - at[0].icount < SMALL else cores()
    jobs = min(jobs, len(at) - 1)
    if jobs <= 1:
        return _here(rec, query, at, progress)
    if progress is not None:
        return on_cores.parts(rec, query, at, jobs, progress)
    return _with_bar(lambda told: on_cores.parts(rec, query, at, jobs, told), at)


def _with_bar(parts: Callable[[Told], Iterator[Part]], at: Sequence[Moment]) -> Iterator[Part]:
    bar = Bar("replaying", at[0].icount, at[-1].icount)
    try:
        yield from parts(lambda done, whole: bar.at(at[0].icount + done))
    finally:
        bar.close()


def _here(rec: Recording, query: Query[Part, Any], at: Sequence[Moment], progress: Told | None) -> Iterator[Part]:
    """In this process: in one go, unless answers are wanted early. Replays show bars of their own."""
    whole, done = at[-1].icount - at[0].icount, 0
    answer = query.start(rec)
    for segment in in_order(query, at):
        part = answer(segment)
        done += segment.instructions
        if progress is not None:
            progress(done, whole)
        yield part
