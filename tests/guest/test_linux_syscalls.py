"""System calls out of a recording are those that strace has seen in the guest: names, order and results, by process."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import playhead
from playhead.analyses import syscalls as analysis
from playhead.api.recording import Recording
from playhead.cli import main
from playhead.cli.recorded_machine import timeline
from playhead.linux import symbols_of
from playhead.linux.programs import Programs
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.timeline.moments import AtOutput, printed_at
from tests.shared import once
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LINE = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. \w+ resumed>|(?P<name>\w+)\(|[-+]{3} ).*")
RESULT = re.compile(r"\) += (-?\w+(?: E[A-Z0-9]+)?|\?)")
NOT_COMPARED = {"rt_sigreturn", "sigreturn"}  # strace shows what the program goes on with

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def traced(debian: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def record(path: Path) -> None:
        kernel, initrd = guest.debian("traced")
        words = ["record", "-o", str(path), "-kernel", str(kernel), "-initrd", str(initrd), "-m", "128", "-nographic"]
        words += ["-append", f"console=ttyS0 {guest.APPEND['traced']}", "-icount", "shift=3", "-no-reboot"]
        nothing = subprocess.DEVNULL
        subprocess.run([*PLAYHEAD, *words], stdin=nothing, stdout=nothing, check=True, timeout=600)

    return once(tmp_path_factory, "traced.ph", record)


def console(path: Path) -> str:
    out = subprocess.run([*PLAYHEAD, "console", str(path)], capture_output=True, check=True).stdout
    return out.decode(errors="replace").replace("\r\n", "\n")


def calls(path: Path, capfd: pytest.CaptureFixture[str], *words: str) -> dict[int, list[dict]]:
    """By process, in the order in which they were made."""
    assert main(["syscalls", str(path), "--json", *words]) == 0
    found = defaultdict(list)
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for row in sorted(rows, key=lambda row: (row["icount"], row["seq"])):
        found[row["pid"]].append(row)
    return found


def from_its_start(rows: list[dict]) -> list[dict]:
    """Without what a process of the shell has done before it became another program."""
    return rows[next(n for n, row in enumerate(rows) if row["name"] == "execve" and row["result"] == 0) :]


def seen_by_strace(text: str) -> dict[int, list[tuple[str, str]]]:
    """(name, result) by process."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        some, result = found[int(match["pid"])], (RESULT.findall(line) or [""])[-1]
        if match["name"]:
            some.append((match["name"], result))
        elif "resumed>" in line:
            some[-1] = (some[-1][0], result)
    return found


