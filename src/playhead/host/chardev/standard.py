"""`stdio`: standard input and output, in raw mode if they are a terminal.

Ctrl-A is the escape key on a terminal, and with -nographic or `mux` (host/chardev/mux.py) without one, too.
"""

import os

from playhead.host.chardev.device import Output
from playhead.host.terminal import EscapeFilter, RawTerminal, StatusLine
from playhead.host.watch import IN


class Stdio(Output):
    """`signals`: Ctrl-C is a signal for us, else it goes to the guest. `escapes`: Ctrl-A is the escape key even where
    nobody types. With a mux, which has an escape key of its own, there is none here.
    """

    where = "stdio"
    connections = 1

    def __init__(self, label: str, status: StatusLine, *, signals: bool = True, escapes: bool = False,
                 reads: bool = True):  # fmt: skip
        super().__init__(label, 1)
        self._status = status
        self._shares = os.isatty(1)
        self._reads = reads
        self._escaped_always = escapes
        self.signals = signals
        self.raw: RawTerminal | None = None
        self._escapes: EscapeFilter | None = None

    @property
    def connected(self) -> bool:  # type: ignore[override]
        return self.live

    def open(self) -> None:
        if not self._reads:
            return
        try:
            os.fstat(0)
        except OSError:
            return  # standard input is closed
        if os.isatty(0):
            if not RawTerminal.usable(0):
                return  # a background job
            self.raw = RawTerminal(0, signals=self.signals)
            self.raw.enter()
            self.terminal = self.keys = True
        if (self.terminal or self._escaped_always) and self.sink is None:
            self._escapes = EscapeFilter()
        self.live = True

    def leave_terminal(self) -> None:
        if self.raw is not None:
            self.raw.restore()

    def enter_terminal(self) -> None:
        if self.raw is not None and self.raw.usable(0):
            self.raw.enter()

    def close(self) -> None:
        super().close()
        if self.raw is not None:
            self.raw.restore()

    def flush(self) -> None:
        if self._out and self._shares:
            self._status.clear()
            self._status.guest_wrote(bytes(self._out))
        super().flush()

    def watched(self) -> tuple[int, int]:
        away = self.raw is not None and not RawTerminal.usable(0)  # put into the background
        return 0, IN if self.live and not away and not self._crowded() else 0

    def ready(self, events: int) -> None:
        try:
            data = os.read(0, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the terminal has gone; SIGHUP says so too
        if not data:
            self.live = False
            return
        if self._escapes is not None:
            data, commands = self._escapes.feed(data)
            self.commands.extend(commands)
        if data:
            self._arrived(data)
