"""The control surface: what a machine, live or replayed, answers to its user, and the events that tell of it."""

import planted
import pytest
from quiet_host import QuietHost

from playhead.base.errors import UsageError
from playhead.log.event_names import BUTTONS, KEYS
from playhead.log.events import (
    Input, KeyCode, MouseButton, NmiRaised, PowerButtonPressed, ResetRequested, Shutdown,
)  # fmt: skip
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session import input_words
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.timeline.debuggee import SOFTWARE
from playhead.timeline.live import LiveDebuggee
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import Timeline

CHANGES = (
    lambda t: t.press_reset(), lambda t: t.press_power(), lambda t: t.wake_up(), lambda t: t.raise_nmi(),
    lambda t: t.send_input([]), lambda t: t.send_keys([]), lambda t: t.move_mouse(1, 1), lambda t: t.press_buttons(1),
    lambda t: t.eject("ide1-cd0"), lambda t: t.change("ide1-cd0", "x.iso"),
)  # fmt: skip


def record(path, script, *, stopped=False, keys=b"sum\r" * 20, **options):
    """A recording under `script(target, events)`, a generator that is taken up between two turns."""
    pc, events, steps = planted.config(), [], []
    meta = {"config": pc.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = Options(digest_period=planted.PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), **options)
    world = QuietHost(planted.plan(keys, step=6), live=True, ports=1, step_ns=10_000)
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door), world, options, writer)
        target = LiveDebuggee(session, "", str(path))
        target.stopped, session.observed = stopped, True
        target.listen(lambda one: events.append((one.name, dict(one.data))))
        target.attend = lambda: next(steps[0], None)
        steps.append(script(target, events))
        outcome = session.run()
    return outcome, events


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return planted.shared(tmp_path_factory)


@pytest.fixture
def replay(recording):
    with Reader(str(recording)) as reader:
        pc = planted.config()
        line = Timeline(lambda door: Machine(pc, door), QuietHost(), reader, 1).begin()
        target = ReplayDebuggee(line)
        target.events = []
        target.listen(lambda one: target.events.append(one.name))
        yield target


def names(events):
    return [name for name, _ in events]


def test_a_recording_that_is_controlled_replays(tmp_path):
    """A reset enters at once, in a pause too, and an event tells of each change, once."""

    def script(target, events):
        reset = ("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
        assert (target.run_state(), target.mode, target.recording) == ("prelaunch", "record", str(tmp_path / "r.ph"))
        target.stop()
        target.press_reset()
        assert (events, target.run_state()) == ([reset], "prelaunch")
        target.go_on()
        target.go_on()
        assert (names(events), target.run_state()) == (["RESET", "RESUME"], "running")
        for _ in range(30):
            yield
        target.press_reset()
        assert events[2:] == [reset] and target.running
        for _ in range(30):
            yield
        target.stop()
        target.stop()
        here = target.moment
        yield
        assert (target.run_state(), target.moment, names(events)[3:]) == ("paused", here, ["STOP"])
        saved = target.save("here")
        assert saved.name == "here" and target.snapshots() == [saved]
        target.press_power()
        target.raise_nmi()
        assert events.pop() == ("POWERDOWN", {})
        target.press_reset()
        assert target.run_state() == "prelaunch"
        target.load("here")
        target.delete("here")
        assert target.snapshots() == []
        for change in (CHANGES[2], *CHANGES[4:]):
            with pytest.raises(UsageError):
                change(target)
        target.quit()
        assert target.run_state() == "shutdown"
        assert events[4:] == [reset, ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})]

    outcome, _ = record(tmp_path / "r.ph", script, stopped=True)
    assert outcome.cause == "host-qmp-quit"
    assert planted.replay(tmp_path / "r.ph").complete
    found = [e.event for e in planted.entries(tmp_path / "r.ph") if isinstance(e.event, (ResetRequested, Shutdown))]
    assert [one.cause for one in found] == [3, 3, 3, 2]
    pressed = [type(e.event) for e in planted.entries(tmp_path / "r.ph")]
    assert (pressed.count(PowerButtonPressed), pressed.count(NmiRaised)) == (1, 1)


