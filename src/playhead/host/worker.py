"""A thread for jobs beside the guest: hashing and compressing, which release the GIL.

Nothing that it does reaches the machine; the session's thread asks for results when it wants them.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """`submit(job)`; `finished()` hands back the results so far, in order. The thread starts with the first job."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], T] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Callable[[], T]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._left = 0  # jobs whose results were not handed out

    def submit(self, job: Callable[[], T]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="playhead-worker", daemon=True)
            self._thread.start()
        self._left += 1
        self._jobs.put(job)

    def finished(self, wait: bool = False) -> list[T]:
        """Results that have not been handed out yet; `wait`: of all jobs. Raises what a job raised."""
        out: list[T] = []
        while self._left:
            try:
                result = self._results.get(wait)
            except queue.Empty:
                break
            self._left -= 1
            out.append(result())
        return out

    def close(self) -> None:
        """End the thread. Jobs that have not begun are dropped."""
        if self._thread is None:
            return
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        self._jobs.put(None)
        self._thread.join()
        self._thread = None

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.put(_outcome(job))
            del job  # and its memory, while it waits for the next


def _outcome(job: Callable[[], T]) -> Callable[[], T]:
    """Do a job. What comes back gives its result, or raises what it raised."""
    try:
        result = job()
    except BaseException as e:
        failure = e

        def fail() -> T:
            raise failure

        return fail
    return lambda: result
