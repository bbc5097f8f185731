"""Coverage is what single steps see, whatever it is written as, and on however many processors it was counted."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import resealing

import playhead
from playhead.analyses import lcov
from playhead.analyses.coverage import Coverage, coverage
from playhead.analyses.modules import functions
from playhead.api.recording import Recording
from playhead.cli import main
from playhead.linux.line_tables import lines_of
from playhead.linux.symbol_table import Symbol, SymbolTable
from playhead.log.moment import Moment
from tools import asm

FIRST, LAST = 539_000, 551_000  # the guest leaves one loop for another


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resealing.dense_demo(tmp_path_factory)


@pytest.fixture
def rec(path: Path) -> Iterator[Recording]:
    with playhead.open(path) as found:
        yield found


@pytest.fixture(scope="module")
def whole(path: Path) -> Coverage:
    with playhead.open(path) as found:
        return coverage(found, jobs=1)


def columns(found: Coverage) -> list[bytes]:
    return [column.tobytes() for column in found.counts]


def test_counts_are_those_of_single_steps(path: Path, rec: Recording) -> None:
    with playhead.open(path, engine="reference") as other:
        line = other.timeline()
        line.enter(Moment(FIRST))
        seen: Counter[int] = Counter()
        while line.moment < Moment(LAST):
            before, pc = line.moment, line.machine.pc()
            line.step()
            seen[pc] += line.moment.icount - before.icount
    found = coverage(rec, FIRST, LAST).counts
    assert dict(zip(found.linear.tolist(), found.executions.tolist(), strict=True)) == +seen
    assert found.total == LAST - FIRST


@pytest.mark.parametrize("jobs", [2, 5])
def test_segments_add_up(rec: Recording, whole: Coverage, jobs: int) -> None:
    assert whole.total == rec.end.icount
    assert columns(coverage(rec, jobs=jobs)) == columns(whole)


def test_drcov(path: Path, whole: Coverage, tmp_path: Path) -> None:
    files = [tmp_path / f"{jobs}.drcov" for jobs in (1, 3)]
    for jobs, file in zip((1, 3), files, strict=True):
        assert main(["coverage", str(path), "-o", str(file), "--jobs", str(jobs)]) == 0
    data = files[0].read_bytes()
    assert files[1].read_bytes() == data
    head, _, rest = data.partition(b"BB Table: ")
    count, _, table = rest.partition(b" bbs\n")
    lines = head.decode().splitlines()
    assert lines[:2] == ["DRCOV VERSION: 2", "DRCOV FLAVOR: playhead"]
    assert lines[2] == f"Module Table: version 2, count {len(lines) - 4}"
    assert lines[3] == "Columns: id, base, end, entry, path"
    bases = [int(line.split(", ")[1], 16) for line in lines[4:]]
    blocks = list(struct.iter_unpack("<IHH", table))
    assert len(blocks) == int(count) > 100
    covered = {bases[module] + start + n for start, size, module in blocks for n in range(size)}
    linear, length, _ = whole.bytes_once
    assert covered == {a + n for a, size in zip(linear.tolist(), length.tolist(), strict=True) for n in range(size)}


def test_functions(whole: Coverage) -> None:
    a, b = sorted(whole.counts.linear.tolist())[::len(whole.counts.linear) - 1]
    middle = (a + b) // 2
    table = SymbolTable([Symbol(a, 0, "one"), Symbol(middle, 0, "two"), Symbol(middle, 0, "same"), Symbol(b, 64, "end"),
                         Symbol(a + 1, 0, "data", "", "d")])  # fmt: skip
    assert [one.name for one in functions(table)] == ["one", "two", "end"]
    found = Coverage(whole.counts, table)
    rows = {row.name: row for row in found.functions()}
    assert sum(row.instructions for row in rows.values()) == whole.total
    first = whole.counts.linear == a
    assert rows["one"].calls == whole.counts.executions[first].sum() and rows["one"].module == "kernel"
    assert 0 < rows["one"].executed <= rows["one"].size
    part = found.only(user=False, between=range(a, middle))
    assert part.total == rows["one"].instructions and found.only(user=True).total > 0


def test_tables(path: Path, whole: Coverage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db, parquet, text = tmp_path / "x.sqlite", tmp_path / "x.parquet", tmp_path / "x.json"
    arrow = pytest.importorskip("pyarrow.parquet")
    assert main(["coverage", str(path), "--sqlite", str(db), "--parquet", str(parquet), "-o", str(text)]) == 0
    assert f"{whole.total:,} instructions at" in capsys.readouterr().out
    total = sqlite3.connect(db).execute("SELECT sum(instructions * executions) FROM block").fetchone()[0]
    assert total == whole.total == json.loads(text.read_text())["instructions"]
    assert arrow.read_table(parquet).num_rows == len(whole.blocks.linear)
    assert main(["coverage", str(path), "--json", "--count", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["module"] == "user-000f0000"


@pytest.mark.parametrize("kind, begins", [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_plots(path: Path, tmp_path: Path, kind: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / f"x.{kind}"
    assert main(["coverage", str(path), "-o", str(file), "--to", "100000"]) == 0
    assert file.read_bytes().startswith(begins)


def test_lcov(whole: Coverage, tmp_path: Path) -> None:
    pytest.importorskip("elftools")
    source, elf = tmp_path / "a.s", tmp_path / "a.elf"
    source.write_text("_start:\n nop\n nop\n\n inc %eax\n")
    elf.write_bytes(asm.program(source, "a.s"))
    lines = lines_of(str(elf))
    assert [(one.first - lines[0].first, one.last - one.first, one.file, one.line) for one in lines] == [
        (0, 1, "a.s", 2), (1, 1, "a.s", 3), (2, 1, "a.s", 5),
    ]  # fmt: skip
    address, count = int(whole.counts.linear[0]), int(whole.counts.executions[0])
    out = tmp_path / "x.info"
    with out.open("w") as file:
        assert lcov.write(whole, lines, file, address - lines[1].first) >= 1
    assert f"DA:3,{count}\n" in out.read_text() and "DA:2,0\n" in out.read_text()
    assert out.read_text().startswith("TN:\nSF:a.s\n") and out.read_text().endswith("end_of_record\n")


@pytest.mark.parametrize("words, said", [
    (["-o", "x.txt"], "-o x.txt: its name says what to write: it ends in .drcov, .info, .json, .svg or .png"),
    (["--user", "--kernel"], "--user or --kernel: without both of them, all code counts"),
    (["-o", "x.info"], "source lines: -o x.info and --lines ELF go together"),
    (["--lines", "x"], "source lines: -o x.info and --lines ELF go together"),
    (["--sqlite", __file__], "it exists; give another name"),
    (["-o", "THERE.json"], "it exists and is no json file; give another name"),
    (["--from", "2%", "--to", "1%"], "would go backwards"),
])  # fmt: skip
def test_refusals(path: Path, tmp_path: Path, monkeypatch, capsys, words: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "THERE.json").write_text("text")
    assert main(["coverage", str(path), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
