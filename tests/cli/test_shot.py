"""`playhead shot`: the screen at a moment as a picture and as text, and what it refuses."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from playhead.cli import main
from tests.shared import once

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "session"))
import screen_guest


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return str(once(tmp_path_factory, "shown.ph", screen_guest.record))


@pytest.mark.parametrize("at, letter", [("@0.105s", "K"), ("@0.2s", "T"), ("50%", ""), ("end", "h")])
def test_text(recording, capsys, at, letter):
    assert main(["shot", recording, "--text", "--quiet", "--at", at]) == 0
    out = capsys.readouterr().out
    assert out == ("\n\n\n     " + letter if letter else "") + "\n"


@pytest.mark.parametrize("format", ["png", "ppm"])
def test_picture(recording, tmp_path, capsys, format):
    sizes, path = [], tmp_path / f"x.{format}"
    for at in ("0", "@0.2s", "end"):
        assert main(["shot", recording, "-o", str(path), "--force", "--at", at]) == 0
        with Image.open(path) as image:
            assert image.format == format.upper()
            sizes.append(image.size)
            pixels = np.asarray(image.convert("RGB"))
    assert sizes == [screen_guest.LARGE, screen_guest.LARGE, screen_guest.SMALL]
    cell = pixels[48:64, 45:54].reshape(-1, 3)
    assert {tuple(colour) for colour in cell.tolist()} == {(0, 0, 0xAA), (0xFF, 0xFF, 0x55)}  # yellow on blue
    assert not pixels[:48].any() and not pixels[64:].any()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"playhead: {path}: 720x256 pixels at moment ") and said.endswith(" s")


def test_it_is_the_same_as_ever(recording, tmp_path):
    """From another checkpoint, and on the other engine."""
    paths = [tmp_path / f"{n}.png" for n in range(2)]
    for path, words in zip(paths, ([], ["--engine", "reference"]), strict=True):
        assert main(["shot", recording, "-o", str(path), "--at", "11000", "--quiet", *words]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


WRONG = {
    "nothing": ([], "what is it to be? -o FILE.png"),
    "another kind": (["-o", "{text}", "--force"], "it exists and is no PNG file"),
    "there already": (["-o", "{there}"], "it exists; give --force to replace it"),
    "format": (["-o", "{new}.bmp"], "a picture's name ends in .png or .ppm"),
    "no folder": (["-o", "{new}/deeper.png"], "No such file or directory"),
    "no moment": (["-o", "{new}.png", "--at", "noon"], "'noon' is no moment"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(recording, tmp_path, case, capsys):
    (tmp_path / "text.png").write_text("mine")
    (tmp_path / "there.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names = {"new": str(tmp_path / "new"), "text": str(tmp_path / "text.png"), "there": str(tmp_path / "there.png")}
    assert main(["shot", recording, *(word.format(**names) for word in WRONG[case][0])]) == 2
    said = capsys.readouterr().err
    assert WRONG[case][1] in said and said.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["text.png", "there.png"] and (tmp_path / "text.png").read_text() == "mine"


def test_the_recording_is_not_overwritten(recording, tmp_path, capsys):
    os.symlink(recording, tmp_path / "x.png")
    assert main(["shot", recording, "-o", str(tmp_path / "x.png"), "--force"]) == 2
    assert "are the same file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["shot", "--text"], ["film", "-o", "x.gif"]], ids=["shot", "film"])
def test_a_machine_without_a_screen(tmp_path_factory, tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    blind = once(tmp_path_factory, "blind.ph", lambda path: screen_guest.record(path, "-vga", "none"))
    path = str(blind)
    capsys.readouterr()
    assert main([words[0], path, *words[1:]]) == 2
    said = capsys.readouterr().err
    assert "has no screen" in said and said.count("\n") == 1 and not os.listdir(tmp_path)
