"""What may come next on a command line, from the tables of options: for `playhead completion`.

A line ends where the cursor is. What is found are whole words, of which the last one that was typed is the beginning.
"""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from playhead.base.errors import PlayheadError
from playhead.cli import VERBS
from playhead.cli.option_table import Option, Sub
from playhead.cli.options import find
from playhead.cli.value_types import Type, type_of

END = "\x01"  # stands for the cursor while a line is split
UNQUOTED = re.compile(r"[^\w@%+=:,./~\x80-\uffff-]", re.ASCII)
FOR_VERBS = ("--help", "--version")
PROGRAM = "playhead-system-i386"


def complete(line: str, breaks: str = "", *, quoted: bool = True) -> list[str]:
    """`breaks`: characters at which the shell's word, which is replaced, begins anew. `quoted`: as a shell reads it."""
    words = _split(line)
    if len(words) < 2:
        return []
    found = sorted(set(_of_program(words[:-1], words[-1])))
    behind = 1 + max((words[-1].rfind(c) for c in breaks if c in "=:"), default=-1)
    cut = [word[behind:] for word in found if "\n" not in word]
    return [UNQUOTED.sub(lambda c: "\\" + c[0], word) for word in cut] if quoted else cut


def _split(line: str) -> list[str]:
    """The words of a line as a shell has them; a quotation may be open at its end."""
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(line + END + closing)
        except ValueError:
            continue
        return [word.replace(END, "") for word in words]
    return []


def _of_program(words: Sequence[str], current: str) -> Iterable[str]:
    if os.path.basename(words[0]) == PROGRAM:
        return _of_table("playhead.cli.system_i386", words[1:], current)
    if len(words) == 1:
        return _beginning(current, (*VERBS, "help", *FOR_VERBS))
    if words[1] == "help":
        return _beginning(current, VERBS)
    return _of_table(f"playhead.cli.{words[1]}", words[2:], current) if words[1] in VERBS else ()


def _beginning(current: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(current)]


def _of_table(module: str, words: Sequence[str], current: str) -> Iterator[str]:
    verb = import_module(module)
    given = Line(verb.OPTIONS, words)
    if given.pending is not None:
        yield from given.value(given.pending, current)
        return
    head, equals, text = current.partition("=")
    option = find(verb.OPTIONS, head) if equals and head.startswith("--") else None
    if option is not None:
        yield from (f"{head}={value}" for value in given.value(option, text))
        return
    if current.startswith("-") or not getattr(verb, "OPERANDS", ()):
        names = [name for option in verb.OPTIONS for name in option.names]
        two = [f"-{name}" for name in names if name[:2] != "--"] if current.startswith("--") else []
        yield from _beginning(current, (*names, *two, "--help"))
        return
    for operand in verb.OPERANDS:
        yield from _beginning(current, (*operand.split("|"), *getattr(verb, "WAYS", ()))) if "|" in operand else (
            *_files(current), *_beginning(current, getattr(verb, "WAYS", ())))  # fmt: skip


