"""Views of the screen: shown between two runs while somebody looks; what is pressed there enters live machines only."""

import pytest
from quiet_host import QuietHost
from test_input import DEAF, HALTING, POLLING, machine

from playhead.base.errors import UsageError
from playhead.base.picture import Picture, Text
from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.host.display.end import DisplayEnd
from playhead.log.event_names import BUTTONS, KEYS
from playhead.log.events import Input, KeyCode, MouseButton
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session import viewing
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplaySession
from playhead.session.sources.input import MOST_WAITING
from tools import guest

COUNTS = """
        .include "pc.inc"
        .text
main:   movl    $20000, %ecx
1:      movl    %ecx, 0x90000(,%ecx,4)
        loop    1b
        jmp     pass
"""


class Screen:
    SCREEN = True

    def __init__(self, font=True):
        self.drawn, self.font = 0, font

    def picture(self, now_ns):
        self.drawn += 1
        if not self.font:
            raise UsageError(f"no font at {now_ns}")
        return Picture(2, 1, b"\1\2\3\0\4\5\6\0")

    def text(self, now_ns):
        return Text(2, 1, b"a\7b\7", (1, 0))


class View(DisplayEnd):
    """It looks whenever it is asked, but for the first times, and takes what it is shown."""

    def __init__(self, after=0, takes_text=False):
        super().__init__()
        self.shown, self.after, self.takes_text, self.lit = [], after, takes_text, set()

    def leds(self, lit):
        self.lit.add(lit)

    @property
    def wanted(self):
        self.after -= 1
        return self.after < 0

    def show(self, picture, text, caption=""):
        self.shown.append((picture, text, caption))


class Watched(QuietHost):
    all_at_once = False

    def __init__(self, *views, press=(), **more):
        super().__init__(live=True, **more)
        self.ends.update({f"display{n}": view for n, view in enumerate(views)})
        self.views, self.press, self.wakes = views, list(press), []

    def wake_every(self, ms):
        self.wakes.append(ms)

    def realtime_ns(self):
        if self.press and b"ready" in self.serial[0].written:
            many = len(self.press) if self.all_at_once else 1
            self.views[0].pressed.extend(self.press[:many])
            del self.press[:many]
        return super().realtime_ns()


@pytest.fixture
def screen(monkeypatch):
    one = Screen()
    monkeypatch.setattr(viewing, "screen_of", lambda devices: one)
    return one


def record(tmp_path, build, host, name="r.ph", **options):
    with Writer(str(tmp_path / name), True) as writer:
        options = Options(meta={"config": {}}, digest_period=1000, **options)
        session = RecordSession(build, host, options, writer)
        session.run()
    return session


def replay(tmp_path, build, host, name="r.ph"):
    with Reader(str(tmp_path / name)) as reader:
        session, happened = ReplaySession(build, host, reader), []
        session.happened = lambda name, **data: happened.append((name, data))
        return happened, session.run()


def key(name, down):
    return [KeyCode(key=KEYS.index(name), down=down)]


def typed(text):
    return [key(name, down) for name in text for down in (True, False)] + [key("spc", True), key("spc", False)]


def printed(host):
    return host.serial[0].written.partition(b"ready")[2].split(b"\r")[0].decode()


def test_views_are_shown_what_is_there_and_a_replay_says_where_it_is(tmp_path, screen):
    def build(door):
        return machine(door, HALTING, tmp_path)

    view = View()
    host = Watched(view, press=typed("a"))
    record(tmp_path, build, host)
    assert printed(host) == " 1E 9E 39 B9"
    assert view.shown and set(view.shown) == {(Picture(2, 1, b"\1\2\3\0\4\5\6\0"), Text(2, 1, b"a\7b\7", (1, 0)), "")}

    view = View()
    view.happenings.append(("VNC_CONNECTED", {"client": 1}))
    host = Watched(view, press=typed("bc"))
    happened, outcome = replay(tmp_path, build, host)
    assert happened == [("VNC_CONNECTED", {"client": 1})]
    assert outcome.complete and printed(host) == " 1E 9E 39 B9"
    assert host.messages == [viewing.IGNORED]
    assert view.shown[-1][2].startswith("replay  0.") and "instruction " in view.shown[-1][2]


def test_a_watched_recording_is_the_one_that_nobody_watched(tmp_path, screen):
    """All digests, at every thousandth instruction."""
    image = guest.firmware(COUNTS, tmp_path)

    def build(door):
        return Machine(PcConfig(bios=image, ram_bytes=1 << 20, **pc_devices.parts()), door)

    digests, watched = [], Watched(View(), View(takes_text=True), step_ns=50 * viewing.MS)
    for name, host in ("plain", QuietHost()), ("watched", watched):
        record(tmp_path, build, host, name)
        with Reader(str(tmp_path / name)) as reader:
            digests.append([digest for batch in reader.batches() for digest in batch.digests])
            assert not [entry for entry in reader.entries() if isinstance(entry.event, Input)]
    assert digests[0] == digests[1] and len(digests[0]) > 40
    assert screen.drawn > 10
    drawn = screen.drawn
    assert replay(tmp_path, build, Watched(View(), step_ns=50 * viewing.MS), "plain")[1].complete
    assert screen.drawn > drawn


