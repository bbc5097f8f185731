"""The cache of compiled units on disk: what is read is what was written, or nothing."""

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.engine.llvm.tier2 import segments, store_writer
from playhead.engine.llvm.tier2.segments import names_in, open_folder
from playhead.engine.llvm.tier2.store import Store, folder_of
from playhead.engine.llvm.tier2.store_writer import StoreWriter

VERSION, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Path(folder_of(VERSION))


def units(count: int, seed: int = 1, size: int = 300) -> list[tuple[int, bytes, bytes]]:
    rng = random.Random(seed)
    return [(rng.getrandbits(64), rng.randbytes(rng.randrange(1, size)), rng.randbytes(rng.randrange(size)))
            for _ in range(count)]  # fmt: skip


def write(some: list[tuple[int, bytes, bytes]], version: str = VERSION, **options) -> StoreWriter:
    writer = StoreWriter(version, **options)
    for one in some:
        writer.add(*one)
    writer.flush()
    return writer


def found(some: list[tuple[int, bytes, bytes]], version: str = VERSION) -> list[bool]:
    """Which of them are there; none is there with another code."""
    store = Store(version)
    codes = [store.find(key, unit) for key, unit, _ in some]
    store.close()
    assert all(code in (None, one[2]) for code, one in zip(codes, some, strict=True))
    return [code is not None for code in codes]


