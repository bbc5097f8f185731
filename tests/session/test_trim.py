"""Checkpoints that a session takes, and parts of recordings, which begin at one: with real guests."""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from playhead.base.errors import FormatError
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.host.host import Host
from playhead.log import snapshots
from playhead.log.events import ClockHost
from playhead.log.moment import Moment
from playhead.log.pages import pack_parts, unpacked
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.machine.machine import Machine
from playhead.session.part import PartSession
from playhead.session.replay import ReplaySession
from tools.fuzz import recording as fuzz_recording
from tools.fuzz import recording_mutations


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The demo guest with typed input, a digest each 50,000 instructions, and a checkpoint at every third."""
    return fuzz_recording.record("demo", tmp_path_factory.mktemp("trim"))


def trim(source, out, *words):
    assert main(["trim", str(source), "-o", str(out), "--quiet", *words]) == 0
    return out


def replay(path, console=None):
    """Exit status; what the guest printed goes to a file."""
    out = str(console or path.with_suffix(".console"))
    return main(["replay", str(path), "--quiet", "-serial", f"file:{out}"]), Path(out).read_bytes()


def info(path, capsys):
    capsys.readouterr()
    assert main(["info", "--json", str(path)]) == 0
    return json.loads(capsys.readouterr().out)


def test_checkpoints_change_nothing(tmp_path, monkeypatch):
    """Same inputs (none), with and without: the same digests, the same end."""
    found = []
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
        original = fuzz_recording.record("tss", tmp_path / name)
        with Reader(str(original.path)) as reader:
            kept, batches = reader.checkpoints(), list(reader.batches())
        assert (len(kept) > 10) == (name == "with")
        events = [(e.moment, e.event) for batch in batches for e in batch.entries if not isinstance(e.event, ClockHost)]
        found.append((original.icount, original.console, [d for batch in batches for d in batch.digests], events))
        monkeypatch.setattr("playhead.session.record.RecordSession._checkpoint", lambda self: None)
    assert found[0] == found[1] and len(found[0][2]) > 30


def machine(reader):
    config = PcConfig.from_json(reader.meta["config"], reader.blob)
    return lambda door: Machine(config, door, shift=3)


def test_every_checkpoint_is_the_state_of_its_moment(original):
    """A replay that arrives at a checkpoint's moment has exactly its parts and its memory."""
    with Reader(str(original.path)) as reader:
        session = PartSession(machine(reader), Host(["null"], "null", reads=False), reader)
        known: dict[int, bytes] = {}
        with session.host:
            session.begin()
            for kept in reader.checkpoints():
                session.run_to(kept.moment)
                known |= reader.checkpoint_pages(kept)
                parts, _ = session.machine.take_checkpoint()
                assert (session._moment(), session.machine.now_ns()) == (kept.moment, kept.virtual_ns)
                assert session._taken == kept.last_event
                assert reader.checkpoint_parts(kept) == parts
                contents = reader.pages(known.values())
                first = session.first()
                assert {n: contents[known[n]] for n in first.pages} == first.pages
                assert all(contents[hash] == session.machine.memory.area[n * 4096 : n * 4096 + 4096]
                           for n, hash in known.items())  # fmt: skip


@pytest.mark.parametrize("begin, end", [("start", "end"), ("0", "40%"), ("30%", "end"), ("123457", "700001"),
                                        ("150000", "600000"), ("99%", "end"), ("500000", "500001")])  # fmt: skip
def test_a_part_replays_alone(original, tmp_path, begin, end, capsys):
    part = trim(original.path, tmp_path / "part.ph", "--from", begin, "--to", end)
    (tmp_path / "alone").mkdir()
    part = Path(shutil.move(part, tmp_path / "alone" / "part.ph"))
    assert main(["verify", str(part)]) == 0
    status, console = replay(part)
    assert status == 0 and console in original.console
    assert replay(part)[0] == 0 and main(["replay", str(part), "--quiet", "--engine", "native", "--split-seed", "3",
                                          "-serial", "null"]) == 0  # fmt: skip
    facts, whole = info(part, capsys), info(original.path, capsys)
    assert facts["complete"] and facts["parent"]["to"][0] == facts["instructions"]
    if begin not in ("start", "0"):
        assert facts["start"]["icount"] == facts["parent"]["from"][0] > 0
    with Reader(str(original.path)) as reader:
        assert facts["parent"]["hash"] == reader.marks()[-1][2].hex()
        first, last = (Moment(*facts["parent"][name]) for name in ("from", "to"))
        inside = [e for e in reader.entries() if first <= e.moment < last]
        kept = [c.moment for c in reader.checkpoints() if first < c.moment <= last]
    if end == "end":
        assert facts["events"]["END"] == 1 and facts["instructions"] == whole["instructions"]
        assert console == original.console[len(original.console) - len(console) :]
    with Reader(str(part)) as reader:
        assert [(e.moment, e.event) for e in reader.entries()][: len(inside)] == [(e.moment, e.event) for e in inside]
        moments = [c.moment for c in reader.checkpoints()]
        assert moments == (kept if begin in ("start", "0") else [first, *kept])


