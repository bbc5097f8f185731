"""Cases by number: run one after the other, each within a time; findings say how to repeat them.

A case is a function of a seed and a number. It returns how often what was done, or raises `Finding`.
"""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 30  # of processor time; a step takes milliseconds
WAITS = 20  # so many times the limit may pass by the clock: the host may be busy with other things
MOST_FINDINGS = 20


class Finding(Exception):
    """What must not happen."""


class Hang(BaseException):
    """Not an Exception, so that nothing takes it for an error."""


@contextmanager
def limited(seconds: float = LIMIT_S) -> Iterator[None]:
    """What takes longer, hangs."""

    def hang(*_: object) -> None:
        raise Hang(f"it takes more than {seconds:g} s")

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, WAITS * seconds))
    before = [signal.signal(number, hang) for _, number, _ in timers]
    for timer, _, limit_s in timers:
        signal.setitimer(timer, limit_s)
    try:
        yield
    finally:
        for timer, _, _ in timers:
            signal.setitimer(timer, 0)
        for (_, number, _), handler in zip(timers, before, strict=True):
            signal.signal(number, handler)


def told(step: Iterable[Any]) -> str:
    """A step in a few words."""
    words = [f"{len(word)} bytes" if isinstance(word, bytes) else hex(word) if type(word) is int else str(word)
             for word in step]  # fmt: skip
    return " ".join(words)


def where(error: BaseException) -> str:
    """An exception, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return f"{type(error).__name__}: {error} ({'; '.join(f'{Path(f.filename).name}:{f.lineno}' for f in frames)})"


def same(one: dict[Any, Any], other: dict[Any, Any], what: str) -> None:
    if one != other:
        odd = [str(key) for key in one if one[key] != other.get(key)]
        raise Finding(f"{what}: a board that has taken over the state differs in {', '.join(odd)}")


def search(case: Callable[[int, int], Counter[str]], numbers: range, seed: int, again: Callable[[int], str], *,
           say: Callable[[str], None] = print, most: int = MOST_FINDINGS,
           limit_s: float = LIMIT_S) -> list[str]:  # fmt: skip
    """The findings, at most so many. `again`: the command that repeats the case of this number."""
    findings: list[str] = []
    done = Counter[str]()
    for number in numbers:
        try:
            with limited(limit_s):
                done += case(seed, number)
        except (Finding, Hang) as finding:
            findings.append(f"{finding}; again: {again(number)}")
            say(findings[-1])
            if len(findings) == most:
                break
    what = ", ".join(f"{n} {what}" for what, n in done.items())
    say(f"{len(numbers)} cases, seed {seed}: {len(findings)} findings; {what}")
    return findings
