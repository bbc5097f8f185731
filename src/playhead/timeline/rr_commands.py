"""rr's commands on a recording, so that front ends which were made for rr work: checkpoints, and where one is.

What rr calls an event, a number that grows along the recording, is a moment here; a tick is a retired instruction. The
answers have rr's shape, because front ends take numbers out of them. Checkpoints live as long as the server does;
`savevm` keeps a moment in the recording.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.timeline.moments import Where, parse
from playhead.timeline.timeline import Timeline

MOST = 10_000  # checkpoints
THREAD = 1  # the one processor


class Checkpoint(NamedTuple):
    moment: Moment
    where: str  # as the debugger calls the place


class RrCommands:
    """`execute(name, words)`: the answer, or None if rr has no such command. Newer versions of rr take a thread's
    number before the words: so the last word counts. `next_to(where)` says where the next step leads.
    """

    def __init__(self, timeline: Timeline, next_to: Callable[[Where | None], None]):
        self._timeline, self._next_to = timeline, next_to
        self._checkpoints: dict[int, Checkpoint] = {}
        self._made = 0
        self._commands: dict[str, Callable[[str], str]] = {
            "when": lambda word: f"Current event: {timeline.moment}",
            "when-ticks": lambda word: f"Current tick: {timeline.moment.icount}",
            "when-tid": lambda word: f"Current tid: {THREAD}",
            "elapsed-time": lambda word: f"Elapsed Time (s): {timeline.machine.now_ns() / 1e9:.9f}",
            "checkpoint": self._make,
            "info checkpoints": self._list,
            "delete checkpoint": self._delete,
            "restart": self._restart,
            "run": self._go,
            "seek-ticks": lambda word: self._go("t" + word),
            "stay": self._stay,  # ours
        }

    def execute(self, name: str, words: list[str]) -> str | None:
        command = self._commands.get(name)
        return None if command is None else command(words[-1].strip() if words else "")

    def place(self, text: str) -> Where:
        """`c1` is a checkpoint, `t1000` a count of instructions, anything else a moment as users write it."""
        if match := re.fullmatch(r"c([0-9]{1,9})", text):
            return self._checkpoints[self._known(match[1])].moment
        return parse(text[1:] if re.fullmatch(r"t[0-9]+", text) else text, self._timeline.end)

    def _go(self, text: str) -> str:
        """The next step leads there: front ends see no movement but of a program that runs."""
        self._next_to(self.place(text or "start"))
        return ""

    def _stay(self, word: str) -> str:
        self._next_to(None)
        return ""

    def _restart(self, word: str) -> str:
        self._known(word)
        return self._go("c" + word)

    def _known(self, word: str) -> int:
        """The number of a checkpoint that there is."""
        if not re.fullmatch("[0-9]{1,9}", word) or int(word) not in self._checkpoints:
            raise UsageError(f"No checkpoint number {word[:20]}.")
        return int(word)

    def _make(self, where: str) -> str:
        if len(self._checkpoints) >= MOST:
            raise UsageError(f"there are {MOST} checkpoints: delete some")
        self._made += 1
        self._checkpoints[self._made] = Checkpoint(self._timeline.moment, " ".join(where.split()) or "???")
        return f"Checkpoint {self._made} at {self._checkpoints[self._made].where}"

    def _list(self, word: str) -> str:
        if not self._checkpoints:
            return "No checkpoints."
        rows = (f"{n}\t{c.moment}\t{c.where}" for n, c in self._checkpoints.items())
        return "\n".join(("ID\tWhen\tWhere", *rows))

    def _delete(self, word: str) -> str:
        number = self._known(word)
        del self._checkpoints[number]
        return f"Deleted checkpoint {number}."
