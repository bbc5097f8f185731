"""Symbols of a guest by name and by address, whatever they were read from."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from playhead.base.errors import UnknownSymbol

CODE = "tTwWiI"  # kinds of functions, as kallsyms and System.map have them
EDGES = ("_etext", "_einittext", "_edata", "_end", "__bss_stop")  # ends: nothing is in them
LIKE = 3  # names that an error suggests
FEW, FAR = 4096, 1 << 20  # bytes that a function without a size may have if the next one is so far away, or none is


class Symbol(NamedTuple):
    """`size`: bytes, 0 if that is not known; `module`: "" for the kernel itself; `kind`: the letter of kallsyms and nm
    (t or T: code; d, D, b, B, r, R: data; A: a per-CPU offset).
    """

    address: int
    size: int
    name: str
    module: str = ""
    kind: str = "T"

    @property
    def is_code(self) -> bool:
        return self.kind in CODE


def _rank(symbol: Symbol) -> tuple[bool, bool]:
    """Of symbols with one name, the lowest is meant."""
    return bool(symbol.module), symbol.kind.islower()


class SymbolTable:
    """Iteration gives the symbols by address. Where several have one address, `name` gives the first."""

    def __init__(self, symbols: Iterable[Symbol], release: str = ""):
        self._symbols = sorted(symbols, key=lambda symbol: symbol.address)  # stable: of equals the first one stays so
        self._places = [symbol for symbol in self._symbols if symbol.kind not in "Aa"]
        self._starts = [symbol.address for symbol in self._places]
        self._by_name: dict[str, Symbol] = {}
        for symbol in self._symbols:
            kept = self._by_name.get(symbol.name)
            if kept is None or _rank(symbol) < _rank(kept):
                self._by_name[symbol.name] = symbol
        self.release = release

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)

    def __repr__(self) -> str:
        return f"<SymbolTable: {len(self):,} symbols{f' of Linux {self.release}' if self.release else ''}>"

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def address(self, name: str) -> int:
        """Of a symbol by its name, or by `module:name`. Raises UnknownSymbol."""
        return self.symbol(name).address

    def symbol(self, name: str) -> Symbol:
        """By its name: a global one before a local one, the kernel's before a module's. Raises UnknownSymbol."""
        found = self._find(name)
        if found is None:
            like = difflib.get_close_matches(name[:80], self._by_name, LIKE, 0.8) if len(name) < 80 else []
            more = f"; there are {', '.join(like)}" if like else ""
            raise UnknownSymbol(f"the guest's symbols have no {name[:80]!r}{more}")
        return found

    def _find(self, name: str) -> Symbol | None:
        if (found := self._by_name.get(name)) is not None:
            return found
        module, colon, rest = name.partition(":")
        if not colon:
            return None
        return next((one for one in self._symbols if one.name == rest and one.module == module), None)

    def at(self, address: int) -> Symbol | None:
        """The symbol that an address lies in."""
        n = bisect_right(self._starts, address) - 1
        if n < 0:
            return None
        while n and self._starts[n - 1] == self._starts[n]:
            n -= 1
        found = self._places[n]
        size = found.size or (FEW if self._is_last(address, found) else 0)
        is_beyond = bool(size) and address >= found.address + size
        return None if is_beyond or (found.name in EDGES and address > found.address) else found

    def _is_last(self, address: int, found: Symbol) -> bool:
        """Whether nothing that lies together with it is behind a symbol."""
        n = bisect_right(self._starts, address)
        return n == len(self._starts) or self._starts[n] - found.address > FAR

    def name(self, address: int) -> tuple[str, int] | None:
        """The name of what an address lies in, and the distance from its beginning."""
        found = self.at(address)
        return None if found is None else (found.name, address - found.address)
