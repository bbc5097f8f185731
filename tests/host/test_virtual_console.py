"""A virtual console: what appears for what is written, and what may be asked of it."""

import pytest

from playhead.base.errors import UsageError
from playhead.host.chardev.spec import parse, parse_chardev
from playhead.host.chardev.virtual_console import MOST_TYPED, VirtualConsole


def console(written, columns=10, rows=4):
    one = VirtualConsole("x", columns, rows)
    for n in range(0, len(written), 3):  # in pieces: also within sequences and characters
        one.write(written[n : n + 3])
    return one


@pytest.mark.parametrize("written, lines, cursor", [
    (b"ab\r\ncd", ["ab", "cd", "", ""], (2, 1)),
    (b"0123456789ab", ["0123456789", "ab", "", ""], (2, 1)),
    (b"1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"], (1, 3)),
    (b"abc\b\b \b", ["a c", "", "", ""], (1, 0)),
    (b"\ta\tb", ["        ab", "", "", ""], (9, 0)),
    (b"\x1b[2;3Hx\x1b[Ay\x1b[3Dz\x1b[2Bw", [" z y", "  x", "  w", ""], (3, 2)),
    (b"abcdef\x1b[3D\x1b[K", ["abc", "", "", ""], (3, 0)),
    (b"abcdef\x1b[3D\x1b[1K", ["    ef", "", "", ""], (3, 0)),
    (b"a\r\nb\r\nc\x1b[2J\x1b[Hd", ["d", "", "", ""], (1, 0)),
    (b"a\r\nb\r\nc\x1b[2;1H\x1b[J", ["a", "", "", ""], (0, 1)),
    (b"abcd\x1b[1G\x1b[2X", ["  cd", "", "", ""], (0, 0)),
    (b"a\x1b[?25lb\x1b(Bc\x1b=d\x07e", ["abcde", "", "", ""], (5, 0)),
    ("\u00e4\u2554\u4e2d".encode(), ["\u00e4\u2554?", "", "", ""], (3, 0)),
    (b"\x1b[sab\x1b[ux", ["xb", "", "", ""], (1, 0)),
    (b"\x1b[99;99Hx", ["", "", "", "         x"], (9, 3)),
])  # fmt: skip
def test_what_appears(written, lines, cursor):
    text = console(written).text()
    assert (text.lines(), text.cursor) == (lines, cursor)


def test_a_number_without_end_is_no_sequence():
    """Python converts no number of more than 4,300 digits."""
    one = VirtualConsole("x", 10, 4)
    one.write(b"\x1b[" + b"9" * 5000 + b"C\x1b[2J\x1b[Ha")
    assert one.text().lines() == ["a", "", "", ""]


def test_colours():
    """In the VGA's order, where 1 is blue and 4 is red."""
    cells = console(b"a\x1b[31mb\x1b[44;1mc\x1b[7md\x1b[0me").text().cells
    assert list(cells[1:10:2]) == [0x07, 0x04, 0x1C, 0x49, 0x07]


def test_what_is_typed_is_input():
    one = console(b"ab\x1b[6n")
    one.typed(b"quit\r")
    assert one.take() == b"\x1b[1;3Rquit\r"
    assert all(one.typed(b"x") for _ in range(100)), "key by key, before somebody reads it"
    assert one.take() == b"x" * 100
    while one.typed(b"x" * 4096):
        assert sum(map(len, one._inbox)) < 2 * MOST_TYPED
    assert len(one.take()) == MOST_TYPED, "nobody reads it: what is typed is bounded"


def test_sizes():
    assert parse("vc")[:1] == ("vc",) and parse("vc:80Cx25C").rows == 25 and parse("vc:640x400").columns == 80
    spec = parse_chardev("vc,id=c,cols=40,height=160")
    assert (spec.id, spec.columns, spec.rows) == ("c", 40, 10)
    for wrong in ("vc:80", "vc:80Cx25", "vc:0x0", "vc:1x1"):
        with pytest.raises(UsageError):
            parse(wrong)
