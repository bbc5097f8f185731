"""gdb on running machines: what is recorded under a debugger replays without one, and a pause takes no time."""

import random

import planted
import pytest
from gdb_client import Client, console, packet
from quiet_host import QuietHost

from playhead.log.events import CharRead
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.snapshots import names
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.monitor import hmp
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.run import RunSession
from playhead.timeline.live import RECORDED, LiveDebuggee
from playhead.timeline.timeline import Timeline


class Debugged:
    """A session that is driven by `script(self)` with a gdb attached from the start; then gdb detaches."""

    def __init__(self, session, script, recorded=""):
        self.session, self.script = session, script
        self.target = LiveDebuggee(session, RECORDED if recorded else "", recorded)
        monitor = hmp.monitor(self.target)
        self.target.commands = monitor.execute
        session.observed = True
        session.drive = self._first
        self.stops = []

    def _first(self):
        self.session.drive = self.target.turn
        self.target.hold()
        self.client = Client(self.target)
        self.ask("qSupported:swbreak+;hwbreak+")
        self.script(self)
        self.client.session.close()
        self.target.let_go()

    @property
    def moment(self):
        return self.target.moment

    def ask(self, text):
        return self.client.ask(text)

    def command(self, text):
        return console(self.client.send(packet(b"qRcmd," + text.encode().hex().encode())))

    def go(self, text="c"):
        """Resume; the stop reply."""
        before, reply = self.moment, self.ask(text).decode()
        self.stops.append(reply[:3] + reply[13:20])
        assert self.moment > before or self.session.outcome or reply.startswith("T02")
        return reply


def host(keys=planted.KEYS, step=6, **more):
    return QuietHost(planted.plan(keys, step=step), live=True, ports=1, step_ns=10_000, **more)


def record(path, script, world=None, **options):
    pc = planted.config()
    meta = {"config": pc.to_json(), "shift": 3, "engine": "native", "program": "playhead test"}
    options = Options(digest_period=planted.PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), **options)
    world = world or host()
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door), world, options, writer)
        debugged = Debugged(session, script, "r.ph")
        outcome = session.run()
    return debugged, outcome, bytes(world.serial[0].written)


def run(script, world=None):
    pc = planted.config()
    session = RunSession(lambda door: Machine(pc, door), world or host(), Options())
    debugged = Debugged(session, script)
    return debugged, session.run()


def timeline(path):
    reader = Reader(str(path))
    pc = planted.config()
    return Timeline(lambda door: Machine(pc, door), QuietHost(), reader, 1).begin()


def somewhere(d, rng):
    """Stops, steps, and breakpoints at places where the guest comes by, for a while."""
    places = []
    while d.session.outcome is None and len(d.stops) < 150:
        for _ in range(rng.randrange(1, 4)):
            d.go("s")
        places.append(d.target.machine.pc())
        kind = rng.randrange(4)
        at = rng.choice(places)
        if kind == 3:
            assert d.ask(f"Z2,{0x10000 + 4 * rng.randrange(512):x},200") == b"OK"
        elif kind:
            assert d.ask(f"Z{kind - 1},{at:x},1") == b"OK"
        d.target.attend = stopping(d, rng.randrange(2, 12))
        for _ in range(rng.randrange(1, 8)):
            d.go()
        d.client.session._context.remove_all()
        for key in [k for k in d.command("info registers").split() if k.startswith("EIP")]:
            assert key == f"EIP={d.target.read_register('eip'):08x}"
        if d.session.outcome is not None:
            break
        if rng.randrange(6) == 0:
            assert "Error" not in d.command(f"savevm s{rng.randrange(3)}")
        if rng.randrange(8) == 0 and d.session.snapshots.all():
            d.command(f"loadvm {rng.choice(d.session.snapshots.all()).name}")
        if rng.randrange(30) == 0:
            d.command("system_reset")


def stopping(d, turns):
    """Stop the machine after so many turns, as a monitor does."""
    left = [turns]

    def attend():
        left[0] -= 1
        if left[0] <= 0:
            left[0], d.target.stopped = turns, True

    return attend


@pytest.mark.parametrize("seed", range(6))
def test_a_debugged_recording_replays(tmp_path, seed):
    path, rng = tmp_path / "r.ph", random.Random(seed)

    def script(d):
        somewhere(d, rng)
        d.target.attend = lambda: None
        d.command("quit")

    d, outcome, _ = record(path, script, host(b"sum\rtime\recho one\rstatus\r" * 3, step=60))
    assert len(d.stops) >= 100 and {stop[:3] for stop in d.stops} >= {"T05", "T02"}
    for split in (None, seed):
        again = planted.replay(path, split_seed=split)
        assert again.complete and (again.icount, again.seq) == (outcome.icount, outcome.seq)
        assert again.virtual_ns == outcome.virtual_ns
    line = timeline(path)
    with Reader(str(path)) as reader:
        there = names(reader)
    for snapshot in there:
        line.seek(snapshot.moment)
        assert (line.moment, line.player.digest().root) == (snapshot.moment, snapshot.root)


