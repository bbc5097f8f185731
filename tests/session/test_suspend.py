"""Suspend to RAM, recorded and replayed: what wakes a machine and what does not, and every moment around it.

The guest goes to sleep whenever it has nothing else to do, says what woke it, and powers off after the last time. (That
waking is the same as on QEMU is the affair of guest/suspend.s, that Linux comes back of guest/test_power.py.)
"""

import random

import pytest
from planted import entries
from quiet_host import QuietHost

from playhead.base.errors import UsageError
from playhead.boards.config import PcConfig
from playhead.log.event_names import AXES, BUTTONS, KEYS
from playhead.log.events import Input, KeyCode, MouseButton, Moved, PowerButtonPressed, WokenUp
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.replay.checkpoints import Checkpoint
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.sources import InputSource as Keys
from playhead.timeline.live import LiveDebuggee
from playhead.timeline.timeline import Timeline
from tests.shared import once
from tools import guest

SLEEPER = """
        .include "pc.inc"
        .set COUNT, 0x200000
        .text
main:   pci_write 0x80000B40, 0x601             # the power management block
        movl    $0xCF8, %edx
        movl    $0x80000B80, %eax
        outl    %eax, %dx
        outport 0xCFC, 1
        gate    2, on_nmi
        movl    $0x400, 0xFEE00360              # LINT1 is NMI
        outport 0x70, 0x0F
        inb     $0x71, %al
        cmpb    $0xFE, %al
        jne     cold
        outport 0x71, 0
        print   "woken "
        movl    $0x600, %edx
        inw     %dx, %ax
        movzwl  %ax, %eax
        call    put_hex
        print   "\\n"
        incl    COUNT
        cmpl    ${last}, COUNT
        je      pass
        jmp     sleep
cold:   print   "cold\\n"
sleep:  movl    $10000, %ecx                    # something to do, so that there are moments
1:      addl    %ecx, 0x200100(,%ecx,4)
        loop    1b
        .irp    register, 1, 3, 5               # the clock's alarm, each second; power management does not look at it
        outport 0x70, \\register
        outport 0x71, 0xC0
        .endr
        outport 0x70, 0x0B
        outport 0x71, 0x22
        outport COM1 + 1, 1                     # and a received character interrupts
        outport 0x21, 0
        call    drain
        sti
        movl    $0x604, %edx
        movw    $0x2401, %ax
        outw    %ax, %dx
        print   "not asleep\\n"
1:      jmp     1b
on_nmi: print   "NMI\\n"
        iretl
"""
PERIOD = 20_000
WAYS = (
    lambda t: t.session.sources[Keys].send([KeyCode(key=KEYS.index("a"), down=True)]),
    lambda t: t.session.sources[Keys].send([MouseButton(button=BUTTONS.index("left"), down=True)]),
    lambda t: t.press_power(),
    lambda t: t.wake_up(),
)


def prepared(tmp_path, last=len(WAYS)):
    return PcConfig(bios=guest.firmware(SLEEPER.replace("{last}", str(last)), tmp_path), ram_bytes=4 << 20,
                    rtc_base="2026-01-31T12:00:00", rtc_clock="vm")  # fmt: skip


def record(path, pc, script, engine="native", **options):
    """A recording under `script(target)`, a generator that is taken up between two turns."""
    meta = {"config": pc.to_json(), "shift": 10, "engine": "native", "program": "playhead test"}
    host = QuietHost(ports=1, live=True, step_ns=1000)
    with Writer(str(path), True) as writer:
        options = Options(digest_period=PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), shift=10, **options)
        session = RecordSession(lambda door: Machine(pc, door, engine, shift=10), host, options, writer)
        target = LiveDebuggee(session)
        target.seen, target.states = [], []
        target.listen(lambda one: target.seen.append(one.name))
        session.checkpoints.watchers.append(target.states.append)
        steps = script(target)
        target.attend = lambda: next(steps, None)
        outcome = session.run()
    return target, outcome, bytes(host.serial[0].written).decode().replace("\r\n", "\n")


