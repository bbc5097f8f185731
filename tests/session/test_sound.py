"""Sound of a session: what a guest plays comes out sample by sample, what it captures is recorded, and a replay on
either engine, in pieces and where there is no sound, is the same."""

import itertools
import os
import shutil
import sys
import wave

import pytest
import sound_guest
from planted import drop
from test_never_silent import Damage, devices, edit, events, other_byte, replayed, rewrite

from playhead.cli import main
from playhead.log.events import AudioIn, AudioOut
from playhead.log.qemu_reader import QemuLog
from playhead.log.reader import Reader
from tests.shared import once
from tools import guest
from tools.guests.sound import frames


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return once(tmp_path_factory, "sound.ph", sound_guest.record)


def samples(path):
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes())


def captured(path):
    with Reader(str(path)) as reader:
        return [entry.event for entry in reader.entries() if isinstance(entry.event, AudioIn)]


def beep_of(data):
    """The speaker's part: how many frames, and how often the level crosses zero upwards."""
    left = [int.from_bytes(data[at : at + 2], "little", signed=True) for at in range(0, len(data), 4)]
    return len(left), sum(a < 0 <= b for a, b in itertools.pairwise(left)), max(left), min(left)


def test_what_is_played_is_in_the_file(recording):
    heard, pattern = samples(recording.parent / "out.wav"), sound_guest.pattern()
    assert heard.startswith(pattern)
    count, cycles, high, low = beep_of(heard[len(pattern) :])
    assert abs(cycles - count * sound_guest.BEEP_HZ / 48_000) <= 2 and (high, low) == (8192, -8192) and count > 2_000


def test_what_is_captured_is_in_the_recording(recording):
    events = captured(recording)
    data = b"".join(bytes(event.data) for event in events)
    assert data == frames(7, sound_guest.CAPTURED) and all(event.bits == 16 for event in events)
    seen = (recording.parent / "seen").read_text()
    assert seen.startswith(f"{sound_guest.captured_sum(data):08x} captured, ")


WAYS = {"native": [], "reference": ["--engine", "reference"], "pieces": ["--split-seed", "3"]}


@pytest.mark.parametrize("way", WAYS)
def test_a_replay_needs_no_sound(recording, way, monkeypatch, capsys):
    source = recording.parent / "in.wav"
    hidden = source.with_suffix(".hidden")
    os.rename(source, hidden)
    try:
        monkeypatch.setattr("playhead.host.audio.wav_file.WavReader.take", None)
        status = main(["replay", str(recording), *WAYS[way]])
        assert status == 0, capsys.readouterr().err
    finally:
        os.rename(hidden, source)


def test_a_file_that_ends_is_followed_by_silence(tmp_path):
    sound_guest.record(tmp_path / "r.ph", source=frames(9, 700))
    events = captured(tmp_path / "r.ph")
    assert b"".join(bytes(event.data) for event in events) == frames(9, 700)
    assert bytes(events[-1].data) == b"" and len(events) > 5
    assert (tmp_path / "seen").read_text().startswith(f"{sound_guest.captured_sum(frames(9, 700)):08x} ")
    assert main(["replay", str(tmp_path / "r.ph")]) == 0


def test_without_a_source_nothing_is_recorded(tmp_path):
    """What the guest captures is silence, by the machine's description."""
    sound_guest.record(tmp_path / "r.ph", audiodev="none,id=s")
    assert captured(tmp_path / "r.ph") == []
    assert (tmp_path / "seen").read_text().startswith("00000000 captured")
    assert main(["replay", str(tmp_path / "r.ph")]) == 0


def test_the_audiodev_changes_nothing_that_the_guest_sees(recording, tmp_path):
    """But what it captures: the positions are the same."""
    sound_guest.record(tmp_path / "r.ph", audiodev="none,id=s")
    here, there = ((path / "seen").read_text().split(" captured, ") for path in (tmp_path, recording.parent))
    assert here[1] == there[1] and here[0] != there[0]


NOT_ASKED = "the replay did not ask for it"
DIFFER = "digests differ in"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "another sample": (edit(AudioIn, 1, other_byte), DIFFER),
    "a frame fewer": (edit(AudioIn, 1, lambda event: event.data.__delitem__(slice(-4, None))), DIFFER),
    "a frame more": (edit(AudioIn, 1, lambda event: event.data.extend(b"abcd")), "a device captured 240 frames, and"),
    "half a frame": (edit(AudioIn, 1, lambda event: event.data.__delitem__(slice(-2, None))), "bytes of 16 bits there"),
    "other samples": (edit(AudioIn, 1, lambda event: setattr(event, "bits", 64)), "has 960 bytes of 64 bits there"),
    "lost": (events(drop(AudioIn, 1)), "it captured sound, the recording did not"),
    "lost, the last one": (events(drop(AudioIn, -1)), "it captured sound, the recording did not"),
    "of a machine that captures nothing": (
        lambda path: rewrite(path, config=lambda plain: {
            **plain, "outside": [{**end, "captures": False} if "captures" in end else end for end in plain["outside"]]
        }),
        NOT_ASKED,
    ),
    "of a machine with another card": (devices(lambda d: d[-1].update(addr="05.0")), "diverged"),
}  # fmt: skip


