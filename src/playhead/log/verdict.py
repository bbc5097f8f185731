"""The result of a check of a recording: counts of what was checked, and the faults."""

from dataclasses import asdict, dataclass, field
from typing import Any

from playhead.log.container import printable
from playhead.log.schema import FORMAT


@dataclass(frozen=True)
class Fault:
    """`where` names a table, a batch or a blob."""

    where: str
    what: str

    def __str__(self) -> str:
        return printable(f"{self.where}: {self.what}")


@dataclass
class Verdict:
    """Counts of what was checked, and the faults."""

    format: int = FORMAT
    complete: bool = False
    instructions: int = 0
    batches: int = 0
    events: int = 0
    digests: int = 0
    blocks: int = 0  # of disks
    blobs: int = 0
    blob_bytes: int = 0
    checkpoints: int = 0
    pages: int = 0  # distinct contents
    console: int = 0  # bytes that the guest printed
    snapshots: int = 0
    faults: list[Fault] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"ok": not self.faults, **asdict(self)}
