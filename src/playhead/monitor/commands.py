"""The monitor's commands, declared once each: from the table follow the parser, `help` and the reference page.

A handler gets the words after the command's name and `say`. Where a command has no place (a port is not read in a
recording, a replay is not reset) its declaration says so, with the reason that the user gets.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from playhead.base.errors import PlayheadError, UsageError
from playhead.base.messages import lines_shown, shown
from playhead.monitor.expressions import REGISTERS

Say = Callable[[str], None]
Handler = Callable[[list[str], Say], None]

HISTORY = 256  # lines
LIVE, RECORDING, REPLAY = CONTEXTS = ("live", "recording", "replay")


class Misunderstood(UsageError):
    """The line is no command, as opposed to one that fails."""


@dataclass(frozen=True)
class Command:
    """`names`: the first is the one that is shown; `words`: the arguments, for help and for counting; `again`: an empty
    line at a terminal repeats it. `refused`: the contexts in which it is refused, and why. `listed`: help has it.
    `raw`: all that follows the name is one word, as it was written.
    """

    names: tuple[str, ...]
    words: str
    help: str
    run: Handler
    again: bool = False
    choices: Callable[[], Iterable[str]] | None = None  # what a word after it may be, for completion
    refused: Mapping[str, str] = field(default_factory=dict)
    listed: bool = True
    raw: bool = False

    @property
    def most(self) -> int:
        """Words that may follow at most."""
        return len(self.words.split()) if "..." not in self.words else 1 << 30

    @property
    def least(self) -> int:
        return len(re.sub(r"\[[^]]*]", "", self.words).split())

    def help_line(self) -> str:
        """As QEMU's `help` has it."""
        names = "|".join(name if n == 0 else name.removeprefix("info ") for n, name in enumerate(self.names))
        return f"{names} {self.words} -- {self.help}"


def refused(why: str, *contexts: str) -> Mapping[str, str]:
    """For `Command.refused`: in these contexts, for this reason; in all of them if none is named."""
    return dict.fromkeys(contexts or CONTEXTS, why)