def test_a_stop_while_gdb_has_it_running_counts_at_once(tmp_path):
    """A client asks for the status right behind its `stop`, before gdb's movement has come back."""
    seen = []

    def meanwhile(target):
        if target.running:
            target.stop()
            seen.append(target.run_state())
            with pytest.raises(UsageError, match="gdb is attached"):
                target.go_on()

    def script(target, events):
        for _ in range(10):
            yield
        target.hold()
        attend, target.attend = target.attend, lambda: meanwhile(target)
        assert target.resume("continue", lambda: False).reason == "interrupt"
        target.attend = attend
        assert names(events) == ["STOP", "RESUME", "STOP"] and target.run_state() == "debug"
        target.quit()

    record(tmp_path / "r.ph", script)
    assert seen == ["debug"]


def test_a_guest_that_ends_is_told_of_and_a_replay_tells_of_resets(tmp_path):
    def script(target, events):
        for _ in range(20):
            yield
        target.press_reset()
        for _ in range(30):
            yield
        told.append(events)

    told = []
    outcome, events = record(tmp_path / "r.ph", script, keys=b"sum\rsum\rsum\rsum\rsum\rsum\roff\r")
    assert outcome.cause == "guest-shutdown" and told
    assert names(events) == ["RESET", "SHUTDOWN"]
    assert events[-1] == ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
    with Reader(str(tmp_path / "r.ph")) as reader:
        pc = planted.config()
        target = ReplayDebuggee(Timeline(lambda door: Machine(pc, door), QuietHost(), reader, 1).begin())
        heard = []
        target.listen(lambda one: heard.append(one.name))
        target.replay_seek(target.timeline.end)
        target.replay_seek(Moment(0))
        target.go_on()
        run(target)
        assert heard == ["RESUME", "STOP"] * 2 + ["RESUME", "RESET", "STOP"]


def test_reset_is_the_end_under_no_reboot(tmp_path):
    def script(target, events):
        for _ in range(5):
            yield
        target.press_reset()
        assert events == [("SHUTDOWN", {"guest": False, "reason": "host-qmp-system-reset"})]

    outcome, _ = record(tmp_path / "r.ph", script, no_reboot=True)
    assert outcome.cause == "host-qmp-system-reset"
    assert planted.replay(tmp_path / "r.ph").complete


def test_keys_and_movements_enter_a_machine_that_runs(tmp_path):
    """At once, but for what a key's pauses hold back; a machine that is paused has nobody typing at it."""

    def script(target, events):
        for _ in range(5):
            yield
        assert [(one.number, one.current, one.absolute) for one in target.mice()] == [(2, True, False)]
        target.send_keys(input_words.keys_of("shift-a"), 1)
        keyboard = target.machine.devices["kbc"].state.keyboard
        assert keyboard.held == 1  # the shift key has entered, the other waits
        target.move_mouse(3, 4, 1)
        target.press_buttons(5)
        target.press_buttons(0)
        target.stop()
        with pytest.raises(UsageError, match="VM not running"):
            target.send_keys(input_words.keys_of("b"))
        target.go_on()
        while target.machine.now_ns() < 30_000_000:
            yield
        target.quit()

    record(tmp_path / "r.ph", script)
    found = [e.event.what for e in planted.entries(tmp_path / "r.ph") if isinstance(e.event, Input)]
    keys = [(KEYS[one.key], one.down) for one in found if isinstance(one, KeyCode)]
    assert keys == [("shift", True), ("a", True), ("a", False), ("shift", False)]
    pressed = [(BUTTONS[one.button], one.down) for one in found if isinstance(one, MouseButton)]
    assert pressed == [("wheel-up", True), *[(b, d) for d in (True, False) for b in ("left", "middle")]]
    assert planted.replay(tmp_path / "r.ph").complete


