"""What a netdev is on the host: frames from a network wait here until the machine's card takes them, and what the guest
sends goes out. Each kind of `-netdev` is a subclass.
"""

from collections import deque
from typing import Any

from playhead.host.end import HostEnd

INBOX = 1024  # frames; beyond them the other side waits, or they are lost where it cannot
FRAME_MAX = 68 << 10  # bytes; a longer one is none (QEMU's bound, too)


class NetEnd(HostEnd):
    """`label` is the netdev's id. `arrive` may be called from any thread, all else is the session's."""

    live = True
    unsent = False  # frames of the guest's wait for `flush`, which is due soon
    unplugged = False  # the card's cable is out from the start
    where = ""  # in QEMU's words, for `info network`

    def __init__(self, label: str):
        super().__init__()
        self.label = label
        self.lost = 0  # frames for which there was no room
        self._inbox: deque[bytes] = deque()
        self.happenings: deque[tuple[str, dict[str, Any]]] = deque()  # QEMU's events, from any thread, for monitors

    # from the network

    @property
    def room(self) -> int:
        """How many more frames may arrive; a backend that can make its peer wait reads no more than these."""
        return INBOX - len(self._inbox)

    def arrive(self, frame: bytes) -> None:
        """A frame for the guest, without its frame check sequence. Whoever has brought some calls `wake`."""
        if len(frame) > FRAME_MAX or self.room <= 0:
            self.lost += 1
        else:
            self._inbox.append(frame)

    @property
    def waiting(self) -> bool:
        return bool(self._inbox)

    def take(self) -> bytes:
        """The first of those that wait. A backend that has stopped reading goes on (`poke`)."""
        frame = self._inbox.popleft()
        if len(self._inbox) == INBOX // 2:
            self.poke()
        return frame

    # from the guest

    def send(self, frame: bytes) -> None:
        """The guest has sent a frame. Called inside a run: must neither wait nor raise. What cannot go out is lost, as
        in any network; `flush` is called soon after.
        """

    def virtual_time(self, ns: int) -> None:
        """The guest's time has got so far: for what follows it (`replay.clocks`, EXTERNAL)."""
