"""Linux with ALSA plays and captures, sample by sample, and its recording does so again where there is no sound.

The guest (tools/guests/sound.py) sets its volumes to their top, which changes no sample; what it plays is noise at 48
kHz, so that one frame that is lost or doubled is seen.
"""

from __future__ import annotations

import re
import subprocess
import sys
import wave
from hashlib import md5
from pathlib import Path

import pytest
import soundfile

from playhead.log.events import AudioIn
from playhead.log.reader import Reader
from tools import guest
from tools.guests import sound

pytestmark = pytest.mark.guest
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 600
RATE = 48_000


def run(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*PLAYHEAD, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S)  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr}"
    return done


def frames_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert file.getparams()[:3] == (2, 2, RATE)
        return file.readframes(file.getnframes())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The recording of a guest that plays and captures at once and measures its card's clock; what it printed. The file
    that it has captured from is gone.
    """
    folder = tmp_path_factory.mktemp("sound")
    kernel, initrd = guest.debian("sound")
    (folder / "in.wav").write_bytes(sound.wave_file(sound.frames(2, 3 * RATE)))
    done = run("record", "-o", str(folder / "r.ph"), "-m", "128", "-display", "none", "-serial", "stdio", "-icount",
               "shift=4", "-kernel", str(kernel), "-initrd", str(initrd), "-append",
               f"{guest.NO_TESTS} DO=both SND=inside_vm=0", "-audiodev",
               f"wav,id=s,path={folder}/out.wav,in.path={folder}/in.wav", "-device", "AC97,audiodev=s")  # fmt: skip
    (folder / "in.wav").unlink()
    return folder / "r.ph", done.stdout


def test_it_plays_sample_by_sample(recorded):
    path, seen = recorded
    heard = frames_of(path.parent / "out.wav")
    at = heard.find(sound.played())
    assert "played" in seen and at >= 0 and at % 4 == 0
    behind = heard[at + len(sound.played()) :]
    assert not behind.strip(b"\0") and len(behind) < 4 * RATE // 2  # ALSA's buffer, filled up with silence


def test_it_captures_sample_by_sample(recorded):
    path, seen = recorded
    assert f"captured: {md5(sound.frames(2, RATE)).hexdigest()}" in seen
    with Reader(str(path)) as reader:
        events = [entry.event for entry in reader.entries() if isinstance(entry.event, AudioIn)]
    data = b"".join(bytes(event.data) for event in events)
    assert sound.frames(2, 3 * RATE).startswith(data) and RATE * 4 <= len(data) < RATE * 6


def test_the_clock_that_its_driver_measures(recorded):
    """With `inside_vm=0` it does not take the virtual machine's word for it."""
    found = re.search(r"measured (\d+) usecs \((\d+) samples\)", recorded[1])
    assert found and "clocking to 48000" in recorded[1]
    measured = int(found[2]) * 1_000_000 / int(found[1])
    assert abs(measured - RATE) < RATE * 0.005, measured


def test_its_replay_needs_no_sound(recorded):
    path, seen = recorded
    done = run("replay", str(path))
    assert done.stdout == seen and "digests compared are equal" in done.stderr


def test_the_sound_of_the_recording(recorded, tmp_path):
    """On the time line of the machine, and without its silence: the file that was written meanwhile."""
    path, _ = recorded
    run("sound", str(path), "-o", str(tmp_path / "all.wav"))
    run("sound", str(path), "-o", str(tmp_path / "some.flac"), "--trim", "--from", "serial:GUEST-UP")
    every, live = frames_of(tmp_path / "all.wav"), frames_of(path.parent / "out.wav")
    data, rate = soundfile.read(str(tmp_path / "some.flac"), dtype="int16")
    some = data.astype("<i2").tobytes()
    assert rate == RATE and some.startswith(sound.played()) and live.endswith(some) and some in every
