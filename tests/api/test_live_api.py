"""Live machines from Python: started by the options' names, typed at, asked by monitor and QMP, recorded, branched."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import playhead
from tools import guest

PROMPT = rb"demo> "


def firmware() -> str:
    return guest.machine("demo")[1]


def test_a_guest_is_driven_and_replayed(tmp_path: Path) -> None:
    out = tmp_path / "demo.ph"
    with playhead.record(out, bios=firmware(), m=16, icount={"shift": 3}, ports=2) as machine:
        machine.serial.expect(PROMPT)
        machine.serial.send_line("echo to and fro")
        assert machine.serial.expect([rb"nothing like it", "to and (fro)\r\n(?=to)"])[1] == b"fro"
        machine.serial.expect(PROMPT)
        assert machine.serial.before == b"to and fro\r\n"
        assert "running" in machine.monitor("info status") and machine.qmp("query-status")["running"] is True
        with pytest.raises(playhead.errors.Refused, match="no-such-thing"):
            machine.qmp("no-such-thing")
        with pytest.raises(playhead.errors.TimedOut, match=r"serial port 1: no b'x' in 0.1 s; it printed nothing"):
            machine.ports[1].expect(rb"x", timeout_s=0.1)
        with pytest.raises(playhead.errors.TimedOut, match="not ended"):
            machine.wait(0.1)
        with playhead.open(out) as rec:  # while it is written
            assert rec.instructions >= 0
        machine.serial.send_line("off")
        assert machine.wait(60) == 0 and not machine.running and "ended" in repr(machine)
        with pytest.raises(playhead.errors.MachineEnded, match="ended before"):
            machine.serial.expect(rb"never", timeout_s=5)
        assert any("recorded" in line for line in machine.messages)
    with playhead.open(out) as rec:
        assert rec.console().count(b"to and fro") == 2 and rec.machine.serial_ports == 2
        r = rec.replay()
        printed: list[Any] = []
        r.on_event("ASYNC_CHAR_READ")(printed.append)
        r.run(compare=True)
        assert b"".join(bytes(it.event.data) for it in printed) == b"echo to and fro\roff\r"
        middle = rec.at('serial:"to and fro"').moment
        with rec.branch(middle, tmp_path / "branch.ph") as other:
            other.serial.expect(PROMPT)
            other.serial.send_line("help")
            other.serial.expect(rb"reset  off")
        assert not other.running
    with playhead.open(tmp_path / "branch.ph") as new:
        assert b"reset  off" in new.console() and b"bye" not in new.console()
        assert new.replay("50%").run(compare=True)


def test_a_machine_is_run_without_a_recording() -> None:
    with playhead.run(bios=firmware(), m="16M") as machine:
        machine.serial.expect(PROMPT)
        assert machine.serial.read() == b"" and machine.serial.waiting == b""
    assert machine.quit() == 0 and machine.out == ""


def test_what_the_command_line_refuses_is_refused(tmp_path: Path) -> None:
    errors = playhead.errors
    out = tmp_path / "x.ph"
    with pytest.raises(errors.UsageError, match=r"no option 'kernell'.*kernel"):
        playhead.record(out, kernell="x")
    with pytest.raises(errors.UsageError, match="-m 1Q"):
        playhead.record(out, bios=firmware(), m="1Q")
    with pytest.raises(errors.UsageError, match="takes no value"):
        playhead.record(out, bios=firmware(), nographic="yes")
    with pytest.raises(errors.UsageError, match="0 to 4 serial ports"):
        playhead.run(bios=firmware(), ports=5)
    with pytest.raises(errors.UsageError, match="ports=0"):
        with playhead.run(bios=firmware(), ports=0) as machine:
            machine.serial  # noqa: B018
    with pytest.raises(errors.UsageError, match=re.escape(str(tmp_path / "none.bin"))):
        playhead.run(bios=tmp_path / "none.bin")
    assert not out.exists()


def test_a_machine_ends_with_its_owner(tmp_path: Path) -> None:
    out = tmp_path / "left.ph"
    program = f"""
import playhead, sys, time
machine = playhead.record({str(out)!r}, bios={firmware()!r}, m=16)
machine.serial.expect({PROMPT!r})
print(machine._process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    with playhead.open(out) as rec:
        assert rec.reader.ended() and PROMPT in rec.console()
