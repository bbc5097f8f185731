"""The fonts in a VGA's ROM: found by a character that all of them draw alike, wherever in the image they are."""

from collections.abc import Iterator
from functools import cache

from playhead.base.errors import UsageError

FILES = ("/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/qemu/vgabios-stdvga.bin")
FACES = {  # the second character, a smiling face, by the lines of a font
    16: bytes.fromhex("00007e81a58181bd9981817e00000000"),
    14: bytes.fromhex("00007e81a58181bd99817e000000"),
    8: bytes.fromhex("7e81a581bd99817e"),
}
CHARACTERS = 256


def fonts_of(rom: bytes) -> dict[int, bytes]:
    """By their lines: 256 characters each, a byte for a line. Those that are not there are left out."""
    return dict(_found(rom))


def _found(rom: bytes) -> Iterator[tuple[int, bytes]]:
    for lines, face in FACES.items():
        at = rom.find(bytes(lines) + face)  # behind the first character, which is empty
        if at >= 0 and at + CHARACTERS * lines <= len(rom):
            yield lines, rom[at : at + CHARACTERS * lines]


def installed() -> dict[int, bytes]:
    """Those of the ROM that this host has, for the picture of an adapter that has none of its own: no guest sees them.
    Raises UsageError where there is no such ROM.
    """
    return _fonts_in(FILES)


@cache
def _fonts_in(paths: tuple[str, ...]) -> dict[int, bytes]:
    """Of the first of these files that has them: read once, and not for each picture."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                fonts = fonts_of(file.read())
        except OSError:
            continue
        if 16 in fonts:
            return fonts
    raise UsageError("the machine's text screen needs a font to be drawn with: install Debian's package seabios")
