"""boot [--runs N] [--rows NAME,...] [--memory] [--before DIR]: the Debian boot in all ways, side by side with QEMU

Plain, recorded and replayed; ours cold (the native core alone is there, as in the first run ever) and warm; a replay on
one core and on two; a search over the whole recording. Warm means that nothing is left to compile: before the measured
runs, each way runs until the cache of compiled blocks grows no more, five times at most. What these runs took is said
below the table, so that the first and second one can be seen beside the steady ones. Same kernel, initramfs, 128 MB and
shift on all sides, which take turns. `--memory` looks at what is resident four times a second (helpers included), in
runs of its own. `--before`: another checkout of ours, for the rows that are warm.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import page, sides
from bench.processes import Took, median, whole
from bench.sides import BEFORE, OURS, THEIRS, Goal, Row
from playhead.engine.llvm.tier2.store import count
from playhead.linux.kernels import kernels
from playhead.log.reader import Reader
from tools import guest

MEGABYTES = 128
PLAIN, COLD, RECORD = "plain, warm", "plain, cold", "record, warm"
REPLAY, JOBS, WHO = "replay, one core", "replay, two cores", "who wrote the kernel's first bytes"
WAYS = {"plain": PLAIN, "cold": COLD, "record": RECORD, "replay": REPLAY, "jobs": JOBS, "who": WHO}
THEIR_WAY = {PLAIN: PLAIN, COLD: PLAIN, RECORD: RECORD, REPLAY: REPLAY, JOBS: REPLAY}
GOALS = {PLAIN: Goal(0.65, 0.45), COLD: Goal(0.95, 0.7), RECORD: Goal(0.7, 0.5), REPLAY: Goal(0.25, 0.18),
         JOBS: Goal(0.14, 0.10)}  # fmt: skip
BY = {COLD: "own", JOBS: "wall"}  # what a second core does is not to count, or is to shorten the wall time
COST = "recording, against our plain run"
COST_GOAL = Goal(1.08, 1.04)
MOST_WARMING = 5  # runs of all ways of ours before the measured ones
SEARCH, SEARCH_GOAL = f"{WHO}, two cores, against our replay", Goal(0.7, 0.3)
RESIDENT, WITH_HELPERS = MEGABYTES + 150, MEGABYTES + 250  # MiB at most


class Caches:
    """Folders for XDG_CACHE_HOME: in each is the native core, so that no run builds it; and what its runs leave."""

    def __init__(self, folder: Path):
        self._folder, self._made = folder, 0
        self._native = guest.cache().parent / "native"

    def new(self) -> dict[str, str]:
        """Nothing but the native core, as for the first run ever."""
        self._made += 1
        home = self._folder / f"cache-{self._made}"
        native = home / "playhead" / "native"
        native.mkdir(parents=True)
        for core in self._native.glob("*.core"):
            os.link(core, native / core.name) if same_disk(core, native) else shutil.copyfile(core, native / core.name)
        return {"XDG_CACHE_HOME": str(home)}


def blocks_in(environment: dict[str, str]) -> int:
    """How many compiled blocks a cache holds; 0 where that is not ours."""
    home = environment.get("XDG_CACHE_HOME")
    if home is None:
        return 0
    folders = (Path(home) / "playhead" / "native" / "blocks").glob("*")
    return sum(count(str(folder))[1] for folder in folders)


def same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


class Side(NamedTuple):
    """A program: what it is started with for each way, and with which variables."""

    commands: dict[str, list[str]]
    environment: dict[str, str]


class Bench:
    """All sides, ready to take turns."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        kernel, initrd = guest.debian("boot")
        self.machine = ["-m", str(MEGABYTES), "-kernel", str(kernel), "-initrd", str(initrd),
                        "-append", guest.DEBIAN_APPEND, "-nographic", "-no-reboot",
                        "-icount", f"shift={options.shift}"]  # fmt: skip
        self.caches, self.folder = Caches(folder), folder
        self.warming: list[tuple[str, Took]] = []  # ours, from the first run on
        self.wanted = [WAYS[name] for name in options.rows.split(",")]
        self.ways: dict[str, dict[str, list[str]]] = {}  # all that a side can do, wanted or not
        self.sides = {OURS: self._ours(OURS, None)}
        if options.before:
            self.sides[BEFORE] = self._ours(BEFORE, options.before)
        self.sides[THEIRS] = self._qemu()

    def recording(self, side: str = OURS) -> Path:
        return self.folder / f"{side}.ph"

    def _ours(self, name: str, checkout: Path | None) -> Side:
        program = sides.ours(checkout)
        many = "--jobs" in subprocess.check_output([*program, "replay", "--help"], text=True)
        path = str(self.recording(name))
        found = {
            PLAIN: [*program, "run", *self.machine],
            RECORD: [*program, "record", "-o", path, "--force", *self.machine],
            REPLAY: [*program, "replay", path, *(["--jobs", "1"] if many else [])],
        }
        if checkout is None:
            found[COLD] = found[PLAIN]
            if many:
                found[JOBS] = [*program, "replay", path, "--jobs", "2"]
        self.ways[name] = found
        return Side({way: found[way] for way in self.wanted if way in found}, self.caches.new())

    def _qemu(self) -> Side:
        program, log = [*sides.qemu(), *self.machine], f",rr=%s,rrfile={self.folder / 'replay.bin'}"
        found = {PLAIN: program, RECORD: [*program[:-1], program[-1] + log % "record"],
                 REPLAY: [*program[:-1], program[-1] + log % "replay"]}  # fmt: skip
        self.ways[THEIRS] = found
        return Side({way: found[way] for way in found if way in map(THEIR_WAY.get, self.wanted)}, {})

    def prepare(self) -> None:
        """A recording of each side, and with it what a warm run finds; these runs do not count."""
        for name, side in self.sides.items():
            commands = {way: side.commands[way] for way in (PLAIN, RECORD, REPLAY, JOBS) if way in side.commands}
            if name == THEIRS:
                commands.pop(PLAIN, None)
                commands.pop(REPLAY, None)
                commands.pop(JOBS, None)
            if {REPLAY, JOBS, WHO} & set(self.wanted):
                commands = {RECORD: self.ways[name][RECORD], **commands}
            self._warm(name, commands)
        if WHO in self.wanted:
            asked = ["who", str(self.recording()), "--addr", self._written_once()]
            self.sides[OURS].commands[WHO] = [*sides.ours(), *asked]

    def _warm(self, name: str, commands: dict[str, list[str]]) -> None:
        """Run all of these, those of ours again while their runs leave more in the cache than they found."""
        environment = self.sides[name].environment
        for turn in range(1, MOST_WARMING + 1):
            before = blocks_in(environment)
            for way, command in commands.items():
                took = whole(command, environment)
                self.warming += [(way, took)] if name == OURS else []
                print(f"to get warm, {turn}: {name}, {way}: {took.cpu:.2f} s of processor time ({took.own:.2f} own), "
                      f"{took.wall:.2f} s; {blocks_in(environment)} compiled blocks", flush=True)  # fmt: skip
            if blocks_in(environment) == before:
                break

    def _written_once(self) -> str:
        """An address that was written once, at the beginning: where the kernel's code begins, by its decompressor."""
        with Reader(str(self.recording())) as reader:
            found = kernels(reader)
        if not found:
            raise SystemExit("no checkpoint of the recording shows a kernel")
        return f"{found[0].stext:#x}"

    def run(self, name: str, way: str, memory: bool = False) -> Took:
        side = self.sides[name]
        environment = self.caches.new() if way == COLD else side.environment
        return whole(side.commands[way], environment, memory)

    def measured(self, runs: int) -> dict[tuple[str, str], list[Took]]:
        """All runs by (side, way)."""
        items = {f"{way} {name}": (name, way) for way in WAYS.values() for name, side in self.sides.items()
                 if way in side.commands}  # fmt: skip
        took: dict[tuple[str, str], list[Took]] = {item: [] for item in items.values()}
        for number, text in sides.turns(list(items), runs):
            item = items[text]
            took[item].append(self.run(*item))
            print(f"{number + 1}: {item[0]}, {item[1]}: {took[item][-1].cpu:.2f} s of processor time, "
                  f"{took[item][-1].wall:.2f} s", flush=True)  # fmt: skip
        return took


