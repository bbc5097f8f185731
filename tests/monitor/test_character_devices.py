"""Machines whose ports, monitors and debuggers are at sockets, pseudo terminals and muxes, driven by real clients,
recorded and replayed.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from talking import PATIENCE_S, PROMPT, Running

from playhead.cli import main
from playhead.log.events import CharRead
from playhead.log.reader import Reader
from playhead.monitor.commands import Command, Monitor
from tests.free_ports import free_port
from tools import asm

# COM1 gives back what comes, COM2 gives it back in capitals, and a q on COM1 ends the run.
ECHO = """
        .code16
start:  movb $'!', %al
        movw $0x3F8, %dx
        outb %al, %dx
one:    movw $0x3FD, %dx
        inb %dx, %al
        testb $1, %al
        jz two
        movw $0x3F8, %dx
        inb %dx, %al
        cmpb $'q', %al
        je end
        outb %al, %dx
two:    movw $0x2FD, %dx
        inb %dx, %al
        testb $1, %al
        jz one
        movw $0x2F8, %dx
        inb %dx, %al
        subb $0x20, %al
        outb %al, %dx
        jmp one
end:    outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""
# Prints an escape, and ends.
ESCAPES = """
        .code16
start:  movw $0x3F8, %dx
        movb $27, %al
        outb %al, %dx
wait:   movw $0x3FD, %dx
        inb %dx, %al
        testb $0x20, %al
        jz wait
        movw $0x3F8, %dx
        movb $'!', %al
        outb %al, %dx
        outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""
# 1.5 MiB go to the debug port, as fast as they can; then it counts for a while.
FLOOD = """
        .code16
start:  movw $24, %bx
        movw $0xE9, %dx
more:   xorw %cx, %cx
byte:   movb %cl, %al
        outb %al, %dx
        loop byte
        decw %bx
        jnz more
        movl $60000000, %ecx
wait:   decl %ecx
        jnz wait
        outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""
FLOODED = (bytes(range(256))[::-1][-1:] + bytes(range(255, 0, -1))) * (24 << 8)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def options(source, *words):
        Path("guest").write_bytes(asm.flat(source, bits=16))
        return ["-bios", "guest", "-m", "2", "-device", "isa-debug-exit,iobase=0xf4,iosize=1", *words]

    return options


def connect(path):
    end = time.monotonic() + PATIENCE_S
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            assert time.monotonic() < end
            time.sleep(0.02)


def until(client, text):
    seen = b""
    while text not in seen:
        data = client.recv(4096)
        assert data, seen
        seen += data
    return seen


def to_the_end(client):
    seen = b""
    with contextlib.suppress(ConnectionResetError):  # an end as well: there was something that it had not read
        while data := client.recv(1 << 16):
            seen += data
    return seen


def typed(path, port=0):
    with Reader(path) as reader:
        events = [entry.event for entry in reader.entries()]
    return b"".join(bytes(e.data) for e in events if isinstance(e, CharRead) and e.port == port)


def test_clients_of_a_unix_socket_come_and_go(machine):
    """What one has sent and the guest not yet read is not lost when it goes; a replay plays into a socket, too."""
    words = machine(ECHO, "-serial", "unix:s,server")
    with Running("record", "-o", "r.ph", *words) as running:
        assert "unix:s" in running.told("(serial0: waiting for a client at .*)")
        assert stat.S_IMODE(os.stat("s").st_mode) == 0o600
        with connect("s") as client:
            client.sendall(b"one")
            assert until(client, b"!one") == b"!one"
        with connect("s") as client:
            client.sendall(b"two")
            until(client, b"two")
            client.sendall(b"q")
            assert running.process.wait(PATIENCE_S) % 2
    assert not os.path.exists("s") and typed("r.ph") == b"onetwoq"
    assert main(["replay", "r.ph", "--quiet", "-serial", "file:x"]) == 0 and Path("x").read_bytes() == b"!onetwo"
    with Running("replay", "r.ph", "-serial", "chardev:c", "-chardev", "socket,id=c,path=t,server=on") as running:
        with connect("t") as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may be over already
                client.sendall(b"ignored")
            assert to_the_end(client) == b"!onetwo"
        assert running.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("peer", ["telnet", "nc", "socat"])
def test_debians_clients(machine, peer):
    if shutil.which(peer) is None:
        pytest.skip(f"there is no {peer}")
    port = free_port()
    device = f"{'telnet' if peer == 'telnet' else 'tcp'}:127.0.0.1:{port},server"
    command = ["socat", "-", f"TCP:127.0.0.1:{port}"] if peer == "socat" else [peer, "127.0.0.1", str(port)]
    with Running("record", "-o", "r.ph", *machine(ECHO, "-serial", device)) as running:
        running.told("(waiting for a client)")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, **pipes) as client:
            seen, end = b"", time.monotonic() + PATIENCE_S
            client.stdin.write(b"hello\n")
            client.stdin.flush()
            while b"hello" not in seen:
                assert select.select([client.stdout], [], [], max(end - time.monotonic(), 0))[0], seen
                seen += os.read(client.stdout.fileno(), 4096)
            client.stdin.write(b"q\n")
            client.stdin.flush()
            assert running.process.wait(PATIENCE_S) % 2
            client.kill()
    assert typed("r.ph").replace(b"\r", b"\n").replace(b"\n\n", b"\n").startswith(b"hello\nq")
    assert b"\xff" not in typed("r.ph")
    assert main(["replay", "r.ph", "--quiet", "-serial", "file:x"]) == 0
    assert Path("x").read_bytes().startswith(b"!hello")


