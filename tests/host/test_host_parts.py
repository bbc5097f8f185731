"""The outside, piece by piece: escapes, devices, the watcher, messages, files."""

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time

import pytest

from playhead.base.errors import HostError, PlayheadError
from playhead.host.chardev.backends import Backends
from playhead.host.chardev.device import INBOX, CharDevice
from playhead.host.chardev.mux import Mux
from playhead.host.files import read_file
from playhead.host.host import Host
from playhead.host.terminal import QUIT, SHOW_HELP, EscapeFilter, RawTerminal, StatusLine
from playhead.host.typed_lines import TypedLines
from playhead.host.watch import IN, TICK_MS, Watcher


def test_escapes():
    keys = EscapeFilter()
    assert keys.feed(b"ls\x01xpwd") == (b"lspwd", [QUIT])
    assert keys.feed(b"a\x01") == (b"a", [])
    assert keys.feed(b"\x01b") == (b"\x01b", [])
    assert keys.feed(b"\x01") == (b"", []) and keys.feed(b"X") == (b"", [QUIT])
    assert keys.feed(b"\x01h\x01?\x01q") == (b"", [SHOW_HELP] * 3)


class Keyboard(CharDevice):
    """A device at which a test types."""

    terminal = keys = live = True

    def __init__(self):
        super().__init__("keyboard")
        self.shown = bytearray()

    def write(self, data):
        self.shown += data

    def type(self, keys):
        self._arrived(keys)


def test_the_keys_go_to_one_after_the_other():
    """In QEMU's order: the last port has them at first, then monitors, then ports."""
    device = Keyboard()
    mux = Mux(device)
    first, second = mux.port("serial0"), mux.port("serial1")
    monitor = mux.port("monitor", monitor=True)
    assert (second.connected, monitor.connections) == (True, 0)
    device.type(b"1\x01")
    device.type(b"cm\x01\x01\x01c0\x01C1")
    assert (first.take(), second.take(), monitor.take()) == (b"0", b"11", b"m\x01")
    assert (first.connections, second.connections, monitor.connections) == (2, 2, 1)
    device.type(b"\x01x\x01h")
    assert list(device.commands) == [QUIT, SHOW_HELP]
    first.write(b"a")
    monitor.send(b"b")
    assert device.shown == b"ab"
    alone = Keyboard()
    Mux(alone).port("serial0")
    alone.type(b"\x01c")
    assert list(alone.commands) == [SHOW_HELP]


def test_a_port_that_does_not_read_holds_the_keys_up():
    device = Keyboard()
    mux = Mux(device)
    port = mux.port("serial0")
    for _ in range(INBOX):
        assert not device._crowded()
        device.type(b"x")
    assert device._crowded()
    port.take(1)
    assert not device._crowded()


def test_the_monitors_line_is_edited():
    device = Keyboard()
    lines = TypedLines(device)
    device.type(b"inff\x7fo status\rqui")
    assert lines.take() == b"info status\n" and device.shown == b"inff\b \bo status\r\nqui"
    device.type(b"\x15\x7fc\r")
    assert lines.take() == b"c\n"
    device.type(b"\n\n\x1bcont\n")
    assert lines.take() == b"\ncont\n"
    device.keys = False  # the other side shows what it sends
    del device.shown[:]
    device.type(b"x\n")
    assert lines.take() == b"x\n" and not device.shown


def quiet(spec):
    return Backends((), StatusLine()).front(spec, "serial0")


def test_file_output(tmp_path):
    device = quiet(f"file:{tmp_path / 'out'}")
    device.write(b"no newline")
    assert (tmp_path / "out").read_bytes() == b""
    device.write(b" yet\n")
    assert (tmp_path / "out").read_bytes() == b"no newline yet\n"
    device.write(b"end")
    device.close()
    assert (tmp_path / "out").read_bytes() == b"no newline yet\nend"
    with pytest.raises(HostError, match="cannot write serial0"):
        quiet(f"file:{tmp_path}")
    with pytest.raises(HostError):
        quiet(f"file:{tmp_path}/a\0b")


def test_a_full_output_file_does_not_stop_the_guest():
    device = quiet("file:/dev/full")
    device.write(b"hello\n")
    device.write(b"hello\n")
    assert "space" in device.broken
    device.close()


def test_taking_input_in_pieces():
    device = CharDevice("x")
    device._inbox.extend([b"abc", b"defg"])
    assert device.take(2) == b"ab" and device.waiting
    assert device.take(0) == b""
    assert device.take(4) == b"cdef" and device.take(9) == b"g" and not device.waiting