def rows(took: dict[tuple[str, str], list[Took]]) -> list[Row]:
    """The table's lines; where a second core helps, the goal is about other times."""
    names = list(dict.fromkeys(name for name, _ in took))
    found = []
    for way in WAYS.values():
        if (OURS, way) in took and way in GOALS:
            by_side = {name: took.get((name, THEIR_WAY[way] if name == THEIRS else way), []) for name in names}
            found.append(Row(f"boot, {way}", by_side, GOALS[way], by=BY.get(way, "cpu")))
    if (OURS, RECORD) in took and (OURS, PLAIN) in took:
        pair = {OURS: took[OURS, RECORD], "plain": took[OURS, PLAIN]}
        found.append(Row(COST, pair, COST_GOAL, against="plain"))
    if (OURS, WHO) in took and (OURS, REPLAY) in took:
        pair = {OURS: took[OURS, WHO], "replay": took[OURS, REPLAY]}
        found.append(Row(SEARCH, pair, SEARCH_GOAL, against="replay", by="wall"))
    return found


def memory(bench: Bench) -> str:
    """A table of what is resident at most."""
    lines = [["MiB resident at most", "playhead", "limit", ""]]
    for way in bench.sides[OURS].commands:
        peak = bench.run(OURS, way, memory=True).peak_mb
        limit = WITH_HELPERS if way in (COLD, JOBS) else RESIDENT
        lines.append([f"boot, {way}", f"{peak:.0f}", str(limit), "kept" if peak <= limit else "missed"])
    if PLAIN in bench.sides[THEIRS].commands:
        lines.append(["QEMU, plain", f"{bench.run(THEIRS, PLAIN, memory=True).peak_mb:.0f}", "", ""])
    return sides.markdown(lines)


