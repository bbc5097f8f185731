"""kill [--times N] [--peeks K] [--seed S] [--guest debian|demo|disk]: kill the recorder with SIGKILL at random times,
keep its file only.

Each time the file is copied alone, without what SQLite keeps beside it, into an empty folder. There `verify` must
find it whole, and `replay` must exit 0, reach the moment of its last flush with equal digests, say that the recording
ends there, and print the beginning of what the guest had printed. The file must have been written at most 0.5 s
before the kill (while the guest is busy, each flush writes; a host without a free core shows as well, so a longer gap
is only counted).

`--peeks` are checks of a recorder that continues: it is stopped (SIGSTOP) at a random time, the file is copied alone,
and must be whole and a prefix of the file at the kill. That checks many more instants in the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from playhead.base.errors import PlayheadError
from playhead.log.reader import Reader
from playhead.log.verify import verify
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
KEYS = "help\rtime\recho one two\rsum\rstatus\r"
LATEST_S = {"debian": 40.0, "demo": 2.0, "disk": 0.9}  # by then the guest has ended, or has done all that it does
FIRST_S = 20.0  # a recorder that has no file by then will never have one
LIMIT_S = 0.5


@dataclass
class Look:
    """One file that was separated from its recorder."""

    what: str
    begun: bool = False  # there was a file
    gap_s: float = 0.0  # since it had been written
    instructions: int = 0
    batches: list[bytes] = field(default_factory=list)  # the chain
    wrong: list[str] = field(default_factory=list)


def command(name: str, path: Path, console: Path) -> list[str]:
    """What records the guest, printing into a file."""
    if name == "debian":
        kernel, initrd = guest.debian("boot")
        machine = ["-m", "128", "-kernel", str(kernel), "-initrd", str(initrd), "-append", guest.DEBIAN_APPEND,
                   "-serial", f"file:{console}"]  # fmt: skip
    else:
        machine = ["-m", "16", *guest.machine(name), "-serial", "stdio"]
    return [*PLAYHEAD, "record", "-o", str(path), *machine]


def take(path: Path, folder: Path, what: str, at: float) -> Look:
    """Copy the file alone, and check the copy. `at` is when its recorder stopped, in host seconds."""
    look = Look(what)
    if not path.exists():
        return look
    folder.mkdir()
    alone = folder / "alone.ph"
    look.begun, look.gap_s = True, max(at - path.stat().st_mtime, 0.0)
    shutil.copyfile(path, alone)
    try:
        with Reader(str(alone)) as reader:
            verdict = verify(reader)
            look.wrong += [f"{fault.where}: {fault.what}" for fault in verdict.faults]
            look.instructions = verdict.instructions
            look.batches = [stored for _, _, stored in reader.marks()]
    except PlayheadError as error:
        look.wrong.append(str(error))
    if sorted(os.listdir(folder)) != [alone.name]:
        look.wrong.append(f"looking at it left {sorted(os.listdir(folder))}")
    return look


def type_keys(stdin: object, rng: random.Random, over: threading.Event) -> None:
    """Somebody at the keyboard of the demo."""
    try:
        while not over.wait(rng.uniform(0, 0.05)):
            stdin.write(rng.choice(KEYS).encode())  # type: ignore[attr-defined]
    except (OSError, ValueError):  # the recorder has gone, or its input is closed
        pass


def kill_once(name: str, folder: Path, rng: random.Random, after_s: float, peeks: int = 0) -> tuple[Look, list[Look]]:
    """Record, peek, kill `after_s` seconds after the file appeared, judge."""
    folder.mkdir(exist_ok=True)
    path, console = folder / "made" / "r.ph", folder / "console"
    path.parent.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    if name != "debian":
        pipes["stdout"] = open(console, "wb")  # type: ignore[assignment]
    child = subprocess.Popen(command(name, path, console), bufsize=0, **pipes)  # type: ignore[call-overload]
    over, looks = threading.Event(), []
    typist = threading.Thread(target=type_keys, args=(child.stdin, rng, over))
    try:
        if name == "demo":
            typist.start()
        until = time.monotonic() + FIRST_S
        while not path.exists() and child.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        began = time.monotonic()
        for number, when in enumerate(sorted(rng.uniform(0, after_s) for _ in range(peeks))):
            time.sleep(max(began + when - time.monotonic(), 0))
            if child.poll() is not None:
                break
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            looks.append(take(path, folder / f"peek{number}", f"stopped after {when:.2f} s", time.time()))
            child.send_signal(signal.SIGCONT)
        time.sleep(max(began + after_s - time.monotonic(), 0))
        ended = child.poll() is not None
        child.kill()
        at = time.time()
        child.wait()
    finally:
        over.set()
        child.kill()
        if name == "demo" and typist.ident is not None:
            typist.join()
        child.stdin.close()  # type: ignore[union-attr]
    killed = take(path, folder / "killed", f"killed after {after_s:.2f} s", at)
    if ended:
        said = child.stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
        killed.gap_s, killed.what = 0.0, f"ended before {after_s:.2f} s"
        if child.returncode != 0:
            killed.wrong.append(f"the recorder ended by itself with status {child.returncode}: {said}")
    elif killed.begun:
        killed.wrong += replayed(folder / "killed" / "alone.ph", killed, console)
    for look in looks:
        if look.batches != killed.batches[: len(look.batches)]:
            look.wrong.append("it is no beginning of what was there at the kill")
    return killed, looks


def replayed(path: Path, look: Look, console: Path) -> list[str]:
    """Replay the separated file; what is wrong with that."""
    again = path.with_name("again")
    done = subprocess.run([*PLAYHEAD, "replay", str(path), "-serial", f"file:{again}"], capture_output=True, text=True)
    info = subprocess.run([*PLAYHEAD, "info", "--json", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        return [f"replay ends with status {done.returncode}: {done.stderr.strip()}"]
    wrong = []
    if f"the recording ends here, at instruction {look.instructions}" not in done.stderr:
        wrong.append(f"replay says {done.stderr.strip()!r}, with {look.instructions} instructions in the file")
    if json.loads(info.stdout)["complete"]:
        wrong.append("info says that it is complete")
    if not console.read_bytes().startswith(again.read_bytes()):
        wrong.append("the replay prints something else than the guest did")
    return wrong


def fuzz(name: str, times: int, peeks: int, seed: int) -> int:
    """`times` kills; the number of files with something wrong."""
    rng, bad, gaps, begun = random.Random(seed), 0, [], 0
    print(f"seed {seed}: {times} kills of the {name} guest's recorder, {peeks} looks before each", flush=True)
    for number in range(1, times + 1):
        after_s = rng.uniform(0, LATEST_S[name])
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            killed, looks = kill_once(name, Path(folder) / "kill", rng, after_s, peeks)
            for look in (*looks, killed):
                begun += look.begun
                gaps.append(look.gap_s)
                if look.wrong:
                    bad += 1
                    print(f"{number:4} {look.what}: " + "; ".join(look.wrong), flush=True)
                    kept = guest.cache().parent / "fuzz" / f"kill-{seed}-{number}"
                    shutil.copytree(folder, kept, dirs_exist_ok=True)
                    print(f"     kept in {kept}")
        print(f"{number:4} {killed.what}, {killed.instructions} instructions, {killed.gap_s:.2f} s after a flush,"
              f" {len(looks)} looks before", flush=True)  # fmt: skip
    late = sum(gap > LIMIT_S for gap in gaps)
    gaps.sort()
    print(f"{bad} bad of {len(gaps)} files, {begun} of them begun; written {gaps[len(gaps) // 2]:.3f} s (median), "
          f"{gaps[-1]:.3f} s (most) before; {late} more than {LIMIT_S} s")  # fmt: skip
    return bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz kill", description="kill the recorder at random times")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--peeks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--guest", choices=sorted(LATEST_S), default="debian")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    try:
        return 1 if fuzz(options.guest, options.times, options.peeks, seed) else 0
    except guest.GuestError as error:
        print(f"fuzz kill: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