class Line:
    """The words before the one that is completed."""

    def __init__(self, table: Sequence[Option], words: Sequence[str]):
        self.pending: Option | None = None  # that its value is to come
        self._values: list[tuple[Option, str]] = []
        for word in words:
            if self.pending is not None:
                self._values.append((self.pending, word))
                self.pending = None
            elif word.startswith("-"):
                option = find(table, word)
                if option is not None and option.takes_value and not ("=" in word and word.startswith("--")):
                    self.pending = option

    def value(self, option: Option, text: str) -> Iterator[str]:
        """What may be the value of an option that begins with a text."""
        completes = type_of(option.parse).completes
        if completes == "cpu":
            yield from _processors(text)
        elif completes == "property":
            yield from _beginning(text, _properties())
        elif completes == "device":
            yield from self._device(text)
        elif option.subs:
            yield from self._pairs((*option.subs, *option.completed), option.implied, text)
        else:
            yield from self._typed(option.type, text)

    def _pairs(self, subs: Sequence[Sub], implied: str, text: str) -> Iterator[str]:
        """`key=value,...`: the part after the last single comma."""
        behind = len(text.replace(",,", "\0\0").rpartition(",")[0])
        before, part = (text[: behind + 1], text[behind + 1 :]) if behind or text[:1] == "," else ("", text)
        key, equals, value = part.partition("=")
        if equals:
            for sub in subs:
                if sub.name == key:
                    found = self._typed(type_of(sub.type), value.replace(",,", ","))
                    yield from (f"{before}{key}={one.replace(',', ',,')}" for one in found)
            return
        first = next((sub for sub in subs if implied and sub.name == implied), None)
        said = {item.partition("=")[0] for item in before.split(",")}
        subs = _of_kind(subs, first, before)
        yield from (f"{before}{s.name}=" for s in subs if s.help and s.name.startswith(part) and s.name not in said)
        if first is not None and not before:
            yield from self._typed(type_of(first.type), part)

    def _device(self, text: str) -> Iterator[str]:
        from playhead.devices import registry

        name, comma, rest = text.partition(",")
        if not comma:
            yield from _beginning(text, registry.creatable_names())
            return
        try:
            known = registry.creatable(name.removeprefix("driver="))
        except PlayheadError:
            return
        buses = tuple(bus for other in registry.every() for bus in other.provides if bus.startswith(known.bus.lower()))
        subs = [Sub(p.name, _type_of_property(p), p.help or p.type) for p in known.properties]
        subs += [Sub("id", str, "its name"), Sub("bus", Type("BUS", str, buses), "where it is")]
        yield from (f"{name},{found}" for found in self._pairs(subs, "", rest))

    def _typed(self, type: Type, text: str) -> Iterator[str]:
        yield from _beginning(text, type.words)
        if type.completes in ("file", "folder"):
            yield from _files(text, folders=type.completes == "folder")
        elif type.completes.startswith("-"):
            yield from _beginning(text, self._ids(type.completes))

    def _ids(self, made_by: str) -> Iterator[str]:
        """The ids and node names that options of this name give."""
        makers = ("-drive", "-blockdev") if made_by in ("-drive", "-blockdev") else (made_by,)
        for option, text in self._values:
            if set(option.names) & set(makers):
                yield from re.findall(r"(?:^|,)(?:id|node-name)=([^,]+)", text)


def _of_kind(subs: Sequence[Sub], implied: Sub | None, before: str) -> Sequence[Sub]:
    """Those that there are with the implied sub-option's value; without one, those that there always are."""
    if implied is None:
        return subs
    items = [item.partition("=") for item in before.split(",") if item]
    given = [value if equals else key for n, (key, equals, value) in enumerate(items)
             if key == implied.name or (n == 0 and not equals)]  # fmt: skip
    kind = given[-1] if given else implied.default if before else ""
    return [sub for sub in subs if (not sub.of or kind in sub.of) and not (given and sub is implied)]


def _type_of_property(known: Any) -> Type:
    words = ("on", "off") if known.type == "bool" else known.values
    outside = {"drive": "-drive", "chardev": "-chardev", "netdev": "-netdev", "audiodev": "-audiodev"}
    return Type(known.type, str, words, outside.get(known.type, ""))


def _properties() -> Iterator[str]:
    """Of -global."""
    from playhead.devices import registry

    for known in registry.every():
        for found in known.properties:
            yield f"{known.name}.{found.name}="


def _processors(text: str) -> Iterator[str]:
    from playhead.x86.system.cpuid import ALL, MODELS

    before, comma, _ = text.rpartition(",")
    if not comma:
        yield from _beginning(text, MODELS)
        return
    yield from _beginning(text, (f"{before},{sign}{feature}" for sign in "+-" for feature in ALL))


def _files(text: str, *, folders: bool = False) -> Iterator[str]:
    folder, base = os.path.split(text)
    try:
        found = list(os.scandir(folder or "."))
    except OSError:
        return
    for entry in found:
        if entry.name.startswith(base) and (base.startswith(".") or not entry.name.startswith(".")):
            if entry.is_dir():
                yield os.path.join(folder, entry.name) + "/"
            elif not folders:
                yield os.path.join(folder, entry.name)
