"""`playhead film`: each format read back, parts, speed, captions, sizes; what it refuses; an end from outside."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from playhead.cli import main
from playhead.host.film.canvas import BAR
from tests.shared import once

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "session"))
import screen_guest

FPS = 50
FRAMES = 21  # in 0.39 s, and the last one


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return str(once(tmp_path_factory, "shown.ph", screen_guest.record))


def make(recording, path, *words):
    assert main(["film", recording, "-o", str(path), "--fps", str(FPS), *words]) == 0


def index(folder):
    with open(folder / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def luminance(image):
    """Codecs keep colours at half the resolution."""
    return image @ np.array([0.2126, 0.7152, 0.0722])


def test_a_folder_has_what_a_shot_has(recording, tmp_path):
    make(recording, f"{tmp_path / 'f'}/", "--quiet")
    *rows, end = index(tmp_path / "f")
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES)) and (end["file"], end["frame"]) == ("", "21")
    assert [int(row["virtual_ns"]) for row in rows[:-1]] == [n * 20_000_000 for n in range(FRAMES - 1)]
    assert sorted(os.listdir(tmp_path / "f")) == [*(row["file"] for row in rows), "index.csv"]
    for row in (rows[0], rows[10], rows[-1]):
        shot = tmp_path / "shot.png"
        assert main(["shot", recording, "-o", str(shot), "--at", row["moment"], "--force", "--quiet"]) == 0
        assert (picture(shot) == picture(tmp_path / "f" / row["file"])).all()
        assert picture(shot).shape == (int(row["height"]), int(row["width"]), 3)


@pytest.mark.parametrize("format", ["mp4", "webm", "gif"])
def test_a_film_is_read_back(recording, tmp_path, capsys, format):
    """Its pictures are those of the folder, as well as the codec keeps them."""
    import av

    make(recording, tmp_path / f"x.{format}")
    assert capsys.readouterr().err.endswith(f"x.{format}: 0.42 s, {FRAMES} different pictures\n")
    make(recording, f"{tmp_path / 'f'}/", "--quiet", "--size", "720x400")
    with av.open(str(tmp_path / f"x.{format}")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == screen_guest.LARGE
        shown = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in film.decode(stream)]
    assert [when for when, _ in shown] == pytest.approx([n / FPS for n in range(FRAMES)], abs=0.002)
    wanted = [picture(tmp_path / "f" / row["file"]) for row in index(tmp_path / "f")[:-1]]
    for n, (_, image) in enumerate(shown):
        far = [np.abs(luminance(image) - luminance(one)).mean() for one in wanted]
        assert np.argmin(far) == n and far[n] < 0.02
        assert format != "gif" or (image == wanted[n]).all()


def test_a_gif_keeps_its_times(recording, tmp_path):
    make(recording, tmp_path / "x.gif", "--speed", "0.25")
    with Image.open(tmp_path / "x.gif") as image:
        times = []
        for n in range(image.n_frames):
            image.seek(n)
            times.append(image.info["duration"])
        assert image.info["loop"] == 0 and len(times) == 42
    assert sum(times) == 1600 and times.count(40) > 35


def test_the_recording_is_only_read(recording, tmp_path):
    folder = os.path.dirname(recording)
    there = {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in os.listdir(folder)}
    os.chmod(folder, 0o555)
    try:
        make(recording, tmp_path / "x.gif", "--to", "@0.1s")
    finally:
        os.chmod(folder, 0o755)
    assert {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in os.listdir(folder)} == there


def test_a_part_at_another_speed(recording, tmp_path):
    make(recording, f"{tmp_path / 'f'}/", "--from", "@0.1s", "--to", "@0.2s", "--speed", "0.5")
    *rows, _ = index(tmp_path / "f")
    times = [int(row["virtual_ns"]) for row in rows]
    assert len(rows) in (10, 11) and times[0] >= 100_000_000 and times[-1] <= 210_000_000
    assert rows[0]["seconds"] == "0.000000" and float(rows[-1]["seconds"]) == pytest.approx(0.2, abs=0.021)


def test_captions_and_a_size(recording, tmp_path):
    make(recording, f"{tmp_path / 'f'}/", "--caption", "--size", "1440x300")
    first, last = (picture(tmp_path / "f" / index(tmp_path / "f")[n]["file"]) for n in (0, FRAMES - 1))
    assert first.shape == last.shape == (300 + BAR, 1440, 3)
    assert not first[:300].any() and first[300:].any()
    assert not last[:22].any() and not last[22 + 256 : 300].any() and last[22:278, 360:1080].any()  # in the middle


def test_the_largest_screen_is_the_size(tmp_path_factory, tmp_path):
    """Others stand in its middle, enlarged by a whole number if that fits."""
    import av

    recording = str(once(tmp_path_factory, "modes.ph", screen_guest.record_modes))
    make(recording, f"{tmp_path / 'f'}/")
    rows = index(tmp_path / "f")
    assert [(int(row["width"]), int(row["height"])) for row in rows[1:-1]] == [mode[:2] for mode in screen_guest.MODES]
    make(recording, tmp_path / "x.mp4")
    with av.open(str(tmp_path / "x.mp4")) as film:
        shown = [image.to_ndarray(format="rgb24") for image in film.decode(film.streams.video[0])][1:4]
    assert all(image.shape == (768, 1024, 3) for image in shown)
    for image, (x, y, factor), row in zip(shown, ((192, 144, 1), (0, 0, 1), (32, 84, 3)), rows[1:], strict=False):
        small = picture(tmp_path / "f" / row["file"]).repeat(factor, 0).repeat(factor, 1)
        height, width = small.shape[:2]
        wanted = np.zeros((768, 1024, 3), np.uint8)
        wanted[y : y + height, x : x + width] = small
        assert np.abs(luminance(image) - luminance(wanted)).mean() < 4 and small.any()


def test_a_folder_is_replaced_only_if_it_has_a_film(recording, tmp_path, capsys):
    folder = tmp_path / "f"
    make(recording, f"{folder}/", "--to", "@0.1s")
    (folder / "mine.png").write_text("mine")
    assert main(["film", recording, "-o", str(folder)]) == 2 and "give --force" in capsys.readouterr().err
    make(recording, folder, "--force", "--to", "@0.02s")
    assert len(index(folder)) < 6 and len(os.listdir(folder)) == len(index(folder)) + 1  # mine, and the index
    (folder / "index.csv").unlink()
    assert main(["film", recording, "-o", str(folder), "--force"]) == 2
    assert "holds no film" in capsys.readouterr().err


WRONG = {
    "no name": ([], "a film needs a name"),
    "format": (["-o", "{new}.avi"], "a film's name ends in .mp4, .webm or .gif"),
    "another kind": (["-o", "{text}", "--force"], "it exists and is no GIF film"),
    "there already": (["-o", "{there}"], "it exists; give --force to replace it"),
    "no folder": (["-o", "{new}/deeper.gif"], "No such file or directory"),
    "backwards": (["-o", "{new}.gif", "--from", "@0.2s", "--to", "10"], "comes after --to 10"),
    "size": (["-o", "{new}.gif", "--size", "big"], "a size is like 1024x768"),
    "speed": (["-o", "{new}.gif", "--speed", "0"], "is no factor such as 4, 0.5 or 1/4"),
    "fps": (["-o", "{new}.gif", "--fps", "0"], "--fps 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(recording, tmp_path, case, capsys):
    (tmp_path / "text.gif").write_text("mine")
    (tmp_path / "there.gif").write_bytes(b"GIF89a")
    names = {"new": str(tmp_path / "new"), "text": str(tmp_path / "text.gif"), "there": str(tmp_path / "there.gif")}
    assert main(["film", recording, *(word.format(**names) for word in WRONG[case][0])]) == 2
    said = capsys.readouterr().err
    assert WRONG[case][1] in said and said.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["text.gif", "there.gif"] and (tmp_path / "text.gif").read_text() == "mine"


def test_without_av(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["film", recording, "-o", str(tmp_path / "x.mp4")]) == 2
    said = capsys.readouterr().err
    assert "pip install 'playhead[film]'" in said and said.count("\n") == 1 and not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["x.gif", "x.mp4", "new/"])
def test_a_full_disk_is_told_and_leaves_nothing(recording, tmp_path, capsys, monkeypatch, name):
    def full(self, shot):
        raise OSError(28, "No space left on device")

    from playhead.host.film import folder, gif, video

    monkeypatch.setattr({"x.gif": gif.Gif, "x.mp4": video.Video, "new/": folder.Folder}[name], "add", full)
    assert main(["film", recording, "-o", str(tmp_path / name) + "/" * name.endswith("/")]) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said and said.count("\n") == 1 and not os.listdir(tmp_path)


def test_a_film_in_a_folder_stays_until_there_is_another(recording, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "f"
    make(recording, f"{folder}/", "--to", "@0.05s")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    from playhead.host.film.folder import Folder

    def full(self, frames):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "finish", full)
    assert main(["film", recording, "-o", str(folder), "--force"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


@pytest.mark.parametrize("name", ["x.gif", "new/"])
def test_interrupted(recording, tmp_path, name):
    """Ctrl-C ends it, and leaves nothing."""
    words = ["film", recording, "-o", f"{tmp_path}/{name}", "--speed", "0.00001", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "playhead.cli", *words], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not os.listdir(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 130 and "Traceback" not in said and not os.listdir(tmp_path), said


