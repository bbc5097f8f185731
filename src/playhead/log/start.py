"""Where a recording begins that does not begin at power-on: it is a part of another one (`playhead trim`).

Its first checkpoint holds all of memory that differs from a machine that has just been made, and the rest of its
state. The root over that state is in `meta`, so a replay knows that it has begun right before it runs.
"""

from typing import Any, NamedTuple

from playhead.base.errors import FormatError
from playhead.log.digests import ROOT
from playhead.log.moment import Moment

MAX = 1 << 63


class Start(NamedTuple):
    """`root` is the machine's digest there, before anything happens at that moment."""

    moment: Moment
    virtual_ns: int
    root: bytes

    def as_json(self) -> dict[str, Any]:
        """For `meta`."""
        return {"icount": self.moment.icount, "seq": self.moment.seq, "virtual_ns": self.virtual_ns,
                "root": self.root.hex()}  # fmt: skip

    def first_digest(self, period: int) -> int:
        """The instruction of the first digest: the one of this moment, if there is one, or the next."""
        icount, seq = self.moment
        return (icount // period + bool(icount % period or seq)) * period


def from_json(value: Any) -> Start:
    """The inverse of `as_json`, of untrusted input."""
    if not isinstance(value, dict) or set(value) != {"icount", "seq", "virtual_ns", "root"}:
        raise FormatError("meta 'start' is no moment")
    numbers = [value[name] for name in ("icount", "seq", "virtual_ns")]
    if not all(type(n) is int and 0 <= n < MAX for n in numbers):
        raise FormatError("meta 'start' is no moment")
    try:
        root = bytes.fromhex(value["root"])
    except (TypeError, ValueError):
        root = b""
    if len(root) != ROOT:
        raise FormatError("meta 'start' has no root")
    return Start(Moment(*numbers[:2]), numbers[2], root)
