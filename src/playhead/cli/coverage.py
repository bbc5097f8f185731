"""`playhead coverage`: which code of a recording was executed, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.cli import answers
from playhead.cli.options import FILE, Option, help_text, number, parse_arguments

if TYPE_CHECKING:
    from playhead.analyses.coverage import Coverage

SINCE = answers.SINCE
KINDS = ("drcov", "info", "json", "svg", "png")


def addresses(text: str) -> range:
    """`0xc1000000:0xc1800000` as a range."""
    first, _, last = text.partition(":")
    return range(number(0, (1 << 32) - 1)(first), number(1, 1 << 32)(last))


OPTIONS = (
    Option("-o", "the file to write: .drcov (for Lighthouse and others), .info (lcov, with --lines), .json, or a plot "
           "as .svg or .png (the extra `plot`); without it a table of functions", parse=FILE, key="output",
           since=SINCE),
    answers.BEGIN,
    answers.END,
    Option("--user", "only code of programs", since=SINCE),
    Option("--kernel", "only code of the kernel and below it", since=SINCE),
    Option("--range", "only code at these linear addresses, the second one not included", "FIRST:LAST", addresses,
           since=SINCE),
    Option("--count", "so many functions (default 30; 0: all)", "N", number(0, 1 << 30), default=30, since=SINCE),
    Option("--json", "the functions as JSON, one object a line", since=SINCE),
    Option("--lines", "the ELF file whose line tables say what is which source line (the extra `dwarf`)", "ELF",
           FILE, since=SINCE),
    Option("--offset", "where it was loaded, less where it says (default: as the kernel's KASLR moved it, or 0)",
           "BYTES", number(-(1 << 32), 1 << 32), since=SINCE),
    *answers.TABLES,
    *answers.WORKERS,
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead coverage FILE [-o x.drcov|x.info|x.json|x.svg|x.png] [options]"
    what = (
        "Counts each instruction of a recording, in native code, by a replay on all processors: exactly, in the\n"
        "kernel and in programs, from the first instruction on. Prints the functions in which most instructions were\n"
        "executed; the names are those of the guest's Linux kernel. Code that is in no function of it is shown by\n"
        "stretches of addresses. The answer does not depend on the number of processors."
    )
    return help_text("coverage", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("coverage", OPTIONS, words, OPERANDS)
    from playhead.analyses.coverage import coverage
    from playhead.cli.claims import of_recording

    outputs = _outputs(values)
    answers.check(of_recording(values["file"], images=values["images"]), outputs, force=values["force"])
    lines = _lines(values)
    with answers.opened(values) as rec:
        found = coverage(rec, **answers.asked(values))
    offset = values["offset"]
    if lines and offset is None:
        offset = _moved_by(values["lines"], found)
    user = True if values["user"] else False if values["kernel"] else None
    if user is not None or values["range"] is not None:
        found = found.only(user=user, between=values["range"])
    for option, (path, kind) in outputs.items():
        _write(found, option, path, kind, (lines, offset or 0))
    if not outputs:
        _print(found, values)
    return 0


def _outputs(values: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By option: path and kind; all that can be refused is refused before the replay."""
    from playhead.base.errors import UsageError

    if values["user"] and values["kernel"]:
        raise UsageError("--user or --kernel: without both of them, all code counts")
    outputs = {}
    if values["output"] is not None:
        outputs["-o"] = values["output"], answers.kind_of(values["output"], KINDS)
    outputs.update(answers.files(values))
    kinds = [kind for _, kind in outputs.values()]
    if ("info" in kinds) != (values["lines"] is not None):
        raise UsageError("source lines: -o x.info and --lines ELF go together")
    if {"svg", "png"} & set(kinds):
        from playhead.analyses.plotting import matplotlib

        matplotlib()
    return outputs


def _lines(values: dict[str, Any]) -> list[Any]:
    if values["lines"] is None:
        return []
    from playhead.linux.line_tables import lines_of

    return lines_of(values["lines"])


def _moved_by(path: str, found: Coverage) -> int:
    """How far the guest's kernel lies from where its ELF file says; 0 for other programs."""
    from playhead.base.errors import UsageError
    from playhead.linux.elf import facts_of

    try:
        stext = facts_of(path).stext
    except UsageError:
        return 0
    if stext is None or found.symbols is None:
        return 0
    return found.symbols.address("_stext") - stext


def _write(found: Coverage, option: str, path: str, kind: str, source: tuple[list[Any], int]) -> None:
    from playhead.analyses import coverage_files
    from playhead.cli import new_file

    with new_file.complete(path) as name:
        coverage_files.write(found, name, kind, *source)
    print(f"{path}: {coverage_files.summary(found)}")


def _print(found: Coverage, values: dict[str, Any]) -> None:
    from playhead.analyses.coverage_files import summary
    from playhead.api.rows import text_table
    from playhead.base import json_text

    rows = found.functions()
    some = rows[: values["count"] or len(rows)]
    if values["json"]:
        for row in some:
            print(json_text.dumps(row.as_dict()))
        return
    print(summary(found))
    more = f"... {len(rows) - len(some)} more" if len(some) < len(rows) else ""
    print(text_table(some, more))
