"""query [--runs N] [--limit SECONDS]: questions to a recording of the Debian boot, and the same questions to QEMU

Coverage of the whole boot (QEMU: -d exec,nochain, whose log goes nowhere), all writes to one address (QEMU: a
watchpoint of gdb) and the first call of a function after the middle (QEMU: boot to there, then a
breakpoint). QEMU is given up after `--limit` seconds of processor time; then its time is a lower bound. Then what
callbacks and counts cost: against a replay that asks nothing. Each of ours is a process of its own, with all that it
starts. KASLR is off on both sides, so that addresses are the same.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import playhead
from bench import page, sides
from bench.gdb_stub import Stub
from bench.processes import Took, median, whole
from bench.sides import OURS, THEIRS, Goal, Row
from playhead.analyses import drcov
from playhead.analyses.coverage import coverage
from playhead.api.recording import Recording
from tests.free_ports import free_port
from tools import guest

MEGABYTES = 128
DATA, FUNCTION, RARE = "jiffies", "do_exit", "kernel_clone"
QUIET = "loops_per_jiffy"
RARELY, OFTEN = "all writes to one address, a few", "all writes to one address, 10,000"
GOAL = Goal(0.2, 0.1)
REPLAY = "replay"


class Question(NamedTuple):
    """`ask(rec)` in a process of its own. `against`: another question."""

    name: str
    ask: Callable[[Recording], object]
    against: str = ""
    goal: Goal | None = None
    by: str = "cpu"


def nothing(rec: Recording) -> None:
    rec.replay().run()


def covered(rec: Recording, jobs: int = 1) -> None:
    with tempfile.TemporaryFile() as file:
        drcov.write(coverage(rec, jobs=jobs), file)


def callback(arrange: Callable[[Any], Callable[[Any], Any]]) -> Callable[[Recording], object]:
    """A replay with one callback, which counts."""

    def ask(rec: Recording) -> int:
        seen = 0

        def note(it: object) -> None:
            nonlocal seen
            seen += 1

        replay = rec.replay()
        arrange(replay)(note)
        replay.run()
        return seen

    return ask


def page_of(rec: Recording) -> range:
    """The page of a variable."""
    begin = rec.symbols.address(DATA) & -4096
    return range(begin, begin + 4096)


def middle(rec: Recording) -> Any:
    """The first line that the guest has printed behind the middle."""
    return next(line for line in rec.lines() if line.moment.icount > rec.end.icount // 2 and len(line.text) > 20)


QUESTIONS = {
    one.name: one
    for one in (
        Question(REPLAY, nothing),
        Question("coverage of the whole boot", covered, THEIRS, GOAL),
        Question(RARELY, lambda rec: len(rec.writes(QUIET, 4)), THEIRS, GOAL),
        Question(OFTEN, lambda rec: len(rec.writes(DATA, 4)), THEIRS, GOAL),
        Question("first call of a function after the middle",
                 lambda rec: rec.calls(FUNCTION, between=(middle(rec).moment, "end")).first(), THEIRS, GOAL),
        Question("a callback on one page", lambda rec: callback(lambda r: r.on_memory(page_of(rec), "w"))(rec), REPLAY,
                 Goal(1.2, 1.1)),
        Question("a callback on one symbol", callback(lambda r: r.on_instruction(RARE)), REPLAY, Goal(1.2, 1.1)),
        Question("a callback on one system call", callback(lambda r: r.on_syscall("execve")), REPLAY, Goal(1.2, 1.1)),
        Question("counts of all instructions", covered, REPLAY, Goal(1.5, 1.3)),
        Question("a callback on all blocks", callback(lambda r: r.on_block()), REPLAY, Goal(6.0, 4.0)),
        Question("coverage, two cores against one", lambda rec: covered(rec, 2), "coverage of the whole boot",
                 Goal(0.6, 0.55), "wall"),
    )
}  # fmt: skip


# -- QEMU's side


class Bounded(NamedTuple):
    took: Took
    complete: bool
    note: str = ""


class Qemu:
    """Runs that end by themselves, or after `limit` seconds of processor time."""

    def __init__(self, machine: Sequence[str], limit: int, rec: Recording):
        self._command = ["prlimit", f"--cpu={limit}:{limit}", "--", *sides.qemu(), *machine]
        self._rec = rec

    @contextmanager
    def _running(self, *words: str) -> Iterator[tuple[Any, list[Took]]]:
        """The process; what it took is appended when the block has ended and killed it."""
        began, took = time.monotonic(), list[Took]()
        process = subprocess.Popen([*self._command, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            yield process, took
        finally:
            os.kill(process.pid, signal.SIGKILL)  # it is not waited for yet, so it is there
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            took.append(Took(time.monotonic() - began, usage.ru_utime + usage.ru_stime))

    @staticmethod
    def _good_end(process: Any) -> bool:
        """Wait for its end; whether that came by itself. It is reaped later."""
        info = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return info is not None and info.si_code == os.CLD_EXITED and not info.si_status

    def coverage(self) -> Bounded:
        with self._running("-d", "exec,nochain", "-D", os.devnull) as (process, took):
            process.stdout.read()
            complete = self._good_end(process)
        return Bounded(took[0], complete)

    def writes(self, name: str) -> Bounded:
        """By gdb, which says of each where and what. (It tries again until QEMU listens.)"""
        port, address = free_port(), self._rec.symbols.address(name)
        print_one = f'printf "%x %x\\n", $pc, *(int *){address:#x}'
        with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script:
            script.write(f"set pagination off\nset confirm off\nset architecture i386\ntarget remote :{port}\n"
                         f"watch *(int *){address:#x}\ncommands\nsilent\n{print_one}\ncontinue\nend\ncontinue\n")
            script.flush()
            with self._running("-S", "-gdb", f"tcp:127.0.0.1:{port}") as (process, took):
                threading.Thread(target=process.stdout.read, daemon=True).start()
                gdb = subprocess.Popen(["gdb", "-nx", "-batch", "-x", script.name], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
                assert gdb.stdout is not None
                met = sum(bool(re.fullmatch(rb"[0-9a-f]+ [0-9a-f]+\n", line)) for line in gdb.stdout)
                complete = self._good_end(process)
                _, _, usage = os.wait4(gdb.pid, 0)
                gdb.returncode = 0
        one, more = took[0], usage.ru_utime + usage.ru_stime
        return Bounded(Took(one.wall, one.cpu + more), complete, f"{met} writes, {more:.1f} s of its time are gdb's")

    def first_call(self) -> Bounded:
        port, text = free_port(), middle(self._rec).text.strip()
        marker = text.partition("] ")[2] or text  # times of printk differ
        with self._running("-S", "-gdb", f"tcp:127.0.0.1:{port}") as (process, took):
            stub = Stub(port)
            stub.send("c")
            there = any(marker in line.decode(errors="replace") for line in process.stdout)
            if there:
                threading.Thread(target=process.stdout.read, daemon=True).start()
                stub.interrupt()
                stub.receive()
                _ok(stub.command(f"Z0,{self._rec.symbols.address(FUNCTION):x},1"))
                there = stub.command("c").startswith("T")
        return Bounded(took[0], there)

    def ask(self, name: str) -> Bounded:
        how = {"coverage of the whole boot": self.coverage, RARELY: lambda: self.writes(QUIET),
               OFTEN: lambda: self.writes(DATA)}  # fmt: skip
        return how.get(name, self.first_call)()


def _ok(answer: str) -> None:
    if answer != "OK":
        raise SystemExit(f"QEMU's gdb stub: {answer!r} in place of OK")


# -- the bench


def ours(name: str, recording: Path) -> Took:
    command = [sys.executable, "-m", "bench.query", "--question", name, str(recording)]
    return whole(command, {"PYTHONPATH": str(Path(__file__).parents[1])})


def recorded(path: Path) -> list[str]:
    """Record the boot, and the words of its machine."""
    kernel, initrd = guest.debian("boot")
    machine = ["-m", str(MEGABYTES), "-kernel", str(kernel), "-initrd", str(initrd),
               "-append", f"{guest.DEBIAN_APPEND} nokaslr", "-nographic", "-no-reboot",
               "-icount", "shift=3"]  # fmt: skip
    print("once, for a recording and a warm cache", flush=True)
    whole([*sides.ours(), "record", "-o", str(path), *machine])
    return machine


def rows(took: dict[str, list[Took]], theirs: dict[str, Bounded]) -> list[Row]:
    found = []
    for one in QUESTIONS.values():
        if one.goal is None or not took.get(one.name):
            continue
        other = [theirs[one.name].took] if one.against == THEIRS and one.name in theirs else took.get(one.against, [])
        label = THEIRS if one.against == THEIRS else "against"
        found.append(Row(one.name, {OURS: took[one.name], label: other}, one.goal, against=label, by=one.by))
    return found


def facts(theirs: dict[str, Bounded]) -> str:
    said = []
    for name, one in theirs.items():
        bound = "" if one.complete else f"given up after {one.took.cpu:.0f} s, so its figure is a lower bound"
        said += [f"QEMU, {name}: {', '.join(filter(None, (one.note, bound)))}."] if one.note or bound else []
    return "\n".join(said)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench query", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=2, help="of each question (default 2)")
    parser.add_argument("--limit", type=int, default=60, help="processor seconds for each of QEMU's (default 60)")
    parser.add_argument("--only", help="questions that contain this text")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--question", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.question:
        name, path = options.question
        with playhead.open(path) as rec:
            QUESTIONS[name].ask(rec)
        return 0
    names = [name for name in QUESTIONS if not options.only or options.only in name]
    names = list(dict.fromkeys([*(one for n in names if (one := QUESTIONS[n].against) in QUESTIONS), *names]))
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        path = Path(folder) / "boot.ph"
        machine = recorded(path)
        took: dict[str, list[Took]] = {name: [] for name in names}
        ours(REPLAY, path)
        for number, name in sides.turns(names, options.runs):
            took[name].append(ours(name, path))
            print(f"{number + 1}: {name}: {took[name][-1].cpu:.2f} s of processor time, {took[name][-1].wall:.2f} s",
                  flush=True)  # fmt: skip
        theirs = {}
        with playhead.open(path) as rec:
            other = Qemu(machine, options.limit, rec)
            for name in names:
                if QUESTIONS[name].against == THEIRS:
                    theirs[name] = other.ask(name)
                    print(f"QEMU: {name}: {theirs[name].took.cpu:.2f} s, complete: {theirs[name].complete} "
                          f"{theirs[name].note}", flush=True)  # fmt: skip
    table = rows(took, theirs)
    plain = f"A replay that asks nothing: {median(took[REPLAY]).cpu:.2f} s." if took.get(REPLAY) else ""
    said = "\n\n".join(filter(None, [sides.table(table), plain, facts(theirs)]))
    print(f"\n{said}")
    if options.write:
        page.write("query", f"{page.circumstances()}.\n\n{said}")
    return 0 if all(sides.verdict(row) != "missed" for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
