"""The command line as a table: one row per option. From it follow the parser, `--help` and the reference page.

QEMU's style: long options with one dash (two are taken too), values as the next word, sub-options as
`key=value,key=value` where a doubled comma is a comma. A wrong word is one line that names the option and, where
there is one, the nearest right one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError

Parser = Callable[[str], Any]


class HelpWanted(Exception):
    """The words ask for help instead."""


class Listed(Exception):
    """The words ask what a value may be (`-cpu help`): the text to print instead."""


class Option(NamedTuple):
    """One option. Without `metavar` it is a flag. `parse` gets the value's text and raises UsageError with the
    reason. `listing` says what a value may be, for `-cpu help`; of part of the value, for `-device NAME,help`, or None.
    """

    name: str  # with its dashes, as it is shown
    help: str
    metavar: str = ""
    parse: Parser = str
    key: str = ""  # where the value goes; by default the name
    many: int = 0  # how often it may be given; the value is then a list
    default: Any = None
    group: str = ""
    listing: Callable[[str], str | None] | None = None

    @property
    def dest(self) -> str:
        return self.key or self.name.lstrip("-").replace("-", "_")


# What QEMU's users will try and this version does not have.
LATER = dict.fromkeys(("blockdev", "fda", "fdb", "pflash", "mtdblock", "sd"), "drives of that kind")
LATER |= dict.fromkeys(("netdev", "object"), "network")
LATER |= dict.fromkeys(("vnc", "spice", "vga", "full-screen", "k"), "screen")
LATER |= dict.fromkeys(("audio", "audiodev", "soundhw"), "sound")
LATER |= dict.fromkeys(("loadvm",), "snapshot to start with here (there is --at, and the monitor's loadvm)")


def bare(word: str) -> str:
    return word.lstrip("-")


def parse_arguments(
    verb: str, table: Sequence[Option], words: Sequence[str], operands: Sequence[str] = ()
) -> dict[str, Any]:
    """The words after a verb as {dest: value}. `operands` names the words that are no options, all required; after
    `--` all words are such.
    """
    by_name = {bare(o.name): o for o in reversed(table)}
    exactly = {o.name: o for o in table}  # -gdb and --gdb are two
    values: dict[str, Any] = {o.dest: ([] if o.many else o.default if o.metavar else False) for o in table}
    seen: dict[str, int] = {}
    found: list[str] = []
    rest = iter(words)
    if any("\0" in word for word in words):
        raise UsageError("a NUL character: no option, value or file name can have one")
    for word in rest:
        if word == "--":  # what follows are names, whatever they begin with
            found.extend(rest)
            break
        if not word.startswith("-") or word == "-":
            found.append(word)
            continue
        name, _, inline = bare(word).partition("=") if word.startswith("--") else (bare(word), "", "")
        if word in ("--help", "-help", "-h"):
            raise HelpWanted
        option = exactly.get(word.partition("=")[0]) or by_name.get(name)
        if option is None and name in LATER:
            raise UnsupportedError(f"{word} is not supported by this version: it has no {LATER[name]}")
        if option is None:
            like = nearest(name, by_name, show=lambda n: by_name[n].name)
            hint = like or f" (playhead {verb} --help lists what there is)"
            raise UsageError(f"unknown option '{word}'{hint}")
        seen[name] = seen.get(name, 0) + 1
        if option.many and seen[name] > option.many:
            raise UsageError(f"{option.name} may be given {option.many} times at most")
        values[option.dest] = _value(option, word, inline, rest, values[option.dest])
    if len(found) > len(operands):
        hint = f" (is an option missing before it? see playhead {verb} --help)"
        raise UsageError(f"'{found[len(operands)]}' is one word too many{hint}")
    if len(found) < len(operands):
        raise UsageError(f"{verb} needs {operands[len(found)]} (see playhead {verb} --help)")
    values.update({name.lower(): word for name, word in zip(operands, found, strict=True)})
    return values


def _value(option: Option, word: str, inline: str, rest: Any, before: Any) -> Any:
    if not option.metavar:
        if inline:
            raise UsageError(f"{option.name} takes no value")
        return True
    text = inline or next(rest, None)
    if text is None:
        raise UsageError(f"{option.name} needs a value: {option.name} {option.metavar}")
    about, comma, asked = text.rpartition(",")
    if option.listing is not None and asked in ("help", "?") and bool(about) == bool(comma):
        if (listed := option.listing(about)) is not None:
            raise Listed(listed)
    try:
        value = option.parse(text)
    except (UsageError, UnsupportedError) as e:
        raise type(e)(f"{option.name} {text}: {e}") from None
    return [*before, value] if option.many else value


def nearest(word: str, known: Iterable[str], show: Callable[[str], str] = lambda n: n) -> str:
    """`; did you mean 'x'?`, or nothing."""
    from difflib import get_close_matches  # here: a line without mistakes needs none

    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{show(match[0])}'?" if match else ""


def sub_options(text: str, known: dict[str, Parser], implied: str = "") -> dict[str, Any]:
    """`key=value,...` parsed by the table `known`; a first word without `=` is the value of `implied`."""
    out: dict[str, Any] = {}
    for i, item in enumerate(commas(text)):
        key, equals, value = item.partition("=")
        if not equals and i == 0 and implied:
            key, value = implied, item
        elif not equals:
            raise UsageError(f"'{item}' should be key=value, with one of {', '.join(known)}")
        if key not in known:
            raise UsageError(f"unknown key '{key}'{nearest(key, known) or '; there are ' + ', '.join(known)}")
        out[key] = known[key](value)
    return out


def pairs(text: str) -> dict[str, str]:
    """`key=value,...` as text; the last one counts if a key is given twice."""
    out = {}
    for item in commas(text):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"'{item}' should be key=value")
        out[key] = value
    return out


def commas(text: str) -> list[str]:
    """The items of a list; two commas stand for one in an item."""
    return [item.replace("\0", ",") for item in text.replace(",,", "\0").split(",")]


def one_of(*words: str) -> Parser:
    """A parser that accepts these words only."""

    def parse(text: str) -> str:
        if text not in words:
            raise UsageError(f"'{text}' is not one of {', '.join(words)}{nearest(text, words)}")
        return text

    return parse


def on_off(text: str) -> bool:
    return one_of("on", "off")(text) == "on"


def identifier(text: str) -> str:
    """A name that a user gives to something."""
    import re

    from playhead.hw.declared import IDENTIFIER

    if not re.fullmatch(IDENTIFIER, text):
        raise UsageError(f"id={text}: an id begins with a letter and has letters, digits, and - . _")
    return text


def number(low: int, high: int) -> Parser:
    """A parser for integers in [low, high], decimal or with 0x."""

    def parse(text: str) -> int:
        try:
            value = int(text, 0)
        except ValueError:
            raise UsageError(f"'{text}' is not a number") from None
        if not low <= value <= high:
            raise UsageError(f"{text} is not in {low}..{high}")
        return value

    return parse


def help_text(verb: str, usage: str, what: str, table: Sequence[Option], after: str = "") -> str:
    """What `playhead VERB --help` prints."""
    lines = [f"usage: {usage}", "", what]
    groups: dict[str, list[Option]] = {}
    for option in table:
        if option.help:
            groups.setdefault(option.group, []).append(option)
    for group, options in groups.items():
        lines += ["", f"{group or 'options'}:"]
        for o in options:
            left = f"  {o.name} {o.metavar}".rstrip()
            lines += _wrapped(left, o.help)
    return "\n".join(lines + (["", after] if after else [])) + "\n"


def _wrapped(left: str, text: str, column: int = 30, width: int = 100) -> list[str]:
    import textwrap

    body = textwrap.wrap(text, width - column) or [""]
    if len(left) >= column:
        return [left, *(" " * column + b for b in body)]
    return [left.ljust(column) + body[0], *(" " * column + b for b in body[1:])]
