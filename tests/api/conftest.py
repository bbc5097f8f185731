"""For tests of the Python interface: the quiet world of `tests/session` is theirs, too."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import playhead
from playhead.api import interrupts
from playhead.api.recording import Recording

sys.path[:0] = [str(Path(__file__).parents[1] / "session")]


@pytest.fixture
def rec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """The demo guest, with a checkpoint behind each digest; some files have another one."""
    import resealing

    with playhead.open(str(resealing.dense_demo(tmp_path_factory))) as found:
        yield found


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGINT comes once, while a machine moves."""
    sent: list[int] = []

    def press(icount: int) -> None:
        if not sent:
            sent.append(icount)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(interrupts, "instead", press)
    yield
    assert sent
