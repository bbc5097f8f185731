"""`playhead log`: the events of a recording, or of a log that QEMU wrote, in the field's names; or counted."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from playhead.base import json_text
from playhead.base.messages import lines_shown, tell
from playhead.cli.claims import of_recording
from playhead.cli.options import FILE, Option, help_text, parse_arguments

OPTIONS = (
    Option("--json", "one JSON object per line; stats: one object"),
    Option("--stats", "the same as playhead log stats FILE"),
    Option("--qemu", "write the log that QEMU 7.2 would have of the same run (version 0xe0200c): to -o", since="0.4.0"),
    Option("-o", "with --qemu: the log to write", parse=FILE, key="output",
           since="0.4.0"),
    Option("--force", "with --qemu: replace a log of QEMU's that exists", since="0.4.0"),
)
WAYS = ("dump", "stats", "sql")
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead log [dump|stats] FILE [--json]\n       playhead log --qemu -o LOG FILE\n       playhead log sql"
    what = (
        "Prints the events of a recording: instruction count, number, kind, arguments (dump); or how many there are\n"
        "of each kind, their bytes, and how they are spread over time, counted in instructions (stats).\n\n"
        "In JSON, arguments of 64 bits are strings, as are other integers beyond 2**53: many readers round them.\n\n"
        "sql prints SQLite views, one for each kind of event, with its arguments as columns: playhead log sql >\n"
        "views.sql; sqlite3 -readonly -init views.sql FILE (docs/queries.md).\n\n"
        "FILE may also be a log of QEMU's (-icount rr=record,rrfile=FILE). It is shown in the same form.\n"
        "--qemu writes one, by a replay of the recording, for programs that read such logs (QEMU cannot replay our\n"
        "machine by it)."
    )
    return help_text("log", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    way, rest = (words[0], words[1:]) if words and words[0] in WAYS else ("dump", words)
    values = parse_arguments("log", OPTIONS, rest, () if way == "sql" else OPERANDS)
    if way == "sql":
        from playhead.log.views import script

        print(script())
        return 0
    counted = way == "stats" or values["stats"]
    if values["qemu"] or values["output"] is not None or values["force"]:
        return _as_qemu(values)
    of_recording(values["file"])
    with _opened(values["file"]) as log:
        _print(_stats_lines(log, values["json"]) if counted else _dump_lines(log, values["json"]))
        sys.stdout.flush()
        note = log.note() if hasattr(log, "note") else ""
    if note:
        tell(note)
    return 0


def _as_qemu(values: dict[str, Any]) -> int:
    """`--qemu -o LOG`."""
    from playhead.base.errors import UsageError
    from playhead.cli.quantities import count
    from playhead.cli.recorded_machine import builder
    from playhead.host.host import Host
    from playhead.log.qemu_writer import QemuWriter
    from playhead.log.reader import Reader
    from playhead.session.qemu_log import QemuLogSession

    out = values["output"]
    if not values["qemu"] or out is None:
        raise UsageError("--qemu and -o go together: playhead log --qemu -o LOG FILE")
    if values["json"] or values["stats"]:
        raise UsageError("--qemu writes a log: not with --json or --stats")
    claims = of_recording(values["file"])
    claims.writes("-o", out)
    claims.check()
    _check_output(out, values["force"])
    with Reader(values["file"]) as reader:
        build, serial = builder(reader)
        host = Host(["null"] * len(serial), "null", reads=False)
        writer = QemuWriter(out, reader.start.moment.icount if reader.start else 0)
        try:
            session = QemuLogSession(build, host, reader, writer)
            outcome = session.run()
            early = outcome.note.startswith("ended by")
            if not early:
                writer.finish(outcome.icount)
        finally:
            writer.close()
    if outcome.note:
        host.message(outcome.note + ("; no log was written" if early else ""))
    if not early:
        left_out = [f"{n} {name}" for name, n in session.left_out.items()]
        without = f"; without {', '.join(left_out)}, which QEMU's logs do not have" if left_out else ""
        host.message(f"{count(writer.events, 'event')} in {out}{without}")
    return host.exit_status(130 if early else 0)


def _check_output(path: str, force: bool) -> None:
    """Only a log of QEMU's is ever replaced, or nothing."""
    from playhead.base.errors import UsageError
    from playhead.log.qemu_reader import is_qemu_log

    if not os.path.lexists(path) or os.path.getsize(path) == 0:
        return
    if not is_qemu_log(path):
        raise UsageError(f"-o {path}: it exists and is no log of QEMU's; give another name")
    if not force:
        raise UsageError(f"-o {path}: it exists; give --force to replace it, or another name")


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """A `Reader` or a `QemuLog`, whichever the file is for."""
    from playhead.log.qemu_reader import QemuLog, is_qemu_log
    from playhead.log.reader import Reader

    with QemuLog(path) if is_qemu_log(path) else Reader(path) as log:
        yield log


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(lines_shown(line) + "\n")


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
