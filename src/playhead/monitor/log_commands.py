"""`log`, `logfile`, `trace-event` and `info trace-events`: the log of the emulator (`log_items.py`) at the monitor."""

from fnmatch import fnmatchcase

from playhead.base.errors import UsageError
from playhead.monitor.commands import Command, Say
from playhead.monitor.log_items import EVENTS, ITEMS, Log, items_text
from playhead.timeline.debuggee import Debuggee


def commands(target: Debuggee) -> tuple[Command, ...]:
    log = LogCommands(target)
    return (
        Command(("log",), "item1[,...]", "activate logging of the specified items", log.items, choices=lambda: ITEMS),
        Command(("logfile",), "filename", "output logs to 'filename'", log.file),
        Command(("trace-event",), "name on|off [vcpu]", "change status of a specific trace event", log.event,
                choices=lambda: EVENTS),
        Command(("info trace-events",), "[name] [vcpu]", "show available trace-events & their state", log.events),
    )  # fmt: skip


class LogCommands:
    def __init__(self, target: Debuggee):
        self._target = target

    @property
    def _log(self) -> Log:
        """The log of this machine, from the first command or from the command line on."""
        outside = self._target.outside
        if outside.log is None:
            outside.log = self._target.runs.log = Log(outside.message)
            outside.log.follow(self._target.runs)
        log: Log = outside.log
        return log

    def items(self, words: list[str], say: Say) -> None:
        if words[0] == "help":
            say(items_text())
        elif words[0] == "trace:help":
            self.events([], say)
        else:
            self._log.choose(words[0])

    def file(self, words: list[str], say: Say) -> None:
        self._log.into(words[0])

    def event(self, words: list[str], say: Say) -> None:
        if words[1] not in ("on", "off"):
            raise UsageError(f"'{words[1]}': an event is switched on or off")
        self._log.trace(words[0], words[1] == "on")

    def events(self, words: list[str], say: Say) -> None:
        for name in EVENTS:
            if not words or fnmatchcase(name, words[0]):
                say(f"{name} : state {int(name in self._log.events)}")
