"""No file is an input and an output of one run, or two outputs: refused before a byte of it is touched."""

import os
import shutil
import subprocess
import sys

import pytest

from playhead.cli import main
from playhead.cli.claims import Claims, identity
from playhead.host.block import create_qcow2
from tools import guest

MACHINE = [*guest.machine("faults"), "-m", "16"]
SAME = "are the same file"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A recording, images in a chain, a kernel: all that a run may read."""
    folder = tmp_path_factory.mktemp("claims")
    assert main(["record", "-o", str(folder / "r.ph"), *MACHINE, "-serial", "null"]) == 0
    (folder / "base").write_bytes(bytes(range(256)) * 512)
    for name, backing, format in (("middle.qcow2", "base", "raw"), ("top.qcow2", "middle.qcow2", "qcow2")):
        create_qcow2(str(folder / name), 1 << 17, backing=backing, backing_format=format)
    (folder / "kernel").write_bytes(b"kernel" * 1000)
    shutil.copyfile(MACHINE[1], folder / "bios")
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A copy of it to be in. After the test every file is what it was."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    os.symlink("base", tmp_path / "soft")
    os.link(tmp_path / "base", tmp_path / "hard")
    os.symlink("not-there", tmp_path / "dangling")
    os.mkdir(tmp_path / "folder")
    os.symlink(".", tmp_path / "here")
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


DRIVE = "file=base,format=raw"
REFUSED = [
    "replay r.ph -serial file:r.ph",
    "replay r.ph -debugcon file:./r.ph",
    "replay r.ph -serial file:r.ph-wal",
    "replay r.ph -serial file:new -debugcon file:folder/../new",
    "replay r.ph -serial file:dangling -debugcon file:not-there",
    "replay r.ph -serial file:base -drive file=base",
    "record -o base --force -drive " + DRIVE,
    "record -o base --force -snapshot -drive " + DRIVE,
    "record -o soft --force -drive " + DRIVE,
    "record -o hard --force -drive " + DRIVE,
    "record -o base --force -hda top.qcow2 -snapshot",
    "record -o middle.qcow2 --force -hda top.qcow2",
    "record -o bios --force -bios bios",
    "record -o kernel --force -kernel kernel",
    "record -o kernel --force -kernel kernel -initrd kernel",
    "record -o s.ph -serial file:s.ph -bios bios",
    "record -o s.ph -serial file:here/s.ph -bios bios",
    "record -o s.ph -serial file:s.ph-beginning -bios bios",
    "record -o s.ph -debugcon file:s.ph-wal -bios bios",
    "run -bios bios -serial file:bios",
    "run -kernel kernel -debugcon file:kernel",
    "run -kernel kernel -initrd base -serial file:base",
    "run -drive file=base,format=raw -serial file:base",
    "run -drive file=base,format=raw,snapshot=on -serial file:soft",
    "run -hda top.qcow2 -serial file:hard",
    "run -hda top.qcow2 -hdb base -snapshot -serial null -serial file:middle.qcow2",
    "run -hda top.qcow2 -hdb base",
    "run -drive if=none,id=a,file=base,format=raw -bios bios -serial file:base",
    "run -cdrom base -bios bios -serial file:base",
    "run -bios bios -serial file:x -serial file:x",
    "branch r.ph --at 5 -o r.ph --force",
    "branch r.ph --at 5 -o new.ph -serial file:r.ph",
    "branch r.ph --at 5 -o new.ph -serial file:new.ph",
    "trim r.ph --to 5 -o here/r.ph --force",
    "trim r.ph --to 5 -o r.ph-journal",
    "trim r.ph --to 5 -o base -drive file=base",
]


@pytest.mark.parametrize("words", REFUSED)
def test_refused(place, capfd, words):
    assert main(words.split()) == 2
    said = capfd.readouterr().err
    assert SAME in said and said.count("\n") == 1, said


@pytest.mark.parametrize("words", [
    f"record -o {name} --force -bios bios" for name in ("base", "top.qcow2", "kernel", "soft")
])  # fmt: skip
def test_force_replaces_only_a_recording(place, capfd, words):
    assert main(words.split()) == 2
    assert "is no recording, so it is not replaced" in capfd.readouterr().err


@pytest.mark.parametrize("words", ["log r.ph >>r.ph", "info r.ph 2>>r.ph", "verify r.ph 1<>r.ph",
                                   "console r.ph >>r.ph",
                                   "replay r.ph -serial file:/dev/stdout >>r.ph"])  # fmt: skip
def test_standard_output_into_what_is_read(place, words):
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m playhead.cli {words}"], check=False, timeout=300,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 2 and SAME in done.stderr + done.stdout


def test_what_is_no_conflict(place):
    """Devices and pipes may be named as often as one likes; read twice is no harm; two streams may share a file."""
    claims = Claims()
    claims.devices(["file:/dev/null", "file:/dev/null", "stdio"], "file:/dev/null")
    claims.drive("base", "raw", False)
    claims.drive("base", "raw", False)
    claims.reads("-kernel", "kernel")
    claims.writes_recording("new.ph")
    claims.check()
    assert identity("/dev/null") is None and identity("no/such/folder") is None
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m playhead.cli info r.ph >out 2>&1"], check=False)
    assert done.returncode == 0
    os.unlink("out")
