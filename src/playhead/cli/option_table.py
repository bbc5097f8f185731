"""The table of options: one row per option, with a row for each of its sub-options. From it follow the parser
(`options.py`), `--help`, the reference page, completion (`playhead completion`) and the manual pages (`playhead man`).

Sub-options are QEMU's: `key=value,key=value` where a doubled comma is a comma, `key` alone means `key=on` and `nokey`
alone `key=off`, and the last one counts.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.cli.value_types import Parser, Type, type_of

FIRST = "0.1.0"  # the version that has what says nothing else


class Given(dict[str, Any]):
    """Sub-options that were given. `said`: the option with its whole value, for messages that come later."""

    said = ""


class Sub(NamedTuple):
    """One sub-option, `name=value`. `default`: what holds without it, in words. `key`: where the value goes, by default
    the name. `since`: the version that has it first. `of`: values of the implied sub-option; with others there is no
    such sub-option.
    """

    name: str
    type: Parser
    help: str = ""
    default: str = ""
    since: str = FIRST
    key: str = ""
    of: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return f"{self.name}={type_of(self.type).shown}"


class Option(NamedTuple):
    """One option. Without `metavar`, `subs` and a type of its own it is a flag. `parse` gets the value's text and
    raises UsageError with the reason. `listing` says what a value may be, for `-cpu help`; of part of the value, for
    `-device NAME,help`, or None. `completed`: sub-options beside `subs` that completion offers; help shows them
    elsewhere.

    With `subs` the value is `key=value,...`, parsed by them; `implied` is the key of a first word without `=`;
    `finish` makes the option's value of the dictionary. `bare`: `key` alone is `key=on` (QEMU's -machine, -boot and
    -smp want it written out). `merges`: an option that is given again adds its keys to those before.
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
    subs: tuple[Sub, ...] = ()
    completed: tuple[Sub, ...] = ()
    implied: str = ""
    finish: Callable[[Given], Any] = lambda given: given
    bare: bool = True
    merges: bool = False
    otherwise: str = ""  # what holds without the option, in words, where `default` does not say it
    since: str = FIRST
    also: tuple[str, ...] = ()  # its other names

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.also)

    @property
    def dest(self) -> str:
        return self.key or self.name.lstrip("-").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        return bool(self.metavar or self.subs) or isinstance(self.parse, Type)

    @property
    def value_shown(self) -> str:
        """What stands for the value in help."""
        if self.metavar or not self.takes_value:
            return self.metavar
        return "KEY=VALUE[,...]" if self.subs else type_of(self.parse).shown

    @property
    def type(self) -> Type:
        """Of its value, or of that of the implied sub-option."""
        found = next((sub.type for sub in self.subs if sub.name == self.implied), self.parse)
        return type_of(found)

    @property
    def default_shown(self) -> str:
        return self.otherwise or (str(self.default) if isinstance(self.default, (str, int)) else "")

    def read(self, text: str) -> Any:
        """The value that a text means."""
        if not self.subs or self.parse is not str:
            return self.parse(text)
        return self.finish(sub_options(text, self.subs, self.implied, bare=self.bare))


class Listed(Exception):
    """The words ask what a value may be (`-cpu help`): the text to print instead."""


class naming:
    """`with naming("-hda FILE"):` puts the option before what is raised inside, unless it is named there."""

    def __init__(self, option: str):
        self._option = option

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PlayheadError) and self._option and not str(error).startswith(self._option.split(" ")[0]):
            raise type(error)(f"{self._option}: {error}") from None


def commas(text: str) -> list[str]:
    """The items of a list; two commas stand for one in an item."""
    return [item.replace("\0", ",") for item in text.replace(",,", "\0").split(",")]


def sub_options(text: str, known: Sequence[Sub] | dict[str, Parser], implied: str = "", *, bare: bool = True) -> Given:
    """`key=value,...` parsed by these; a first word without `=` is the value of `implied`. `bare`: `key` is `key=on`,
    and `nokey` is `key=off`.
    """
    subs = [Sub(name, type) for name, type in known.items()] if isinstance(known, dict) else known
    by_name = {sub.name: sub for sub in subs}
    out = Given()
    for item, key, value in _pairs(text, by_name, implied, bare):
        if key not in by_name:
            raise UsageError(f"unknown key '{key}'{nearest(key, by_name) or '; there are ' + _listed(by_name)}")
        sub = by_name[key]
        if item.endswith(("=help", "=?")) and (words := type_of(sub.type).words):
            raise Listed("\n".join(words))
        try:
            out[sub.key or key] = sub.type(value)
        except (UsageError, UnsupportedError) as e:
            raise type(e)(_named(str(e), item, value, item == text)) from None
    return out


def _listed(by_name: dict[str, Sub]) -> str:
    """The keys that help shows; if it shows none, all."""
    return ", ".join([name for name, sub in by_name.items() if sub.help] or by_name)


def _named(reason: str, item: str, value: str, whole: bool) -> str:
    """The reason with the sub-option in it; `whole`: it is the only one, and stands before the reason anyhow."""
    if reason.startswith(f"'{value}' "):
        return item + reason[len(value) + 2 :]
    return reason if whole or reason.startswith(item) else f"{item}: {reason}"


def _pairs(text: str, by_name: dict[str, Sub], implied: str, bare: bool) -> Iterator[tuple[str, str, str]]:
    """Each part, with its key and the text of its value."""
    for n, item in enumerate(commas(text)):
        key, equals, value = item.partition("=")
        if equals:
            yield item, key, value
        elif n == 0 and implied:
            yield item, implied, item
        elif not bare or not item:
            raise UsageError(f"'{item}' should be key=value, with one of {_listed(by_name)}")
        elif item.startswith("no") and item[2:] in by_name:
            yield item, item[2:], "off"
        else:
            yield item, item, "on"


def pairs(text: str) -> dict[str, str]:
    """`key=value,...` as text; the last one counts if a key is given twice, and `key` alone is on."""
    out = {}
    for item in commas(text):
        key, equals, value = item.partition("=")
        if not key:
            raise UsageError(f"'{item}' should be key=value")
        out[key] = value if equals else "on"
    return out