def replayed(path, engine="native", split=None):
    with Reader(str(path)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        host = QuietHost(ports=1)
        build = lambda door: Machine(pc, door, engine, shift=reader.meta["shift"])  # noqa: E731
        session = ReplaySession(build, host, reader, ReplayOptions(split))
        seen, states = [], []
        session.happened = lambda name, **data: seen.append(name)
        session.checkpoints.watchers.append(states.append)
        outcome = session.run()
    return outcome, bytes(host.serial[0].written).decode().replace("\r\n", "\n"), seen, states


def asleep(target):
    """Turns until the machine is suspended."""
    while target.run_state() != "suspended":
        yield
    yield


def all_ways(target):
    """Each way to wake it; before it, what does not."""
    for way in WAYS:
        yield from asleep(target)
        target.raise_nmi()
        target.session.sources[Keys].send([Moved(axis=AXES.index("x"), value=5)])
        target.session.host.serial[0].type(b"x")
        target.session.machine.kick()
        for _ in range(50):  # the alarm, too, once
            yield
        assert target.run_state() == "suspended" and target.machine.now_ns() >= 1_000_000_000
        way(target)
        yield


def test_what_wakes_and_what_does_not(tmp_path):
    pc = prepared(tmp_path)
    target, outcome, said = record(tmp_path / "r.ph", pc, all_ways)
    assert outcome.cause == "guest-shutdown"
    woken = "woken 00008100\n" * len(WAYS)  # WAK_STS, and PWRBTN_STS, which QEMU has for all of these
    assert said == f"cold\n{woken}PASS\n"
    assert target.seen == ["SUSPEND", "WAKEUP", "SUSPEND", "WAKEUP", "SUSPEND", "POWERDOWN", "WAKEUP", "SUSPEND",
                           "WAKEUP", "SHUTDOWN"]  # fmt: skip
    assert target.states.count(Checkpoint.SUSPEND_REQUESTED) == len(WAYS)
    found = [type(e.event) for e in entries(tmp_path / "r.ph")]
    assert (found.count(WokenUp), found.count(PowerButtonPressed), found.count(Input)) == (1, 1, 6)
    for engine, split in (("native", None), ("native", 7), ("reference", None)):
        again, output, seen, states = replayed(tmp_path / "r.ph", engine, split)
        assert again.complete and output == said
        assert seen == target.seen[:-1] and states.count(Checkpoint.SUSPEND_REQUESTED) == len(WAYS)


def test_it_is_woken_by_nothing_else(tmp_path):
    """A wake-up is refused while the machine is awake; a reset is a cold start; with nobody outside it ends there."""

    def script(target):
        with pytest.raises(UsageError, match="not in suspended state"):
            target.wake_up()
        yield from asleep(target)
        target.press_reset()
        yield from asleep(target)
        target.stop()
        assert target.run_state() == "paused"
        target.wake_up()
        target.press_power()
        target.raise_nmi()
        assert target.run_state() == "paused"
        target.go_on()
        yield from asleep(target)
        target.session.observed = False
        target.session.host.serial[0].live = False

    pc = prepared(tmp_path)
    target, outcome, said = record(tmp_path / "r.ph", pc, script)
    assert said == "cold\ncold\nwoken 00008100\n" and outcome.cause == "none"
    assert "the guest is suspended, and nothing is left that could wake it" in outcome.note
    assert replayed(tmp_path / "r.ph")[1] == said
    never = {Checkpoint.CLOCK_VIRTUAL, Checkpoint.CLOCK_HOST}  # docs/determinism.md says why
    assert set(target.states) == set(Checkpoint) - never
    assert set(replayed(tmp_path / "r.ph")[3]) == set(Checkpoint) - never - {Checkpoint.CLOCK_WARP_START}


@pytest.mark.parametrize("seed", range(3))
def test_anything_at_any_time_replays(tmp_path, seed):
    """Several presses at one moment, in pauses and out of them, awake, asleep, and in between."""
    rng = random.Random(seed)

    def wake(target):
        if target.machine.suspended:
            target.wake_up()

    def key(target):
        if target.running:
            target.send_keys([KeyCode(key=KEYS.index("a"))])

    deeds = [wake, key, lambda t: t.press_power(), lambda t: t.raise_nmi(), lambda t: t.press_reset(),
             lambda t: t.stop(), lambda t: t.go_on(), lambda t: t.session.host.serial[0].type(b"x")]  # fmt: skip

    def script(target):
        for _ in range(120):
            for deed in rng.sample(deeds, rng.choice((0, 0, 1, 1, 2, 3))):
                deed(target)
                if target.session.outcome is not None:
                    return
            yield
        target.quit()

    _, outcome, said = record(tmp_path / "r.ph", prepared(tmp_path, last=20), script)
    for engine, split in (("native", None), ("reference", seed)):
        again, output, _, _ = replayed(tmp_path / "r.ph", engine, split)
        assert again.complete and output == said and again.icount == outcome.icount


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """With snapshots inside a suspension, one of which is loaded in another one."""

    def script(target):
        yield from asleep(target)
        while not target.session.at_arrival:
            yield
        target.save("inside")
        target.wake_up()
        yield from asleep(target)
        target.load("inside")
        assert target.run_state() == "suspended"
        yield
        yield from all_ways(target)

    def make(path):
        return record(path, prepared(tmp_path_factory.mktemp("guest")), script)

    return once(tmp_path_factory, "suspensions.ph", make)


def test_every_moment_around_it_is_reached_by_any_way(recording):
    assert replayed(recording)[0].complete
    with Reader(str(recording)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        build = lambda door: Machine(pc, door, shift=reader.meta["shift"])  # noqa: E731
        there = sorted({e.moment for e in reader.entries()})
        around = {Moment(m.icount, seq) for m in there for seq in range(m.seq + 4)} | {
            Moment(max(m.icount + n, 0)) for m in there for n in (-30, -1, 1, 2)
        }
        forwards = Timeline(build, QuietHost(ports=1), reader, 1).begin()
        around = sorted(m for m in around if m < forwards.end)
        states = {}
        for moment in around:
            forwards.seek(moment)
            states[moment] = (forwards.moment, forwards.player.digest().root, forwards.machine.suspended)
        assert {suspended for _, _, suspended in states.values()} == {False, True}
        anyhow = Timeline(build, QuietHost(ports=1), reader, 1).begin()
        for moment in random.Random(3).sample(around, min(len(around), 150)):
            anyhow.seek(moment)
            found = (anyhow.moment, anyhow.player.digest().root, anyhow.machine.suspended)
            assert found == states[moment], moment
        last = anyhow.seek(anyhow.end)
        assert last is not None
        anyhow.steps_back(3)
        assert anyhow.moment < anyhow.end