def test_a_client_that_connects_again(machine):
    """Playhead is the client; its server comes late, goes, and comes again."""
    with Running("record", "-o", "r.ph", *machine(ECHO, "-serial", "unix:s,reconnect=1")) as running:
        running.told("(cannot connect to unix:s: No such file or directory; trying again every 1 s)")
        for text, told in ((b"a", "connected to unix:s"), (b"b", "unix:s has closed the connection")):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind("s")
                server.listen()
                server.settimeout(PATIENCE_S)
                client, _ = server.accept()
                with client:
                    client.settimeout(PATIENCE_S)
                    running.told(f"({told})")
                    client.sendall(text)
                    until(client, text)
                    if text == b"b":
                        client.sendall(b"q")
                        assert running.process.wait(PATIENCE_S) % 2
                os.unlink("s")
    assert typed("r.ph") == b"abq"
    assert main(["replay", "r.ph", "--quiet", "--verify"]) == 0


def test_two_ports_and_a_monitor_on_one_socket(machine):
    """The keys go in QEMU's order: the last port, the monitor, the first port."""
    mux = ["-chardev", "socket,id=m,path=s,server=on,mux=on", "-serial", "chardev:m", "-serial", "chardev:m",
           "-mon", "chardev=m"]  # fmt: skip
    with Running("record", "-o", "r.ph", *machine(ECHO, *mux)) as running, connect("s") as client:
        client.sendall(b"second")
        until(client, b"SECOND")
        client.sendall(b"\x01c")
        until(client, PROMPT)
        client.sendall(b"info status\r")
        until(client, b"VM status: running")
        client.sendall(b"\x01cfirst\x01\x01")
        until(client, b"first\x01")
        client.sendall(b"\x01h")
        until(client, b"Ctrl-A c")
        client.sendall(b"\x01cmore")
        until(client, b"MORE")
        client.sendall(b"\x01x")
        assert running.process.wait(PATIENCE_S) == 0
        assert b"ended by Ctrl-A x" in running.process.stderr.read()
    assert (typed("r.ph"), typed("r.ph", 1)) == (b"first\x01", b"secondmore")
    replay = ["replay", "r.ph", "--quiet", "-chardev", "file,id=f,path=x,mux=on", "-serial", "chardev:f", "-serial",
              "chardev:f"]  # fmt: skip
    assert main(replay) == 0 and Path("x").read_bytes() == b"!SECONDfirst\x01MORE"


def test_two_devices_share_a_chardev(machine):
    words = machine(ECHO, "-chardev", "pty,id=m,path=link,mux=on", "-device", "isa-serial,chardev=m", "-device",
                    "isa-serial,chardev=m")  # fmt: skip
    with Running("record", "-o", "r.ph", *words) as running:
        running.told("(m is .*, as link|serial0 is .*, as link)")
        fd = os.open("link", os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"x")
        seen = b""
        while b"X" not in seen:
            assert select.select([fd], [], [], PATIENCE_S)[0], seen
            seen += os.read(fd, 10)
        os.write(fd, b"\x01cq")
        assert seen == b"!X" and running.process.wait(PATIENCE_S) % 2
        os.close(fd)
    assert not os.path.lexists("link")
    with Reader("r.ph") as reader:
        assert [e["id"] for e in reader.meta["config"]["outside"] if e["type"] == "chardev"] == ["m", "m.2"]
    assert main(["replay", "r.ph", "--quiet", "--verify"]) == 0


def test_a_slow_reader_gets_all_of_it(machine):
    """The machine waits; the guest cannot tell, and the replay does not depend on it."""
    with Running("record", "-o", "r.ph", *machine(FLOOD, "-serial", "null", "-debugcon", "unix:s,server")) as running:
        with connect("s") as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            assert running.told("(machine waits until its client reads|waiting for a client)")
            assert running.told("(debugcon: the machine waits until its client reads)")
            assert to_the_end(client) == FLOODED
        assert running.process.wait(PATIENCE_S) % 2
    got = []
    with Running("replay", "r.ph", "-debugcon", "unix:s,server", "--quiet") as running:
        with connect("s") as client:
            thread = threading.Thread(target=lambda: got.append(to_the_end(client)))
            thread.start()
            thread.join()
        assert running.process.wait(PATIENCE_S) == 0
    assert got == [FLOODED]


def test_a_reader_that_has_stopped_does_not_keep_the_run_from_ending(machine):
    with Running("run", *machine(FLOOD, "-serial", "null", "-debugcon", "unix:s,server")) as running, connect("s"):
        running.told("(waiting for a client)")
        running.told("(the machine waits until its client reads)")
        running.process.terminate()
        assert running.process.wait(PATIENCE_S) == 0
        assert b"its client does not read; the last" in running.process.stderr.read()
    assert not os.path.exists("s")


