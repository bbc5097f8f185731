"""A whole replay on several processors (`session/proof.py`), for the verbs that have `--jobs`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from playhead.host.host import Host
    from playhead.log.checkpoints import Checkpoint
    from playhead.log.reader import Reader
    from playhead.session.outcome import Outcome
    from playhead.session.piece import Piece
    from playhead.session.proof import Opened
    from playhead.session.run import Build


def workers(reader: Reader, jobs: int | None) -> tuple[int, list[Checkpoint]]:
    """How many workers a whole replay is shared out to, and between which checkpoints; 1: it is not. `jobs`: as the
    user says, else as many as there are processors, unless the recording is small.
    """
    from playhead.cli.recorded_machine import SMALL
    from playhead.host.crew import cores
    from playhead.session.piece import boundaries

    if jobs == 1 or (jobs is None and (cores() == 1 or reader.last().icount < SMALL)):
        return 1, []
    bounds = boundaries(reader)
    return min(jobs or cores(), len(bounds) + 1), bounds


class Proving:
    """`with Proving(...) as proving`: workers are forked at once, so before there are threads."""

    def __init__(self, reader: Reader, count: int, bounds: Sequence[Checkpoint], values: dict[str, Any], ports: int):
        from playhead.engine.llvm.tier2.sharing import share
        from playhead.host import clock
        from playhead.host.crew import Crew
        from playhead.session.proof import work

        self._reader, self._bounds = reader, bounds
        path, engine, images = reader.path, values["engine"], values["images"]

        def opened() -> Opened:
            from playhead.cli.recorded_machine import builder
            from playhead.log.reader import Reader

            own = Reader(path)
            return builder(own, engine, images)[0], own, ports

        def serve(channel: Connection) -> None:
            work(channel, opened, bounds, clock.realtime_ns, _explain)

        share()
        self._crew = Crew(count, serve)

    def __enter__(self) -> Proving:
        return self

    def __exit__(self, *exc: object) -> None:
        self._crew.end()

    def run(self, host: Host, *, progress: bool, again: bool = False) -> Outcome:
        """The whole replay; raises what a replay on one processor would."""
        from playhead.session.progress import Progress
        from playhead.session.proof import Proof

        first = self._reader.start.moment.icount if self._reader.start else 0
        self._proof = Proof(host, self._crew, self._bounds, first, again=again)
        if progress:
            whole = max(self._reader.last().icount - first, 1)
            self._proof.progress = Progress(host.status, host.realtime_ns, whole).show
        return self._proof.run()

    @property
    def explainable(self) -> bool:
        return self._proof.explainable

    def explain(self, host: Host) -> list[str]:
        return self._proof.explain(host)


def _explain(channel: Connection, build: Build, reader: Reader, piece: Piece, error: Any) -> list[str]:
    """In the worker whose piece has diverged. Its owner may say meanwhile who asks for the end."""
    from playhead.cli.diagnosis import diagnosis
    from playhead.host.host import Host

    host = Host(["null"] * piece._ports, "null", reads=False)

    def listen() -> None:
        try:
            while True:
                host.request_quit(channel.recv(), "host-signal")
        except (EOFError, OSError):
            host.request_quit("the end of its owner", "host-signal")

    threading.Thread(target=listen, daemon=True).start()
    return diagnosis(build, host, reader, piece, error).split("\n")
