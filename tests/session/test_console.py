"""The console of a recording is what a replay prints, to the byte and to the moment; what is found with it is there."""

from collections.abc import Sequence
import random
import sqlite3
import threading
import time
from pathlib import Path

import planted
import pytest
import zstandard

from playhead.base.errors import DivergenceError, UsageError
from playhead.boards.config import PcConfig
from playhead.boards.pc_devices import parts
from playhead.cli import main
from playhead.cli.recorded_machine import moment_of, timeline
from playhead.log.console import DEBUGCON
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.timeline.moments import AtOutput, parse
from tools.fuzz import recording as fuzz_recording
from tools.fuzz import recording_mutations

TEXTS = ["demo> ", "d", "\r\n", "sum of the image", "echo TEXT", "65", "he", "> time\r\n"]


class Listening(ReplaySession):
    """A replay that notes each byte of output with its moment; of itself, it knows of no index."""

    heard: dict[int, list[tuple[int, Moment]]] = {}

    def _printed(self, port: int, data: bytes, icounts: Sequence[int]) -> None:
        super()._printed(port, data, icounts)
        moments = (Moment(icount, 0) for icount in icounts)
        Listening.heard.setdefault(port, []).extend(zip(data, moments, strict=True))


def heard(path: Path) -> dict[int, list[tuple[int, Moment]]]:
    Listening.heard = {}
    assert planted.replay(path, session=Listening, console=False).complete
    return Listening.heard


@pytest.fixture(scope="module")
def cut_up(tmp_path_factory) -> Path:
    """The demo guest with typed input, in as many batches as can be."""
    return fuzz_recording.record("demo", tmp_path_factory.mktemp("console")).path


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return planted.shared(tmp_path_factory)


@pytest.mark.parametrize("which", ["cut_up", "recording"])
def test_it_is_what_a_replay_prints_and_when(which, request):
    path = request.getfixturevalue(which)
    with Reader(str(path)) as reader:
        assert len({n for n, batch in enumerate(reader.batches()) if batch.printed}) > 1
        printed = [(one.port, byte, at) for one in reader.console.each()
                   for byte, at in zip(one.text, one.moments, strict=True)]  # fmt: skip
    assert {port: [(b, at) for p, b, at in printed if p == port] for port in {0}} == heard(path)


def test_a_moment_found_with_it_is_the_one_at_which_a_replay_prints_it(cut_up):
    bytes_and_moments = heard(cut_up)[0]
    text = bytes(byte for byte, _ in bytes_and_moments)
    with Reader(str(cut_up)) as reader, timeline(reader) as (line, _):
        for wanted in TEXTS:
            at = text.find(wanted.encode())
            expected = bytes_and_moments[at + len(wanted.encode()) - 1][1] if at >= 0 else None
            if expected is None:
                with pytest.raises(UsageError, match="never prints"):
                    line.find(AtOutput(wanted.encode()))
                continue
            assert line.find(AtOutput(wanted.encode(), 0)).moment == expected
            there = line.player.digest()
            assert moment_of(reader, f'serial:"{wanted}"') == expected
            line.seek(Moment(expected.icount - 1))
            line.run_to(expected)
            assert line.player.digest() == there
        for odd in ("serial1:demo", "debugcon:demo", "serial:nothing like it", "serial7:demo", "serial:\udcff"):
            with pytest.raises(UsageError, match="never prints"):
                line.find(parse(odd, line.end))


def test_what_a_part_and_a_replay_of_a_stretch_have_of_it(cut_up, tmp_path, capfdbinary):
    part, bytes_and_moments = tmp_path / "part.ph", heard(cut_up)[0]
    begin, end = bytes_and_moments[40][1], bytes_and_moments[-30][1]
    assert main(["trim", str(cut_up), "-o", str(part), "--quiet", "--from", str(begin), "--to", str(end)]) == 0
    wanted = bytes(byte for byte, at in bytes_and_moments if begin < at <= end)
    outputs = []
    for words in (["console", str(part)], ["console", str(cut_up), "--from", str(begin), "--to", str(end)],
                  ["replay", "--quiet", str(part)],
                  ["replay", "--quiet", str(cut_up), "--from", str(begin), "--to", str(end)]):  # fmt: skip
        capfdbinary.readouterr()
        assert main(words) == 0
        outputs.append(capfdbinary.readouterr().out)
    assert outputs == [wanted] * 4 and len(wanted) > 50
    with Reader(str(part)) as reader:
        assert not verify(reader).faults
        assert next(iter(reader.console.each())).moments[0] > reader.start.moment


