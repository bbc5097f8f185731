"""What -audiodev, -audio, -soundhw and -M pcspk-audiodev mean, and what is refused."""

import pytest

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.boards.entry import Outside
from playhead.cli.audio_options import audio
from playhead.cli.device_options import entries
from playhead.cli.drives import open_drives, placed
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import Listed, parse_arguments


def parsed(line):
    return parse_arguments("run", MACHINE_OPTIONS, line.split())


def made(line):
    """The sound devices, and what they use."""
    values = parsed(line)
    with open_drives(placed(values)) as drives:
        found = entries(values, drives)
    cards = [(one.driver, dict(one.values)) for one in found["more"] if one.driver == "AC97"]
    return cards, [end for end in found["outside"] if end.type == "audiodev"], audio(values)


def end(id, backend, captures=False):
    return Outside("audiodev", id, {"backend": backend, "captures": captures})


ROWS = {
    "-audiodev none,id=s -device AC97,audiodev=s": ([{"audiodev": "s"}], [end("s", "none")]),
    "-audiodev driver=wav,id=s,path=o.wav -device ac97,audiodev=s": ([{"audiodev": "s"}], [end("s", "wav")]),
    "-audiodev wav,id=s,in.path=i.wav -device AC97,audiodev=s": ([{"audiodev": "s"}], [end("s", "wav", True)]),
    "-audiodev portaudio,id=s -device AC97,audiodev=s": ([{"audiodev": "s"}], [end("s", "portaudio", True)]),
    "-audiodev portaudio,id=s,in.dev=none -device AC97,audiodev=s": ([{"audiodev": "s"}], [end("s", "portaudio")]),
    '-audiodev {"driver":"wav","id":"s","out":{"frequency":44100,"fixed-settings":true}} -device AC97,audiodev=s':
        ([{"audiodev": "s"}], [end("s", "wav")]),
    "-audio wav,path=o.wav,model=ac97": ([{"audiodev": "audio"}], [end("audio", "wav")]),
    "-audio driver=none,model=ac97": ([{"audiodev": "audio"}], [end("audio", "none")]),
    "-soundhw ac97": ([{}], []),
    "-audiodev none,id=t -soundhw ac97": ([{"audiodev": "t"}], [end("t", "none")]),
    "-device AC97": ([{}], []),
    "-audiodev none,id=t -audiodev wav,id=u -device AC97": ([{"audiodev": "t"}], [end("t", "none")]),
    "-audiodev none,id=t -device AC97,audiodev=t -device AC97,audiodev=t":
        ([{"audiodev": "t"}, {"audiodev": "t"}], [end("t", "none")]),
    "-audiodev none,id=t -M pc,pcspk-audiodev=t": ([], [end("t", "none")]),
    "-audiodev none,id=t": ([], []),
}  # fmt: skip


@pytest.mark.parametrize("line", ROWS)
def test_what_there_is(line):
    cards, ends, _ = made(line)
    assert ([values for _, values in cards], ends) == ROWS[line]


NOTICES = {
    "-soundhw ac97": "-soundhw is deprecated, and QEMU 7.1 has dropped it",
    "-audiodev none,id=t": "audiodev t: no sound device uses it",
    "-audiodev none,id=t -device AC97": "-device AC97: no audiodev= is given, so it is t, the first one",
}


@pytest.mark.parametrize("line", NOTICES)
def test_what_the_user_is_told(line):
    assert any(notice.startswith(NOTICES[line]) for notice in audio(parsed(line)).notices)


REFUSED = {
    "-audiodev none": (UsageError, "it needs an id="),
    "-audiodev id=s": (UsageError, "driver= is missing; there is none, wav, portaudio"),
    "-audiodev wave,id=s": (UsageError, "unknown type 'wave'; did you mean 'wav'?"),
    **{f"-audiodev {name},id=s": (UnsupportedError, f"audiodevs of the type '{name}' are not supported: there is "
                                  "portaudio") for name in ("alsa", "pa", "oss", "sdl", "jack", "sndio", "coreaudio",
                                                            "dsound", "pipewire")},
    "-audiodev spice,id=s": (UnsupportedError, "there is no SPICE"),
    "-audiodev dbus,id=s": (UnsupportedError, "there is no D-Bus"),
    "-audiodev none,id=s,path=x.wav": (UsageError, "path= goes with wav, not with none"),
    "-audiodev wav,id=s,out.dev=3": (UsageError, "out.dev= goes with portaudio, not with wav"),
    "-audiodev wav,id=s,foo=3": (UsageError, "unknown key 'foo'"),
    "-audiodev wav,id=s,out.frequency=1": (UsageError, "1 is not in 8000..192000"),
    "-audiodev wav,id=s,out.format=f32": (UsageError, "out.format=f32 is not one of u8, s16, s32"),
    "-audiodev wav,id=s,out.mixing-engine=off": (UnsupportedError, "voices are always mixed here"),
    "-audiodev none,id=s -audiodev none,id=s": (UsageError, "two audiodevs have the id 's'"),
    "-audio none": (UsageError, "model= is missing, the sound device; there is ac97"),
    "-audio none,model=hda": (UnsupportedError, "there is no sound card 'hda' here; there is ac97"),
    "-audio none,model=ac79": (UsageError, "unknown sound card 'ac79'; did you mean 'ac97'?"),
    "-audio none,id=s,model=ac97": (UsageError, "it has no id="),
    "-soundhw sb16": (UnsupportedError, "there is no sound card 'sb16' here"),
    "-device es1370": (UnsupportedError, "its sound device is AC97"),
    "-M pcspk-audiodev=t": (UsageError, "there is no audiodev 't'; -audiodev ...,id=t makes it"),
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(line):
    kind, words = REFUSED[line]
    with pytest.raises(PlayheadError) as error:
        made(line)
    assert type(error.value) is kind and words in str(error.value)


@pytest.mark.parametrize(
    "line, words",
    [("-audiodev help", "Available audio drivers:\nnone\nwav\nportaudio"), ("-audiodev wav,help", "in.path=FILE"),
     ("-audio help", "Available audio drivers:"), ("-soundhw help", "ac97        Intel 82801AA AC97 Audio"),
     ("-audio none,model=help", "Valid sound card names"),
     ("-device AC97,help", "- ID of an audiodev to use as a backend")],
)  # fmt: skip
def test_what_is_listed(line, words):
    with pytest.raises(Listed) as listed:
        parsed(line)
    assert words in str(listed.value)
