"""The whole surface on a page: assemble a tiny guest, record it, replay it, ask what the recording holds.

The guest reads the date from the clock chip and a line from COM1, prints both, and ends the run with a status of its
own choosing. Start here to see what Playhead does.
"""

import json
import subprocess
import sys

import pytest

from playhead.cli import main
from playhead.log.reader import Reader
from tools import asm

GUEST = """
start:  movw $0x3F8, %dx            # COM1
        movb $2, %al
        outb %al, $0x70             # the minute, in the chip's own code
        inb $0x71, %al
        outb %al, %dx
next:   movw $0x3FD, %dx            # wait for a key, print it, until it is a line's end
        inb %dx, %al
        testb $1, %al
        jz next
        movw $0x3F8, %dx
        inb %dx, %al
        outb %al, %dx
        cmpb $10, %al
        jne next
        movb $21, %al               # 21 * 2 + 1
        outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Recorded by the program itself, with a line from a pipe, of which the guest takes a key when it has room for it;
    returns path and console.
    """
    tmp_path = tmp_path_factory.mktemp("tiny")
    (tmp_path / "tiny.bin").write_bytes(asm.flat(GUEST, bits=16))
    machine = ["-bios", "tiny.bin", "-m", "4", "-nographic", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command = [sys.executable, "-m", "playhead.cli", "record", "-o", "tiny.ph", *machine]
    done = subprocess.run(command, input=b"hello\n", stdout=subprocess.PIPE, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 43
    return str(tmp_path / "tiny.ph"), done.stdout


@pytest.mark.parametrize("how", [[], ["--engine", "reference"], ["--split-seed", "1"]])
def test_replay_is_the_recording(recording, how, capfd):
    path, console = recording
    assert console[1:] == b"hello\n"
    assert main(["replay", path, *how]) == 0
    out, err = capfd.readouterr()
    assert out.encode() == console
    assert "digests compared are equal" in err


def test_what_a_recording_holds(recording, capfd):
    path, _ = recording
    assert main(["info", path, "--json", "--verify"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["complete"] and facts["verified"] and facts["machine"]["ram_bytes"] == 4 << 20
    assert facts["events"]["ASYNC_CHAR_READ"] >= 1 and facts["events"]["END"] == 1
    assert main(["log", path]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert any("CLOCK_HOST" in line for line in lines) and "END cause=guest-shutdown status=43" in lines[-1]
    with Reader(path) as reader:
        typed = b"".join(bytes(e.event.data) for e in reader.entries() if e.kind.name == "ASYNC_CHAR_READ")
    assert typed == b"hello\n"
