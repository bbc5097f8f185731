"""replay [--shift N] [--times N] [--seed S] [--recording FILE]: replay the Debian boot, varying what must not matter.

One recording (made here, or given), and many replays of it, each in a fresh process. At random vary: where the run is
cut (`--split-seed`), PYTHONHASHSEED, where RAM is mapped (`PLAYHEAD_SHUFFLE`), load on the host's cores, whether the
digests are compared on the way, whether there are observers (progress on a terminal, a reader of the recording), where
the console goes. Every replay must exit 0 with the recording's console bytes, instruction count and
digests. One row each; a difference is exit status 1, with the command that repeats it, and the recording is kept.

With `--typed pty` or `--typed stdio` the recording is of a scripted user (`typist.py`) who logs in on the serial line
and types commands at random real times.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import random
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playhead.base.errors import PlayheadError
from playhead.cli.quantities import big
from playhead.log.reader import Reader
from tools import guest
from tools.fuzz.typist import Typist, TypistError

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
SPIN = "import time\nwhile True:\n sum(range(1000000))\n if {pause}: time.sleep({pause})"
CONSOLES = ("stdout", "file", "null")


class FuzzError(Exception):
    """One line: why nothing could be compared."""


@dataclass(frozen=True)
class Perturbation:
    """What is different about one replay. None of it may show."""

    split_seed: int | None = None
    hash_seed: str = "random"
    shuffle: str = ""
    load: tuple[float, ...] = ()  # busy processes, by their pauses in seconds
    digests: bool = True
    quiet: bool = False
    terminal: bool = False  # standard error is a terminal, so that there is a progress line
    readers: bool = False  # the recording is read meanwhile
    console: str = "stdout"

    @classmethod
    def random(cls, r: random.Random) -> Perturbation:
        return cls(
            split_seed=r.choice((None, r.getrandbits(32))),
            hash_seed=r.choice(("0", "random", str(r.getrandbits(32)))),
            shuffle=r.choice(("", f"{r.getrandbits(32):08x}")),
            load=tuple(r.choice((0.0, 0.003, 0.05)) for _ in range(r.choice((0, os.cpu_count() or 1)))),
            digests=r.random() < 0.7,
            quiet=r.random() < 0.4,
            terminal=r.random() < 0.5,
            readers=r.random() < 0.3,
            console=r.choice(CONSOLES),
        )

    def environment(self) -> dict[str, str]:
        """What the replay sees besides the tool's own environment."""
        out = {"PYTHONHASHSEED": self.hash_seed}
        if self.shuffle:
            out["PLAYHEAD_SHUFFLE"] = self.shuffle
        return out

    def options(self) -> list[str]:
        out = [] if self.split_seed is None else ["--split-seed", str(self.split_seed)]
        out += [] if self.digests else ["--no-digest"]
        out += ["--quiet"] if self.quiet else []
        return out + {"stdout": [], "file": ["-serial", "file:console"], "null": ["-serial", "null"]}[self.console]

    def text(self) -> str:
        """For the table."""
        words = [f"split {self.split_seed}" if self.split_seed is not None else "", f"hash {self.hash_seed}",
                 f"shuffle {self.shuffle}" if self.shuffle else "", f"load {len(self.load)}" if self.load else "",
                 "" if self.digests else "no digests", "quiet" if self.quiet else "",
                 "terminal" if self.terminal else "", "readers" if self.readers else "", self.console]  # fmt: skip
        return ", ".join(w for w in words if w)


@dataclass
class Recorded:
    """A recording, and what each replay of it must show."""

    path: Path
    console: bytes | None = None  # None: not known yet; the first replay that prints says it
    icount: int = 0
    digests: int = 0
    events: int = 0

    @classmethod
    def open(cls, path: Path, console: bytes | None = None) -> Recorded:
        with Reader(str(path)) as reader:
            if not reader.ended():
                raise FuzzError(f"{path} has no end: it was cut off, or is being written")
            batches = list(reader.batches())
            digests = sum(len(b.digests) for b in batches) + 1  # END has one too
            return cls(path, console, batches[-1].moment.icount, digests, sum(len(b.entries) for b in batches))


@dataclass
class Row:
    """One replay: how long it took, and what is wrong with it."""

    wall_s: float
    wrong: list[str] = field(default_factory=list)
    command: str = ""


def command_to_record(path: Path, shift: int, variant: str, *more: str) -> list[str]:
    kernel, initrd = guest.debian(variant)
    return [*PLAYHEAD, "record", "-o", str(path), "--force", "-m", "128", "-kernel", str(kernel), "-initrd",
            str(initrd), "-append", guest.DEBIAN_APPEND, "-icount", f"shift={shift}", *more]  # fmt: skip


