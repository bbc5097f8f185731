"""QEMU's words for sound: what -audiodev, -audio and -soundhw say, and which sound devices come of them beside those of
-device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.cli.option_table import Given, Listed, Sub, sub_options
from playhead.cli.structured_value import is_json, json_object
from playhead.cli.value_types import FILE, TEXT, Type, always, identifier, number, one_of, type_of

SINCE = "0.6.0"
NONE, WAV, PORTAUDIO = DRIVERS = ("none", "wav", "portaudio")
LIVE = "there is portaudio, which plays by whatever this host has"
NOT_HERE = {
    **dict.fromkeys(("alsa", "coreaudio", "dsound", "jack", "oss", "pa", "pipewire", "sdl", "sndio"), LIVE),
    "spice": "there is no SPICE; there is wav, and portaudio", "dbus": "there is no D-Bus; there is wav, and portaudio",
}  # fmt: skip
MODELS = {"ac97": "AC97"}  # devices by the names of -audio and -soundhw
OTHER_MODELS = ("adlib", "cs4231a", "es1370", "gus", "hda", "sb16", "virtio", "usb-audio", "all")
SOUNDHW = (
    "-soundhw is deprecated, and QEMU 7.1 has dropped it: say -audio DRIVER,model=ac97, or -audiodev DRIVER,id=ID with "
    "-device AC97,audiodev=ID; what the guest plays goes nowhere"
)
RATE = 48_000
OF_AUDIO = "audio"  # the id of what -audio makes


def _driver(text: str) -> str:
    if text in NOT_HERE:
        raise UnsupportedError(f"audiodevs of the type '{text}' are not supported: {NOT_HERE[text]}")
    if text not in DRIVERS:
        raise UsageError(f"unknown type '{text}'{nearest(text, DRIVERS) or '; there is ' + ', '.join(DRIVERS)}")
    return text


def _ignored(name: str, type: Type | Any = TEXT) -> tuple[Sub, ...]:
    return tuple(Sub(f"{side}.{name}", type) for side in ("in", "out"))


DRIVER = Type("|".join(DRIVERS), _driver, DRIVERS)
RATES = number(8000, 192_000)
SUBS: tuple[Sub, ...] = tuple(sub._replace(since=SINCE) for sub in (
    Sub("driver", DRIVER, "none: nothing is heard; wav: a file; portaudio: this host's speakers and microphone"),
    Sub("id", identifier, "the name by which a sound device's audiodev= has it"),
    Sub("path", FILE, "wav: the file to write", "none", of=(WAV,)),
    Sub("in.path", FILE, "wav: the file that the guest captures from; behind its end is silence", "none", of=(WAV,)),
    Sub("out.frequency", RATES, "frames a second; a voice of that rate is written as it is", str(RATE),
        of=(WAV, PORTAUDIO)),
    Sub("out.channels", number(1, 2), "wav: channels of the file", "2", of=(WAV,)),
    Sub("out.format", one_of("u8", "s16", "s32"), "wav: samples of the file", "s16", of=(WAV,)),
    Sub("out.dev", TEXT, "portaudio: the device to play by, its name or number; none: nothing", "the host's default",
        of=(PORTAUDIO,)),
    Sub("in.dev", TEXT, "portaudio: the device to capture from; none: nothing", "the host's default", of=(PORTAUDIO,)),
    Sub("out.buffer-length", number(5000, 1_000_000), "portaudio: microseconds between guest and speaker", "60000",
        of=(PORTAUDIO,)),
    # QEMU's, of which each has one meaning here
    Sub("timer-period", number(1, 1 << 32)), Sub("in.buffer-length", number(1, 1 << 32)),
    *_ignored("mixing-engine", always(True, "voices are always mixed here")),
    *_ignored("fixed-settings", always(True, "voices are always mixed here")),
    *_ignored("voices", number(1, 1 << 16)),
    Sub("in.frequency", RATES), Sub("in.channels", number(1, 8)), Sub("in.format", TEXT),
))  # fmt: skip


class Audiodev(NamedTuple):
    """`given`: by the names of `SUBS`; `said`: the option, for messages."""

    driver: str
    id: str
    given: Mapping[str, Any]
    said: str

    @property
    def captures(self) -> bool:
        """Whether something may come from it: part of the machine's description."""
        return self.given.get("in.dev") != NONE if self.driver == PORTAUDIO else "in.path" in self.given


class Card(NamedTuple):
    """A sound device that no -device asks for."""

    driver: str
    values: Mapping[str, Any]
    said: str


class Audio(NamedTuple):
    """`audiodevs`: those that a device uses, in the order of their numbers; `idle`: the others, which are not opened.
    `unsaid`: what a device without audiodev= uses. `notices`: what the user is told.
    """

    audiodevs: tuple[Audiodev, ...] = ()
    idle: tuple[Audiodev, ...] = ()
    cards: tuple[Card, ...] = ()
    unsaid: str | None = None
    speaker: str | None = None
    notices: tuple[str, ...] = ()


# -audiodev


def audiodev(text: str) -> Audiodev:
    """The value of -audiodev."""
    given = _given(text)
    if "id" not in given:
        raise UsageError("it needs an id=, by which a sound device's audiodev= names it")
    return _audiodev(given, given.pop("id"), f"-audiodev {text}")


