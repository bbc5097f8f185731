"""The prompt of `playhead debug` on a real terminal: completion, history, an empty line, Ctrl-C, and the terminal as
it was when it ends, also from outside.
"""

import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "session"))

import planted
from test_terminal import Terminal

CSI = re.compile(rb"\x1b\[[?0-9;]*[A-Za-z]")


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return planted.shared(tmp_path_factory)


@pytest.fixture
def opened(recording, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")  # nothing here answers the query for the cursor's position
    terminal = Terminal("-m", "playhead.cli", "debug", str(recording), "--at", "1040000", "-gdb", "none")
    shown(terminal, b"(playhead)")
    return terminal


def shown(terminal: Terminal, text: bytes) -> None:
    """Wait for it to be on the screen, and for the next key to be awaited."""
    terminal.until(lambda t: text in CSI.sub(b"", t.seen) and t.raw(), 30)
    terminal.seen = b""


def test_a_session(opened, tmp_path):
    opened.type(b"reverse-s\t")
    shown(opened, b"tepi")
    opened.type(b"\r")
    shown(opened, b"at 1039999:")
    opened.type(b"\r")  # again
    shown(opened, b"at 1039998:")
    opened.type(b"p nonsen\x03")  # dropped
    shown(opened, b"(playhead)")
    opened.type(b"\x1b[A\r")  # from the history
    shown(opened, b"at 1039997:")
    opened.type(b"p 40 + 2\r")
    shown(opened, b"42 (0x2a)")
    opened.type(b"seek start\r")
    shown(opened, b"at 0:")
    opened.type(b"\x04")
    assert opened.ended() == 0
    kept = (tmp_path / "playhead" / "debug-history").read_text()
    assert "+reverse-stepi\n" in kept and "+p 40 + 2\n" in kept


def test_ctrl_c_while_a_command_runs(opened):
    opened.type(b"stepi 100000000\r")
    opened.until(lambda t: not t.raw() and b"replaying" in t.seen)
    opened.type(b"\x03")
    shown(opened, b"interrupted, at 10")
    opened.type(b"quit\r")
    assert opened.ended() == 0


@pytest.mark.parametrize("typed", [b"", b"half a li"])
def test_ended_from_outside_while_somebody_types(opened, typed):
    opened.type(typed)
    opened.process.send_signal(signal.SIGTERM)
    assert opened.ended() == 0