def record(path: Path, shift: int) -> Recorded:
    """Record the Debian boot to its power-off."""
    console = path.with_suffix(".console")
    command = command_to_record(path, shift, "boot", "-serial", f"file:{console}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = console.read_bytes() if console.exists() else b""
    console.unlink(missing_ok=True)
    return _checked(path, done.returncode, done.stderr, said)


def record_typed(path: Path, shift: int, commands: int, seed: int, stdio: bool) -> Recorded:
    """Record a scripted user at the Debian guest's shell, over a pty of ours or at a terminal (`stdio`)."""
    more = ["-nographic"] if stdio else ["-serial", "pty"]
    typist = Typist(command_to_record(path, shift, "shell", *more), seed, stdio)
    try:
        status = typist.session(commands)
    except TypistError as error:
        raise FuzzError(f"typing, seed {seed}: {error}") from None
    finally:
        typist.close()
    return _checked(path, status, typist.heard.decode(errors="replace"), bytes(typist.seen))


def _checked(path: Path, status: int, heard: str, said: bytes) -> Recorded:
    if status != 0:
        raise FuzzError(f"recording failed with status {status}: {heard.strip()}")
    if b"GUEST-DONE" not in said or b"Power down" not in said:
        raise FuzzError(f"the recorded guest never came to GUEST-DONE and power-off; it ended with {said[-200:]!r}")
    return Recorded.open(path, said)


@contextlib.contextmanager
def busy(pauses: tuple[float, ...]) -> Iterator[None]:
    """Processes that want the host's cores."""
    spinners = [subprocess.Popen([sys.executable, "-c", SPIN.format(pause=p)]) for p in pauses]
    try:
        yield
    finally:
        for process in spinners:
            process.kill()
            process.wait()


@contextlib.contextmanager
def reading(path: Path, wanted: bool) -> Iterator[None]:
    """Somebody who reads the recording now and then."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            subprocess.run([*PLAYHEAD, "log", "--stats", str(path)], capture_output=True)

    thread = threading.Thread(target=look)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if wanted:
            thread.join()


def drain(fd: int, into: bytearray) -> None:
    """Read a terminal until its other end is closed."""
    with contextlib.suppress(OSError):
        while data := os.read(fd, 4096):
            into += data
    os.close(fd)


def replay(recorded: Recorded, p: Perturbation) -> Row:
    """One replay in a separate process, judged."""
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        console = Path(folder) / "console"
        command = [*PLAYHEAD, "replay", str(recorded.path), *p.options()]
        row = Row(0.0, command=shlex.join([*(f"{k}={v}" for k, v in p.environment().items()), *command]))
        heard = bytearray()
        if p.terminal:
            ours, theirs = pty.openpty()
        else:
            ours, theirs = os.pipe()
        listener = threading.Thread(target=drain, args=(ours, heard))
        listener.start()
        environment = {**os.environ, **p.environment(), "TERM": "xterm"}
        began = time.monotonic()
        with busy(p.load), reading(recorded.path, p.readers):
            done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=theirs)  # fmt: skip
        row.wall_s = time.monotonic() - began
        os.close(theirs)
        listener.join()
        printed = console.read_bytes() if p.console == "file" else done.stdout
        row.wrong = judge(recorded, p, done.returncode, printed, heard.decode(errors="replace"))
        return row


def first_difference(a: bytes, b: bytes) -> int:
    """Where two byte strings part."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def judge(recorded: Recorded, p: Perturbation, status: int, printed: bytes, heard: str) -> list[str]:
    """What is not as it was recorded. (A replay that exits 0 has itself checked the moment and digest of the end.)"""
    wrong = []
    if status != 0:
        wrong.append(f"exit status {status}: {' '.join(heard.split('playhead: ')[-1].split())}")
    if p.console != "null":
        if recorded.console is None:
            recorded.console = printed
        if printed != recorded.console:
            wrong.append(
                f"the console differs from byte {first_difference(printed, recorded.console)} on "
                f"({len(printed)} bytes, not {len(recorded.console)})"
            )
    elif printed:
        wrong.append(f"{len(printed)} bytes on standard output, which was not asked for")
    if status == 0 and not p.quiet:
        compared = recorded.digests if p.digests else 1
        for part in (f"replayed {big(recorded.icount)} instructions", f"{recorded.events} events",
                     f"all {compared} digests"):  # fmt: skip
            if part not in heard:
                wrong.append(f"its summary does not say '{part}'")
    return wrong


def fuzz(recorded: Recorded, times: int, seed: int, say=print) -> int:
    """`times` replays; the number of those that went wrong."""
    r, bad = random.Random(seed), 0
    say(f"recording: {recorded.icount} instructions, {recorded.events} events, {recorded.digests} digests; seed {seed}")
    for number in range(1, times + 1):
        p = Perturbation.random(r)
        row = replay(recorded, p)
        say(f"{number:3}  {'equal' if not row.wrong else 'DIFFERS':8}{row.wall_s:7.1f} s  {p.text()}")
        for wrong in row.wrong:
            say(f"     {wrong}")
        if row.wrong:
            bad += 1
            say(f"     {row.command}")
            if p.load:
                say(f"     with {len(p.load)} busy processes beside it")
    say(f"{times - bad} of {times} replays were the recording")
    return bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz replay", description="replays under perturbation")
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--recording", type=Path, help="an existing recording, instead of making one")
    parser.add_argument("--typed", choices=("pty", "stdio"), help="record a scripted user who types at a shell")
    parser.add_argument("--commands", type=int, default=50, help="with --typed: how many (default 50)")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    kept = guest.cache().parent / "fuzz"
    try:
        if options.recording:
            recorded, made = Recorded.open(options.recording.resolve()), None
        else:
            kept.mkdir(parents=True, exist_ok=True)
            made = kept / f"replay-shift{options.shift}-{os.getpid()}.ph"
            print(f"recording at shift={options.shift}, seed {seed} ...", flush=True)
            if options.typed:
                recorded = record_typed(made, options.shift, options.commands, seed, options.typed == "stdio")
            else:
                recorded = record(made, options.shift)
        bad = fuzz(recorded, options.times, seed, lambda text: print(text, flush=True))
    except (FuzzError, guest.GuestError, PlayheadError) as error:
        print(f"fuzz replay: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if made and not bad:
        made.unlink()
    elif made:
        print(f"the recording is kept: {made}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
