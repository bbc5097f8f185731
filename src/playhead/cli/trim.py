"""`playhead trim`: a part of a recording as a recording of its own, that replays by itself."""

import os
from typing import Any

from playhead.cli.options import Option, help_text, number, one_of, parse_arguments

OPTIONS = (
    Option("--from", "where the part begins: an instruction count, `12%` of the recording, or `start` (default)",
           "MOMENT", key="begin", default="start"),
    Option("--to", "where it ends: likewise, or `end` (default)", "MOMENT", key="end", default="end"),
    Option("-o", "the part", "FILE", key="output"),
    Option("--force", "replace the file if it exists"),
    Option("--engine", "native (default), or the slow reference evaluator", "native|reference",
           one_of("native", "reference"), default="native"),
    Option("--quiet", "no progress and no summary"),
)  # fmt: skip


def help() -> str:
    usage = "playhead trim FILE -o FILE [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Makes a recording of a part of one. The part holds the state that it begins with, so it replays alone and\n"
        "at once, and says which recording it was made from. To make it, the recording is replayed up to the part's\n"
        "end and compared on the way; exit status 1: it diverged."
    )
    return help_text("trim", usage, what, OPTIONS)


def moment_of(text: str, reader: Any) -> int:
    """The instruction that a text means in a recording."""
    from playhead.base.errors import UsageError

    start = reader.start.moment.icount if reader.start else 0
    end = reader.last_mark()[0].icount
    if text in ("start", "end"):
        return int(start if text == "start" else end)
    if text.endswith("%"):
        return int(start + (end - start) * number(0, 100)(text[:-1]) // 100)
    icount = int(number(0, (1 << 62) - 1)(text.replace("_", "")))
    if not start <= icount <= end:
        raise UsageError(f"{text} is not in {reader.path}, which goes from instruction {start} to {end}")
    return icount


def main(words: list[str]) -> int:
    values = parse_arguments("trim", OPTIONS, words, ["FILE"])
    from playhead.base.errors import UsageError
    from playhead.log.reader import Reader
    from playhead.log.writer import check_output

    path, output = values["file"], values["output"]
    if output is None:
        raise UsageError("a part needs a file: -o FILE")
    if os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path):
        raise UsageError(f"-o {output} is the recording itself")
    check_output(output, values["force"])
    with Reader(path) as reader:
        return _trim(reader, values)


def _trim(reader: Any, values: dict[str, Any]) -> int:
    from playhead.base.errors import UsageError
    from playhead.cli.assemble import big, size
    from playhead.cli.replay import machine_of
    from playhead.host.host import Host
    from playhead.host.worker import Worker
    from playhead.log.moment import Moment
    from playhead.log.writer import Writer
    from playhead.session.part import PartSession, copy

    begin, end = moment_of(values["begin"], reader), moment_of(values["end"], reader)
    if begin >= end:
        raise UsageError(f"a part from instruction {begin} to {end} has nothing in it")
    build, serial = machine_of(reader, values["engine"])
    host = Host(["null"] * len(serial), "null", reads=False)
    session = PartSession(build, host, reader)
    session.options.progress = not values["quiet"]
    with host:
        session.begin()
        first = None
        if begin or reader.start:
            session.run_to(Moment(begin))
            first = session.first()
        session.run_to(None if values["end"] == "end" else Moment(end))
        last = session.last()
        with Writer(values["output"], values["force"], Worker()) as writer:
            copy(reader, writer, first, last)
    if not values["quiet"]:
        where = f"instructions {begin if first is None else first.moment} to {last.moment}"
        host.message(f"{where} of {reader.path}, {big(last.moment.icount - begin)}: {values['output']}, "
                     f"{size(os.path.getsize(values['output']))}")  # fmt: skip
    return 0
