"""What is compiled at once: a block of decoded instructions, or some that lead to each other, apart from the process
that decoded them.

The uops of a block (layout.py) hold addresses: of handlers, and of the blocks that jumps are linked to. A unit has the
numbers of the handlers (in `tables()[0].handlers`) and no links. Its bytes name it: the same instructions in the same
mode give the same bytes, in each process, wherever the guest has the code; so compiled code is found by them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from playhead.engine.llvm import layout as L

# In place of a handler's number: the uop `end`; probes (probe_code.py), without what only their own process knows
END, COUNT, TRACE, REP_BEGIN, REP_END = (0xFFFFFFFF - n for n in range(5))
_HEAD = struct.Struct("<II")  # mode, number of uops
REGION = 0xFFFFFFFF  # in place of a mode
_REGION = struct.Struct("<III")  # REGION, numbers of units and of edges
_PART = struct.Struct("<iI")  # place, length of the packed unit
_EDGE = struct.Struct("<III")
_UOP = struct.Struct("<Q3I8B2H")  # as in layout.UOP, the handler's number in place of its address


class Uop(NamedTuple):
    """A decoded instruction. `rem`, `off`: as in layout.py; `at`: its place, in bytes from the block's first uop."""

    handler: int
    imm: int
    disp: int
    imm2: int
    a: int
    b: int
    base: int
    index_at: int  # the field `index`
    scale: int
    seg: int
    flags: int
    len: int
    rem: int
    off: int
    at: int


class Unit(NamedTuple):
    """A block: the mode that it was decoded in (state.MODE_*), its uops. The last may be END."""

    mode: int
    uops: tuple[Uop, ...]

    def pack(self) -> bytes:
        return _HEAD.pack(self.mode, len(self.uops)) + b"".join(_UOP.pack(*uop[:14]) for uop in self.uops)

    @staticmethod
    def unpack(data: bytes) -> Unit:
        mode, count = _HEAD.unpack_from(data)
        uops, at = [], 0
        for n in range(count):
            fields = _UOP.unpack_from(data, _HEAD.size + n * _UOP.size)
            uops.append(Uop._make((*fields, at)))
            at += L.UOP_SIZE * (2 if fields[10] & L.LINKED else 1)
        return Unit(mode, tuple(uops))


def uops_in(packed: bytes) -> int:
    """How many uops a packed unit has."""
    return (len(packed) - _HEAD.size) // _UOP.size


class Edge(NamedTuple):
    """A jump inside a region: the uop at `at` of block `source` may go on with block `target`."""

    source: int
    at: int
    target: int


class Region(NamedTuple):
    """Blocks of one page and mode, entered at the first; `places`: where each begins, in bytes from the first."""

    units: tuple[Unit, ...]
    places: tuple[int, ...]
    edges: tuple[Edge, ...]

    def pack(self) -> bytes:
        parts = [_REGION.pack(REGION, len(self.units), len(self.edges))]
        for unit, place in zip(self.units, self.places, strict=True):
            packed = unit.pack()
            parts += (_PART.pack(place, len(packed)), packed)
        return b"".join((*parts, *(_EDGE.pack(*edge) for edge in self.edges)))


def unpack(data: bytes) -> Unit | Region:
    """What `pack` made."""
    if _HEAD.unpack_from(data)[0] != REGION:
        return Unit.unpack(data)
    _, units, edges = _REGION.unpack_from(data)
    found, places, at = [], [], _REGION.size
    for _ in range(units):
        place, length = _PART.unpack_from(data, at)
        at += _PART.size
        found.append(Unit.unpack(data[at : at + length]))
        places.append(place)
        at += length
    made = [Edge._make(_EDGE.unpack_from(data, at + n * _EDGE.size)) for n in range(edges)]
    return Region(tuple(found), tuple(places), tuple(made))
