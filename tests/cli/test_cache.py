"""`playhead cache`: it counts and removes what Playhead made, and nothing else."""

import pytest

from playhead.cli import cache, main

OURS = ("native/0123456789abcdef0123456789abcdef.json", "native/parts/0123456789abcdef0123456789abcdef.o",
        "native/fedcba9876543210fedcba9876543210.core", "native/0123456789abcdef0123456789abcdef.77.tmp",
        "guests/demo-6fb09a4c16f9.bin", "guests/disk-5.img", "guests/debian/vmlinuz-686-pae",
        "guests/debian/boot-397e05f055da.cpio.gz", "guests/debian/compiler-40e38778511b/deep/file")  # fmt: skip
OTHERS = ("notes.txt", "native/lock", "native/my.json", "native/parts/thesis.o", "guests/debian/lock",
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
    assert out.startswith(f"{folder}\n") and "native core" in out and " 4 entries" in out and " 5 entries" in out
    assert all((folder / name).exists() for name in OURS)
    assert main(["cache", "clear"]) == 0
    assert capfd.readouterr().out.count(" removed") == 2
    assert not any((folder / name).exists() for name in OURS) and all((folder / name).exists() for name in OTHERS)
    assert main(["cache", "clear"]) == 0 and capfd.readouterr().out.count(" 0 entries") == 2


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


def test_nothing_there_and_wrong_words(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert main(["cache", "info"]) == 0 and "nothing is there" in capfd.readouterr().out
    for words in ([], ["purge"], ["clear", "all"]):
        assert main(["cache", *words]) == 2 and capfd.readouterr().err.count("\n") == 1