def test_waiting_for_a_client_can_be_ended(machine):
    with Running("record", "-o", "r.ph", *machine(ECHO, "-serial", "unix:s,server")) as running:
        running.told("(waiting for a client at unix:s)")
        running.process.terminate()
        assert running.process.wait(PATIENCE_S) == 0
    assert main(["replay", "r.ph", "--quiet"]) == 0 and not os.path.exists("s")


def test_monitors_and_gdb_at_unix_sockets(machine):
    words = machine(ECHO, "-serial", "null", "-S", "-qmp", "unix:q,server,nowait", "-chardev",
                    "socket,id=p,path=p,server=on,wait=off", "-mon", "chardev=p,mode=control,pretty=on", "-monitor",
                    "unix:h,server,nowait", "-gdb", "unix:g,server=on,wait=off")  # fmt: skip
    with Running("run", *words) as running:
        assert running.told("(gdb: target remote g)")
        assert [running.told("(.* is at unix:.)")[-6:] for _ in range(3)] == ["unix:h", "unix:p", "unix:q"]
        with connect("q") as qmp, connect("p") as pretty, connect("h") as human, connect("g") as gdb:
            lines = qmp.makefile("rb")
            assert b'"QMP"' in lines.readline() and until(pretty, b"}\r\n").count(b"\n") > 3
            qmp.sendall(b'{"execute": "qmp_capabilities"} {"execute": "query-chardev"}')
            assert json.loads(lines.readline()) == {"return": {}}
            there = json.loads(lines.readline())["return"]
            assert {"label": "qmp", "filename": "unix:p,server=on", "frontend-open": True} in there
            until(human, PROMPT)
            human.sendall(b"info status\n")
            assert b"paused" in until(human, PROMPT)
            gdb.sendall(b"$?#3f")
            until(gdb, b"$T05")
            human.sendall(b"quit\n")
            assert running.process.wait(PATIENCE_S) == 0
    assert [name for name in os.listdir() if len(name) == 1] == []


def test_gdb_comes_over_a_unix_socket(machine):
    if shutil.which("gdb") is None:
        pytest.skip("there is no gdb")
    with Running("run", *machine(ECHO, "-serial", "null", "-S", "-gdb", "unix:g,server,nowait")) as running:
        to = running.told("(target remote .*)")
        commands = ("set remotetimeout 60", "set architecture i8086", to, "p/x $eip", "kill")
        command = ["gdb", "-q", "-nx", "-batch", *(word for one in commands for word in ("-ex", one))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        assert "= 0xfff0" in done.stdout, done
        assert running.process.wait(PATIENCE_S) == 0


def test_nothing_that_a_guest_or_a_recording_says_commands_the_terminal(machine, capfd):
    """But on the console that is meant for it."""
    said = []
    nasty = Command(("nasty",), "", "say it", lambda words, say: say("a\x1b[2J\tb\nc\x9b\r\udc9b\udcff\xe9"))
    Monitor((nasty,)).execute("nasty", said.append)
    assert said == ["a\\x1b[2J\tb\nc\\x9b\\r\\x9b\udcff\xe9"]
    assert main(["record", "-o", "r.ph", *machine(ESCAPES, "-serial", "stdio", "-name", "n\x1b[31m")]) % 2
    out, err = capfd.readouterr()
    assert out == "\x1b!" and "\x1b" not in err
    for words in (["info", "r.ph"], ["log", "r.ph"], ["verify", "r.ph"], ["replay", "r.ph", "-serial", "null"],
                  ["debug", "r.ph", "--batch", "-ex", "info status", "-ex", "x/4xb 0xffff0", "-ex", "info name"]):
        main(words)
        out, err = capfd.readouterr()
        assert "\x1b" not in out + err and out + err, words
    assert main(["console", "r.ph"]) == 0 and capfd.readouterr().out == "\x1b!"


@pytest.mark.parametrize(("words", "message"), [
    (["-serial", "unix:guest,server,nowait"], "cannot listen at unix:guest: there is a file of that name, which is no"),
    (["-serial", "tcp:127.0.0.1:1"], "serial0: cannot connect to tcp:127.0.0.1:1: Connection refused"),
    (["-monitor", "unix:s"], "monitor: cannot connect to unix:s: No such file or directory"),
    (["-serial", "pty:guest"], "cannot make the link guest to the pty of serial0: File exists"),
    (["-chardev", "file,id=a,path=x,input-path=x"], "are the same file"),
    (["-qmp", "stdio"], "stdio can serve one only: serial0 and qmp"),
])  # fmt: skip
def test_what_cannot_be_had_is_one_line(machine, words, message, capfd):
    before = Path("guest").read_bytes() if Path("guest").exists() else None
    assert main(["run", *machine(ECHO, *words)]) == 2
    out, err = capfd.readouterr()
    assert message in err and err.count("\n") == 1 and not out, err
    assert before is None or Path("guest").read_bytes() == before
