"""`-display curses`: the machine's screen on this terminal while it is in a text mode, and the keyboard.

Esc 1 shows the screen (as Alt 1, where a terminal sends that), Esc 2 and so on the virtual consoles: the monitor, then
serial ports. In a graphics mode there is only a word about its size, as with QEMU. Nothing here ends the run: the
monitor's `quit` does.

A thread draws, so that a slow terminal keeps nobody waiting; the watcher's thread reads the keys. Python's curses knows
how terminals are drawn to. Keys are read as the bytes that come (`terminal_keys.py`): curses would translate them into
less than there is. Messages to the user are shown in the last row, and said again when the terminal is its own again.
"""

from __future__ import annotations

import atexit
import contextlib
import curses
import os
import termios
import threading
from collections.abc import Callable, Sequence
from typing import Any

from playhead.base.errors import HostError
from playhead.base.messages import shown, tell
from playhead.base.picture import Picture, Text
from playhead.host import clock
from playhead.host.chardev.virtual_console import VirtualConsole, red_and_blue_swapped
from playhead.host.display.end import DisplayEnd
from playhead.host.display.terminal_keys import TerminalKeys, Typed
from playhead.host.terminal import RawTerminal
from playhead.host.watch import IN
from playhead.log.input_events import chord

# What code page 437 has in place of control characters.
LOW = (
    " \u263a\u263b\u2665\u2666\u2663\u2660\u2022\u25d8\u25cb\u25d9"
    "\u2642\u2640\u266a\u266b\u263c\u25ba\u25c4\u2195\u203c\u00b6\u00a7\u25ac\u21a8\u2191\u2193\u2192\u2190\u221f\u2194\u25b2\u25bc"
)
PLAINER = str.maketrans(
    "─━│┃┌┐└┘├┤┬┴┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬█▓▒░▀▄▌▐■",
    "--||" + "+" * 9 + "=|" + "+" * 27 + "#%%:\"_||#",
)
GRAPHIC_NS = 500_000_000  # between two looks at a picture of which only the size is shown
MOST_TOLD = 100  # messages that are kept
LOST = "what was typed at this console is lost: nobody has read what was typed before"


