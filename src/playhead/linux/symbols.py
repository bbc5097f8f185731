"""All of a kernel's symbols from its memory: kallsyms, exported data, modules."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playhead.linux import exports, kallsyms, modules
from playhead.linux.memory import KernelMemory, kernel_memory
from playhead.linux.symbol_table import EDGES, Symbol, SymbolTable
from playhead.log.moment import Moment

PADDING = ("__pfx_", "__cfi_")  # names of the padding before functions
LARGEST = 1 << 20  # bytes of one function or object
LAST = 4096  # bytes that a last symbol is given, of whose end nothing is known


@dataclass(frozen=True)
class Kernel:
    """`unread`: modules that are loaded, but of which no symbols were found."""

    memory: KernelMemory
    symbols: SymbolTable
    unread: tuple[str, ...]


def symbols_of(source: Any, moment: Moment | None = None) -> SymbolTable:
    return kernel_of(source, moment).symbols


def kernel_of(source: Any, moment: Moment | None = None) -> Kernel:
    """`source`: a Reader or a Machine. Raises UnknownKernel."""
    memory = kernel_memory(source, moment)
    own = kallsyms.symbols(memory)
    found = [(address, kind, name) for address, kind, name in own if not name.startswith(PADDING)]
    have = {name for _, _, name in found}
    found += [(address, "D", name) for address, name in exports.exported(memory) if name not in have]
    kernel = _sized(found)
    by_name = {symbol.name: symbol.address for symbol in kernel}
    loaded, unread = modules.module_symbols(memory, by_name)
    return Kernel(memory, SymbolTable([*kernel, *loaded], memory.note.release), tuple(unread))


def _sized(found: list[tuple[int, str, str]]) -> list[Symbol]:
    """Each reaches to the next address that has a symbol, but not far beyond the end of code or an object of data; what
    is absolute, or an end itself, has no size.
    """
    places = sorted({address for address, kind, _ in found if kind not in "Aa"})
    sizes = {at: min(after - at, LARGEST) for at, after in pairwise([*places, places[-1] + LAST])}
    for address, kind, name in found:
        if name in EDGES or kind in "Aa":
            sizes[address] = 0
    return [Symbol(address, sizes.get(address, 0), name, "", kind) for address, kind, name in found]
