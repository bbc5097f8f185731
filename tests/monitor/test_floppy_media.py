"""Floppy disks into a drive and out of it while the guest looks, recorded and replayed; what it writes is on them."""

import time

import pytest
from talking import PATIENCE_S, Running

from playhead.cli import main
from playhead.log.events import MediumChanged
from playhead.log.reader import Reader
from tools import guest

# Reads the first sector again and again and prints what it begins with whenever that is something else: the
# controller's status in place of it where it failed. What begins with WRIT is told the number of the disk, in its
# second sector, and the outcome is printed. Ends when it reads STOP.
SOURCE = """
        .include "pc.inc"
        .set    FDC, 0x3F0
        .set    BUFFER, 0x20000
        .section .bss
last:   .skip 4
number: .skip 4
        .text
main:   call    pic_init
        outport FDC + 2, 0x00
        outport FDC + 2, 0x1C
        outport FDC + 7, 0x00
again:  movl    $0, BUFFER
        movb    $0xE6, %bl
        movb    $0x46, %bh
        movb    $1, %cl
        call    transfer
        testb   $0xC0, %al
        jz      1f
        movzbl  %al, %eax
        movl    %eax, BUFFER
1:      movl    BUFFER, %eax
        cmpl    last, %eax
        je      again
        movl    %eax, last
        call    put_hex
        print   "\\n"
        cmpl    $0x504F5453, %eax
        je      pass
        cmpl    $0x54495257, %eax
        jne     again
        incl    number
        movl    number, %eax
        movl    %eax, BUFFER
        movb    $0xC5, %bl
        movb    $0x4A, %bh
        movb    $2, %cl
        call    transfer
        movl    $.Lwrote, %esi
        call    puts
        movzwl  %ax, %eax
        call    put_hex
        print   "\\n"
        jmp     again
        .section .rodata
.Lwrote: .asciz "wrote "
        .text

transfer:                               # bl: the command, bh: the mode, cl: the sector; ax: the result's first bytes
        outport 0x0A, 0x06
        outport 0x0C, 0x00
        movb    %bh, %al
        outb    %al, $0x0B
        outport 0x04, 0x00
        outport 0x04, 0x00
        outport 0x81, BUFFER >> 16
        outport 0x05, 0xFF
        outport 0x05, 0x01
        outport 0x0A, 0x02
        movb    %bl, %al
        call    send
        xorb    %al, %al
        call    send                    # drive, track, head
        call    send
        call    send
        movb    %cl, %al
        call    send
        movb    $2, %al
        call    send
        movb    $18, %al
        call    send
        movb    $27, %al
        call    send
        call    send
        call    ready
        movl    $FDC + 5, %edx
        inb     %dx, %al
        movb    %al, %ah
        pushl   %eax
        call    ready
        movl    $FDC + 5, %edx
        inb     %dx, %al
        movb    %al, (%esp)
1:      call    ready
        testb   $0x40, %al
        jz      2f
        movl    $FDC + 5, %edx
        inb     %dx, %al
        jmp     1b
2:      popl    %eax
        xchgb   %al, %ah
        ret

send:   pushl   %eax
        call    ready
        movl    $FDC + 5, %edx
        popl    %eax
        outb    %al, %dx
        ret

ready:  movl    $FDC + 4, %edx
1:      inb     %dx, %al
        testb   $0x80, %al
        jz      1b
        ret
"""
SIZE = 1_474_560


@pytest.fixture(scope="module")
def bios(tmp_path_factory):
    path = tmp_path_factory.mktemp("fd") / "fd.bin"
    path.write_bytes(guest.firmware(SOURCE, path.parent))
    return path


def disk(path, text):
    path.write_bytes(text.ljust(SIZE, b"."))
    return path


