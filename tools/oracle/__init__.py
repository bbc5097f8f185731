"""Two oracles for differential tests of the 32-bit CPU, with one interface.

`HostOracle` runs a case natively on the host's own CPU, at privilege level 3, segments through an LDT.
`UnicornOracle` runs it on QEMU's translator as packaged by Unicorn; it also runs privileged code.
Both take `list[Case]` and return `list[Result]`; `layout` says which memory both of them offer, so that an engine
under test can be given the same page tables.
"""

from typing import TYPE_CHECKING, Any

from tools.oracle.case import (
    CRASH,
    HALT,
    SYSCALL,
    TIMEOUT,
    Case,
    OracleUnavailable,
    Result,
    Segment,
)
from tools.oracle.host import HostOracle

if TYPE_CHECKING:
    from tools.oracle.unicorn_oracle import UnicornOracle


def __getattr__(name: str) -> Any:
    """Unicorn is loaded on first use: the host oracle's process has no use for it."""
    if name == "UnicornOracle":
        from tools.oracle.unicorn_oracle import UnicornOracle

        return UnicornOracle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CRASH",
    "HALT",
    "SYSCALL",
    "TIMEOUT",
    "Case",
    "HostOracle",
    "OracleUnavailable",
    "Result",
    "Segment",
    "UnicornOracle",
]
