"""Lines typed at standard input, for a prompt: the terminal edits them, we get them whole."""

import contextlib
import os
from collections import deque

from playhead.host.watch import IN

MOST = 1 << 16  # bytes without a line end


class Lines:
    """A source for the watcher. `take` gives the next line, None if there is none yet; `over` at the end of input."""

    def __init__(self, prompt: str):
        self.terminal = os.isatty(0)
        self._prompt = prompt if self.terminal else ""
        self._lines: deque[str] = deque()
        self._rest = b""
        self._end = False

    @property
    def over(self) -> bool:
        return self._end and not self._lines

    def show_prompt(self) -> None:
        if self._prompt and not self._end:
            with contextlib.suppress(OSError):
                os.write(1, self._prompt.encode())

    def take(self) -> str | None:
        return self._lines.popleft() if self._lines else None

    def watched(self) -> tuple[int, int]:
        return (-1, 0) if self._end else (0, IN)

    def ready(self, events: int) -> None:
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > MOST:
            lines, self._rest, self._end = [*lines, self._rest] if self._rest else lines, b"", True
        self._lines.extend(line.decode(errors="surrogateescape") for line in lines)
