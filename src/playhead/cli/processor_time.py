"""Processor time, for `--profile`: of the thread that runs the guest, of the others, of started processes."""

import os
import time
from pathlib import Path

thread_ns = time.thread_time_ns
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def others_ns() -> tuple[int, int]:
    """(other threads of this process, processes that it has started, whether they have ended or not)"""
    times = os.times()
    ended = int((times.children_user + times.children_system) * 1e9)
    return time.process_time_ns() - thread_ns(), ended + sum(map(_ticks, _children())) * TICK_NS


def _children() -> list[str]:
    tasks = Path("/proc/self/task")
    return [child for task in tasks.iterdir() for child in _text(task / "children").split()]


def _ticks(pid: str) -> int:
    """User and system time of a process, and of those of its children that have ended."""
    fields = _text(Path("/proc", pid, "stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # it has ended meanwhile
