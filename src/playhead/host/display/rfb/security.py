"""VNC authentication: a challenge of 16 bytes, which the client encrypts with the password.

It is weak (8 characters, DES, nothing else is encrypted or authenticated), and the only one that every client has.
"""

import hmac

from playhead.host.display.rfb import des

CHALLENGE_BYTES = 16
MOST = 8  # characters of a password that count


def answer(password: str, challenge: bytes) -> bytes:
    """What a client that knows the password sends back."""
    key = bytes(_reversed(byte) for byte in password.encode("latin-1", "replace")[:MOST].ljust(MOST, b"\0"))
    return b"".join(des.encrypt(key, challenge[n : n + 8]) for n in range(0, CHALLENGE_BYTES, 8))


def is_answer(given: bytes, password: str, challenge: bytes) -> bool:
    return hmac.compare_digest(given, answer(password, challenge))


def _reversed(byte: int) -> int:
    """The first implementation took the bits of a key in the other order, and all have had to since."""
    return int(f"{byte:08b}"[::-1], 2)
