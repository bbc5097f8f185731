"""The monitor's commands, declared once each: from the table follow the parser, `help` and the reference page.

A handler gets the words behind the command's name and `say`. Which commands there are depends on what is debugged: a
replay can seek, a live machine can be reset.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from playhead.base.errors import UsageError

Say = Callable[[str], None]
Handler = Callable[[list[str], Say], None]


@dataclass(frozen=True)
class Command:
    """`names`: the first is the one that is shown; `words`: what may follow, for people and for counting."""

    names: tuple[str, ...]
    words: str
    help: str
    run: Handler

    @property
    def most(self) -> int:
        """Words that may follow at most."""
        return len(self.words.split()) if "..." not in self.words else 1 << 30

    @property
    def least(self) -> int:
        return sum(not word.startswith("[") for word in self.words.split())


class Monitor:
    """`execute(line, say)`; raises UsageError for what it does not understand."""

    def __init__(self, commands: Sequence[Command]):
        self.commands = (*commands, Command(("help", "?"), "[command]", "this list, or one command of it", self._help))
        self._by_name = {name: command for command in self.commands for name in command.names}

    def execute(self, line: str, say: Say) -> None:
        try:
            words = shlex.split(line)
        except ValueError as e:
            raise UsageError(f"{line!r}: {str(e).lower()}") from None
        if not words:
            return
        name, slash, form = words[0].partition("/")
        if slash and name in self._by_name:
            words[:1] = [name, "/" + form]  # x/8xw
        command, rest = self._find(words)
        if not command.least <= len(rest) <= command.most:
            raise UsageError(f"usage: {command.names[0]} {command.words}".rstrip())
        command.run(rest, say)

    def _find(self, words: list[str]) -> tuple[Command, list[str]]:
        """`info replay` is one name of two words."""
        for length in (2, 1):
            name = " ".join(words[:length])
            if len(words) >= length and name in self._by_name:
                return self._by_name[name], words[length:]
        if words[0] == "info":
            there = sorted(name[5:] for name in self._by_name if name.startswith("info "))
            raise UsageError(f"info what? There is {', '.join(there)}")
        near = get_close_matches(words[0], self._by_name, n=1)
        raise UsageError(f"unknown command '{words[0]}'; " + (f"did you mean '{near[0]}'?" if near else "try help"))

    def _help(self, words: list[str], say: Say) -> None:
        wanted = self._by_name.get(words[0]) if words else None
        if words and wanted is None:
            raise UsageError(f"there is no command '{words[0]}'")
        for command in (wanted,) if wanted else self.commands:
            left = f"{'|'.join(command.names)} {command.words}".rstrip()
            say(f"{left:<40} {command.help}")


def number(text: str, what: str) -> int:
    """A number of a command, decimal or with 0x."""
    try:
        value = int(text.replace("_", ""), 0)
    except ValueError:
        raise UsageError(f"{what}: '{text}' is not a number") from None
    if value < 0:
        raise UsageError(f"{what} cannot be negative")
    return value
