"""`playhead callgraph`: which functions called which, as stacks for flame graphs or as a trace of single calls."""

from __future__ import annotations

from typing import Any

from playhead.cli import answers
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, number, parse_arguments
from playhead.cli.replaying_options import ENGINE

SINCE = answers.SINCE
KINDS = ("folded", "json", "svg")
LEAST = 1000
OPTIONS = (
    Option("-o", "the file to write: .folded (collapsed stacks), .svg (a flame graph), or .json (single calls, for "
           "Perfetto and Chrome's about:tracing)", parse=FILE, key="output", since=SINCE),
    answers.BEGIN,
    answers.END,
    Option("--least", f"in .json: calls of at least so many instructions (default {LEAST})", "N", number(0, 1 << 62),
           default=LEAST, since=SINCE),
    answers.FORCE,
    IMAGES,
    ENGINE._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead callgraph FILE -o x.folded|x.svg|x.json [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Follows calls and returns of a recording, by native traces of what is executed, with a stack for each task:\n"
        "interrupts and exceptions are frames of their own, and a return that belongs to another stack is a task\n"
        "switch. Functions are the guest's Linux kernel's; other code goes by stretches of addresses. Times are\n"
        "instructions: in .json a microsecond is a thousand of them."
    )
    return help_text("callgraph", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values: dict[str, Any] = parse_arguments("callgraph", OPTIONS, words, OPERANDS)
    from playhead.analyses.callgraph import call_graph
    from playhead.analyses.callgraph_files import write
    from playhead.base.errors import UsageError
    from playhead.cli import new_file
    from playhead.cli.claims import of_recording

    if values["output"] is None:
        raise UsageError("a call graph needs a file: -o x.folded, x.svg or x.json")
    kind = answers.kind_of(values["output"], KINDS)
    claims = of_recording(values["file"], images=values["images"])
    answers.check(claims, {"-o": (values["output"], kind)}, force=values["force"])
    least = values["least"] if kind == "json" else None
    with answers.opened(values) as rec:
        graph = call_graph(rec, values["begin"] or "start", values["end"] or "end", least=least)
    with new_file.complete(values["output"]) as name:
        write(graph, name, kind)
    print(f"{values['output']}: {graph.instructions:,} instructions in {len(graph.folded()):,} chains of calls")
    return 0
