"""-name, -pidfile and -uuid: what is seen of them outside and inside of the machine; and what QEMU's users may say of
the machine without effect.
"""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.cli import main
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import parse_arguments
from playhead.cli.process_options import process
from playhead.log.reader import Reader
from tools import asm, guest

QEMU = "qemu-system-i386"
ENDED = (0x88 * 2 + 1) & 0xFF  # by the last byte of the UUID
UUID = "12345678-9ABC-def0-1122-334455667788"
# prints fw_cfg's item 2 on the debug port, and ends
READER = """
start:  movw $2, %ax
        movw $0x510, %dx
        outw %ax, %dx
        movw $16, %cx
1:      movw $0x511, %dx
        inb %dx, %al
        outb %al, $0xE9
        loop 1b
        outb %al, $0xF4
        hlt
        .org 0xFFF0
        ljmpw $0xF000, $start
        .org 0x10000
"""


def parsed(line: str) -> dict[str, object]:
    return parse_arguments("run", MACHINE_OPTIONS, line.split())


def test_firmware_is_told_the_uuid_as_in_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reader").write_bytes(asm.flat(READER, bits=16))
    words = ["-bios", "reader", "-m", "2", "-uuid", UUID, "-debugcon", "file:out", "-device",
             "isa-debug-exit,iobase=0xf4,iosize=1", "-serial", "null"]  # fmt: skip
    expected = bytes.fromhex(UUID.replace("-", ""))
    assert main(["record", "-o", "r.ph", *words, "-name", "a machine,process=x"]) == ENDED
    assert Path("out").read_bytes() == expected
    assert main(["replay", "r.ph", "--quiet", "-debugcon", "file:again"]) == 0
    assert Path("again").read_bytes() == expected
    with Reader("r.ph") as reader:
        assert reader.meta["config"]["uuid"] == UUID.lower() and reader.meta["name"] == "a machine"
    if shutil.which(QEMU) is not None:
        done = subprocess.run([QEMU, "-display", "none", "-net", "none", *words], timeout=300, stdin=subprocess.DEVNULL)
        assert done.returncode == ENDED and Path("out").read_bytes() == expected


def test_a_machine_without_a_uuid_is_described_as_before(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    assert main(["record", "-o", str(path), "-bios", str(guest.image("halt")), "-m", "2", "-serial", "null"]) == 0
    with Reader(str(path)) as reader:
        assert "uuid" not in reader.meta["config"] and "name" not in reader.meta


def test_the_name_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "r.ph")
    words = ["-bios", str(guest.image("halt")), "-m", "2", "-serial", "null", "-name", "guest=a,,b,debug-threads=on"]
    assert main(["record", "-o", path, *words]) == 0 and main(["info", path]) == 0
    assert "\nname            a,b\n" in capfd.readouterr().out


CHILD = """
import sys
from playhead.cli.options import parse_arguments
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.process_options import process
with process(parse_arguments("run", MACHINE_OPTIONS, sys.argv[1:])):
    print(open("/proc/self/comm").read(), end="", flush=True)
    sys.stdin.read()
"""


