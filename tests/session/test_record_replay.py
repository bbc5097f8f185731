"""A recording replays to the last bit, and nothing that must not matter does."""

import random
import sqlite3

import pytest
from fake_machine import FakeMachine, Program
from quiet_host import QuietHost

from playhead.base.errors import DivergenceError, FormatError, HostError
from playhead.log.events import CharRead, ClockHost, ClockRate, ClockVirtualRt, End, ResetRequested, Shutdown
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.sources import ResetSource
from playhead.session.run import RunSession

PERIOD = 1000


def record(path, program, host, *, shift=3, hook=None, **options):
    machines = []

    def build(door):
        machines.append(FakeMachine(door, program, shift))
        return machines[-1]

    with Writer(str(path), force=True) as writer:
        options = Options(digest_period=PERIOD, meta={"config": {}}, **options)
        session = RecordSession(build, host, options, writer)
        if hook:
            hook(session)
        outcome = session.run()
    return machines[0], outcome


def replay(path, program, options=None, shift=3):
    machines = []

    def build(door):
        machines.append(FakeMachine(door, program, shift))
        return machines[-1]

    host = QuietHost(date=5, plan=[(i, 0, b"ignored") for i in range(3, 60, 7)])
    with Reader(str(path)) as reader:
        outcome = ReplaySession(build, host, reader, options).run()
    return machines[0], outcome, host


def shown(machine):
    """What can be compared at a glance."""
    fifos = [bytes(uart.rx) for uart in machine.uarts]
    return machine.x, machine.icount, machine.seq, machine.now_ns(), fifos, machine.resets


def same(a, b):
    assert shown(a) == shown(b)
    assert a.digest_parts() == b.digest_parts()


def typed(seed, count=12, upto=400):
    rng = random.Random(seed)
    at = sorted(rng.randrange(1, upto) for _ in range(count))
    return [(n, rng.randrange(2), rng.randbytes(rng.randrange(1, 40))) for n in at]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("live", [False, True])
def test_replay_is_the_recording(tmp_path, seed, live):
    program = Program(seed=seed + 1, reset=seed % 2, fault=60 + 200 * (seed % 3))
    host = QuietHost(typed(seed), live=live, step_ns=3_000 + seed * 7_001)
    recorded, outcome = record(tmp_path / "r.ph", program, host, sleep=seed % 4 != 3)
    assert outcome.cause == "guest-shutdown" and outcome.icount == program.end
    for split in (None, 1, 2, 3):
        replayed, again, quiet = replay(tmp_path / "r.ph", program, ReplayOptions(split, digests=split != 3))
        same(recorded, replayed)
        assert again.complete and again.cause == "guest-shutdown"
        assert quiet.serial[0].written == host.serial[0].written and host.serial[0].written
    assert again.events == outcome.events
    assert outcome.digests == program.end // PERIOD + 2


def test_input_is_in_the_log_and_changes_the_run(tmp_path):
    a, _ = record(tmp_path / "a.ph", Program(), QuietHost(typed(1)))
    b, _ = record(tmp_path / "b.ph", Program(), QuietHost(typed(2)))
    c, _ = record(tmp_path / "c.ph", Program(), QuietHost(typed(1), date=7))
    assert len({a.x, b.x, c.x}) == 3
    with Reader(str(tmp_path / "a.ph")) as reader:
        entries = list(reader.entries())
    got = b"".join(bytes(e.event.data) for e in entries if isinstance(e.event, CharRead) and e.event.port == 0)
    sent = b"".join(data for _, port, data in typed(1) if port == 0)
    assert sent.startswith(got) and got
    assert isinstance(entries[0].event, ClockHost) and isinstance(entries[-1].event, End)


def test_a_jump_of_a_halted_cpu_is_no_event(tmp_path):
    record(tmp_path / "r.ph", Program(halt=40, clock=0), QuietHost())
    with Reader(str(tmp_path / "r.ph")) as reader:
        kinds = [type(e.event) for e in reader.entries()]
    assert kinds == [ClockHost, End]  # the one that the constructor read


def test_sleeping_until_the_alarm_is_no_event_either(tmp_path):
    host = QuietHost(live=True, step_ns=100)
    record(tmp_path / "r.ph", Program(halt=40), host)
    assert host.waits > 10
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert not [e for e in reader.entries() if isinstance(e.event, ClockVirtualRt)]
    replay(tmp_path / "r.ph", Program(halt=40))


def test_input_wakes_a_sleeping_cpu_early(tmp_path):
    program = Program(halt=40, alarm_ns=1_000_000_000)
    host = QuietHost(typed(3), live=True, step_ns=100)
    recorded, _ = record(tmp_path / "r.ph", program, host)
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert [e for e in reader.entries() if isinstance(e.event, ClockVirtualRt)]
    same(recorded, replay(tmp_path / "r.ph", program, ReplayOptions(5))[0])


def test_virtual_time_follows_real_time_while_halted(tmp_path):
    host = QuietHost(live=True, step_ns=1000)
    _, outcome = record(tmp_path / "r.ph", Program(halt=10, alarm_ns=50_000_000, end=20_000), host)
    busy = outcome.icount << 3
    assert abs((outcome.virtual_ns - busy) - outcome.wall_ns) < 0.2 * outcome.wall_ns