def instructions(recording: Path) -> int:
    info = subprocess.check_output([*sides.ours(), "info", "--json", str(recording)])
    return int(json.loads(info)["instructions"])


def facts(bench: Bench, took: dict[tuple[str, str], list[Took]]) -> str:
    recording, log = bench.recording(), bench.folder / "replay.bin"
    if not recording.exists():
        return ""
    count, parts = instructions(recording), []
    parts.append(f"{count / 1e9:.2f} G instructions")
    if plain := took.get((OURS, PLAIN)):
        parts.append(f"plain {count / median(plain).cpu / 1e6:,.0f} MIPS")
    parts.append(f"the recording has {recording.stat().st_size / 1e6:.1f} MB")
    if log.exists():
        parts.append(f"QEMU's log {log.stat().st_size / 1e6:.1f} MB")
    took_s = ", ".join(f"{way.partition(',')[0]} {took.cpu:.2f} ({took.wall:.2f})" for way, took in bench.warming)
    return ", ".join(parts) + f".\n\nFrom an empty cache to a warm one, processor s (wall s): {took_s}."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench boot", description="the Debian boot, side by side with QEMU")
    parser.add_argument("--runs", type=int, default=5, help="of each side and way (default 5)")
    parser.add_argument("--rows", default=",".join(WAYS), help=f"some of {', '.join(WAYS)}")
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="and what is resident, in one run more of each way")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.rows.split(",") if name not in WAYS]:
        parser.error(f"--rows {wrong[0]}: there is {', '.join(WAYS)}")
    with tempfile.TemporaryDirectory(prefix="playhead-") as name:
        bench = Bench(options, Path(name))
        bench.prepare()
        took = bench.measured(options.runs)
        table = rows(took)
        parts = [sides.table(table), facts(bench, took), memory(bench) if options.memory else ""]
    said = "\n\n".join(filter(None, parts))
    print(f"\n{said}")
    if options.write:
        page.write("boot", f"{page.circumstances()}.\n\n{said}")
    return 0 if all(sides.verdict(row) != "missed" for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
