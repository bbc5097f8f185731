"""Side files of a recording: its own log is used, every other one is set aside, and no byte is lost."""

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from test_recording import META, batch, begun

from playhead.base.errors import HostError, UsageError
from playhead.log import beside
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.snapshots import Snapshot, add, names, remove
from playhead.log.verify import verify
from playhead.log.writer import Writer

HERE = str(Path(__file__).parent)


def good(path, batches=4):
    with begun(path) as writer:
        for n in range(batches):
            batch(writer, n, end=n == batches - 1)
    return path.read_bytes()


def killed(path, batches):
    """What a recorder leaves that is killed: `path`, its -wal and -shm."""
    writer = begun(path.with_name("writing"))
    for n in range(batches):
        batch(writer, n)
    return left_by(writer, path)


def left_by(writer, path):
    """What is there if the writer's process ends at this instant; returns the log."""
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(writer.path + suffix, f"{path}{suffix}")
    writer.close()
    os.unlink(writer.path)
    return Path(f"{path}-wal").read_bytes()


def marks(path):
    with Reader(str(path)) as reader:
        assert not verify(reader).faults
        return len(reader.marks())


def names_in(folder):
    return sorted(os.listdir(folder))


def test_a_killed_recorders_log_does_not_reach_a_file_copied_over(tmp_path, capfd):
    """The report: kill, `cp good.ph a.ph`, `verify a.ph`."""
    wal = killed(tmp_path / "a.ph", 9)
    before = good(tmp_path / "good.ph")
    shutil.copyfile(tmp_path / "good.ph", tmp_path / "a.ph")
    assert marks(tmp_path / "a.ph") == 4
    assert (tmp_path / "a.ph").read_bytes() == before
    assert (tmp_path / "a.ph-wal.aside").read_bytes() == wal
    assert names_in(tmp_path) == ["a.ph", "a.ph-wal.aside", "good.ph"]
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "a.ph-wal is of another recording" in said and "a.ph-wal.aside" in said


def test_a_name_that_is_taken_is_left_alone(tmp_path):
    (tmp_path / "a.ph-wal.aside").write_bytes(b"somebody's")
    wal = killed(tmp_path / "a.ph", 3)
    good(tmp_path / "good.ph")
    shutil.copyfile(tmp_path / "good.ph", tmp_path / "a.ph")
    assert marks(tmp_path / "a.ph") == 4
    assert (tmp_path / "a.ph-wal.aside").read_bytes() == b"somebody's"
    assert (tmp_path / "a.ph-wal.aside-2").read_bytes() == wal


def test_its_own_log_is_used(tmp_path, capfd):
    killed(tmp_path / "a.ph", 9)
    assert marks(tmp_path / "a.ph") == 9 and names_in(tmp_path) == ["a.ph"]
    assert not capfd.readouterr().err


def test_moved_with_its_log_or_without(tmp_path):
    for name, suffixes in (("b.ph", ("", "-wal", "-shm")), ("c.ph", ("", "-wal")), ("d.ph", ("",))):
        killed(tmp_path / "a.ph", 5)
        for suffix in suffixes:
            os.rename(tmp_path / f"a.ph{suffix}", tmp_path / f"{name}{suffix}")
        assert marks(tmp_path / name) == 5
        for left in tmp_path.glob("a.ph*"):
            left.unlink()


def test_one_killed_recording_copied_over_another(tmp_path):
    """Its own log comes out of the file itself."""
    killed(tmp_path / "a.ph", 9)
    killed(tmp_path / "b.ph", 3)
    shutil.copyfile(tmp_path / "b.ph", tmp_path / "a.ph")
    assert marks(tmp_path / "a.ph") == 3 and "a.ph-wal.aside" in names_in(tmp_path)


def test_an_earlier_state_of_the_same_recording(tmp_path):
    """The same number, another generation: the log's pages do not belong onto this base."""
    path = tmp_path / "a.ph"
    writer = begun(path)
    for n in range(40):
        batch(writer, n)
    shutil.copyfile(path, tmp_path / "early.ph")
    writer._host(writer._fold)
    writer._begin_log()
    for n in range(40, 60):
        batch(writer, n)
    shutil.copyfile(f"{path}-wal", tmp_path / "early.ph-wal")
    writer.close()
    assert marks(tmp_path / "early.ph") == 40 and (tmp_path / "early.ph-wal.aside").exists()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_read_through_a_link_then_by_its_name(tmp_path, link, capfd):
    killed(tmp_path / "a.ph", 9)
    link(tmp_path / "a.ph", tmp_path / "l.ph")
    assert marks(tmp_path / "l.ph") == 9
    add(str(tmp_path / "l.ph"), Snapshot("named", Moment(2000), 16000, "2026-01-01T00:00:00Z", bytes(16)))
    assert marks(tmp_path / "a.ph") == 9  # its old log would have taken the name away again
    with Reader(str(tmp_path / "a.ph")) as reader:
        assert [s.name for s in names(reader)] == ["named"]
    assert not (tmp_path / "l.ph-wal").exists()


