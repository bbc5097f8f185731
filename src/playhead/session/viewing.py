"""The sink for screens: shows the machine's screen to whoever looks at it, and takes what is pressed there.

A view is a `DisplayEnd` of the host (`display0`, ...). Some thirty times a second of real time each is asked whether it
wants a picture, and gets one between two runs of the machine. Drawing reads the state of a device, which changes
nothing: a recording that was watched is no other than one that was not.

While somebody looks, the host's watcher wakes the machine more often; without a view this is not there at all. What is
pressed enters a live machine as input. A replay has its input, so there it is ignored, and the user is told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.messages import of_one_kind
from playhead.base.picture import Picture, Text
from playhead.base.record import Record
from playhead.host.display.end import DisplayEnd
from playhead.hw.inputs import lights
from playhead.hw.screen import Screen, screen_of
from playhead.log.events import KeyCode, KeyNumber, MouseButton
from playhead.session.sink import Shown, Sink
from playhead.session.sources import InputSource

MS = 1_000_000
LOOK_NS = 33 * MS
SHARE = 4  # times what drawing took are between two pictures, so that it takes a fifth of the time at most
UNWATCHED_NS = 1000 * MS  # after which nobody is taken to look any more
MOST_BEHIND = 4096  # groups of events that wait at a view
IGNORED = "keys and pointer are ignored: a replay has its input from the recording"


class Viewing(Sink):
    """`caption`: what a replay says of itself; `compose` puts it below the picture. `keys`: takes what is pressed in a
    live session's stead; returns whether it was for it.
    """

    def __init__(self, session: Shown, live: bool):
        super().__init__(session, live)
        self.views: list[DisplayEnd] = []
        self.caption: Callable[[], str] = (lambda: "") if live else self._where
        self.keys: Callable[[Sequence[Record]], bool] = lambda group: False
        self.compose: Callable[[Picture, str], Picture] = lambda picture, caption: picture
        self._screen: Screen | None = None
        self._next_ns = self._watched_ns = 0
        self._watched = False
        self._told: set[str] = set()
        self._down: set[object] = set()  # keys and buttons that are pressed, as far as the machine was told
        self._owed: dict[object, Record] = {}  # releases of such for which there was no room yet

    def connect(self, ends: Mapping[str, Any]) -> bool:
        self.views = [end for end in ends.values() if isinstance(end, DisplayEnd)]
        self._screen = screen_of(self.session.machine.devices)
        return bool(self.views)

    def between(self, now_ns: int) -> None:
        for view in self.views:
            while view.pressed and not self._waits(view):
                self._pressed(view.pressed.popleft())
            while view.happenings:
                name, data = view.happenings.popleft()
                self.session.happened(name, **data)
        if self._owed:
            self._send([])
        if now_ns >= self._next_ns:
            self._look(now_ns)

    def wait_ns(self) -> int | None:
        return LOOK_NS if self._watched else None

    # what is shown

    def _look(self, now_ns: int) -> None:
        self._next_ns = now_ns + LOOK_NS
        lit = lights(self.session.machine.devices)
        for view in self.views:
            if lit is not None:
                view.leds(lit)
        wanting = [view for view in self.views if view.wanted]
        if wanting:
            self._watched_ns = now_ns
            self._show(wanting)
            took_ns = self.session.host.realtime_ns() - now_ns
            self._next_ns = now_ns + max(LOOK_NS, took_ns * (SHARE + 1))
        watched = now_ns - self._watched_ns < UNWATCHED_NS
        if watched != self._watched:
            self._watched = watched
            self.session.host.wake_every(LOOK_NS // MS if watched else None)

    def show_now(self) -> None:
        """Show what is there now to whoever wants it, however short ago the last picture was."""
        self._next_ns = 0
        self.between(self.session.host.realtime_ns())

    def _show(self, wanting: Sequence[DisplayEnd]) -> None:
        text, picture, caption = self._text(), None, self.caption()
        drawn = not all(view.takes_text for view in wanting)
        if text is None or drawn:
            picture = self._picture()
        captioned = self.compose(picture, caption) if drawn and picture is not None and caption else picture
        for view in wanting:
            view.show(picture if view.takes_text else captioned, text, caption)

    def _text(self) -> Text | None:
        return self._screen.text(self.session.machine.now_ns()) if self._screen is not None else None

    def _picture(self) -> Picture | None:
        """None without a screen, or where it cannot be drawn, which the user is told."""
        if self._screen is None:
            return None
        try:
            return self._screen.picture(self.session.machine.now_ns())
        except UsageError as e:
            self._tell(f"the screen cannot be shown as a picture: {e}")
            return None

    def _where(self) -> str:
        machine = self.session.machine
        return f"replay  {machine.now_ns() / 1e9:.3f} s  instruction {machine.icount:,}"

    # what is pressed

    def _waits(self, view: DisplayEnd) -> bool:
        """Whether what was pressed stays where it is (a text that was pasted), until the machine has taken some."""
        if not self.live or len(view.pressed) > MOST_BEHIND:
            return False
        return self.session.sources[InputSource].crowded  # type: ignore[attr-defined,no-any-return]

    def _pressed(self, group: Sequence[Record]) -> None:
        if self.keys(group):
            return
        if not self.live:
            self._tell(IGNORED)
        elif self.session.paused:  # type: ignore[attr-defined]  # nobody types at such a machine, but lets keys go
            self._send([what for what in group if _is_release(what)])
        else:
            self._send(group)

    def _send(self, group: Sequence[Record]) -> None:
        """To the machine. What it has no room for is lost, but for the release of what it knows as pressed."""
        source = self.session.sources[InputSource]  # type: ignore[attr-defined]
        sent = [*self._owed.values(), *(what for what in group if not _is_release(what) or _thing(what) in self._down)]
        if not sent:
            return
        try:
            source.send(sent)
        except UsageError as e:
            self._owed.update({_thing(what): what for what in sent if _is_release(what)})
            self._tell(f"what was pressed at a view is lost: {e}")
            return
        self._owed.clear()
        for what in filter(_thing, sent):
            (self._down.discard if _is_release(what) else self._down.add)(_thing(what))

    def _tell(self, text: str) -> None:
        """Each kind once."""
        if (kind := of_one_kind(text)) not in self._told:
            self._told.add(kind)
            self.session.host.message(text)


def _thing(what: Record) -> object:
    """What is pressed or released; None for a movement."""
    match what:
        case KeyCode():
            return "key", what.key
        case KeyNumber():
            return "number", what.number
        case MouseButton():
            return "button", what.button
    return None


def _is_release(what: Record) -> bool:
    return isinstance(what, (KeyCode, KeyNumber, MouseButton)) and not what.down
