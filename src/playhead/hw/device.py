"""The base of every chip: a name, what it declares of itself, declared state, reset, save and load."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from playhead.base.record import Record
from playhead.hw.declared import Declared
from playhead.hw.outlet import Outlet
from playhead.hw.surroundings import Surroundings


class NoState(Record):
    """For chips that remember nothing."""


class Differs(NamedTuple):
    """A case in which the data sheet and QEMU 7.2 say two things. We follow QEMU where systems that were written on it
    would fail otherwise, and the data sheet where they cannot tell. docs/reference/devices.md lists all of them.
    """

    case: str
    sheet: str  # what the data sheet says
    qemu: str  # what QEMU does
    as_qemu: bool


S = TypeVar("S", bound=Record)


class Device(Generic[S]):
    """A chip. Subclasses declare `State` (a record) and keep everything guest-visible in `self.state`, which is one
    object for the chip's life: native code may know its address.

    Anything outside `self.state` must be derivable from it (wiring, caches); `loaded` is called after a state was
    put in, to derive it again. `loaded` must not touch other devices: their state may not be there yet.
    """

    State: type[S]
    part = "device"
    INPUT: ClassVar[str] = ""  # the kind of input from outside that it takes (`hw.inputs`)
    DIFFERS: ClassVar[tuple[Differs, ...]] = ()
    SCREEN: ClassVar[bool] = False  # whether it shows something (`hw.screen.Screen`)

    outlet: Outlet | None = None
    """Where its output goes, if it has any; whoever runs native code drains it afterwards."""
    QEMU: ClassVar[Declared]

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        """The device of this name in its surroundings; `p` has all its properties."""
        raise NotImplementedError

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        """What properties that are not set come to beside the devices before it: those that have to be set. Raises
        UsageError if it does not fit in.
        """
        return {}

    def __init__(self, name: str):
        self.name = name
        self.state = self.State()

    def reset(self) -> None:
        """The effect of the reset line: all declared state back to its defaults. Chips that keep some override it."""
        self.state.reset()
        self.loaded()

    def resume(self) -> None:
        """The effect of being woken from suspend to RAM: the power comes back. Chips that kept it override this."""
        self.reset()

    def set_up(self) -> None:
        """Called at the start of a machine without firmware, behind `reset`: do what firmware would have done."""

    def loaded(self) -> None:
        """Derive again what depends on the state."""

    def save(self) -> bytes:
        return self.state.encode()

    def load(self, data: bytes) -> None:
        self.state.decode_into(data)
        self.loaded()
