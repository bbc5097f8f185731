"""Debian's kernel suspends to RAM, is woken in each way, and shuts down at the power button: recorded and replayed.

By `-kernel`, where the board does firmware's work, and (long) from a disk, where SeaBIOS does. The guest is `power` of
tools/guests/debian.py: it says how long it slept, and whether memory and disk are as they were.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.cli.drives import SEABIOS
from playhead.log.event_names import KEYS
from playhead.log.events import KeyCode, PowerButtonPressed, WokenUp
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.replay.checkpoints import Checkpoint
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.timeline.live import LiveDebuggee
from playhead.timeline.timeline import Timeline
from quiet_host import QuietHost
from scripted import talk
from tests.shared import once
from tools import guest
from tools.guests.debian import LOGIN, PASSWORD

pytestmark = [pytest.mark.guest, pytest.mark.slow]
SHIFT, PERIOD = 5, 8_000_000
WAYS = {
    "rtc": lambda target: None,  # it has set an alarm
    "key": lambda target: target.send_keys([KeyCode(key=KEYS.index("spc"))]),
    "outside": lambda target: target.wake_up(),
    "RTC": lambda target: target.press_power(),  # the alarm is an hour away
    "button": lambda target: target.press_power(),
}


def act(target: LiveDebuggee, said: Callable[[], bytes]) -> Iterator[None]:
    """Between two turns: for each way, what somebody outside does when the guest sleeps, or waits for the button."""
    for name, do in WAYS.items():
        while f"way: {name}\r\n".encode() not in said():
            yield
        for _ in range(200 if name == "button" else 0):
            yield
        while name != "button" and target.run_state() != "suspended":
            yield
        do(target)


def record(path: Path, kernel: Path, initrd: Path) -> None:
    append = f"{guest.NO_TESTS} WAYS={','.join(WAYS)}"
    pc = PcConfig(kernel=kernel.read_bytes(), initrd=initrd.read_bytes(), append=append, ram_bytes=64 << 20,
                  rtc_clock="vm")  # fmt: skip
    meta = {"config": pc.to_json(), "shift": SHIFT, "engine": "native", "program": "playhead test"}
    options = Options(digest_period=PERIOD, meta=meta, blobs=tuple(pc.blobs().values()), shift=SHIFT, sleep=False)
    host = QuietHost(ports=1, live=True)
    seen: list[Checkpoint] = []
    with Writer(str(path), True) as writer:
        session = RecordSession(lambda door: Machine(pc, door, shift=SHIFT), host, options, writer)
        target = LiveDebuggee(session)
        session.checkpoints.watchers.append(seen.append)
        steps = act(target, lambda: bytes(host.serial[0].written))
        target.attend = lambda: next(steps, None)
        outcome = session.run()
    assert outcome.cause == "guest-shutdown", host.serial[0].written[-2000:]
    assert seen.count(Checkpoint.SUSPEND_REQUESTED) == len(WAYS) - 1
    path.with_suffix(".said").write_bytes(bytes(host.serial[0].written))


@pytest.fixture(scope="session")
def recording(power: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "power.ph", lambda path: record(path, *power))


def test_each_way_to_wake_it_is_survived(recording: Path) -> None:
    said = recording.with_suffix(".said").read_bytes().decode().replace("\r\n", "\n")
    assert "GUEST-UP, freeze mem disk" in said
    slept = re.findall(r"awake after (\d+) s, (.*)\n", said)
    assert [alarm for _, alarm in slept] == ["", "", "", "alarm is set"] and slept[0][0] in ("4", "5")
    for line in ("Waking up from system sleep state S3", "button pressed", "memory is as it was", "GUEST-DONE"):
        assert line in said
    with Reader(str(recording)) as reader:
        found = [type(entry.event) for entry in reader.entries()]
    assert (found.count(WokenUp), found.count(PowerButtonPressed)) == (1, 2)


def test_it_replays_also_in_pieces(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert main(["replay", str(recording), "--quiet", "--split-seed", "5", "-serial", f"file:{out}"]) == 0
    assert out.read_bytes() == recording.with_suffix(".said").read_bytes()


def test_moments_of_a_suspension_are_reached_backwards(recording: Path) -> None:
    with Reader(str(recording)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        woken = next(entry.moment for entry in reader.entries() if isinstance(entry.event, WokenUp))
        line = Timeline(lambda door: Machine(pc, door, shift=SHIFT), QuietHost(ports=1), reader, 1).begin()
        at, far = woken.icount, 3_000_000
        around = [Moment(at - far), Moment(at - 1), Moment(at), woken, Moment(at, woken.seq + 1), Moment(at + 2)]
        around.append(Moment(at + far))
        states = {}
        for moment in around:
            line.seek(moment)
            states[moment] = line.player.digest().root, line.machine.suspended
        assert [suspended for _, suspended in states.values()] == [n == 3 for n in range(7)]
        order = around[::-1] + random.Random(1).sample(around, len(around))
        for moment in order:
            line.seek(moment)
            assert (line.player.digest().root, line.machine.suspended) == states[moment], moment


@pytest.mark.long
def test_seabios_resumes_a_system_on_a_disk(debian: object, tmp_path: Path) -> None:
    if not any(os.path.exists(path) for path in SEABIOS):
        pytest.fail("no SeaBIOS") if os.environ.get("CI") == "true" else pytest.skip("no SeaBIOS")
    image, path = tmp_path / "grub.img", tmp_path / "grub.ph"
    shutil.copyfile(guest.boot_disk("grub"), image)
    prompt = b"playhead# "
    steps = [
        (b"login: ", f"{LOGIN}\n".encode()), (b"assword: ", f"{PASSWORD}\n".encode()),
        (prompt, b"cat /bin/busybox > /root/copy; sync; echo COPIED | tr A-Z a-z\n"), (b"copied", b""),
        (prompt, b"echo +5 > /sys/class/rtc/rtc0/wakealarm; echo mem > /sys/power/state; echo AWAKE | tr A-Z a-z\n"),
        (b"awake", b""),
        (prompt, b"echo 3 > /proc/sys/vm/drop_caches; md5sum /root/copy /bin/busybox\n"), (prompt, b"exit\n"),
    ]  # fmt: skip
    options = ["-m", "64", "-nographic", "-icount", "shift=4", "-rtc", "clock=vm", "-snapshot", "-hda", str(image)]
    program = [sys.executable, "-m", "playhead.cli"]
    status, said, _ = talk([*program, "record", "-o", str(path), *options], steps, 900)
    assert status == 0 and b"Waking up from system sleep state S3" in said and b"GUEST-DONE" in said
    sums = re.findall(rb"^([0-9a-f]{32})  /", said, re.MULTILINE)
    assert len(sums) == 2 and sums[0] == sums[1]
    image.unlink()
    assert main(["replay", str(path), "--quiet", "-serial", f"file:{tmp_path / 'again'}"]) == 0
    assert (tmp_path / "again").read_bytes() == said

