"""Coverage by source line, as lcov's tracefiles have it: what genhtml, IDEs and coverage services read.

Lines come from an ELF file's line tables (`linux/line_tables.py`). A line was executed as often as that instruction of
it which was executed most.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from playhead.linux.line_tables import Line

if TYPE_CHECKING:
    from playhead.analyses.coverage import Coverage


def write(coverage: Coverage, lines: list[Line], file: IO[str], offset: int = 0) -> int:
    """Write the lines that have code, executed or not; how many of them were executed. `offset`: where the program was
    loaded, less where its ELF file says.
    """
    counts: dict[str, dict[int, int]] = {}
    for one, count in zip(lines, _executions(coverage, lines, offset), strict=True):
        found = counts.setdefault(one.file, {})
        found[one.line] = max(found.get(one.line, 0), count)
    executed = 0
    for path in sorted(counts):
        found = counts[path]
        file.write(f"TN:\nSF:{path}\n")
        for line in sorted(found):
            file.write(f"DA:{line},{found[line]}\n")
        hit = sum(count > 0 for count in found.values())
        file.write(f"LF:{len(found)}\nLH:{hit}\nend_of_record\n")
        executed += hit
    return executed


def _executions(coverage: Coverage, lines: list[Line], offset: int) -> Iterator[int]:
    """For each range of code, how often its most executed instruction was. (One may be at several places of physical
    memory: these are added up.)
    """
    import numpy

    from playhead.analyses.coverage import sums

    linear, which = numpy.unique(coverage.counts.linear, return_inverse=True)
    count = sums(which, coverage.counts.executions, len(linear))
    first = numpy.searchsorted(linear, numpy.array([max(one.first + offset, 0) for one in lines], "u8"))
    last = numpy.searchsorted(linear, numpy.array([max(one.last + offset, 0) for one in lines], "u8"))
    for a, b in zip(first, last, strict=True):
        yield int(count[a:b].max()) if b > a else 0
