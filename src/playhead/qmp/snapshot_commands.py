"""Snapshots as jobs: `snapshot-save`, `-load` and `-delete`, and what is said of jobs."""

from collections.abc import Callable, Sequence
from typing import Any

from playhead.qmp.block_commands import nodes
from playhead.qmp.declared import command, event
from playhead.qmp.errors import QmpError
from playhead.qmp.jobs import STATUSES
from playhead.qmp.service import Qmp
from playhead.qmp.types import INT, STR, Enum, Struct

JOB_STATUS = Enum("JobStatus", *STATUSES)
JOB_TYPE = Enum("JobType", "snapshot-save", "snapshot-load", "snapshot-delete")
JOB = Struct("JobInfo", {"id": STR, "type": JOB_TYPE, "status": JOB_STATUS, "current-progress": INT,
                         "total-progress": INT, "*error": STR})  # fmt: skip
STORED = {"job-id": STR, "tag": STR, "vmstate": STR, "devices": [STR]}

event("JOB_STATUS_CHANGE", {"id": STR, "status": JOB_STATUS}, "a job is in another state")


@command("query-jobs", returns=[JOB], about="the jobs that have not been dismissed")
def query_jobs(qmp: Qmp) -> list[dict[str, Any]]:
    return qmp.jobs.all()


@command("job-dismiss", {"id": STR}, about="forget a job that has concluded")
def job_dismiss(qmp: Qmp, id: str) -> None:
    qmp.jobs.dismiss(id)


@command("snapshot-save", STORED, about="keep the state of the machine and of its disks under a name, as `savevm` does")
def snapshot_save(qmp: Qmp, job_id: str, tag: str, vmstate: str, devices: list[str]) -> None:
    def save() -> None:
        if tag in _names(qmp):
            raise QmpError(f"Snapshot '{tag}' already exists in one or more devices")
        qmp.target.save(tag)

    _job(qmp, job_id, "snapshot-save", (vmstate, *devices), save)


@command("snapshot-load", STORED, about="put the machine into that state, as `loadvm` does")
def snapshot_load(qmp: Qmp, job_id: str, tag: str, vmstate: str, devices: list[str]) -> None:
    def load() -> None:
        if tag not in _names(qmp):
            raise QmpError(f"Snapshot '{tag}' does not exist in one or more devices")
        qmp.target.load(tag)

    _job(qmp, job_id, "snapshot-load", (vmstate, *devices), load)


@command("snapshot-delete", {"job-id": STR, "tag": STR, "devices": [STR]}, about="remove the name; if there is none "
         "such, that is no error")  # fmt: skip
def snapshot_delete(qmp: Qmp, job_id: str, tag: str, devices: list[str]) -> None:
    def delete() -> None:
        if tag in _names(qmp):
            qmp.target.delete(tag)

    _job(qmp, job_id, "snapshot-delete", devices, delete)


def _names(qmp: Qmp) -> list[str]:
    return [one.name for one in qmp.target.snapshots()]


def _job(qmp: Qmp, id: str, kind: str, devices: Sequence[str], what: Callable[[], None]) -> None:
    """Where the state is kept (recording, image, memory) does not depend on the nodes, but they have to be there."""
    known = {node["node-name"] for node in nodes(qmp)}

    def run() -> None:
        for name in devices:
            if known and name not in known:
                raise QmpError(f"No block device node '{name}'")
        what()

    qmp.jobs.start(id, kind, run)
