"""`playhead-system-i386` without a replay: QEMU's -icount, what is started by default, where COM1 is, what is recorded
that QEMU 7.2 silently does not record.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import face
import pytest
from face import Face, run

from playhead import __version__
from playhead.cli.drives import SEABIOS
from playhead.cli.system_i386 import main
from tools import guest

IDLE = ["-bios", str(guest.image("halt")), "-m", "16", "-serial", "null"]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    if not any(os.path.exists(path) for path in SEABIOS):
        pytest.fail("no SeaBIOS: Debian's package seabios")
    (tmp_path / "disk.raw").write_bytes(face.disk())
    return tmp_path


# -icount


@pytest.mark.parametrize("words, named", [
    (["rr=record,rrfile=x.bin"], "it needs shift="),  # QEMU: Please enable icount to use record/replay
    (["shift=7,rr=record"], "it needs a file name: rrfile=FILE"),
    (["rr=replay"], "it needs a file name: rrfile=FILE"),
    (["shift=7,rr=record,rrfile="], "it needs a file name"),
    (["shift=7,rr=foo,rrfile=x.bin"], "foo is not one of record, replay"),
    (["shift=7,rr=,rrfile=x.bin"], " is not one of record, replay"),
    (["shift=11"], "11 is not in 0..10"),
    (["shift=-1"], "-1 is not in 0..10"),
    (["shift=abc"], "abc is not a number"),
    (["align=off"], "-icount align=: it needs shift="),
    (["shift=7,align=on"], "align=on"),
    (["shift=7,foo=1"], "foo"),
    (["shift=7,rr=replay,rrfile=nothing"], "nothing: No such file"),
    (["shift=7,rr=record,rrfile=no/dir"], "there is no directory"),
    (["shift=7,rr=record,rrfile=."], "it is a directory"),
])  # fmt: skip
def test_what_does_not_go_together_is_one_line(words, named, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-icount", *words, *IDLE]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("playhead: ") and err.count("\n") == 1 and named in err
    assert os.listdir(tmp_path) == []


def test_only_a_recording_is_replaced(disk: Path) -> None:
    record = ["-icount", "shift=7,rr=record,rrfile=r.bin", "-hda", "disk.raw", "-snapshot"]
    path = disk / "r.bin"
    path.write_bytes(b"dear diary")
    status, _, err = run(disk, record)
    assert status == 2 and "r.bin exists and is no recording" in err and path.read_bytes() == b"dear diary"
    path.write_bytes(b"")
    assert run(disk, record, b"q")[0] == 0
    first = path.read_bytes()
    assert run(disk, record, b"aq")[:2] == (0, b"second sector: key? aq") and path.read_bytes() != first
    assert run(disk, ["-icount", "rr=replay,rrfile=r.bin"])[:2] == (0, b"second sector: key? aq")


@pytest.mark.parametrize("icount", [[], ["-icount", "shift=auto"], ["-icount", "shift=7,rrfile=r.bin"]])
def test_without_rr_it_runs(disk: Path, icount: list[str]) -> None:
    status, said, err = run(disk, [*icount, "disk.raw"], b"q")
    assert (status, said) == (0, b"second sector: key? q")
    assert ("without rr=record or rr=replay nothing is recorded" in err) == ("rrfile" in str(icount))
    assert not (disk / "r.bin").exists() and (disk / "disk.raw").read_bytes()[1024:1026] == face.disk()[:2]


# what QEMU does where nothing is said


def test_nothing_to_start_is_firmware_that_finds_nothing(tmp_path: Path) -> None:
    face = Face(tmp_path, ["-nographic", "-net", "none", "-icount", "shift=7,rr=record,rrfile=r.bin"])
    face.until(b"No bootable device.")
    face.type(b"\x01x")
    status, said, _ = face.end()
    assert status == 0 and b"SeaBIOS" in said
    assert run(tmp_path, ["-icount", "rr=replay,rrfile=r.bin"])[:2] == (0, said)


def test_where_com1_is(disk: Path) -> None:
    on_stdio = "there is no window: COM1 is on standard input and output"
    assert on_stdio in run(disk, ["disk.raw"], b"q")[2]
    for words in (["-nographic"], ["-serial", "stdio"], ["-serial", "mon:stdio"]):
        assert "no window" not in run(disk, [*words, "disk.raw"], b"q")[2]
    assert run(disk, ["nothing.raw"])[2].count("\n") == 1, "a machine that does not start has no COM1"
    face = Face(disk, ["disk.raw", "-monitor", "stdio"])
    face.type(b"info status\nquit\n")
    status, said, err = face.end()
    assert status == 0 and b"VM status" in said and "COM1 is connected to nothing" in err


def test_version_and_help(capfd) -> None:
    assert main(["-version"]) == 0 and capfd.readouterr().out == f"playhead-system-i386, Playhead {__version__}\n"
    assert main(["-help"]) == 0
    text = capfd.readouterr().out
    assert text.startswith("usage: playhead-system-i386 ") and "rr=record|replay" in text and "rrfile=FILE" in text
    assert main(["-cpu", "help"]) == 0 and "pentium2" in capfd.readouterr().out
    assert main(["-foo"]) == 2 and "playhead-system-i386" in capfd.readouterr().err
    assert main(["a.img", "b.img"]) == 2 and "'b.img' is one word too many" in capfd.readouterr().err


# what QEMU 7.2 takes and does not record


@pytest.mark.parametrize("words", [
    ["-chardev", "stdio,id=c", "-device", "isa-serial,chardev=c"],
    ["-serial", "mon:stdio"],
    ["-nographic"],
    ["-serial", "stdio"],
], ids=" ".join)  # fmt: skip
def test_keys_are_recorded_wherever_they_come_from(disk: Path, words: list[str]) -> None:
    record = ["-icount", "shift=7,rr=record,rrfile=r.bin", "-drive", "file=disk.raw,format=raw", *words]
    status, said, _ = run(disk, record, b"hello q")
    assert status == 0 and said.endswith(b"second sector: key? hello q")
    done = run(disk, ["-icount", "shift=7,rr=replay,rrfile=r.bin", *record[2:]])
    assert done[:2] == (0, said), done


def test_a_drive_without_blkreplay_is_recorded(disk: Path) -> None:
    """What it held is in the recording, though the guest has changed it since, and though it is gone."""
    record = ["-icount", "shift=7,rr=record,rrfile=r.bin", "-drive", "file=disk.raw,format=raw", "-no-reboot"]
    assert run(disk, record, b"q")[0] == 0
    image = bytearray((disk / "disk.raw").read_bytes())
    assert image[1024:1536] == image[:512]  # written by the guest
    image[512:525] = b"another text!"
    (disk / "disk.raw").write_bytes(image)
    replay = ["-icount", "shift=7,rr=replay,rrfile=r.bin", *record[2:]]
    assert run(disk, replay)[:2] == (0, b"second sector: key? q")
    os.unlink(disk / "disk.raw")
    assert run(disk, replay)[:2] == (0, b"second sector: key? q")


def test_only_hashes_of_a_disk(disk: Path) -> None:
    """Then the image is needed, and compared."""
    record = ["-icount", "shift=7,rr=record,rrfile=r.bin", "-drive", "file=disk.raw,format=raw,snapshot", "--no-embed"]
    assert run(disk, record, b"q")[0] == 0
    replay = ["-icount", "shift=7,rr=replay,rrfile=r.bin"]
    assert run(disk, replay)[:2] == (0, b"second sector: key? q")
    (disk / "disk.raw").rename(disk / "moved.raw")
    status, _, err = run(disk, replay)
    assert status == 2 and "keeps only hashes" in err
    assert run(disk, [*replay, "-drive", "file=moved.raw,format=raw,snapshot"])[0] == 0
    image = bytearray((disk / "moved.raw").read_bytes())
    image[512] ^= 1
    (disk / "moved.raw").write_bytes(image)
    status, _, err = run(disk, [*replay, "-drive", "file=moved.raw,format=raw,snapshot"])
    assert status == 2 and "it differs at byte 0" in err


# what monitors say of an overlay, and of one that cannot take a snapshot


def test_an_overlay_has_a_backing_file(disk: Path) -> None:
    for below, above in (("disk.raw", "middle.qcow2"), ("middle.qcow2", "top.qcow2")):
        format = "raw" if below.endswith("raw") else "qcow2"
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", format, above]
        subprocess.run(create, cwd=disk, check=True)
    words = ["-S", "-display", "none", "-serial", "null", "-hda", "top.qcow2"]
    face = Face(disk, [*words, "-monitor", "stdio"])
    face.type(b"info block\nquit\n")
    assert b"    Backing file:     middle.qcow2 (chain depth: 2)\n" in face.end()[1]
    face = Face(disk, [*words, "-qmp", "stdio"])
    for command in ("qmp_capabilities", "query-block", "quit"):
        face.type(json.dumps({"execute": command}).encode() + b"\n")
    answers = [json.loads(line) for line in face.end()[1].splitlines()]
    inside = next(answer["return"] for answer in answers if answer.get("return"))[0]["inserted"]
    assert (inside["backing_file_depth"], inside["backing_file"]) == (2, "middle.qcow2")
    assert inside["image"]["backing-filename"] == "middle.qcow2"


def test_a_snapshot_of_the_start_that_no_image_takes_is_said(disk: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "empty.qcow2", "1M"], cwd=disk, check=True)
    start = ["-icount", "shift=7,rr=record,rrfile=r.bin,rrsnapshot=start", "-nographic", "-hda", "disk.raw"]
    orphan = ["-drive", "file=empty.qcow2,if=none,id=rr"]
    only = "start: kept in the recording only: disk.raw (raw) takes no snapshots"
    assert only in run(disk, [*start, *orphan], b"q")[2]
    assert only not in run(disk, [*start, *orphan, "-snapshot"], b"q")[2]
    record = ["-icount", "shift=7,rr=record,rrfile=s.bin", "-hda", "disk.raw", *orphan, "-S", "-serial", "null"]
    face = Face(disk, [*record, "-monitor", "stdio"])
    face.type(b"savevm start\nquit\n")
    assert only.encode() in face.end()[1]
