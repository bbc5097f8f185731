"""`playhead-system-i386 -icount rr=replay`: replay and debugger in one, controlled by a monitor and by gdb."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import face
import pytest
from face import Face, run

from playhead.log.events import CharRead, Entry
from playhead.log.reader import Reader
from tests.free_ports import free_port, free_ports

sys.path.append(str(Path(__file__).parents[1] / "session"))

import planted

REPLAY = ["-icount", "rr=replay,rrfile=r.bin"]
SAID = b"second sector: key? abq"
PROMPT = b"(qemu) "
LIMIT_S = 240


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `r.bin` and `empty.qcow2`."""
    folder = tmp_path_factory.mktemp("recorded")
    face.make_images(folder)
    words = ["-icount", "shift=7,rr=record,rrfile=r.bin", "-net", "none", "-drive",
             "file=disk.qcow2,snapshot"]
    assert run(folder, words, b"abq")[:2] == (0, SAID)
    return folder


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    for name in ("r.bin", "empty.qcow2"):
        shutil.copy(recorded / name, tmp_path / name)
    return tmp_path


class Monitor:
    """A client of -monitor tcp."""

    def __init__(self, port: int):
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        self._answer()

    def _answer(self) -> str:
        said = b""
        while not said.endswith(PROMPT):
            piece = self.socket.recv(4096)
            if not piece:
                break
            said += piece
        return said.removesuffix(PROMPT).decode().replace("\r\n", "\n").strip()

    def ask(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\n")
        echo, _, said = self._answer().partition("\n")
        assert echo == line
        return said.strip()

    def until_paused(self) -> None:
        end = time.monotonic() + LIMIT_S
        while self.ask("info status") == "VM status: running":
            assert time.monotonic() < end
            time.sleep(0.02)

    def icount(self) -> int:
        found = re.search(r"instruction count = (\d+)", self.ask("info replay"))
        assert found
        return int(found[1])


@contextmanager
def monitored(folder: Path, *words: str) -> Iterator[tuple[Face, Monitor]]:
    port = free_port()
    child = Face(folder, [*REPLAY, *words, "-monitor", f"tcp:127.0.0.1:{port},server,nowait"])
    try:
        monitor = Monitor(port)
        with monitor.socket:
            yield child, monitor
    finally:
        child.child.kill()


def end_of(folder: Path) -> int:
    with Reader(str(folder / "r.bin")) as reader:
        return reader.last().moment.icount


def test_it_pauses_goes_anywhere_and_pauses_at_the_end(folder: Path) -> None:
    with monitored(folder, "-S") as (child, monitor):
        assert monitor.ask("info status") == "VM status: paused (prelaunch)" and monitor.icount() == 0
        assert monitor.ask("replay_break 2000000") == ""
        monitor.ask("cont")
        monitor.until_paused()
        assert monitor.icount() == 2000000 and monitor.ask("info status") == "VM status: paused"
        assert "cannot set breakpoint at the instruction in the past" in monitor.ask("replay_break 1000000")
        monitor.ask("replay_delete_break")
        monitor.ask("replay_seek 1000000")
        assert monitor.icount() == 1000000 and monitor.ask("info status") == "VM status: paused"
        monitor.ask("cont")
        monitor.until_paused()
        end = end_of(folder)
        assert monitor.icount() == end
        assert f"the recording ends here, at {end}" in monitor.ask("cont")
        assert "system_reset" not in monitor.ask("help") or "replay" in monitor.ask("system_reset")
        monitor.ask("quit")
        status, said, err = child.end()
    assert (status, said) == (0, SAID) and "compared are equal" in err


def test_what_a_monitor_does_leaves_the_replay_what_it_is(folder: Path) -> None:
    """Stopped and continued again and again, and moved about in: what is printed from the start on is all there."""
    with monitored(folder, "-S") as (child, monitor):
        for moment in (100_000, 3_000_000, 1_000_001, 5_000_000, 17):
            monitor.ask(f"replay_seek {moment}")
            assert monitor.icount() == moment
        assert monitor.ask("info registers") and monitor.ask("x/4i $pc")
        monitor.ask("replay_seek 0")
        for _ in range(3):
            monitor.ask("cont")
            monitor.ask("stop")
        monitor.ask("cont")
        monitor.socket.close()
        status, said, err = child.end()
    assert (status, said) == (0, SAID) and "digests compared are equal" in err


def test_if_nobody_is_there_it_ends(folder: Path) -> None:
    port, other = free_ports(2)
    for words in ([], ["-s"], ["-nographic"], ["-monitor", f"tcp:127.0.0.1:{port},server,nowait"]):
        status, said, err = run(folder, [*REPLAY, *words, "-gdb", f"tcp::{other}"])
        assert (status, said) == (0, SAID) and "digests compared are equal" in err


@pytest.mark.parametrize("words", [["-monitor", "null"], ["-monitor", "pty"], ["-monitor", "file:log"]], ids=" ".join)
def test_if_nobody_has_said_anything_it_ends(folder: Path, words: list[str]) -> None:
    """Whether somebody is behind these is not known."""
    assert run(folder, [*REPLAY, *words])[:2] == (0, SAID)


@pytest.mark.parametrize("words", [["-qmp", "stdio"], ["-chardev", "stdio,id=x", "-mon", "chardev=x,mode=control"]],
                         ids=" ".join)  # fmt: skip
def test_qmp_on_standard_input_leaves_com1_without(folder: Path, words: list[str]) -> None:
    child = Face(folder, [*REPLAY, "-S", *words])
    child.type(b'{"execute": "qmp_capabilities"}{"execute": "query-replay"}{"execute": "quit"}')
    status, said, err = child.end()
    assert status == 0 and b'"mode": "play"' in said and b"second sector" not in said, err


def test_savevm_goes_into_the_recording_and_an_orphan_image(folder: Path) -> None:
    orphan = ["-net", "none", "-drive", "file=empty.qcow2,if=none,id=rr"]
    with monitored(folder, "-S", *orphan) as (child, monitor):
        monitor.ask("replay_seek 3000000")
        assert monitor.ask("savevm mid") == ""
        monitor.ask("replay_seek 4000000")
        monitor.ask("savevm gone")
        monitor.ask("delvm gone")
        monitor.ask("cont")
        monitor.until_paused()
        monitor.ask("loadvm mid")
        assert monitor.icount() == 3000000
        assert "no snapshot 'nothing'" in monitor.ask("loadvm nothing")
        monitor.ask("quit")
        child.end()
    listed = [line.split() for line in face.qemu_img("snapshot", "-l", str(folder / "empty.qcow2")).splitlines()[2:]]
    assert [(words[1], words[-1]) for words in listed if words] == [("mid", "3000000")]
    subprocess.run(["qemu-img", "check", str(folder / "empty.qcow2")], check=True, capture_output=True)
    begin = ["-icount", "shift=7,rr=replay,rrfile=r.bin,rrsnapshot=mid", *orphan]
    status, said, err = run(folder, begin)
    assert (status, said) == (0, SAID) and "digests compared are equal" in err
    status, said, _ = run(folder, [*REPLAY, "-loadvm", "mid"])
    assert (status, said) == (0, SAID)
    status, _, err = run(folder, ["-icount", "rr=replay,rrfile=r.bin,rrsnapshot=no"])
    assert status == 2 and "-icount rrsnapshot=no: no snapshot 'no'; there is mid" in err
    live = ["-icount", "shift=7", "-serial", "null", "-loadvm", "mid", *orphan]
    status, _, err = run(folder, live)
    assert status == 2 and "is of another machine" in err  # that one had a disk


def test_gdb_steps_backwards_at_once(folder: Path) -> None:
    port = free_port()
    child = Face(folder, [*REPLAY, "-S", "-gdb", f"tcp:127.0.0.1:{port}"])
    commands = ["set remotetimeout 60", "set arch i8086"]
    commands += [f"target remote 127.0.0.1:{port}", "break *0x7c00", "continue", "stepi", "stepi",
                "stepi", "p $pc", "reverse-stepi", "p $pc", "delete", "watch *(char *) 0x8000", "continue",
                "p *(char *) 0x8000", "reverse-continue", "p *(char *) 0x8000", "delete", "continue", "reverse-stepi",
                "detach"]  # fmt: skip
    deadline = time.monotonic() + LIMIT_S
    while "target remote" not in child.complaints():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    words = [word for command in commands for word in ("-ex", command)]
    command = ["gdb", "-q", "-nx", "-batch", *words]
    said = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S).stdout
    values = re.findall(r"^\$\d+ = (?:\(void \(\*\)\(\)\) )?(.*)$", said, re.MULTILINE)
    assert values == ["0x7c06", "0x7c04", "115 's'", "0 '\\000'"], said
    assert "No more reverse-execution history" in said
    assert child.end()[:2] == (0, SAID)


