"""QEMU's filter-dump: a netdev's packets in a pcap file, of a live session or of a replay.

It stands between netdev and card, like QEMU's, and sees the packets of both directions wherever it stands among other
filters: a replay has them as well. Times are the date of the start plus virtual time, so that a replay writes the same
file as the recording did. A replay that goes back passes packets again: they are in the file once.
"""

from collections.abc import Callable

from playhead.log.moment import START, Moment
from playhead.log.pcap import PcapFile

# which packets, by whether the guest has sent them; the words are the netdev's, which receives what the guest sends
QUEUES = {"all": (True, False), "rx": (True,), "tx": (False,)}


class FilterDump:
    """One of a session's `traffic`. Writes to a file that it closes; an error ends the dump, not the machine."""

    def __init__(self, file: PcapFile, net: int, queue: str, start_ns: int, message: Callable[[str], None]):
        """`net` counts the machine's netdevs; `start_ns`: the date of the start, since 1970."""
        self._file: PcapFile | None = file
        self._net, self._outs, self._start_ns, self._message = net, QUEUES[queue], start_ns, message
        self._here = self._furthest = START, 0  # a moment, and how many packets have passed at it

    def packet(self, net: int, out: bool, frame: bytes, moment: Moment, virtual_ns: int, host_ns: int | None) -> None:
        if net != self._net:
            return
        self._here = moment, self._here[1] + 1 if self._here[0] == moment else 1
        if self._here <= self._furthest:
            return
        self._furthest = self._here
        if out in self._outs and self._file is not None:
            try:
                self._file.packet(self._start_ns + virtual_ns, frame)
            except OSError as e:
                self._message(f"cannot write {self._file.path}: {e.strerror}; no more packets are written there")
                self.close()

    def back(self, moment: Moment) -> None:
        """The replay has been put at this moment: nothing of it has happened."""
        self._here = moment, 0

    def close(self) -> None:
        """The end of the session."""
        if self._file is not None:
            self._file.close()
            self._file = None
