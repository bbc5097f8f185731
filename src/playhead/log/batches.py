"""A batch of a recording, as it is handed on: its rows are what its hash says, and now they must make sense as well."""

from collections.abc import Callable
from typing import NamedTuple

from playhead.base.errors import FormatError
from playhead.log.checkpoints import Checkpoint
from playhead.log.console import Printed
from playhead.log.digests import Digest, unpack_run
from playhead.log.events import MAX_PAYLOAD, Entry, from_row
from playhead.log.moment import Moment

Bad = Callable[[str], FormatError]


class Batch(NamedTuple):
    """What one flush wrote. `digests` are (icount, digest), in order; `moment`, `virtual_ns`, `wall_ms` are at the
    flush; `contents` are hashes of disks' blocks, by key; `printed` is the guest's output. (A
    checkpoint is stored when it has been packed, so it may be of a moment before the flush before.)
    """

    id: int
    entries: list[Entry]
    digests: list[tuple[int, Digest]]
    checkpoints: list[Checkpoint]
    contents: dict[int, bytes]
    printed: list[Printed]
    moment: Moment
    virtual_ns: int
    wall_ms: int


def entries_of(rows: list[tuple], moment: Moment, bad: Bad) -> list[Entry]:
    """Rows of `event`; `moment` is the end of the batch before."""
    entries = []
    for number, icount, seq, tag, cpu, args, payload in rows:
        before, moment = moment, Moment(icount, seq)
        if moment < before or min(icount, seq, cpu) < 0:
            raise bad(f"event {number} is before the one before it")
        if payload and len(payload) > MAX_PAYLOAD:
            raise bad(f"event {number} carries {len(payload)} bytes")
        try:
            entries.append(Entry(number, moment, cpu, from_row(tag, args, payload)))
        except FormatError as e:
            raise bad(f"event {number}: {e}") from None
    return entries


def digests_of(runs: list[tuple], parts: int, period: int, bad: Bad) -> list[tuple[int, Digest]]:
    """Rows of `digest`: (icount, digest) of each."""
    out: list[tuple[int, Digest]] = []
    for _number, first, count, roots, checks in runs:
        try:
            run = unpack_run(count, parts, roots, checks)
        except FormatError as e:
            raise bad(str(e)) from None
        out += [(first + i * period, d) for i, d in enumerate(run)]
    return out
