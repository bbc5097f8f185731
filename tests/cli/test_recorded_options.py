"""Options beside `rr=replay`: each that says something else of what the guest sees is refused by its name, each that
says the same, or what the guest cannot see, is not. (QEMU 7.2 takes every one of them, and replays something else.)
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import face
import pytest

from playhead.base.errors import UsageError
from playhead.cli.assemble import make_config
from playhead.cli.drives import open_drives, placed
from playhead.cli.options import parse_arguments
from playhead.cli.recorded_options import Recorded, check
from playhead.cli.system_i386 import OPTIONS
from tools import guest

ALIKE = ["-m", "64", "-cpu", "pentium,+pae", "-icount", "shift=5", "-rtc", "base=2026-01-31,clock=vm", "-boot", "dc"]
DEVICES = ["-serial", "stdio", "-serial", "null", "-debugcon", "null", "-device", "isa-debug-exit,iobase=0x600"]
CD = ["-cdrom", "cd.iso"]
ON_DISK = ["-drive", "file=disk.raw,format=raw,if=none,id=a", "-device"]
DISK = [*ON_DISK, "ide-hd,drive=a,bus=ide.0,serial=ABC"]
DRIVES = [*DISK, *CD]
FLOPPY = ["-fda", "floppy.img"]
KERNEL = ["-kernel", "kernel", "-initrd", "initrd", "-append", "console=ttyS0"]
FIRMWARE = ["-bios", "bios"]
MACHINE = [*ALIKE, *DEVICES, *DRIVES, *FLOPPY]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, size in (("disk.raw", 65536), ("cd.iso", 4096), ("other.raw", 131072), ("initrd", 600), ("bios", 65536),
                       ("floppy.img", 1440 << 10), ("small.img", 720 << 10)):  # fmt: skip
        Path(name).write_bytes(bytes(size))
    kernel = bytearray(4096)
    kernel[0x1F1:0x1F2], kernel[0x1FE:0x200], kernel[0x202:0x206] = b"\1", b"\x55\xaa", b"HdrS"
    kernel[0x206:0x208], kernel[0x211] = b"\x0a\x02", 1
    Path("kernel").write_bytes(kernel)
    Path("other").write_bytes(b"x" * 65536)


def recorded(words: list[str]) -> Recorded:
    values = parse_arguments("", OPTIONS, words, ["[DISK-IMAGE]"])
    with open_drives(placed(values)) as drives:
        config = make_config(values, drives)
    shift = values["icount"].get("shift", 3)
    return Recorded("r.bin", config, 3 if shift == "auto" else shift, shift == "auto", values["no_reboot"])


def compare(of: list[str], given: list[str]) -> None:
    check(parse_arguments("", OPTIONS, given, ["[DISK-IMAGE]"]), recorded(of))


OTHER = [
    (["-m", "128"], "-m 128M: the recording was made with 64M"),
    (["-cpu", "pentium2"], "-cpu pentium2: the recording was made with pentium,+pae"),
    (["-M", "pc-2"], "-M pc-2: the recording was made with pc-"),
    (["-M", "pc,graphics=off"], "-M graphics off: the recording was made with on"),
    (["-M", "pc,hpet=off"], "-M hpet off: the recording was made with on"),
    (["-no-hpet"], "-M hpet off: the recording was made with on"),
    (["-icount", "shift=6"], "-icount shift 6: the recording was made with 5"),
    (["-icount", "auto"], "-icount shift auto: the recording was made with 5"),
    (["-rtc", "clock=host"], "-rtc clock host: the recording was made with vm"),
    (["-rtc", "base=2026-02-01"], "-rtc base 2026-02-01T00:00:00: the recording was made with 2026-01-31T00:00:00"),
    (["-boot", "c"], "-boot order c: the recording was made with dc"),
    (["-no-reboot"], "-no-reboot: the recording was made without it"),
    (["-action", "reboot=shutdown"], "-action reboot=shutdown: the recording was made without it"),
    (["-serial", "null"], "-serial: 1 serial port, and the recorded machine has 2"),
    (["-serial", "null"] * 3, "-serial: 3 serial ports"),
    (["-chardev", "null,id=c", "-device", "isa-serial,chardev=c"], "-serial: 1 serial port"),
    (["-debugcon", "none"], "-debugcon none: the recorded machine has a debug console"),
    (["-device", "isa-debug-exit,iobase=0x501"], "-device isa-debug-exit,iobase 1281: the recording was"),
    (["-device", "isa-debug-exit,iobase=0x600", "-device", "isa-debug-exit,iobase=0x700"],
     "-device isa-debug-exit: the recorded machine has no more of them"),
    (["-global", "isa-debug-exit.iobase=0x501"], "-global isa-debug-exit.iobase 1281: the recording"),
    ([*DRIVES, "-hdd", "other.raw"], "-drive other.raw, at ide.1 unit 1: the recorded machine has no drive there"),
    (DISK, "ide.1 unit 0: the recorded machine has a CD-ROM drive there, and none is given"),
    (["-drive", "file=other.raw,format=raw,if=none,id=a", *DRIVES[2:]], "it has 131072 bytes, and the recorded"),
    ([*DISK, "-device", "ide-cd,bus=ide.1"], "it has no medium, and the recorded one had 4096 bytes"),
    (["-drive", "file=disk.raw,format=raw,media=cdrom,index=0", *CD], "it is a CD-ROM drive, and a disk was recorded"),
    ([*ON_DISK, "ide-hd,drive=a,bus=ide.0,serial=XYZ", *CD], "serial XYZ: the recording was made with ABC"),
    ([*ON_DISK, "ide-hd,drive=a,bus=ide.0", *CD], "serial PH00001: the recording was made with ABC"),
    ([*ON_DISK, "ide-hd,drive=a,bus=ide.0,serial=ABC,model=M", *CD], "model M: the recording was made with"),
    ([*ON_DISK, "ide-hd,drive=a,bus=ide.0,serial=ABC,bootindex=1", *CD],
     "bootindex 1: the recording was made with None"),
    (["-drive", "file=disk.raw,format=raw,if=none,id=a,readonly=on", *DRIVES[2:]], "readonly True"),
    ([*FLOPPY, "-fdb", "small.img"],
     "-drive small.img, at floppy disk drive 1: the recorded machine has no drive there"),
    (["-device", "floppy"], "floppy disk drive 0: it has no medium, and the recorded one had 1474560 bytes"),
    (["-fda", "small.img"], "it has 737280 bytes, and the recorded one had 1474560"),
    (["-drive", "file=floppy.img,if=none,readonly=on,id=f", "-device", "floppy,drive=f"], "readonly True"),
    (["-drive", "file=floppy.img,if=none,id=f", "-device", "floppy,drive=f,drive-type=288"], "drive-type 288"),
    (["-nodefaults"], "-nodefaults: the recorded machine has a floppy disk drive"),
    (["-bios", "other"], "-bios other: its content is not that which was recorded"),
    (["-kernel", "kernel"], "-kernel kernel: the recorded machine was started without one"),
]  # fmt: skip


@pytest.mark.parametrize("given, named", OTHER, ids=[" ".join(given) for given, _ in OTHER])
def test_a_difference_is_refused_by_name(given: list[str], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        compare([*MACHINE, *FIRMWARE], given)
    (line,) = refused.value.args
    assert named in line and "\n" not in line and "leave the option out: r.bin" in line


@pytest.mark.parametrize("given, named", [
    (["-kernel", "other"], "-kernel other: its content is not that which was recorded (65536 bytes, not 4096)"),
    (["-initrd", "other"], "-initrd other: its content is not that which was recorded"),
    (["-append", "console=ttyS1"], "-append 'console=ttyS1': the recording was made with 'console=ttyS0'"),
    (["-bios", "bios"], "-bios bios: the recorded machine was started without one"),
])  # fmt: skip
def test_what_is_started_is_compared_by_content(given: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=r".*") as refused:
        compare([*ALIKE, *KERNEL], given)
    assert named in refused.value.args[0]


def test_each_difference_has_a_line() -> None:
    with pytest.raises(UsageError) as refused:
        compare([*MACHINE, *FIRMWARE], ["-m", "16", "-icount", "shift=1", "-serial", "null"])
    assert [line.split(":")[0] for line in refused.value.args] == ["-m 16M", "-icount shift 1", "-serial"]


@pytest.mark.parametrize("given", [
    [], ALIKE, DEVICES, DRIVES, FLOPPY, [*MACHINE, *FIRMWARE],
    ["-M", "pc"], ["-machine", "type=pc,accel=tcg"], ["-smp", "1"], ["-display", "none"], ["-net", "none"],
    ["-serial", "pty", "-serial", "file:out"], ["-debugcon", "file:out"], ["-nographic"],
    ["-chardev", "null,id=c", "-serial", "null", "-device", "isa-serial,chardev=c"],
    ["-drive", "file=other.raw,format=raw,if=none,id=rr"], ["-snapshot", *DRIVES],
    ["-global", "isa-debugcon.iobase=0xe9"], ["-global", "isa-debug-exit.iobase=0x600"],
    ["-M", "pc,hpet=on"], ["-monitor", "none"], ["-gdb", "none"], ["-rtc", "clock=vm"], ["-icount", "sleep=off"],
    ["--engine", "reference"],
], ids=" ".join)  # fmt: skip
def test_no_difference(given: list[str]) -> None:
    compare([*MACHINE, *FIRMWARE], given)


def test_missing_files_are_no_difference() -> None:
    of = recorded([*MACHINE, *FIRMWARE])
    for name in os.listdir("."):
        os.unlink(name)
    check(parse_arguments("", OPTIONS, [*MACHINE, *FIRMWARE], ["[DISK-IMAGE]"]), of)


def test_an_image_that_has_changed_is_no_difference() -> None:
    """Without `snapshot` the recording itself has changed it."""
    of = recorded([*MACHINE, *FIRMWARE])
    Path("disk.raw").write_bytes(b"\xff" * 65536)
    check(parse_arguments("", OPTIONS, MACHINE, ["[DISK-IMAGE]"]), of)


def test_a_name_of_the_newest_machine_fits_a_recording_of_an_older_one() -> None:
    of = recorded([*ALIKE, *DEVICES, *DRIVES, *FIRMWARE, "-M", "pc-2"])
    check(parse_arguments("", OPTIONS, ["-M", "pc"], ["[DISK-IMAGE]"]), of)
    with pytest.raises(UsageError, match="-M pc-3: the recording was made with pc-2"):
        check(parse_arguments("", OPTIONS, ["-M", "pc-3"], ["[DISK-IMAGE]"]), of)


def test_a_clock_that_began_with_the_hosts_date() -> None:
    """The date is in the recording; `-rtc clock=vm` alone says the same as before."""
    of = recorded(["-rtc", "clock=vm", *FIRMWARE])
    check(parse_arguments("", OPTIONS, ["-rtc", "clock=vm,base=utc"], ["[DISK-IMAGE]"]), of)


def test_the_program_refuses_before_it_prints(tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(face.disk())
    drive = ["-drive", "file=disk.raw,format=raw,if=none,snapshot,id=a", "-device", "ide-hd,drive=a,bus=ide.0",
             "-m", "32"]  # fmt: skip
    status, said, _ = face.run(tmp_path, ["-icount", "shift=3,rr=record,rrfile=r.bin", *drive], b"q")
    assert status == 0 and said.endswith(b"q")
    for given, named in ((["-m", "64"], "-m 64M"), (["-cpu", "486"], "-cpu 486"), (["-serial", "none"], "-serial")):
        status, out, err = face.run(tmp_path, ["-icount", "shift=3,rr=replay,rrfile=r.bin", *given])
        assert (status, out) == (2, b"") and err.startswith(f"playhead: {named}") and err.count("\n") == 1
    assert face.run(tmp_path, ["-icount", "shift=3,rr=replay,rrfile=r.bin", *drive])[:2] == (0, said)


def test_modules_of_a_multiboot_kernel() -> None:
    """The kernel was told their names and words, and its own name."""
    Path("kernel").write_bytes(guest.multiboot(False).read_bytes())
    Path("copy").write_bytes(guest.multiboot(False).read_bytes())
    of = recorded(["-kernel", "kernel", "-initrd", "initrd one,bios"])
    given = (["-kernel", "kernel", "-initrd", "initrd one,bios"], ["-kernel", "copy"], ["-initrd", "initrd two,bios"],
             ["-initrd", "initrd one"], ["-kernel", "other"])  # fmt: skip
    for n, words in enumerate(given):
        values = parse_arguments("", OPTIONS, words, ["[DISK-IMAGE]"])
        if not n:
            check(values, of)
        else:
            with pytest.raises(UsageError, match=f"^{' '.join(words)}:"):
                check(values, of)
    Path("initrd").write_bytes(bytes(601))
    with pytest.raises(UsageError, match="-initrd initrd: its content is not that which was recorded"):
        check(parse_arguments("", OPTIONS, given[0], ["[DISK-IMAGE]"]), of)


CARD = ["-device", "e1000,romfile="]


@pytest.mark.parametrize("given, named", [
    ([f"{CARD[1]}{FIRMWARE[1]}"], ""), ([f"{CARD[1]}gone"], ""), (["e1000"], ""), (["e1000,romfile=copy"], ""),
    (["e1000,romfile="], "-device e1000,romfile : the recording was made with bios"),
    (["e1000,romfile=other"], "-device e1000,romfile other: its content is not that which was recorded"),
    (["e1000,rombar=0"], "-device e1000,rombar 0: the recording was made with 1"),
])  # fmt: skip
def test_an_expansion_rom_is_compared_by_content(given: list[str], named: str) -> None:
    Path("copy").write_bytes(Path("bios").read_bytes())
    words = [word for device in given for word in ("-device", device)]
    made = [*FIRMWARE, "-device", "e1000,romfile=bios"]
    if not named:
        return compare(made, words)
    with pytest.raises(UsageError) as refused:
        compare(made, words)
    assert named in refused.value.args[0]


def test_an_expansion_rom_for_every_card() -> None:
    made = [*FIRMWARE, "-global", "e1000.romfile=bios", "-device", "e1000"]
    compare(made, ["-global", "e1000.romfile=bios"])
    for given, named in (("e1000.romfile=", "romfile : the recording was made with bios"),
                         ("e1000.romfile=other", "-global e1000.romfile other: its content is not")):  # fmt: skip
        with pytest.raises(UsageError) as refused:
            compare(made, ["-global", given])
        assert named in refused.value.args[0]
    with pytest.raises(UsageError, match="made with None"):
        compare([*FIRMWARE, "-device", "e1000,romfile="], ["-global", "e1000.romfile=bios"])


NET = ["-netdev", "user,id=n", "-device", "rtl8139,netdev=n", "-nic", "socket,listen=127.0.0.1:0,model=e1000"]
ANOTHER_NET = [
    (["-device", "e1000,netdev=n", *NET], "-device e1000: the recorded machine has no more of them"),
    (["-nic", "user,model=rtl8139,mac=52:54:00:00:00:01"], "rtl8139,mac 52:54:00:00:00:01: the recording was"),
    (["-nic", "user", "-nic", "user"], "-nic user: e1000: the recorded machine has no more of them"),
    (["-device", "rtl8139,addr=1f"], "-device rtl8139,addr 1f.0: the recording was made with"),
    (["-netdev", "user,id=m", "-device", "rtl8139,netdev=m"], "no netdev 'm'; it has n, net0"),
    (["-nic", "none"], "-nic none: the recorded machine has 2 network cards"),
    (["-net", "none"], "-net none: the recorded machine has 2 network cards"),
    (["-nodefaults"], "-nodefaults: the recorded machine has 2 network cards"),
    (["-object", "filter-replay,id=r,netdev=m"], "there is no netdev 'm'"),
    (["-device", "rtl8139", "-object", "filter-replay,id=r,netdev=n", "-object", "filter-replay,id=s,netdev=n"],
     "netdev 'n' has a filter-replay already"),
]  # fmt: skip
THE_SAME_NET = [
    [], NET, ["-netdev", "user,id=idle"], ["-nic", "user,mac=52:54:00:12:34:56"], ["-device", "rtl8139"],
    ["-object", "filter-replay,id=r,netdev=n"], ["-netdev", "stream,id=n,addr.type=unix,addr.path=x", *NET[2:]],
    ["-net", "none", "-device", "rtl8139"], ["-net", "nic,model=rtl8139", "-net", "user"],
]  # fmt: skip


@pytest.mark.parametrize("given, message", ANOTHER_NET)
def test_another_network_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        compare([*KERNEL, *NET], given)


@pytest.mark.parametrize("given", THE_SAME_NET)
def test_the_same_network_and_another_backend_are_taken(given: list[str]) -> None:
    compare([*KERNEL, *NET], given)
