"""A replay that is watched: its pace, also where the guest sleeps, and where the keys lead."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.host.display.end import DisplayEnd
from playhead.host.host import Host
from playhead.log.events import KeyNumber
from playhead.log.input_events import key, moved
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.track import Stopped
from playhead.timeline.timeline import Timeline
from playhead.timeline.watching import HELP, WatchedReplay
from tools import guest

# It counts 60 ticks of 50 ms on the screen, and sleeps between them; then it ends the run.
TICKS = """
        .include "pc.inc"
        .text
main:   call    pic_init
        gate    0x20, tick
        outport 0x43, 0x34
        outport 0x40, 0x0B
        outport 0x40, 0xE9
        outport 0x21, 0xFE
        xorl    %esi, %esi
1:      sti
        hlt
        cli
        cmpl    $60, %esi
        jne     1b
        jmp     pass
tick:   pushl   %eax
        incl    %esi
        movl    %esi, %eax
        movb    %al, 0xB8000(,%esi,2)
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iretl
"""
END_NS = 3_000_000_000
TRIES = 8


class View(DisplayEnd):
    """It keeps what it is shown: when, the text, and the caption."""

    takes_text = True

    def __init__(self):
        super().__init__()
        self.shown = []

    @property
    def wanted(self):
        return True

    def show(self, picture, text, caption=""):
        ticks = sum(code == n for n, code in enumerate(text.cells[::2][:61]) if n)
        self.shown.append((time.monotonic(), ticks, caption))

    @property
    def caption(self):
        return self.shown[-1][2] if self.shown else ""

    def press(self, *names):
        for name in names:
            self.pressed.extend([[key(name, True)], [key(name, False)]])
        self.wake()

    def until(self, condition, seconds=90):
        end = time.monotonic() + seconds
        while not (self.shown and condition(self.shown[-1])):
            assert time.monotonic() < end, self.shown[-3:]
            time.sleep(0.005)
        return self.shown[-1]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    image = guest.firmware(TICKS, folder)
    config = PcConfig(bios=image, ram_bytes=1 << 20, **pc_devices.parts(debug_exit=0xF4))
    meta = {"config": config.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = Options(meta=meta, blobs=tuple(config.blobs().values()), sleep=False)
    with Writer(str(folder / "r.ph"), True) as writer:
        session = RecordSession(lambda door: Machine(config, door), Host(["null"]), options, writer)
        outcome = session.run()
    assert abs(outcome.virtual_ns - END_NS) < END_NS // 10
    return str(folder / "r.ph"), config


class Watching:
    """A replay on a thread of its own."""

    def __init__(self, recording, **more):
        path, config = recording
        self.reader = Reader(path)
        self.host, self.view = Host(["null"], reads=False), View()
        self.host.connect("display0", self.view)
        self.line = Timeline(lambda door: Machine(config, door), self.host, self.reader, 1)
        self.target = WatchedReplay(self.line, self.host, self.host.outputs, lambda: "", **more)
        self.target.controlled = lambda: True
        self.error = None

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        try:
            with self.host:
                self.host.start(self.line.kick)
                self.line.begin()
                self.began = time.monotonic()
                self.target.run()
        except BaseException as e:
            self.error = e

    def __exit__(self, *exc):
        self.view.press("q")
        self.thread.join(90)
        assert not self.thread.is_alive() and self.error is None
        self.reader.__exit__(None, None, None)


@pytest.mark.parametrize("speed", [4.0, 8.0])
def test_the_pace(recording, speed):
    """Never faster; slower only where this host is too busy for it."""
    for _ in range(TRIES):
        with Watching(recording, speed=speed) as one:
            at, _, _ = one.view.until(lambda shown: shown[1] >= 56)
            took_s = at - one.began
            assert 0.9 * 2.8 / speed < took_s
            ticks = [ticks for _, ticks, _ in one.view.shown]
            assert ticks == sorted(ticks)
            one.view.until(lambda shown: shown[2].startswith("end"))
            assert one.target.outcome.complete, "compared up to the recording's end"
            if took_s < 3 / speed + 1.5 and len(set(ticks)) > 5:  # it is seen to move
                return
    raise AssertionError(f"it takes {took_s} s")


def test_as_fast_as_it_goes(recording):
    """Not at the guest's pace: that would be three seconds, of which it sleeps nearly all."""
    for _ in range(TRIES):
        with Watching(recording, speed=None) as one:
            at, _, caption = one.view.until(lambda shown: shown[2].startswith("end"))
            assert "  max  " in caption
            if at - one.began < 2.5:
                return
    raise AssertionError(f"it takes {at - one.began} s")


