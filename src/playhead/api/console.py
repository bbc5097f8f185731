"""The far end of a live machine's serial port, for a program: wait for a text, send one, in the manner of pexpect.

A thread reads all that the guest prints, because a machine whose output nobody takes is paused. What was not asked for
yet waits here.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from playhead.base.errors import MachineEnded, TimedOut, UsageError

PIECE = 1 << 16  # bytes
SHOWN = 200  # bytes of output in an error's text
PATIENCE_S = 60.0

Pattern = bytes | str | re.Pattern[bytes]


class Console:
    """What was printed is bytes; patterns are regular expressions over bytes (text stands for its UTF-8)."""

    def __init__(self, connection: socket.socket, name: str):
        self.name = name
        self.before = b""  # what came before the last match
        self.match: re.Match[bytes] | None = None
        self._connection = connection
        self._unread = bytearray()
        self._over = False
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, name=f"{name} of a machine", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                data = self._connection.recv(PIECE)
            except OSError:
                data = b""
            with self._changed:
                self._unread += data
                self._over = not data
                self._changed.notify_all()
            if not data:
                return

    # what the guest prints

    @property
    def waiting(self) -> bytes:
        """What was printed and not read yet; it stays."""
        with self._changed:
            return bytes(self._unread)

    def expect(self, pattern: Pattern | Sequence[Pattern], timeout_s: float = PATIENCE_S) -> re.Match[bytes]:
        """Wait until the output matches a regular expression, or one of several: of those that match, the one that
        begins first. What was printed up to the match's end is read then; `before` has what came before it. Raises
        TimedOut, and MachineEnded if the machine has ended without printing it.
        """
        several: Any = pattern if isinstance(pattern, (list, tuple)) else [pattern]
        patterns = [_compiled(one) for one in several]
        if not patterns:
            raise UsageError("nothing to expect: give a regular expression")
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                text = bytes(self._unread)
                found = [match for one in patterns if (match := one.search(text)) is not None]
                if found:
                    self.match = min(found, key=lambda match: match.start())
                    self.before = text[: self.match.start()]
                    del self._unread[: self.match.end()]
                    return self.match
                left_s = deadline_s - time.monotonic()
                wanted = " or ".join(repr(one.pattern) for one in patterns)
                if self._over:
                    raise MachineEnded(f"{self.name}: the machine ended before {wanted}; it had printed {_end(text)}")
                if left_s <= 0:
                    raise TimedOut(f"{self.name}: no {wanted} in {timeout_s:g} s; it printed {_end(text)}")
                self._changed.wait(left_s)

    def read(self, timeout_s: float = 0.0) -> bytes:
        """All that was printed and not read yet. If that is nothing, wait for so long; nothing may still come of it."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._unread and not self._over and (left_s := deadline_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            out = bytes(self._unread)
            self._unread.clear()
            return out

    # what the guest reads

    def send(self, data: bytes | str) -> None:
        """Type something; text is sent as UTF-8. Waits while much is there that the guest has not read. Raises
        MachineEnded.
        """
        try:
            self._connection.sendall(data.encode() if isinstance(data, str) else data)
        except OSError:
            raise MachineEnded(f"{self.name}: the machine has ended") from None

    def send_line(self, text: bytes | str = b"") -> None:
        """The same, and the key Enter."""
        self.send((text.encode() if isinstance(text, str) else text) + b"\r")

    def close(self) -> None:
        self._connection.close()


def _compiled(pattern: Pattern) -> re.Pattern[bytes]:
    if isinstance(pattern, re.Pattern):
        return pattern
    try:
        return re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
    except (re.error, TypeError, AttributeError) as e:
        raise UsageError(f"{pattern!r} is no regular expression: {e}") from None


def _end(text: bytes) -> str:
    return ("..." if len(text) > SHOWN else "") + repr(text[-SHOWN:])[1:] if text else "nothing"
