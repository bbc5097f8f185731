"""The monitor's commands, declared once each: from the table follow the parser, `help` and the reference page.

A handler gets the words after the command's name and `say`. Which commands there are depends on what is debugged: a
replay can seek, a live machine can be reset.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from playhead.base.errors import PlayheadError, UsageError
from playhead.base.messages import shown
from playhead.monitor.expressions import REGISTERS

Say = Callable[[str], None]
Handler = Callable[[list[str], Say], None]


@dataclass(frozen=True)
class Command:
    """`names`: the first is the one that is shown; `words`: the arguments, for help and for counting; `again`: an empty
    line at a terminal repeats it.
    """

    names: tuple[str, ...]
    words: str
    help: str
    run: Handler
    again: bool = False
    choices: Callable[[], Iterable[str]] | None = None  # what a word after it may be, for completion

    @property
    def most(self) -> int:
        """Words that may follow at most."""
        return len(self.words.split()) if "..." not in self.words else 1 << 30

    @property
    def least(self) -> int:
        return len(re.sub(r"\[[^]]*]", "", self.words).split())


class Monitor:
    """`execute(line, say)`; raises UsageError for what it does not understand."""

    def __init__(self, commands: Sequence[Command]):
        help = Command(("help", "?"), "[command...]", "this list, or one command of it", self._help)
        self.commands = (*commands, help)
        self._by_name = {name: command for command in self.commands for name in command.names}

    def execute(self, line: str, say: Say) -> None:
        try:
            if words := _words(line):
                command, rest = self._find(words)
                if not command.least <= len(rest) <= command.most:
                    raise UsageError(f"usage: {command.names[0]} {command.words}".rstrip())
                command.run(rest, say)
        except PlayheadError as e:
            e.args = tuple(_quotable(a) if isinstance(a, str) else a for a in e.args)  # it may quote the line
            raise

    def repeats(self, line: str) -> bool:
        """Whether an empty line after this one is to do it again."""
        try:
            return self._find(_words(line))[0].again
        except (UsageError, IndexError):
            return False

    def completions(self, before: str) -> tuple[str, list[str]]:
        """The last word of an unfinished line (of a register, the part after its $), and what it may become."""
        head, _, word = before.rpartition(" ")
        words = head.split()
        known: Iterable[str]
        if "$" in word:
            word, known = word.rpartition("$")[2], REGISTERS
        elif not words or words == ["help"]:
            known = {name.partition(" ")[0] for name in self._by_name}
        elif words in (["info"], ["i"]):
            known = {name[5:] for name in self._by_name if name.startswith("info ")}
        else:
            command = self._by_name.get(words[0])
            known = command.choices() if command is not None and command.choices is not None else ()
        return word, sorted(name for name in known if name.startswith(word))

    def _find(self, words: list[str]) -> tuple[Command, list[str]]:
        """`info replay` is one name of two words; the second may be cut short."""
        name, slash, form = words[0].partition("/")
        if slash and name in self._by_name:
            words = [name, "/" + form, *words[1:]]  # x/8xw
        if words[0] == "i" and "i" not in self._by_name:
            words = ["info", *words[1:]]
        if words[0] == "info" and len(words) > 1:
            words = [words[0], self._info(words[1]), *words[2:]]
        for length in (2, 1):
            name = " ".join(words[:length])
            if len(words) >= length and name in self._by_name:
                return self._by_name[name], words[length:]
        if words[0] == "info":
            there = sorted(name[5:] for name in self._by_name if name.startswith("info "))
            raise UsageError(f"info what? There is {', '.join(there)}")
        near = get_close_matches(words[0], self._by_name, n=1)
        raise UsageError(f"unknown command '{words[0]}'; " + (f"did you mean '{near[0]}'?" if near else "try help"))

    def _info(self, what: str) -> str:
        """The whole of an abbreviated word, if there is only one."""
        names = [name[5:] for name in self._by_name if name.startswith("info ")]
        meant = {self._by_name["info " + name].names[0][5:] for name in names if name.startswith(what)}
        return meant.pop() if what not in names and len(meant) == 1 else what

    def _help(self, words: list[str], say: Say) -> None:
        wanted = self._find(words)[0] if words else None
        for command in (wanted,) if wanted else self.commands:
            left = f"{'|'.join(command.names)} {command.words}".rstrip()
            say(f"{left:<40} {command.help}")


def _quotable(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as e:
        raise UsageError(f"{line!r}: {str(e).lower()}") from None


def number(text: str, what: str) -> int:
    """A number of a command, decimal or with 0x."""
    try:
        value = int(text.replace("_", ""), 0)
    except ValueError:
        raise UsageError(f"{what}: '{text}' is not a number") from None
    if value < 0:
        raise UsageError(f"{what} cannot be negative")
    return value
