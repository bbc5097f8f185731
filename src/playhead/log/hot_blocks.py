"""The hot blocks that a recording names: where the guest spent its time, so that a replay has that compiled first.

Addresses, modes and weights only, never code, and a replay is the same with and without them: whoever has made a
recording can at worst have the wrong blocks compiled first. They are known when a recording ends, and so can be in none
of the tables that are complete at the beginning or belong to the chain of batches; and a table of their own would be
another format. So they are a content like any other, the last one in `blob`, which begins with a mark. A recorder that
was killed leaves none; an older Playhead does not ask for them; `verify` checks their hash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

MARK = b"playhead: hot blocks, 1\n"
MOST = 2000
_RECORD = struct.Struct("<QIQ")
MOST_BYTES = len(MARK) + MOST * _RECORD.size


class HotBlock(NamedTuple):
    """A block of code: its physical address, the mode that it was decoded in, how often it was entered, roughly."""

    address: int
    mode: int
    entries: int


def pack(blocks: Iterable[HotBlock]) -> bytes:
    """The hottest ones, in the order of their heat."""
    hottest = sorted(blocks, key=lambda block: (-block.entries, block))[:MOST]
    return MARK + b"".join(_RECORD.pack(*block) for block in hottest)


def unpack(data: bytes) -> list[HotBlock]:
    """None if this is something else."""
    size = len(data) - len(MARK)
    if not data.startswith(MARK) or size % _RECORD.size or len(data) > MOST_BYTES:
        return []
    return [HotBlock(*values) for values in _RECORD.iter_unpack(data[len(MARK) :])]
