"""`playhead cache`: it counts and removes what Playhead made, and nothing else."""

import os
import re
from pathlib import Path

import pytest

from playhead.cli import cache, main
from playhead.engine.llvm.tier2.store import Store, folder_of, version
from playhead.engine.llvm.tier2.store_writer import StoreWriter
from tools import guest

OURS = ("native/0123456789abcdef0123456789abcdef.json", "native/parts/0123456789abcdef0123456789abcdef.o",
        "native/fedcba9876543210fedcba9876543210.core", "native/0123456789abcdef0123456789abcdef.77.tmp",
        "guests/demo-6fb09a4c16f9.bin", "guests/disk-5.img", "guests/debian/vmlinuz-686-pae",
        "native/blocks/0123456789abcdef0123456789abcdef/1234-0.blocks",
        "guests/debian/boot-397e05f055da.cpio.gz", "guests/debian/compiler-40e38778511b/deep/file")  # fmt: skip
OTHERS = ("notes.txt", "native/lock", "native/my.json", "native/parts/thesis.o", "guests/debian/lock",
          "native/blocks/mine/1234-0.blocks", "native/blocks/fedcba9876543210fedcba9876543210/my.blocks",
          "guests/my-own.qcow2", "guests/debian/vmlinuz.old", "other/demo-6fb09a4c16f9.bin")  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (*OURS, *OTHERS):
        path = tmp_path / "cache" / "playhead" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(5000))
    return tmp_path / "cache" / "playhead"


def test_only_what_is_ours_goes(folder, capfd):
    assert main(["cache", "info"]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"{folder}\n") and re.findall(r"(\w+) +(\d+) entr", out)[:3] == [
        ("core", "3"), ("parts", "1"), ("blocks", "0")] and "guests             5 entries" in out  # fmt: skip
    assert all((folder / name).exists() for name in OURS)
    (folder / OURS[0]).unlink()
    (folder / OURS[2]).unlink()
    assert main(["cache", "info"]) == 0 and "native core        1 entry " in capfd.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert capfd.readouterr().out.count(" removed") == 4
    assert not any((folder / name).exists() for name in OURS) and all((folder / name).exists() for name in OTHERS)
    assert main(["cache", "clear"]) == 0 and capfd.readouterr().out.count(" 0 entries") == 4


def test_hot_blocks_by_version(folder, capfd):
    """Of how many, and whether they are used here; a folder that others can write is not."""
    theirs, open_to_all = "a" * 32, "b" * 32
    for name, some in ((version(), 12), (theirs, 5), (open_to_all, 3)):
        writer = StoreWriter(name)
        for n in range(some):
            writer.add(n, b"unit %d" % n, bytes(1000))
        writer.close()
    os.chmod(folder_of(open_to_all), 0o777)
    assert main(["cache", "info"]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith(("hot", "  "))]
    assert lines[0].split()[:3] == ["hot", "blocks", "17"]
    notes = {line.split("MB  ")[1]: line.split("entries")[0].split()[-1] for line in lines[1:]}
    assert notes == {
        "01234567, of another version or host": "0", f"{version()[:8]}, in use": "12",
        "aaaaaaaa, of another version or host": "5", "bbbbbbbb, not used: others can write there": "0",
    }  # fmt: skip
    assert main(["cache", "clear"]) == 0
    assert sorted(path.name for path in Path(folder, "native", "blocks").iterdir()) == [
        "fedcba9876543210fedcba9876543210", "mine"]  # fmt: skip
    assert len(Store()) == 0


def test_links_lead_nowhere(folder, tmp_path):
    kept = tmp_path / "kept"
    (kept / "parts").mkdir(parents=True)
    for name in ("demo-6fb09a4c16f9.bin", "file"):
        (kept / name).write_text("dear to somebody")
    (folder / "guests" / "tree-0123456789ab").symlink_to(kept)
    (folder / "guests" / "debian" / "compiler-40e38778511b" / "out").symlink_to(kept)
    (folder / "guests" / "image-0123456789ab.img").symlink_to(kept / "file")
    assert main(["cache", "clear"]) == 0
    assert sorted(path.name for path in kept.iterdir()) == ["demo-6fb09a4c16f9.bin", "file", "parts"]
    (folder / "native").rename(tmp_path / "native")
    (folder / "native").symlink_to(tmp_path / "native")
    (tmp_path / "native" / ("0" * 32 + ".json")).write_text("")
    assert main(["cache", "clear"]) == 0 and (tmp_path / "native" / ("0" * 32 + ".json")).exists()


@pytest.mark.parametrize("linked", ["native", "guests"])
def test_a_folder_beyond_a_link_is_somebody_elses(folder, tmp_path, linked):
    """Also one that is inside of what the link leads to."""
    (folder / linked).rename(tmp_path / linked)
    (folder / linked).symlink_to(tmp_path / linked)
    before = sorted((tmp_path / linked).rglob("*"))
    assert main(["cache", "clear"]) == 0
    assert sorted((tmp_path / linked).rglob("*")) == before


@pytest.mark.parametrize("make", [lambda lock: lock.mkdir(), lambda lock: lock.symlink_to("/etc/passwd")])
def test_a_lock_that_is_none(folder, make, capfd):
    (folder / "native" / "lock").unlink()
    make(folder / "native" / "lock")
    assert main(["cache", "clear"]) == 2
    assert capfd.readouterr().err.startswith(f"playhead: cannot lock {folder}/native/lock: ")
    assert all((folder / name).exists() for name in OURS)


def test_what_goes_while_it_is_counted(folder, monkeypatch):
    """A build renames its files when they are done."""
    seen = cache._in

    def and_gone(*places):
        found = seen(*places)
        for path in found:
            path.unlink() if path.is_file() else None
        return found

    monkeypatch.setattr(cache, "_in", and_gone)
    assert main(["cache", "info"]) == 0


def test_a_relative_folder_is_ignored(tmp_path, monkeypatch, capfd):
    """As the XDG base directory specification says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert main(["cache", "info"]) == 0
    assert capfd.readouterr().out.startswith(f"{tmp_path}/home/.cache/playhead: nothing is there\n")
    assert guest.cache() == tmp_path / "home/.cache/playhead/guests"


def test_nothing_there_and_wrong_words(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert main(["cache", "info"]) == 0 and "nothing is there" in capfd.readouterr().out
    for words in ([], ["purge"], ["clear", "all"]):
        assert main(["cache", *words]) == 2 and capfd.readouterr().err.count("\n") == 1


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for way in ("info", "clear"):
        assert main(["cache", way]) == 2
        assert capfd.readouterr() == ("", f"playhead: {tmp_path}/file is no folder: set XDG_CACHE_HOME to one\n")
