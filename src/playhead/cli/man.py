"""`playhead man`: the manual page of a program, in the man macros, made from the same tables as `--help`."""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module

from playhead.cli import VERBS
from playhead.cli.option_help import about, by_group
from playhead.cli.options import Option, help_text, parse_arguments

OPTIONS: tuple[Option, ...] = ()
OPERANDS = ("[playhead|playhead-system-i386]",)
WHAT = "a PC in software, recorded once and replayed exactly, forwards and backwards"
STATUS = (
    ("0", "all is well; or what the guest asked for"), ("1", "a replay has diverged from its recording"),
    ("2", "wrong usage, a refusal of the host, or a damaged file"), ("3", "a bug of the program"),
    ("130", "interrupted"),
)  # fmt: skip
ENVIRONMENT = (
    ("XDG_CACHE_HOME", "where native code is kept, in playhead/native; unless it is an absolute path, ~/.cache"),
    ("PLAYHEAD_DEBUG", "if set, a bug shows where it is, and the process that compiles hot code what happened to it"),
    ("PLAYHEAD_TIER2", "on or off: whether hot code is compiled; force (for tests): all of it, before it runs"),
)


def help() -> str:
    what = "Prints the manual page of a program: playhead man | man -l -"
    return help_text("man", "playhead man [PROGRAM]", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("man", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError

    program = next(iter(values.values())) or "playhead"
    if program not in PAGES:
        raise UsageError(f"man {program}: there is {' and '.join(PAGES)}")
    print(page(program), end="")
    return 0


def page(program: str) -> str:
    """The whole page."""
    from playhead.version import __version__

    head = [f'.TH "{program.upper()}" "1" "" "Playhead {__version__}" "User Commands"', ".SH NAME",
            f"{_text(program)} \\- {_text(WHAT)}"]  # fmt: skip
    return "\n".join([*head, *PAGES[program](), *_ending(program)]) + "\n"


def _playhead() -> Iterator[str]:
    yield from (".SH SYNOPSIS", ".B playhead", ".I VERB", ".RI [ options ]", ".SH DESCRIPTION")
    yield _text("Runs a PC, records it into one file, and replays and debugs that. Each verb has options of its own.")
    for verb, what in VERBS.items():
        module = import_module(f"playhead.cli.{verb}")
        yield f'.SH "PLAYHEAD {verb.upper()}"'
        yield from _usage(module.help(), f"{what[0].upper()}{what[1:]}.")
        if verb == "record":
            yield _text("Beside these it has the options of playhead run.")
            yield from _options(module.OWN)
        else:
            yield from _options(module.OPTIONS)


def _system() -> Iterator[str]:
    module = import_module("playhead.cli.system_i386")
    yield from (".SH SYNOPSIS", f".B {_text(module.PROGRAM)}", ".RI [ options ]", ".RI [ DISK\\-IMAGE ]")
    yield ".SH DESCRIPTION"
    yield from _usage(module.help(), "")
    yield ".SH OPTIONS"
    yield from _options(module.OPTIONS)


PAGES = {"playhead": _playhead, "playhead-system-i386": _system}


def _usage(help: str, what: str) -> Iterator[str]:
    """What a verb says of itself before its options: its usage, and a paragraph or more."""
    usage, _, rest = help.partition("\n\n")
    paragraphs = re.split(r"\n\n(?=\S[^\n]*:\n  )", rest.rstrip())[0].split("\n\n")
    yield from (".nf", *(_text(line.removeprefix("usage: ").strip()) for line in usage.split("\n")), ".fi")
    for paragraph in ([what] if what else []) + paragraphs:
        yield from (".PP", *map(_text, paragraph.split("\n")))


def _options(table: Sequence[Option]) -> Iterator[str]:
    for group, options in by_group(table).items():
        if group:
            yield f'.SS "{_text(group[0].upper() + group[1:])}"'
        for option in options:
            names = ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)
            yield from (".TP", f"{names} \\fI{_text(option.value_shown)}\\fR" if option.value_shown else names)
            yield _text(about(option.help, option.default_shown))
            subs = [sub for sub in option.subs if sub.help]
            yield from [".RS"] if subs else []
            for sub in subs:
                key, _, value = sub.shown.partition("=")
                yield from (".TP", f"\\fB{_text(key)}\\fR=\\fI{_text(value)}\\fR", _text(about(sub.help, sub.default)))
            yield from [".RE"] if subs else []


def _ending(program: str) -> Iterator[str]:
    for title, rows in (("EXIT STATUS", STATUS), ("ENVIRONMENT", ENVIRONMENT)):
        yield f'.SH "{title}"'
        for name, what in rows:
            yield from (".TP", f"\\fB{_text(name)}\\fR", _text(what))
    yield ".SH SEE ALSO"
    others = [f".BR {_text(name)} (1)" for name in PAGES if name != program]
    yield " ,\n".join([*others, ".BR gdb (1)", ".BR qemu\\-img (1)"])


def _text(text: str) -> str:
    """A text with what roff would read otherwise escaped."""
    plain = "".join(ESCAPES.get(c, c) for c in text)
    return f"\\&{plain}" if plain.startswith(".") else plain


ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
