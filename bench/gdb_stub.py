"""A client of a gdb stub, QEMU's or ours, that only asks: it costs less than gdb, in favour of QEMU's figures."""

from __future__ import annotations

import contextlib
import socket
import time

CONNECT_S = 10


class Stub:
    """A connection. `command` sends one packet and returns the answer. `patience_s`: for the stub to listen."""

    def __init__(self, port: int, patience_s: float = CONNECT_S):
        end = time.monotonic() + patience_s
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), 1)
                break
            except OSError:
                if time.monotonic() > end:
                    raise SystemExit("the gdb stub does not answer") from None
                time.sleep(0.02)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = b""

    def send(self, text: str) -> None:
        data = text.encode()
        with contextlib.suppress(ConnectionError):  # then nothing is received
            self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def interrupt(self) -> None:
        self._socket.sendall(b"\x03")

    def receive(self, timeout_s: float | None = None) -> str:
        """The next packet; "" if the other side has gone. Raises TimeoutError."""
        self._socket.settimeout(timeout_s)
        while True:
            begin, end = self._got.find(b"$"), self._got.find(b"#")
            if 0 <= begin < end and len(self._got) >= end + 3:
                packet, self._got = self._got[begin + 1 : end], self._got[end + 3 :]
                self._socket.sendall(b"+")
                return packet.decode(errors="replace")
            try:
                more = self._socket.recv(1 << 16)
            except ConnectionError:
                return ""
            if not more:
                return ""
            self._got = self._got.lstrip(b"+") + more

    def command(self, text: str, timeout_s: float | None = None) -> str:
        self.send(text)
        return self.receive(timeout_s)
