"""The packets of a session, in both directions, for whoever shows or keeps them; a replay has them as well.

Looking at them changes nothing: they are told of when they have been logged, or have left the machine.
"""

from typing import Protocol

from playhead.log.moment import Moment


class Traffic(Protocol):
    """Added to a session's `traffic`, it hears of each packet. Calls may come from inside a run: none may raise."""

    def packet(self, net: int, out: bool, frame: bytes, moment: Moment, virtual_ns: int) -> None:
        """`net` counts the machine's netdevs; `out`: the guest has sent it."""
        ...
