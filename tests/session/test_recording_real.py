"""Recordings of real guests as files: killed, alone, on a full disk, read meanwhile, without their sources."""

import json
import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.host.host import Host
from playhead.log import views
from playhead.log.reader import Reader
from tools import guest
from tools.fuzz import kill as fuzz_kill
from tools.fuzz import recording as fuzz_recording

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
DOCS = Path(__file__).resolve().parents[2] / "docs"


def machine(name, out):
    return ["-bios", str(guest.image(name)), "-m", "16", "-serial", f"file:{out}"]


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_a_random_time(seed, tmp_path):
    rng = random.Random(seed)
    killed, looks = fuzz_kill.kill_once("demo", tmp_path / "kill", rng, rng.uniform(0, 1.5), peeks=3)
    assert killed.begun
    for look in (*looks, killed):
        assert not look.wrong, (look.what, look.wrong)


@pytest.mark.guest
@pytest.mark.parametrize("after_s", [2.0, 7.5])
def test_killed_while_debian_boots(after_s, tmp_path):
    killed, looks = fuzz_kill.kill_once("debian", tmp_path / "kill", random.Random(after_s), after_s, peeks=4)
    assert killed.instructions > 0 and not killed.wrong and not any(look.wrong for look in looks), (killed, looks)


def test_mutated_recordings():
    said = []
    assert fuzz_recording.fuzz(300, 3, say=said.append) == [], "\n".join(said)


def test_no_room_for_more(tmp_path):
    """The limit of the size of files, which fails as a full disk does. The file alone holds what was flushed before."""
    path, limit = tmp_path / "r.ph", 600_000
    command = [*PLAYHEAD, "record", "-o", str(path), "-bios", str(guest.image("demo")), "-m", "16", "-serial", "pty"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))  # fmt: skip
    terminal, begun = None, 0
    try:
        terminal = os.open(child.stderr.readline().split()[-1], os.O_RDWR | os.O_NOCTTY)
        os.set_blocking(terminal, False)
        until = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < until:
            for work in (lambda: os.write(terminal, b"time\r"), lambda: os.read(terminal, 4096)):
                try:
                    work()
                except (BlockingIOError, OSError):
                    pass
            time.sleep(0.002)
            size = path.stat().st_size if path.exists() and (tmp_path / "r.ph-wal").exists() else 0
            begun = begun or size
            if begun < size < limit:  # something was flushed after the beginning
                resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, limit))
    finally:
        child.kill()
        said = child.communicate()[1]
        if terminal is not None:
            os.close(terminal)
    assert child.returncode == 2 and re.search(r"playhead: .*valid up to instruction \d+", said), said
    place = tmp_path / "alone"
    place.mkdir()
    shutil.copyfile(path, place / "r.ph")
    done = subprocess.run([*PLAYHEAD, "replay", "--verify", str(place / "r.ph")], capture_output=True, text=True)
    assert done.returncode == 0 and "the recording ends here" in done.stderr, done


