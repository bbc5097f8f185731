"""Lines typed at a terminal with editing, history and completion: prompt_toolkit's, in a thread of its own.

It has the face of `host.lines.Lines`, which serves where there is no terminal. prompt_toolkit rather than Python's
`readline`: it can be ended from outside while somebody types (a signal, a gdb that kills the session) and then leaves
the terminal as it was, and which library `readline` is (GNU's under the GPL, or libedit) depends on the Python. It is
imported when the first prompt is shown: it takes a quarter of a second.

While a command is executed nobody reads the terminal, and Ctrl-C is a signal; while a line is typed, Ctrl-C drops it.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playhead.base.messages import tell

Complete = Callable[[str], tuple[str, list[str]]]
HISTORY = "debug-history"  # of `playhead debug`


def usable() -> bool:
    """True if there is a terminal on which lines can be edited."""
    return os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "") not in ("", "dumb")


class EditedLines:
    """`complete(text before the cursor)` gives the word that can be completed, and what it may become; `arrived` is
    called from the thread when a line is there. `history`: the file of lines that it keeps.
    """

    terminal = True

    def __init__(self, prompt: str, complete: Complete, arrived: Callable[[], None], history: str = HISTORY):
        self._prompt, self._complete, self._arrived, self._history = prompt, complete, arrived, history
        self._lines: deque[str] = deque()
        self._end = self._closing = False
        self._turn = threading.Event()
        self._session: Any = None
        self._thread: threading.Thread | None = None

    @property
    def over(self) -> bool:
        return self._end and not self._lines

    def take(self) -> str | None:
        return self._lines.popleft() if self._lines else None

    def show_prompt(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="playhead-editor", daemon=True)
            self._thread.start()
        if not self._end:
            self._turn.set()

    def close(self) -> None:
        """Restore the terminal, even while a line is being typed."""
        self._closing = True
        self._turn.set()
        app = self._session.app if self._session is not None else None
        while self._thread is not None and self._thread.is_alive():
            if app is not None and app.loop is not None and app.is_running:
                with contextlib.suppress(RuntimeError):  # it has just ended by itself
                    app.loop.call_soon_threadsafe(self._leave, app)
            self._thread.join(0.05)

    @staticmethod
    def _leave(app: Any) -> None:
        if app.is_running and not app.future.done():
            app.exit(exception=EOFError)

    # the thread

    def _loop(self) -> None:
        self._session = _session(self._complete, self._history)
        while not self._end:
            self._turn.wait()
            self._turn.clear()
            if self._closing:
                break
            try:
                self._lines.append(self._session.prompt(self._prompt))
            except KeyboardInterrupt:
                self._turn.set()  # the line is dropped: the next one
                continue
            except (EOFError, OSError):
                self._end = True
            self._arrived()


def _session(complete: Complete, history: str) -> Any:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    class Names(Completer):
        def get_completions(self, document: Document, complete_event: Any) -> Any:
            word, found = complete(document.text_before_cursor)
            yield from (Completion(name, -len(word)) for name in found)

    keys = KeyBindings()
    keys.add(Keys.Vt100MouseEvent, eager=True)(lambda event: None)  # none is asked for: it is text that was pasted
    return PromptSession(completer=Names(), complete_while_typing=False, history=_history(history), enable_suspend=True,
                         key_bindings=keys)  # fmt: skip


def _history(name: str) -> Any:
    """Kept from session to session in a file that only its owner can read; in memory if that cannot be had."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    base = os.environ.get("XDG_STATE_HOME")
    path = (Path(base) if base else Path.home() / ".local" / "state") / "playhead" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except (OSError, RuntimeError) as e:
        tell(f"the history of this prompt is not kept: {e}")
        return InMemoryHistory()
    return FileHistory(str(path))