def test_qmp_controls_it_and_is_told(folder: Path) -> None:
    """At the recording's end it pauses, because somebody is there; when nobody is, it ends."""
    path = str(folder / "q.sock")
    child = Face(folder, [*REPLAY, "-S", "-qmp", f"unix:{path},server=on,wait=off"])
    try:
        deadline = time.monotonic() + LIMIT_S
        with socket.socket(socket.AF_UNIX) as qmp:
            while qmp.connect_ex(path):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            qmp.settimeout(LIMIT_S)
            lines = qmp.makefile("r")
            assert "QMP" in json.loads(lines.readline())

            def ask(command: str, **arguments: object) -> dict[str, Any]:
                qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
                while "event" in (answer := json.loads(lines.readline())):
                    events.append(answer["event"])
                return answer

            events: list[str] = []
            ask("qmp_capabilities")
            assert ask("query-status")["return"]["status"] == "prelaunch"
            assert "a replay cannot be changed" in ask("system_reset")["error"]["desc"]
            ask("cont")
            while "STOP" not in events:
                answer = json.loads(lines.readline())
                events.append(answer["event"])
            end = end_of(folder)
            assert events == ["RESUME", "STOP"] and ask("query-replay")["return"]["icount"] == end
            assert ask("query-status")["return"] == {"running": False, "singlestep": False, "status": "paused"}
            assert "error" in ask("cont")
            ask("replay-seek", icount=end - 2)
            ask("cont")
            lines.close()
        status, said, err = child.end()
    finally:
        child.child.kill()
    assert (status, said) == (0, SAID), err


def test_a_signal_ends_it_early(folder: Path) -> None:
    with monitored(folder, "-S") as (child, monitor):
        assert monitor.icount() == 0
        child.child.send_signal(signal.SIGTERM)
        status, _, err = child.end()
    assert status == 130 and "ended by SIGTERM, at 0" in err


def test_a_divergence_is_status_1(folder: Path) -> None:
    """Another key than the one that was typed, in a file that is whole: only the replay can show it."""

    def other_key(found: list[Entry]) -> list[Entry]:
        found[planted.place(found, CharRead, 1)].event.data[0] ^= 1  # type: ignore[attr-defined]
        return found

    planted.rewrite(folder / "r.bin", other_key)
    status, _, err = run(folder, [*REPLAY, "-nographic"])
    assert status == 1 and "replay diverged" in err and "playhead replay r.bin looks for" in err
    with monitored(folder, "-S") as (child, monitor):
        monitor.ask("cont")
        assert child.end()[0] == 1
