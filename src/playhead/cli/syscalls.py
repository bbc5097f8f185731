"""`playhead syscalls`: the system calls of a recorded Linux guest's programs, as strace shows those of a live one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.kernel_options import JSON, SINCE
from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET
from playhead.cli.value_types import number

if TYPE_CHECKING:
    from playhead.linux.syscalls import Syscall
    from playhead.log.moment import Moment

OPTIONS = (
    Option("--from", "calls that return after this moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, "
           "serial:\"text\"", "MOMENT", key="begin", since=SINCE),
    Option("--to", "and before that one", "MOMENT", key="end", since=SINCE),
    Option("--process", "of this process: its number, its name, or cr3=ADDRESS (of its page tables); may be given "
           "several times", "PROCESS", key="processes", many=64, since=SINCE),
    Option("--call", "these calls only: names or numbers, separated by commas", "NAMES", key="names", since=SINCE),
    Option("--count", "only how many of each there were, and how many failed", since=SINCE),
    Option("--most", "end after so many calls", "N", number(1, 1 << 40), since=SINCE),
    JSON,
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead syscalls FILE [--from MOMENT] [--to MOMENT] [--process PROCESS] [options]"
    what = (
        "Prints each system call of a recorded Linux guest (32-bit) with its arguments and its result, found by a\n"
        "replay that stops where the kernel makes and ends a call; nothing is needed in the guest. A line begins with\n"
        "the moment at which the call was made, and the process."
    )
    return help_text("syscalls", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("syscalls", OPTIONS, words, OPERANDS)
    from playhead.api.recording import open as open_recording
    from playhead.cli.claims import of_recording
    from playhead.linux.syscalls import entry_points

    wanted = _Wanted(values)
    of_recording(values["file"], images=values["images"])
    with open_recording(values["file"], engine=values["engine"], images=values["images"]) as recording:
        entries = entry_points(recording.reader)
        replay = recording.replay(values["begin"] or "start", values["end"] or "end")
        shown = _Shown(values, wanted, replay.stop)
        _listen(replay, entries, shown)
        replay.run()
        shown.end()
    return 0


def _listen(replay: Any, entries: Any, shown: _Shown) -> None:
    from playhead.linux.syscalls import Calls

    calls, places = Calls(entries), entries.addresses()
    made: dict[int, Moment] = {}

    @replay.on_instruction(*places)
    def reached(event: Any) -> None:
        gate, is_entry = places[event.address]
        machine = event.machine._machine
        if is_entry:
            call = calls.entry(machine, gate)
            made[call.thread] = event.moment
            if call.never_returns:
                shown.add(event.moment, call)
        elif (done := calls.exit(machine)) is not None:
            shown.add(made[done.thread], done)


class _Wanted:
    """Which calls are to be shown."""

    def __init__(self, values: dict[str, Any]):
        from playhead.base.errors import UsageError
        from playhead.base.messages import nearest
        from playhead.linux.syscall_table import NUMBERS

        self._processes: list[str] = values["processes"]
        self._numbers: set[int] | None = None
        if values["names"] is not None:
            self._numbers = set()
            for name in values["names"].split(","):
                if name not in NUMBERS and not name.isdecimal():
                    raise UsageError(f"--call {name}: i386 has no such system call{nearest(name, NUMBERS)}")
                self._numbers.add(NUMBERS.get(name) if name in NUMBERS else int(name))  # type: ignore[arg-type]

    def __contains__(self, call: Syscall) -> bool:
        if self._numbers is not None and call.number not in self._numbers:
            return False
        task = call.task
        names = {str(task.tgid), task.comm, f"cr3={task.cr3:#x}", f"cr3={task.cr3:x}"}
        return not self._processes or not names.isdisjoint(self._processes)


class _Shown:
    """Prints calls in the order in which they end."""

    def __init__(self, values: dict[str, Any], wanted: _Wanted, stop: Any):
        self._wanted, self._stop, self._left = wanted, stop, values["most"]
        self._count, self._json = values["count"], values["json"]
        self._times: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def add(self, moment: Moment, call: Syscall) -> None:
        if call not in self._wanted or (self._left is not None and self._left <= 0):
            return
        self._times[call.name] += 1
        self._failed[call.name] += call.failed
        if not self._count:
            self._print(moment, call)
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self._stop()

    def _print(self, moment: Moment, call: Syscall) -> None:
        from playhead.base import json_text
        from playhead.base.messages import shown

        task = call.task
        if self._json:
            print(json_text.dumps({
                "icount": moment.icount, "seq": moment.seq, "pid": task.tgid, "tid": task.pid, "comm": task.comm,
                "cr3": task.cr3, "number": call.number, "name": call.name, "arguments": list(call.args),
                "shown": list(call.shown), "result": call.result, "result_shown": call.result_text(),
            }))  # fmt: skip
            return
        who = f"{task.tgid} {task.comm}" if task.tgid >= 0 else f"cr3={task.cr3:08x}"
        print(shown(f"{moment}  {who}  {call.text()}"))

    def end(self) -> None:
        from playhead.base import json_text

        if not self._count:
            return
        if self._json:
            rows = {name: {"calls": n, "errors": self._failed[name]} for name, n in self._times.most_common()}
            print(json_text.dumps(rows))
            return
        print("    calls   errors  syscall")
        for name, n in sorted(self._times.items(), key=lambda row: (-row[1], row[0])):
            print(f"{n:9} {self._failed[name] or '':>8}  {name}")
        print(f"{self._times.total():9} {self._failed.total():8}  total")
