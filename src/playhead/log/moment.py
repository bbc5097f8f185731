"""A moment: where in an execution something happens.

`icount` counts retired guest instructions. Between two of them more can happen (exceptions and interrupts are
delivered, alarms of a halted CPU ring), which `seq` counts. Moments compare as tuples do.
"""

from typing import NamedTuple


class Moment(NamedTuple):
    """(icount, seq); the text form is `icount` or `icount+seq`."""

    icount: int
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.icount}+{self.seq}" if self.seq else str(self.icount)


START = Moment(0, 0)
