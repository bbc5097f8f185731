"""The keyboard controller under hostile drivers: `./dev fuzz input`, shortly; and that it finds what it should."""

import pytest

from playhead.devices.input import ps2_mouse
from playhead.devices.input.i8042_kbc import I8042
from tools.fuzz import input as input_fuzz
from tools.fuzz import qemu_kbc
from tools.fuzz.input_machine import machine_case

SEED, SHORT, MANY = 12, 60, 200


def test_no_driver_harms_the_machine():
    assert input_fuzz.fuzz(SHORT, SEED) == []


@pytest.mark.skipif(not qemu_kbc.HAVE, reason="no qemu-system-i386")
def test_a_polite_driver_sees_what_qemu_shows():
    assert input_fuzz.fuzz(5, SEED, case=input_fuzz.qemu_case) == []


def test_recorded_under_random_input_and_replayed():
    assert input_fuzz.fuzz(1, SEED, case=machine_case) == []


@pytest.mark.skipif(not qemu_kbc.HAVE, reason="no qemu-system-i386")
def test_a_difference_from_qemu_is_found(monkeypatch):
    monkeypatch.setitem(ps2_mouse.PRESSED, "right", 0x04)
    found = input_fuzz.fuzz(6, SEED, case=input_fuzz.qemu_case, most=1)
    assert len(found) == 1 and "QEMU: " in found[0] and "again: ./dev fuzz input --seed 12" in found[0]


def forgetful(monkeypatch):
    """Something is remembered outside of the state."""
    told = I8042._tell_mouse
    counts = {}

    def tell(kbc, byte):
        counts[kbc] = counts.get(kbc, 0) + 1
        told(kbc, 0xF4 if counts[kbc] == 30 else byte)

    monkeypatch.setattr(I8042, "_tell_mouse", tell)


def failing(monkeypatch):
    answered = I8042._answer_test

    def answer(kbc, value):
        if value == 0xC5:
            raise IndexError("command C5h")
        answered(kbc, value)

    monkeypatch.setattr(I8042, "_answer_test", answer)


def silent(monkeypatch):
    """A line that does not follow."""
    monkeypatch.setattr(I8042, "_update", lambda kbc: None)


def chatty(monkeypatch):
    sync = ps2_mouse.Mouse.sync
    monkeypatch.setattr(ps2_mouse, "packet_fits", lambda m: True)
    monkeypatch.setattr(ps2_mouse.Mouse, "sync", lambda mouse: [sync(mouse) for _ in range(2)])


@pytest.mark.parametrize("fault, says", [
    (forgetful, "does something else"), (failing, "IndexError: command C5h"), (silent, "do not follow from the state"),
    (chatty, "Error|bytes waiting"),
])  # fmt: skip
def test_a_fault_is_found(monkeypatch, fault, says):
    fault(monkeypatch)
    found = input_fuzz.fuzz(MANY, SEED, most=1)
    assert len(found) == 1 and any(part in found[0] for part in says.split("|")), found
