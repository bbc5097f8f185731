"""The VGA under hostile guests: `./dev fuzz screen`, shortly; and that it finds what it should."""

import pytest

from playhead.devices.display.vga import Vga
from tools.fuzz import screen

SEED, SHORT, MANY = 3, 12, 40


def test_no_guest_harms_the_machine():
    assert screen.fuzz(SHORT, SEED) == []


def test_a_guest_is_recorded_and_replayed_on_both_engines():
    assert screen.fuzz(2, SEED, case=screen.machine_case) == []


def forgetful(enable):
    """What a card remembers outside its state."""
    seen = []

    def remembers(card, value):
        seen.append(card)
        enable(card, value if seen.count(card) < 6 else value & ~1)

    return remembers


def failing(enable):
    def fails(card, value):
        enable(card, value)
        if value == 0xFF:
            raise IndexError("ENABLE")

    return fails


FAULTS = {"is another one in the end": forgetful, "IndexError: ENABLE": failing}


@pytest.mark.parametrize("said", FAULTS)
def test_a_fault_is_found(said, monkeypatch):
    monkeypatch.setattr(Vga, "_enable", FAULTS[said](Vga._enable))
    found = screen.fuzz(MANY, SEED, most=1)
    assert found and said in found[0]


def test_ranges_that_a_load_forgets_are_found(monkeypatch):
    monkeypatch.setattr(Vga, "loaded", Vga._place_window)
    assert screen.fuzz(MANY, SEED, most=1)
