"""recording [--count N] [--seed S] [--only N]: mutated recordings: a clear error or a correct replay, and nothing
else.

Some very small recordings are made (one of our own guests, cut into many batches with a digest every few hundred
instructions; the demo with typed input; a part of that, which begins at a checkpoint; one with a disk, one with a
network), and mutated in every way that comes to mind, as bytes and as rows (`recording_mutations.py`). Each mutant goes
through `verify` and `replay` as a user would run them. Allowed are: exit status 2 or 1 with one clear line; or a replay
that prints what the original printed and ends with the same state, digest by digest. A mutant of which `verify` says
that it is whole must replay; one whose hashes were made to fit may diverge instead, never replay wrongly. Everything
else is a finding: a traceback, a bug of ours, a hang, more than 1 GiB of memory, another console, another last state.

The work is done in a separate process under a memory limit; one that dies or hangs is a finding too. A case is repeated
by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import io
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.base.errors import PlayheadError
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.cli import main as playhead
from playhead.host.block import open_image
from playhead.host.disks import Disk, Disks
from playhead.log import snapshots
from playhead.log.moment import Moment
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplaySession
from tools import guest
from tools.fuzz import recording_mutations as mutations
from tools.fuzz.net_receiving import Calm

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1 << 30  # bytes of address space beyond what a replay of the original takes
LIMIT_S = 150  # of processor time: a case that takes longer hangs (a diagnosis may take 20 s)
START_S = 400  # for the first: the native core may have to be built
PERIOD = 400  # instructions between two digests


@dataclass
class Original:
    """A recording, and what its replay must show."""

    path: Path
    console: bytes = b""
    parts: dict[str, bytes] | None = None
    icount: int = 0


class Typist:
    """A host whose user types a little, at fixed reads of the clock, and then ends it."""

    def __init__(self, console: Path, keys: bytes, disks: Disks | None):
        from playhead.host.host import Host

        self.host = Host([f"file:{console}"], reads=False, disks=disks)
        self.keys, self.looks = keys, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    def __enter__(self) -> Typist:
        self.host.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.host.__exit__(*exc)

    def realtime_ns(self) -> int:
        self.looks += 1
        at, off = divmod(self.looks - 20, 4)
        if off == 0 and 0 <= at < len(self.keys):
            self.host.serial[0]._inbox.append(self.keys[at : at + 1])
        if at > len(self.keys) + (40 if self.keys else 5):  # time to answer
            self.host.request_quit("the fuzzer")
        return self.looks * 2_000_000


class OftenFlushed(RecordSession):
    """Flushes at every other digest, so that even the shortest recording has many batches, and keeps many states."""

    NEAREST_NS = PAGE_NS = 0

    def _checkpoint(self) -> None:
        if self._digests % 3 == 0:
            super()._checkpoint()

    def _arrived(self) -> None:
        super()._arrived()
        if self._digests % 5 == 0:
            self._flush()


def record(name: str, folder: Path) -> Original:
    """A small recording of one of our guests."""
    path, console = folder / f"{name}.ph", folder / f"{name}.console"
    disks: Disks | None = None
    drives: tuple[DriveConfig, ...] = ()
    if name == "disk":
        disks, drives = Disks([Disk(open_image(str(guest.disk()), read_only=True))]), (DriveConfig(sectors=8192),)
    config = PcConfig(ram_bytes=16 << 20, bios=guest.image(name).read_bytes(), **parts(serial=("file",), drives=drives))
    meta = {"config": config.to_json(), "shift": 3, "auto_shift": False, "engine": "native", "program": "fuzz",
            "host": "fuzz", "created": "2026-01-01T00:00:00Z", "embed": True,
            "disks": [None] * len(drives)}  # fmt: skip
    period = 50_000 if name == "demo" else PERIOD
    options = Options(digest_period=period, meta=meta, blobs=tuple(config.blobs().values()), sleep=False)
    host: Any = Typist(console, b"sum\rtime\r" if name == "demo" else b"", disks)
    if name == "tss":
        host = host.host
    with Writer(str(path), force=True) as writer:
        outcome = OftenFlushed(lambda door: Machine(config, door, shift=3), host, options, writer).run()
    return Original(path, console.read_bytes(), None, outcome.icount)


def part_of(original: Original, folder: Path) -> Original:
    """The middle of a recording, as a recording."""
    path, (begin, end) = folder / "part.ph", (original.icount * 2 // 5, original.icount * 4 // 5)
    words = ["trim", str(original.path), "-o", str(path), "--force", "--from", str(begin), "--to", str(end), "--quiet"]
    assert playhead(words) == 0
    return Original(path, b"", None, end)


def name_moments(original: Original) -> None:
    for name, icount in (("first", original.icount // 2), ("second", original.icount * 2 // 3)):
        snapshots.add(str(original.path), snapshots.Snapshot(name, Moment(icount), icount << 3, "2026", bytes(16)))


class Worker:
    """Runs cases one after the other in this process."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed = folder, seed
        self.originals = [record(name, folder) for name in ("tss", "demo", "disk")]
        self.originals.append(part_of(self.originals[1], folder))
        made = Calm(folder / "network.ph")
        self.originals.append(Original(made.path, made.console, None, made.outcome.icount))
        self.session: ReplaySession | None = None
        run = ReplaySession.run

        def watched(session: ReplaySession) -> Any:
            self.session = session
            return run(session)

        ReplaySession.run = watched  # type: ignore[method-assign, assignment]
        for original in self.originals:
            name_moments(original)
            status, said, console = self.replay(original.path)
            original.console = original.console or console  # a part has not been run alone
            assert status == 0 and console == original.console, said
            original.parts = self.session.machine.digest_parts()  # type: ignore[union-attr, attr-defined]

    def run(self, verb: list[str]) -> tuple[int, str]:
        """Exit status and what was said on standard error, by the command line in this process."""
        with tempfile.TemporaryFile() as heard:
            sys.stderr.flush()
            kept = os.dup(2)
            os.dup2(heard.fileno(), 2)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    status = playhead(verb)
            finally:
                sys.stderr.flush()
                os.dup2(kept, 2)
                os.close(kept)
            heard.seek(0)
            return status, heard.read().decode(errors="replace")

    def replay(self, path: Path) -> tuple[int, str, bytes]:
        console = self.folder / "console"
        console.unlink(missing_ok=True)
        self.session = None
        status, said = self.run(["replay", str(path), "--quiet", "-serial", f"file:{console}"])
        return status, said, console.read_bytes() if console.exists() else b""

    def case(self, number: int) -> dict[str, Any]:
        """One mutant: what was done to it, what came out, and what is wrong."""
        rng = random.Random(f"{self.seed} {number}")
        original = rng.choice(self.originals)
        path = self.folder / "case" / "m.ph"
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        shutil.copyfile(original.path, path)
        done, fitted = mutations.mutate(rng, path)
        began = time.monotonic()
        verified, complaint = self.run(["verify", str(path)])
        status, said, console = self.replay(path)
        wrong = self.judge(original, fitted, verified, status, complaint, said, console)
        self.session = None
        gc.collect()  # the machine, with all its memory
        came = {0: "replayed", 1: "diverged", 2: "refused"}.get(status, f"status {status}")
        return {"case": number, "done": done, "verify": verified, "came": came, "wrong": wrong,
                "said": (said or complaint).strip()[:300], "seconds": time.monotonic() - began}  # fmt: skip

    def judge(self, original: Original, fitted: bool, verified: int, status: int, complaint: str, said: str,
              console: bytes) -> list[str]:  # fmt: skip
        wrong = []
        for verb, code, text in (("verify", verified, complaint), ("replay", status, said)):
            if "Traceback" in text or "this is a bug" in text or code not in (0, 1, 2):
                wrong.append(f"{verb} ends with status {code}: {text.strip()[-300:]}")
            elif code and not text.startswith("playhead: "):
                wrong.append(f"{verb} ends with status {code} and no clear line: {text[:200]!r}")
            elif any(ord(c) < 32 and c != "\n" for c in text):
                wrong.append(f"{verb} says control characters: {text!r}")
        if verified == 0 and status != 0 and not fitted:
            wrong.append(f"verify finds it whole, replay does not: {said.strip()}")
        if status == 0:
            session = self.session
            assert session is not None and original.parts is not None
            if "the recording ends here" in said:
                if not original.console.startswith(console):
                    wrong.append("a shortened recording prints something else")
            elif session.machine.digest_parts() != original.parts or session.machine.icount != original.icount:
                wrong.append("silent: it replays to another state")
            elif console != original.console:
                wrong.append("silent: it prints something else")
        return wrong