def _given(text: str, more: Sequence[Sub] = ()) -> Given:
    if not is_json(text):
        return sub_options(text, (*SUBS, *more), "driver")
    by_name, out = {sub.name: sub for sub in (*SUBS, *more)}, Given()
    for key, value in _flat(json_object(text)):
        if key not in by_name:
            raise UsageError(f"unknown key '{key}'{nearest(key, by_name)}")
        out[key] = type_of(by_name[key].type)(("on" if value else "off") if isinstance(value, bool) else str(value))
    return out


def _flat(plain: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """JSON's `{"out": {"frequency": 1}}` is `out.frequency=1`."""
    out: list[tuple[str, Any]] = []
    for key, value in plain.items():
        out += [(f"{key}.{inner}", one) for inner, one in value.items()] if isinstance(value, dict) else [(key, value)]
    return out


def _audiodev(given: Given, id: str, said: str) -> Audiodev:
    driver = given.pop("driver", None)
    if driver is None:
        raise UsageError(f"driver= is missing; there is {', '.join(DRIVERS)}")
    for sub in SUBS:
        if sub.name in given and sub.of and driver not in sub.of:
            raise UsageError(f"{sub.name}= goes with {' and '.join(sub.of)}, not with {driver}")
    return Audiodev(driver, id, dict(given), said)


def list_drivers(about: str) -> str | None:
    """What -audiodev help prints, and -audiodev DRIVER,help."""
    if not about:
        return "\n".join(("Available audio drivers:", *DRIVERS))
    if about not in DRIVERS:
        return None
    rows = [sub for sub in SUBS if sub.help and sub.name != "driver" and about in (sub.of or (about,))]
    return "\n".join(f"  {sub.shown:<28} {sub.help.removeprefix(f'{about}: ')}" for sub in rows)


# -audio and -soundhw


def _model(text: str) -> str:
    if text in OTHER_MODELS:
        raise UnsupportedError(f"there is no sound card '{text}' here; there is {', '.join(MODELS)}")
    if text not in MODELS:
        raise UsageError(f"unknown sound card '{text}'{nearest(text, MODELS) or '; there is ' + ', '.join(MODELS)}")
    return text


MODEL = Type("|".join(MODELS), _model, tuple(MODELS))
AUDIO_SUBS = (*(sub for sub in SUBS if sub.name != "id"), Sub("model", MODEL, "the sound device", since=SINCE))


def audio_option(text: str) -> tuple[Audiodev, str]:
    """The value of -audio: an audiodev and the device at it."""
    if text.endswith(("model=help", "model=?")):
        raise Listed(list_models("") or "")
    given = _given(text, AUDIO_SUBS[-1:])
    if "model" not in given:
        raise UsageError(f"model= is missing, the sound device; there is {', '.join(MODELS)}")
    if "id" in given:
        raise UsageError("it has no id=: an audiodev with a name is made by -audiodev")
    return _audiodev(given, OF_AUDIO, f"-audio {text}"), given["model"]


def list_audio(about: str) -> str | None:
    return list_models("") if about.endswith("model") else list_drivers(about)


def list_models(about: str) -> str | None:
    """What -soundhw help prints."""
    if about:
        return None
    from playhead.devices import registry

    rows = [f"{name:<11} {registry.declared(driver).help}" for name, driver in MODELS.items()]
    return "\n".join(("Valid sound card names (comma separated):", *rows))


def _soundhw(text: str) -> list[str]:
    if text in ("help", "?"):
        raise Listed(list_models("") or "")
    return [_model(name) for name in text.split(",")]


SOUNDHW_TYPE = Type("NAME[,NAME...]", _soundhw, tuple(MODELS))


# what a machine has


def audio(values: Mapping[str, Any]) -> Audio:
    """Raises UsageError."""
    made: list[Audiodev] = list(values["audiodevs"])
    cards: list[Card] = []
    notices: list[str] = []
    if values["audio"] is not None:
        end, model = values["audio"]
        made.append(end._replace(id=_free(made)))
        cards.append(Card(MODELS[model], {"audiodev": made[-1].id}, end.said))
    ids = [one.id for one in made]
    for one in made:
        if ids.count(one.id) > 1:
            raise UsageError(f"{one.said}: two audiodevs have the id '{one.id}'")
    unsaid = ids[0] if ids else None
    for model in values["soundhw"] or ():
        notices.append(SOUNDHW)
        cards.append(Card(MODELS[model], {"audiodev": unsaid} if unsaid else {}, f"-soundhw {model}"))
    speaker = values["machine"].get("pcspk-audiodev")
    used = {speaker, *(card.values.get("audiodev") for card in cards)}
    for one in values["devices"]:
        if one["name"] in MODELS.values():
            used.add(one.get("audiodev", unsaid))
            if "audiodev" not in one and unsaid:
                notices.append(f"-device {one['name']}: no audiodev= is given, so it is {unsaid}, the first one")
    idle = tuple(one for one in made if one.id not in used)
    notices += [f"audiodev {one.id}: no sound device uses it" for one in idle]
    if speaker is not None and speaker not in ids:
        raise UsageError(f"-M pcspk-audiodev={speaker}: there is no audiodev '{speaker}'; -audiodev ...,id={speaker} "
                         "makes it")  # fmt: skip
    return Audio(tuple(one for one in made if one.id in used), idle, tuple(cards), unsaid, speaker, tuple(notices))


def _free(made: Sequence[Audiodev]) -> str:
    ids = {one.id for one in made}
    return next(id for n in range(len(ids) + 1) if (id := f"{OF_AUDIO}{n or ''}") not in ids)
