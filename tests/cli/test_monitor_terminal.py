"""`-monitor stdio` on a real terminal: completion, history, and the terminal as it was when it ends."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "session"))

from test_debug_terminal import shown
from test_terminal import Terminal

from tools import guest


def test_a_session(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")
    bios = str(guest.image("demo"))
    terminal = Terminal("-m", "playhead.cli", "run", "-bios", bios, "-m", "16", "-serial", "null", "-monitor", "stdio",
                        "-S")  # fmt: skip
    shown(terminal, b"(qemu)")
    terminal.type(b"info stat\t")
    shown(terminal, b"us")
    terminal.type(b"\r")
    shown(terminal, b"VM status: paused (prelaunch)")
    terminal.type(b"cont\r")
    shown(terminal, b"(qemu)")
    terminal.type(b"\x1b[A\x1b[A\r")  # from the history
    shown(terminal, b"VM status: running")
    terminal.type(b"nonsense\r")
    shown(terminal, b"unknown command: 'nonsense'")
    terminal.type(b"quit\r")
    assert terminal.ended() == 0
    assert "+info status\n" in (tmp_path / "playhead" / "monitor-history").read_text()