def test_halted_for_good_is_said(tmp_path):
    program = Program(end=5000, forever="halt")
    recorded, outcome = record(tmp_path / "r.ph", program, QuietHost())
    assert outcome.cause == "none" and "nothing is left that could wake it" in outcome.note
    replayed, again, _ = replay(tmp_path / "r.ph", Program(end=5000, forever="halt"))
    same(recorded, replayed)
    assert again.complete


def test_halted_for_good_waits_for_a_typist(tmp_path):
    plan = [(200, 0, b"wake up"), (400, 1, b"again")]
    recorded, outcome = record(
        tmp_path / "r.ph", Program(end=5000, forever="halt"), QuietHost(plan, quit_at=900, live=True)
    )
    assert outcome.cause == "host-signal" and outcome.icount > 5000
    same(recorded, replay(tmp_path / "r.ph", Program(end=5000, forever="halt"), ReplayOptions(9))[0])


@pytest.mark.parametrize("quit_at", range(3, 60, 4))
@pytest.mark.parametrize("forever", ["", "fault"])
def test_ending_it_from_outside_replays(tmp_path, quit_at, forever):
    """Also in an endless chain of faults, where nothing retires any more and only `seq` counts."""
    program = Program(end=4000 if forever else 10**9, forever=forever)
    recorded, outcome = record(tmp_path / "r.ph", program, QuietHost(quit_at=quit_at, live=quit_at % 8 == 3))
    assert outcome.cause == "host-signal" and "SIGINT" in outcome.note
    if forever and recorded.icount == 4000:
        assert outcome.seq > 0 or recorded.icount % PERIOD == 0
    for split in (None, 4):
        replayed, again, _ = replay(tmp_path / "r.ph", program, ReplayOptions(split))
        same(recorded, replayed)
        assert again.complete and again.cause == "host-signal"
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert [type(e.event) for e in reader.entries()][-2:] == [Shutdown, End]


def test_no_reboot_ends_at_a_reset(tmp_path):
    program = Program(reset=2)
    recorded, outcome = record(tmp_path / "r.ph", program, QuietHost(), no_reboot=True)
    assert outcome.cause == "guest-reset" and recorded.resets == 0 and "-no-reboot" in outcome.note
    same(recorded, replay(tmp_path / "r.ph", program)[0])


def test_reset_from_outside_is_logged(tmp_path):
    program = Program()

    def press(session):
        session.checkpoints.watchers.append(
            lambda checkpoint: session.sources[ResetSource].press() if session._built and checkpoint == 8 else None
        )

    recorded, _ = record(tmp_path / "r.ph", program, QuietHost(), hook=press)
    assert recorded.resets == 1
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert any(isinstance(e.event, ResetRequested) for e in reader.entries())
    same(recorded, replay(tmp_path / "r.ph", program)[0])


def test_auto_shift_is_logged(tmp_path):
    host = QuietHost(step_ns=300_000_000)
    recorded, _ = record(tmp_path / "r.ph", Program(end=60_000), host, auto_shift=True)
    assert recorded.shift > 3
    with Reader(str(tmp_path / "r.ph")) as reader:
        shifts = [e.event.shift for e in reader.entries() if isinstance(e.event, ClockRate)]
    assert shifts == list(range(4, recorded.shift + 1))
    same(recorded, replay(tmp_path / "r.ph", Program(end=60_000), ReplayOptions(2))[0])


def test_plain_run_is_the_same_guest(tmp_path):
    """A run that is not recorded goes the same way if it is given the same outside."""
    recorded, outcome = record(tmp_path / "r.ph", Program(status=33), QuietHost(step_ns=0))
    machines = []

    def build(door):
        machines.append(FakeMachine(door, Program(status=33)))
        return machines[-1]

    plain = RunSession(build, QuietHost(step_ns=0), Options()).run()
    assert plain.status == outcome.status == 33 and machines[0].x == recorded.x


def test_silent_guest_gets_a_hint(tmp_path):
    host = QuietHost(step_ns=2_000_000_000)
    record(tmp_path / "r.ph", Program(talk=0), host, silent_hint="say console=ttyS0")
    assert host.messages == ["say console=ttyS0"]
    host = QuietHost(step_ns=2_000_000_000)
    record(tmp_path / "r.ph", Program(), host, silent_hint="say console=ttyS0")
    assert host.messages == []


@pytest.mark.parametrize("listen", [0, 200])
def test_ctrl_c_ends_a_guest_that_does_not_read(tmp_path, listen):
    host = QuietHost([(20, 0, b"\x03")], step_ns=20_000_000)
    host.serial[0].terminal = True
    _, outcome = record(tmp_path / "r.ph", Program(listen=listen, end=60_000), host)
    assert outcome.cause == ("guest-shutdown" if listen else "host-ui")
    replay(tmp_path / "r.ph", Program(listen=listen, end=60_000))


# -- divergence


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "r.ph"
    record(path, Program(), QuietHost(typed(5)))
    return path