def test_parts_of_parts(original, tmp_path, capsys):
    """The middle of the middle is that middle, and the ends still fit."""
    outer = trim(original.path, tmp_path / "outer.ph", "--from", "200000", "--to", "800000")
    inner = trim(outer, tmp_path / "inner.ph", "--from", "333333", "--to", "700000")
    direct = trim(original.path, tmp_path / "direct.ph", "--from", "333333", "--to", "700000")
    same = trim(outer, tmp_path / "same.ph")
    assert replay(inner)[0] == 0 and replay(same)[0] == 0
    assert info(inner, capsys)["start"] == info(direct, capsys)["start"]
    with Reader(str(inner)) as a, Reader(str(direct)) as b:
        assert [e.event for e in a.entries()] == [e.event for e in b.entries()]
        assert [d for x in a.batches() for d in x.digests] == [d for x in b.batches() for d in x.digests]
    assert main(["trim", str(outer), "-o", str(tmp_path / "no.ph"), "--from", "100000"]) == 2
    assert re.search(
        r"--from|100000 is not in .*, which goes from instruction 200000 to 800000", capsys.readouterr().err
    )


def test_names_inside_come_along(original, tmp_path):
    path = Path(shutil.copy(original.path, tmp_path / "named.ph"))
    for name, icount in (("before", 1000), ("inside", 300_000), ("behind", 900_000)):
        snapshots.add(
            str(path), snapshots.Snapshot(name, Moment(icount), icount << 3, "2026-01-01T00:00:00Z", b"r" * 16)
        )
    part = trim(path, tmp_path / "part.ph", "--from", "200000", "--to", "800000")
    with Reader(str(part)) as reader:
        assert [s.name for s in snapshots.names(reader)] == ["inside"] and not verify(reader).faults


def test_a_part_of_what_was_cut_off(original, tmp_path):
    path = Path(shutil.copy(original.path, tmp_path / "cut.ph"))
    db = sqlite3.connect(path)
    db.executescript("""DELETE FROM batch WHERE id > 8;
        DELETE FROM event WHERE id > (SELECT last_event FROM batch WHERE id = 8);
        DELETE FROM digest WHERE id > (SELECT last_digest FROM batch WHERE id = 8);
        DELETE FROM checkpoint WHERE id > (SELECT last_checkpoint FROM batch WHERE id = 8);""")
    db.close()
    part = trim(path, tmp_path / "part.ph", "--from", "100000")
    assert replay(part)[0] == 0 and main(["verify", str(part)]) == 0


@pytest.mark.parametrize("words, said", [
    (["--from", "70%", "--to", "30%"], "has nothing in it"), (["--from", "99999999999"], "is not in"),
    (["--to", "x"], "'x' is no moment"), (["--from", "101%"], "beyond the end of the recording"),
])  # fmt: skip
def test_what_cannot_be_cut(original, tmp_path, words, said, capsys):
    assert main(["trim", str(original.path), "-o", str(tmp_path / "no.ph"), *words]) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_where_it_may_not_go(original, tmp_path, capsys):
    assert main(["trim", str(original.path), "-o", str(original.path), "--force"]) == 2
    assert "are the same file" in capsys.readouterr().err
    (tmp_path / "there.ph").touch()
    assert main(["trim", str(original.path), "-o", str(tmp_path / "there.ph")]) == 2
    assert main(["trim", str(original.path)]) == 2


def unpacks_to_the_same(data, broken):
    try:
        return unpacked("zstd", bytes(broken), 1 << 20) == unpacked("zstd", data, 1 << 20)
    except FormatError:
        return False


