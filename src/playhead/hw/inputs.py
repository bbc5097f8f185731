"""How a device takes input from outside. Each call of `receive` is one recorded event.

What the device cannot take now waits on the host's side, for as long as it likes: `can_receive` says how much that is,
from the device's state alone. So it is the same in a replay, and nothing is lost between the two. A device that loses
input (a receiver that is switched off) does so in `receive`, by its state as well.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from playhead.base.record import Record
from playhead.hw.net import NetPort

# kinds of input (`Device.INPUT`)
SERIAL, INPUT, NET, AUDIO, POWER, NMI = "serial", "input", "net", "audio", "power", "nmi"


class Receiver(Protocol):
    """A device that takes bytes."""

    on_room: Callable[[], None]
    """Called, from inside a run, when a device that could take nothing or little can take more, and the guest is
    waiting for it. A live session sets it, so that input need not wait for the session's next look."""

    def can_receive(self) -> int:
        """How many bytes `receive` takes now."""
        ...

    def receive(self, data: bytes) -> int:
        """Take bytes; returns how many were taken."""
        ...


class InputReceiver(Protocol):
    """A part of a device that takes keys, or movements and buttons. The device of this kind has them as `receivers`,
    and calls its `on_room` when the guest has read from one.
    """

    name: str
    TAKES: tuple[type[Record], ...]
    """The variants of `log.events.Input` that are its own."""

    @property
    def unsent(self) -> bool:
        """Whether another sync would tell the guest more of what it has taken."""
        ...

    def can_take(self, what: Any) -> bool:
        """Whether there is room for this now."""
        ...

    def take(self, what: Any) -> None: ...

    def sync(self) -> None:
        """What it has taken belongs together, and that is all of it."""
        ...


class NetReceiver(Protocol):
    """A network card. Whether its link is up is state of its own, which no reset changes: while it is down, the card
    neither sends nor receives.
    """

    port: NetPort
    """What `Surroundings.netdev` gave it."""

    on_room: Callable[[], None]
    """Called when `can_receive` may have become true by something that the guest did (as a `Receiver`'s)."""

    def can_receive(self) -> bool:
        """Whether a frame may come now. A card that is switched off takes frames and drops them: False means that the
        guest will make room.
        """
        ...

    def receive(self, frame: bytes) -> None:
        """A frame has come, of any length, without its frame check sequence. What is none for this card, it drops."""
        ...

    def set_link(self, up: bool) -> None:
        """The cable has been plugged in or out."""
        ...


class PowerManagement(Protocol):
    """The chip that the power button is wired to."""

    def power_button(self) -> None: ...

    def wake_up(self) -> None:
        """From outside, by no button: ends a suspension, if there is one."""
        ...


class NmiInput(Protocol):
    """A processor's pin for non-maskable interrupts."""

    def nmi_button(self) -> None: ...


def takers(devices: Mapping[str, Any], kind: str) -> list[Any]:
    """Those of a machine's devices that take this kind of input, in their order: the n-th has number n in events."""
    return [device for device in devices.values() if getattr(device, "INPUT", "") == kind]


def lights(devices: Mapping[str, Any]) -> int | None:
    """Which lights of the machine's keyboard are lit: scroll lock, num lock, caps lock from bit 0 on; None: it has none
    that can be seen.
    """
    keyboards = (receiver for device in takers(devices, INPUT) for receiver in device.receivers)
    return next((one.lights for one in keyboards if hasattr(one, "lights")), None)


def nobody_waits() -> None:
    """What `on_room` is until a session sets it."""
