"""`-display curses` on a real terminal: what it shows, keys, consoles, sizes, and the terminal as it was afterwards."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "session"))

from test_terminal import Terminal

from playhead.host.chardev.virtual_console import VirtualConsole
from playhead.log.events import Input
from playhead.log.reader import Reader
from tools import guest

# It writes a line, then the scan codes that come, two digits each; F10 (44h) ends the run.
SHOWS = """
        .include "pc.inc"
        .text
main:   xorl    %ecx, %ecx
1:      movb    text(%ecx), %al
        movb    $0x1E, %ah
        movw    %ax, 0xB8000(,%ecx,2)
        incl    %ecx
        cmpl    $text_end - text, %ecx
        jne     1b
        outport 0x64, 0x60
        outport 0x60, 0x40
        movl    $0xB80A0, %edi
2:      inb     $0x64, %al
        testb   $1, %al
        jz      2b
        inb     $0x60, %al
        cmpb    $0x44, %al
        je      pass
        movb    %al, %bl
        shrb    $4, %al
        call    digit
        movb    %bl, %al
        call    digit
        addl    $2, %edi
        jmp     2b
digit:  andb    $15, %al
        cmpb    $10, %al
        sbbb    $0x69, %al
        das
        movb    %al, (%edi)
        addl    $2, %edi
        ret
text:   .ascii "Hello \\xC9\\xCD\\xBB from the screen"
text_end:
"""


class Shown(Terminal):
    """A terminal of which one sees what it shows."""

    def __init__(self, *words, columns=90, lines=30):
        self.screen = VirtualConsole("terminal", columns, lines)
        self.drawn = 0
        super().__init__("-m", "playhead.cli", *words)
        self.resize(columns, lines)

    def resize(self, columns, lines):
        self.screen = VirtualConsole("terminal", columns, lines)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def lines(self):
        self.screen.write(self.seen[self.drawn :])
        self.drawn = len(self.seen)
        return self.screen.text().lines()

    def shows(self, text):
        """Where it is, when it is there."""
        self.until(lambda one: any(text in line for line in one.lines))
        return next((line.index(text), n) for n, line in enumerate(self.lines) if text in line)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "bios").write_bytes(guest.firmware(SHOWS, tmp_path))
    return ["-bios", str(tmp_path / "bios"), "-m", "16", "-M", "pc-4", "-vga", "none", "-display", "curses"]


def test_a_session(machine, tmp_path):
    terminal = Shown("record", "-o", str(tmp_path / "r.ph"), *machine)
    assert terminal.shows("Hello \u2554\u2550\u2557 from the screen") == (5, 2), "in the middle"
    assert b"\x1b[33m" in terminal.seen and b"\x1b[44m" in terminal.seen, "yellow on blue"
    assert terminal.raw()
    terminal.type(b"aB\x1bc")
    terminal.shows("1E 9E 2A 30 B0 AA 38 2E AE B8")
    terminal.type(b"\x1b")
    terminal.shows("B8 01 81")
    terminal.type(b"\x1b2")
    terminal.shows("(qemu)")
    assert not any("Hello" in line for line in terminal.lines)
    terminal.type(b"info version\r")
    terminal.shows("commands and output as those of QEMU")
    terminal.type(b"info name -- a text that is pasted\x1b1\x1b2\rinfo status\r")  # and another console on the way
    terminal.shows("a text that is pasted")
    terminal.shows("VM status: running")
    terminal.type(b"\x1b3")
    terminal.until(lambda one: not any("(qemu)" in line for line in one.lines))
    terminal.type(b"\x1b1")
    terminal.shows("Hello")
    terminal.drawn = len(terminal.seen)
    terminal.resize(40, 12)
    terminal.type(b"\x03")
    assert terminal.shows("Hello") == (0, 0)
    terminal.type(b"\x1b[21~")  # F10
    assert terminal.ended() == 0
    assert b"recorded" in terminal.seen[terminal.seen.rindex(b"\x1b[?1049l") :]
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert sum(isinstance(entry.event, Input) for entry in reader.entries()) >= 15
    watched(str(tmp_path / "r.ph"))


def watched(path):
    """Its replay: as fast as it goes, with keys that move it."""
    terminal = Shown("replay", path, "--display", "curses", "--speed", "max")
    terminal.shows("end  ")
    terminal.shows("1E 9E 2A 30 B0 AA 38 2E AE B8 01 81")
    terminal.type(b"\x1b[H")  # Home
    terminal.shows("paused  0.000 s  0  max")
    assert not any("Hello" in line for line in terminal.lines)
    terminal.type(b"h")
    terminal.shows("space: pause")
    terminal.type(b" ")
    terminal.shows("AE B8 01 81")
    terminal.type(b"q")
    assert terminal.ended() == 0
    assert b"digests compared are equal" in terminal.seen
    face = Shown("replay", path, "--display", "curses", "-S")
    face.shows("paused  0.000 s")
    face.type(b"1 ")
    face.shows("Hello")
    os.kill(face.process.pid, signal.SIGTERM)
    assert face.ended() == 130


@pytest.mark.parametrize("way", ["quit", "TERM", "killed"])
def test_the_terminal_is_as_it_was(machine, tmp_path, way):
    terminal = Shown("run", *machine)
    terminal.shows("Hello")
    if way == "quit":
        terminal.type(b"\x1b2")
        terminal.shows("(qemu)")
        terminal.type(b"quit\r")
    for _ in range({"quit": 0, "TERM": 1, "killed": 3}[way]):
        os.kill(terminal.process.pid, signal.SIGTERM)
    terminal.ended()
    assert terminal.seen.count(b"\x1b[?1049h") == 1 and b"\x1b[?1049l" in terminal.seen


def test_what_the_user_is_told_is_shown_and_said_again(machine):
    """Standard error is the same terminal."""
    terminal = Shown("run", *machine)
    terminal.shows("Hello")
    terminal.type("\u4e2d".encode())
    assert terminal.shows("the keyboard layout en-us has no key for")[1] == 29
    terminal.type(b"\x1b[21~")
    assert terminal.ended() == 0
    assert b"has no key for" in terminal.seen[terminal.seen.rindex(b"\x1b[?1049l") :]


def test_without_a_terminal(machine):
    done = subprocess.run([sys.executable, "-m", "playhead.cli", "run", *machine], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 2
    assert re.fullmatch("playhead: -display curses needs a terminal as its standard input and output\n", done.stderr)
