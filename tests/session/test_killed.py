"""A recording by a separate process: killed, interrupted, on a full disk, typed at through a pty."""

import itertools
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from endless import PROGRAM
from fake_machine import FakeMachine
from quiet_host import QuietHost

from playhead.base.errors import PlayheadError
from playhead.log.events import CharRead
from playhead.log.reader import Reader
from playhead.session.replay import ReplaySession

HERE = Path(__file__).parent


def start(path, *serial, **more):
    command = [sys.executable, str(HERE / "endless.py"), str(path), *serial]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    usual = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)}  # under nohup it would be ignored
    return subprocess.Popen(command, text=True, **{**pipes, **usual, **more})


def wait_for(condition, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def reached(path):
    try:
        with Reader(str(path)) as reader:
            return reader.last_mark()[0].icount
    except Exception:
        return 0


def gaps_between_flushes(path):
    """In seconds, in order of length: every flush makes more visible. Of a second and a half at least."""
    last, seen, end = reached(path), [], time.monotonic() + 1.5
    while len(seen) < 3 or time.monotonic() < end:
        time.sleep(0.01)
        now = reached(path)
        if now != last:
            last = now
            seen.append(time.monotonic())
    return sorted(b - a for a, b in itertools.pairwise(seen))


def replay(path):
    with Reader(str(path)) as reader:
        return ReplaySession(lambda door: FakeMachine(door, PROGRAM), QuietHost(), reader).run()


def test_kill_9_costs_half_a_second_at_most(tmp_path):
    path = tmp_path / "r.ph"
    process = start(path)
    wait_for(lambda: reached(path) > 20_000)
    tries = []
    while not tries or tries[-1][len(tries[-1]) // 2] >= 0.6 or tries[-1][-1] >= 2:  # a busy host's are longer
        assert len(tries) < 10, tries
        tries.append(gaps_between_flushes(path))
    last = reached(path)
    process.kill()
    process.wait()
    assert reached(path) >= last
    outcome = replay(path)
    assert not outcome.complete and outcome.icount >= last - 2000 and outcome.events > 5
    assert os.listdir(tmp_path) == ["r.ph"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_validly(tmp_path, number):
    path = tmp_path / "r.ph"
    process = start(path)
    wait_for(lambda: reached(path) > 5_000)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "host-signal" in out and err == ""
    outcome = replay(path)
    assert outcome.complete and outcome.cause == "host-signal"


def test_a_full_disk_leaves_what_was_flushed(tmp_path):
    path = tmp_path / "r.ph"
    limit = 600_000  # a batch is also copied after the end of the file, past room for 256 KB of log
    process = start(path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, err = process.communicate(timeout=300)
    assert process.returncode != 0 and "HostError" in err and "valid up to instruction" in err
    outcome = replay(path)
    assert not outcome.complete and outcome.icount > 1000


def typed(path):
    try:
        with Reader(str(path)) as reader:
            return b"".join(bytes(e.event.data) for e in reader.entries() if isinstance(e.event, CharRead))
    except PlayheadError:  # not begun
        return b""


def test_typing_at_a_pty_is_recorded(tmp_path):
    path = tmp_path / "r.ph"
    process = start(path, "pty", "null")
    name = process.stderr.readline().split()[-1]
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
    try:
        for n in range(5):
            os.write(fd, b"line %d\n" % n)
            time.sleep(0.05)
        assert select.select([fd], [], [], 90)[0] and os.read(fd, 100)
        wait_for(lambda: typed(path).count(b"\n") == 5)
    finally:
        os.close(fd)
        process.terminate()
        process.communicate(timeout=300)
    assert typed(path) == b"".join(b"line %d\n" % n for n in range(5))
    assert replay(path).complete
