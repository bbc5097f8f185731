"""One package index serves all recipes; a mirror that gives it in part only is named, and asked again later."""

import os
import subprocess
import time

import pytest

from tools.guests.apt import INDEX, AptError, PrivateApt

PARTLY = "Err:6 http://mirror security/main i386 Packages\n  File has unexpected size\nE: Some index files failed\n"


@pytest.fixture
def mirror(monkeypatch):
    """What apt is asked; `index` and `packages` are how it answers."""

    class Mirror:
        asked: list[str] = []
        index = (0, "")
        packages = True

    def run(self, *command):
        Mirror.asked.append(command[1])
        status, said = Mirror.index if command[1] == "update" else (0 if Mirror.packages else 100, "")
        if command[1] == "download" and Mirror.packages:
            (self._packages / f"{command[-1]}_1.deb").touch()
        return subprocess.CompletedProcess(command, status, said, "")

    monkeypatch.setattr(PrivateApt, "_run", run)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr("tools.guests.apt._borrowed", lambda: "")
    monkeypatch.setattr("shutil.which", lambda tool: tool)
    Mirror.asked = []
    return Mirror


def recipes(tmp_path, said, count=3):
    for n in range(count):
        apt = PrivateApt(tmp_path / str(n), ("i386", "amd64")[n % 2], said.append, tmp_path / INDEX)
        apt.update()
        yield apt


def test_it_is_fetched_once(tmp_path, mirror):
    for apt in recipes(tmp_path, []):
        assert apt.download("busybox")[0].name == "busybox_1.deb"
    assert mirror.asked == ["update", "download", "download", "download"]
    yesterday = time.time() - 25 * 3600
    os.utime(tmp_path / INDEX / "fetched", (yesterday, yesterday))
    list(recipes(tmp_path, []))
    assert mirror.asked.count("update") == 2


def test_one_that_is_incomplete_is_named_and_serves_for_an_hour(tmp_path, mirror):
    mirror.index, said = (100, PARTLY), []
    list(recipes(tmp_path, said))
    assert mirror.asked == ["update", "update"]
    assert said[-1] == "the package index is incomplete (security/main i386 Packages: File has unexpected size)"
    stamp = (tmp_path / INDEX / "fetched").stat().st_mtime
    assert 22 * 3600 < time.time() - stamp < 24 * 3600


def test_packages_that_are_gone_make_it_be_fetched_anew_once(tmp_path, mirror):
    first, second = recipes(tmp_path, [], 2)
    mirror.packages = False
    for apt, updates in ((second, 1), (first, 0)):
        mirror.asked.clear()
        with pytest.raises(AptError, match="cannot fetch"):
            apt.download("busybox")
        assert mirror.asked.count("update") == updates and mirror.asked.count("download") == 4
