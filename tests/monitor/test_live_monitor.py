"""The monitor of a running machine, as users reach it: over TCP, on a pty, on standard input, on the console."""

import os
import re
import select
import signal
import socket
import subprocess
import time

import pytest
from talking import PATIENCE_S, PLAYHEAD, PROMPT, Running, Talk, talk_at, wait_for

from playhead.cli import main
from playhead.log.events import SnapshotLoaded
from playhead.log.reader import Reader
from playhead.log.snapshots import names
from tools import guest


def machine(*options):
    return ["-bios", str(guest.image("demo")), "-m", "16", *options]


def test_over_tcp_with_a_kill(tmp_path):
    """Stop, continue, snapshots; and what was recorded is there after a kill -9."""
    path = tmp_path / "r.ph"
    out = f"file:{tmp_path / 'out'}"
    with Running("record", "-o", str(path), *machine("-serial", out), "-monitor", "tcp:127.0.0.1:0,server,nowait",
                 "-S", "-icount", "rrsnapshot=power-on") as running:  # fmt: skip
        talk = running.monitor()
        assert talk.ask("info status") == "VM status: paused (prelaunch)"
        assert talk.ask("info replay") == f"Recording execution '{path}': instruction count = 0"
        assert talk.ask("c") == "" and talk.ask("info status") == "VM status: running"
        wait_for(lambda: not talk.ask("when").startswith("moment 0,"))
        assert talk.ask("stop") == "" and talk.ask("info status") == "VM status: paused"
        when = talk.ask("when")
        assert re.match(r"moment [1-9]\d*(\+\d+)?, virtual time \d", when)
        time.sleep(0.2)  # it does not go on
        assert talk.ask("when") == when
        assert talk.ask("savevm here") == "" and "did you mean 'savevm'" in talk.ask("savemv x")
        talk.ask("cont")
        wait_for(lambda: talk.ask("when").split(",")[0] != when.split(",")[0])
        assert talk.ask("loadvm here") == ""
        assert talk.ask("system_reset") == ""
        after = talk.ask("when")
        wait_for(lambda: talk.ask("when") != after)
        talk.ask("stop")
        assert talk.ask("loadvm power-on") == ""
        assert "CS =f000 ffff0000 0000ffff 00009300" in talk.ask("info registers")
        table = talk.ask("info snapshots").split("\n")
        assert len(table) == 4 and " power-on " in table[2] and " here " in table[3]
        wait_for(lambda: loads(path) == 2)  # it is flushed twice a second
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    assert main(["verify", str(path)]) == 0
    assert main(["replay", "--verify", str(path), "--quiet"]) == 0
    with Reader(str(path)) as reader:
        assert [s.name for s in names(reader)] == ["power-on", "here"]
    assert loads(path) == 2


def loads(path):
    """How many times a snapshot was loaded, as far as it is in the file."""
    with Reader(str(path)) as reader:
        return sum(isinstance(entry.event, SnapshotLoaded) for entry in reader.entries())


def test_one_client_after_the_other():
    with Running("run", *machine("-serial", "null"), "-monitor", "tcp:127.0.0.1:0,server=on,wait=off") as running:
        port = int(running.told(r"monitor is at [0-9.]+:(\d+)"))
        for _ in range(2):
            with talk_at(port) as talk:
                assert talk.ask("info replay") == "Record/replay is not active"
                talk.file.write(b"half a li")
        with talk_at(port) as talk:
            talk.file.write(b"quit\n")
            assert running.process.wait(PATIENCE_S) == 0
        assert b"ended by quit at the monitor" in running.process.stderr.read()


def test_on_a_pty():
    with Running("run", *machine("-serial", "null"), "-monitor", "pty") as running:
        fd = os.open(running.told("monitor is (.*)"), os.O_RDWR | os.O_NOCTTY)
        talk = Talk(os.fdopen(fd, "rb+", 0))
        talk.file.write(b"infq\x7fo status\n")
        assert talk.until(PROMPT) == "infq\b \bo status\nVM status: running"  # as on a terminal
        talk.file.write(b"q\r")
        assert running.process.wait(PATIENCE_S) == 0


def test_on_standard_input(tmp_path):
    path = tmp_path / "r.ph"
    words = ["record", "-o", str(path), *machine("-serial", "null"), "-monitor", "stdio"]
    done = subprocess.run([*PLAYHEAD, *words], input="info status\nnonsense\nx/2xb 0xf0000\nquit\n", text=True,
                          capture_output=True, timeout=PATIENCE_S)  # fmt: skip
    begin = "^Playhead [0-9.]+ monitor - type 'help' for more information\n\\(qemu\\) info status\nVM status: running\n"
    assert done.returncode == 0 and re.match(begin + r"\(qemu\) nonsense\nunknown command: 'nonsense'", done.stdout)
    assert "(qemu) x/2xb 0xf0000\n000f0000: 0x" in done.stdout and done.stdout.endswith("(qemu) quit\n(qemu) ")
    assert main(["replay", "--verify", str(path), "--quiet"]) == 0


def test_on_the_console(tmp_path):
    """With -nographic the keys go to the guest or to the monitor; Ctrl-A c switches."""
    with Running("record", "-o", str(tmp_path / "r.ph"), *machine("-nographic"), stdin=subprocess.PIPE) as running:
        process = running.process

        def until(text):
            seen, end = b"", time.monotonic() + PATIENCE_S
            while text not in seen:
                assert select.select([process.stdout], [], [], max(end - time.monotonic(), 0))[0], seen
                seen += os.read(process.stdout.fileno(), 4096)
            return seen

        def type(keys):
            process.stdin.write(keys)
            process.stdin.flush()

        until(b"> ")
        type(b"echo one\r")
        until(b"one")
        type(b"\x01c")
        until(PROMPT)
        type(b"info status\rstop\rinfo status\rcont\r")
        said = until(b"paused")
        assert b"VM status: running" in said
        type(b"\x01cecho two\r")
        until(b"two")
        type(b"\x01cquit\r")
        assert process.wait(PATIENCE_S) == 0
    assert main(["replay", "--verify", str(tmp_path / "r.ph"), "--quiet"]) == 0


@pytest.mark.parametrize(("words", "message"), [
    (("-monitor", "stdio"), "-monitor stdio: COM1 is connected to it"),
    (("-S",), "-S without -gdb (or -s) and without -monitor"),
    (("-monitor", "tcp::1"), "monitor: cannot connect to tcp:127.0.0.1:1: Connection refused"),
    (("-monitor", "tcp::4444,server,delays"), "unknown key 'delays'; there are server"),
    (("-nographic", "-monitor", "stdio"), "leave -monitor out: Ctrl-A c switches"),
    (("-monitor", "vc"), "a virtual console (vc) is shown by -display curses only; pty is"),
    (("-gdb", "tcp:x"), "is no address; give tcp:HOST:PORT"),
    (("-icount", "rrsnapshot=x"), "playhead record"),
    (("-icount", "rr=record"), "use playhead record"),
    (("-loadvm", "x"), "there is no qcow2 image that may be written"),
])  # fmt: skip
def test_refusals(words, message, capfd):
    assert main(["run", *machine(), *words]) == 2
    out, err = capfd.readouterr()
    assert message in err and err.count("\n") == 1 and not out, err


def test_a_port_that_is_taken(tmp_path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = ["-gdb", f"tcp::{other.getsockname()[1]}"]
        assert main(["record", "-o", str(tmp_path / "r.ph"), *machine(), *words]) == 2
    assert "cannot listen at" in capfd.readouterr().err and not os.listdir(tmp_path)