def work(seed: int, numbers: range, pipe: int) -> None:
    """The process that does it: one line of JSON for each case."""
    faulthandler.enable()
    with tempfile.TemporaryDirectory(prefix="playhead-", dir=mutations.fast_folder()) as folder:
        worker = Worker(Path(folder), seed)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        gc.freeze()
        for number in numbers:
            os.write(pipe, b"%d\n" % number)
            os.write(pipe, json.dumps(worker.case(number)).encode() + b"\n")


def silent(pipe: int, worker: int, limit_s: float) -> bool:
    """Whether nothing comes while the worker computes for so long; or waits, for longer than any busy host makes it."""
    used_s, end = processor_s(worker), time.monotonic() + 6 * limit_s
    while not select.select([pipe], [], [], 1)[0]:
        if processor_s(worker) - used_s > limit_s or time.monotonic() > end:
            return True
    return False


def processor_s(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def cases(seed: int, numbers: range) -> Any:
    """Results of all cases; a worker that dies or hangs gives one too, and another one continues."""
    while numbers:
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "tools.fuzz.recording", "--worker", str(writing), "--seed", str(seed),
                   "--first", str(numbers[0]), "--count", str(len(numbers))]  # fmt: skip
        child = subprocess.Popen(command, cwd=ROOT, pass_fds=[writing], stderr=subprocess.PIPE, text=True)
        os.close(writing)
        current, rest, limit_s = None, b"", START_S
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while True:
                if silent(reading, child.pid, limit_s):
                    break
                data, limit_s = pipe.read(1 << 16), LIMIT_S
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    found = json.loads(line)
                    if isinstance(found, int):
                        current = found
                        continue
                    current, numbers = None, numbers[1:]
                    yield found
        stuck = child.poll() is None and bool(numbers)
        if stuck:
            child.send_signal(signal.SIGABRT)  # prints where it hangs
        said = (child.communicate()[1] or "").strip()
        if numbers:
            what = f"it hangs for {LIMIT_S} s" if stuck else f"the process ended with {child.returncode}: {said}"
            if current is None:
                raise PlayheadError(f"no case could be run: {what}")
            yield {"case": current, "done": "?", "came": "died", "wrong": [what], "said": "", "seconds": 0}
            numbers = numbers[1:]