def started(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_process_has_its_name_and_its_file(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("left over\n" * 9)
    with started("-pidfile", str(path), "-name", "guest=g,process=a-very-long-name") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "a-very-long-nam\n"
        assert path.read_text() == f"{child.pid}\n"
        with pytest.raises(PlayheadError, match=f"-pidfile {path}: another process that runs has it"):
            with process({"pidfile": str(path)}):
                pass
        assert path.read_text() == f"{child.pid}\n"
        child.communicate()
    assert child.returncode == 0 and not path.exists()


def test_a_pid_file_that_cannot_be_written_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("playhead.cli.process_options.os.write", full)
    with pytest.raises(PlayheadError, match="No space left"), process({"pidfile": str(tmp_path / "pid")}):
        pass
    assert not (tmp_path / "pid").exists()


def test_a_pid_file_that_is_another_one_by_then_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with process({"pidfile": str(path)}):
        assert path.read_text() == f"{os.getpid()}\n" and path.stat().st_mode & 0o777 == 0o600
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"


def test_a_pid_file_that_cannot_be(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["run", "-bios", str(guest.image("halt")), "-m", "2", "-serial", "null", "-pidfile"]
    assert main([*words, str(tmp_path / "no" / "pid")]) == 2
    assert f"-pidfile {tmp_path}/no/pid: No such file" in capfd.readouterr().err
    assert main([*words, str(tmp_path)]) == 2
    assert main([*words, str(guest.image("halt"))]) == 2 and "are the same file" in capfd.readouterr().err


@pytest.mark.parametrize("line", [
    "-machine type=pc,accel=kvm:tcg,usb=off,vmport=off,smm=off,graphics=off,acpi=on,dump-guest-core=off -no-hpet",
    "-smp 1,sockets=1,dies=1,cores=1,threads=1,maxcpus=1 -accel tcg,thread=single -m 64,slots=0 -parallel none",
    "-only-migratable -seed 7 -overcommit mem-lock=off,cpu-pm=off -action panic=none,reboot=reset -rtc driftfix=none",
    "-global driver=isa-debugcon,property=iobase,value=0x402 -global isa-debugcon.readback=1",
])  # fmt: skip
def test_what_is_so_anyhow(line: str) -> None:
    parsed(line)


def test_a_property_in_two_ways() -> None:
    for text in ("isa-debugcon.iobase=0x402", "driver=isa-debugcon,property=iobase,value=0x402"):
        assert parsed(f"-global {text}")["globals"] == [("isa-debugcon.iobase", 0x402)]


@pytest.mark.parametrize("line, error, message", [
    ("-M pc-i440fx-7.2", UnsupportedError, "-M pc-i440fx-7.2: pc-i440fx-7.2 is a version of QEMU's machine; there is"),
    ("-M usb=on", UnsupportedError, "-M usb=on: usb=on is not supported: there is no USB"),
    ("-M pc,accel=kvm", UnsupportedError, "accel=kvm is not supported: a recording needs an emulated processor"),
    ("-M kernel=k", UnsupportedError, "kernel=k is not supported: say -kernel FILE"),
    ("-M pc,hepet=off", UsageError, "unknown key 'hepet'; did you mean 'hpet'?"),
    ("-accel kvm", UnsupportedError, "-accel kvm: kvm is not supported"),
    ("-smp 2", UnsupportedError, "-smp 2: more than one CPU"), ("-smp 1,cores=2", UnsupportedError, "cores=2: more"),
    ("-uuid 12", UsageError, "-uuid 12: not a UUID such as"),
    ("-action shutdown=pause", UnsupportedError, "shutdown=pause is not supported"),
    ("-global driver=isa-debugcon,value=1", UsageError, "property= is missing"),
    ("-global isa-debugcon", UsageError, "-global isa-debugcon: "),
    ("-object filter-buffer,id=r,netdev=n", UnsupportedError, "objects 'filter-buffer' are not supported"),
    ('-object {"qom-type":"filter-mirror"}', UnsupportedError, "objects 'filter-mirror' are not supported"),
    ("-object iothread,id=i", UnsupportedError, "objects 'iothread' are not supported"),
    ("-object nosuch,id=i", UsageError, "there is no type of objects 'nosuch'"),
    ("-m 64,maxmem=1G", UnsupportedError, "maxmem=1G is not supported"),
    ("-boot splash=x", UnsupportedError, "splash=x is not supported: firmware shows text only"),
    ("-boot cdd", UsageError, "-boot cdd: cdd should be letters of"),
])  # fmt: skip
def test_what_is_not(line: str, error: type[PlayheadError], message: str) -> None:
    with pytest.raises(PlayheadError) as raised:
        parsed(line)
    assert raised.type is error and message in str(raised.value) and "\n" not in str(raised.value)


def test_action_is_no_reboot() -> None:
    from playhead.cli.assemble import make_options

    def no_reboot(words: Sequence[str]) -> bool:
        return make_options(parse_arguments("run", MACHINE_OPTIONS, words)).no_reboot

    assert no_reboot(["-action", "reboot=shutdown"]) and no_reboot(["-no-reboot"])
    assert not no_reboot(["-action", "reboot=shutdown", "-action", "reboot=reset"])
