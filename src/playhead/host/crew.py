"""Worker processes for work that can be cut into pieces: forked from this one, each with a channel to it.

They are forked before this process has threads, so they share what has been imported and loaded, and start in a
millisecond; what a worker needs beyond that (an open recording, a machine) it makes itself, when it gets its first
piece. Ctrl-C at a terminal goes to all of them; they ignore it, and their owner ends them. A worker whose owner has
gone reads the end of its channel, or fails to write to it, and ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from playhead.base.errors import HostError, WorkerDied

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LOST = 3  # a worker's exit status if it failed outside of its work


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


class Worker:
    """One process, as its owner sees it."""

    def __init__(self, pid: int, channel: Connection):
        self.pid, self.channel = pid, channel
        self._status: int | None = None

    def send(self, what: Any) -> None:
        try:
            self.channel.send(what)
        except OSError:
            raise self._died() from None

    def receive(self) -> Any:
        try:
            return self.channel.recv()
        except (EOFError, OSError):
            raise self._died() from None

    def check(self) -> None:
        """Raise if it has died; nothing that it sent is left then."""
        if self._status is not None or self.channel.closed:
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)
            if not self.channel.poll():
                raise self._died()

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""
        return self._status is not None

    def _died(self) -> WorkerDied:
        status = self._wait()
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return WorkerDied(f"worker process {self.pid} {how} before it was done; --jobs 1 does without workers")

    def _wait(self) -> int:
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def end(self) -> None:
        """At once, whatever it does."""
        self.channel.close()
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()


class Crew:
    """`with Crew(count, work) as crew`: so many processes, each of which calls `work(channel)` once and ends."""

    def __init__(self, count: int, work: Callable[[Connection], None]):
        self.workers: list[Worker] = []
        self._work = work
        try:
            for _ in range(count):
                self._start()
        except OSError as e:
            self.end()
            raise HostError(f"cannot start {count} worker processes: {e.strerror}; --jobs N asks for fewer") from None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    def _start(self) -> None:
        from multiprocessing.connection import Pipe  # takes 10 ms to import, and few start any workers

        here, there = Pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            for channel in (here, *(worker.channel for worker in self.workers)):
                channel.close()
            _serve(self._work, there)
        there.close()
        self.workers.append(Worker(pid, here))

    def ready(self, some: Sequence[Worker], timeout_s: float) -> list[Worker]:
        """Those of some workers that have sent something (or have ended), after `timeout_s` at the latest."""
        from multiprocessing.connection import wait

        if not some:
            return []
        found = wait([worker.channel for worker in some], timeout_s)
        if not found:
            for worker in self.workers:
                worker.check()
        return [worker for worker in some if worker.channel in found]

    def replace(self, worker: Worker) -> None:
        """Start another one in the place of one that has died."""
        worker.end()
        self.workers.remove(worker)
        try:
            self._start()
        except OSError as e:
            raise HostError(f"cannot start a worker process in the place of {worker.pid}: {e.strerror}") from None

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        self.workers = []


def _serve(work: Callable[[Connection], None], channel: Connection) -> None:
    """A worker's whole life. It leaves by `_exit`: what its owner has to do at its end is not done twice."""
    status = LOST
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT):
            signal.signal(number, signal.SIG_DFL)
        work(channel)
        status = 0
    except (EOFError, BrokenPipeError, ConnectionError):
        status = 0  # the owner has gone
    except BaseException:
        if os.environ.get("PLAYHEAD_DEBUG"):
            import traceback

            traceback.print_exc()
    finally:
        os._exit(status)
