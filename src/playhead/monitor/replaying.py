"""Commands that move about in a recording: seek, breakpoints by moment, snapshots, who wrote something."""

from collections.abc import Sequence

from playhead.hw.memory import PAGE
from playhead.log import snapshots
from playhead.log.reader import Reader
from playhead.monitor.commands import Command, Say, number
from playhead.monitor.expressions import SEGMENTS, evaluate
from playhead.timeline.control import Named
from playhead.timeline.moments import Where, parse
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.writers import DEFAULT, last_writes


def commands(target: ReplayDebuggee, reader: Reader) -> tuple[Command, ...]:
    replay = Replaying(target, reader)
    return (
        Command(("info replay",), "", "the recording, and the moment in it", replay.info),
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
    def __init__(self, target: ReplayDebuggee, reader: Reader):
        self._target, self._reader = target, reader

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

    def seek(self, words: list[str], say: Say) -> None:
        say(f"at {self._target.replay_seek(self._where(words[0]))}: {self._target.instruction()}")

    def set_break(self, words: list[str], say: Say) -> None:
        say(f"replay_break at {self._target.replay_break(self._where(words[0]))}")

    def delete_break(self, words: list[str], say: Say) -> None:
        self._target.replay_delete_break()

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
        saved = self._target.save(words[0])
        say(f"{saved.name}: {saved.moment}")

    def names(self) -> list[str]:
        return [snapshot.name for snapshot in snapshots.names(self._reader)]

    def load(self, words: list[str], say: Say) -> None:
        self._target.load(words[0])
        say(f"at {self._target.moment}: {self._target.instruction()}")

    def delete(self, words: list[str], say: Say) -> None:
        self._target.delete(words[0])

    def snapshots(self, words: list[str], say: Say) -> None:
        show_snapshots(snapshots.names(self._reader), say)


def show_snapshots(there: Sequence[Named], say: Say) -> None:
    """As QEMU lists them; the moment takes the place of its instruction count."""
    if not there:
        say("There is no snapshot available.")
        return
    say("List of snapshots present on all disks:")
    say(f"{'ID':<10}{'TAG':<17} {'VM SIZE':>7}{'DATE':>20}{'VM CLOCK':>13}{'ICOUNT':>11}")
    for n, one in enumerate(there):
        pages = getattr(one, "pages", None)
        size = f"{len(pages) * PAGE >> 10} KiB" if pages is not None else "-"
        date = one.created.replace("T", " ").rstrip("Z")
        say(f"{n + 1:<10}{one.name:<17} {size:>7}{date:>20}{_clock(one.virtual_ns):>13} {one.moment!s:>10}")


def _clock(ns: int) -> str:
    ms = ns // 1_000_000
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
