"""`playhead taint`: what the bytes of an input reach, forwards; where a byte came from, backwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from playhead.base import json_text
from playhead.base.messages import lines_shown
from playhead.cli import answers
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import Option, help_text, number, parse_arguments
from playhead.cli.replaying_options import ENGINE
from playhead.session.track import Stopped

PLACES = "memory:ADDRESS[:LENGTH]@MOMENT, physical:ADDRESS[:LENGTH]@MOMENT or register:NAME@MOMENT"
SINCE = "0.8.0"
OPTIONS = (
    Option("--source", "forwards: what the bytes of event:N (playhead log numbers them), packet:N, "
           f"disk:DRIVE:SECTOR[:COUNT], {PLACES} reach", "ORIGIN", since=SINCE),
    Option("--of", f"backwards: where the bytes of {PLACES} came from; with --source: which bytes of that are there",
           "PLACE", since=SINCE),
    Option("--until", "forwards, up to this moment: 1500000, 1.5M, 50%, @12.5s, end (default)", "MOMENT",
           default="end", since=SINCE),
    Option("--pointers", "what is read or written through a tainted address is tainted, too", since=SINCE),
    Option("--count", "so many steps (default 1000)", "N", number(1, 1 << 40), default=1000, since=SINCE),
    Option("--limit", "so many instructions are looked at one by one, at most (default 5000000)", "N",
           number(1, 1 << 40), default=5_000_000, since=SINCE),
    Option("--json", "one JSON object for each step", since=SINCE),
    Option("--dot", "backwards: the steps as a graph, for Graphviz's dot", since=SINCE),
    answers.SQLITE,
    answers.PARQUET,
    answers.FORCE,
    IMAGES,
    ENGINE._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)
Outputs = dict[str, tuple[str, str]]  # by option: path and kind


def help() -> str:
    usage = "playhead taint FILE {--source ORIGIN [--until MOMENT] | --of PLACE} [options]"
    what = (
        "Follows bytes through a recording, instruction by instruction: from an input to all that it reaches, or from\n"
        "a byte back to the inputs, files and constants that it was made of. Moves, shifts and masks are followed bit\n"
        "by bit; what arithmetic makes depends on all bits that a carry can reach. Not followed are addresses (unless\n"
        "--pointers), what is executed because of a comparison, and what is inside devices. Exit status 1: nothing\n"
        "was reached, or found."
    )
    return help_text("taint", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("taint", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.asking import asking
    from playhead.cli.claims import of_recording

    if not values["source"] and not values["of"]:
        raise UsageError("taint of what? --source ORIGIN (forwards), or --of PLACE (backwards)")
    if values["dot"] and (values["source"] or values["json"]):
        raise UsageError("--dot is for --of alone: the graph of where a byte came from")
    outputs = answers.files(values)
    if outputs and (values["json"] or values["dot"]):
        raise UsageError(f"{next(iter(outputs))} is written instead of what --json and --dot print")
    answers.check(of_recording(values["file"], images=values["images"]), outputs, force=values["force"])
    with asking(values, values["file"]) as (host, (rec,)):
        try:
            if values["source"]:
                return _forwards(rec, host, values, outputs)
            return _backwards(rec, host, values, outputs)
        except Stopped:
            host.message(f"ended by {host.quit_name()}")
            return 130


def _show(host: Any, one: Any, values: dict[str, Any]) -> None:
    host.status.clear()
    print(json_text.dumps(one.as_dict()) if values["json"] else lines_shown(str(one)), flush=True)


def _some(host: Any, rows: Iterable[Any], values: dict[str, Any], outputs: Outputs, names: Sequence[str]) -> int:
    """Show the first ones, or write them; how many there were. `names`: of columns."""
    shown, kept = 0, []
    for row in rows:
        if shown == values["count"]:
            host.message(f"there is more: these are the first {shown} steps (--count)")
            break
        if outputs:
            kept.append(row)
        else:
            _show(host, row, values)
        shown += 1
    host.status.clear()
    _write(kept, outputs, names)
    return shown


def _write(rows: list[Any], outputs: Outputs, names: Sequence[str]) -> None:
    from playhead.analyses.saving import write_rows
    from playhead.cli import new_file

    for path, kind in outputs.values():
        with new_file.complete(path) as name:
            write_rows(rows, "step", names, name, kind)
        print(f"{path}: {len(rows):,} steps")


def _forwards(rec: Any, host: Any, values: dict[str, Any], outputs: Outputs) -> int:
    from playhead.analyses.forwards import COLUMNS
    from playhead.analyses.origins import parse_origin
    from playhead.analyses.taint import forwards
    from playhead.base.errors import UsageError

    place = parse_origin(rec, values["of"]) if values["of"] else None
    if place is not None and place.moment is None:
        raise UsageError(f"--of '{values['of']}' is an input; write {PLACES}")
    until: Any = place.moment if place is not None else values["until"]
    one = forwards(rec, values["source"], until=until, at=place, pointers=values["pointers"], limit=values["limit"])
    one.tell = host.tell
    if place is not None:
        for _ in one.rows():
            pass
        shown = _some(host, one.there, {**values, "count": len(one.there)}, outputs, ("place", "origins"))
    else:
        shown = _some(host, one.rows(), values, outputs, COLUMNS)
    host.status.clear()
    if one.ended:
        host.message(f"ended {one.ended}")
    elif not shown:
        host.message("nothing was reached")
    return int(not shown)


def _backwards(rec: Any, host: Any, values: dict[str, Any], outputs: Outputs) -> int:
    from playhead.analyses.forwards import COLUMNS
    from playhead.analyses.taint import backwards, graph

    one = backwards(rec, values["of"], pointers=values["pointers"], limit=values["limit"])
    one.tell = host.tell
    if values["dot"]:
        rows = []
        for row in one.rows():
            rows.append(row)
            if len(rows) == values["count"]:
                host.message(f"the graph has the first {len(rows)} steps (--count)")
                break
        host.status.clear()
        print(graph(rows), end="", flush=True)
        shown = len(rows)
    else:
        shown = _some(host, one.rows(), values, outputs, ("number", *COLUMNS, "feeds"))
    host.status.clear()
    if one.ended:
        host.message(f"ended {one.ended}")
    return int(not shown)
