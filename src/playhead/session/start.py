"""The beginning of a recording that is a part of another one: the machine is put into its first checkpoint."""

import struct
from collections.abc import Mapping
from typing import Any

from playhead.base.errors import FormatError
from playhead.log.digests import root_of
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.start import Start
from playhead.machine import checkpoint

UNFIT = (FormatError, AssertionError, LookupError, ValueError, OverflowError, TypeError, struct.error)


def put_at_start(machine: Any, reader: Reader, start: Start) -> None:
    """Restore the first checkpoint into a machine that has just been made. What that leaves must be what `start` says;
    so whatever was changed in the file, a replay does not begin with another state.
    """
    found = reader.checkpoints()[:1]
    if not found or found[0].moment != start.moment:
        raise FormatError(f"{reader.path} is damaged: it has no checkpoint at {start.moment}, where it begins")
    parts, hashes = reader.checkpoint_parts(found[0]), reader.checkpoint_pages(found[0])
    contents = reader.pages(hashes.values())
    if not _restored(machine, parts, {page: contents[hash] for page, hash in hashes.items()}) or (
        Moment(machine.icount, machine.seq), machine.now_ns(), root_of(machine.digest_parts())
    ) != start:  # fmt: skip
        raise FormatError(f"{reader.path} is damaged: its first checkpoint is not the state that it begins with")


def _restored(machine: Any, parts: Mapping[str, bytes], pages: Mapping[int, bytes]) -> bool:
    try:
        checkpoint.restore(machine, parts, pages)
    except UNFIT:
        return False
    return True
