"""Compiles in this process while the guest waits: for tests, which want to know when a block is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from playhead.engine.llvm.tier2.unit import Region, Unit, unpack

Compile = Callable[[list[Unit | Region]], list[bytes | None]]


class SynchronousBackend:
    def __init__(self, compile_units: Compile):
        self._compile = compile_units
        self._asked: dict[bytes, tuple[int, int]] = {}  # unit -> heat, key

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        self._asked[unit] = heat, key

    def ready(self) -> Iterable[tuple[int, bytes, bytes]]:
        asked, self._asked = sorted(self._asked.items(), key=lambda item: -item[1][0]), {}
        codes = self._compile([unpack(unit) for unit, _ in asked]) if asked else []
        return [(key, unit, code or b"") for (unit, (_, key)), code in zip(asked, codes, strict=True)]
