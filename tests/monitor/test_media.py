"""CD-ROMs out of a drive and into it while the guest looks, recorded and replayed."""

import time

import pytest
from talking import PATIENCE_S, Running
from talking import wait_for as until

from playhead.cli import main
from playhead.log.events import MediumChanged
from playhead.log.reader import Reader
from tools import guest

# Reads the first block again and again, and prints what it begins with whenever that is something else: the sense key
# in place of it where there is an error. Locks the drive when it reads LOCK, ends when it reads STOP.
SOURCE = """
        .include "pc.inc"
        .set    CD, 0x170
        .section .bss
last:   .skip 4
packet: .skip 12
buffer: .skip 2048
        .text
main:   call    pic_init
        pci_write 0x80000940, 0x80008000        # the PIIX3's IDE function answers at its ports
        pci_write 0x80000904, 1
        outport 0x376, 0x02
again:  movl    $0x00000028, packet     # READ(10) of one block
        movl    $0x00000000, packet + 4
        movl    $0x00000001, packet + 8
        call    command
        cmpl    last, %eax
        je      again
        movl    %eax, last
        call    put_hex
        print   "\\n"
        cmpl    $0x504F5453, %eax
        je      pass
        cmpl    $0x4B434F4C, %eax
        jne     again
        movl    $0x0000001E, packet     # PREVENT MEDIUM REMOVAL
        movl    $0x00000001, packet + 4
        call    command
        jmp     again

command:                                # eax: the buffer's first dword, or the error register's sense key
        movl    $0, buffer
        outport CD + 6, 0xA0
        outport CD + 1, 0x00
        outport CD + 4, 0x00
        outport CD + 5, 0x08
        outport CD + 7, 0xA0
        call    wait
        movl    $CD, %edx
        movl    $packet, %esi
        movl    $6, %ecx
        rep outsw
        call    wait
        testb   $0x01, %al
        jnz     1f
        testb   $0x08, %al
        jz      2f
        movl    $CD, %edx
        movl    $buffer, %edi
        movl    $1024, %ecx
        rep insw
        call    wait
2:      movl    buffer, %eax
        ret
1:      movl    $CD + 1, %edx
        inb     %dx, %al
        movzbl  %al, %eax
        shrl    $4, %eax
        ret

wait:   movl    $0x376, %edx
1:      inb     %dx, %al
        testb   $0x80, %al
        jnz     1b
        ret
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory):
    path = tmp_path_factory.mktemp("cd") / "cd.bin"
    path.write_bytes(guest.firmware(SOURCE, path.parent))
    return path


def medium(path, text):
    path.write_bytes(text.ljust(2048, b".") * 40)
    return path


def word(text):
    return f"{int.from_bytes(text, 'little'):08X}".encode()


def wait_for(path, text, behind=0):
    """Until the guest has printed it into this file, which had `behind` bytes before."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists() or text not in path.read_bytes()[behind:]:
        assert time.monotonic() < end, path.read_bytes() if path.exists() else "nothing was printed"
        time.sleep(0.02)


def test_media_come_and_go(bios, tmp_path, capfd):
    out, path = tmp_path / "out", tmp_path / "r.ph"
    images = {name: medium(tmp_path / name.decode(), name) for name in (b"ONE!", b"LOCK", b"STOP")}
    words = ["record", "-o", str(path), "-bios", str(bios), "-m", "16", "-cdrom", str(images[b"ONE!"]),
             "-serial", f"file:{out}", "-monitor", "tcp:127.0.0.1:0,server,nowait"]  # fmt: skip
    with Running(*words) as running:
        with running.monitor() as talk:
            wait_for(out, word(b"ONE!"))
            assert talk.ask("info block").startswith(f"ide1-cd0: {images[b'ONE!']} (raw, read-only)\n")
            talk.ask("eject ide1-cd0")
            wait_for(out, b"00000002")  # not ready
            assert "[not inserted]" in talk.ask("info block") and "tray open" in talk.ask("info block")
            assert "no device 'ide0-hd0'" in talk.ask("eject ide0-hd0")
            assert "No such file" in talk.ask(f"change ide1-cd0 {tmp_path / 'none'}")
            assert talk.ask(f"change ide1-cd0 {images[b'LOCK']}") == ""
            wait_for(out, word(b"LOCK"))
            until(lambda: "Removable device: locked" in talk.ask("info block"))
            assert "is locked" in talk.ask("eject ide1-cd0") and "is locked" in talk.ask(f"change ide1-cd0 {bios} raw")
            assert talk.ask("eject -f ide1-cd0") == ""
            talk.file.write(f"change ide1-cd0 {images[b'STOP']}\n".encode())
            assert running.process.wait(PATIENCE_S) == 0
    said = out.read_bytes()
    assert b"\r\n00000006\r\n" in said and said.endswith(word(b"STOP") + b"\r\nPASS\r\n")
    for image in images.values():
        image.unlink()
    again = tmp_path / "again"
    assert main(["replay", str(path), "--quiet", "-serial", f"file:{again}"]) == 0
    assert again.read_bytes() == said
    with Reader(str(path)) as reader:
        changed = [entry for entry in reader.entries() if isinstance(entry.event, MediumChanged)]
    changes, moments = [entry.event for entry in changed], [entry.moment.icount + 1 for entry in changed]
    assert [bool(change.sectors) for change in changes][:2] == [False, True]
    assert {change.medium for change in changes if change.sectors} >= {2, 3}
    capfd.readouterr()
    assert main(["replay", str(path), "--quiet", "-serial", "null", "--from", "90%", "--to", "95%"]) == 0
    ex = ["-ex", "info block", "-ex", f"seek {moments[1]}", "-ex", "info block"]
    capfd.readouterr()
    assert main(["debug", str(path), "--batch", *ex]) == 0
    lines = capfd.readouterr().out.splitlines()
    first, later = (line for line in lines if line.startswith("ide1-cd0"))
    tray = lines[lines.index(first) + 2]
    assert sum(line == "floppy0: [not inserted]" for line in lines) == 2
    assert first == f"ide1-cd0: {images[b'ONE!']} (raw), as recorded" and tray.endswith("not locked, tray closed")
    assert later in ("ide1-cd0: another medium", "ide1-cd0: [not inserted]")
    words = ["branch", str(path), "--at", str(moments[-1]), "-o", str(tmp_path / "b.ph"), "-serial", "null"]
    medium(images[b"ONE!"], b"ONE!")
    assert main(words) == 2
    assert "put in later" in capfd.readouterr().err
