"""Telnet (RFC 854) between a socket and a guest: negotiation is answered here and never reaches the guest.

We ask for what QEMU asks for: characters one by one, shown only when they are sent back (ECHO, SUPPRESS-GO-AHEAD), and
eight bits (BINARY). Everything else that the other side proposes is declined, each time that it is.
"""

IAC, DONT, DO, WONT, WILL, SB, SE = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
BINARY, ECHO, GO_AHEAD = 0, 1, 3
OFFERS = bytes((IAC, WILL, ECHO, IAC, WILL, GO_AHEAD, IAC, WILL, BINARY, IAC, DO, BINARY))
CR, NUL = 0x0D, 0x00


class Telnet:
    """One connection. `offers` is what we say first; `feed` separates data from negotiation."""

    def __init__(self, server: bool):
        self.offers = OFFERS if server else b""
        self._ours = (BINARY, ECHO, GO_AHEAD) if server else ()
        self._theirs = (BINARY,) if server else (BINARY, ECHO, GO_AHEAD)
        self._state = ""  # "", "iac", "option", "sub", "sub-iac"
        self._verb = 0
        self._binary = False  # they send eight bits, and a CR as it is
        self._cr = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What came -> (data, what to answer)."""
        if not self._state and not self._cr and IAC not in data and CR not in data:
            return data, b""
        out, answer = bytearray(), bytearray()
        for byte in data:
            self._byte(byte, out, answer)
        return bytes(out), bytes(answer)

    def _byte(self, byte: int, out: bytearray, answer: bytearray) -> None:
        if self._state == "":
            if byte == IAC:
                self._state = "iac"
            elif not (self._cr and byte == NUL):  # without BINARY a CR alone is sent as CR NUL
                out.append(byte)
            self._cr = byte == CR and not self._binary
        elif self._state == "iac":
            self._command(byte, out)
        elif self._state == "option":
            self._state = ""
            self._option(byte, answer)
        elif self._state == "sub":
            self._state = "sub-iac" if byte == IAC else "sub"
        else:
            self._state = "" if byte == SE else "sub"

    def _command(self, byte: int, out: bytearray) -> None:
        self._state = ""
        if byte == IAC:
            out.append(IAC)
        elif byte == SB:
            self._state = "sub"
        elif byte in (DO, DONT, WILL, WONT):
            self._verb, self._state = byte, "option"

    def _option(self, option: int, answer: bytearray) -> None:
        verb = self._verb
        if option == BINARY and verb in (WILL, WONT):
            self._binary = verb == WILL
        if verb == DO and option not in self._ours:
            answer += bytes((IAC, WONT, option))
        elif verb == WILL and option not in self._theirs:
            answer += bytes((IAC, DONT, option))
        elif verb == WILL and not self.offers:
            answer += bytes((IAC, DO, option))

    @staticmethod
    def escaped(data: bytes) -> bytes:
        """Output, as it goes over the wire."""
        return data.replace(b"\xff", b"\xff\xff") if IAC in data else data
