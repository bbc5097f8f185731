"""What is compiled at once: a block of decoded instructions, apart from the process that decoded it.

The uops of a block (layout.py) hold addresses: of handlers, and of the blocks that jumps are linked to. A unit has the
numbers of the handlers (in `tables()[0].handlers`) and no links. Its bytes name it: the same instructions in the same
mode give the same bytes, in each process, wherever the guest has the code; so compiled code is found by them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from playhead.engine.llvm import layout as L

END = 0xFFFFFFFF  # in place of a handler's number: the uop `end`
_HEAD = struct.Struct("<II")  # mode, number of uops
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
