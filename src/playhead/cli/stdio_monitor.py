"""A monitor on standard input and output: with editing, history and completion on a terminal; elsewhere as QEMU does it
for a script, which sees the greeting, the prompt, each line that it has sent, and the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from playhead.base.errors import HostError, PlayheadError
from playhead.host import editor
from playhead.host.host import Host
from playhead.host.lines import Lines
from playhead.monitor.commands import Monitor, Say, error_text
from playhead.monitor.serve import PROMPT, greeting

HISTORY = "monitor-history"


class StdioMonitor:
    """`execute(line, say)` does what a line says."""

    def __init__(self, monitor: Monitor, execute: Callable[[str, Say], None], host: Host):
        self._execute = execute
        self._lines: Lines | editor.EditedLines
        if editor.usable():
            self._lines = editor.EditedLines(PROMPT, monitor.completions, host.arrived, HISTORY)
            host.expects_typing()
        else:
            self._lines = Lines(PROMPT)
            host.add(self._lines, typed_at=True)
        self._script = not self._lines.terminal
        self.begun = False

    @property
    def over(self) -> bool:
        """The end of its input."""
        return self._lines.over

    @property
    def there(self) -> bool:
        return not self.over

    def serve(self) -> None:
        if not self.begun:
            self.begun = True
            _put(f"{greeting()}\n")
            self._prompt()
        while (line := self._lines.take()) is not None:
            if self._script:
                _put(f"{line}\n")
            try:
                self._execute(line, lambda text: _put(f"{text}\n"))
            except HostError:
                raise
            except PlayheadError as e:
                _put(f"{error_text(e)}\n")
            self._prompt()

    def _prompt(self) -> None:
        if self._script:
            _put(PROMPT)
        else:
            self._lines.show_prompt()

    def close(self) -> None:
        """Restore the terminal."""
        if isinstance(self._lines, editor.EditedLines):
            self._lines.close()


def _put(text: str) -> None:
    """What nobody reads any more is no failure of the machine's."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        pass
