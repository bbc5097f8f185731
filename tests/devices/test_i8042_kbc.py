"""The keyboard controller, keyboard and mouse, as a driver talks to them."""

import pytest

from playhead.devices.input.i8042_kbc import TO_SET_1, I8042
from playhead.hw.line import Line


@pytest.fixture
def kbc(world):
    world.irq1, world.irq12, world.a20 = Line("irq1"), Line("irq12"), Line("a20")
    world.chip = I8042("kbc", world.io, world.irq1, world.irq12, world.a20, world)
    return world


def command(w, value, *parameters):
    w.outb(0x64, value)
    for p in parameters:
        w.outb(0x60, p)


def drain(w):
    out = []
    while w.inb(0x64) & 1:
        out.append(w.inb(0x60))
    return out


def keyboard(w, *data):
    out = []
    for byte in data:
        w.outb(0x60, byte)
        out += drain(w)
    return out


def mouse(w, *data):
    out = []
    for byte in data:
        command(w, 0xD4, byte)
        while (status := w.inb(0x64)) & 1:
            assert status & 0x20
            out.append(w.inb(0x60))
    return out


def test_self_tests_and_command_byte(kbc):
    assert kbc.inb(0x64) == 0x18
    command(kbc, 0xAA)
    assert drain(kbc) == [0x55] and kbc.inb(0x64) & 4
    command(kbc, 0xAB)
    command(kbc, 0xA9)
    assert drain(kbc) == [0, 0]
    command(kbc, 0x60, 0x65)
    command(kbc, 0x20)
    assert kbc.inb(0x64) & 0x08
    assert drain(kbc) == [0x65]
    command(kbc, 0xA7)
    command(kbc, 0xAD)
    command(kbc, 0x20)
    assert drain(kbc) == [0x75]
    command(kbc, 0xA8)
    command(kbc, 0xAE)
    command(kbc, 0x20)
    assert drain(kbc) == [0x45]
    command(kbc, 0x62, 0x99)
    command(kbc, 0x22)
    assert drain(kbc) == [0x99]


def test_keyboard_answers(kbc):
    assert keyboard(kbc, 0xFF) == [0xFA, 0xAA]
    assert keyboard(kbc, 0xF2) == [0xFA, 0xAB, 0x83]
    assert keyboard(kbc, 0xEE) == [0xEE]
    assert keyboard(kbc, 0xED, 0x02) == [0xFA, 0xFA] and kbc.chip.state.keyboard.leds == 2
    assert keyboard(kbc, 0xF3, 0x20) == [0xFA, 0xFA]
    assert keyboard(kbc, 0xF0, 0x00) == [0xFA, 0xFA, 0x02]
    assert keyboard(kbc, 0xF0, 0x03) == [0xFA, 0xFA]
    assert keyboard(kbc, 0xF0, 0x09) == [0xFA, 0xFE]
    assert keyboard(kbc, 0xF4) == [0xFA]
    assert keyboard(kbc, 0x12) == [0xFE]
    assert keyboard(kbc, 0xED, 0xF4) == [0xFA, 0xFA]  # a command instead of the parameter


def test_translation(kbc):
    kbc.chip.program(0x41)
    assert keyboard(kbc, 0xF2) == [0xFA, 0xAB, 0x41]
    assert kbc.chip.key(b"\x1c\xf0\x1c\xe0\x75\xe0\xf0\x75")  # A, and the cursor up key
    assert drain(kbc) == [0x1E, 0x9E, 0xE0, 0x48, 0xE0, 0xC8]
    kbc.chip.program(0x01)
    kbc.chip.key(b"\x1c\xf0\x1c")
    assert drain(kbc) == [0x1C, 0xF0, 0x1C]


def test_translation_table_is_one_to_one_for_keys():
    keys = [TO_SET_1[i] for i in range(1, 0x80)]
    assert len(set(keys)) == 127 and TO_SET_1[0x76] == 0x01 and TO_SET_1[0x29] == 0x39 and TO_SET_1[0x5A] == 0x1C


def test_each_byte_is_an_edge(kbc):
    edges = []
    kbc.irq1.connect(edges.append)
    kbc.chip.program(0x01)
    kbc.chip.key(b"\x1c\xf0\x1c")
    drain(kbc)
    assert edges == [True, False] * 3


def test_disabled_keyboard_keeps_its_bytes(kbc):
    command(kbc, 0xAD)
    assert kbc.chip.key(b"\x1c")
    assert drain(kbc) == []
    command(kbc, 0xAE)
    assert drain(kbc) == [0x1C]
    keyboard(kbc, 0xF5)
    assert not kbc.chip.key(b"\x1c")
    keyboard(kbc, 0xF4)
    assert all(kbc.chip.key(b"\x1c") for _ in range(16))
    drained = drain(kbc)
    assert drained == [0x1C] * 16


def test_a_full_keyboard_takes_no_half_key(kbc):
    command(kbc, 0xAD)
    assert kbc.chip.key(bytes(15))
    assert not kbc.chip.key(b"\xf0\x1c") and kbc.chip.key(b"\x1c")


def test_mouse(kbc):
    command(kbc, 0x60, 0x03)
    assert mouse(kbc, 0xFF) == [0xFA, 0xAA, 0x00]
    assert mouse(kbc, 0xF2) == [0xFA, 0x00]
    assert mouse(kbc, 0xE8, 3, 0xF3, 60, 0xE7, 0xF4) == [0xFA] * 6
    assert mouse(kbc, 0xE9) == [0xFA, 0x30, 3, 60]
    assert mouse(kbc, 0xEB) == [0xFA, 0x08, 0, 0]
    assert mouse(kbc, 0xEE, 0x55, 0xEC) == [0xFA, 0x55, 0xFA]
    assert mouse(kbc, 0x01) == [0xFE]
    edges = []
    kbc.irq12.connect(edges.append)
    assert mouse(kbc, 0xF6) == [0xFA] and edges == [True, False]


def test_loopback_of_output_buffers(kbc):
    command(kbc, 0xD2, 0x42)
    assert kbc.inb(0x64) & 0x21 == 0x01 and kbc.inb(0x60) == 0x42
    command(kbc, 0xD3, 0x43)
    assert kbc.inb(0x64) & 0x21 == 0x21 and kbc.inb(0x60) == 0x43


def test_a20_and_output_port(kbc):
    assert kbc.a20.level
    command(kbc, 0xD1, 0xDD)
    assert not kbc.a20.level
    command(kbc, 0xD0)
    assert drain(kbc) == [0xCD]  # A20 off, lines as written, no byte waiting at the moment of reading
    command(kbc, 0xD1, 0xDF)
    assert kbc.a20.level
    command(kbc, 0xDD)
    assert not kbc.a20.level
    command(kbc, 0xDF)
    assert kbc.a20.level and kbc.requested == []


def test_reset_pulse(kbc):
    command(kbc, 0xFF)
    command(kbc, 0xF1)
    assert kbc.requested == []
    command(kbc, 0xFE)
    command(kbc, 0xD1, 0x02)
    assert kbc.requested == [("reset", "guest-reset")] * 2
    command(kbc, 0xD0)
    assert drain(kbc)[0] & 1


def test_absurd_sequences_leave_bounded_state(kbc):
    for value in range(256):
        for port in (0x64, 0x60, 0x64):
            kbc.outb(port, value)
    for _ in range(100):
        command(kbc, 0xAA)
        kbc.outb(0x60, 0xFF)
    assert len(kbc.chip.save()) < 300
    saved = kbc.chip.save()
    kbc.chip.reset()
    kbc.chip.load(saved)
    assert kbc.chip.save() == saved
