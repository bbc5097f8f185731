"""The packets of a session, in both directions, for whoever shows or keeps them; a replay has them as well.

Looking at them changes nothing: they are told of when they have been logged, or have left the machine.
"""

from typing import Protocol

from playhead.log.moment import Moment


class Traffic(Protocol):
    """Added to a session's `traffic`, it hears of each packet. Calls may come from inside a run: none may raise."""

    def packet(self, net: int, out: bool, frame: bytes, moment: Moment, virtual_ns: int, host_ns: int | None) -> None:
        """`net` counts the machine's netdevs; `out`: the guest has sent it. `host_ns`: the host's time when it came, in
        nanoseconds since 1970; nothing says when one was sent.
        """
        ...

    def back(self, moment: Moment) -> None:
        """A replay has been put at this moment, in front of everything that happens there: packets may come again."""
        ...