def rewrite(path, change, *, kind=None):
    """Edit a recording's events, and compute the hash chain anew."""
    with Reader(str(path)) as reader:
        meta, batches = dict(reader.meta), list(reader.batches())
    entries = change([e for b in batches for e in b.entries])
    path.unlink()
    with Writer(str(path)) as writer:
        writer.begin(meta)
        for b in batches:
            for icount, digest in b.digests:
                writer.digest(icount, digest)
            for printed in b.printed:
                writer.printed(printed.port, printed.text, printed.moments)
        for e in entries:
            writer.event(e.moment, e.event)
        last = batches[-1]
        writer.flush(last.moment, last.virtual_ns, last.wall_ms)


def nth(entries, kind, n):
    return [i for i, e in enumerate(entries) if isinstance(e.event, kind)][n]


def test_a_dropped_clock_read_diverges_there(recording):
    moments = []

    def drop(entries):
        i = nth(entries, ClockHost, 20)
        moments.append(entries[i].moment)
        return entries[:i] + entries[i + 1 :]

    rewrite(recording, drop)
    with pytest.raises(DivergenceError, match=f"at {moments[0].icount}.*read the host clock"):
        replay(recording, Program())


def test_an_extra_clock_read_diverges_there(recording):
    moments = []

    def add(entries):
        i = nth(entries, ClockHost, 20)
        moment = entries[i].moment._replace(icount=entries[i].moment.icount - 1)
        moments.append(moment)
        return [*entries[:i], entries[i]._replace(moment=moment), *entries[i:]]

    rewrite(recording, add)
    with pytest.raises(DivergenceError, match=f"{moments[0].icount}"):
        replay(recording, Program())


@pytest.mark.parametrize("by", [-40, 300])
def test_moved_input_diverges_in_the_next_digest(recording, by):
    places = []

    def move(entries):
        i = nth(entries, CharRead, 3)
        moment = entries[i].moment._replace(icount=entries[i].moment.icount + by, seq=0)
        places.append(moment.icount // PERIOD * PERIOD)
        out = [*entries[:i], *entries[i + 1 :], entries[i]._replace(moment=moment)]
        return sorted(out, key=lambda e: (e.moment.icount, e.moment.seq if e.moment != moment else 99))

    rewrite(recording, move)
    with pytest.raises(DivergenceError) as e:
        replay(recording, Program())
    assert f"equal up to instruction {places[0]}" in str(e.value) or by < 0


def test_another_byte_diverges(recording):
    def other(entries):
        i = nth(entries, CharRead, 0)
        entries[i].event.data[0] ^= 1
        return entries

    rewrite(recording, other)
    with pytest.raises(DivergenceError):
        replay(recording, Program())


def test_a_wrong_emulator_is_pinned_between_two_digests_and_to_a_part(tmp_path):
    wrong = Program(clock=0, wrong={"stir": 12_345}, halt=0)
    record(tmp_path / "r.ph", Program(clock=0, halt=0), QuietHost())
    with pytest.raises(DivergenceError, match=r"between instructions 12000 and 13000: .* cpu; .*12000") as e:
        replay(tmp_path / "r.ph", wrong)
    assert e.value.status == 1
    with pytest.raises(DivergenceError, match="before its end at 30000: digests differ in cpu"):
        replay(tmp_path / "r.ph", wrong, ReplayOptions(digests=False))


def test_another_machine_diverges_at_once(recording):
    with pytest.raises(DivergenceError):
        replay(recording, Program(seed=2))
    with pytest.raises(DivergenceError):
        replay(recording, Program(), shift=4)


def test_a_guest_that_ends_early_or_late_diverges(recording):
    with pytest.raises(DivergenceError, match="the guest ended"):
        replay(recording, Program(end=20_500))
    with pytest.raises(DivergenceError):
        replay(recording, Program(end=20_500, forever="halt"))


def test_a_cut_recording_replays_as_far_as_it_goes(recording):
    db = sqlite3.connect(recording)
    db.execute("DELETE FROM event WHERE kind = 39")
    db.commit()
    with pytest.raises(FormatError, match="not what its hash says"):
        replay(recording, Program())
    db.execute("DELETE FROM batch WHERE id = (SELECT max(id) FROM batch)")
    db.commit()
    db.close()
    _, outcome, _ = replay(recording, Program())
    assert not outcome.complete and "cut off" in outcome.note


def test_disk_full_leaves_a_valid_recording(tmp_path):
    path = tmp_path / "r.ph"
    host = QuietHost(step_ns=20_000_000)

    def fill(session):
        begin = session.writer.begin

        def begin_small(*args):
            begin(*args)
            session.writer._db.execute("PRAGMA max_page_count = 40")

        session.writer.begin = begin_small

    with pytest.raises(HostError, match=r"disk is full; the recording is valid up to instruction \d\d+") as e:
        record(path, Program(end=10**7, clock=300), host, hook=fill)
    assert e.value.status == 2
    _, outcome, _ = replay(path, Program(end=10**7, clock=300))
    assert not outcome.complete and outcome.icount > 1000
