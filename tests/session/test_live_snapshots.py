"""`savevm` and `loadvm` in machines that run: a loadvm is an input of a recording, and everything works over it."""

import random

import planted
import pytest
from quiet_host import QuietHost

from playhead.base.errors import FormatError, UsageError
from playhead.log.events import CharRead, SnapshotLoaded
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.snapshots import names
from playhead.log.verify import verify
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.run import RunSession
from playhead.timeline.timeline import Timeline


class Driver:
    """Does things to a session at chosen numbers of instructions; in between it makes turns of odd lengths."""

    def __init__(self, session, actions, seed=1):
        self.session, self.actions, self.rng = session, list(actions), random.Random(seed)
        self.did = []
        session.drive = self.turn

    def turn(self):
        session = self.session
        while self.actions and session.machine.icount >= self.actions[0][0]:
            _, what, *arguments = self.actions[0]
            if what == "save" and not session.at_arrival:
                break
            self.actions.pop(0)
            before = session._moment()
            getattr(self, what)(*arguments)
            self.did.append((what, before, session._moment()))
            assert session._moment() >= before
        m = session.machine
        far = self.actions[0][0] if self.actions else 1 << 60
        goals = (Moment(m.icount, m.seq + 1), Moment(m.icount + self.rng.randrange(1, 5000)), None)
        goal = goals[self.rng.randrange(3)]
        session.turn(min(goal or Moment(max(far, m.icount + 1)), Moment(max(far, m.icount + 1))))

    def save(self, name):
        self.session.save_snapshot(name)

    def load(self, name):
        before = self.session.snapshots.named(name)
        self.session.load_snapshot(name)
        assert self.session.machine.now_ns() == before.virtual_ns

    def type(self, data):
        self.session.host.serial[0].type(data)

    def forget(self, name):
        self.session.forget_snapshot(name)

    def end(self):
        self.session.host.request_quit("the test")


ACTIONS = (
    (400_000, "type", b"sum\r"), (900_000, "save", "one"), (900_000, "type", b"echo a\r"), (1_700_000, "save", "two"),
    (2_200_000, "load", "one"), (2_400_000, "type", b"time\r"), (2_900_000, "load", "two"), (2_950_000, "load", "one"),
    (3_300_000, "save", "three"), (3_500_000, "load", "three"), (3_500_000, "load", "two"),
    (4_000_000, "type", b"echo b\r"), (4_400_000, "forget", "two"), (4_600_000, "load", "zero"), (5_500_000, "end"),
)  # fmt: skip


def record(path, actions=ACTIONS, seed=1, engine="native", **options):
    pc = planted.config()
    meta = {"config": pc.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = {"digest_period": planted.PERIOD, "snapshot": "zero", "meta": meta,
               "blobs": tuple(pc.blobs().values()), **options}  # fmt: skip
    host = QuietHost(live=True, ports=1, step_ns=10_000)
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door, engine=engine), host, Options(**options), writer)
        driver = Driver(session, actions, seed)
        outcome = session.run()
    return outcome, driver, bytes(host.serial[0].written)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "r.ph"
    outcome, driver, written = record(path)
    assert not driver.actions
    return path, outcome, driver, written


def builder(reader):
    from playhead.boards.config import PcConfig

    pc = PcConfig.from_json(reader.meta["config"], reader.blob)
    return lambda door: Machine(pc, door, shift=reader.meta["shift"])


@pytest.mark.parametrize("split", [None, 1, 2])
def test_it_replays(recording, split):
    path, outcome, _, written = recording
    with Reader(str(path)) as reader:
        session = ReplaySession(builder(reader), host := QuietHost(ports=1), reader, ReplayOptions(split))
        again = session.run()
        assert not verify(reader).faults
    assert again.complete and (again.icount, again.seq) == (outcome.icount, outcome.seq)
    assert bytes(host.serial[0].written) == written
    assert again.digests == outcome.digests and again.virtual_ns == outcome.virtual_ns


def test_what_is_in_it(recording):
    path, _, driver, _ = recording
    loads = [(before, after) for what, before, after in driver.did if what == "load"]
    with Reader(str(path)) as reader:
        events = [e for e in reader.entries() if isinstance(e.event, SnapshotLoaded)]
        assert [e.moment for e in events] == [before for before, _ in loads]
        assert all(after == Moment(before.icount, before.seq + 1) for before, after in loads)
        there = {s.name: s for s in names(reader)}
        assert list(there) == ["zero", "one", "three"] and there["zero"].moment == Moment(0)
        kept = {c.moment for c in reader.checkpoints()}
        assert {s.moment for s in there.values()} <= kept and len(kept) >= 4


