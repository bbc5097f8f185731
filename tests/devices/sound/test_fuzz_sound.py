"""An AC97 under hostile drivers: `./dev fuzz sound`, shortly; and that it finds what it should."""

import pytest

from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.sound.ac97 import Ac97
from playhead.devices.sound.ac97_stream import Stream
from tools.fuzz import sound
from tools.fuzz.sound_machine import machine_case

SEED, SHORT = 12, 15


def test_no_driver_harms_the_machine():
    assert sound.fuzz(SHORT, SEED) == []


def test_recorded_while_it_captures_and_replayed():
    assert sound.fuzz(1, SEED, case=machine_case, limit_s=sound.MACHINE_S) == []


def remembering(play):
    """It plays something else when it has played before."""
    seen = set()

    def plays(card, x, address, samples, frames):
        if card in seen:
            play(card, x, address, samples, frames)
        seen.add(card)

    return plays


def failing(play):
    def fails(card, x, address, samples, frames):
        if samples == 1:
            raise IndexError("a buffer of one sample")
        play(card, x, address, samples, frames)

    return fails


PLAYS = {"differs in": remembering, "IndexError: a buffer of one sample": failing}


@pytest.mark.parametrize("said", PLAYS)
def test_a_fault_of_the_card_is_found(said, monkeypatch):
    monkeypatch.setattr(Ac97, "_play", PLAYS[said](Ac97._play))
    assert any(said in found for found in sound.fuzz(60, SEED, most=1))


def test_buffers_without_a_length_that_cost_no_time_are_found(monkeypatch):
    """An empty buffer has to last."""
    fetch = Stream._fetch

    def fetches(stream):
        fetch(stream)
        stream.x.idle = min(stream.x.idle, 1)
        stream.x.lvi = stream.x.civ ^ 1  # and there is always another one

    monkeypatch.setattr("tools.fuzz.sound_board.RINGS", 2_000)
    monkeypatch.setattr(Stream, "_fetch", fetches)
    assert any("alarms in" in found for found in sound.fuzz(60, SEED, most=1))


def test_a_transfer_to_registers_is_found(monkeypatch):
    monkeypatch.setattr(RingMemory, "_is_memory", lambda self, address: address < 1 << 32)
    monkeypatch.setattr(RingMemory, "_whole", lambda self, address, length: address + length <= 1 << 32)
    assert any("writes the registers at" in found for found in sound.fuzz(60, SEED, most=1))
