"""`playhead log`: the events of a recording, in the field's names."""

import sys

from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS = (
    Option("--json", "one JSON object per line"),
    Option("--stats", "only how many there are of each kind"),
)


def help() -> str:
    what = "Prints the events of a recording: instruction count, number, kind, arguments."
    return help_text("log", "playhead log FILE [options]", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("log", OPTIONS, words, ["FILE"])
    from playhead.log.dump import json_lines, stats_lines, text_lines
    from playhead.log.reader import Reader

    show = stats_lines if values["stats"] else json_lines if values["json"] else text_lines
    with Reader(values["file"]) as reader:
        for line in show(reader.entries()):
            sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 0