def fuzz(count: int, seed: int, first: int = 0, say: Any = print) -> list[dict[str, Any]]:
    """`count` mutants; returns those that came out wrong."""
    came: Counter[tuple[str, str]] = Counter()
    bad, slowest, began = [], 0.0, time.monotonic()
    for result in cases(seed, range(first, first + count)):
        came[result["done"].split(":")[0], result["came"]] += 1
        slowest = max(slowest, result["seconds"])
        if result["wrong"]:
            bad.append(result)
            say(f"case {result['case']} ({result['done']}): {'; '.join(result['wrong'])}")
            say(f"     ./dev fuzz recording --seed {seed} --only {result['case']}")
    kinds = sorted({kind for kind, _ in came})
    outcomes = sorted({outcome for _, outcome in came})
    say(f"{'mutation':28}" + "".join(f"{outcome:>10}" for outcome in outcomes))
    for kind in kinds:
        say(f"{kind:28}" + "".join(f"{came[kind, outcome]:10}" for outcome in outcomes))
    took = time.monotonic() - began
    say(f"{len(bad)} wrong of {count}; seed {seed}; {took:.0f} s, the slowest case {slowest:.1f} s")
    return bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz recording", description="mutated recordings")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", type=int, help="this case alone, and what came of it")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    try:
        if options.worker is not None:
            work(seed, range(options.first, options.first + options.count), options.worker)
            return 0
        if options.only is not None:
            for result in cases(seed, range(options.only, options.only + 1)):
                print(json.dumps(result, indent=1))
            return 0
        return 1 if fuzz(options.count, seed, options.first) else 0
    except (PlayheadError, guest.GuestError) as error:
        print(f"fuzz recording: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