def loosely(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.blocks"))


def test_what_is_written_is_found():
    some = units(100)
    writer = write(some[:60])
    assert all(found(some[:60])) and not any(found(some[60:]))
    for one in some[60:]:
        writer.add(*one)
    assert not any(found(some[60:]))
    writer.close()
    assert all(found(some))
    store = Store(VERSION)
    assert store.holds(some[0][0]) and not store.holds(some[0][0] ^ 1) and len(store) == 100


def test_what_others_add_is_seen_when_it_is_asked_for(monkeypatch):
    """In a segment that is known, in a new one, and in one that others were merged into."""
    monkeypatch.setattr(store_writer, "SEGMENTS", 1)
    some = units(50)
    writer, store = write(some[:10]), Store(VERSION)
    for first in (10, 20):
        for one in some[first : first + 10]:
            writer.add(*one)
        writer.flush()
        assert not store.holds(some[first][0])
        store.refresh()
        assert all(store.find(key, unit) == code for key, unit, code in some[: first + 10])
    write(some[30:40]).close()
    writer.close()
    StoreWriter(VERSION).tidy()
    after = write(some[40:])
    store.refresh()
    assert all(store.find(key, unit) == code for key, unit, code in some)
    after.close()


def test_the_whole_unit_is_compared():
    ((key, unit, code),) = units(1)
    write([(key, unit, code)])
    store = Store(VERSION)
    assert store.find(key, unit + b"x") is None and store.find(key, unit) == code


def test_the_longest(folder):
    """What is longer is not kept."""
    most = segments.MOST[segments.UNIT]
    sizes = ((1, most[0], most[1]), (2, most[0] + 1, 0), (3, 0, most[1] + 1), (4, 0, 0))
    some = [(key, bytes(unit), bytes(code)) for key, unit, code in sizes]
    write(some).close()
    assert found(some) == [True, False, False, True]


def test_only_the_owner_can_look_at_it(folder):
    old = os.umask(0)
    try:
        write(units(1)).tidy()
    finally:
        os.umask(old)
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert [path.stat().st_mode & 0o777 for path in loosely(folder)] == [0o600]


@pytest.mark.parametrize("merged", [False, True])
def test_damage_anywhere_is_an_entry_less(folder, merged, monkeypatch):
    """Each byte in turn is another one: what is read is right, and in a merged segment all else is there."""
    some = units(6, size=40)
    monkeypatch.setattr(store_writer, "LOOSE", -1 if merged else 1 << 30)
    write(some).tidy()
    (path,) = loosely(folder)
    whole, counts = path.read_bytes(), set()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        there = sum(found(some))
        counts.add(there)
        if merged and at > 96 + 40 + 16 * len(some):
            assert there == len(some) - 1
    assert len(some) - 1 in counts
    path.write_bytes(whole)
    assert all(found(some))


@pytest.mark.parametrize("merged", [False, True])
def test_cut_off_anywhere(folder, merged, monkeypatch):
    some = units(5, size=40)
    monkeypatch.setattr(store_writer, "LOOSE", -1 if merged else 1 << 30)
    write(some).tidy()
    (path,) = loosely(folder)
    whole, before = path.read_bytes(), 0
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        there = found(some)
        assert there == sorted(there, reverse=True) and sum(there) >= before
        before = sum(there)
    assert before == len(some) - 1


def test_garbage_behind_the_last_entry(folder):
    some = units(3)
    write(some)
    with loosely(folder)[0].open("ab") as file:
        file.write(random.Random(2).randbytes(5000))
    assert all(found(some))


def test_another_version_or_host(folder):
    """Not in its own folder, nor if the file is put into the other's."""
    some = units(3)
    write(some)
    assert not any(found(some, OTHER))
    other = Path(folder_of(OTHER))
    other.mkdir(mode=0o700)
    (path,) = loosely(folder)
    data = path.read_bytes()
    (other / path.name).write_bytes(data)
    assert not any(found(some, OTHER))
    (other / path.name).write_bytes(data.replace(VERSION.encode(), OTHER.encode()))
    assert not any(found(some, OTHER))


@pytest.mark.parametrize("what", ["file", "folder", "link", "linked folder", "fifo", "directory", "foreign"])
def test_what_others_can_change_is_not_used(folder, what, monkeypatch, tmp_path):
    some = units(3)
    write(some)
    (path,) = loosely(folder)
    if what == "file":
        path.chmod(0o620)
    elif what == "folder":
        folder.chmod(0o702)
    elif what == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "linked folder":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    elif what == "fifo":
        path.unlink()
        os.mkfifo(path, 0o600)
    elif what == "directory":
        path.unlink()
        path.mkdir()
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not any(found(some))
    if "folder" in what or what == "foreign":  # and nothing is written there either
        before = sorted(os.listdir(folder))
        write(units(3, 2)).tidy()
        assert sorted(os.listdir(folder)) == before


def test_merging_keeps_all_and_makes_one(folder, monkeypatch):
    some = units(120)
    for n in range(0, 120, 10):
        write(some[n : n + 10]).close()
    path = loosely(folder)[3]
    path.write_bytes(path.read_bytes()[:-1])  # the last of these is damaged
    assert len(loosely(folder)) == 12
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 1
    assert found(some).count(False) == 1
    write(some[:5]).close()
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 2  # not yet due
    monkeypatch.setattr(store_writer, "SEGMENTS", 1)
    write(some[5:10]).close()
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 2 and found(some).count(False) == 1  # the long one is left as it is
    monkeypatch.setattr(store_writer, "APART", 1000)
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 1 and found(some).count(False) == 1
    assert len(Store(VERSION)) == 119


def test_what_was_used_of_a_segment_that_is_left(folder, monkeypatch):
    """It is remembered until that is merged as well."""
    monkeypatch.setattr(store_writer, "SEGMENTS", 0)
    some = [(n, b"unit %d" % n, bytes(1000)) for n in range(100)]
    write(some).tidy()
    for n in range(2):
        writer = write([(1000 + n, b"small", b"code")])
        writer.use({n})
        writer.close()
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 2
    for path in loosely(folder):
        os.utime(path, (path.stat().st_size < 5000,) * 2)  # the long one is older
    StoreWriter(VERSION, limit=2 * 50_000).tidy()
    there = [n for n, is_there in enumerate(found(some)) if is_there]
    assert len(loosely(folder)) == 1 and 40 < len(there) < 50 and there[:2] == [0, 1] and there[2] > 50




def test_a_segment_that_is_being_written_stays(folder, monkeypatch):
    monkeypatch.setattr(store_writer, "SEGMENTS", 1)
    some = units(40)
    writing = write(some[:10])
    for n in (10, 20, 30):
        write(some[n : n + 10]).close()
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 2 and all(found(some))
    extra = units(1, 9)
    writing.add(*extra[0])
    writing.close()
    assert all(found(some + extra))


def test_found_by_a_merge_before_it_is_locked(folder, monkeypatch):
    """A segment that has just been made is removed under its writer, who begins another one."""
    create, made = segments.create, []

    def create_and_merge(folder_fd):
        fd, name = create(folder_fd)
        made.append(name)
        if len(made) == 1:
            store_writer.merge(folder_fd, VERSION, 1 << 20)
        return fd, name

    monkeypatch.setattr(segments, "create", create_and_merge)
    some = units(3)
    write(some).close()
    assert len(made) == 2 and len(loosely(folder)) == 1 and all(found(some))


def test_without_locks(folder, monkeypatch):
    """Then a segment may be merged while it is written: its writer begins another one."""

    def no_locks(fd, how):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(store_writer.fcntl, "flock", no_locks)
    monkeypatch.setattr(store_writer, "SEGMENTS", 1)
    some = units(40)
    writing = write(some[:10])
    write(some[10:20]).close()
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 1
    for one in some[20:]:
        writing.add(*one)
    writing.close()
    assert all(found(some))


def test_what_was_not_used_for_longest_goes(folder, monkeypatch):
    monkeypatch.setattr(store_writer, "SEGMENTS", 0)
    some = [(n, b"unit %d" % n, bytes(1000)) for n in range(100)]
    write(some[:50]).close()
    later = write(some[50:])
    later.use(set(range(10)))
    later.close()
    for n, path in enumerate(loosely(folder)):
        os.utime(path, (n, n))
    StoreWriter(VERSION, limit=100_000).tidy()
    there = [n for n, is_there in enumerate(found(some)) if is_there]
    assert 40 <= len(there) <= 50 and there[:10] == list(range(10)) and there[-1] == 99
    assert there[10:] == list(range(100 - len(there) + 10, 100))


def test_other_versions_go_first(folder, monkeypatch):
    some = units(50)
    old, older = ("a" * 32, "b" * 32)
    for version, when in ((old, 20), (older, 10)):
        write(some, version).close()
        for path in loosely(Path(folder_of(version))):
            os.utime(path, (when, when))
    write(some).close()
    size = loosely(folder)[0].stat().st_size
    StoreWriter(VERSION, limit=2 * size + 10).tidy()
    assert not Path(folder_of(older)).exists() and all(found(some, old)) and all(found(some))
    StoreWriter(VERSION, limit=size + 10).tidy()
    assert not Path(folder_of(old)).exists()


def test_reading_is_noted_as_use(folder):
    write(some := units(2)).close()
    (path,) = loosely(folder)
    os.utime(path, (5, 5))
    Store(VERSION)
    assert path.stat().st_mtime == 5
    assert all(found(some)) and path.stat().st_mtime > 5


def test_a_full_disk(folder, monkeypatch):
    """Half of it is written, then no more: nothing is left of that, and nobody is told."""
    some = units(20)
    writer = write(some[:10])
    real = os.write
    room = [500]

    def full(fd, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "no space left")
        written = real(fd, bytes(data)[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(segments.os, "write", full)
    for one in some[10:]:
        writer.add(*one)
    writer.flush()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parents[3]))
    assert all(found(some[:10])) and not any(found(some[10:]))


def test_a_full_disk_while_merging(folder, monkeypatch):
    monkeypatch.setattr(store_writer, "SEGMENTS", 1)
    some = units(20)
    for n in (0, 10):
        write(some[n : n + 10]).close()

    def full(fd, data):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(segments.os, "write", full)
    StoreWriter(VERSION).tidy()
    assert len(loosely(folder)) == 2 and all(found(some))


@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null", "relative", ""])
def test_nowhere_to_write(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", "/dev/null")
    some = units(2)
    writer = write(some)
    writer.tidy()
    writer.close()
    assert not any(found(some)) and os.listdir(tmp_path) == []


WRITE = """
import sys
from tests.engine.test_unit_store import VERSION, units
from playhead.engine.llvm.tier2 import store_writer
from playhead.engine.llvm.tier2.store_writer import StoreWriter
store_writer.SEGMENTS = 1
some = units(2000, int(sys.argv[1]))
print(flush=True)
n = 0
while n < len(some):
    writer = StoreWriter(VERSION)
    for one in some[n : n + 100]:
        writer.add(*one)
        writer.flush()
    writer.tidy()
    writer.close()
    n += 100
"""


def _writers(*seeds: int) -> list[subprocess.Popen]:
    root = Path(__file__).resolve().parents[2]
    return [subprocess.Popen([sys.executable, "-c", WRITE, str(seed)], cwd=root, stdout=subprocess.PIPE)
            for seed in seeds]  # fmt: skip


def test_two_processes_at_once(folder):
    """Both write and merge; what a process reads meanwhile is right."""
    both = _writers(1, 2)
    some = units(2000, 1) + units(2000, 2)
    while any(process.poll() is None for process in both):
        found(some[::40])
    assert [process.wait() for process in both] == [0, 0]
    assert all(found(some))
    StoreWriter(VERSION).tidy()
    assert all(found(some)) and len(loosely(folder)) <= 4


def test_killed_at_any_moment(folder):
    rng, some = random.Random(3), units(2000, 1)
    for _ in range(6):
        (process,) = _writers(1)
        assert process.stdout is not None
        process.stdout.read(1)
        subprocess.run(["sleep", str(rng.random() / 10)], check=True)
        process.kill()
        process.wait()
        found(some)
    (process,) = _writers(1)
    assert process.wait() == 0 and all(found(some))
    with_folder = open_folder(str(folder))
    assert len(names_in(with_folder)) < 10
    os.close(with_folder)
