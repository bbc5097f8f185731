"""Two recordings of one start: where they part, to the instruction; and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.log.events import CharRead
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from tools import guest

KEPT = Path(__file__).parents[1] / "recordings"
# It waits for a byte, counts so many turns, keeps the sum, and waits for the next; a dot ends it.
WAITS = """
        .include "pc.inc"
        .text
main:   xorl    %esi, %esi
1:      movl    $COM1 + 5, %edx
        inb     %dx, %al
        testb   $1, %al
        jz      1b
        movl    $COM1, %edx
        inb     %dx, %al
        cmpb    $'.', %al
        je      pass
        movzbl  %al, %ecx
2:      addl    %ecx, %esi
        loop    2b
        movl    %esi, 0x2000
        jmp     1b
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diff")
    (folder / "image.bin").write_bytes(guest.firmware(WAITS, folder))
    for name, typed in (("a", "abc."), ("b", "abd."), ("c", "abc.")):
        (folder / f"{name}.txt").write_text(typed)
        words = ["-bios", str(folder / "image.bin"), "-m", "8", "-rtc", "base=2020-01-01,clock=vm"]
        words += ["-serial", "chardev:in"]
        words += ["-chardev", f"file,id=in,path={folder}/{name}.out,input-path={folder}/{name}.txt"]
        assert main(["record", "-o", str(folder / f"{name}.ph"), "--digest-period", "1000", *words]) == 0
    return folder


def compared(capfd: pytest.CaptureFixture[str], status: int, *words: str) -> str:
    capfd.readouterr()
    assert main(["diff", *words]) == status
    return capfd.readouterr().out


def test_a_recording_is_the_same_as_itself(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert compared(capfd, 0, str(folder / "a.ph"), str(folder / "a.ph")).startswith("the same")
    said = json.loads(compared(capfd, 0, str(folder / "a.ph"), str(folder / "a.ph"), "--json"))
    assert said == {"same": True, "first": str(folder / "a.ph"), "second": str(folder / "a.ph")}


def typed(path: Path) -> list[tuple[Moment, bytes]]:
    with Reader(str(path)) as reader:
        return [(e.moment, bytes(e.event.data)) for e in reader.entries() if isinstance(e.event, CharRead)]


def test_another_input(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first event that differs is the first one that either has otherwise, and the receiver differs behind it."""
    a, b = typed(folder / "a.ph"), typed(folder / "b.ph")
    first = next(min(x[0], y[0]) for x, y in zip(a, b, strict=False) if x != y)
    said = json.loads(compared(capfd, 1, str(folder / "a.ph"), str(folder / "b.ph"), "--json"))
    assert min(said["event"][n]["icount"] for n in ("first", "second")) == first.icount
    found = said["difference"]
    assert first <= Moment(found["icount"], found["seq"]) and found["differences"]
    text = compared(capfd, 1, str(folder / "a.ph"), str(folder / "b.ph"))
    assert "first differing event" in text and f"they part behind {found['icount']}" in text


def test_nothing_is_replayed_on_request(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = json.loads(compared(capfd, 1, str(folder / "a.ph"), str(folder / "b.ph"), "--quick", "--json"))
    assert "difference" not in said and said["event"]


def test_a_branch(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It has its recording's events up to where it begins."""
    path, at = folder / "branch.ph", typed(folder / "a.ph")[1][0]
    (folder / "d.txt").write_text("..")
    words = ["-chardev", f"file,id=in,path={folder}/d.out,input-path={folder}/d.txt", "-serial", "chardev:in"]
    assert main(["branch", str(folder / "a.ph"), "--at", str(at), "-o", str(path), *words]) == 0
    said = json.loads(compared(capfd, 1, str(folder / "a.ph"), str(path), "--json"))
    assert said["difference"]["icount"] >= at.icount


def test_what_cannot_be_compared(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = str(KEPT / "pc-5" / "inputs.ph"), str(KEPT / "pc-4" / "inputs.ph")
    assert main(["diff", one, other]) == 2
    assert "are of different machines: they differ in machine" in capfd.readouterr().err
    assert main(["diff", one, str(tmp_path / "none.ph")]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1
