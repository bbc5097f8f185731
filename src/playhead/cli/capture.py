"""What `playhead pcap` writes of each packet, and of the cards that they pass."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playhead.hw.net import mac_bytes
from playhead.log.moment import Moment
from playhead.log.pcapng import Interface

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.log.host_times import HostTimes
    from playhead.log.pcapng import PcapngWriter

SECOND = 1_000_000_000


def start_ns(config: PcConfig | None, created: str) -> int:
    """The date at which virtual time is 0, in nanoseconds since 1970: of the machine's clock, as QEMU's filter-dump has
    it; that of the host if `-rtc base=` does not say another. `created`: a recording's word for that.
    """
    seconds = None if config is None else config.rtc_start_s()
    if seconds is None:
        try:
            seconds = calendar.timegm(time.strptime(created, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            seconds = 0
    return seconds * SECOND


def interfaces(config: PcConfig) -> list[Interface]:
    """One for each netdev, in their order; a card describes it."""
    found = []
    for end in config.netdevs:
        card = next((one for one in config.devices if one.values.get("netdev") == end.id), None)
        mac = "" if card is None else str(card.values.get("mac") or "")
        words = [] if card is None else [card.driver, *([mac] if mac else [])]
        text = " ".join([*words, f"({end.facts.get('backend', 'netdev')})"])
        found.append(Interface(end.id, text, mac_bytes(mac)))
    return found


def date_shown(ns: int) -> str:
    """`2026-11-28T05:30:00.123456789Z`."""
    seconds, rest = divmod(ns, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


class Capture:
    """One of a session's `traffic`. `by_host`: a packet's time is the host's. If one cannot be written, `stop` is
    called, and `failure` says why.
    """

    def __init__(self, file: PcapngWriter, begin_ns: int, times: HostTimes, stop: Callable[[], None], *, by_host: bool):
        self._file, self._begin_ns, self._times = file, begin_ns, times
        self._stop, self._by_host = stop, by_host
        self._counts = {True: 0, False: 0}
        self.failure: OSError | None = None

    def packet(self, net: int, out: bool, frame: bytes, moment: Moment, virtual_ns: int, host_ns: int | None) -> None:
        if host_ns is not None:
            self._times.known(moment, virtual_ns, host_ns)
        if self.failure is not None:
            return
        host = self._times.estimate(moment, virtual_ns) if host_ns is None else host_ns
        exact = "" if host_ns is not None else "about "
        time = host if self._by_host else self._begin_ns + virtual_ns
        other = f"virtual time {virtual_ns} ns" if self._by_host else f"host time {exact}{date_shown(host)}"
        estimated = ", time estimated" if exact and self._by_host else ""
        try:
            self._file.packet(net, out, time, frame, f"moment {moment}, {other}{estimated}")
        except OSError as e:
            self.failure = e
            self._stop()
        else:
            self._counts[out] += 1

    def back(self, moment: Moment) -> None:
        """It only goes forwards."""

    def summary(self, path: str) -> str:
        from playhead.cli.quantities import count

        where = "on standard output" if path == "-" else f"in {path}"
        return f"{count(self._counts[False], 'packet')} in and {self._counts[True]} out, {where}"