def test_a_flipped_bit_in_the_first_state_is_named(original, tmp_path, capsys):
    """By `verify`, and by the replay that would begin with it."""
    part = trim(original.path, tmp_path / "part.ph", "--from", "40%", "--to", "60%")
    db = sqlite3.connect(part)
    (data,) = db.execute("SELECT data FROM pack WHERE id = 1").fetchone()
    for at in (len(data) // 3, len(data) // 2, len(data) - 9):
        broken = bytearray(data)
        broken[at] ^= 1
        while unpacks_to_the_same(data, broken):  # some bits of a zstd frame mean nothing
            at += 1
            broken[at] ^= 1
        db.execute("UPDATE pack SET data = ? WHERE id = 1", (bytes(broken),))
        db.commit()
        assert main(["verify", str(part)]) == 2
        said = capsys.readouterr().err
        assert "pack 1: " in said and "checkpoint 1: the content" in said and "of page 0x" in said
        assert main(["replay", str(part), "--quiet"]) == 2
        assert re.search(r"damaged: (page [0-9a-f]{12} in )?pack 1", capsys.readouterr().err)
    db.close()


@pytest.mark.parametrize("change", ["parts", "root", "moment", "virtual_ns", "none", "another"])
def test_a_beginning_that_does_not_fit_is_refused(original, tmp_path, change, monkeypatch):
    """Also if the hashes were made to fit: a replay begins with the state that is announced, or not at all."""
    part = trim(original.path, tmp_path / "part.ph", "--from", "40%", "--to", "60%")
    with Reader(str(part)) as reader:
        start, kept = reader.start, reader.checkpoints()[0]
        parts = reader.checkpoint_parts(kept)
        if change == "parts":
            monkeypatch.setattr(reader, "checkpoint_parts", lambda c: {**parts, "pic": parts["pic"] + b"0"})
        elif change == "none":
            monkeypatch.setattr(reader, "checkpoints", list)
        elif change == "another":
            monkeypatch.setattr(reader, "checkpoint_parts", lambda c: {**parts, "cpu": bytes(len(parts["cpu"]))})
        else:
            other = {"root": b"x" * 16, "moment": Moment(5), "virtual_ns": 5}[change]
            reader.start = start._replace(**{change: other})
        session = ReplaySession(machine(reader), Host(["null"], "null", reads=False), reader)
        with pytest.raises(FormatError, match=r"is damaged: (it has no checkpoint at|its first checkpoint is not)"):
            session.run()


def rows_of(path) -> dict[str, list]:
    """What a recording says, without when it was written and how its pages are packed."""
    with Reader(str(path)) as reader:
        checkpoints = [(c.moment, c.last_event, reader.checkpoint_parts(c), reader.checkpoint_pages(c))
                       for c in reader.checkpoints()]  # fmt: skip
        batches = list(reader.batches())
        printed = [(one.port, one.position, byte, at) for one in reader.console.each()
                   for byte, at in zip(one.text, one.moments, strict=True)]  # fmt: skip
    return {
        "events": [(e.moment, e.event) for b in batches for e in b.entries],
        "digests": [d for b in batches for d in b.digests], "checkpoints": checkpoints, "printed": printed,
    }  # fmt: skip


@pytest.mark.parametrize("share", [0.013, 0.35, 0.62, 0.97])
def test_a_part_is_made_from_the_nearest_checkpoint(original, tmp_path, monkeypatch, share):
    """It is what a replay from the beginning makes of it, and not more than two checkpoints' distance is run for it."""
    begin = int(original.icount * share)
    begun_at: list[int] = []
    first = PartSession.first

    def noted(session):
        begun_at.append(begin - session._first)
        return first(session)

    monkeypatch.setattr(PartSession, "first", noted)
    parts = []
    for name, words in (("near", []), ("whole", ["--verify"])):
        words += ["--from", str(begin), "--to", str(begin + original.icount // 100)]
        parts.append(rows_of(trim(original.path, tmp_path / f"{name}.ph", *words)))
        assert replay(tmp_path / f"{name}.ph")[0] == 0
    assert parts[0] == parts[1] and parts[0]["events"]
    with Reader(str(original.path)) as reader:
        before = [c.moment.icount for c in reader.checkpoints() if c.moment.icount <= begin]
    assert begun_at == [begin - max(before, default=0), begin]


def test_a_checkpoint_that_is_another_state_is_no_beginning(original, tmp_path, capsys):
    """All hashes were made to fit; its digest was not."""
    path = tmp_path / "r.ph"
    shutil.copyfile(original.path, path)
    with Reader(str(path)) as reader:
        kept = reader.checkpoints()[3]
        parts = reader.checkpoint_parts(kept)
    cpu = bytearray(parts["cpu"])
    cpu[8] ^= 1
    db = sqlite3.connect(path, isolation_level=None)
    packed = pack_parts({**parts, "cpu": bytes(cpu)})
    db.execute("UPDATE checkpoint SET parts = ? WHERE id = ?", (packed, kept.id))
    recording_mutations.fit(db)
    db.close()
    words = ["trim", str(path), "-o", str(tmp_path / "part.ph"), "--from", str(kept.moment.icount + 10), "--quiet"]
    assert main([*words, "--to", str(kept.moment.icount + 5000)]) == 2
    assert f"checkpoint {kept.id} is not the state" in capsys.readouterr().err
    assert not (tmp_path / "part.ph").exists()
    assert main([*words, "--to", str(kept.moment.icount + 5000), "--verify"]) == 0
