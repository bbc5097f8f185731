"""What a Linux guest's memory tells, without debug packages: symbols, kernel log, processes, system calls.

Everything here reads guest memory, which may hold anything: loops are bounded, sizes are checked, and what does not fit
raises `UnknownKernel` in one line. `symbols_of` is where most users begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.linux.symbol_table import SymbolTable
    from playhead.log.moment import Moment

__all__ = ["symbols_of"]


def symbols_of(source: Any, moment: Moment | None = None) -> SymbolTable:
    """The kernel's symbols and those of its modules. `source`: a `log.reader.Reader` (its checkpoints are read, nothing
    is replayed) or a `machine.Machine`, as it is. `moment`, of a reader only: modules as of the last checkpoint before
    it, and the kernel that runs then (default: the end).

    Raises `base.errors.UnknownKernel`.
    """
    from playhead.linux.symbols import symbols_of as found

    return found(source, moment)
