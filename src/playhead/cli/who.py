"""`playhead who`: which instruction, or which device, wrote some bytes of memory last, and before that."""

from typing import Any

from playhead.base import json_text
from playhead.base.messages import lines_shown
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import Option, help_text, number, parse_arguments
from playhead.cli.replaying_options import ENGINE, JOBS
from playhead.session.track import Stopped


def place(text: str) -> tuple[int, int]:
    """`0xc0001234:8` as address and length."""
    address, _, length = text.partition(":")
    return number(0, (1 << 32) - 1)(address), number(1, 1 << 20)(length or "4")


OPTIONS = (
    Option("--addr", "the bytes: an address, and how many (default 4)", "ADDRESS[:LENGTH]", place),
    Option("--before", "look back from this moment: 1500000, 1.5M, 50%, @12.5s, end (default)", "MOMENT",
           default="end"),
    Option("--physical", "the address is physical; else it is looked up in the page tables of that moment"),
    Option("--count", "so many writes, the last one first (default 1)", "N", number(1, 1 << 20), default=1),
    Option("--json", "one JSON object for each"),
    IMAGES,
    ENGINE,
    JOBS,
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead who FILE --addr ADDRESS[:LENGTH] [--before MOMENT] [options]"
    what = (
        "Searches a recording backwards for writes to some bytes of memory: the moment, the virtual time, the\n"
        "instruction, and the bytes' contents before and after. Writes through other mappings count, and those of\n"
        "devices and of the page walk, which are named. Exit status 1: there was no write. Stretches between\n"
        "checkpoints that list none of the pages are skipped; the others are searched on all processors, the latest\n"
        "first."
    )
    return help_text("who", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("who", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.cli.recorded_machine import searchers, timeline
    from playhead.log.reader import Reader
    from playhead.timeline.moments import parse

    if values["addr"] is None:
        raise UsageError("whose writes? --addr ADDRESS[:LENGTH]")
    address, length = values["addr"]
    of_recording(values["file"], images=values["images"])
    with (
        Reader(values["file"]) as reader,
        searchers(reader, values) as crew,
        timeline(reader, values["engine"], images=values["images"], crew=crew) as (line, host),
    ):
        try:
            line.find(parse(values["before"], line.end, line.end))
            return _show(line, host, address, length, values)
        except Stopped:
            host.message(f"ended by {host.quit_name()}")
            return 130


def _show(line: Any, host: Any, address: int, length: int, values: dict[str, Any]) -> int:
    from itertools import islice

    from playhead.timeline.writers import last_writes

    found = 0
    for wrote in islice(last_writes(line, address, length, physical=values["physical"]), values["count"]):
        host.status.clear()
        print(json_text.dumps(wrote.as_dict()) if values["json"] else lines_shown(str(wrote)), flush=True)
        found += 1
    if found < values["count"]:
        host.message("no write before that, since the recording began" if found else "nothing wrote there")
    return int(not found)
