"""Drives in recordings: our guest `disk` reads and writes its disk, and replays with nothing of that at hand."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from quiet_host import QuietHost

from playhead.base.errors import HostError
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.host.block import create_qcow2, open_image
from playhead.host.disks import FLUSH, READ, WRITE, Disk
from playhead.log.events import BlockDone, BlockFailed
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.timeline.timeline import Timeline
from tools import guest

BIOS = guest.image("disk")
EXPECTED = guest.expected("disk").encode().replace(b"\n", b"\r\n")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(guest.disk(), tmp_path / "disk.img"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose image is gone."""
    folder = tmp_path_factory.mktemp("disks")
    image = Path(shutil.copyfile(guest.disk(), folder / "disk.img"))
    path = folder / "gone.ph"
    assert record(path, "-hda", str(image), "-snapshot", "--digest-period", "200000") == EXPECTED
    image.unlink()
    return path


def machine(*words: str) -> list[str]:
    return ["-bios", str(BIOS), "-m", "16", *words]


def record(path: Path, *words: str) -> bytes:
    """Record the guest; returns what it printed."""
    out = path.with_suffix(".out")
    assert main(["record", "--force", "-o", str(path), "-serial", f"file:{out}", *machine(*words)]) == 0
    return out.read_bytes()


def replay(path: Path, *words: str, status: int = 0) -> bytes:
    out = path.with_suffix(".again")
    assert main(["replay", str(path), "--quiet", "-serial", f"file:{out}", *words]) == status
    return out.read_bytes()


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is on the disk when the guest has ended: from a run without a recording."""
    image = Path(shutil.copyfile(guest.disk(), tmp_path_factory.mktemp("written") / "disk.img"))
    out = image.with_suffix(".out")
    assert main(["run", "-serial", f"file:{out}", *machine("-hda", str(image))]) == 0
    assert out.read_bytes() == EXPECTED and hash_of(image) != hash_of(guest.disk())
    return image.read_bytes()


@pytest.mark.skipif(shutil.which("qemu-system-i386") is None, reason="qemu-system-i386 is not installed")
def test_qemu_leaves_the_same_disk(image, written):
    command = ["qemu-system-i386", "-accel", "tcg", "-bios", str(BIOS), "-m", "16", "-nodefaults", "-nographic"]
    command += ["-serial", "stdio", "-drive", f"file={image},format=raw,if=ide"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300).stdout
    assert said == EXPECTED and image.read_bytes() == written


@pytest.mark.parametrize("words", [
    ["-hda", "{}", "-snapshot"],
    ["-drive", "file={},snapshot=on"],
    ["-drive", "file={},if=none,snapshot=on,id=img-direct", "-drive",
     "driver=blkreplay,if=none,image=img-direct,id=img-blkreplay", "-device", "ide-hd,drive=img-blkreplay,bus=ide.0"],
])  # fmt: skip
def test_a_temporary_overlay_leaves_the_image_alone(words, image, tmp_path, capfd):
    path, before = tmp_path / "r.ph", hash_of(image)
    assert record(path, *(word.replace("{}", str(image)) for word in words)) == EXPECTED
    assert not any("blkreplay" in line for line in lines(capfd))
    assert hash_of(image) == before
    image.unlink()
    assert replay(path) == EXPECTED
    assert replay(path, "--split-seed", "3") == EXPECTED
    assert main(["verify", str(path)]) == 0
    with Reader(str(path)) as reader:
        ends = [entry.event.id for entry in reader.entries() if isinstance(entry.event, BlockDone)]
    assert ends == sorted(ends) and len(ends) > 300


def test_the_image_is_written_without_one(image, written, tmp_path):
    path = tmp_path / "r.ph"
    assert record(path, "-hda", str(image)) == EXPECTED
    assert image.read_bytes() == written
    assert replay(path) == EXPECTED  # the image is not what it was when this began


def test_a_qcow2_image_over_a_raw_one(image, written, tmp_path):
    top, before = tmp_path / "top.qcow2", hash_of(image)
    create_qcow2(str(top), guest.DISK_BYTES, backing=str(image), backing_format="raw")
    assert record(tmp_path / "r.ph", "-hda", str(top)) == EXPECTED
    assert hash_of(image) == before
    with open_image(str(top), read_only=True) as opened:
        assert opened.read(0, opened.size) == written
    if shutil.which("qemu-img"):
        subprocess.run(["qemu-img", "check", "-q", str(top)], check=True)
    top.unlink()
    assert replay(tmp_path / "r.ph") == EXPECTED


def test_hashes_only(image, tmp_path, capfd):
    path, moved = tmp_path / "r.ph", tmp_path / "moved.img"
    assert record(path, "--no-embed", "-hda", str(image), "-snapshot") == EXPECTED
    size = path.stat().st_size
    assert replay(path) == EXPECTED
    image.rename(moved)
    lines(capfd)
    assert main(["replay", str(path), "--quiet"]) == 2
    (line,) = lines(capfd)
    assert "disk.img" in line and "-drive file=" in line
    assert replay(path, "-drive", f"file={moved},format=raw") == EXPECTED
    with moved.open("r+b") as file:
        file.seek(0x123456)
        file.write(b"?" if guest.disk().read_bytes()[0x123456:0x123457] != b"?" else b"!")
    lines(capfd)
    assert main(["replay", str(path), "--quiet", "-drive", f"file={moved},format=raw"]) == 2
    (line,) = lines(capfd)
    assert "drive 0" in line and f"byte {0x123456 // 4096 * 4096}" in line
    assert record(path, "-hda", str(moved), "-snapshot", "-snapshot") != EXPECTED  # the sums are of what is there
    assert path.stat().st_size > size + (2 << 20)


def test_another_size_is_refused(image, tmp_path, capfd):
    path = tmp_path / "r.ph"
    record(path, "--no-embed", "-hda", str(image), "-snapshot")
    with image.open("ab") as file:
        file.write(bytes(4096))
    lines(capfd)
    assert main(["replay", str(path), "--quiet"]) == 2
    (line,) = lines(capfd)
    assert "not what drive 0" in line and "8192 sectors" in line


@pytest.mark.parametrize("kind", [READ, WRITE, FLUSH])
def test_an_error_of_the_host_is_the_guests_and_is_recorded(kind, image, tmp_path, monkeypatch, capfd):
    perform, count = Disk.perform, [0]

    def failing(self, request):
        count[0] += request.kind == kind
        if request.kind == kind and count[0] == 3:
            raise HostError("disk.img: Input/output error")
        perform(self, request)

    path, out = tmp_path / "r.ph", tmp_path / "r.out"
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "perform", failing)
        words = machine("-hda", str(image), "-device", "isa-debug-exit")
        assert main(["record", "-o", str(path), "-serial", f"file:{out}", *words]) == 3
    assert "Input/output error; the guest is told" in " ".join(lines(capfd))
    assert out.read_bytes().endswith(b"got 00000000\r\n") and b"FAIL 2" in out.read_bytes()
    with Reader(str(path)) as reader:
        assert sum(isinstance(entry.event, BlockFailed) for entry in reader.entries()) == 1
    assert replay(path) == out.read_bytes()


def test_any_moment_is_reached_the_same_way(recorded):
    """Forwards, backwards, through checkpoints and around requests that are under way."""
    with Reader(str(recorded)) as reader:
        config = PcConfig.from_json(reader.meta["config"], reader.blob)
        end = reader.last_mark()[0].icount
        line = Timeline(lambda door: Machine(config, door), QuietHost(ports=1), reader, 1).begin()
        under_way = [e.moment.icount - 5 for e in reader.entries() if isinstance(e.event, BlockDone)][::37]
        assert len(under_way) > 5
        moments = [Moment(at) for at in [*range(0, end, end // 9), *under_way]]
        roots = {moment: _root(line, moment) for moment in moments}
        for moment in [*reversed(moments), *moments[::3]]:
            assert _root(line, moment) == roots[moment]
        assert any(_waits(line, moment) for moment in moments)


def _root(line: Timeline, moment: Moment) -> dict[str, bytes]:
    line.seek(moment)
    return {name: bytes(part) for name, part in line.machine.digest_parts().items()}


def _waits(line: Timeline, moment: Moment) -> bool:
    line.seek(moment)
    return bool(line.machine.board.in_flight())


def test_a_part_has_the_blocks_that_it_needs(recorded, tmp_path):
    part = tmp_path / "part.ph"
    assert main(["trim", str(recorded), "-o", str(part), "--quiet", "--from", "30%", "--to", "70%"]) == 0
    assert main(["verify", str(part)]) == 0
    assert replay(part) in EXPECTED
    assert part.stat().st_size < recorded.stat().st_size


def test_a_branch_needs_the_image(recorded, image, tmp_path, capfd):
    path = tmp_path / "branch.ph"
    out = tmp_path / "branch.out"
    words = ["branch", str(recorded), "--at", "50%", "-o", str(path), "-serial", f"file:{out}"]
    assert main(words) == 2
    assert "-drive file=" in lines(capfd)[-1]
    before = hash_of(image)
    assert main([*words, "-drive", f"file={image},format=raw"]) == 0
    assert EXPECTED.endswith(out.read_bytes()) and hash_of(image) == before
    image.unlink()
    assert replay(path) == EXPECTED


def test_info_says_what_is_kept(recorded, capfd):
    assert main(["info", "--json", str(recorded)]) == 0
    (disk, floppy) = json.loads(capfd.readouterr().out)["disks"]
    assert disk["sectors"] == 8192 and disk["embedded"] and 3 << 20 < disk["read_bytes"] <= 4 << 20
    assert floppy["kind"] == "floppy" and floppy["image"] is None
    assert disk["image"]["format"] == "raw" and disk["image"]["file"].endswith("disk.img")
    assert main(["info", str(recorded)]) == 0
    assert "disk at ide.0 unit 0" in capfd.readouterr().out


def test_a_graph_of_nodes_is_recorded_and_replayed(image, written, tmp_path):
    """-blockdev and -device as JSON: what the guest writes goes through blkreplay and raw into the file."""
    nodes = ["-blockdev", f"driver=file,node-name=f,filename={image}", "-blockdev",
             '{"driver":"blkreplay","node-name":"r","image":{"driver":"raw","file":"f"}}',
             "-device", '{"driver":"ide-hd","drive":"r","bus":"ide.0","unit":0,"id":"disk0"}']  # fmt: skip
    path = tmp_path / "r.ph"
    assert record(path, *nodes) == EXPECTED and image.read_bytes() == written
    with Reader(str(path)) as reader:
        (disk,) = [one for one in reader.meta["config"]["devices"] if one["driver"] == "ide-hd"]
        assert (disk["id"], disk["drive"]) == ("disk0", "r")
    image.unlink()
    assert replay(path) == EXPECTED
