"""One thread that does jobs while the guest runs: hashing and compressing, which need no GIL.

Nothing of what it does reaches the machine; when a job is done is seen by the session's thread only when it asks.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """`submit(job)`; `finished()` hands back the results so far, in order. The thread starts with the first job."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._left = 0  # jobs whose results were not handed out

    def submit(self, job: Callable[[], Any]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="playhead-worker", daemon=True)
            self._thread.start()
        self._left += 1
        self._jobs.put(job)

    def finished(self, wait: bool = False) -> list[Any]:
        """Results that have not been handed out yet; `wait`: of all jobs. Raises what a job raised."""
        out: list[Any] = []
        while self._left:
            try:
                result, failure = self._results.get(wait)
            except queue.Empty:
                break
            self._left -= 1
            if failure is not None:
                raise failure
            out.append(result)
        return out

    def close(self) -> None:
        """End the thread. Jobs that it has not begun are dropped."""
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
            try:
                done: tuple[Any, BaseException | None] = job(), None
            except BaseException as e:
                done = None, e
            self._results.put(done)
            del job, done  # their memory, while it waits for the next