def test_the_calls_are_those_that_strace_saw(traced: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = console(traced)
    wanted = seen_by_strace(said[said.index("TRACE-BEGIN\n") + 12 : said.index("TRACE-END")])
    begin, end = 'serial:"JOB-END"', 'serial:"TRACE-BEGIN"'
    found = calls(traced, capfd, "--from", begin, "--to", end)
    assert len(wanted) > 8 and sum(map(len, wanted.values())) > 350
    root = min(wanted)
    found[root] = from_its_start(found[root])
    for pid, lines in wanted.items():
        ours = [(row["name"], row["result_shown"]) for row in found[pid]]
        assert [name for name, _ in ours] == [name for name, _ in lines], f"process {pid}"
        differ = [(a, b) for a, b in zip(ours, lines, strict=True) if a != b and a[0] not in NOT_COMPARED]
        assert not differ, f"process {pid}: {differ[:5]}"
    opened = [row["shown"] for row in found[root] if row["name"] == "openat"]
    assert ["AT_FDCWD", '"text"', "O_WRONLY|O_CREAT|O_APPEND|O_LARGEFILE", "0666"] in opened


def test_a_shell_that_nobody_traces_makes_the_same_calls(traced: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = console(traced)
    wanted = seen_by_strace(said[said.index("TRACE-BEGIN\n") + 12 : said.index("TRACE-END")])
    found = calls(traced, capfd, "--from", 'serial:"JOB-BEGIN"', "--to", 'serial:"JOB-END"')
    del found[1]
    found[min(found)] = from_its_start(found[min(found)])
    assert Counter(row["name"] for rows in found.values() for row in rows) == Counter(
        name for rows in wanted.values() for name, _ in rows
    )
    assert len({row["cr3"] for rows in found.values() for row in rows}) > 4  # page tables are used again
    (commands,) = [{row["comm"] for row in rows} for pid, rows in found.items() if pid == max(found)]
    assert commands & {"rm", "md5sum", "head", "sh"}


def test_a_module_that_was_loaded_has_symbols(traced: Path) -> None:
    with Reader(str(traced)) as reader:
        table = symbols_of(reader)
    assert table.symbol("evdev_poll").module == "evdev" and table.address("evdev:evdev_poll") > table.address("_stext")


STRETCH = ['serial:"JOB-BEGIN"', "end"]


@pytest.fixture
def rec(traced: Path) -> Iterator[Recording]:
    with playhead.open(str(traced)) as found:
        yield found


def in_one_go(rec: Recording, monkeypatch: pytest.MonkeyPatch) -> list[analysis.SystemCall]:
    with monkeypatch.context() as patch:
        patch.setattr(analysis.SystemCalls, "piecemeal", False)
        return list(analysis.syscalls(rec, *STRETCH, jobs=1))


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_calls_do_not_depend_on_segments(rec: Recording, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    joined: list[object] = []
    before = analysis._Joining._returned
    monkeypatch.setattr(analysis._Joining, "_returned", lambda self, it: note(joined, before(self, it)))
    whole = in_one_go(rec, monkeypatch)
    assert not any(joined) and len(whole) > 800
    assert list(analysis.syscalls(rec, *STRETCH, jobs=jobs)) == whole
    assert any(call is not None for call in joined)  # these have returned in another segment


def note(seen: list[object], it: object) -> object:
    seen.append(it)
    return it


def test_what_was_not_kept_is_looked_up(rec: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, looked = in_one_go(rec, monkeypatch), []
    monkeypatch.setattr(analysis.linux, "memory_at_exit", lambda *words: {})
    monkeypatch.setattr(rec, "at", lambda where: note(looked, Recording.at(rec, where)))
    assert list(analysis.syscalls(rec, *STRETCH, jobs=2)) == whole and looked


def test_lines_and_tables_are_those_of_one_processor(traced, capfd, tmp_path):
    stretch = ["--from", STRETCH[0]]
    said = []
    for jobs in "123":
        assert main(["syscalls", str(traced), *stretch, "--jobs", jobs]) == 0
        said.append(capfd.readouterr().out)
    assert said[0] == said[1] == said[2] and said[0].count("\n") > 800
    assert main(["syscalls", str(traced), *stretch, "--jobs", "2", "--most", "7"]) == 0
    assert capfd.readouterr().out.splitlines() == said[0].splitlines()[:7]
    db, parquet = tmp_path / "x.sqlite", tmp_path / "x.parquet"
    arrow = pytest.importorskip("pyarrow.parquet")
    assert main(["syscalls", str(traced), *stretch, "--sqlite", str(db), "--parquet", str(parquet)]) == 0
    rows = sqlite3.connect(db).execute("SELECT icount, pid, name, json(shown), result_shown FROM syscall").fetchall()
    assert arrow.read_table(parquet).num_rows == len(rows) == said[0].count("\n")
    whole = [line.split("  ")[0] for line in said[0].splitlines()]
    assert [str(row[0]) for row in rows] == [moment.partition("+")[0] for moment in whole]


@pytest.mark.parametrize(("words", "reason"), [
    (["--sqlite", __file__], "it exists; give another name"), (["--sqlite", "x.db", "--count"], "instead of --json"),
    (["--call", "opanat"], "did you mean 'openat'?"), (["--from", "80%", "--to", "20%"], "backwards"),
    (["--from", "5000G"], "has no moment"), (["--process", "cr3=here"], "write cr3=ADDRESS"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(traced, capfd, words, reason):
    assert main(["syscalls", str(traced), *words]) == 2
    said = capfd.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_a_process_that_makes_no_calls_is_told_from_those_that_do(traced, capfd):
    assert main(["syscalls", str(traced), "--process", "nobody"]) == 0
    said = capfd.readouterr()
    assert not said.out and "no such system call ends there; calls are made by" in said.err and "strace" in said.err


def test_programs_are_known_by_their_code(traced: Path) -> None:
    """Where the guest's programs run, the code is of a file of the initramfs: of busybox, strace, and its libraries."""
    seen: Counter[str] = Counter()
    names = set()
    with Reader(str(traced)) as reader, timeline(reader) as (line, _):
        programs = Programs(reader)
        line.find(printed_at(reader, AtOutput(b"JOB-END")))
        for _ in range(1500):
            line.player.to(Moment(line.moment.icount + 9973))
            machine = line.machine
            if machine.core.get("cpl") == 3:
                place = programs.at(machine, machine.pc())
                seen[place.program.path if place else ""] += 1
                names.add(place.name(machine.pc()) and place.program.path if place else "")
    assert min(seen[path] for path in ("bin/busybox", "usr/bin/strace", "lib/libc.so.6")) > 5
    assert seen[""] < seen.total() // 10 and "lib/libc.so.6" in names  # what is left is the vDSO


def test_processes_have_the_page_tables_that_their_calls_use(traced: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = calls(traced, capfd, "--from", 'serial:"JOB-END"', "--to", 'serial:"TRACE-BEGIN"')
    some = [row for rows in found.values() for row in rows if row["name"] == "getpid" or row["comm"] == "strace"]
    at = some[len(some) // 2]
    assert main(["processes", str(traced), "--json", "--at", f"{at['icount']}+{at['seq']}"]) == 0
    rows = {row["pid"]: row for row in json.loads(capfd.readouterr().out)}
    assert rows[at["pid"]]["cr3"] == at["cr3"] and rows[at["pid"]]["comm"] == at["comm"]
    assert rows[1]["comm"] == "init" and rows[2] == {"pid": 2, "comm": "kthreadd", "cr3": 0}
    with_memory = [row["cr3"] for row in rows.values() if row["cr3"]]
    assert len(with_memory) == len(set(with_memory)) >= 3
