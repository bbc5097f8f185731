"""The user-mode network that a machine has by default: nobody has asked for it, so it costs nothing until it is used,
and it is no mistake if it cannot be there.

Its process starts with the first frame that the guest sends, or when the monitor asks something of it. Until then
nothing can come from it, so a machine that halts for good ends its run. Without libslirp its card's cable is unplugged.
"""

from playhead.base.errors import HostError, Refused
from playhead.host.net.slirp_wire import DONE
from playhead.host.net.user import UserNet, available
from playhead.host.net.user_options import UserOptions

MISSING = (
    "without libslirp (Debian's package libslirp0) the network card that there is by default has its cable unplugged "
    "(-nic none: no card)"
)


class DefaultUserNet(UserNet):
    _begun = _starting = False

    def __init__(self, label: str, options: UserOptions):
        super().__init__(label, options)
        self.missing = ""  # why there is no network

    def _start(self) -> None:
        """Not yet."""

    def open(self) -> None:
        if not available():
            self.missing, self.unplugged, self._ended = MISSING, True, True
            self.message(MISSING)

    def opened(self) -> None:
        """There is nothing to wait for."""

    def _begin(self) -> None:
        if self._begun or self._ended:
            return
        try:
            super()._start()
        except HostError as e:
            self._ended = True
            self.message(str(e))
            return
        self._begun, self._starting, self._unanswered = True, True, 1  # it says when it is ready
        self.poke()

    def _answered(self, answer: str) -> None:
        """The first answer is that to its start: what `UserNet.opened` waits for."""
        if not self._starting:
            super()._answered(answer)
            return
        self._starting = False
        self._unanswered -= 1
        if answer[0] == DONE:
            self.library = answer[1:]
        else:
            self._why, self._ended = answer[1:], True

    @property
    def live(self) -> bool:  # type: ignore[override]
        return self._begun and not self._ended

    def send(self, frame: bytes) -> None:
        self._begin()
        super().send(frame)

    def virtual_time(self, ns: int) -> None:
        if self._begun:
            super().virtual_time(ns)

    def watched(self) -> tuple[int, int]:
        return super().watched() if self._begun else (-1, 0)

    def close(self) -> None:
        if self._begun:
            super().close()

    def _ask(self, *request: str) -> str:
        if self.missing:
            raise Refused(self.missing)
        self._begin()
        return super()._ask(*request)
