"""A picture of a screen, and the characters of one in text mode: what a display device shows and views take."""

from typing import NamedTuple


class Picture(NamedTuple):
    """`pixels`: four bytes each (blue, green, red, and a zero that means nothing), rows from the top, without gaps."""

    width: int
    height: int
    pixels: bytes


class Text(NamedTuple):
    """What a text mode shows. `cells`: a character (code page 437) and an attribute each, rows from the top. `cursor`:
    its column and row; None while it is off or out of sight.
    """

    columns: int
    rows: int
    cells: bytes
    cursor: tuple[int, int] | None

    def lines(self) -> list[str]:
        """The rows as text, without trailing blanks."""
        codes = self.cells[::2].decode("cp437")
        plain = "".join(c if c.isprintable() else " " for c in codes)
        return [plain[n * self.columns : (n + 1) * self.columns].rstrip() for n in range(self.rows)]