def wait_for(path, text, behind=0):
    """Until the guest has printed it into this file, which had `behind` bytes before."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists() or text not in path.read_bytes()[behind:]:
        assert time.monotonic() < end, path.read_bytes() if path.exists() else "nothing was printed"
        time.sleep(0.02)


def test_disks_come_and_go(bios, tmp_path):
    out, path = tmp_path / "out", tmp_path / "r.ph"
    images = {name: disk(tmp_path / name, name[:4].encode()) for name in ("WRIT1", "WRIT2", "ONE!", "STOP")}
    words = ["record", "-o", str(path), "-bios", str(bios), "-m", "16", "-device", "floppy,drive-type=144",
             "-serial", f"file:{out}", "-monitor", "tcp:127.0.0.1:0,server,nowait"]  # fmt: skip
    with Running(*words) as running:
        with running.monitor() as talk:
            wait_for(out, b"00000040\r\n")  # nothing in it
            assert "floppy0: [not inserted]" in talk.ask("info block")
            assert talk.ask(f"change floppy0 {images['WRIT1']}") == ""
            wait_for(out, b"wrote 00000000\r\n")
            assert f"floppy0: {images['WRIT1']} (raw)" in talk.ask("info block")
            assert talk.ask("eject floppy0") == ""
            assert talk.ask(f"change floppy0 {images['ONE!']} raw") == ""
            wait_for(out, f"{int.from_bytes(b'ONE!', 'little'):08X}\r\n".encode())
            assert talk.ask(f"change floppy0 {images['WRIT2']} raw read-only") == ""
            wait_for(out, b"wrote 00000240\r\n")  # write-protected
            assert "read-only" in talk.ask("info block")
            talk.file.write(f"change floppy0 {images['STOP']}\n".encode())
            assert running.process.wait(PATIENCE_S) == 0
    first, second = images["WRIT1"].read_bytes(), images["WRIT2"].read_bytes()
    assert first[512:516] == b"\1\0\0\0" and second == b"WRIT".ljust(SIZE, b".")
    for image in images.values():
        image.unlink()
    again, said = tmp_path / "again", out.read_bytes()
    assert said.endswith(b"PASS\r\n")
    for more in ((), ("--from", "50%")):
        assert main(["replay", str(path), "--quiet", "-serial", f"file:{again}", *more]) == 0
        assert said.endswith(again.read_bytes()) and (more or said == again.read_bytes())
    with Reader(str(path)) as reader:
        changes = [entry.event for entry in reader.entries() if isinstance(entry.event, MediumChanged)]
    assert [change.medium for change in changes if change.sectors] == [1, 2, 3, 4]
    assert [change.force for change in changes if change.sectors] == [0, 0, 2, 0]


def test_a_branch_goes_on_with_the_disk(bios, tmp_path, capfd):
    image, path = disk(tmp_path / "fd.img", b"STOP"), tmp_path / "r.ph"
    words = ["-bios", str(bios), "-m", "16", "-fda", str(image), "-serial", "null"]
    assert main(["record", "-o", str(path), *words]) == 0
    assert main(["branch", str(path), "--at", "1000", "-o", str(tmp_path / "b.ph"), "-serial", "null"]) == 0
    assert main(["replay", str(tmp_path / "b.ph"), "--quiet", "-serial", "null"]) == 0
    capfd.readouterr()
    assert main(["info", str(path)]) == 0
    assert "floppy disk at floppy-bus.0 unit 0, 1." in capfd.readouterr().out


def test_a_disk_comes_again(bios, tmp_path):
    """As it was left, by the guest and by whoever had it meanwhile; what loadvm brings back is on the images."""
    out, path = tmp_path / "out", tmp_path / "r.ph"
    images = {name: disk(tmp_path / name, name[:4].encode()) for name in ("WRIT", "ONE!", "STOP")}
    words = ["record", "-o", str(path), "-bios", str(bios), "-m", "16", "-device", "floppy,drive-type=144",
             "-device", "floppy,drive-type=144", "-serial", f"file:{out}",
             "-monitor", "tcp:127.0.0.1:0,server,nowait"]  # fmt: skip
    with Running(*words) as running, running.monitor() as talk:
        wait_for(out, b"00000040\r\n")

        def insert(name, said):
            before = len(out.read_bytes())
            assert talk.ask(f"change floppy0 {images[name]}") == ""
            wait_for(out, said, before)

        insert("WRIT", b"wrote 00000000\r\n")
        talk.ask("savevm first")
        assert "is in drive floppy0" in talk.ask(f"change floppy1 {images['WRIT']}")
        assert "has it open as raw" in talk.ask(f"change floppy0 {images['WRIT']} qcow2")
        insert("ONE!", b"21454E4F\r\n")
        insert("WRIT", b"wrote 00000000\r\n")
        assert images["WRIT"].read_bytes()[512:516] == b"\2\0\0\0"
        insert("ONE!", b"21454E4F\r\n")
        with images["WRIT"].open("r+b") as file:  # somebody else has it
            file.write(b"ELSE")
        insert("WRIT", b"45534C45\r\n")
        insert("ONE!", b"21454E4F\r\n")
        with images["WRIT"].open("r+b") as file:  # not in the drive, where the guest would write to it again
            file.write(b"WRIT")
        insert("WRIT", b"wrote 00000000\r\n")
        assert images["WRIT"].read_bytes()[512:516] == b"\3\0\0\0"
        talk.ask("savevm second")
        assert talk.ask("loadvm first") == ""
        assert images["WRIT"].read_bytes()[512:516] == b"\1\0\0\0"
        assert talk.ask("loadvm second") == ""
        assert images["WRIT"].read_bytes()[512:516] == b"\3\0\0\0"
        talk.file.write(f"change floppy0 {images['STOP']}\n".encode())
        assert running.process.wait(PATIENCE_S) == 0
    for image in images.values():
        image.unlink()
    again, said = tmp_path / "again", out.read_bytes()
    for more in ((), ("--split-seed", "2")):
        assert main(["replay", str(path), "--quiet", "-serial", f"file:{again}", *more]) == 0
        assert said == again.read_bytes()