def test_where_nothing_can_be_written(tmp_path, capsys):
    if os.geteuid() == 0:
        place = "/proc/r.ph"  # root may write to any folder on a disk
    else:
        (tmp_path / "sealed").mkdir(mode=0o500)
        place = str(tmp_path / "sealed" / "r.ph")
    assert main(["record", "-o", place, *machine("tss", tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"playhead: cannot write {place}") and said.count("\n") == 1


def test_read_dumped_and_replayed_while_it_is_written(tmp_path):
    path = tmp_path / "r.ph"
    child = subprocess.Popen(fuzz_kill.command("demo", path, tmp_path / "c"), stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    try:
        until = time.monotonic() + 90
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        reached = []
        for _ in range(3):
            time.sleep(0.4)
            for verb in (["info"], ["verify"], ["log", "dump"], ["replay", "--quiet", "-serial", "null"]):
                done = subprocess.run([*PLAYHEAD, *verb, str(path)], capture_output=True, text=True, timeout=300)
                assert done.returncode == 0, (verb, done.stderr)
            reached.append(int(re.search(r"ends here, at instruction (\d+)", done.stderr)[1]))
        assert reached == sorted(set(reached))
        child.terminate()
        assert child.wait(90) == 0, child.stderr.read()
    finally:
        child.kill()
        child.communicate()
    assert main(["replay", "--verify", "--quiet", str(path)]) == 0
    with Reader(str(path)) as reader:
        assert reader.ended()


@pytest.mark.guest
def test_it_needs_nothing_but_itself(tmp_path, capfd):
    """The files that a recording was made from may go away; it replays in another folder, to its last moment."""
    kernel, initrd = (shutil.copy(source, tmp_path) for source in guest.debian("boot"))
    path = tmp_path / "r.ph"
    command = [*PLAYHEAD, "record", "-o", str(path), "-m", "128", "-kernel", kernel, "-initrd", initrd, "-append",
               guest.DEBIAN_APPEND, "-serial", "stdio"]  # fmt: skip
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = os.read(child.stdout.fileno(), 1)  # by now there is a recording
    time.sleep(3)
    child.terminate()
    said = first + child.communicate(timeout=300)[0]
    os.unlink(kernel)
    os.unlink(initrd)
    (tmp_path / "elsewhere").mkdir()
    other = shutil.move(path, tmp_path / "elsewhere" / "moved.ph")
    done = subprocess.run([*PLAYHEAD, "replay", "moved.ph"], cwd=tmp_path / "elsewhere", capture_output=True)
    assert done.returncode == 0 and done.stdout == said, done.stderr
    assert main(["info", "--verify", str(other)]) == 0
    shown = capfd.readouterr().out
    assert all(word in shown for word in ("kernel=sha256", "initrd=sha256", "parent", "verified"))


def test_idle_time_is_skipped(tmp_path, monkeypatch):
    """Six seconds at an idle prompt replay without waiting, and with the little work in them."""
    path = tmp_path / "r.ph"
    command = [*PLAYHEAD, "record", "-o", str(path), "-bios", str(guest.image("demo")), "-m", "16", "-nographic"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said = b""
    while b"> " not in said:
        piece = os.read(child.stdout.fileno(), 4096)
        assert piece, said
        said += piece
    time.sleep(6)
    child.communicate(b"off\r", timeout=300)
    facts = json.loads(subprocess.check_output([*PLAYHEAD, "info", "--json", str(path)]))
    waited = []
    monkeypatch.setattr(Host, "wait", lambda self, timeout_ns: waited.append(timeout_ns))
    assert main(["replay", "--quiet", str(path)]) == 0
    assert facts["wall_seconds"] > 5 and facts["virtual_seconds"] > 5 and sum(waited) < 1e9, (waited, facts)


# -- the documents


def test_the_queries_run_on_a_real_recording(tmp_path):
    queries = re.findall(r"```sql\n(.*?)```", (DOCS / "queries.md").read_text(), re.S)
    assert len(queries) == 6
    original = fuzz_recording.record("demo", tmp_path)
    db = sqlite3.connect(f"file:{original.path}?mode=ro", uri=True)
    db.executescript(views.script())
    counts, typed, speed, dates, room, kept = (db.execute(query).fetchall() for query in queries)
    assert dict(row[:2] for row in counts)["ASYNC_CHAR_READ"] == len(typed) and counts[0][1] >= counts[-1][1]
    assert "".join(row[2] for row in typed) == "sum\rtime\r"
    assert sum(row[1] for row in speed) == pytest.approx(original.icount / 1e6, abs=0.2 * len(speed))
    # what the guest printed, to the minute; another of its tasks may print into the line of the answer
    shown = {date.decode() for date in re.findall(rb"\d{4}-\d\d-\d\d \d\d:\d\d", original.console)}
    assert shown & {row[1][:16] for row in dates}, (shown, dates, original.console)
    assert [row[0] for row in room] == ["firmware", "other", "events", "digests", "checkpoints", "pages"]
    assert room[0][1] == 65536 and room[5][1] > room[5][2] > 0
    assert [row[0] for row in kept] == list(range(1, len(kept) + 1)) and sum(row[2] for row in kept) == kept[-1][1]
    assert len(kept) > 3 and sum(row[3] > 0 for row in kept) > 3


def test_the_format_page_names_every_column_and_meta_key(tmp_path):
    page = (DOCS / "recording-format.md").read_text()
    original = fuzz_recording.record("tss", tmp_path)
    db = sqlite3.connect(original.path)
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in db.execute(f"PRAGMA table_info({table})"):
            assert f"`{row[1]}`" in page, (table, row[1])
    for (key,) in db.execute("SELECT key FROM meta"):
        assert f"`{key}`" in page, key
