"""`vc`: a terminal of our own for a serial port or a monitor, which a view of the screen shows beside it (QEMU's
virtual console): rows of characters with colours, and the control sequences of a plain VT100.

It keeps what its last rows show and nothing else; a recording has all that the guest prints.
"""

import codecs
import re
import threading

from playhead.base.picture import Text
from playhead.host.chardev.device import CharDevice

COLUMNS, ROWS = 80, 24
PLAIN = 0x07
TAB = 8
MOST_TYPED = 1 << 16  # bytes that wait to be read
CSI = re.compile(r"\x1b\[([?>]?)([0-9;]{0,32})([@-~])")  # longer ones are none
BEGUN = re.compile(r"\x1b(\[[?>]?[0-9;]{0,32})?")
OTHER = re.compile(r"\x1b([()#%].|[^\[])")  # sequences that change nothing here


def red_and_blue_swapped(colour: int) -> int:
    """A VGA's colour as ANSI numbers it, and the other way round; brightness stays."""
    return (colour & 10) | (colour & 1) << 2 | colour >> 2 & 1


class VirtualConsole(CharDevice):
    """What is written appears; `typed` is what somebody types at it. Lines and columns count from 0."""

    keys = True
    connections = 1
    connected = True
    live = True
    where = "vc"

    def __init__(self, label: str, columns: int = COLUMNS, rows: int = ROWS):
        super().__init__(label)
        self.columns, self.rows = columns, rows
        self.changes = 0  # how often something was written
        self._lock = threading.Lock()  # whoever shows it has a thread of its own
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._attribute, self._bold, self._inverse = PLAIN, False, False
        self._cells = [self._blank() for _ in range(rows)]
        self._x = self._y = 0
        self._kept = (0, 0)

    def _blank(self) -> bytearray:
        return bytearray((0x20, PLAIN)) * self.columns

    def typed(self, data: bytes) -> bool:
        """From any thread. False: it is lost, as too much is waiting to be read."""
        if self._crowded():
            return False
        self._arrived(data)
        self.wake()
        return True

    def _crowded(self) -> bool:
        """By bytes: a person's keys come one by one, and nobody else's reading waits for them."""
        return self.sink_full() if self.sink is not None else sum(map(len, tuple(self._inbox))) >= MOST_TYPED

    def text(self) -> Text:
        with self._lock:
            at = min(self._x, self.columns - 1), self._y
            return Text(self.columns, self.rows, b"".join(self._cells), at)

    def write(self, data: bytes) -> None:
        with self._lock:
            self._take(self._rest + self._decoder.decode(data))
            self.changes += 1

    # what comes

    def _take(self, text: str) -> None:
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._character(text[at])
                at += 1
            elif found := CSI.match(text, at):
                self._control(found)
                at = found.end()
            elif BEGUN.fullmatch(text, at):
                break
            else:
                found = OTHER.match(text, at)
                at = found.end() if found else at + 1
        self._rest = text[at:]

    def _character(self, c: str) -> None:
        match c:
            case "\r":
                self._x = 0
            case "\n" | "\v" | "\f":
                self._line_feed()
            case "\b":
                self._x = max(min(self._x, self.columns - 1) - 1, 0)
            case "\t":
                self._x = min((self._x // TAB + 1) * TAB, self.columns - 1)
            case _ if c >= " " and c != "\x7f":
                self._put(c)

    def _put(self, c: str) -> None:
        if self._x >= self.columns:
            self._x = 0
            self._line_feed()
        code = c.encode("cp437", "replace")[0]
        self._cells[self._y][2 * self._x : 2 * self._x + 2] = bytes((code, self._colours()))
        self._x += 1

    def _line_feed(self) -> None:
        if self._y < self.rows - 1:
            self._y += 1
        else:
            self._cells = [*self._cells[1:], self._blank()]

    def _colours(self) -> int:
        fore, back = self._attribute & 7, self._attribute >> 4 & 7
        if self._inverse:
            fore, back = back, fore
        return back << 4 | fore | (8 if self._bold else 0)

    # control sequences

    def _control(self, found: re.Match[str]) -> None:
        private, words, final = found.groups()
        if private:
            return  # modes of a terminal, which has none of them here
        numbers = [int(word or 0) for word in words.split(";")]
        first = max(numbers[0], 1)
        match final:
            case "A":
                self._go(self._x, self._y - first)
            case "B":
                self._go(self._x, self._y + first)
            case "C":
                self._go(self._x + first, self._y)
            case "D":
                self._go(self._x - first, self._y)
            case "G":
                self._go(first - 1, self._y)
            case "d":
                self._go(self._x, first - 1)
            case "H" | "f":
                self._go((max(numbers[1], 1) if len(numbers) > 1 else 1) - 1, first - 1)
            case "J":
                self._erase_rows(numbers[0])
            case "K":
                self._erase(self._y, numbers[0])
            case "X":
                x = min(self._x, self.columns - 1)
                self._clear(self._y, x, min(x + first, self.columns))
            case "m":
                for number in numbers:
                    self._look(number)
            case "s":
                self._kept = self._x, self._y
            case "u":
                self._go(*self._kept)
            case "n" if numbers[0] == 6:
                self.typed(f"\x1b[{self._y + 1};{min(self._x, self.columns - 1) + 1}R".encode())

    def _go(self, x: int, y: int) -> None:
        self._x, self._y = min(max(x, 0), self.columns - 1), min(max(y, 0), self.rows - 1)

    def _erase_rows(self, how: int) -> None:
        """0: from here on, 1: up to here, 2: all."""
        self._erase(self._y, how)
        gone = {0: range(self._y + 1, self.rows), 1: range(self._y), 2: range(self.rows)}.get(how, range(0))
        for y in gone:
            self._cells[y] = self._blank()

    def _erase(self, y: int, how: int) -> None:
        x = min(self._x, self.columns - 1)
        begin, end = {0: (x, self.columns), 1: (0, x + 1), 2: (0, self.columns)}.get(how, (0, 0))
        self._clear(y, begin, end)

    def _clear(self, y: int, begin: int, end: int) -> None:
        self._cells[y][2 * begin : 2 * end] = bytes((0x20, PLAIN)) * (end - begin)

    def _look(self, number: int) -> None:
        match number:
            case 0:
                self._attribute, self._bold, self._inverse = PLAIN, False, False
            case 1 | 22:
                self._bold = number == 1
            case 7 | 27:
                self._inverse = number == 7
            case _ if 30 <= number <= 37:
                self._attribute = self._attribute & 0x70 | red_and_blue_swapped(number - 30)
            case _ if 40 <= number <= 47:
                self._attribute = self._attribute & 0x07 | red_and_blue_swapped(number - 40) << 4
            case 39:
                self._attribute = self._attribute & 0x70 | PLAIN
            case 49:
                self._attribute &= 0x07