@pytest.mark.parametrize("row", DAMAGES)
def test_what_is_not_the_recorded_sound_is_told(row, recording, tmp_path):
    damage, message = DAMAGES[row]
    path = tmp_path / "r.ph"
    shutil.copyfile(recording, path)
    damage(path)
    status, said = replayed(path)
    assert status == 1 and message in said


def test_sound_as_a_file(recording, tmp_path, capsys):
    """On the machine's time line; trimmed; a part; of another rate; and FLAC."""
    import soundfile

    path, live = str(recording), samples(recording.parent / "out.wav")

    def made(name, *words):
        assert main(["sound", path, "-o", str(tmp_path / name), *words]) == 0
        return tmp_path / name

    every, some = samples(made("all.wav")), samples(made("some.wav", "--trim", "--quiet"))
    assert some in every and not every.replace(some, b"", 1).strip(b"\0")
    assert some.startswith(sound_guest.pattern()) and some[-4 * 400 :] == live[-4 * 400 :]
    data, rate = soundfile.read(str(made("some.flac", "--trim")), dtype="int16")
    assert rate == 48_000 and data.astype("<i2").tobytes() == some
    half = samples(made("half.wav", "--to", "50%")) + samples(made("rest.wav", "--from", "50%"))
    assert abs(len(half) - len(every)) <= 8
    assert abs(len(samples(made("low.wav", "--rate", "24000"))) - len(every) // 2) <= 8
    assert "of which 0.15 s have sound" in capsys.readouterr().err


REFUSED = {
    "no file": ([], "sound needs a file: -o"),
    "another kind": (["-o", "{folder}/x.mp3"], "ends in .wav or .flac"),
    "no sound file": (["-o", "{folder}/text.wav"], "it exists and is no WAV file"),
    "it exists": (["-o", "{folder}/there.wav"], "give --force"),
    "the recording itself": (["-o", "{folder}/link.wav"], "are the same file"),
    "another audiodev": (["-o", "{folder}/x.wav", "--audiodev", "t"], "the recorded machine has s"),
    "backwards": (["-o", "{folder}/x.wav", "--from", "90%", "--to", "10%"], "comes after --to"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_the_verb_refuses(row, recording, tmp_path, capsys):
    words, message = REFUSED[row]
    (tmp_path / "text.wav").write_text("not a sound")
    (tmp_path / "there.wav").write_bytes(b"RIFF....")
    os.symlink(recording, tmp_path / "link.wav")
    names = {"folder": tmp_path, "recording": recording}
    assert main(["sound", str(recording), *(word.format(**names) for word in words)]) == 2
    assert message in capsys.readouterr().err and (tmp_path / "text.wav").read_text() == "not a sound"


@pytest.mark.parametrize("file", ["{recording}", "{new}"])
@pytest.mark.parametrize("use", ["path", "in.path"])
def test_a_branch_plays_into_no_recording(file, use, recording, tmp_path, capsys):
    """The one that it reads was overwritten."""
    before, new = recording.read_bytes(), tmp_path / "new.ph"
    end = f"wav,id=s,{use}={file.format(recording=recording, new=new)}"
    said = "the same file" if "path" == use or "new" in file else "is no WAV file"
    assert main(["branch", str(recording), "--at", "50%", "-o", str(new), "-audiodev", end]) == 2
    assert said in capsys.readouterr().err and recording.read_bytes() == before


def test_a_recording_without_sound(tmp_path, capsys):
    image = guest.image("halt")
    assert main(["record", "-o", str(tmp_path / "r.ph"), "-bios", str(image), "-m", "4", "-serial", "null"]) == 0
    assert main(["sound", str(tmp_path / "r.ph"), "-o", str(tmp_path / "x.wav")]) == 2
    assert "has no sound: no device of its machine has an audiodev" in capsys.readouterr().err


def test_flac_without_its_library(recording, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert main(["sound", str(recording), "-o", str(tmp_path / "x.flac")]) == 2
    assert "FLAC needs the Python package soundfile" in capsys.readouterr().err


def test_qemus_log_has_it(recording, tmp_path):
    """What was captured at full width, and how many frames the mixer took at QEMU's rate."""
    assert main(["log", "--qemu", "-o", str(tmp_path / "replay.bin"), str(recording)]) == 0
    found = [entry.event for entry in QemuLog(str(tmp_path / "replay.bin")).entries()]
    data = b"".join(bytes(event.data) for event in found if isinstance(event, AudioIn))
    assert data == frames(7, sound_guest.CAPTURED)
    played = sum(event.played for event in found if isinstance(event, AudioOut))
    frames_played = len(samples(recording.parent / "out.wav")) // 4
    assert abs(played - frames_played * 441 // 480) <= 2