def test_a_key_that_is_held_over_loadvm_is_released(tmp_path):
    """Virtual time goes back, and the pause begins anew."""

    def script(target, events):
        for _ in range(20):
            yield
        target.save("before")
        before = target.machine.now_ns()
        while target.machine.now_ns() < before + 20_000_000:
            yield
        target.send_keys(input_words.keys_of("a"), 10)
        target.load("before")
        assert target.machine.now_ns() == before
        while target.machine.now_ns() < before + 15_000_000:
            yield
        target.quit()

    record(tmp_path / "r.ph", script)
    found = [e.event.what for e in planted.entries(tmp_path / "r.ph") if isinstance(e.event, Input)]
    assert [(KEYS[one.key], one.down) for one in found] == [("a", True), ("a", False)]
    assert planted.replay(tmp_path / "r.ph").complete


def test_gdb_stops_and_steps_are_told(tmp_path):
    def script(target, events):
        target.hold()
        assert target.run_state() == "debug"
        target.attend = lambda: states.append(target.run_state())
        assert target.resume("step", lambda: False).reason == "step"
        target.insert(SOFTWARE, target.machine.pc(), 1, None)
        target.resume("continue", lambda: len(states) > 20)
        assert set(states) == {"running"} and target.run_state() == "debug"
        with pytest.raises(UsageError, match="gdb is attached"):
            target.go_on()
        target.remove(SOFTWARE, next(iter(target._breaks)), 1)
        target.let_go()
        target.quit()
        assert names(events) == ["STOP", "RESUME", "STOP", "RESUME", "STOP", "RESUME", "SHUTDOWN"]
        yield

    states = []
    record(tmp_path / "r.ph", script)
    assert planted.replay(tmp_path / "r.ph").complete


def run(target):
    """Until it is paused."""
    while target.going:
        found = target.turn()
    return found


def test_a_replay_runs_by_itself(replay):
    assert (replay.run_state(), replay.mode) == ("prelaunch", "play")
    end = replay.timeline.end
    there = replay.replay_break(Moment(end.icount // 2))
    replay.go_on()
    assert replay.run_state() == "running"
    assert run(replay).reason == "goal" and replay.moment == there and replay.run_state() == "paused"
    asked = iter([False, False, True])
    replay.waiting = lambda: next(asked, False)
    replay.go_on()
    assert replay.turn() is None and replay.going and there < replay.moment < end
    assert run(replay).reason == "end" and replay.moment == end
    assert replay.events == ["RESUME", "STOP"] * 2
    with pytest.raises(UsageError, match="in the past"):
        replay.replay_break(there)
    replay.replay_delete_break()
    with pytest.raises(UsageError, match="no replay breakpoint"):
        replay.replay_delete_break()


def test_a_replay_seeks_and_is_not_changed(replay):
    assert replay.replay_seek(Moment(300_000)) == replay.moment == Moment(300_000)
    assert replay.events == ["RESUME", "STOP"] and replay.run_state() == "paused"
    before = replay.timeline.player.digest().root
    for change in CHANGES:
        with pytest.raises(UsageError, match="a replay cannot be changed"):
            change(replay)
    with pytest.raises(UsageError, match="cannot seek to the specified instruction count"):
        replay.replay_seek(Moment(1 << 50))
    assert replay.timeline.player.digest().root == before
    replay.quit()
    assert replay.events[2:] == ["SHUTDOWN"] and replay.timeline._host.quit_cause() == "host-qmp-quit"


def test_others_may_stop_a_replay_that_gdb_continues(replay):
    asked = iter([False, True])
    replay.waiting, replay.attend = lambda: next(asked, False), replay.stop
    replay.hold()
    assert replay.run_state() == "debug"
    assert replay.resume("continue", lambda: False).reason == "interrupt"
    assert replay.moment < replay.timeline.end and replay.events == ["RESUME", "STOP"]
