"""What a terminal sends, as keys: characters by the layout, Escape as itself or as Alt, sequences modifiers."""

import pytest

from playhead.host.display.terminal_keys import ESCAPE_NS, TerminalKeys

SENT = {
    b"a": "a", b"A": "shift-a", b" ": "spc", b"!": "shift-1", b"\r": "ret", b"\t": "tab", b"\x7f": "backspace",
    b"\x03": "ctrl-c", b"\x08": "ctrl-h", b"\x0a": "ctrl-j", b"\0": "ctrl-spc", b"\x1c": "ctrl-backslash",
    b"\x1d": "ctrl-bracket_right", b"\x1bx": "alt-x", b"\x1bX": "alt-shift-x", b"\x1b\r": "alt-ret",
    b"\x1b[A": "up", b"\x1bOB": "down", b"\x1b[H": "home", b"\x1b[1~": "home", b"\x1b[3~": "delete", b"\x1b[6~": "pgdn",
    b"\x1bOP": "f1", b"\x1b[15~": "f5", b"\x1b[24~": "f12", b"\x1b[[C": "f3", b"\x1b[Z": "shift-tab",
    b"\x1b[1;5C": "ctrl-right", b"\x1b[1;3D": "alt-left", b"\x1b[3;6~": "shift-ctrl-delete", b"\x1b[1;2P": "shift-f1",
    b"\x1b[200~": "", "\u00e9".encode(): "", b"\xff": "",
}  # fmt: skip


@pytest.mark.parametrize("sent, keys", SENT.items(), ids=lambda value: repr(value))
def test_keys(sent, keys):
    terminal = TerminalKeys()
    (typed,) = terminal.feed(sent, 0)
    assert "-".join(typed.keys) == keys and typed.sent == sent
    assert not terminal.late(1 << 60)


@pytest.mark.parametrize("sent, keys", [(sent, keys) for sent, keys in SENT.items() if len(sent) > 1])
def test_in_pieces(sent, keys):
    terminal, typed = TerminalKeys(), []
    for byte in sent:
        typed += terminal.feed(bytes([byte]), 0)
    assert "-".join(key for one in typed for key in one.keys) == keys


def test_several_at_once():
    typed = TerminalKeys().feed(b"ls\r\x1b[A\x1bf\x1b\x1b[B", 0)
    assert ["-".join(one.keys) for one in typed] == ["l", "s", "ret", "up", "alt-f", "esc", "down"]


def test_an_escape_by_itself():
    terminal = TerminalKeys()
    assert terminal.feed(b"\x1b", 1000) == [] and terminal.late(1000 + ESCAPE_NS - 1) == []
    assert [one.keys for one in terminal.late(1000 + ESCAPE_NS)] == [("esc",)]
    assert terminal.feed(b"\x1b\x1b", 0)[0].keys == ("esc",)
    assert terminal.feed(b"\x1b", 0)[0].keys == ("esc",)


def test_the_beginning_of_a_sequence_that_does_not_go_on():
    terminal = TerminalKeys()
    assert terminal.feed(b"\x1b[", 0) == []
    assert [one.keys for one in terminal.late(ESCAPE_NS)] == [("alt", "bracket_left")]


def test_other_layouts_and_what_they_lack():
    assert TerminalKeys("de").feed(b"z", 0)[0].keys == ("y",)
    (typed,) = TerminalKeys("en-us").feed("\u00e9".encode(), 0)
    assert not typed.keys and "en-us has no key for" in typed.why
    assert TerminalKeys("en-us", erase=8).feed(b"\x08\x7f", 0)[0].keys == ("backspace",)
