"""Recordings that do not begin at power-on: the content of their first checkpoint, and how it is restored."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from playhead.base.errors import FormatError
from playhead.log.digests import root_of
from playhead.log.moment import Moment
from playhead.log.start import Start
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from playhead.session.target import closed_door

if TYPE_CHECKING:
    from playhead.log.checkpoints import Checkpoint
    from playhead.log.reader import Reader
    from playhead.session.run import Build

UNFIT = (FormatError, AssertionError, LookupError, ValueError, OverflowError, TypeError, struct.error)


def pages_of_its_own(machine: Machine, build: Build, ports: int) -> dict[int, bytes]:
    """All pages and blocks that differ from those of a new machine."""
    from playhead.machine.differences import differing_pages  # here: few recordings begin elsewhere than at power-on

    fresh = cast(Machine, build(closed_door(ports)))
    return {page: checkpoint.page_of(machine, page) for page in differing_pages(fresh, machine)}


def put_at_start(machine: Machine, reader: Reader, start: Start) -> None:
    """Restore the first checkpoint into a new machine. The result must have the digest that `start` names, so that a
    replay of a file that was changed does not begin in another state.
    """
    found = reader.checkpoints()[:1]
    if not found or found[0].moment != start.moment:
        raise FormatError(f"{reader.path} is damaged: it has no checkpoint at {start.moment}, where it begins")
    parts, hashes = reader.checkpoint_parts(found[0]), reader.checkpoint_pages(found[0])
    contents = reader.pages(hashes.values())
    if not restored(machine, parts, {page: contents[hash] for page, hash in hashes.items()}) or (
        Moment(machine.icount, machine.seq), machine.now_ns(), root_of(machine.digest_parts())
    ) != start:  # fmt: skip
        raise FormatError(f"{reader.path} is damaged: its first checkpoint is not the state that it begins with")


def pages_upto(reader: Reader, kept: Checkpoint) -> dict[int, bytes]:
    """The contents of all pages and blocks that were written between power-on and a checkpoint."""
    hashes: dict[int, bytes] = {}
    for one in reader.checkpoints():
        hashes.update(reader.checkpoint_pages(one))
        if one.id == kept.id:
            break
    contents = reader.pages(set(hashes.values()))
    return {page: contents[hash] for page, hash in hashes.items()}


def restored(machine: Machine, parts: Mapping[str, bytes], pages: Mapping[int, bytes]) -> bool:
    """Restore a state of a recording; False if it does not fit the machine."""
    try:
        checkpoint.restore(machine, parts, pages)
    except UNFIT:
        return False
    return True
