"""A recording on a real terminal: keys, help, and the terminal as it was afterwards, however it ended."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from playhead.log.events import CharRead
from playhead.log.reader import Reader

HERE = Path(__file__).parent


class Terminal:
    """A process on a private terminal."""

    def __init__(self, *command):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

        def own():
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=own,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        self.seen = b""

    def until(self, condition, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.02)[0]:
                self.seen += os.read(self.master, 4096)
            if condition(self):
                return
        raise AssertionError(self.seen[-500:])

    def stopped(self):
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def type(self, keys):
        os.write(self.master, keys)

    def ended(self):
        """Wait for the end; the exit status."""
        self.until(lambda t: t.process.poll() is not None)
        after = termios.tcgetattr(self.slave)
        assert after == self.before, "the terminal is not as it was"
        os.close(self.master)
        os.close(self.slave)
        return self.process.returncode


def start(path, serial="stdio"):
    terminal = Terminal(str(HERE / "endless.py"), str(path), serial)
    terminal.until(Terminal.raw)
    return terminal


def keys_so_far(path):
    with Reader(str(path)) as reader:
        return b"".join(bytes(e.event.data) for e in reader.entries() if isinstance(e.event, CharRead))


def recorded_keys(path):
    with Reader(str(path)) as reader:
        assert reader.ended()
    return keys_so_far(path)


def test_keys(tmp_path):
    terminal = start(tmp_path / "r.ph")
    terminal.type(b"hello\r\x03\x1a\x01\x01")
    terminal.type(b"\x01h")
    terminal.until(lambda t: b"Ctrl-A x" in t.seen)
    terminal.until(lambda t: keys_so_far(tmp_path / "r.ph") == b"hello\r\x03\x1a\x01")
    terminal.type(b"\x01x")
    terminal.until(lambda t: b"host-ui" in t.seen)
    assert terminal.ended() == 0
    assert recorded_keys(tmp_path / "r.ph") == b"hello\r\x03\x1a\x01"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_put_the_terminal_back(tmp_path, number):
    terminal = start(tmp_path / "r.ph")
    terminal.process.send_signal(number)
    assert terminal.ended() == 0
    recorded_keys(tmp_path / "r.ph")


def test_stopped_and_continued(tmp_path):
    terminal = start(tmp_path / "r.ph")
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda t: t.stopped())
    assert not terminal.raw()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.until(Terminal.raw)
    terminal.type(b"\x01x")
    assert terminal.ended() == 0


def test_an_error_puts_the_terminal_back(tmp_path):
    os.mkfifo(tmp_path / "go")
    code = (
        "import sys\nfrom playhead.host.host import Host\n"
        "with Host(['stdio']) as h:\n h.start(lambda: None)\n open(sys.argv[1]).read()\n raise ValueError('oops')"
    )
    terminal = Terminal("-c", code, str(tmp_path / "go"))
    terminal.until(Terminal.raw)
    (tmp_path / "go").write_bytes(b"now")
    assert terminal.ended() == 1 and b"oops" in terminal.seen
