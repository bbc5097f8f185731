"""`savevm` of a running machine goes into its qcow2 images, as in QEMU, and `-loadvm` starts there."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest
from talking import PATIENCE_S, Running

from playhead.cli import main
from playhead.host.block import create_qcow2, open_image
from playhead.log.reader import Reader
from tools import guest

EXPECTED = guest.expected("disk").encode().replace(b"\n", b"\r\n")
BIOS = ["-bios", str(guest.image("disk")), "-m", "16"]
MIDDLE = 5_000_000  # instructions; it is at work with its disk until then
MONITOR = ["-monitor", "tcp:127.0.0.1:0,server,nowait"]


@pytest.fixture
def image(tmp_path):
    """An overlay, so that the disk itself stays what it is."""
    path = tmp_path / "top.qcow2"
    create_qcow2(str(path), guest.DISK_BYTES, backing=str(guest.disk()), backing_format="raw")
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What is on the disk in the end."""
    path = shutil.copyfile(guest.disk(), tmp_path_factory.mktemp("written") / "disk.img")
    assert main(["run", *BIOS, "-serial", "null", "-hda", str(path)]) == 0
    return path.read_bytes()


def content(path):
    with open_image(str(path), read_only=True) as opened:
        return opened.read(0, opened.size)


def qemu_img(*words):
    if shutil.which("qemu-img") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("qemu-img is not installed")
        pytest.skip("qemu-img is not installed")
    return subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True, text=True).stdout


def saved_in_the_middle(image, *words):
    """Starts a machine, stops it somewhere in the middle, and names that moment twice; then it is killed. Where it has
    got to by then is this host's affair: it is started again if that was the end.
    """
    whole = image.read_bytes()
    for _ in range(20):
        with contextlib.suppress(Ended):
            if 0 < (icount := stopped_and_saved(*words)) < MIDDLE:
                return icount
        image.write_bytes(whole)
    raise AssertionError("it was never stopped in the middle")


class Ended(Exception):
    """The machine was faster."""


def stopped_and_saved(*words):
    with Running(*words, *MONITOR, "-S") as running:
        while "monitor is at" not in (line := running.process.stderr.readline().decode()):
            assert line, "no monitor"
        with running.talk(line) as talk:
            assert "no snapshot available" in talk.ask("info snapshots")
            try:
                talk.ask("c")
                time.sleep(0.05)
                talk.ask("stop")
            except (AssertionError, OSError):
                assert running.process.wait(PATIENCE_S) == 0
                raise Ended from None
            assert talk.ask("savevm other") == talk.ask("savevm middle") == ""  # an image took it
            row = re.search(r"middle .* \d{4}-.*", talk.ask("info snapshots"))
            assert row
            running.process.kill()
    return int(row[0].split()[-1].partition("+")[0])


@pytest.mark.parametrize("verb", ["run", "record"])
def test_a_snapshot_of_a_disk_at_work(verb, image, written, tmp_path, capfd):
    out, path = tmp_path / "out", tmp_path / "r.ph"
    recording = ["-o", str(path), "--force"] if verb == "record" else []
    machine = [*BIOS, "-serial", f"file:{out}", "-hda", str(image)]
    icount = saved_in_the_middle(image, verb, *recording, *machine)
    (line,) = [line for line in qemu_img("snapshot", "-l", image).splitlines() if "middle" in line]
    assert line.endswith(str(icount))
    qemu_img("check", "-q", image)
    before = out.read_bytes()
    for _ in range(2):  # the disk goes back, too
        capfd.readouterr()
        assert main([verb, *recording, *machine, "-loadvm", "middle"]) == 0, capfd.readouterr().err
        assert EXPECTED.endswith(out.read_bytes()) and len(before + out.read_bytes()) >= len(EXPECTED)
        assert content(image) == written
    qemu_img("check", "-q", image)
    if verb == "record":
        image.unlink()
        with Reader(str(path)) as reader:
            assert reader.start is not None and reader.start.moment.icount == icount
        again = tmp_path / "again"
        assert main(["replay", str(path), "--quiet", "-serial", f"file:{again}"]) == 0
        assert again.read_bytes() == out.read_bytes()
        assert main(["verify", str(path)]) == 0
        assert main(["replay", str(path), "--quiet", "-serial", "null", "--from", "80%", "--to", "90%"]) == 0


def test_an_image_without_a_drive(tmp_path):
    """The orphan of QEMU's manual: a diskless machine's snapshots."""
    orphan, path = tmp_path / "empty.qcow2", tmp_path / "r.ph"
    create_qcow2(str(orphan), 1 << 20)
    drive = ["-drive", f"file={orphan},if=none,id=rr"]
    machine = ["-bios", str(guest.image("tss")), "-m", "16", "-serial", "null", *drive]
    assert main(["record", "-o", str(path), *machine, "-icount", "rrsnapshot=start"]) == 0
    listed = json.loads(qemu_img("info", "--output=json", orphan))["snapshots"]
    assert [(one["name"], one["icount"]) for one in listed] == [("start", 0)] and listed[0]["vm-state-size"] > 1000
    assert main(["run", *machine, "-loadvm", "start"]) == 0
    assert main(["replay", str(path), "--quiet", "-serial", "null"]) == 0


@pytest.mark.parametrize("words, message", [
    (["-hda", "{raw}"], "raw) takes no snapshots"),
    (["-hda", "{top}", "-snapshot"], "no qcow2 image that may be written"),
    (["-hda", "{top}"], "no snapshot 'there' in"),
    ([], "-drive file=IMAGE.qcow2"),
])  # fmt: skip
def test_nothing_to_start_with(words, message, image, tmp_path, capfd):
    raw = shutil.copyfile(guest.disk(), tmp_path / "disk.img")
    words = [word.format(raw=raw, top=image) for word in words]
    assert main(["run", *BIOS, "-serial", "null", *words, "-loadvm", "there"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line


def test_a_state_that_does_not_fit(image, tmp_path, capfd):
    machine = ["-bios", str(guest.image("disk")), "-serial", "null", "-hda", str(image)]
    assert main(["record", "-o", str(tmp_path / "r.ph"), "-m", "16", *machine, "-icount", "rrsnapshot=a"]) == 0
    before = content(image)
    capfd.readouterr()
    assert main(["run", "-m", "32", "-cpu", "486", *machine, "-loadvm", "a"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "of another machine: cpu was pentium2, not 486, ram_bytes was 16777216, not 33554432; give the" in line
    assert content(image) == before  # not even the disk has gone back
    with open_image(str(image)) as opened:
        opened.delete_snapshot("a")
        opened.create_snapshot("a", b"QEVM" + bytes(100))
        opened.create_snapshot("b", b"Playhead VM state 1\n" + bytes(100))
    for name, message in (("a", "another program"), ("b", "damaged head")):
        assert main(["run", "-m", "16", *machine, "-loadvm", name]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert message in line and str(image) in line


def test_a_snapshot_of_disks_only_is_told_apart(image, capsys):
    """`qemu-img snapshot -c` keeps no state of a machine."""
    qemu_img("snapshot", "-c", "disks", image)
    assert main(["run", *BIOS, "-serial", "null", "-hda", str(image), "-loadvm", "disks"]) == 2
    said = capsys.readouterr().err
    assert "snapshot 'disks' holds disks only" in said and "qemu-img snapshot -a disks" in said
    assert main(["run", *BIOS, "-serial", "null", "-hda", str(image), "-loadvm", "other"]) == 2
    assert "no snapshot 'other' in" in capsys.readouterr().err
