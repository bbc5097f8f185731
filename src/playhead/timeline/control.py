"""The control surface of a machine, which the human monitor, QMP and the command line share: stop, reset, media, keys,
snapshots, replay breakpoints, the end; and the events by which whoever listens is told what has happened.

`Control` declares it, in QEMU's words. A live machine (`live_control.py`) does what is asked for as input, through
the session's sources, so that a recording has it; a replay (`replayed.py`) refuses whatever would change the machine,
always for one reason. What cannot be done raises UsageError, which says why.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.session.drives import DriveNow
from playhead.timeline.moments import Where

RUN_STATES = ("debug", "paused", "prelaunch", "running", "shutdown", "suspended")
"""Those of QEMU's states that a machine here can be in."""

QMP_QUIT, QMP_RESET = "host-qmp-quit", "host-qmp-system-reset"  # causes (`log.causes`)

OFFLINE = "a replay is connected to no network: its packets come from the recording"


class Happening(NamedTuple):
    """One of QEMU's events, in its words: STOP, RESUME, RESET, SHUTDOWN, POWERDOWN, SUSPEND, WAKEUP,
    DEVICE_TRAY_MOVED, NETDEV_STREAM_CONNECTED, NETDEV_STREAM_DISCONNECTED.
    """

    name: str
    data: Mapping[str, Any]


Listener = Callable[[Happening], None]


class Mouse(NamedTuple):
    """A pointing device that takes input. Movements go to the current one."""

    number: int
    name: str
    current: bool
    absolute: bool


class Named(Protocol):
    """A snapshot, of a recording, of a machine that runs, or in an image."""

    @property
    def name(self) -> str: ...
    @property
    def moment(self) -> Moment: ...
    @property
    def virtual_ns(self) -> int: ...
    @property
    def created(self) -> str: ...


class Control:
    """What can be asked of a machine. Commands take effect before they return, if the machine can take them at this
    moment; and so do their events.
    """

    mode = "none"  # of record and replay, in QEMU's words: "none", "record" or "play"
    recording = ""  # the path of it

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    # events

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with each event, on the session's thread; returns what ends that. It must not raise
        and must not ask for anything: the machine may be in the middle of something.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, name: str, **data: Any) -> None:
        """An event has happened. Members that are written with hyphens come as `tray_open`."""
        happening = Happening(name, {key.replace("_", "-"): value for key, value in data.items()})
        for listener in list(self._listeners):
            listener(happening)

    # running and stopping

    def run_state(self) -> str:
        """One of `RUN_STATES`."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether the machine moves by itself (a processor that is asleep does)."""
        return self.run_state() in ("running", "suspended")

    def stop(self) -> None:
        """Pause. Nothing happens if it is paused already."""
        raise NotImplementedError

    def go_on(self) -> None:
        """Continue. Nothing happens if it runs."""
        raise NotImplementedError

    def quit(self, cause: str = QMP_QUIT, by: str = "quit") -> None:
        """End the run. `cause` is in the words of `log.causes`; `by` says in a message who asked for it."""
        raise NotImplementedError

    # what changes the machine

    def press_reset(self, cause: str = QMP_RESET) -> None:
        """`system_reset`."""
        self._unchanged()

    def press_power(self) -> None:
        """`system_powerdown`: the ACPI power button."""
        self._unchanged()

    def wake_up(self) -> None:
        """`system_wakeup`: out of a sleep state."""
        self._unchanged()

    def raise_nmi(self) -> None:
        """`nmi`."""
        self._unchanged()

    def send_input(self, events: Sequence[Any]) -> None:
        """Keys, buttons and movements (`log.events.Input.what`) that belong together."""
        self._unchanged()

    def send_keys(self, keys: Sequence[Any], hold_ms: int | None = None) -> None:
        """`sendkey`, `send-key`: press keys (`session.input_words.keys_of`) one after another, then release them."""
        self._unchanged()

    def type_text(self, text: str, layout: str = "", hold_ms: int | None = None, between_ms: int | None = None) -> None:
        """`type`: press the keys of a text one after another, by this keyboard layout or that of `-k`."""
        self._unchanged()

    def move_mouse(self, dx: int, dy: int, dz: int = 0) -> None:
        """`mouse_move`: to the right and downwards; a click of the wheel if `dz` is not 0, upwards if positive."""
        self._unchanged()

    def press_buttons(self, held: int) -> None:
        """`mouse_button`: those that are pressed from now on (1 left, 2 right, 4 middle)."""
        self._unchanged()

    def mice(self) -> list[Mouse]:
        """`info mice`, `query-mice`."""
        raise NotImplementedError

    def eject(self, device: str, force: bool = False) -> None:
        """Open a drive's tray and take the medium out."""
        self._unchanged()

    def change(self, device: str, path: str, format: str | None = None, force: bool = False,
               read_only: bool = False) -> None:  # fmt: skip
        """Put another medium in. `read_only`: a floppy disk that is write-protected."""
        self._unchanged()

    def set_link(self, name: str, up: bool) -> None:
        """`set_link`: plug the cable of a network card in or out; `name` is that of the card or of its netdev."""
        self._unchanged()

    def netdevs(self) -> list[tuple[str, str]]:
        """(id, what it is in QEMU's words) of each netdev of the machine."""
        raise NotImplementedError

    def net_ends(self) -> Sequence[Any]:
        """What the netdevs are on the host (`host.net.end.NetEnd`); nothing in a replay."""
        return ()

    def displays(self) -> Sequence[Any]:
        """The views of the screen (`host.display.end.DisplayEnd`)."""
        return ()

    def announce(self, cards: Sequence[str] | None = None) -> None:
        """`announce_self`: tell the networks of these cards, or of all, where the machine is. Nothing enters it."""
        raise UsageError(OFFLINE)

    def drives_now(self) -> list[DriveNow]:
        """The drives, and what is in them now."""
        raise NotImplementedError

    def _unchanged(self) -> NoReturn:
        raise UsageError(self.unchangeable())

    def unchangeable(self) -> str:
        """Why the machine cannot be changed; empty if it can."""
        return ""

    # snapshots

    def save(self, name: str) -> Named:
        """`savevm`. The snapshot may be of the next moment instead of this one."""
        raise NotImplementedError

    def load(self, name: str) -> Named:
        """`loadvm`."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        """`delvm`."""
        raise NotImplementedError

    def snapshots(self) -> list[Named]:
        """All that there are."""
        raise NotImplementedError

    # a replay

    def replay_break(self, where: Where) -> Moment:
        """Continuing stops there; a new one replaces it. Returns the moment that is meant."""
        raise UsageError("setting the breakpoint is allowed only in play mode")

    def replay_delete_break(self) -> None:
        raise UsageError("replay breakpoints are allowed only in play mode")

    def replay_seek(self, where: Where) -> Moment:
        """Go there, and be paused."""
        raise UsageError("replay must be enabled to seek")
