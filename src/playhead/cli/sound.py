"""`playhead sound`: what a recorded machine played, as a sound file, by a silent replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, number, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET

if TYPE_CHECKING:
    from playhead.host.audio.track import SoundFile

SINCE = "0.6.0"
OPTIONS = (
    Option("-o", "the file to write: .wav, or .flac (the extra `sound`)", parse=FILE, key="output", since=SINCE),
    Option("--from", "from this moment on: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"",
           "MOMENT", key="begin", since=SINCE),
    Option("--to", "and up to that one", "MOMENT", key="end", since=SINCE),
    Option("--trim", "leave out the silence in front of the first sound and behind the last", since=SINCE),
    Option("--audiodev", "what was played to this audiodev; without it to all of them, mixed", "ID", since=SINCE),
    Option("--rate", "frames a second", parse=number(8000, 192_000), default=48_000, since=SINCE),
    Option("--force", "replace a file that exists", since=SINCE),
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)
MAGIC = {"wav": b"RIFF", "flac": b"fLaC"}
SECOND = 1_000_000_000


def help() -> str:
    usage = "playhead sound FILE -o SOUND.wav|SOUND.flac [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Writes what a recorded machine played, by a silent replay, which needs neither the audiodev of that time nor\n"
        "any other. The file's time is virtual time, from --from on, so it fits a film of the same moments; sound of\n"
        "the file's own rate is in it sample by sample. The recording is only read, and may still be written\n"
        "meanwhile. Exit status 1: the replay diverged."
    )
    return help_text("sound", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("sound", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli import new_file
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader

    output = values["output"]
    if output is None:
        raise UsageError("sound needs a file: -o SOUND.wav (or .flac)")
    format = _format(output)
    claims = of_recording(values["file"], images=values["images"])
    claims.writes("-o", output)
    claims.check()
    new_file.check(output, f"{format.upper()} file", lambda head: head.startswith(MAGIC[format]),
                   force=values["force"])  # fmt: skip
    with Reader(values["file"]) as reader:
        claims.recorded_images(reader)
        claims.check()
        return _make(reader, format, _number(reader, values["audiodev"]), values)


def _format(path: str) -> str:
    from playhead.base.errors import UsageError
    from playhead.host.audio.track import needs_soundfile

    format = path.rpartition(".")[2].lower()
    if format not in MAGIC:
        raise UsageError(f"-o {path}: a sound file's name ends in .wav or .flac")
    if format == "flac":
        needs_soundfile()
    return format


def _number(reader: Any, audiodev: str | None) -> int | None:
    """Which audiodev is heard; None: all."""
    from playhead.base.errors import UsageError
    from playhead.cli.recorded_config import config_of

    ids = [end.id for end in config_of(reader).audiodevs]
    if not ids:
        raise UsageError(f"{reader.path} has no sound: no device of its machine has an audiodev")
    if audiodev is not None and audiodev not in ids:
        raise UsageError(f"--audiodev {audiodev}: the recorded machine has {', '.join(ids)}")
    return None if audiodev is None else ids.index(audiodev)


def _make(reader: Any, format: str, audio: int | None, values: dict[str, Any]) -> int:
    from playhead.cli.recorded_machine import replay_to, stretch, timeline
    from playhead.host.audio.track import TrackWriter
    from playhead.session.sources import AudioSource
    from playhead.session.track import Stopped

    begin, end = stretch(reader, values)
    with timeline(reader, values["engine"], images=values["images"]) as (line, host):
        if values["quiet"]:
            line.tell = lambda text: None
        try:
            line.seek(begin)
            source = line.player.sources[AudioSource]
            source.restored()
            with _output(values["output"], format, values["rate"]) as file:
                heard = TrackWriter(file, values["rate"], line.machine.now_ns(), audio, trim=values["trim"])
                line.player.sounds.append(heard)
                line.player.hear({})  # nothing is printed, all is compared
                note = replay_to(line.player, None if values["end"] is None else end)
                source.passed(line.machine.now_ns())
                heard.finish(line.machine.now_ns())
        except Stopped:
            raise KeyboardInterrupt from None
    if not values["quiet"]:
        said = f"{values['output']}: {heard.frames / values['rate']:.2f} s, of which {heard.sounding:.2f} s have sound"
        host.message(*([note] if note else []), said)
    return int(host.exit_status(0))


@contextmanager
def _output(path: str, format: str, rate: int) -> Iterator[SoundFile]:
    from playhead.cli import new_file
    from playhead.host.audio.track import opened

    with new_file.complete(path) as name, opened(name, format, rate) as file:
        yield file
