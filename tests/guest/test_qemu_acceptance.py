"""QEMU's acceptance tests of record and replay, for i386's pc, in our words: they drive `playhead-system-i386` as those
drive QEMU. QMP is a client of the test's Unix socket (`-chardev socket`, `-mon mode=control`), the console is a Unix
socket of the machine's, gdb's packets go over `-gdb tcp::PORT`.

`replay_kernel`: a kernel without a root file system is recorded until it says so, and ended by QMP; the replay says the
same, and ends by itself. `reverse_debugging`: firmware is recorded until some instructions have run; the replay is
stepped forwards, backwards, forwards again, and goes back from its end to the last of some breakpoints. Ours also
compare what QEMU's do not: every byte of the console, and the place of the last breakpoint in time.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.free_ports import free_port
from tools import guest

PROGRAM = [sys.executable, "-m", "playhead.cli.system_i386"]
LIMIT_S = 240
STEPS = 10
EIP, CS = 8, 10  # of the registers in gdb's `g`


class Machine:
    """What QEMU's tests call a VM."""

    def __init__(self, folder: Path, *words: str):
        self.folder = folder
        self._control = socket.socket(socket.AF_UNIX)
        control, self._console_path = folder / "mon.sock", folder / "console.sock"
        control.unlink(missing_ok=True)
        self._control.bind(str(control))
        self._control.listen()
        self._control.settimeout(LIMIT_S)
        base = ["-display", "none", "-vga", "none", "-chardev", f"socket,id=mon,path={control}",
                "-mon", "chardev=mon,mode=control", "-machine", "pc",
                "-chardev", f"socket,id=console,path={self._console_path},server=on,wait=off",
                "-serial", "chardev:console"]  # fmt: skip
        self.errors = open(folder / "stderr", "w+")
        self.process = subprocess.Popen([*PROGRAM, *base, *words], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors)  # fmt: skip
        self._qmp, _ = self._control.accept()
        self._qmp.settimeout(LIMIT_S)
        self._lines = self._qmp.makefile("r")
        assert "QMP" in json.loads(self._lines.readline())
        self.qmp("qmp_capabilities")
        self.console = socket.socket(socket.AF_UNIX)
        self.console.connect(str(self._console_path))
        self.console.settimeout(LIMIT_S)
        self.printed = b""

    def qmp(self, command: str, **arguments: Any) -> Any:
        self._qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self._lines.readline())
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]

    def wait_for_console(self, text: bytes) -> None:
        while text not in self.printed:
            piece = self.console.recv(65536)
            assert piece, f"no {text!r} in {self.printed[-300:]!r}; {self.said()}"
            self.printed += piece

    def shutdown(self) -> int:
        self.qmp("quit")
        return self.wait()

    def wait(self) -> int:
        """For it to end by itself, once the monitor's client has gone. As long as that is there, a replay pauses at the
        end of its recording.
        """
        self._lines.close()
        self._qmp.close()
        try:
            while piece := self.console.recv(65536):
                self.printed += piece
            return self.process.wait(timeout=LIMIT_S)
        finally:
            self.process.kill()
            self._control.close()

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read()


@pytest.mark.guest
@pytest.mark.slow
def test_replay_kernel(debian: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    kernel = str(debian["boot"][0])
    line = f"printk.time=1 panic=-1 {guest.APPEND['disk']}"
    words = ["-kernel", kernel, "-append", line, "-net", "none", "-no-reboot"]
    pattern = b"VFS: Unable to mount root fs"  # Debian's kernel knows no file system by itself, so it says this
    began = time.monotonic()
    machine = Machine(tmp_path, "-icount", "shift=5,rr=record,rrfile=replay.bin", *words)
    machine.wait_for_console(pattern)
    assert machine.wait() == 0, machine.said()  # panic=-1 resets at once, and -no-reboot makes that the end
    recorded_s, printed = time.monotonic() - began, machine.printed
    dump = [sys.executable, "-m", "playhead.cli", "log", "replay.bin"]
    assert b"END" in subprocess.run(dump, cwd=tmp_path, check=True, capture_output=True).stdout
    began = time.monotonic()
    machine = Machine(tmp_path, "-icount", "shift=5,rr=replay,rrfile=replay.bin", *words)
    machine.wait_for_console(pattern)
    assert machine.wait() == 0, machine.said()
    print(f"replay took {time.monotonic() - began:.1f} s, the recording {recorded_s:.1f} s")
    assert machine.printed == printed


class Gdb:
    """Raw packets, as QEMU's tests send them."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._seen = b""

    def ask(self, packet: str) -> str:
        data = packet.encode()
        self._socket.sendall(b"$%b#%02x" % (data, sum(data) & 0xFF))
        while True:
            found = re.search(rb"\$([^#]*)#[0-9a-f]{2}", self._seen)
            if found:
                self._seen = self._seen[found.end() :]
                self._socket.sendall(b"+")
                reply = found[1].decode()
                if not (reply.startswith("O") and reply != "OK"):  # not what is for the user of gdb
                    return reply
                continue
            piece = self._socket.recv(4096)
            assert piece, f"the connection was closed behind {packet}"
            self._seen += piece

    def pc(self) -> int:
        registers = bytes.fromhex(self.ask("g"))
        words = [int.from_bytes(registers[4 * n : 4 * n + 4], "little") for n in range(CS + 1)]
        return words[EIP] + words[CS] * 0x10

    def move(self, packet: str) -> None:
        reply = self.ask(packet)
        assert reply.startswith("T05thread:01;"), reply


def test_reverse_debugging(tmp_path: Path) -> None:
    image = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-f", "qcow2", str(image), "128M"], check=True, capture_output=True)
    words = ["-net", "none", "-drive", f"file={image},if=none"]
    machine = Machine(tmp_path, "-icount", "shift=7,rr=record,rrfile=replay.bin,rrsnapshot=init", *words)
    while machine.qmp("query-replay")["icount"] <= STEPS:
        time.sleep(0.05)
    assert machine.qmp("query-replay")["mode"] == "record"
    machine.qmp("stop")
    last = machine.qmp("query-replay")["icount"]
    assert machine.shutdown() == 0, machine.said()

    port = free_port()
    replay = ["-icount", "shift=7,rr=replay,rrfile=replay.bin,rrsnapshot=init", *words]
    machine = Machine(tmp_path, *replay, "-gdb", f"tcp::{port}", "-S")
    assert machine.qmp("query-replay") == {"mode": "play", "filename": "replay.bin", "icount": 0}
    gdb = Gdb(port)
    supported = gdb.ask("qSupported")
    assert "ReverseStep+" in supported and "ReverseContinue+" in supported

    places = []
    for _ in range(STEPS):
        places.append(gdb.pc())
        gdb.move("s")
    for place in reversed(places):
        gdb.move("bs")
        assert gdb.pc() == place
    assert machine.qmp("query-replay")["icount"] == 0
    for place in places:
        assert gdb.pc() == place
        gdb.move("s")
    for place in places:
        assert gdb.ask(f"Z1,{place:x},1") == "OK"
    machine.qmp("replay-break", icount=last - 1)
    while (reply := gdb.ask("c")).startswith("T05"):
        assert gdb.pc() in places  # a loop of the firmware's may come by again
    assert reply.startswith("T02") and machine.qmp("query-replay")["icount"] == last - 1
    gdb.move("bc")
    assert gdb.pc() in places
    assert machine.qmp("query-replay")["icount"] < last - 1
    assert machine.shutdown() == 0, machine.said()
