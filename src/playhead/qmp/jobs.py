"""Jobs: work that a command begins and that goes on when it has been answered, with a state that events tell of.

Here a job is done in one go, behind the answer: whoever waits for its events sees what QEMU's clients see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import HostError, PlayheadError
from playhead.qmp.errors import QmpError

STATUSES = ("undefined", "created", "running", "paused", "ready", "standby", "waiting", "pending", "aborting",
            "concluded", "null")  # fmt: skip
MOST = 1024  # that nobody has dismissed


@dataclass
class Job:
    id: str
    kind: str
    status: str = "undefined"
    done: int = 0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        about = {"current-progress": self.done, "status": self.status, "total-progress": 1, "type": self.kind}
        return {**about, "id": self.id, **({"error": self.error} if self.error else {})}


class Jobs:
    def __init__(self, tell: Callable[[str, dict[str, Any]], None], later: Callable[[Callable[[], None]], None],
                 failed: Callable[[HostError], None]):  # fmt: skip
        self._tell, self._later, self._failed = tell, later, failed
        self._jobs: dict[str, Job] = {}

    def all(self) -> list[dict[str, Any]]:
        """The last one first."""
        return [job.as_json() for job in reversed(self._jobs.values())]

    def start(self, id: str, kind: str, run: Callable[[], None]) -> None:
        if not id or not id[0].isalpha() or not all(c.isalnum() or c in "-._" for c in id):
            raise QmpError(f"Invalid job ID '{id}'")
        if id in self._jobs:
            raise QmpError(f"Job ID '{id}' already in use")
        if len(self._jobs) >= MOST:
            raise QmpError(f"there are {MOST} jobs: dismiss some")
        job = self._jobs[id] = Job(id, kind)
        self._now(job, "created")
        self._now(job, "running")
        self._later(lambda: self._run(job, run))

    def _run(self, job: Job, run: Callable[[], None]) -> None:
        try:
            run()
        except (QmpError, PlayheadError) as e:
            job.error = str(e)
            if isinstance(e, HostError):
                self._failed(e)
        job.done = 1
        for status in ("aborting",) if job.error else ("waiting", "pending"):
            self._now(job, status)
        self._now(job, "concluded")

    def dismiss(self, id: str) -> None:
        if id not in self._jobs:
            raise QmpError("Job not found")
        if self._jobs[id].status != "concluded":
            raise QmpError(f"Job '{id}' in state '{self._jobs[id].status}' cannot accept command verb 'dismiss'")
        self._now(self._jobs.pop(id), "null")

    def _now(self, job: Job, status: str) -> None:
        job.status = status
        self._tell("JOB_STATUS_CHANGE", {"status": status, "id": job.id})
