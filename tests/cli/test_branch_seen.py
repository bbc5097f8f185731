"""A branch from a graphics mode, for somebody who sees its screen, types at it and asks its monitor; and the questions
`who` is asked about a window that is registers at some of the moments.
"""

import json
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from playhead.cli import main
from playhead.log.event_names import KEYS
from playhead.log.events import Input
from playhead.log.reader import Reader
from tests import rfb_client
from tests.shared import once
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 240
HEAD = r"""
        .include "pc.inc"
        .macro  dispi index, value
        movw    $0x1CE, %dx
        movw    $\index, %ax
        outw    %ax, %dx
        movw    $0x1D0, %dx
        movw    $\value, %ax
        outw    %ax, %dx
        .endm
        .macro  config register, value
        movw    $0xCF8, %dx
        movl    $0x80001000 + \register, %eax
        outl    %eax, %dx
        movw    $0xCFC, %dx
        movl    $\value, %eax
        outl    %eax, %dx
        .endm
        .macro  fill value
        movl    $0xA0000, %edi
        movl    $0x4000, %ecx
        movl    $\value, %eax
        rep stosl
        .endm
        .macro  set width, height
        dispi   4, 0
        dispi   1, \width
        dispi   2, \height
        dispi   3, 32
        dispi   4, 0x41
        movw    $0x3DA, %dx
        inb     %dx, %al
        movw    $0x3C0, %dx
        movb    $0x20, %al              # lets the picture through
        outb    %al, %dx
        .endm
        .text
"""
COLOUR, FRAME = 0x123456, 0xE0000000
TYPED_AT = f"""{HEAD}
main:   xorl    %ebp, %ebp
        set     640, 480
        fill    {COLOUR:#x}
        movw    $COM1, %dx
        movb    $'r', %al
        outb    %al, %dx
1:      inb     $0x64, %al              # until the second key is released
        testb   $1, %al
        jz      1b
        inb     $0x60, %al
        cmpb    $0x80, %al
        jb      1b
        incl    %ebp
        cmpl    $2, %ebp
        jb      1b
        jmp     pass
"""
IN_TURN = f"""{HEAD}
main:   config  0x10, {FRAME:#x}
        config  0x04, 3
        set     640, 480
        fill    {COLOUR:#x}
        set     320, 200                # the window is registers for a while
        fill    0
        dispi   4, 0
        jmp     pass
"""


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """Recorded until it waits for its keys; then its recorder is told to end."""

    def record(path):
        image = path.parent / "typed_at.bin"
        image.write_bytes(guest.firmware(TYPED_AT, path.parent))
        words = ["record", "-o", str(path), "-bios", str(image), "-m", "4", "-vga", "std", "-serial", "stdio"]
        with subprocess.Popen([*PLAYHEAD, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout.read(1) == b"r"
            process.terminate()

    return once(tmp_path_factory, "typed_at.ph", record)


def connected(path, process):
    end = time.monotonic() + LIMIT_S
    client = socket.socket(socket.AF_UNIX)
    while client.connect_ex(str(path)):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    client.settimeout(LIMIT_S)
    return client


def shake_hands(client):
    """Returns the decoder of what comes, by the size and the name that the server says."""
    with client.makefile("rb", 0) as said:
        for answer, size in ((b"RFB 003.008\n", 12), (b"\x01", 2), (b"\x01", 4)):
            said.read(size)
            client.sendall(answer)
        facts = said.read(24)
        said.read(int.from_bytes(facts[20:], "big"))
    client.sendall(rfb_client.set_encodings(0, -223))
    return rfb_client.Decoder(int.from_bytes(facts[:2], "big"), int.from_bytes(facts[2:4], "big"))


def until_seen(client, decoder, seen):
    end = time.monotonic() + LIMIT_S
    while not seen(decoder.frame):
        assert time.monotonic() < end
        client.sendall(rfb_client.request(False, 0, 0, *reversed(decoder.frame.shape)))
        data, whole = b"", False
        while not whole:
            data += client.recv(1 << 20)
            try:
                decoder.receive(data)
                whole = True
            except rfb_client.Incomplete:
                pass


def branch(parent, path, *words):
    return subprocess.Popen([*PLAYHEAD, "branch", str(parent), "--at", "end", "-o", str(path), *words],
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip


def test_a_branch_is_seen_typed_at_and_asked(parent, tmp_path, capfd):
    """Its first picture, before anything has run, is that of the moment."""
    new = tmp_path / "new.ph"
    with branch(parent, new, "-S", "-k", "de", "-serial", "null", "-vnc", f"unix:{tmp_path / 'vnc'}",
                "-qmp", f"unix:{tmp_path / 'qmp'},server,nowait") as process:  # fmt: skip
        try:
            client = connected(tmp_path / "vnc", process)
            decoder = shake_hands(client)
            until_seen(client, decoder, lambda frame: frame.shape == (480, 640) and bool(np.all(frame[:20] == COLOUR)))
            with connected(tmp_path / "qmp", process) as control, control.makefile("rw") as said:
                for word in ("qmp_capabilities", "query-status", "query-vnc-servers", "cont"):
                    said.write(json.dumps({"execute": word}) + "\n")
                    said.flush()
                lines = ""
                while "RESUME" not in lines:
                    lines += said.readline()
            assert '"prelaunch"' in lines or '"paused"' in lines
            for down, keysym in ((1, 0x7A), (0, 0x7A), (1, 0x20), (0, 0x20)):  # z, and a space
                client.sendall(rfb_client.key(bool(down), keysym))
            assert process.wait(LIMIT_S) == 0, process.stderr.read()
        finally:
            process.kill()
    with Reader(str(new)) as reader:
        keys = [entry.event.what for entry in reader.entries() if isinstance(entry.event, Input)]
    assert [(KEYS[key.key], bool(key.down)) for key in keys] == [
        ("y", True), ("y", False), ("spc", True), ("spc", False)]  # fmt: skip
    assert main(["replay", str(new), "-serial", "null"]) == 0
    assert "digests compared are equal" in capfd.readouterr().err


@pytest.mark.parametrize("words, said", [
    ("-display curses -nographic", "both take the terminal"), ("-S", "nothing could start it"),
    ("-serial stdio -monitor stdio", "COM1 is connected to it"), ("-serial vc", "by -display curses only"),
    ("-monitor file:{parent}", "are the same file"), ("-vga none", "-vga"),
])  # fmt: skip
def test_what_a_branch_refuses(parent, tmp_path, words, said, capfd):
    words = words.format(parent=parent).split()
    assert main(["branch", str(parent), "--at", "end", "-o", str(tmp_path / "new.ph"), *words]) == 2
    err = capfd.readouterr().err
    assert said in err and err.count("\n") == 1 and not (tmp_path / "new.ph").exists()


def test_who_says_what_is_there_where_registers_are(tmp_path, capfd):
    """Where PCI has placed the frame buffer, its address has the same bytes at all moments."""
    path, image = tmp_path / "in_turn.ph", tmp_path / "in_turn.bin"
    image.write_bytes(guest.firmware(IN_TURN, tmp_path))
    assert main(["record", "-o", str(path), "-bios", str(image), "-m", "4", "-vga", "std", "-serial", "null"]) == 0
    capfd.readouterr()
    here = "registers of the VGA here; ask by the frame buffer's address"

    def who(before, *words):
        return main(["who", str(path), "--addr", "0xA0000", "--before", before, *words])

    for before in ("start", "end"):
        assert who(before) == 2
        err = capfd.readouterr().err
        assert f"{here} (`info pci`), or look from a moment when it is memory\n" in err and err.count("\n") == 1
    assert who("-300", "--count", "3") == 0
    out, _ = capfd.readouterr()
    assert f"0x000a0000: (no memory) -> 00 00 00 00\n{' ' * 16}{here} {FRAME:#x}\n" in out, out
    assert who("-300", "--count", "3", "--json") == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line.get("note") for line in lines] == [None, f"{here} {FRAME:#x}", None]
    assert main(["who", str(path), "--addr", f"{FRAME:#x}", "--count", "2"]) == 0
    out, _ = capfd.readouterr()
    assert f"{FRAME:#010x}: 56 34 12 00 -> 00 00 00 00" in out and here not in out
