"""`playhead demo`: record a guest twice while a script types at it, replay one recording in a fresh process, compare.

The guest (`guest/demo.s`) mixes every key and every reading of the clock into a hash, with its moment, so two live runs
never print the same. A replay does, byte for byte, and its processor, memory and chips are compared with the
recording's digests on the way. Each run is a process of the program as users start it.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playhead.base.errors import HostError
from playhead.cli.options import Option, help_text, number, parse_arguments
from playhead.cli.value_types import FOLDER

PLAYHEAD = (sys.executable, "-m", "playhead")
PROMPT = b"demo> "
COMMANDS = ("help", "time", "sum", "echo a key at a random real time", "crash", "status", "off")
SLOWEST_KEY_S = 0.06
PATIENCE_S = 60
DIGEST_PERIOD = "500000"  # the guest is short
REPLAYED = re.compile(r"replayed .* all (\d+) digests compared are equal")
HASH = re.compile(rb"hash ([0-9A-F]{8})")


OPTIONS = (
    Option("--keep", "leave the recordings in this folder", parse=FOLDER, since="0.2.0"),
    Option("--seed", "of the typing; by default another one each time", "N", number(0, 2**32 - 1), since="0.2.0"),
)


def help() -> str:
    what = (
        "Records a small guest twice while a script types at it, replays one recording in a fresh process, and\n"
        "compares. "
        "Exit status 0: the two recordings differ, and the replay is its recording to the last bit."
    )
    return help_text("demo", "playhead demo [options]", what, OPTIONS)


class DemoError(HostError):
    """Something in the demo did not happen as it should; one line says what."""

    status = 1


def image() -> Path:
    """The guest: in a wheel as it was assembled; in a checkout assembled from its source, once for each state of it."""
    packed = Path(__file__).with_name("demo.bin")
    if packed.exists():
        return packed
    root = Path(__file__).resolve().parents[3]
    if not (root / "tools" / "guest.py").exists():
        raise HostError(f"the demo's guest is missing: neither {packed} nor a checkout's tools are there")
    made = subprocess.run([sys.executable, "-m", "tools.guest", "demo"], cwd=root, capture_output=True, text=True)
    if made.returncode:
        raise HostError(f"the demo's guest cannot be assembled: {made.stderr.strip()}")
    return Path(made.stdout.strip())


@dataclass
class Run:
    """One process of the program, and its results."""

    name: str
    wall_s: float
    console: bytes
    status: int
    said: str  # on standard error
    facts: dict = field(default_factory=dict)  # of the recording

    @property
    def hash(self) -> str:
        """The last one that the guest printed."""
        found = HASH.findall(self.console)
        return found[-1].decode() if found else "none"

    @property
    def digests(self) -> str:
        """What became of them: a recording stores them, a replay compares."""
        if "recorded" in self.said:
            return "stored"
        match = REPLAYED.search(self.said)
        return f"{match[1]} compared, equal" if match else "DIFFER"


def record(name: str, path: Path, image: Path, rng: random.Random) -> Run:
    """Record the guest, and type at its prompt as a user would."""
    command = [*PLAYHEAD, "record", "-o", str(path), "-bios", str(image), "-m", "16", "-nographic",
               "--digest-period", DIGEST_PERIOD]  # fmt: skip
    began = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        console = _type_at(child, rng)
        rest, said = child.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise DemoError(f"{name} did not end within {PATIENCE_S} s of its `off`") from None
    finally:
        child.kill()
    run = Run(name, time.monotonic() - began, console + rest, child.returncode, said.decode())
    if child.returncode != 0:
        raise DemoError(f"{name} ended with status {child.returncode}: {run.said.strip()}")
    run.facts = json.loads(subprocess.check_output([*PLAYHEAD, "info", "--json", str(path)]))
    return run


def _type_at(child: subprocess.Popen, rng: random.Random) -> bytes:
    """Each command after the prompt that asks for it, a key at a time, at random real times; returns the console."""
    assert child.stdin and child.stdout
    out, console, seen = child.stdout.fileno(), bytearray(), 0
    for command in COMMANDS:
        until = time.monotonic() + PATIENCE_S
        while (at := console.find(PROMPT, seen)) < 0:
            if not select.select([out], [], [], max(until - time.monotonic(), 0))[0]:
                raise DemoError(f"the guest did not ask for a command within {PATIENCE_S} s")
            piece = os.read(out, 4096)
            if not piece:
                said = child.stderr.read().decode().strip() if child.stderr else ""
                raise DemoError(f"the guest ended before {command!r} was typed: {said}")
            console += piece
        seen = at + len(PROMPT)
        for key in f"{command}\r":
            time.sleep(rng.uniform(0, SLOWEST_KEY_S))
            child.stdin.write(key.encode())
            child.stdin.flush()
    return bytes(console)


def replay(name: str, path: Path) -> Run:
    """The recording again, without a keyboard, in a fresh process that gets nothing but the file."""
    began = time.monotonic()
    child = subprocess.run([*PLAYHEAD, "replay", str(path)], stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    return Run(name, time.monotonic() - began, child.stdout, child.returncode, child.stderr.decode())


def table(runs: list[Run]) -> Any:
    """What is known of each run, one to a column."""
    from rich.table import Table

    shown = Table(title="the demo guest, recorded twice, replayed once")
    shown.add_column("")
    for run in runs:
        shown.add_column(run.name, justify="right")
    first = runs[0]

    def row(heading: str, cell: Callable[[Run], object]) -> None:
        shown.add_row(heading, *(str(cell(run)) for run in runs))

    row("instructions", lambda r: f"{r.facts['instructions']:,}")
    row("wall, start-up included", lambda r: f"{r.wall_s:.1f} s")
    row("events", lambda r: sum(r.facts["events"].values()))
    row("recording", lambda r: f"{r.facts['bytes']['file']:,} bytes")
    row("console", lambda r: f"{len(r.console):,} bytes")
    row("console and record 1's", lambda r: "-" if r is first else "equal" if r.console == first.console else "differ")
    row("the guest's last hash", lambda r: r.hash)
    row("digests", lambda r: r.digests)
    return shown


def verdict(first: Run, second: Run, again: Run) -> list[str]:
    """What is wrong; nothing if the demo shows what it is to show."""
    wrong = []
    if first.console == second.console or first.hash == second.hash:
        wrong.append("the two recordings do not differ")
    if again.status != 0:
        wrong.append(f"the replay ended with status {again.status}: {again.said.strip()}")
    if again.console != first.console:
        wrong.append("the replay's console is not its recording's")
    return wrong


def demo(folder: Path, console: Any, seed: int) -> int:
    """Run it all; 0 if a replay is the recording and two recordings are not each other."""
    rng = random.Random(seed)
    firmware, runs = image(), []
    for nth in (1, 2):
        console.print(f"recording {nth}, with a script at the keyboard ...", style="dim")
        runs.append(record(f"record {nth}", folder / f"demo-{nth}.ph", firmware, rng))
    console.print("replaying recording 1 in a fresh process ...", style="dim")
    again = replay("replay of 1", folder / "demo-1.ph")
    again.facts = runs[0].facts
    console.print(table([*runs, again]))
    wrong = verdict(runs[0], runs[1], again)
    if wrong:
        console.print(f"FAILED: {'; '.join(wrong)}", style="bold red", soft_wrap=True)
        return 1
    console.print(
        "PASSED: the two recordings differ, and the replay is the first one to the last bit.",
        style="bold green", soft_wrap=True,
    )  # fmt: skip
    return 0


def main(words: list[str]) -> int:
    values = parse_arguments("demo", OPTIONS, words)
    from rich.console import Console

    from playhead.cli.native_core import prepare

    prepare()
    seed = int.from_bytes(os.urandom(4), "little") if values["seed"] is None else values["seed"]
    with tempfile.TemporaryDirectory(prefix="playhead-demo-") as made:
        folder = Path(values["keep"] or made)
        folder.mkdir(parents=True, exist_ok=True)
        return demo(folder, Console(highlight=False), seed)
