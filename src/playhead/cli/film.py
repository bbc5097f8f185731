"""`playhead film`: the screen of a recording as a video, a GIF or a folder of pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, number, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET
from playhead.cli.value_types import Type, factor

if TYPE_CHECKING:
    from playhead.host.film.canvas import Canvas
    from playhead.host.film.film import Film
    from playhead.timeline.filming import Steps

SINCE = "0.6.0"
MAGIC = {"mp4": (4, b"ftyp"), "webm": (0, b"\x1a\x45\xdf\xa3"), "gif": (0, b"GIF8")}
FOLDER = "a folder"
LARGEST, FASTEST = 4096, 1_000_000
SECOND = 1_000_000_000


def _size(text: str) -> tuple[int, int]:
    from playhead.base.errors import UsageError

    match = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", text)
    if match is None or max(size := (int(match[1]), int(match[2]))) > LARGEST or min(size) < 16:
        raise UsageError(f"a size is like 1024x768, from 16x16 to {LARGEST}x{LARGEST}")
    return size


OPTIONS = (
    Option("-o", "the film: a name that ends in .mp4, .webm (both need the package av) or .gif; or a folder for "
           "pictures, with a / at the end, in which index.csv says when each is shown", parse=FILE, key="output",
           since=SINCE),
    Option("--from", "where it begins: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"", "MOMENT",
           key="begin", since=SINCE),
    Option("--to", "and where it ends", "MOMENT", key="end", since=SINCE),
    Option("--fps", "pictures for each second of the film (default 25)", "N", number(1, 100), default=25, since=SINCE),
    Option("--speed", "seconds of virtual time for each second of the film (default 1): 4, 0.5", "FACTOR",
           factor(FASTEST), default=Fraction(1), since=SINCE),
    Option("--caption", "below the picture: its virtual time and moment, where `playhead debug --at` goes",
           since=SINCE),
    Option("--size", "of all pictures; the default is the largest screen that the recording's checkpoints have. A "
           "larger one is made smaller, a smaller one stands in black", "WIDTHxHEIGHT", Type("WIDTHxHEIGHT", _size),
           since=SINCE),
    Option("--force", "replace a film that exists", since=SINCE),
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead film FILE -o FILM.mp4|FILM.webm|FILM.gif|FOLDER/ [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Makes a film of a recorded machine's screen, by a silent replay. Its time is virtual time, so a machine that\n"
        "slept for a minute does so in the film, too: --speed makes it pass faster. The recording is only read, and\n"
        "may still be written meanwhile. Exit status 1: the replay diverged."
    )
    return help_text("film", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("film", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.cli.recorded_screen import check_screen
    from playhead.log.reader import Reader

    output = values["output"]
    if output is None:
        raise UsageError("a film needs a name: -o FILM.mp4 (or .webm, .gif, or FOLDER/)")
    format = _format(output)
    claims = of_recording(values["file"], images=values["images"])
    if format != FOLDER:
        claims.writes("-o", output)
        claims.check()
    _check_output(output, format, force=values["force"])
    with Reader(values["file"]) as reader:
        claims.recorded_images(reader)
        claims.check()
        check_screen(reader)
        return _make(reader, format, values)


def _format(path: str) -> str:
    from playhead.base.errors import UsageError
    from playhead.host.film.video import needs_av

    if path.endswith("/") or os.path.isdir(path):
        return FOLDER
    format = path.rpartition(".")[2].lower()
    if format not in MAGIC:
        raise UsageError(f"-o {path}: a film's name ends in .mp4, .webm or .gif, a folder's in /")
    if format != "gif":
        needs_av()
    return format


def _check_output(path: str, format: str, *, force: bool) -> None:
    from playhead.cli import new_file
    from playhead.host.film import folder

    if format == FOLDER:
        folder.check(path, force=force)
        return
    at, magic = MAGIC[format]
    new_file.check(path, f"{format.upper()} film", lambda head: head[at:].startswith(magic), force=force)


def _make(reader: Any, format: str, values: dict[str, Any]) -> int:
    from playhead.cli.recorded_machine import stretch, timeline
    from playhead.cli.recorded_screen import largest_size
    from playhead.host.film.canvas import Canvas
    from playhead.session.track import Stopped

    begin, end = stretch(reader, values)
    with timeline(reader, values["engine"], images=values["images"]) as (line, host):
        show, line.tell = line.tell, lambda text: None
        try:
            line.seek(begin)
            size, steps = values["size"], _steps(line, values)
            if size is None and format != FOLDER:
                size = largest_size(line, begin, end, steps)
            canvas = Canvas(size, captions=values["caption"], even=format != FOLDER)
            with _film(values["output"], format, canvas, values["fps"]) as film:
                line.tell = (lambda text: None) if values["quiet"] else lambda text: show(_progress(line, begin, end))
                pictures, frames = _shoot(line, film, end, steps, captions=values["caption"])
        except Stopped:
            raise KeyboardInterrupt from None
    if not values["quiet"]:
        seconds = frames / values["fps"]
        host.message(f"{values['output']}: {seconds:.2f} s, {pictures} different pictures")
    return int(host.exit_status(0))


def _progress(line: Any, begin: Any, end: Any) -> str:
    part = (line.moment.icount - begin.icount) * 100 // max(end.icount - begin.icount, 1)
    return f"filming {part:3} %  (virtual time {line.machine.now_ns() / SECOND:.1f} s)"


def _steps(line: Any, values: dict[str, Any]) -> Steps:
    from playhead.timeline.filming import Steps

    speed = values["speed"]
    return Steps(line.machine.now_ns(), SECOND * speed.numerator, values["fps"] * speed.denominator)


def _shoot(line: Any, film: Film, end: Any, steps: Steps, *, captions: bool) -> tuple[int, int]:
    """How many different pictures there were, and how many frames."""
    from playhead.host.film.film import Shot
    from playhead.hw.screen import screen_of
    from playhead.timeline.filming import frames

    screen = screen_of(line.machine.devices)
    assert screen is not None
    last, pictures, count = None, 0, 0
    for frame in frames(line, screen, end, steps):
        if frame.picture is not last or captions:
            pictures += frame.picture is not last
            film.add(Shot(count, frame.picture, str(frame.moment), frame.virtual_ns))
            last = frame.picture
        count += 1
    film.finish(count)
    return pictures, count


@contextmanager
def _film(path: str, format: str, canvas: Canvas, fps: int) -> Iterator[Film]:
    from playhead.cli import new_file
    from playhead.host.film import folder
    from playhead.host.film.film import Aside

    kind = folder if format == FOLDER else new_file
    with kind.complete(path) as name, _closing(Aside(_written(name, format, canvas, fps))) as film:
        yield film


def _written(path: str, format: str, canvas: Canvas, fps: int) -> Film:
    if format == FOLDER:
        from playhead.host.film.folder import Folder

        return Folder(path, canvas, fps)
    if format == "gif":
        from playhead.host.film.gif import Gif

        return Gif(open(path, "wb"), canvas, fps)
    from playhead.host.film.video import Video

    return Video(path, format, canvas, fps)


@contextmanager
def _closing(film: Film) -> Iterator[Film]:
    from playhead.base.errors import HostError

    try:
        yield film
    except OSError as e:
        raise HostError(f"cannot write the film: {e.strerror or e}") from None
    finally:
        film.close()
