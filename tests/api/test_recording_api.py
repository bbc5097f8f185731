"""The Python interface on a kept recording: moments, memory, registers, replays with callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import playhead
from playhead.api.recording import Recording

KEPT = Path(__file__).parents[1] / "recordings" / "pc-5" / "inputs.ph"


@pytest.fixture
def rec() -> Iterator[Recording]:
    with playhead.open(str(KEPT)) as found:
        yield found


def test_a_moment_moves_and_comes_back(rec: Recording) -> None:
    m = rec.at("50%")
    before = m.moment, m.regs.as_dict()
    assert m.step(3).moment > before[0]
    assert (m.back(3).moment, m.regs.as_dict()) == before


def test_what_is_not_there_is_said(rec: Recording) -> None:
    with pytest.raises(playhead.errors.NoSuchMoment, match="it goes from instruction 0 to"):
        rec.at(rec.end.icount + 1)
    with pytest.raises(playhead.errors.NoMemory, match="no memory at address 0xe0000000"):
        rec.at("start").memory.read(0xE0000000, 4)


def test_a_callback_sees_an_instruction_each_time(rec: Recording) -> None:
    r = rec.replay()
    place = rec.at("50%").pc
    seen = []

    @r.on_instruction(place)
    def _(it: object) -> None:
        seen.append(it)

    r.run()
    assert seen
