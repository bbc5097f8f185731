"""`playhead shot`: the screen of a recording at a moment, as a picture or as text."""

from typing import Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET
from playhead.session.track import Stopped

SINCE = "0.6.0"
OPTIONS = (
    Option("--at", "the moment: 1500000, 1.5M, 50%, @12.5s, serial:\"text\", end (default)", "MOMENT", default="end",
           since=SINCE),
    Option("-o", "the picture to write: .png, or .ppm as QEMU's screendump writes it", parse=FILE, key="output",
           since=SINCE),
    Option("--text", "print the characters that text mode shows", since=SINCE),
    Option("--force", "replace a picture that exists", since=SINCE),
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "ppm": b"P6\n"}


def help() -> str:
    usage = "playhead shot FILE [--at MOMENT] (-o FILE.png|FILE.ppm | --text) [options]"
    what = (
        "Shows the screen of a recorded machine as it was at a moment, by a silent replay from the checkpoint before\n"
        "it. The recording is only read, and may still be written meanwhile."
    )
    return help_text("shot", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("shot", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli import new_file
    from playhead.cli.claims import of_recording
    from playhead.cli.recorded_machine import timeline
    from playhead.cli.recorded_screen import check_screen
    from playhead.log.reader import Reader
    from playhead.timeline.moments import parse

    output = values["output"]
    if output is None and not values["text"]:
        raise UsageError("what is it to be? -o FILE.png (or .ppm) makes a picture, --text prints the characters")
    claims = of_recording(values["file"], images=values["images"])
    if output is not None:
        format = _format(output)
        claims.writes("-o", output)
        claims.check()
        new_file.check(output, f"{format.upper()} file", lambda head: head.startswith(MAGIC[format]),
                       force=values["force"])  # fmt: skip
    with Reader(values["file"]) as reader:
        claims.recorded_images(reader)
        claims.check()
        check_screen(reader)
        with timeline(reader, values["engine"], images=values["images"]) as (line, host):
            if values["quiet"]:
                line.tell = lambda text: None
            try:
                line.find(parse(values["at"], line.end, line.end))
            except Stopped:
                raise KeyboardInterrupt from None
            host.status.clear()
            return _show(line, host, values)


def _format(path: str) -> str:
    from playhead.base.errors import UsageError

    format = path.rpartition(".")[2].lower()
    if format not in MAGIC:
        raise UsageError(f"-o {path}: a picture's name ends in .png or .ppm")
    return format


def _show(line: Any, host: Any, values: dict[str, Any]) -> int:
    from playhead.base.errors import UsageError
    from playhead.base.picture_file import FORMATS
    from playhead.cli import new_file
    from playhead.cli.recorded_screen import when
    from playhead.hw.screen import screen_of

    screen, now_ns, output = screen_of(line.machine.devices), line.machine.now_ns(), values["output"]
    assert screen is not None
    if output is not None:
        picture = screen.picture(now_ns)
        with new_file.complete(output) as name, open(name, "wb") as file:
            file.write(FORMATS[_format(output)](picture))
        if not values["quiet"]:
            host.message(f"{output}: {picture.width}x{picture.height} pixels at {when(line)}")
    if values["text"]:
        text = screen.text(now_ns)
        if text is None:
            raise UsageError(f"the screen is in a graphics mode at {when(line)}: -o FILE.png shows it")
        print("\n".join(text.lines()).rstrip("\n"), flush=True)
    return int(host.exit_status(0))
