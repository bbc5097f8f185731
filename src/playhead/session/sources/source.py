"""What an input source is: the one place that knows a kind of input from outside.

A source says, in a live session, whether input is pending that the machine can take now (`pending`) and what enters
(`take`, which makes the events); and in a live session and in a replay alike, what an event does to the machine
(`apply`). The session decides at which moment, logs the event, and asks the sources in a fixed order.

Two rules keep this exact. What the machine cannot take waits on the host's side: `take` never makes an event for it, so
nothing is lost however much there is. And whether a device takes, refuses or drops input is decided by the device's
state alone, in `apply` and below: so a replay, which has the same state, does the same.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from playhead.base.units import NEVER
from playhead.log.events import Event
from playhead.replay.checkpoints import Checkpoint

if TYPE_CHECKING:
    from playhead.log.reader import Reader
    from playhead.session.sound import Listener
    from playhead.session.target import MachineLike
    from playhead.session.traffic import Traffic


class Refused(Exception):
    """The machine cannot take this event; the text says what it was to take and why not. A live session never makes
    such an event; in a replay it is a divergence.
    """


class Session(Protocol):
    """What a source may use of its session. In a replay there is a host too, but nothing of it may enter the machine:
    there only `machine` is used.
    """

    host: Any
    machine: "MachineLike"
    happened: Callable[..., None]
    """Tell whoever listens to this session of one of QEMU's events (`timeline.control`): `happened("WAKEUP")`."""

    traffic: list["Traffic"]
    """Whoever wants to see the packets."""

    sounds: list["Listener"]
    """Whoever wants to hear what is played."""

    def ask(self, kind: type[Event]) -> Event:
        """From inside a run: a device asks for input of this kind (`pulled`). Must not raise."""
        ...

    def finish(self, cause: str, status: int, note: str = "") -> None:
        """The run ends here (`cause` in the words of `log.causes`)."""
        ...


E = TypeVar("E", bound=Event)


class Source(Generic[E]):
    """A source of input. The methods of the first group are needed, each of the others has a use for some."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = ()
    """The kinds of events that are its own (`log.events`)."""

    CHECKPOINT: ClassVar[Checkpoint] = Checkpoint.CLOCK_WARP_ACCOUNT
    """Where in the session's loop they enter, in QEMU's terms."""

    def __init__(self, session: Session):
        self.session = session

    def apply(self, event: E) -> None:
        """The event happens to the machine: in a live session, and again in each replay."""
        raise NotImplementedError

    @property
    def pending(self) -> bool:
        """Whether input is here that the machine can take now."""
        return False

    def take(self) -> Iterator[E]:
        """Each event that enters at this moment. What follows a `yield` runs when that event has happened."""
        return iter(())

    def built(self) -> None:
        """The machine has been built, in a live session and in a replay alike."""

    # a live session

    def connect(self) -> None:
        """The machine has been built: find the devices that this is about, and the host's ends."""

    @property
    def busy(self) -> bool:
        """Whether something is under way whose end will come for certain: a halted machine waits for it, even if it
        does not sleep.
        """
        return False

    def limit(self) -> int | None:
        """How many instructions the machine may run before `pending` is to be asked again; None: until the host wakes
        it, or a device does (`on_room`).
        """
        return None

    def due_ns(self) -> int:
        """The virtual time at which `pending` will be true, for input that waits for just that; NEVER: none does. A
        halted machine's time moves no further than that.
        """
        return NEVER

    def passed(self, virtual_ns: int) -> None:
        """Virtual time has got so far; a halted CPU's would have if input came now."""

    def ran(self, host_ns: int, instructions: int) -> None:
        """The machine has run so much, without a halt in between."""

    def restored(self) -> None:
        """The machine has been put into another state (`loadvm`, a branch)."""

    def put_off(self, host_ns: int) -> None:
        """So much real time does not count: the machine was paused."""

    def look_after(self, now_ns: int) -> None:
        """Real time has passed; called every 50 ms or so."""

    def keep_originals(self) -> None:
        """From now on the machine may be put back to its state of now: keep what of the outside belongs to it."""

    # input that the guest asks for

    QUESTION: ClassVar[str] = ""
    """What a device does that asks for it, in the past tense, for a message: `read the host clock`."""

    def answer(self) -> E:
        """The event that answers a device's question (`Door.ask`), for kinds that are `pulled`."""
        raise NotImplementedError

    # a replay

    def recorded_ends(self, reader: "Reader") -> Mapping[str, Any]:
        """What a replay's machine has in place of the host's ends of these names."""
        return {}

    @property
    def lacking(self) -> str:
        """What the machine wanted of them that the recording does not have; empty if nothing."""
        return ""
