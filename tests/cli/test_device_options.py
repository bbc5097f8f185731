"""Devices that a command line asks for are in the machine, in its recording and in the replay; what does not fit is one
line.
"""

from pathlib import Path

import pytest

from playhead.cli import main
from playhead.cli.recorded_words import device_words, drives, serial_ports
from playhead.log.reader import Reader
from tools import asm, guest


def run(verb: str, *words: str) -> int:
    return main([verb, "-bios", str(guest.image("halt")), "-m", "2", *words])


def test_they_are_recorded_and_replayed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.ph"
    words = ["-serial", "null", "-device", "isa-serial,id=console,irq=5", "-device", "isa-debugcon,iobase=0x402,id=log",
             "-device", "isa-debug-exit", "-device", "ide-cd,id=cd,bus=ide.1,model=READER", "-global",
             "isa-debug-exit.iobase=0xf4", "-global", "ioapic.version=0x11", "-nodefaults"]  # fmt: skip
    assert run("record", "-o", str(path), *words) == 0
    with Reader(str(path)) as reader:
        assert reader.container.format == 4
        plain = reader.meta["config"]
        assert reader.parts[-10:-8] == ["ide", "dma"]
        assert reader.parts[-8:] == ["fdc", "serial0", "console", "fw_cfg", "log", "debug_exit", "vga", "storage"]
    assert serial_ports(plain) == 2 and [(d["bus"], d["kind"], d["model"]) for d in drives(plain)] == [
        (1, "cdrom", "READER")]  # fmt: skip
    assert device_words(plain) == [
        "ioapic,id=ioapic,version=17", "ide-cd,bus=ide.1,drive=ide1-cd0,id=cd,model=READER,serial=PH00001,unit=0",
        "isa-serial,chardev=serial0,id=serial0,index=0,iobase=0x3f8,irq=4",
        "isa-serial,id=console,index=1,iobase=0x2f8,irq=5", "isa-debugcon,id=log,iobase=0x402",
        "isa-debug-exit,id=debug_exit,iobase=0xf4",
    ]  # fmt: skip
    assert main(["replay", str(path), "--quiet", "-serial", "null"]) == 0
    assert main(["info", str(path)]) == 0 and "isa-debug-exit,id=debug_exit,iobase=0xf4" in capfd.readouterr().out


def test_a_serial_port_takes_the_place_of_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    assert run("record", "-o", str(path), "-device", "isa-serial,index=1") == 0
    with Reader(str(path)) as reader:
        assert serial_ports(reader.meta["config"]) == 1 and "serial1" in reader.parts and "serial0" not in reader.parts


TALKER = """
start:  movb $'A', %al
        movw $0x3F8, %dx
        outb %al, %dx
        movb $'B', %al
        movw $0x2F8, %dx
        outb %al, %dx
        movb $'C', %al
        movw $0x402, %dx
        outb %al, %dx
        outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""


def test_what_devices_print_goes_to_their_character_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talker").write_bytes(asm.flat(TALKER, bits=16))
    words = ["-bios", "talker", "-m", "2", "-serial", "file:a", "-chardev", "file,id=two,path=b", "-device",
             "isa-serial,chardev=two", "-chardev", "file,path=c,id=log", "-device",
             "isa-debugcon,iobase=0x402,chardev=log", "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-chardev",
             "null,id=idle"]  # fmt: skip
    assert main(["record", "-o", "r.ph", *words]) == ord("C") * 2 + 1
    assert [Path(name).read_bytes() for name in "abc"] == [b"A", b"B", b"C"]
    with Reader("r.ph") as reader:
        assert [(end["id"], end.get("backend")) for end in reader.meta["config"]["outside"]] == [
            ("floppy0", None), ("serial0", "file"), ("two", "file"), ("log", "file")]  # fmt: skip
    replay = ["replay", "r.ph", "--quiet", "-serial", "file:x", "-serial", "file:y", "-debugcon", "file:z"]
    assert main(replay) == 0 and [Path(name).read_bytes() for name in "xyz"] == [b"A", b"B", b"C"]


@pytest.mark.parametrize("words, message", [
    ("-chardev file,id=a,path=talker -device isa-serial,chardev=a", "talker"),
    ("-chardev null,id=a -serial chardev:b", "chardev:b: there is no -chardev with the id 'b'"),
    ("-chardev null,id=a -serial chardev:a -device isa-serial,chardev=a", "-chardev a is in use by serial0"),
    ("-chardev null,id=a -mon a -monitor chardev:a", "-chardev a is in use by monitor"),
    ("-mon a", "no -chardev with the id 'a'"), ("-chardev null,id=a -mon chardev=a,pretty=on", "is for mode=control"),
    ("-serial mon:stdio -monitor stdio", "-monitor stdio: COM1 is connected to it"),
    ("-chardev stdio,id=a -mon a", "-mon stdio: COM1 is connected to it"),
    ("-chardev null,id=a -chardev null,id=a", "two character devices have the id 'a'"),
    ("-chardev null,id=a -device isa-serial,chardev=a -device isa-serial,chardev=a", "'a' is used already"),
    ("-chardev null,id=serial0 -serial null -device isa-serial,chardev=serial0", "have one id"),
    ("-chardev udp,id=a", "the backend 'udp' is not supported; instead: socket"),
    ("-chardev null", "it needs an id="), ("-chardev file,id=a", "file needs path=FILE"),
    ("-chardev null,id=a,path=b", "unknown key 'path=b'"), ("-chardev null,id=7", "an id begins with a letter"),
])  # fmt: skip
def test_character_devices_that_do_not_fit(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talker").write_bytes(bytes(1 << 16))
    assert main(["run", "-bios", "talker", "-m", "2", *words.split()]) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1, err


@pytest.mark.parametrize("words, message", [
    ("-device isa-serial,id=pic", "id=pic: another device has this id"),
    ("-device isa-serial,id=cpu", "id=cpu: another device has this id"),
    ("-device isa-serial,chardev=foo", "property 'isa-serial.chardev': there is no chardev 'foo'"),
    ("-serial null -device isa-serial,chardev=serial0", "'serial0' is used already"),
    ("-device isa-debugcon -debugcon null", "2 devices isa-debugcon: there can be 1"),
    ("-device isa-debug-exit -device isa-debug-exit", "2 devices isa-debug-exit: there can be 1"),
    ("-device isa-serial,index=2 -device isa-serial,index=2", "index=2 (COM3) is another one's"),
    ("-device isa-debug-exit,iobase=0xffff", "iobase=0xffff puts its ports beyond the last one, 0xffff"),
    ("-device isa-serial,iobase=0x3f8 -serial null", "'serial0' at I/O ports 0x3f8-0x3ff: isa-serial 'serial1' is at"),
    ("-device isa-debug-exit,iobase=0xcfc", "i440FX 'pci' is at 0xcfc-0xcff; iobase=N puts isa-debug-exit elsewhere"),
    ("-device ide-cd,id=x -device ide-cd,id=x", "id=x: another device has this id"),
])  # fmt: skip
def test_what_does_not_fit(words: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("run", *words.split()) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1
