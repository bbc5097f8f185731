"""Drives and their devices go where QEMU puts them: the same command lines, and QEMU's own `info qtree`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from playhead.base.errors import PlayheadError
from playhead.cli.drive_places import DriveSpec
from playhead.cli.drives import placed
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import parse_arguments

QEMU = "qemu-system-i386"
A, B, C = (f"-drive file={name}.img,format=raw,if=none,id={name}" for name in "abc")
NODES = "-blockdev driver=file,filename=a.img,node-name=f -blockdev driver=raw,file=f,node-name=r"
JSON_NODE = '-blockdev {"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"d.qcow2"}}'
LINES = (
    f"{A} -device ide-hd,drive=a",
    f"{A} -device ide-hd,drive=a -hda b.img",
    f"-device ide-hd,drive=b {A} {B} -device ide-hd,drive=a",
    f"{A} {B} -device ide-hd,drive=a,unit=1 -device ide-hd,drive=b,id=first",
    f"{A} {B} {C} -device ide-hd,drive=a -device ide-hd,drive=b -device ide-hd,drive=c,bus=ide.0",
    f"{A} -hda b.img -hdc c.img -device ide-hd,drive=a",
    f"{A} -device ide-cd -device ide-hd,drive=a,bus=ide.0,unit=1",
    "-drive file=a.img,format=raw,index=3 -drive file=b.img,format=raw -drive file=c.img,format=raw,bus=1,media=cdrom",
    "-drive file=a.img,format=raw,id=mine -cdrom b.img",
    "-drive file.filename=a.img,file.driver=file,format=raw -drive if=none,id=cd,media=cdrom -device ide-cd,drive=cd",
    "-drive driver=raw,file.filename=a.img,if=none,id=x,snapshot -device driver=ide-hd,drive=x",
    "-drive driver=file,filename=a.img,if=none,node-name=n -device ide-hd,drive=n,serial=S",
    f"{A} -drive driver=blkreplay,if=none,image=a,id=r -device ide-hd,drive=r -drive file=b.img,format=raw,if=none",
    f"{A} -drive file=b.img,format=raw,if=none -device ide-hd,drive=none1",
    f"{NODES} -device ide-hd,drive=r",
    f"{NODES} -blockdev driver=blkreplay,node-name=b,image=r -device ide-hd,drive=b",
    "-blockdev driver=file,node-name=f,filename=a.img,read-only=yes,cache.no-flush=on -device ide-cd,drive=f",
    f'{JSON_NODE} -device {{"driver":"ide-hd","drive":"q","bus":"ide.0","unit":1,"id":"d0"}}',
    "-blockdev driver=qcow2,node-name=q,file.driver=file,file.filename=d.qcow2,file.node-name=g -device ide-hd,drive=q",
    "-snapshot -blockdev driver=file,node-name=f,filename=a.img -device ide-hd,drive=f",
)  # fmt: skip
REFUSED = (
    (f"{A} -device ide-hd,drive=a -device ide-hd,drive=a", "-device ide-hd,drive=a: drive=a: this drive is used"),
    (f"{A} -device ide-hd,drive=b", "-device ide-hd,drive=b: drive=b: no drive has this id"),
    (f"{NODES} -device ide-hd,drive=r -device ide-hd,drive=f", "drive=f: this drive is used already"),
    ("-drive file=a.img,format=raw,id=x -device ide-hd,drive=x", "drive=x: this drive is used already"),
    ("-device ide-hd", "-device ide-hd: ide-hd needs drive=ID"),
    ("-hda a.img -hda b.img", "-hda may be given once"),
    ("-drive a.img,format=raw,index=1 -hdb b.img", "-hdb b.img: drive with bus=0, unit=1 (index=1) exists"),
    (f"{A} -hda b.img -device ide-hd,drive=a,bus=ide.0,unit=0", "-device ide-hd,drive=a,bus=ide.0,unit=0: drive with"),
    (f"{A} {A}", "two drives have the id 'a'"),
    (f"{NODES} -drive file=b.img,if=none,id=r", "two drives have the id 'r'"),
    ("-blockdev driver=file,filename=a.img", "it needs a node-name="),
    ("-blockdev filename=a.img,node-name=f", "driver= is missing"),
    ("-drive if=none,id=x,driver=blkreplay,image=no", "image=no: no drive has this id"),
    ("-blockdev driver=raw,node-name=r,file=no -device ide-hd,drive=r", "file=no: no drive has this id"),
    ("-blockdev driver=copy-on-read,node-name=c,file=f", "driver=copy-on-read is not supported"),
    ("-blockdev driver=vmdk,node-name=c,file=f", "driver=vmdk is not supported: convert the image"),
    ("-blockdev driver=qcow,node-name=c,file=f", "driver=qcow is not supported"),
    ("-blockdev driver=nosuch,node-name=c,file=f", "driver=nosuch is no block driver"),
    ("-blockdev driver=file,node-name=f,filename=a.img,foo=1", "foo= is not supported for driver=file"),
    ("-blockdev driver=file,node-name=1f,filename=a.img", "id=1f: an id begins with a letter"),
    ("-blockdev driver=file,node-name=f,filename=a.img,cache.direct", "'cache.direct' should be key=value"),
    ("-blockdev driver=raw,node-name=q,file=f,file.driver=file", "has a value and keys of its own"),
    ("-blockdev {\"driver\":\"file\"", "no JSON"),
    ("-device {\"driver\":\"ide-hd\"", "no JSON"),
    ("-device {\"drive\":\"x\"}", "the key 'driver' is missing"),
    ("-device {\"driver\":\"isa-serial\",\"index\":\"1\"}", "property 'isa-serial.index' cannot be '1'"),
    ("-device {\"driver\":\"isa-serial\",\"foo\":1}", "property 'isa-serial.foo' not found"),
)  # fmt: skip


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        Path(f"{name}.img").write_bytes(bytes(1 << 20))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "d.qcow2", "1M"], check=True)


def of_qemu(words: list[str]) -> dict[tuple[int, int], tuple[str, str, str]]:
    """(channel, unit) -> (device, drive, id), from the monitor. Raises if QEMU does not start."""
    done = subprocess.run(
        [QEMU, "-S", "-display", "none", "-nodefaults", "-monitor", "stdio", *words],
        input="info qtree\nquit\n", capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found: dict[tuple[int, int], tuple[str, str, str]] = {}
    assert done.returncode == 0, done.stderr
    tree = done.stdout[done.stdout.index("dev: piix3-ide") :]
    buses = r"bus: ide\.(\d)\n(.*?)(?=\n +bus: ide|\n {6}dev: )"
    for bus, text in re.findall(buses, tree.replace("\r", ""), re.DOTALL):
        for name, id, rest in re.findall(r'dev: (ide-\w+), id "(.*?)"(.*?)(?=dev: |$)', text, re.DOTALL):
            unit, drive = re.search(r"unit = (\d)", rest), re.search(r'drive = "(.*?)"', rest)
            assert unit is not None and drive is not None
            found[int(bus), int(unit[1])] = (name, drive[1], id)
    return found


def specs_of(words: list[str]) -> list[DriveSpec]:
    return placed(parse_arguments("run", MACHINE_OPTIONS, ["-nodefaults", *words])).specs


def of_ours(words: list[str]) -> dict[tuple[int, int], tuple[str, str, str]]:
    """The same of ours; a drive that has no name of its own gets that of its place, as in QEMU."""
    found = {}
    for spec in specs_of(words):
        kind = "cd" if spec.kind == "cdrom" else "hd"
        plain = "" if spec.said.startswith("-device ide-cd") and not spec.name else f"ide{spec.bus}-{kind}{spec.unit}"
        found[spec.bus, spec.unit] = (f"ide-{kind}", spec.name or plain, spec.id)
    return found


@pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"there is no {QEMU} here")
@pytest.mark.parametrize("line", LINES)
def test_where_qemu_puts_them(line: str, images: None) -> None:
    words = line.split()
    assert of_ours(words) == of_qemu(words)


@pytest.mark.parametrize("line, message", REFUSED)
def test_what_is_refused_is_refused_by_qemu_too(line: str, message: str, images: None) -> None:
    with pytest.raises(PlayheadError) as error:
        placed(parse_arguments("run", MACHINE_OPTIONS, line.split()))
    text = str(error.value)
    assert message in text and text.startswith(("-device", "-drive", "-hd", "-blockdev")) and "\n" not in text


def test_a_third_device_without_a_bus_goes_on_the_first_channel() -> None:
    """Where QEMU gives up."""
    found = of_ours(f"{A} {B} {C} -device ide-hd,drive=a -device ide-hd,drive=b -device ide-hd,drive=c".split())
    assert found == {(0, 0): ("ide-hd", "c", ""), (1, 0): ("ide-hd", "a", ""), (1, 1): ("ide-hd", "b", "")}


def test_what_nodes_say() -> None:
    """The topmost node that says a thing says it; -snapshot is for drives, not for nodes."""
    file = '{"driver":"file","filename":"a,b","cache":{"no-flush":true}}'
    node = f'{{"driver":"qcow2","node-name":"q","read-only":true,"file":{file}}}'
    words = ["-snapshot", "-blockdev", node, "-device", "ide-hd,drive=q"]
    (spec,) = specs_of(words)
    assert (spec.file, spec.format, spec.read_only, spec.flushes, spec.snapshot) == ("a,b", "qcow2", True, False, False)
    words = ["-blockdev", "driver=file,node-name=f,filename=a,,b", "-device", "ide-hd,drive=f"]
    (spec,) = specs_of(words)
    assert (spec.file, spec.format, spec.read_only, spec.flushes, spec.name) == ("a,b", "raw", False, True, "f")
