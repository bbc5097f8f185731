"""`playhead type` and the monitor's `type`: a text becomes keys of the recording, through either kind of monitor; and a
VNC client's keysyms do, by the same layout.
"""

import io
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from playhead.cli import main
from playhead.log.event_names import KEYS
from playhead.log.events import Input
from playhead.log.reader import Reader
from tools import guest

LIMIT_S = 240
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
READER = """
        .include "pc.inc"
        .text
main:   inb     $0x64, %al
        testb   $1, %al
        jz      main
        inb     $0x60, %al
        jmp     main
"""


@pytest.fixture
def machine(tmp_path):
    """A recorded machine with a German keyboard that listens at two sockets, and never ends by itself."""
    (tmp_path / "reader.bin").write_bytes(guest.firmware(READER, tmp_path))
    sockets = {name: str(tmp_path / name) for name in ("qmp", "monitor")}
    words = ["record", "-o", str(tmp_path / "r.ph"), "-bios", str(tmp_path / "reader.bin"), "-m", "16",
             "-serial", "null", "-k", "de", "-qmp", f"unix:{sockets['qmp']},server,nowait", "-S",
             "-monitor", f"unix:{sockets['monitor']},server,nowait"]  # fmt: skip
    process = subprocess.Popen([*PLAYHEAD, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(2):
        assert b" is at " in process.stderr.readline()
    yield sockets, process
    process.kill()
    process.communicate()


def typed(path):
    with Reader(str(path)) as reader:
        keys = [entry.event.what for entry in reader.entries() if isinstance(entry.event, Input)]
    return " ".join(KEYS[key.key] for key in keys if key.down)


def ask(sockets, command):
    """The answer of the human monitor."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(sockets["monitor"])
        with client.makefile("rwb", 0) as file:
            seen = b""
            for line in (command, ""):
                while not seen.endswith(b"(qemu) "):
                    seen += file.read(4096)
                if line:
                    seen = b""
                    file.write(line.encode() + b"\n")
            return seen.decode().replace("\r\n", "\n").split("\n", 1)[1].removesuffix("(qemu) ").strip()


def test_a_text_is_typed_into_a_machine(machine, tmp_path, capfd, monkeypatch):
    sockets, process = machine
    assert main(["type", sockets["qmp"], "a"]) == 2 and "VM not running" in capfd.readouterr().err
    assert ask(sockets, "cont") == ""
    assert main(["type", sockets["qmp"], 'zy@"\\n', "--hold", "1", "--delay", "1"]) == 0
    assert main(["type", f"unix:{sockets['monitor']}", "Y", "--layout", "en-us"]) == 0
    (tmp_path / "text").write_text("ß\\n{\n")
    assert main(["type", sockets["qmp"], "--file", str(tmp_path / "text")]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"j")))
    assert main(["type", sockets["monitor"], "--file", "-", "--delay", "2"]) == 0
    assert ask(sockets, "type -h 1 -d 1 q  w") == ask(sockets, f"type -f {tmp_path / 'text'}") == ""
    assert ask(sockets, "type -l en-us \"e\\x20\\\"\"") == ""
    end = time.monotonic() + LIMIT_S
    while not typed(tmp_path / "r.ph").endswith("apostrophe"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert capfd.readouterr() == ("", "")
    for where in ("qmp", "monitor"):  # nothing of it is typed
        assert main(["type", sockets[where], "e漢"]) == 2
        assert "nothing is typed: the keyboard layout de has no key for '漢' (U+6F22" in capfd.readouterr().err
    for line, says in (
        ("type", "usage: type "), ('type "a', 'a text that begins with "'), ("type \\q", "\\q is not known in a text"),
        ("type -f /nowhere", "cannot read /nowhere: No such file"), ("type -f / x", "a file or a text, not both"),
        ("type -f /dev/zero", "/dev/zero is no regular file"), ("type -d x y", "'x' is not a number"),
        ("type -l xx y", "no keyboard layout is called 'xx'; there is ar, "), ("type -d 1", "there is no text"),
    ):  # fmt: skip
        assert says in ask(sockets, line), line
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(sockets["monitor"])
        client.sendall(b"quit\n")
        assert process.wait(LIMIT_S) == 0
    file = "minus alt_r minus n alt_r 7 ret"
    keys = f"y z alt_r q shift 2 ret shift y {file} j q spc spc w {file} e spc shift apostrophe"
    assert typed(tmp_path / "r.ph") == keys
    assert main(["replay", str(tmp_path / "r.ph"), "--quiet"]) == 0


def test_keysyms_of_a_vnc_client_are_keys_of_the_layout(tmp_path):
    (tmp_path / "reader.bin").write_bytes(guest.firmware(READER, tmp_path))
    words = ["record", "-o", str(tmp_path / "r.ph"), "-bios", str(tmp_path / "reader.bin"), "-m", "16", "-k", "de",
             "-serial", "null", "-vnc", f"unix:{tmp_path / 'vnc'}"]  # fmt: skip
    keysyms = {"z": 0x7A, "ä": 0xE4, "AltGr": 0xFE03, "@": 0x40, "€": 0x20AC, "ф": 0x01000444}
    process = subprocess.Popen([*PLAYHEAD, *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LIMIT_S
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as said:
            while client.connect_ex(str(tmp_path / "vnc")):
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.1)
            assert said.read(12) == b"RFB 003.008\n"
            client.sendall(b"RFB 003.008\n")
            assert said.read(2) == b"\x01\x01"  # one way: no password
            client.sendall(b"\x01")
            assert said.read(4) == bytes(4)
            client.sendall(b"\x01")
            said.read(struct.unpack(">20xI", said.read(24))[0])
            for down, key in ((1, "z"), (0, "z"), (1, "ä"), (1, "AltGr"), (1, "@"), (0, "@"), (1, "€"), (1, "ф")):
                client.sendall(struct.pack(">BBHI", 4, down, 0, keysyms[key]))
            while len(typed(tmp_path / "r.ph").split()) < 5:
                assert time.monotonic() < end
                time.sleep(0.3)
    finally:
        process.terminate()
        process.communicate()
    assert typed(tmp_path / "r.ph") == "y apostrophe alt_r q e"
    assert main(["replay", str(tmp_path / "r.ph"), "--quiet"]) == 0


def test_what_is_wrong_is_one_line(tmp_path, capfd):
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def answer():
        for said in (b"", b"SSH-2.0\n", b"{\nx\n", b'{"QMP": {}}\r\n{"return": {}}\n{"error": {"desc": "no"}}\n'):
            client = listening.accept()[0]
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            client.recv(1000)
            client.close()

    threading.Thread(target=answer, daemon=True).start()
    there = f"tcp:127.0.0.1:{port}"
    (tmp_path / "bytes").write_bytes(b"a\xff")
    for words, says in (
        ([str(tmp_path / "none"), "a"], "cannot connect to .*none: No such file .*; does a machine with -qmp"),
        ([there, "a"], "closed the connection"), ([there, "a"], "closed the connection"),
        ([there, "a"], "no monitor"), ([there, "a"], f"{there}: no$"),
        ([there], "needs a TEXT or --file FILE"), ([there, "a", "--file", "b"], "needs a TEXT or --file FILE"),
        ([there, "é", "--layout", "en-us"], "no key for 'é'"), ([there, "a", "--layout", "x"], "there is ar, bepo"),
        ([there, "a\\q"], r"\\q is not known"), ([there, "--file", str(tmp_path / "none")], "none: No such file"),
        ([there, "--file", str(tmp_path / "bytes")], "no text in UTF-8: byte 1 is 0xff"),
        ([there, "a" * 65_537], "65537 characters: at most 65536"), ([there, "a", "--hold", "0"], "0 is not in 1"),
        (["udp:x", "a"], "cannot connect to udp:x"), (["tcp:x", "a"], "tcp:x"), ([], "type needs SOCKET"),
    ):  # fmt: skip
        assert main(["type", *words]) == 2, words
        said = capfd.readouterr().err
        assert re.search(says, said) and said.count("\n") == 1, (words, said)
