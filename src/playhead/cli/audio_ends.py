"""The host's side of a machine's sound: opens what the audiodevs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from playhead.base.errors import HostError, UnsupportedError, UsageError
from playhead.cli.audio_options import NONE, PORTAUDIO, RATE, Audiodev, audio

if TYPE_CHECKING:
    from playhead.host.audio.end import AudioEnd
    from playhead.host.host import Host


def connect(host: Host, values: Mapping[str, Any]) -> None:
    """Each audiodev that a device uses gets its end, under the name by which a session knows it."""
    found = audio(values)
    for notice in found.notices:
        host.message(notice)
    for number, one in enumerate(found.audiodevs):
        host.connect(f"audio{number}", _end(one))


def connect_again(host: Host, ends: Sequence[tuple[str, bool]], values: Mapping[str, Any]) -> None:
    """The audiodevs of a machine that goes on: (id, whether it captures), in the order of its description. One that
    -audiodev does not say plays to nowhere, and has silence to be captured. Raises UsageError for one that it has not.
    """
    ids = [id for id, _ in ends]
    given: dict[str, Audiodev] = {}
    for one in values["audiodevs"]:
        if one.id not in ids:
            there = ", ".join(ids) or "none"
            raise UsageError(f"{one.said}: the recorded machine has no audiodev '{one.id}' (there is {there})")
        if one.id in given:
            raise UsageError(f"{one.said}: audiodev '{one.id}' is given twice")
        if one.captures and not dict(ends)[one.id]:
            raise UsageError(f"{one.said}: the recorded machine captures nothing from audiodev '{one.id}'")
        given[one.id] = one
    for number, id in enumerate(ids):
        if id in given:
            host.connect(f"audio{number}", _end(given[id]))
        else:
            host.message(f"audiodev {id} leads nowhere; -audiodev DRIVER,id={id} connects it")


def _end(one: Audiodev) -> AudioEnd:
    """Raises what the option is named in."""
    given = one.given
    try:
        if one.driver == NONE:
            from playhead.host.audio.end import AudioEnd

            return AudioEnd(one.id)
        if one.driver == PORTAUDIO:
            from playhead.host.audio.portaudio import PortAudioEnd, PortAudioOptions

            return PortAudioEnd(one.id, PortAudioOptions(
                given.get("out.dev"), given.get("in.dev"), given.get("out.frequency", RATE),
                given.get("out.buffer-length", 60_000)))  # fmt: skip
        from playhead.host.audio.wav import WavEnd, WavOptions

        return WavEnd(one.id, WavOptions(given.get("path"), given.get("in.path"), given.get("out.frequency", RATE),
                                         given.get("out.channels", 2), given.get("out.format", "s16")))  # fmt: skip
    except (HostError, UsageError, UnsupportedError) as e:
        raise type(e)(f"{one.said}: {e}") from None
