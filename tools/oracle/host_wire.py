"""The packed form of cases and results between HostOracle and its child; no llvmlite here, for the parent's sake.

A request is many cases: CASE, then `patches` times PATCH and its bytes (padded to 8), then `descriptors` times
DESCRIPTOR, then 512 bytes of FXSAVE image if `has_fx`. An answer is as many results: RESULT, then FX_SIZE bytes if
`has_fx`, then `words` times WORD. All little-endian; the offsets are for the native half.
"""

from struct import Struct, calcsize

from tools.oracle.layout import SEGMENT_NAMES

REGS = tuple(f"reg{i}" for i in range(8))  # eax ecx edx ebx esp ebp esi edi


class Record:
    """A struct whose fields have names: `pack`, `unpack_from`, and `offset[name]`."""

    def __init__(self, **fields: str) -> None:
        layout = Struct("<" + "".join(fields.values()))
        codes = "".join(fields.values())
        self.size = layout.size
        self.pack, self.unpack_from, self.iter_unpack = layout.pack, layout.unpack_from, layout.iter_unpack
        self.offset = {name: calcsize("<" + codes[:i]) for i, name in enumerate(fields)}


_REGS = dict.fromkeys(REGS, "I")
_SELECTORS = dict.fromkeys(SEGMENT_NAMES, "H")

CASE = Record(patches="I", descriptors="I", has_fx="I", eip="I", eflags="I", **_REGS, **_SELECTORS, end="I")
PATCH = Record(offset="I", size="I")
DESCRIPTOR = Record(slot="I", base="I", limit="I", flags="I")  # Linux's struct user_desc
_TRAP = dict.fromkeys(("words", "signal", "trapno", "err", "cr2", "eip", "eflags"), "I")
RESULT = Record(**_TRAP, **_REGS, **_SELECTORS, has_fx="I")
WORD = Record(address="I", value="Q")
