"""`playhead trim`: a part of a recording as a separate recording that replays alone."""

from typing import Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET

OPTIONS = (
    Option("--from", "where the part begins: 1500000, 1.5M, 12%, @12.5s, serial:\"text\", or `start` (default)",
           "MOMENT", key="begin", default="start"),
    Option("--to", "where it ends: likewise, or `end` (default)", "MOMENT", key="end", default="end"),
    Option("-o", "the part", parse=FILE, key="output"),
    Option("--force", "replace the file if it exists"),
    IMAGES,
    ENGINE,
    Option("--verify", "check everything before the part, too: replay the recording from its beginning", since="0.2.0"),
    QUIET,
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead trim FILE -o FILE [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Makes a recording of a part of one. The part holds the state that it begins with, so it replays alone and\n"
        "at once, and names the recording it was made from. To make it, the recording is replayed from the nearest\n"
        "checkpoint before the part up to its end, and compared on the way; exit status 1: it diverged."
    )
    return help_text("trim", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("trim", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader
    from playhead.log.writer import check_output

    path, output = values["file"], values["output"]
    if output is None:
        raise UsageError("a part needs a file: -o FILE")
    claims = of_recording(path, output, images=values["images"])
    check_output(output, values["force"])
    with Reader(path) as reader:
        claims.recorded_images(reader)
        claims.check()
        return _trim(reader, values)


def _trim(reader: Any, values: dict[str, Any]) -> int:
    from playhead.base.errors import UsageError
    from playhead.cli.assemble import made
    from playhead.cli.quantities import big
    from playhead.cli.recorded_machine import builder, moment_of
    from playhead.host.host import Host
    from playhead.host.worker import Worker
    from playhead.log.moment import START
    from playhead.log.writer import Writer
    from playhead.session.part import PartSession, copy

    begin, end = (moment_of(reader, values[name], values["engine"]) for name in ("begin", "end"))
    if begin >= end:
        raise UsageError(f"a part from {begin} to {end} has nothing in it")
    build, serial = builder(reader, values["engine"], values["images"])
    host = Host(["null"] * len(serial), "null", reads=False)
    session = PartSession(build, host, reader)
    session.options.progress = not values["quiet"]
    with host:
        session.begin(None if values["verify"] else begin, end)
        first = None
        if begin > START or reader.start:
            session.run_to(begin)
            first = session.first()
        session.run_to(None if values["end"] == "end" else end)
        last = session.last()
        with Writer(values["output"], values["force"], Worker()) as writer:
            copy(reader, writer, first, last, blocks=session.blocks)
    if not values["quiet"]:
        where = f"instructions {begin if first is None else first.moment} to {last.moment}"
        host.message(f"{where} of {reader.path}, {big(last.moment.icount - begin.icount)}: {made(writer)}")
    return 0
