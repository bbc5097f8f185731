"""What processes take: wall time, processor time and resident memory, of a whole run or between two lines of output.

A process counts with all that it has started: helpers that compile or hash on another core cost what they cost, also
one that ends after it (it becomes a child of ours then, and is waited for). Lines are a guest's, on its serial port:
BEGIN NAME, and END NAME with a result. Their times are read when the line arrives, so boot and start-up do not count;
processor time comes from /proc in steps of 10 ms.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.25  # between two looks at the memory
KEPT = 4000  # bytes of the output that a message quotes
# Programs of ours find their bytecode, as a user's do from the second start on, whatever is set here: to parse the
# sources takes 0.2 s, in each run and in each helper.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class Took(NamedTuple):
    """Seconds; `cpu` is user and system time of all, `own` that of the process itself, without what it has started.
    `peak_mb` is the most that was resident (MiB), 0 where nobody looked.
    """

    wall: float
    cpu: float
    own: float = 0.0
    peak_mb: float = 0.0


def median(runs: Sequence[Took]) -> Took:
    """Of each figure by itself."""
    return Took(*(statistics.median(run[n] for run in runs) for n in range(len(Took._fields))))


def family(pid: int) -> list[int]:
    """A process and all that it has started and that still runs."""
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                found += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            pass  # it has ended meanwhile
    return found


def ticks(pid: int) -> list[int]:
    """User and system time of a process, then those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [0, 0, 0, 0]  # it has ended: its parent has its time now
    return list(map(int, fields[11:15]))


def cpu_s(pid: int) -> float:
    """Processor seconds until now of a process and of what it has started."""
    return sum(sum(ticks(one)) for one in family(pid)) / TICK


def resident_mb(pid: int) -> float:
    """MiB that a process and what it has started occupy; pages that several of them share are counted once."""
    kb = 0
    for one in family(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kb / 1024


def adopt() -> None:
    """Become the parent of processes whose own parent ends: of the measured one's helpers."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit(f"prctl: {os.strerror(ctypes.get_errno())}")


def orphans_s(pids: Sequence[int]) -> float:
    """Wait for these, if they are ours now; their processor time."""
    total = 0.0
    for pid in pids:
        try:
            _, _, usage = os.wait4(pid, 0)
        except ChildProcessError:
            continue  # its parent has waited for it
        total += usage.ru_utime + usage.ru_stime
    return total


class Watched:
    """A process under measurement. Its output is read to the end, or `lines` are; then `took` has its figures."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None, memory: bool = False):
        self.command, self._peak, self._said = command, 0.0, b""
        self._began = time.monotonic()
        adopt()
        self._others = family(os.getpid())[1:]  # what has nothing to do with it
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True) if memory else None
        if self._sampler is not None:
            self._sampler.start()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._peak = max(self._peak, resident_mb(self._process.pid))

    def now(self) -> Took:
        """Since the start."""
        return Took(time.monotonic() - self._began, cpu_s(self._process.pid))

    def lines(self) -> Iterator[str]:
        """What it prints, line by line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said = (self._said + line)[-KEPT:]
            yield line.decode(errors="replace").strip()

    def stop(self) -> None:
        self._process.kill()

    def end(self) -> Took:
        """Wait for the end, which must be a good one."""
        for _ in self.lines():
            pass
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)  # its figures are there until it is reaped
        own = sum(ticks(self._process.pid)[:2]) / TICK
        adopted = [pid for pid in family(os.getpid())[1:] if pid not in (self._process.pid, *self._others)]
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - self._began
        self._over.set()
        if self._sampler is not None:
            self._sampler.join()
        if self._process.returncode:
            text = self._said.decode(errors="replace")
            raise SystemExit(f"{' '.join(self.command)}: exit status {self._process.returncode}\n{text}")
        return Took(wall, usage.ru_utime + usage.ru_stime + orphans_s(adopted), own, self._peak)


def whole(command: Sequence[str], environment: Mapping[str, str] | None = None, memory: bool = False) -> Took:
    """A run from start to end."""
    return Watched(command, environment, memory).end()


class Between(NamedTuple):
    """What happened between BEGIN and END of one name."""

    took: Took
    result: str


def between(command: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Between]:
    """By name, in the order of the lines."""
    watched, open_, found = Watched(command, environment), {}, {}
    for line in watched.lines():
        what, _, rest = line.partition(" ")
        name, _, result = rest.partition(" ")
        if what == "BEGIN":
            open_[name] = watched.now()
        elif what == "END" and name in open_:
            now, then = watched.now(), open_.pop(name)
            found[name] = Between(Took(now.wall - then.wall, now.cpu - then.cpu), result)
    watched.end()
    return found


def load() -> str:
    """The load average, for a heading: the figures of a busy machine are worth less."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
