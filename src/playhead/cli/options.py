"""The parser of the command line, over a table of options (`option_table.py`).

QEMU's style: long options with one dash (two are taken too), and values as the next word. A wrong word is one line that
names the option with its value and, where there is one, the nearest right one.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.option_table import Given as Given
from playhead.cli.option_table import Listed as Listed
from playhead.cli.option_table import Option as Option
from playhead.cli.option_table import Sub as Sub
from playhead.cli.option_table import commas as commas
from playhead.cli.option_table import pairs as pairs
from playhead.cli.option_table import sub_options as sub_options
from playhead.cli.value_types import FILE as FILE
from playhead.cli.value_types import Parser as Parser
from playhead.cli.value_types import identifier as identifier
from playhead.base.messages import nearest as nearest
from playhead.cli.value_types import number as number
from playhead.cli.value_types import on_off as on_off
from playhead.cli.value_types import one_of as one_of


class HelpWanted(Exception):
    """The words ask for help instead."""


def bare(word: str) -> str:
    return word.lstrip("-")


def find(table: Sequence[Option], word: str) -> Option | None:
    """The option that a word names, with one dash or two: -gdb and --gdb are two where both are there."""
    if word.startswith("---"):
        return None
    head = word.partition("=")[0] if word.startswith("--") else word
    named = [option for option in table for name in option.names if bare(name) == bare(head)]
    return next((option for option in named if head in option.names), named[0] if named else None)


def parse_arguments(
    verb: str, table: Sequence[Option], words: Sequence[str], operands: Sequence[str] = ()
) -> dict[str, Any]:
    """The words after a verb (or a program's name) as {dest: value}. `operands` names the words that are no options,
    all required but for one in brackets; after `--` all words are such.
    """
    values: dict[str, Any] = {o.dest: ([] if o.many else o.default if o.takes_value else False) for o in table}
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
        if word in ("--help", "-help", "-h"):
            raise HelpWanted
        option = find(table, word) or _unknown(verb, table, word)
        seen[option.name] = seen.get(option.name, 0) + 1
        if option.many and seen[option.name] > option.many:
            often = f"{option.many} times at most" if option.many > 1 else "once"
            raise UsageError(f"{option.name} may be given {often}")
        values[option.dest] = _value(option, word, rest, values[option.dest])
    if len(found) > len(operands):
        hint = f" (is an option missing before it? see {_program(verb)} --help)"
        raise UsageError(f"'{found[len(operands)]}' is one word too many{hint}")
    if len(found) < sum(not name.startswith("[") for name in operands):
        raise UsageError(f"{verb} needs {operands[len(found)]} (see {_program(verb)} --help)")
    names = (name.strip("[]").lower().replace("-", "_") for name in operands)
    values.update(zip_longest(names, found))
    return values


def _program(verb: str) -> str:
    return verb if verb.startswith("playhead") else f"playhead {verb}"


def _unknown(verb: str, table: Sequence[Option], word: str) -> Option:
    """Raises for a word that is no option here: of QEMU's, with the reason and what there is instead."""
    from playhead.cli.refused_options import refusal

    by_name = {bare(name): name for option in table for name in option.names}
    name = bare(word.partition("=")[0])
    if reason := refusal(name):
        raise UnsupportedError(f"{word} is not supported: {reason}")
    like = nearest(name, by_name, show=lambda n: by_name[n])
    raise UsageError(f"unknown option '{word}'{like or f' ({_program(verb)} --help lists what there is)'}")


def _value(option: Option, word: str, rest: Iterator[str], before: Any) -> Any:
    inline = word.partition("=")[2] if word.startswith("--") else ""
    if not option.takes_value:
        if inline:
            raise UsageError(f"{option.name} takes no value")
        return True
    text = inline or next(rest, None)
    if text is None:
        raise UsageError(f"{option.name} needs a value: {option.name} {option.value_shown}")
    try:
        _list(option, text)
        value = option.read(text)
    except (UsageError, UnsupportedError) as e:
        raise type(e)(f"{option.name} {text}: {e}") from None
    if isinstance(value, Given):
        value.said = f"{option.name} {text}"
    if option.many:
        return [*before, value]
    if option.merges and before and value:
        return Given({**before, **value})
    return before if value is None else value


def _list(option: Option, text: str) -> None:
    """Raises Listed if a value asks what there may be."""
    about, comma, asked = text.rpartition(",")
    if asked not in ("help", "?") or bool(about) != bool(comma):
        return
    if option.listing is not None:
        listed = option.listing(about)
        if listed is not None:
            raise Listed(listed)
    elif option.subs and not about:
        raise Listed("\n".join(f"  {sub.shown:<28} {sub.help}".rstrip() for sub in option.subs))


def help_text(verb: str, usage: str, what: str, table: Sequence[Option], after: str = "") -> str:
    """What `playhead VERB --help` prints."""
    from playhead.cli.option_help import text

    return text(usage, what, table, after)