class Monitor:
    """`execute(line, say)`; raises UsageError for what it does not understand, and for what `context` does not allow.
    Of two commands of one name the first counts. `past`: the lines before, for `info history`.
    """

    def __init__(self, commands: Sequence[Command], context: str = LIVE):
        self.context = context
        self.past: list[str] = []
        help = Command(("help", "?"), "[command...]", "show the help", self._help)
        history = Command(("info history",), "", "show the command line history", self._history)
        info = Command(("info",), "[subcommand]", "show various information about the system state", self._help_info)
        taken: set[str] = set()
        found = []
        for command in (*commands, help, history, info):
            names = tuple(name for name in command.names if name not in taken)
            taken.update(names)
            if names:
                found.append(command)
        self.commands = tuple(found)
        self._by_name = {name: command for command in reversed(self.commands) for name in command.names}

    def execute(self, line: str, say: Say) -> None:
        try:
            if words := self._split(line):
                self.past = [*self.past[1 - HISTORY :], line.strip()]
                command, rest = self._find(words)
                if why := command.refused.get(self.context):
                    raise UsageError(why if command.listed else f"{command.names[0]}: {why}")
                if not command.least <= len(rest) <= command.most:
                    raise Misunderstood(f"usage: {command.names[0]} {command.words}".rstrip())
                command.run(rest, lambda text: say(lines_shown(text)))
        except PlayheadError as e:
            e.args = tuple(_quotable(a) if isinstance(a, str) else a for a in e.args)  # it may quote the line
            raise

    def answer(self, line: str) -> str:
        """What a client is sent for a line: all that is said, and the error in QEMU's words if there is one."""
        said: list[str] = []
        try:
            self.execute(line, said.append)
        except PlayheadError as e:
            said.append(error_text(e))
        return "".join(f"{line}\n" for line in said)

    def repeats(self, line: str) -> bool:
        """Whether an empty line after this one is to do it again."""
        try:
            return self._find(self._split(line))[0].again
        except (UsageError, IndexError):
            return False

    def completions(self, before: str) -> tuple[str, list[str]]:
        """The last word of an unfinished line (of a register, the part after its $), and what it may become."""
        head, _, word = before.rpartition(" ")
        words = head.split()
        known: Iterable[str]
        if "$" in word:
            word, known = word.rpartition("$")[2], REGISTERS
        elif not words or words in (["help"], ["?"]):
            known = {name.partition(" ")[0] for name, command in self._by_name.items() if command.listed}
        elif words in (["info"], ["help", "info"]) or (words == ["i"] and "i" not in self._by_name):
            known = {name[5:] for name, command in self._by_name.items() if name.startswith("info ") and command.listed}
        else:
            command = self._by_name.get(words[0])
            known = command.choices() if command is not None and command.choices is not None else ()
        return word, sorted(name for name in known if name.startswith(word))

    def _split(self, line: str) -> list[str]:
        name, _, rest = line.strip().partition(" ")
        if name in self._by_name and self._by_name[name].raw:
            return [name, *filter(None, [rest.lstrip()])]
        return _words(line)

    def _find(self, words: list[str]) -> tuple[Command, list[str]]:
        """`info replay` is one name of two words; the second may be cut short."""
        name, slash, form = words[0].partition("/")
        if slash and name in self._by_name:
            words = [name, "/" + form, *words[1:]]  # x/8xw
        if words[0] == "i" and ("i" not in self._by_name or (len(words) > 1 and self._is_info(words[1]))):
            words = ["info", *words[1:]]
        if words[0] == "info" and len(words) > 1:
            words = [words[0], self._info(words[1]), *words[2:]]
            if f"info {words[1]}" not in self._by_name:
                raise Misunderstood(f"unknown command: 'info {words[1]}'; there is {', '.join(sorted(self._infos()))}")
        for length in (2, 1):
            name = " ".join(words[:length])
            if len(words) >= length and name in self._by_name:
                return self._by_name[name], words[length:]
        near = get_close_matches(words[0], [n for n, c in self._by_name.items() if c.listed], n=1)
        hint = f"did you mean '{near[0]}'?" if near else "help lists what there is"
        raise Misunderstood(f"unknown command: '{words[0]}'; {hint}")

    def _infos(self) -> dict[str, Command]:
        """By the words after `info`."""
        return {n[5:]: c for n, c in self._by_name.items() if n.startswith("info ") and c.listed}

    def _is_info(self, word: str) -> bool:
        return f"info {self._info(word)}" in self._by_name

    def _info(self, what: str) -> str:
        """The whole of an abbreviated word, if there is only one."""
        if f"info {what}" in self._by_name:
            return what
        meant = {command.names[0][5:] for name, command in self._infos().items() if name.startswith(what)}
        return meant.pop() if len(meant) == 1 else what

    def _help(self, words: list[str], say: Say) -> None:
        """The list; that of `info` with its second word; or one command."""
        if words == ["info"] or (words == ["i"] and "i" not in self._by_name):
            self._help_info([], say)
        elif words:
            command = self._find(words)[0]
            say(command.help_line())
            if why := command.refused.get(self.context):
                say(f"    refused here: {why}")
        else:
            self._list([c for c in self.commands if not c.names[0].startswith("info ")], say)

    def _help_info(self, words: list[str], say: Say) -> None:
        self._list(list(self._infos().values()), say)

    def _list(self, commands: Iterable[Command], say: Say) -> None:
        shown = {command.names[0]: command for command in commands if command.listed}
        for name in sorted(shown):
            if self.context not in shown[name].refused:
                say(shown[name].help_line())

    def _history(self, words: list[str], say: Say) -> None:
        for n, line in enumerate(self.past):
            say(f"{n}: '{_quotable(line)}'")


def error_text(error: PlayheadError) -> str:
    """As QEMU's monitor says it."""
    return str(error) if isinstance(error, Misunderstood) else f"Error: {error}"


def _quotable(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as e:
        raise Misunderstood(f"{line!r}: {str(e).lower()}") from None


def number(text: str, what: str) -> int:
    """A number of a command, decimal or with 0x."""
    try:
        value = int(text.replace("_", ""), 0)
    except ValueError:
        raise UsageError(f"{what}: '{text}' is not a number") from None
    if value < 0:
        raise UsageError(f"{what} cannot be negative")
    return value