def tampered(path: Path, out: Path, change: str) -> Path:
    """One row of the index changed, and all hashes made to fit."""
    out.write_bytes(path.read_bytes())
    db = sqlite3.connect(out, isolation_level=None)
    id, text, moments = db.execute(
        "SELECT id, text, moments FROM console WHERE size > 20 ORDER BY id DESC LIMIT 1"
    ).fetchone()
    plain, deltas = (bytearray(zstandard.ZstdDecompressor().decompress(data)) for data in (text, moments))
    if change == "text":
        plain[3] ^= 1
    elif change == "moment":
        small = [n for n in range(2, len(deltas)) if deltas[n - 2] < 0x80 and 8 < deltas[n - 1] < 0x7E > deltas[n] > 8]
        at = small[0] - 1
        deltas[at], deltas[at + 1] = deltas[at] + 2, deltas[at + 1] - 2
    row = zstandard.compress(bytes(plain)), zstandard.compress(bytes(deltas))
    if change == "lost":
        db.execute("DELETE FROM console WHERE id = ?", (id,))
        db.execute("UPDATE console SET id = id - 1 WHERE id > ?", (id,))
        db.execute("UPDATE batch SET last_console = last_console - 1 WHERE last_console >= ?", (id,))
    elif change == "port":
        db.execute("UPDATE console SET port = 1, position = 0 WHERE id = ?", (id,))
    else:
        db.execute("UPDATE console SET text = ?, moments = ? WHERE id = ?", (*row, id))
    recording_mutations.fit(db)
    db.close()
    return out


@pytest.mark.parametrize("change", ["text", "moment", "lost", "port"])
def test_an_index_that_says_something_else_is_a_divergence(recording, tmp_path, change, capsys):
    path = tampered(recording, tmp_path / "r.ph", change)
    with pytest.raises(DivergenceError, match=r"output: the recording has .*, the replay printed") as e:
        planted.replay(path)
    assert e.value.status == 1
    assert main(["replay", "--quiet", "--no-digest", "-serial", "null", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_damage_without_fitting_hashes_is_found_by_verify(recording, tmp_path, capsys):
    path = tmp_path / "r.ph"
    for column, value in (("text", b"x"), ("moments", b""), ("port", 7), ("icount", 5), ("size", 1), ("position", 9)):
        path.write_bytes(recording.read_bytes())
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"UPDATE console SET {column} = ?", (value,))
        db.close()
        assert main(["verify", str(path)]) == 2 and "is damaged: batch" in capsys.readouterr().err
        assert main(["console", str(path)]) == 2


def test_follow_prints_what_is_added_until_the_end(tmp_path, capfdbinary, monkeypatch):
    """A recording that is being written: what is flushed is printed, and the end of it ends this."""
    monkeypatch.setattr("playhead.cli.console.LOOK_S", 0.02)
    path = tmp_path / "r.ph"
    pc = PcConfig(bios=bytes(65536), ram_bytes=8 << 20, **parts(serial=("file", "file")))
    writer = Writer(str(path))
    writer.begin({"config": pc.to_json(), "session": {}, "parts": ["cpu"], "digest_period": 1000, "shift": 3},
                 pc.blobs().values())  # fmt: skip
    status: list[int] = []
    follower = threading.Thread(target=lambda: status.append(main(["console", "--follow", "--port", "1", str(path)])))

    def write(n: int) -> None:
        writer.printed(1, b"line %d\n" % n, [Moment(100 * n + i) for i in range(7)])
        writer.printed(DEBUGCON, b"x", [Moment(100 * n + 2)])
        writer.flush(Moment(100 * n + 10), 0, 0)

    write(1)
    follower.start()
    seen = b""
    for n in (2, 3):
        limit = time.monotonic() + 90
        while b"line %d\n" % (n - 1) not in seen and time.monotonic() < limit:
            time.sleep(0.05)
            seen += capfdbinary.readouterr().out
        write(n)
    writer.close()  # killed, as far as a reader can tell: no END
    follower.join(90)
    captured = capfdbinary.readouterr()
    assert seen + captured.out == b"line 1\nline 2\nline 3\n" and status == [0]
    assert b"cut off" in captured.err


def test_the_verb(recording, tmp_path, capfdbinary):
    assert main(["console", "--moments", str(recording)]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    with Reader(str(recording)) as reader:
        at = moment_of(reader, 'serial:"sum of the image"')
    found = [line for line in lines if b"sum of the image" in line]
    assert len(found) == 1 and int(found[0].split()[0]) > at.icount
    assert lines[-1].split()[0].isdigit()
    for words, wrong in (
        (["--port", "1"], b"there is no --port 1"), (["--port", "9"], b"is not one of"),
        (["--from", "2M", "--to", "end"], b"is not in"), (["--from", "end", "--to", "5"], b"comes after"),
        (["--follow", "--to", "5"], b"leave out --to"),
        (["--to", 'debugcon:"x"'], b"playhead console --port debugcon "),
    ):  # fmt: skip
        assert main(["console", str(recording), *words]) == 2
        assert wrong in capfdbinary.readouterr().err, words
    assert main(["console", "--port", "debugcon", str(recording)]) == 0 and capfdbinary.readouterr().out == b""


def test_splits_and_engines_do_not_matter(recording):
    rng = random.Random(5)
    for _ in range(2):
        assert planted.replay(recording, split_seed=rng.randrange(1000)).complete
    with Reader(str(recording)) as reader:
        assert ReplayOptions().console and reader.console is not None