def test_the_debugger_changes_nothing(tmp_path):
    """Without inputs, a run with breakpoints, watchpoints and steps has the digests of one without."""
    quiet = {"quit_at": 100_000}

    def script(d):
        for _ in range(40):
            d.go("s")
        d.ask(f"Z1,{d.target.machine.pc():x},1")
        d.ask("Z2,10000,4000")
        for _ in range(200):
            d.go()
        d.command("savevm here")

    ends = []
    for steps in (script, lambda d: None):
        path = tmp_path / f"{len(ends)}.ph"
        world = QuietHost([(1, 0, b"sum\roff\r")], live=False, ports=1, step_ns=10_000, **quiet)
        _, outcome, written = record(path, steps, world)
        with Reader(str(path)) as reader:
            digests = [d for b in reader.batches() for d in b.digests]
        ends.append((outcome.icount, outcome.cause, written, len(digests)))
    assert ends[0][1] == ends[1][1] == "guest-shutdown"
    assert planted.replay(tmp_path / "0.ph").complete


def test_stops_and_refusals(tmp_path):
    def script(d):
        assert d.moment == Moment(0)
        here = d.target.machine.pc()
        assert d.go("s").startswith("T05thread:01;") and d.moment.icount == 1
        d.ask(f"Z0,{here + 0x100:x},1")
        assert d.ask("bc") == d.ask("bs") == b"E22"
        assert "ReverseStep" not in d.ask("qSupported:xmlRegisters=i386").decode()
        for change in ("M1000,1:55", "P0=78563412", "X1000,1:U"):
            assert d.ask(change)[:1] == b"E", change
        assert "would not be in the recording" in d.command("info status")
        assert d.command("info replay") == "Recording execution 'r.ph': instruction count = 1\n"
        assert d.command("replay_break 5") == "setting the breakpoint is allowed only in play mode\n"
        assert d.command("replay_delete_break") == "replay breakpoints are allowed only in play mode\n"
        assert d.command("replay_seek 5") == "replay must be enabled to seek\n"
        assert d.command("info status") == "VM status: paused (debug)\n"
        assert "gdb is attached" in d.command("cont")
        assert d.command("loadvm x") == "no snapshot 'x'; there is none\n"
        assert d.command("savevm x") == d.command("savevm x") == ""
        assert "x    " in d.command("info snapshots")
        assert d.command("delvm x") == "" and "no snapshot available" in d.command("info snapshots")
        assert d.command("quit") == ""
        assert d.ask("c") == b"W00"

    _, outcome, _ = record(tmp_path / "r.ph", script)
    assert outcome.cause == "host-qmp-quit" and outcome.icount < 10
    assert planted.replay(tmp_path / "r.ph").complete


def test_a_snapshot_at_a_breakpoint_is_of_the_next_moment(tmp_path):
    """The instruction at a breakpoint may have been fetched: a replay that arrives there has not."""

    def script(d):
        for _ in range(2000):
            d.go("s")
        d.ask(f"Z0,{d.target.machine.pc():x},1")
        d.ask("c")
        before = d.moment
        said = d.command("savevm x")
        assert d.target.snapshots()[0].moment.icount == before.icount + 1 and "position has changed" in said
        assert d.session.snapshots.named("x").moment == d.moment
        d.command("quit")

    record(tmp_path / "r.ph", script, host(b"sum\r"))
    line = timeline(tmp_path / "r.ph")
    with Reader(str(tmp_path / "r.ph")) as reader:
        (snapshot,) = names(reader)
    line.seek(snapshot.moment)
    assert line.player.digest().root == snapshot.root


def test_run_can_be_changed():
    def script(d):
        d.go("s")
        assert d.ask("M8000,4:01020304") == b"OK" and d.ask("m8000,4") == b"01020304"
        assert d.ask("P0=78563412") == b"OK"
        assert d.target.read_register("eax") == 0x12345678
        assert d.command("info replay") == "Record/replay is not active\n"
        assert "kept in memory only" in d.command("savevm a")
        d.ask("M8000,4:ffffffff")
        assert "position has changed" in d.command("loadvm a") and str(d.target.moment) == "1+1"
        assert d.ask("m8000,4") == b"01020304" and d.target.read_register("eax") == 0x12345678
        d.command("quit")

    _, outcome = run(script)
    assert outcome.cause == "host-qmp-quit"


def test_standing_takes_no_time():
    """A halted CPU's virtual time follows real time; not while the machine is paused."""
    world = host(b"", quit_at=4000)
    seen = []

    def script(d):
        while not d.target.machine.core.get("halted"):
            d.target.attend = stopping(d, 3)
            d.go()
        d.target.attend = lambda: None
        world.real += 3_600_000_000_000
        before = d.target.machine.now_ns()
        d.target.attend = stopping(d, 3)
        d.ask("c")
        seen.append(d.target.machine.now_ns() - before)
        d.target.attend = lambda: None

    run(script, world)
    assert seen[0] < 1_000_000_000, seen


def test_a_condition_counts(tmp_path):
    """Agent expressions are for replays and live machines alike; here simply one that never holds."""

    def script(d):
        for _ in range(3000):
            d.go("s")
        d.target.insert(0, d.target.machine.pc(), 1, lambda: False)
        assert d.ask("c") == b"W00"

    _, outcome, _ = record(tmp_path / "r.ph", script)
    assert outcome.cause == "guest-shutdown"
    assert planted.replay(tmp_path / "r.ph").complete
    assert any(isinstance(e.event, CharRead) for e in planted.entries(tmp_path / "r.ph"))


def test_a_failure_of_the_session_is_not_gdbs():
    from playhead.base.errors import HostError

    def script(d):
        def full(event=None):
            raise HostError("the disk is full")

        d.session._arrived = full
        assert d.ask("c") == b"W02"
        assert d.ask("c") == b"W02"

    with pytest.raises(HostError, match="the disk is full"):
        run(script)
