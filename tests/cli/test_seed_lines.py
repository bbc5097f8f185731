"""The command lines of the page that this project started from: they work with only the program's name changed.

They stand here as they stand there. What they name is made by `qemu-img`, with a small system on the disk that reads,
writes and talks (`face.py`). The sound parts are refused by name until those devices are there.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path

import face
import pytest
from face import Face, run

DRIVES = """
    -drive file=disk.qcow2,if=none,snapshot,id=img-direct
    -drive driver=blkreplay,if=none,image=img-direct,id=img-blkreplay
    -device ide-hd,drive=img-blkreplay"""
NETWORK = """
    -netdev user,id=net1 -device rtl8139,netdev=net1
    -object filter-replay,id=replay,netdev=net1"""
RECORD = "-icount shift=7,rr=record,rrfile=replay.bin" + DRIVES
REPLAY = "-icount shift=7,rr=replay,rrfile=replay.bin" + DRIVES
WITH_SNAPSHOT = """-icount shift=7,rr=record,rrfile=replay.bin,rrsnapshot=snapshot_name
    -drive file=disk.ovl,if=none,id=img-direct
    -drive driver=blkreplay,if=none,image=img-direct,id=img-blkreplay
    -device ide-hd,drive=img-blkreplay"""
DISKLESS = """-icount shift=3,rr=replay,rrfile=record.bin,rrsnapshot=init
    -net none -drive file=empty.qcow2,if=none,id=rr"""
SOUND = ("-soundhw ac97", "-device AC97", "-audiodev none,id=sound -device AC97,audiodev=sound")
SAID = b"second sector: key? abq"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    face.make_images(tmp_path)
    return tmp_path


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshots(path: Path) -> list[tuple[str, str]]:
    """Names and instruction counts, as `qemu-img snapshot -l` shows them."""
    lines = [line.split() for line in face.qemu_img("snapshot", "-l", str(path)).splitlines()[2:]]
    return [(words[1], words[-1]) for words in lines if words]


def test_record_and_replay(folder: Path) -> None:
    before = content(folder / "disk.qcow2")
    assert run(folder, shlex.split(RECORD), b"abq")[:2] == (0, SAID)
    assert content(folder / "disk.qcow2") == before  # though the guest has written to it
    status, said, err = run(folder, shlex.split(REPLAY))
    assert (status, said) == (0, SAID) and "compared are equal" in err
    for name in os.listdir(folder):
        if name != "replay.bin":
            os.unlink(folder / name)
    for line in (REPLAY, "-icount shift=7,rr=replay,rrfile=replay.bin", "-icount rr=replay,rrfile=replay.bin"):
        assert run(folder, shlex.split(line))[:2] == (0, SAID)
    assert [name for name in os.listdir(folder) if name != "stderr"] == ["replay.bin"]


@pytest.mark.parametrize("card", ["rtl8139", "e1000"])
def test_the_whole_line(folder: Path, card: str) -> None:
    """Disk, network and filter, as on the page; the replay has no need of any of them, nor of libslirp."""
    network = NETWORK.replace("rtl8139", card)
    assert run(folder, shlex.split(RECORD + network), b"abq")[:2] == (0, SAID)
    status, said, err = run(folder, shlex.split(REPLAY + network))
    assert (status, said) == (0, SAID) and "compared are equal" in err
    for line, what in (
        (REPLAY + network.replace("-netdev user", "-netdev socket,listen=127.0.0.1:0"), "another netdev"),
        (REPLAY, "none"), (REPLAY + network.replace(f"{card},", f"{card},mac=52:54:00:12:34:56,"), "the same card"),
    ):  # fmt: skip
        assert run(folder, shlex.split(line))[:2] == (0, SAID), what
    for line, why in (
        (network.replace(card, "ne2k_pci"), "its network cards are rtl8139 and e1000"),
        (network.replace(f"{card},", f"{card},mac=52:54:00:12:34:57,"), "mac 52:54:00:12:34:57: the recording"),
        (network.replace("net1", "net2"), "the recorded machine has no netdev 'net2'; it has net1"),
        ("\n-net none", "-net none: the recorded machine has 1 network card"),
    ):  # fmt: skip
        status, said, err = run(folder, shlex.split(REPLAY + line))
        assert (status, said, err.count("\n")) == (2, b"", 1) and why in err
    for name in os.listdir(folder):
        if name != "replay.bin":
            os.unlink(folder / name)
    assert run(folder, shlex.split(REPLAY + network))[:2] == (0, SAID)


def test_a_snapshot_of_the_start_in_an_overlay(folder: Path) -> None:
    base = content(folder / "disk.qcow2")
    face.qemu_img("create", "-f", "qcow2", "-F", "qcow2", "-b", str(folder / "disk.qcow2"), str(folder / "disk.ovl"))
    assert run(folder, shlex.split(WITH_SNAPSHOT), b"abq")[:2] == (0, SAID)
    assert snapshots(folder / "disk.ovl") == [("snapshot_name", "0")] and content(folder / "disk.qcow2") == base
    after = content(folder / "disk.ovl")
    replay = WITH_SNAPSHOT.replace("rr=record", "rr=replay")
    status, said, err = run(folder, shlex.split(replay))
    assert (status, said) == (0, SAID) and "compared are equal" in err
    assert content(folder / "disk.ovl") == after
    child = Face(folder, [*shlex.split(replay), "-S", "-monitor", "stdio", "-serial", "file:out"])
    child.type(b"replay_seek 3000000\nsavevm later\nreplay_seek end\nloadvm snapshot_name\ninfo replay\nquit\n")
    status, said, err = child.end()
    assert status == 0 and b"instruction count = 0" in said, err
    assert snapshots(folder / "disk.ovl") == [("snapshot_name", "0"), ("later", "3000000")]
    face.qemu_img("check", str(folder / "disk.ovl"))
    # a machine can start with the state of the recording, which the disk was part of, but not with the replay's
    live = [word for word in shlex.split(replay) if not word.startswith("shift=")]
    live[live.index("-icount") :] = ["-icount", "shift=7", *live[live.index("-icount") + 1 :]]
    assert run(folder, [*live, "-loadvm", "snapshot_name"], b"zq")[:2] == (0, b"second sector: key? zq")
    status, _, err = run(folder, [*live, "-loadvm", "later"])
    assert status == 2 and "was made by a replay" in err


def test_a_machine_without_disks_and_an_orphan_image(folder: Path) -> None:
    record = DISKLESS.replace("rr=replay", "rr=record")
    child = Face(folder, [*shlex.split(record), "-nographic"])
    child.until(b"No bootable device.")
    child.type(b"\x01x")
    status, said, _ = child.end()
    assert status == 0 and b"SeaBIOS" in said and snapshots(folder / "empty.qcow2") == [("init", "0")]
    assert run(folder, shlex.split(DISKLESS))[:2] == (0, said)
    child = Face(folder, [*shlex.split(DISKLESS), "-S", "-monitor", "stdio", "-serial", "null"])
    child.type(b"replay_seek 1000000\nsavevm mid\nreplay_seek 2000000\nloadvm init\ninfo replay\nquit\n")
    status, out, err = child.end()
    assert status == 0 and b"instruction count = 0" in out, err
    assert snapshots(folder / "empty.qcow2") == [("init", "0"), ("mid", "1000000")]
    os.unlink(folder / "empty.qcow2")
    assert run(folder, shlex.split(DISKLESS))[:2] == (0, said)


def test_the_state_in_an_orphan_image_starts_a_machine(folder: Path) -> None:
    """One that a replay has saved there is whole, where there are no disks."""
    record = shlex.split(DISKLESS.replace("rr=replay", "rr=record"))
    child = Face(folder, [*record, "-nographic"])
    child.until(b"Booting from")
    child.type(b"\x01x")
    assert child.end()[0] == 0
    child = Face(folder, [*shlex.split(DISKLESS), "-S", "-monitor", "stdio", "-serial", "null"])
    child.type(b"replay_seek 1000000\nsavevm mid\nquit\n")
    assert child.end()[0] == 0
    machine = ["-net", "none", "-drive", "file=empty.qcow2,if=none,id=rr", "-nographic", "-loadvm", "mid"]
    child = Face(folder, ["-icount", "shift=3", *machine])
    child.until(b"No bootable device.")
    child.type(b"\x01x")
    assert child.end()[0] == 0


@pytest.mark.parametrize("part", SOUND)
def test_a_line_with_sound(folder: Path, part: str) -> None:
    """A card that nobody plays: the recording has no event of it, and is replayed without it."""
    assert run(folder, [*shlex.split(RECORD), *shlex.split(part)], b"abq")[:2] == (0, SAID)
    status, said, err = run(folder, shlex.split("-icount rr=replay,rrfile=replay.bin"))
    assert (status, said) == (0, SAID) and "compared are equal" in err


def test_a_card_on_an_audiodev_that_is_not_there(folder: Path) -> None:
    status, said, err = run(folder, [*shlex.split(RECORD), "-device", "AC97,audiodev=sound"])
    assert (status, said, err.count("\n")) == (2, b"", 1) and "sound" in err