def test_the_guest_is_as_it_was(recording):
    """It cannot tell: after a loadvm it prints what it printed after the savevm, if its inputs are the same."""
    _, _, _, written = recording
    assert written.count(b"demo: a guest") == 2  # the beginning, and again after `loadvm zero`


def test_seeking_on_both_sides(recording):
    path, _, driver, _ = recording
    rng = random.Random(4)
    around = [m for what, before, after in driver.did if what in ("load", "save") for m in (before, after)]
    with Reader(str(path)) as reader:
        straight = Timeline(builder(reader), QuietHost(), reader, 1).begin()
        goals = sorted({*around, *(Moment(m.icount + d) for m in around for d in (-3, 1, 20_001) if m.icount + d > 0)})
        want = {}
        for goal in goals:
            straight.player.to(goal)
            want[straight.moment] = straight.player.digest().root
        line = Timeline(builder(reader), QuietHost(), reader, 1).begin()
        places = list(want)
        for _ in range(2):
            rng.shuffle(places)
            for place in places:
                line.seek(place)
                assert (line.moment, line.player.digest().root) == (place, want[place])
        for snapshot in names(reader):
            line.seek(snapshot.moment)
            assert line.player.digest().root == snapshot.root
        loaded = next(after for what, _, after in driver.did if what == "load")
        line.seek(loaded)
        line.step_back()
        assert line.moment < loaded
        line.step()
        assert loaded <= line.moment <= Moment(loaded.icount + 1)


def test_a_recording_without_other_checkpoints(tmp_path):
    path = tmp_path / "r.ph"
    _, driver, _ = record(path, seed=3, checkpoints=False)
    assert not driver.actions
    assert planted.replay(path).complete
    assert planted.replay(path, split_seed=5).complete


def test_the_checkpoint_has_gone(recording, tmp_path):
    path = tmp_path / "r.ph"
    path.write_bytes(recording[0].read_bytes())
    planted.rewrite(path)  # which keeps no checkpoints
    with pytest.raises(FormatError, match="no checkpoint of"):
        planted.replay(path)


def test_auto_shift_goes_back_too(tmp_path):
    """Virtual time may have had another rate; it can be smaller than the instructions times the rate."""
    actions = [(100_000, "save", "a"), (3_000_000, "load", "a"), (4_000_000, "load", "a"), (4_500_000, "end")]
    outcome, driver, _ = record(tmp_path / "r.ph", actions, auto_shift=True)
    assert not driver.actions and outcome.virtual_ns < outcome.icount << 3
    assert planted.replay(tmp_path / "r.ph").complete


def test_run_keeps_them_in_memory():
    pc = planted.config()
    host = QuietHost(live=True, ports=1, step_ns=10_000)
    session = RunSession(lambda door: Machine(pc, door), host, Options())
    states = []

    class Looking(Driver):
        def load(self, name):
            super().load(name)
            states.append((name, self.session.machine.digest_parts()))

        def save(self, name):
            super().save(name)
            states.append((name, self.session.machine.digest_parts()))

    driver = Looking(session, [(0, "save", "zero"), *ACTIONS], seed=9)
    session.run()
    assert not driver.actions and [s.name for s in session.snapshots.all()] == ["zero", "one", "three"]
    saved = {}
    for name, parts in states:
        parts = {k: v for k, v in parts.items() if k not in ("cpu", "clock")}  # these hold the moment
        assert saved.setdefault(name, parts) == parts
    with pytest.raises(UsageError, match="no snapshot 'none'; there is zero, one, three"):
        session.load_snapshot("none")


def test_input_that_waits_goes_to_the_machine_that_was_loaded(tmp_path):
    actions = [(500_000, "save", "a"), (900_000, "type", b"echo zz\r"), (900_000, "load", "a"), (4_000_000, "end")]
    _, driver, written = record(tmp_path / "r.ph", actions)
    (load,) = [after for what, _, after in driver.did if what == "load"]
    typed = [e.moment for e in planted.entries(tmp_path / "r.ph") if isinstance(e.event, CharRead)]
    assert typed and min(typed) >= load and b"zz" in written
