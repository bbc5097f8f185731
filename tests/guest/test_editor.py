"""A text is edited through VNC while sound plays and disk and network are busy: recorded, replayed, and looked at.

Each replay compares all digests and what the guest has printed; the pictures of moments that a live screen was kept of
are the same pictures.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import edited
import networked
import pytest
from screened import differing, read_ppm

from tools import guest

pytestmark = [pytest.mark.guest, pytest.mark.slow]
PLAYHEAD = (sys.executable, "-m", "playhead.cli")
LIMIT_S = 1200
LOST = 0.05  # of what is typed: a key that comes in while the machine is paused for a picture


@pytest.mark.parametrize(
    ("seconds", "captures", "replays", "pause_us"),
    [(3, 3, 1, 300_000), pytest.param(60, 50, 10, 0, marks=pytest.mark.long)],
    ids=["short", "whole"],
)
def test_a_text_is_edited(seconds: float, captures: int, replays: int, pause_us: int, tmp_path: Path) -> None:
    try:
        guest.debian("editor")
    except guest.GuestError as error:
        text = f"the Debian guest cannot be had, so no text was edited: {error}"
        pytest.fail(text) if networked.os.environ.get("CI") == "true" else pytest.skip(text)
    session = edited.record(tmp_path, seconds, captures, 13, pause_us)
    _was_busy(session, seconds)
    assert len(session.captures) == captures
    assert len({capture.shot for capture in session.captures}) > captures // 2
    for n in range(replays):
        done = _run("replay", session.path)
        assert "digests compared are equal" in done.stderr, f"replay {n}: {done.stderr}"
        assert session.said in done.stdout.replace("\r\n", "\n")
    with ThreadPoolExecutor(2) as pool:
        wrong = [text for text in pool.map(lambda one: _differs(session.path, one), session.captures) if text]
    assert not wrong, "\n".join(wrong)


def _was_busy(session: edited.Edited, seconds: float) -> None:
    """The text has the words, and the others have come round."""
    text, _, rest = session.said.partition("TEXT-END\n")
    typed = "".join(session.words)
    wanted, there = Counter(f"Atexttobeedited.{typed}"), Counter(re.sub(r"\s", "", text))
    assert len(typed) > seconds and not there - wanted, text
    assert (wanted - there).total() <= len(typed) * LOST, text
    counted = re.search(r"^fetched (\d+), written (\d+), ([0-9a-f]{64})$", rest, re.MULTILINE)
    assert counted, rest
    fetched, written, total = counted.groups()
    assert int(fetched) > seconds / 3 and int(written) > seconds / 3, rest
    assert total == networked.sha256(networked.content(200_000))
    assert "state: RUNNING" in rest, rest


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*PLAYHEAD, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S)  # fmt: skip
    assert done.returncode == 0, (words, done.stderr)
    return done


def _differs(path: Path, capture: edited.Capture) -> str:
    picture = path.with_name(f"{capture.icount}.ppm")
    _run("shot", path, "--at", capture.icount, "-o", picture)
    made = read_ppm(picture)
    return "" if made == capture.shot else f"at {capture.icount}: {differing(made, capture.shot)}"
