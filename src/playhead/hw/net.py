"""A network card's connection to the outside.

What the guest sends is an effect: it has no answer and cannot fail, so it is no state, and a replay does without. What
comes from outside is input (`hw.inputs.NetReceiver`).
"""

from collections.abc import Callable


def _nobody(frame: bytes) -> None:
    """What a frame becomes until a session listens."""


def mac_bytes(text: str) -> bytes:
    """Of an address such as 52:54:00:12:34:56."""
    return bytes.fromhex(text.replace(":", ""))


class NetPort:
    """What a card is plugged into. `number` counts a machine's netdevs in the order of its description; a card without
    one has None.
    """

    def __init__(self, number: int | None = None):
        self.number = number
        self.sent: Callable[[bytes], None] = _nobody

    def send(self, frame: bytes) -> None:
        """The guest has sent this Ethernet frame, which is without its frame check sequence."""
        self.sent(frame)
