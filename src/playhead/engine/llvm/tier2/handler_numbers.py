"""The numbers of handlers by their addresses: decoded blocks have addresses, units have numbers."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from playhead.engine.llvm.core_file import ENTRY, WORD
from playhead.engine.llvm.library import Library
from playhead.engine.llvm.tier2.unit import COUNT, END, REP_BEGIN, REP_END, TRACE

STUBS = {"end": END, "probe": COUNT, "trace": TRACE, "rep_begin": REP_BEGIN, "rep_end": REP_END}


@cache
def handler_numbers(library: Library) -> dict[int, int]:
    """A copy (copies.py) has the number of its handler: what it was made for is in the uop as well. All handlers that
    only the reference engine runs are one function, and have the number of the first."""
    numbers = {library.address[name]: number for name, number in STUBS.items()}
    entries = list(ENTRY.iter_unpack(library.handlers))
    copies = [address for (address,) in WORD.iter_unpack(library.copies)]
    firsts = [first for _, _, first in entries]
    for number, ((address, _, _), (first, last)) in enumerate(
        zip(entries, pairwise([*firsts, len(copies)]), strict=True)
    ):
        for each in (address, *copies[first:last]):
            numbers.setdefault(each, number)
    return numbers