def test_without_a_view_nothing_is_asked(tmp_path, screen):
    host = Watched(press=())
    host.plan.append((400, 0, b""))
    host.quit_at = 500
    session = record(tmp_path, lambda door: machine(door, POLLING, tmp_path), host)
    assert session.sinks.wait_ns(7) == 7 and not host.wakes and not screen.drawn


def test_the_machine_is_woken_more_often_only_while_somebody_looks(tmp_path, screen):
    """A view that wants nothing costs no picture."""
    view = View(after=20)
    host = Watched(view, quit_at=3000)
    session = record(tmp_path, lambda door: machine(door, POLLING, tmp_path), host)
    assert host.wakes == [33] and session.sinks.wait_ns(100 * viewing.MS) == viewing.LOOK_NS
    view.after = 1 << 30
    for _ in range(60):
        host.real += viewing.LOOK_NS
        session.sinks.between()
    assert host.wakes == [33, None] and session.sinks.wait_ns(7) == 7


def test_views_are_told_which_lights_of_the_keyboard_are_lit(tmp_path, screen):
    view = View()
    record(tmp_path, lambda door: machine(door, HALTING, tmp_path), Watched(view, press=typed("a")))
    assert view.lit == {0}


def test_text_alone_needs_no_picture(tmp_path, screen):
    view = View(takes_text=True)
    record(tmp_path, lambda door: machine(door, POLLING, tmp_path), Watched(view, quit_at=1000))
    assert view.shown[0][1] == Text(2, 1, b"a\7b\7", (1, 0)) and not screen.drawn


def test_the_caption_is_below_no_picture_of_a_view_that_takes_text(tmp_path, screen):
    """It has a row of its own there, and says how large the machine's picture is."""
    views = View(), View(takes_text=True)
    session = record(tmp_path, lambda door: machine(door, POLLING, tmp_path), Watched(*views, quit_at=1000))
    sink = session.sinks[viewing.Viewing]
    sink.caption, sink.compose = (lambda: "caption"), (lambda picture, caption: Picture(2, 2, bytes(16)))
    sink.show_now()
    assert [view.shown[-1][0].height for view in views] == [2, 1]
    assert {view.shown[-1][2] for view in views} == {"caption"}


def test_a_screen_that_cannot_be_drawn_is_told_of_once(tmp_path, screen):
    screen.font, view = False, View()
    host = Watched(view, quit_at=1000)
    record(tmp_path, lambda door: machine(door, POLLING, tmp_path), host)
    assert len(view.shown) > 2 and all(picture is None for picture, _, _ in view.shown)
    assert len(host.messages) == 1 and host.messages[0].startswith("the screen cannot be shown as a picture: no font")


def test_a_long_text_waits_until_there_is_room(tmp_path, screen):
    """1,000 keys are more than a queue takes; the guest reads at its leisure."""
    text = "qwertyuiop" * 100
    host = Watched(View())
    host.press, host.all_at_once = typed(text), True
    record(tmp_path, lambda door: machine(door, POLLING, tmp_path), host)
    assert len(printed(host).split()) == 2 * len(text) + 2 and not host.messages


def test_what_there_is_no_room_for_is_lost_but_no_release(tmp_path, screen, monkeypatch):
    """A guest that does not listen: what it is told later has an end for each key that it knows as pressed."""
    monkeypatch.setattr(viewing, "MOST_BEHIND", -1)
    presses = [key("a", True), *(key("b", down) for _ in range(MOST_WAITING) for down in (True, False))]
    presses += [key("c", True), key("a", False)]
    host = Watched(View(), press=presses, quit_at=20_000)
    session = record(tmp_path, lambda door: machine(door, DEAF, tmp_path), host)
    assert len(host.messages) == 1
    assert host.messages[0].startswith("what was pressed at a view is lost: the keyboard has")
    view = session.sinks[viewing.Viewing]
    queue = session.sources[viewing.InputSource]._queues[0]
    queue.waiting.clear()
    view.between(host.realtime_ns())
    down = [event.what for event in queue.waiting if isinstance(event, Input)]
    assert KeyCode(key=KEYS.index("a"), down=False) in down and not [what for what in down if what.down]


def test_what_no_device_takes_is_told_and_harms_nothing(tmp_path, screen):
    from playhead.log.events import MovedTo

    group = [MovedTo(axis=0, value=5), MouseButton(button=BUTTONS.index("left"), down=True)]
    host = Watched(View(), press=[group, *typed("a")])
    record(tmp_path, lambda door: machine(door, HALTING, tmp_path), host)
    assert printed(host) == " 1E 9E 39 B9"
    assert len(host.messages) == 1 and "no device of this machine takes input of kind" in host.messages[0]


def test_keys_are_let_go_in_a_pause_and_none_is_pressed(tmp_path, screen):
    host = Watched(View(), press=[key("a", True)], quit_at=2000)
    session = record(tmp_path, lambda door: machine(door, POLLING, tmp_path), host)
    view, queue = session.sinks[viewing.Viewing], session.sources[viewing.InputSource]._queues[0]
    queue.waiting.clear()
    session.pause()
    host.views[0].pressed.extend([key("a", False), key("b", True), key("b", False)])
    view.between(host.realtime_ns())
    assert [event.what for event in queue.waiting if isinstance(event, Input)] == key("a", False)