def test_a_log_that_changes_nothing_goes_without_a_word(tmp_path, capfd):
    killed(tmp_path / "a.ph", 9)
    os.link(tmp_path / "a.ph", tmp_path / "l.ph")
    assert marks(tmp_path / "l.ph") == marks(tmp_path / "a.ph") == 9
    assert names_in(tmp_path) == ["a.ph", "l.ph"] and not capfd.readouterr().err


def test_a_rollback_journal_of_another_recording(tmp_path, capfd):
    """As a kill leaves it that comes while a snapshot gets its name."""
    good(tmp_path / "other.ph", 30)
    before = good(tmp_path / "a.ph")
    db = sqlite3.connect(tmp_path / "other.ph", isolation_level=None)
    db.executescript("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE event SET payload = zeroblob(3000)")
    shutil.copyfile(tmp_path / "other.ph-journal", tmp_path / "a.ph-journal")
    shutil.copyfile(tmp_path / "other.ph-journal", tmp_path / "own.ph-journal")
    shutil.copyfile(tmp_path / "other.ph", tmp_path / "own.ph")
    db.close()
    assert marks(tmp_path / "a.ph") == 4 and (tmp_path / "a.ph").read_bytes() == before
    assert (tmp_path / "a.ph-journal.aside").exists() and "a.ph-journal" in capfd.readouterr().err
    assert marks(tmp_path / "own.ph") == 30 and not (tmp_path / "own.ph-journal").exists()


@pytest.mark.parametrize("made", [lambda p: p.write_bytes(b"x" * 9000), lambda p: p.mkdir(), lambda p: os.mkfifo(p)])
def test_whatever_else_has_the_logs_name(tmp_path, made):
    before = good(tmp_path / "a.ph")
    made(tmp_path / "a.ph-wal")
    if (tmp_path / "a.ph-wal").is_dir():
        with pytest.raises(HostError, match="cannot"):
            marks(tmp_path / "a.ph")
    else:
        assert marks(tmp_path / "a.ph") == 4
    assert (tmp_path / "a.ph").read_bytes() == before


def test_recording_to_a_name_whose_old_log_is_there(tmp_path, capfd):
    wal = killed(tmp_path / "a.ph", 9)
    os.rename(tmp_path / "a.ph", tmp_path / "b.ph")
    good(tmp_path / "a.ph")
    assert marks(tmp_path / "a.ph") == 4 and (tmp_path / "a.ph-wal.aside").read_bytes() == wal
    assert "set aside" in capfd.readouterr().err and marks(tmp_path / "b.ph") == 9


def test_replacing_a_killed_recording_takes_its_own_log_along(tmp_path, capfd):
    killed(tmp_path / "a.ph", 9)
    with Writer(str(tmp_path / "a.ph"), force=True) as writer:
        writer.begin(META)
    assert marks(tmp_path / "a.ph") == 0 and names_in(tmp_path) == ["a.ph"] and not capfd.readouterr().err


def test_opened_while_a_recorder_begins(tmp_path, monkeypatch):
    """A reader that comes at any step of it sets nothing aside that belongs to the recorder."""
    path, seen, files = tmp_path / "a.ph", [], []

    def look(step):
        if path.exists():
            files.append(open(path, "rb"))  # closing it would give up our process's locks
            seen.append((step, beside.look(str(path), files[-1].fileno()).foreign))

    class Watched(sqlite3.Connection):
        def execute(self, sql, *more):
            look(sql)
            done = super().execute(sql, *more)
            look(sql)
            return done

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "factory": Watched}))
    with begun(path) as writer:
        for n in range(3):
            batch(writer, n)
    for file in files:
        file.close()
    assert len(seen) > 10 and not [step for step, foreign in seen if foreign]


