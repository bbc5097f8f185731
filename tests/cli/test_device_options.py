"""Devices that a command line asks for are in the machine, in its recording and in the replay; what does not fit is one
line.
"""

from pathlib import Path

import pytest

from playhead.cli import main
from playhead.cli.recorded_words import device_words, drives, serial_ports
from playhead.log.reader import Reader
from tools import guest


def run(verb: str, *words: str) -> int:
    return main([verb, "-bios", str(guest.image("halt")), "-m", "2", *words])


def test_they_are_recorded_and_replayed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.ph"
    words = ["-serial", "null", "-device", "isa-serial,id=console,irq=5", "-device", "isa-debugcon,iobase=0x402,id=log",
             "-device", "isa-debug-exit", "-device", "ide-cd,id=cd,bus=ide.1,model=READER", "-global",
             "isa-debug-exit.iobase=0xf4", "-global", "ioapic.version=0x11"]  # fmt: skip
    assert run("record", "-o", str(path), *words) == 0
    with Reader(str(path)) as reader:
        assert reader.container.format == 4
        plain = reader.meta["config"]
        assert reader.parts[-8:] == ["ide", "serial0", "console", "fw_cfg", "log", "debug_exit", "vga", "storage"]
    assert serial_ports(plain) == 2 and [(d["bus"], d["kind"], d["model"]) for d in drives(plain)] == [
        (1, "cdrom", "READER")]  # fmt: skip
    assert device_words(plain) == [
        "ioapic,id=ioapic,version=17", "ide-cd,bus=ide.1,drive=ide1-cd0,id=cd,model=READER,serial=PH00001,unit=0",
        "isa-serial,chardev=serial0,id=serial0,index=0,iobase=1016,irq=4",
        "isa-serial,id=console,index=1,iobase=760,irq=5", "isa-debugcon,id=log,iobase=1026",
        "isa-debug-exit,id=debug_exit,iobase=244",
    ]  # fmt: skip
    assert main(["replay", str(path), "--quiet", "-serial", "null"]) == 0
    assert main(["info", str(path)]) == 0 and "isa-debug-exit,id=debug_exit,iobase=244" in capfd.readouterr().out


def test_a_serial_port_takes_the_place_of_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    assert run("record", "-o", str(path), "-device", "isa-serial,index=1") == 0
    with Reader(str(path)) as reader:
        assert serial_ports(reader.meta["config"]) == 1 and "serial1" in reader.parts and "serial0" not in reader.parts


@pytest.mark.parametrize("words, message", [
    ("-device isa-serial,id=pic", "id=pic: another device has this id"),
    ("-device isa-serial,id=cpu", "id=cpu: another device has this id"),
    ("-device isa-serial,chardev=foo", "property 'isa-serial.chardev': there is no chardev 'foo'"),
    ("-serial null -device isa-serial,chardev=serial0", "'serial0' is used already"),
    ("-device isa-debugcon -debugcon null", "2 devices isa-debugcon: there can be 1"),
    ("-device isa-debug-exit -device isa-debug-exit", "2 devices isa-debug-exit: there can be 1"),
    ("-device isa-serial,index=2 -device isa-serial,index=2", "COM1 to COM4 are all there is, each once"),
    ("-device isa-debug-exit,iobase=0xffff", "iobase 0xffff is not an I/O port"),
    ("-device ide-cd,id=x -device ide-cd,id=x", "id=x: another device has this id"),
])  # fmt: skip
def test_what_does_not_fit(words: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("run", *words.split()) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1
