"""`playhead log`: the events of a recording, or of a log that QEMU wrote, in the field's names; or counted."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from playhead.base import json_text
from playhead.base.messages import tell
from playhead.cli.claims import of_recording
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS = (
    Option("--json", "one JSON object per line; stats: one object"),
    Option("--stats", "the same as playhead log stats FILE"),
)
WAYS = ("dump", "stats", "sql")


def help() -> str:
    usage = "playhead log [dump|stats] FILE [--json]\n       playhead log sql"
    what = (
        "Prints the events of a recording: instruction count, number, kind, arguments (dump); or how many there are\n"
        "of each kind, their bytes, and how they are spread over time, counted in instructions (stats).\n\n"
        "In JSON, arguments of 64 bits are strings, as are other integers beyond 2**53: many readers round them.\n\n"
        "sql prints SQLite views, one for each kind of event, with its arguments as columns: playhead log sql >\n"
        "views.sql; sqlite3 -readonly -init views.sql FILE (docs/queries.md).\n\n"
        "FILE may also be a log of QEMU's (-icount rr=record,rrfile=FILE). It is shown in the same form."
    )
    return help_text("log", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    way, rest = (words[0], words[1:]) if words and words[0] in WAYS else ("dump", words)
    values = parse_arguments("log", OPTIONS, rest, [] if way == "sql" else ["FILE"])
    if way == "sql":
        from playhead.log.views import script

        print(script())
        return 0
    counted = way == "stats" or values["stats"]
    of_recording(values["file"])
    with _opened(values["file"]) as log:
        _print(_stats_lines(log, values["json"]) if counted else _dump_lines(log, values["json"]))
        sys.stdout.flush()
        note = log.note() if hasattr(log, "note") else ""
    if note:
        tell(note)
    return 0


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """A `Reader` or a `QemuLog`, whichever the file is for."""
    from playhead.log.qemu_reader import QemuLog, is_qemu_log
    from playhead.log.reader import Reader

    with QemuLog(path) if is_qemu_log(path) else Reader(path) as log:
        yield log


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _dump_lines(log: Any, as_json: bool) -> Iterator[str]:
    from playhead.log.dump import json_lines, text_lines

    return (json_lines if as_json else text_lines)(log.entries())


def _stats_lines(log: Any, as_json: bool) -> Iterator[str]:
    from playhead.log import stats
    from playhead.log.qemu_reader import QemuLog

    if isinstance(log, QemuLog):
        counts = stats.count((item.entry, item.size) for item in log.items())
        facts = {"file": log.path, "format": f"QEMU {log.version:#x}", "instructions": log.instructions,
                 "complete": not log.unfinished}  # fmt: skip
    else:
        counts = stats.count(stats.sized(log.entries()))
        facts = {"file": log.path, "format": "playhead", "instructions": log.last_mark()[0].icount,
                 "complete": log.ended()}  # fmt: skip
    if as_json:
        yield json_text.dumps({**facts, **stats.as_json(counts)}, indent=1)
    else:
        yield ", ".join(f"{k} {v}" for k, v in (("format", facts["format"]), ("instructions", facts["instructions"]),
                                                ("complete", "yes" if facts["complete"] else "no")))  # fmt: skip
        yield from stats.as_text(counts)