def test_pty_keeps_what_nobody_reads_yet_and_takes_input():
    told = []
    device = Backends((), StatusLine()).front("pty", "serial1")
    device.message = told.append
    device.open()
    name = told[0].split()[-1]
    assert told == [f"serial1 is {name}"] and device.live
    text = bytes(range(256)) * 40
    device.write(text)
    device.flush()
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
    got = b""
    while len(got) < len(text):
        if device.watched()[1] & ~IN:
            device.ready(device.watched()[1] & ~IN)
        got += os.read(fd, 4096)
    assert got == text
    os.write(fd, b"\x03raw\r")
    device.ready(IN)
    assert device.take(100) == b"\x03raw\r"
    os.close(fd)
    device.close()


def test_pty_backlog_is_bounded():
    device = quiet("pty")
    for _ in range(300):
        device.write(bytes(10_000))
        device.flush()
    assert len(device._backlog) <= 1 << 20
    device.close()


def test_the_watcher_wakes_at_input_and_in_between():
    watcher, woken = Watcher(), []
    read, write = os.pipe()

    class Pipe:
        got = b""

        def watched(self):
            return read, IN

        def ready(self, events):
            self.got += os.read(read, 100)

    source = Pipe()
    watcher.sources = [source]
    watcher.start(lambda: woken.append(time.monotonic()))
    began = time.monotonic()
    threading.Timer(0.02, os.write, (write, b"x")).start()
    watcher.wait(60_000_000_000)
    assert source.got == b"x" and time.monotonic() - began < 60
    began, count = time.monotonic(), len(woken)
    while len(woken) < count + 3:
        assert time.monotonic() - began < 60
        time.sleep(0.01)
    watcher.stop()
    assert len(woken) - count <= (time.monotonic() - began) * 1000 / TICK_MS + 2, "no more often than said"
    os.close(read)
    os.close(write)


def test_signals_are_seen_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    woken = threading.Event()
    with Host() as host:
        host.start(woken.set)
        assert host.quit_cause() == ""
        os.kill(os.getpid(), signal.SIGTERM)
        until = time.monotonic() + 60
        while not host.quit_cause() and time.monotonic() < until:
            woken.wait(0.1)
        assert host.quit_cause() == "host-signal" and host.quit_name() == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_raw_mode_is_undone():
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    raw = RawTerminal(slave, signals=False)
    raw.restore()
    raw.enter()
    assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    raw.enter()  # after SIGCONT
    raw.restore()
    raw.restore()
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)
    raw.restore()  # the terminal has gone


def test_a_pipe_or_nothing_is_no_terminal():
    read, write = os.pipe()
    assert not RawTerminal.usable(read)
    os.close(read)
    os.close(write)
    assert not RawTerminal.usable(read)


STDIO = """
import sys, time
from playhead.host.host import Host
host = Host(["stdio"], mux={mux})
with host:
    host.start(lambda: None)
    got = b""
    until = time.monotonic() + 60
    while (host.input_possible or host.serial[0].waiting) and time.monotonic() < until:
        host.wait(50_000_000)
        got += host.serial[0].take(100_000)
        host.look_again()
        if host.quit_cause(): break
    host.serial[0].write(repr((got, host.quit_cause())).encode())
    host.flush()
"""


@pytest.mark.parametrize("mux, sent, want", [
    (False, b"ab\x01xc", (b"ab\x01xc", "")),
    (True, b"ab\x01\x01c\x01x", (b"ab\x01c", "host-ui")),
    (True, b"", (b"", "")),
    (False, b"z" * 200_000, (b"z" * 200_000, "")),
])  # fmt: skip
def test_standard_input_that_is_no_terminal(mux, sent, want):
    done = subprocess.run([sys.executable, "-c", STDIO.format(mux=mux)], input=sent, capture_output=True, timeout=300)
    assert done.stdout.decode() == repr(want) and done.stderr == b""


def test_standard_input_from_a_file(tmp_path):
    (tmp_path / "in").write_bytes(b"from a file")
    with open(tmp_path / "in", "rb") as f:
        command = [sys.executable, "-c", STDIO.format(mux=False)]
        done = subprocess.run(command, stdin=f, capture_output=True, timeout=300)
    assert done.stdout.decode() == repr((b"from a file", ""))


def test_a_closed_standard_output_asks_for_the_end():
    command = [sys.executable, "-c", STDIO.format(mux=False).replace("host.flush()", """host.flush()
    print(host.quit_cause(), host.quit_name(), file=sys.stderr)""")]  # fmt: skip
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, timeout=300)
    os.close(write)
    assert done.stderr.startswith(b"host-ui standard output: Broken pipe")


def test_reading_files(tmp_path):
    (tmp_path / "k").write_bytes(b"kernel")
    assert read_file(str(tmp_path / "k"), "kernel") == b"kernel"
    for path in (str(tmp_path / "none"), str(tmp_path), "/dev/zero", "a\0b", ""):
        with pytest.raises(PlayheadError, match="kernel") as e:
            read_file(path, "kernel")
        assert "\n" not in str(e.value) and e.value.status == 2