def test_what_is_being_written_is_not_replaced(tmp_path):
    program = f"""
        import sys
        sys.path.insert(0, {HERE!r})
        from pathlib import Path
        from test_recording import batch, begun
        writer = begun(Path(sys.argv[1]))
        batch(writer, 0)
        print("there", flush=True)
        sys.stdin.readline()
        batch(writer, 1)
        writer.close()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "a.ph")], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout.readline() == "there\n"
        with pytest.raises(UsageError, match="is being written"):
            Writer(str(tmp_path / "a.ph"), force=True)
        assert marks(tmp_path / "a.ph") == 1
        os.link(tmp_path / "a.ph", tmp_path / "l.ph")  # by another name: from a copy, no side file is left
        assert marks(tmp_path / "l.ph") == 1 and "l.ph-wal" not in names_in(tmp_path)
        for name in ("a.ph", "l.ph"):
            with Reader(str(tmp_path / name)) as reader:
                assert reader.container.written
        child.communicate("go on\n", timeout=300)
    assert marks(tmp_path / "a.ph") == marks(tmp_path / "l.ph") == 2


def test_a_copy_over_a_file_that_is_being_recorded(tmp_path):
    """The recorder notices, stops, and does not touch the other one."""
    before = good(tmp_path / "good.ph", 30)
    writer = begun(tmp_path / "a.ph")
    for n in range(20):
        batch(writer, n)
    shutil.copyfile(tmp_path / "good.ph", tmp_path / "a.ph")
    with pytest.raises(HostError, match=r"a\.ph has been overwritten while it was recorded"):
        batch(writer, 20)
    writer.close()
    assert (tmp_path / "a.ph").read_bytes() == before and marks(tmp_path / "a.ph") == 30
    writer = begun(tmp_path / "b.ph")
    batch(writer, 0)
    shutil.copyfile(tmp_path / "good.ph", tmp_path / "b.ph")  # and not at its end either
    writer.close()
    assert (tmp_path / "b.ph").read_bytes() == before


def test_a_copy_over_a_file_that_is_being_debugged(tmp_path):
    """A name for one of its moments does not go into the other one."""
    good(tmp_path / "a.ph")
    with begun(tmp_path / "good.ph", shift=5) as writer:
        batch(writer, 0, end=True)
    before = (tmp_path / "good.ph").read_bytes()
    with Reader(str(tmp_path / "a.ph")) as reader:
        shutil.copyfile(tmp_path / "good.ph", tmp_path / "a.ph")
        named = Snapshot("named", Moment(2), 16, "2026-01-01T00:00:00Z", bytes(16))
        for change in (lambda: add(reader.path, named, reader.genesis), lambda: remove(reader.path, "x", b"other")):
            with pytest.raises(HostError, match="it is another recording than the one that was opened"):
                change()
    assert (tmp_path / "a.ph").read_bytes() == before


@pytest.mark.parametrize("folded", [False, True])
def test_a_kill_between_a_commit_and_its_copy(tmp_path, folded):
    """The log is the file's own anyway, also if it was begun a moment ago."""
    writer = begun(tmp_path / "writing")
    for n in range(6):
        writer._fold_at = 0 if folded else writer._fold_at
        batch(writer, n)
    follow, writer._copy.follow = writer._copy.follow, lambda: None
    batch(writer, 6)
    writer._copy.follow = follow
    left_by(writer, tmp_path / "a.ph")
    assert marks(tmp_path / "a.ph") == 7 and names_in(tmp_path) == ["a.ph"]


def test_two_recordings_have_two_numbers(tmp_path):
    good(tmp_path / "a.ph")
    good(tmp_path / "b.ph")
    numbers = [(tmp_path / n).read_bytes()[beside.NUMBER] for n in ("a.ph", "b.ph")]
    assert numbers[0] != numbers[1] and bytes(4) not in numbers


# -- where nothing can be written


@pytest.fixture
def read_only(tmp_path):
    """A function that makes a folder a read-only file system."""
    mounted = []

    def mount(folder):
        commands = (["mount", "--bind", folder, folder], ["mount", "-o", "remount,bind,ro", folder])
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"NOT TESTED: this host mounts nothing for us ({done.stderr.strip()})")
            mounted.append(folder)

    yield mount
    for folder in mounted[:1]:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("kept", [("-wal",), ("-wal", "-shm"), ()])
def test_a_killed_recording_on_a_read_only_file_system(tmp_path, read_only, kept):
    folder = tmp_path / "ro"
    folder.mkdir()
    killed(tmp_path / "a.ph", 9)
    for suffix in ("", *kept):
        shutil.copyfile(tmp_path / f"a.ph{suffix}", folder / f"a.ph{suffix}")
    read_only(folder)
    assert marks(folder / "a.ph") == 9 and names_in(folder) == sorted(["a.ph", *(f"a.ph{s}" for s in kept)])
    with Reader(str(folder / "a.ph")) as reader:
        assert not reader.container.written  # `console --follow` would wait forever


def test_a_foreign_log_on_a_read_only_file_system(tmp_path, read_only, capfd):
    folder = tmp_path / "ro"
    folder.mkdir()
    killed(tmp_path / "a.ph", 9)
    good(folder / "a.ph")
    shutil.copyfile(tmp_path / "a.ph-wal", folder / "a.ph-wal")
    read_only(folder)
    assert marks(folder / "a.ph") == 4 and "it is not used" in capfd.readouterr().err