class CursesEnd(DisplayEnd):
    """`consoles`: what Esc 2, Esc 3, ... show; asked for when the run begins."""

    kind = "curses"
    takes_text = True
    takes_terminal = True

    def __init__(self, charset: str = "cp437", layout: str = "en-us",
                 consoles: Callable[[], Sequence[Any]] = lambda: ()):  # fmt: skip
        super().__init__()
        self.label = "-display curses"
        self.consoles: list[VirtualConsole] = []
        self._all_consoles = consoles
        self._charset, self._layout = charset, layout
        self._frame: tuple[Text | None, str, str] = (None, "", "")  # text, else what is said instead, and a caption
        self._current = 0
        self._told: list[str] = []
        self._changed = threading.Event()
        self._lock = threading.Lock()  # of curses and the keys
        self._thread: threading.Thread | None = None
        self._canvas: Canvas | None = None
        self._closing = self._away = False
        self._looked_ns = 0
        self._seen: tuple[object, ...] = ()  # what else was seen at the last look

    # the terminal

    def open(self) -> None:
        if not (RawTerminal.usable(0) and os.isatty(1)):
            raise HostError("-display curses needs a terminal as its standard input and output")
        self.consoles = list(self._all_consoles())
        erase = termios.tcgetattr(0)[6][termios.VERASE]
        self._keys = TerminalKeys(self._layout, ord(erase) if isinstance(erase, bytes) else erase)
        try:
            self._canvas = Canvas(self._charset)
        except curses.error as e:
            kind = os.environ.get("TERM", "")
            raise HostError(f"-display curses: the terminal '{kind}' (TERM) cannot be drawn to: {e}") from None
        atexit.register(self.close)
        self._thread = threading.Thread(target=self._loop, name="playhead-curses", daemon=True)
        self._thread.start()
        self._changed.set()

    def stop(self) -> None:
        self._closing = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join(2)

    def close(self) -> None:
        self.stop()
        atexit.unregister(self.close)
        if self._canvas is not None:
            self._canvas.end()
            self._canvas = None
        self.takes_terminal = False
        for text in self._told:
            tell(text)
        self._told.clear()

    def leave_terminal(self) -> None:
        """From the watcher's thread: the process is stopped or killed."""
        taken = self._lock.acquire(timeout=1)
        if self._canvas is not None:
            self._away = True
            self._canvas.end()
        if taken:
            self._lock.release()

    def enter_terminal(self) -> None:
        if self._away and self._canvas is not None:
            self._canvas.again = True
            self._away = False
            self._changed.set()

    def say(self, lines: Sequence[str]) -> None:
        """Messages to the user: on the screen now, and behind it later."""
        self._told = [*self._told, *lines][-MOST_TOLD:]
        self._changed.set()

    # what is shown

    @property
    def wanted(self) -> bool:
        now_ns = clock.realtime_ns()
        with self._lock:
            self._take(self._keys.late(now_ns))
        if self._changed.is_set() or self._away:
            return False
        return self._frame[0] is not None or self._current > 0 or now_ns - self._looked_ns >= GRAPHIC_NS

    def show(self, picture: Picture | None, text: Text | None, caption: str = "") -> None:
        self._looked_ns = clock.realtime_ns()
        said = f"{picture.width} x {picture.height} Graphic mode" if picture is not None else "no screen"
        frame = text, said, caption
        seen = sum(console.changes for console in self.consoles), _terminal_size()
        if frame != self._frame or seen != self._seen:
            self._frame, self._seen = frame, seen
            self._changed.set()

    def _loop(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closing:
                return
            with self._lock:
                if self._canvas is not None and not self._away:
                    self._draw(self._canvas)

    def _draw(self, canvas: Canvas) -> None:
        text, said, caption = self._frame
        if self._current:
            text, said = self.consoles[self._current - 1].text(), ""
        last = f" {self._told[-1]} " if self._told else f" {caption} " if caption else ""
        canvas.draw(text, said, last)

    # keys, on the watcher's thread

    def watched(self) -> tuple[int, int]:
        return (0, IN) if self.live and self._canvas is not None and not self._away else (-1, 0)

    def ready(self, events: int) -> None:
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""
        if not data:
            self.live = False  # the terminal has gone
            return
        with self._lock:
            self._take(self._keys.feed(data, clock.realtime_ns()))

    def _take(self, pressed: Sequence[Typed]) -> None:
        """What came at once (a text that was pasted) goes to a console in one piece."""
        sent = b""
        for typed in pressed:
            number = self._switch(typed)
            if number is not None:
                self._send(sent)
                sent, self._current = b"", number
                self._changed.set()
            elif self._current:
                sent += typed.sent
            elif typed.keys:
                self.pressed.extend(chord(typed.keys))
                self.wake()
            elif typed.why:
                self.say([typed.why])
        self._send(sent)

    def _send(self, data: bytes) -> None:
        """To the console that is shown."""
        if data and not self.consoles[self._current - 1].typed(data):
            self.say([LOST])

    def _switch(self, typed: Typed) -> int | None:
        """Alt with a digit: the number of another console, if there is one."""
        if len(typed.sent) != 2 or typed.sent[0] != 0x1B or not 0x31 <= typed.sent[1] <= 0x39:
            return None
        number = typed.sent[1] - 0x31
        return number if number <= len(self.consoles) else None


class Canvas:
    """The terminal as curses has it. One thread at a time."""

    def __init__(self, charset: str):
        self._charset = charset
        self.again = True  # draw all of it
        self._window = curses.initscr()
        curses.raw()
        curses.noecho()
        curses.nonl()
        self._window.keypad(False)
        self._glyphs = self._all_glyphs(self._window.encoding)
        self._look: Callable[[int], int] = self._plain
        if curses.has_colors():
            curses.start_color()
            self._look = self._coloured()
        self._rows: list[bytes] = []
        self._key: tuple[object, ...] = ()

    def _all_glyphs(self, encoding: str) -> list[str]:
        raw = bytes(range(256)).decode(self._charset, "replace") if _one_byte(self._charset) else "?" * 256
        glyphs = [c if c.isprintable() else " " for c in raw]
        if self._charset == "cp437":
            glyphs[:32], glyphs[127], glyphs[255] = list(LOW), "\u2302", " "

        def drawable(c: str) -> str:
            for one in (c, c.translate(PLAINER)):
                with contextlib.suppress(UnicodeEncodeError):
                    one.encode(encoding)
                    return one
            return "?"

        return [drawable(c) for c in glyphs]

    @staticmethod
    def _plain(attribute: int) -> int:
        """On a terminal without colours."""
        dark, light = attribute & 7 == 0, attribute >> 4 & 7
        return (curses.A_REVERSE if dark and light else 0) | (curses.A_BOLD if attribute & 8 else 0)

    def _coloured(self) -> Callable[[int], int]:
        bright = curses.COLORS >= 16 and curses.COLOR_PAIRS > 128
        looks: dict[int, int] = {}
        for back in range(8):
            for fore in range(16 if bright else 8):
                pair = back << (4 if bright else 3) | fore
                if 0 < pair < curses.COLOR_PAIRS:
                    curses.init_pair(pair, red_and_blue_swapped(fore), red_and_blue_swapped(back))

        def look(attribute: int) -> int:
            if attribute not in looks:
                fore, back = attribute & 15, attribute >> 4 & 7
                pair = back << 4 | fore if bright else back << 3 | fore & 7
                looks[attribute] = curses.color_pair(pair) | (curses.A_BOLD if fore & 8 and not bright else 0) | (
                    curses.A_BLINK if attribute & 0x80 else 0)  # fmt: skip
            return looks[attribute]

        return look

    def end(self) -> None:
        """Give the terminal back; drawing takes it again."""
        with contextlib.suppress(curses.error):
            curses.endwin()

    def draw(self, text: Text | None, said: str, last: str) -> None:
        """`said`: in place of a text. `last`: in the last row, as far as the terminal has characters for it."""
        lines, columns = self._size()
        text = text or Text(0, 0, b"", None)
        place = self._place(text, lines, columns, bool(last))
        key = text[:2], place, (lines, columns), said if not text.rows else "", bool(last)
        if self.again or key != self._key:
            self._window.erase()
            self._rows, self._key = [], key
        if self.again:
            self._window.clearok(True)
            self.again = False
        top, left, first = place
        if not text.rows:
            self._put(lines // 2, max((columns - len(said)) // 2, 0), said[:columns], curses.A_BOLD)
        width, shown_rows = min(text.columns, columns), min(text.rows - first, lines - bool(last and first))
        rows = [self._cells(text, first + n)[: 2 * width] for n in range(shown_rows)]
        for n, cells in enumerate(rows):
            if rows[n : n + 1] != self._rows[n : n + 1]:
                self._row(top + n, left, cells)
        self._rows = rows
        if last:
            encoding = self._window.encoding
            last = shown(last).encode(encoding, "replace").decode(encoding)
            self._put(lines - 1, 0, last[: columns - 1].ljust(columns - 1), curses.A_REVERSE)
        self._cursor(text, top - first, left, lines, columns)
        self._window.refresh()

    def _size(self) -> tuple[int, int]:
        """Lines and columns, as they are now."""
        columns, lines = _terminal_size()
        if (lines, columns) != self._window.getmaxyx() and lines and columns:
            curses.resizeterm(lines, columns)
            self.again = True
        return self._window.getmaxyx()

    @staticmethod
    def _place(text: Text, lines: int, columns: int, status: bool) -> tuple[int, int, int]:
        """Where its first shown row is, and which one that is: in the middle of a larger terminal; of a smaller one
        the rows with the cursor.
        """
        room = lines - status
        top, left = max((room - text.rows) // 2, 0), max((columns - text.columns) // 2, 0)
        if text.rows <= room:
            return top, left, 0
        y = text.cursor[1] if text.cursor is not None else 0
        return 0, left, min(max(y - room + 1, 0), text.rows - room)

    @staticmethod
    def _cells(text: Text, row: int) -> bytes:
        return text.cells[2 * text.columns * row : 2 * text.columns * (row + 1)]

    def _row(self, y: int, x: int, cells: bytes) -> None:
        """A row of the screen, in pieces of one look."""
        begin, width = 0, len(cells) // 2
        while begin < width:
            attribute, end = cells[2 * begin + 1], begin + 1
            while end < width and cells[2 * end + 1] == attribute:
                end += 1
            piece = "".join(self._glyphs[code] for code in cells[2 * begin : 2 * end : 2])
            self._put(y, x + begin, piece, self._look(attribute))
            begin = end

    def _put(self, y: int, x: int, piece: str, look: int) -> None:
        with contextlib.suppress(curses.error):  # curses says so when the last column of the last line has been drawn
            self._window.addstr(y, x, piece, look)

    def _cursor(self, text: Text, down: int, left: int, lines: int, columns: int) -> None:
        at = None if text.cursor is None else (text.cursor[1] + down, text.cursor[0] + left)
        seen = at is not None and 0 <= at[0] < lines and at[1] < columns
        with contextlib.suppress(curses.error):  # a terminal may not be able to hide it
            curses.curs_set(1 if seen else 0)
        if seen and at is not None:
            self._window.move(*at)


def _terminal_size() -> tuple[int, int]:
    """Columns and lines; zeros where nobody knows."""
    try:
        return os.get_terminal_size(1)
    except OSError:
        return 0, 0


def _one_byte(charset: str) -> bool:
    return len("a".encode(charset)) == 1
