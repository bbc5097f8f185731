"""Commands that move about in a recording: seek, breakpoints by moment, snapshots, who wrote something."""

from collections.abc import Callable, Sequence
from typing import Protocol

from playhead.base.errors import UsageError
from playhead.log import snapshots
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.monitor.commands import Command, Say, number
from playhead.monitor.expressions import SEGMENTS, evaluate
from playhead.timeline.moments import Where, parse
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.writers import DEFAULT, last_writes


def commands(target: ReplayDebuggee, reader: Reader, date: Callable[[], str]) -> tuple[Command, ...]:
    """`date`: the date now, for snapshots."""
    replay = Replaying(target, reader, date)
    return (
        Command(("info replay",), "", "the recording, and the moment in it", replay.info),
        Command(("info block",), "", "the drives, and what is in them", replay.drives),
        Command(("info status",), "", "paused, always: a replay moves only when told to", replay.status),
        Command(("replay_seek", "seek"), "moment", "go to a moment: 1500000, 1.5M, -1000, +1000, 50%, @12.5s, end, "
                "serial:\"text\"", replay.seek),
        Command(("replay_break",), "moment", "continuing stops there; a new one replaces it", replay.set_break),
        Command(("replay_delete_break",), "", "remove it", replay.delete_break),
        Command(("who",), "address[:length] [count]", "the last write to these bytes, and those before it", replay.who),
        Command(("savevm",), "name", "give this moment a name, kept in the recording", replay.save),
        Command(("loadvm",), "name", "go to the moment of that name", replay.load,
                choices=replay.names),
        Command(("delvm",), "name", "remove the name", replay.delete,
                choices=replay.names),
        Command(("info snapshots",), "", "the names and their moments", replay.snapshots),
    )  # fmt: skip


class Replaying:
    def __init__(self, target: ReplayDebuggee, reader: Reader, date: Callable[[], str]):
        self._target, self._reader, self._date = target, reader, date

    def _where(self, text: str) -> Where:
        return parse(text, self._target.timeline.end)

    def info(self, words: list[str], say: Say) -> None:
        line = self._target.timeline
        say(f"Replaying execution '{self._reader.path}': instruction count = {line.moment.icount}")
        say(f"moment {line.moment} of {line.end}, virtual time {line.machine.now_ns() / 1e9:.6f} s")
        if self._target.break_at is not None:
            say(f"replay_break at {self._target.break_at}")

    def status(self, words: list[str], say: Say) -> None:
        say("VM status: paused")

    def drives(self, words: list[str], say: Say) -> None:
        for line in self._target.drives_shown() or ("This machine has no drives.",):
            say(line)

    def seek(self, words: list[str], say: Say) -> None:
        line = self._target.timeline
        line.find(self._where(words[0]))
        say(f"at {line.moment}: {self._target.instruction()}")

    def set_break(self, words: list[str], say: Say) -> None:
        line, here = self._target.timeline, self._target.timeline.moment
        line.find(self._where(words[0]))
        there = line.moment
        line.seek(here)
        if there < here:
            raise UsageError(f"cannot set breakpoint at the instruction in the past: {there} is before {here}")
        self._target.break_at = there
        say(f"replay_break at {there}")

    def delete_break(self, words: list[str], say: Say) -> None:
        if self._target.break_at is None:
            raise UsageError("there is no replay breakpoint")
        self._target.break_at = None

    def who(self, words: list[str], say: Say) -> None:
        place, _, length = words[0].rpartition(":") if ":" in words[0] else (words[0], "", "")
        if place.startswith("$") and ":" not in place and place[1:] in SEGMENTS:
            place, length = words[0], ""  # $ss:$esp
        address = evaluate(self._target, place).address
        count = number(words[1], "the count") if len(words) > 1 else DEFAULT
        line, here = self._target.timeline, self._target.timeline.moment
        found = 0
        for wrote in last_writes(line, address, number(length or "4", "the length"), physical=False):
            say(str(wrote))
            found += 1
            if found == count:
                break
        else:
            say("no write before that, since the recording began")
        line.seek(here)

    def save(self, words: list[str], say: Say) -> None:
        line = self._target.timeline
        snapshots.check_name(words[0])
        root = line.player.digest().root
        row = snapshots.Snapshot(words[0], line.moment, line.machine.now_ns(), self._date(), root)
        snapshots.add(self._reader.path, row, self._reader.genesis)
        say(f"{words[0]}: {line.moment}")

    def _named(self, name: str) -> snapshots.Snapshot:
        there = snapshots.names(self._reader)
        for snapshot in there:
            if snapshot.name == name:
                return snapshot
        raise UsageError(f"no snapshot '{name}'; there is {', '.join(s.name for s in there) or 'none'}")

    def names(self) -> list[str]:
        return [snapshot.name for snapshot in snapshots.names(self._reader)]

    def load(self, words: list[str], say: Say) -> None:
        wanted, line = self._named(words[0]), self._target.timeline
        line.seek(wanted.moment)
        if line.moment != wanted.moment or line.player.digest().root != wanted.root:
            raise UsageError(f"snapshot '{wanted.name}' is of another machine than this replay has at {line.moment}")
        say(f"at {line.moment}: {self._target.instruction()}")

    def delete(self, words: list[str], say: Say) -> None:
        snapshots.remove(self._reader.path, words[0], self._reader.genesis)

    def snapshots(self, words: list[str], say: Say) -> None:
        show_snapshots(snapshots.names(self._reader), say)


class Named(Protocol):
    """A snapshot, of a recording or of a machine that runs."""

    @property
    def name(self) -> str: ...
    @property
    def moment(self) -> Moment: ...
    @property
    def virtual_ns(self) -> int: ...
    @property
    def created(self) -> str: ...


def show_snapshots(there: Sequence[Named], say: Say) -> None:
    if not there:
        say("There is no snapshot available.")
        return
    say(f"{'ID':<4}{'TAG':<20}{'DATE':<22}{'VM CLOCK':>14}  ICOUNT")
    for i, s in enumerate(there):
        say(f"{i + 1:<4}{s.name:<20}{s.created:<22}{s.virtual_ns / 1e9:>12.3f} s  {s.moment}")
