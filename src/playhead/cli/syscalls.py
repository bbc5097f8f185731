"""`playhead syscalls`: the system calls of a recorded Linux guest's programs, as strace shows those of a live one."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from playhead.cli import answers
from playhead.cli.kernel_options import JSON, SINCE
from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.replaying_options import QUIET
from playhead.cli.value_types import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playhead.analyses.syscalls import SystemCall

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
    *answers.TABLES,
    *answers.WORKERS,
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead syscalls FILE [--from MOMENT] [--to MOMENT] [--process PROCESS] [options]"
    what = (
        "Prints each system call of a recorded Linux guest (32-bit) with its arguments and its result, found by a\n"
        "replay that stops where the kernel makes and ends a call; nothing is needed in the guest. A line begins with\n"
        "the moment at which the call was made, and the process. All processors replay; the lines do not depend on\n"
        "how many there are."
    )
    return help_text("syscalls", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("syscalls", OPTIONS, words, OPERANDS)
    from playhead.analyses.syscalls import syscalls
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording

    wanted = _Wanted(values)
    outputs = answers.files(values)
    if outputs and (values["json"] or values["count"]):
        raise UsageError(f"{next(iter(outputs))} has all calls, and is written instead of --json and --count")
    answers.check(of_recording(values["file"], images=values["images"]), outputs, force=values["force"])
    with answers.opened(values) as rec:
        rows = iter(syscalls(rec, **answers.asked(values)))
        try:
            some = islice((row for row in rows if row in wanted), values["most"])
            _answer(some, values, outputs)
        finally:
            rows.close()  # type: ignore[attr-defined]
    wanted.tell_if_none()
    return 0


def _answer(rows: Iterator[SystemCall], values: dict[str, Any], outputs: dict[str, tuple[str, str]]) -> None:
    if outputs:
        _save(list(rows), outputs)
    elif values["count"]:
        _count(rows, values["json"])
    else:
        for row in rows:
            _print(row, values["json"])


def _save(rows: list[SystemCall], outputs: dict[str, tuple[str, str]]) -> None:
    from playhead.analyses.saving import write_rows
    from playhead.analyses.syscalls import NAMES
    from playhead.cli import new_file

    for path, kind in outputs.values():
        with new_file.complete(path) as name:
            write_rows(rows, "syscall", NAMES, name, kind)
        print(f"{path}: {len(rows):,} system calls")


def _process(text: str) -> str | int:
    """A number or name as it is, page tables by their address."""
    from playhead.base.errors import UsageError

    if not text.startswith("cr3="):
        return text
    try:
        return int(text[4:], 16)
    except ValueError:
        raise UsageError(f"--process {text}: write cr3=ADDRESS with a hexadecimal address") from None


class _Wanted:
    """Which calls are to be shown."""

    def __init__(self, values: dict[str, Any]):
        from playhead.base.errors import UsageError
        from playhead.base.messages import nearest
        from playhead.linux.syscall_table import NUMBERS

        self._processes = [_process(text) for text in values["processes"]]
        self._seen: set[str] = set()  # names of processes that made calls
        self._any = False
        self._numbers: set[int] | None = None
        if values["names"] is not None:
            self._numbers = set()
            for name in values["names"].split(","):
                if name not in NUMBERS and not name.isdecimal():
                    raise UsageError(f"--call {name}: i386 has no such system call{nearest(name, NUMBERS)}")
                self._numbers.add(NUMBERS.get(name) if name in NUMBERS else int(name))  # type: ignore[arg-type]

    def __contains__(self, call: SystemCall) -> bool:
        self._seen.add(call.comm)
        is_number = self._numbers is None or call.number in self._numbers
        is_process = not self._processes or not {str(call.pid), call.comm, call.cr3}.isdisjoint(self._processes)
        self._any |= is_number and is_process
        return is_number and is_process

    def tell_if_none(self) -> None:
        """An empty answer says what there is."""
        from playhead.base.messages import tell

        if not self._any:
            by = f"; calls are made by {', '.join(sorted(self._seen))}" if self._seen else ""
            tell(f"no such system call ends there{by}")


def _print(row: SystemCall, json: bool) -> None:
    from playhead.base import json_text
    from playhead.base.messages import shown

    if json:
        print(json_text.dumps(row.as_dict()))
        return
    who = f"{row.pid} {row.comm}" if row.pid >= 0 else f"cr3={row.cr3:08x}"
    print(shown(f"{row.moment}  {who}  {row.text()}"))


def _count(rows: Iterable[SystemCall], json: bool) -> None:
    from playhead.base import json_text

    times: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for row in rows:
        times[row.name] += 1
        failed[row.name] += row.failed
    if json:
        print(json_text.dumps({name: {"calls": n, "errors": failed[name]} for name, n in times.most_common()}))
        return
    print("    calls   errors  syscall")
    for name, n in sorted(times.items(), key=lambda row: (-row[1], row[0])):
        print(f"{n:9} {failed[name] or '':>8}  {name}")
    print(f"{times.total():9} {failed.total():8}  total")