def seconds(shown):
    return float(shown[2].split()[1])


def test_time_goes_on_while_the_guest_sleeps(recording):
    """At a 64th of the pace a tick takes 3 s: there are pictures at times in between."""
    with Watching(recording, speed=1 / 64) as one:
        one.view.until(lambda shown: len({seconds(each) for each in one.view.shown}) > 10)
        times = [seconds(shown) for shown in one.view.shown]
        assert times == sorted(times)
        assert max(Counter(ticks for ticks, _ in {(each[1], seconds(each)) for each in one.view.shown}).values()) > 3


def test_keys(recording):
    with Watching(recording, speed=1.0) as one:
        view = one.view
        view.press("spc")
        view.until(lambda shown: shown[2].startswith("paused"))
        view.press("home")
        view.until(lambda shown: seconds(shown) == 0)
        view.press("right")
        assert view.until(lambda shown: seconds(shown) >= 1)[1] in (19, 20)
        view.press("right")
        view.until(lambda shown: seconds(shown) >= 2)
        view.press("left")
        assert view.until(lambda shown: seconds(shown) < 1.1)[1] in range(18, 23), "backwards, too"
        here = one.line.moment
        view.press("dot")
        view.until(lambda shown: one.line.moment > here)
        there = one.line.moment
        view.press("comma")
        view.until(lambda shown: one.line.moment < there)
        view.press("pgdn")
        view.until(lambda shown: shown[2].startswith("end"))
        view.press("pgup")
        view.until(lambda shown: seconds(shown) == 0)
        view.press("end")
        view.until(lambda shown: shown[2].startswith("end"))
        view.press("spc")
        view.press("home")
        view.until(lambda shown: shown[2].startswith("paused"))
        view.press("up", "up", "up")
        view.until(lambda shown: "  8x  " in shown[2])
        view.pressed.extend([[KeyNumber(number=0x39, down=True)], moved(3, 4)])
        view.until(lambda shown: shown[2].startswith("playing"))
        view.press("h")
        view.until(lambda shown: shown[2] == HELP)
        view.press("up")
        view.until(lambda shown: "  16x  " in shown[2])  # what a key did is seen
        view.until(lambda shown: shown[1] >= 56)


def test_a_replay_that_is_moved_about_still_compares(recording):
    with Watching(recording, speed=None) as one:
        for name in ("left", "home", "spc", "right", "left", "spc"):
            one.view.press(name)
        one.view.until(lambda shown: shown[2].startswith("end"))
        one.view.press("left", "spc")
        one.view.until(lambda shown: not shown[2].startswith("end"))
        one.view.until(lambda shown: shown[2].startswith("end"))
        assert one.target.outcome.complete


def test_a_movement_that_is_cut_short_is_no_error(recording, monkeypatch):
    def stopped(moment):
        raise Stopped

    with Watching(recording, speed=None) as one:
        one.view.until(lambda shown: shown[2].startswith("end"))
        monkeypatch.setattr(one.target.timeline, "seek", stopped)
        one.view.press("home", "h")
        one.view.until(lambda shown: shown[2] == HELP)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "1/0", "1001", "1e400", "1e999999999"])
def test_what_is_no_speed(recording, speed, capsys):
    assert main(["replay", recording[0], "-vnc", "none", "--speed", speed]) == 2
    said = capsys.readouterr().err
    assert f"--speed {speed}: '{speed}' is no factor" in said and said.count("\n") == 1
