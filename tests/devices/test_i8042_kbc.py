"""The keyboard controller, keyboard and mouse, as a driver talks to them."""

import pytest

from playhead.devices.input.i8042_before import I8042Before
from playhead.devices.input.i8042_kbc import I8042
from playhead.devices.input.scan_codes import TO_SET_1
from playhead.hw.inputs import lights
from playhead.hw.line import Line
from playhead.session import input_words


def build(world, cls):
    world.irq1, world.irq12, world.a20 = Line("irq1"), Line("irq12"), Line("a20")
    world.chip = cls("kbc", world.io, world.irq1, world.irq12, world.a20, world)
    return world


@pytest.fixture
def kbc(world):
    return build(world, I8042)


@pytest.fixture(params=[I8042, I8042Before])
def either(world, request):
    """The controller, and that of machines before pc-3."""
    return build(world, request.param)


def press(w, text):
    """Press keys and release them; False once one of it has no room."""
    keyboard = w.chip.receivers[0]
    keys = input_words.keys_of(text)
    for key, down in [(key, True) for key in keys] + [(key, False) for key in reversed(keys)]:
        key.down = down
        if not keyboard.can_take(key):
            return False
        keyboard.take(key)
    return True


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


def test_self_tests_and_command_byte(either):
    assert either.inb(0x64) == 0x18
    command(either, 0xAA)
    assert drain(either) == [0x55] and either.inb(0x64) & 4
    command(either, 0xAB)
    command(either, 0xA9)
    assert drain(either) == [0, 0]
    command(either, 0x60, 0x65)
    command(either, 0x20)
    assert either.inb(0x64) & 0x08
    assert drain(either) == [0x65]
    command(either, 0xA7)
    command(either, 0xAD)
    command(either, 0x20)
    assert drain(either) == [0x75]
    command(either, 0xA8)
    command(either, 0xAE)
    command(either, 0x20)
    assert drain(either) == [0x45]
    command(either, 0x62, 0x99)
    command(either, 0x22)
    assert drain(either) == [0x99]


def test_keyboard_answers(either):
    assert keyboard(either, 0xFF) == [0xFA, 0xAA]
    assert keyboard(either, 0xF2) == [0xFA, 0xAB, 0x83]
    assert keyboard(either, 0xEE) == [0xEE]
    assert keyboard(either, 0xED, 0x02) == [0xFA, 0xFA] and either.chip.state.keyboard.leds == 2
    assert keyboard(either, 0xF3, 0x20) == [0xFA, 0xFA]
    assert keyboard(either, 0xF0, 0x00) == [0xFA, 0xFA, 0x02]
    assert keyboard(either, 0xF0, 0x03) == [0xFA, 0xFA]
    assert keyboard(either, 0xF0, 0x09) == [0xFA, 0xFE]
    assert keyboard(either, 0xF4) == [0xFA]
    assert keyboard(either, 0x12) == [0xFE]
    assert keyboard(either, 0xED, 0xF4) == [0xFA, 0xFA]  # a command instead of the parameter


def test_translation(kbc):
    kbc.chip.program(0x41)
    assert keyboard(kbc, 0xF2) == [0xFA, 0xAB, 0x41]
    press(kbc, "a"), press(kbc, "up")
    assert drain(kbc) == [0x1E, 0x9E, 0xE0, 0x48, 0xE0, 0xC8]
    kbc.chip.program(0x01)
    press(kbc, "a")
    assert drain(kbc) == [0x1C, 0xF0, 0x1C]


def test_translation_table_is_one_to_one_for_keys():
    keys = [TO_SET_1[i] for i in range(1, 0x80)]
    assert len(set(keys)) == 127 and TO_SET_1[0x76] == 0x01 and TO_SET_1[0x29] == 0x39 and TO_SET_1[0x5A] == 0x1C


def test_each_byte_is_an_edge(kbc):
    edges = []
    kbc.irq1.connect(edges.append)
    kbc.chip.program(0x01)
    press(kbc, "a")
    drain(kbc)
    assert edges == [True, False] * 3


def test_a_keyboard_that_is_held_off_keeps_its_bytes_and_one_that_is_switched_off_loses_keys(kbc):
    command(kbc, 0xAD)
    assert press(kbc, "a") and drain(kbc) == []
    command(kbc, 0xAE)
    assert drain(kbc) == [0x1C, 0xF0, 0x1C]
    keyboard(kbc, 0xF5)
    assert press(kbc, "b") and drain(kbc) == []
    assert keyboard(kbc, 0xF4) == [0xFA] and press(kbc, "c") and drain(kbc) == [0x21, 0xF0, 0x21]


def test_a_full_keyboard_takes_no_half_key(kbc):
    command(kbc, 0xAD)
    assert all(press(kbc, "a") for _ in range(5)) and not press(kbc, "b")  # the press fits, the release does not
    command(kbc, 0xAE)
    assert drain(kbc) == [0x1C, 0xF0, 0x1C] * 5 + [0x32]


def test_an_answer_comes_before_keys_and_goes_with_the_next_command(kbc):
    command(kbc, 0xAD)
    press(kbc, "a")
    kbc.outb(0x60, 0xF2)  # this enables it, and the first byte is fetched at once
    command(kbc, 0xAD)
    kbc.outb(0x60, 0xEE)
    assert drain(kbc) == [0xFA, 0xEE, 0x1C, 0xF0, 0x1C]


@pytest.mark.parametrize("scan_set, codes", [
    (1, [0x1D, 0xE0, 0x46, 0xE0, 0xC6, 0x9D]),
    (2, [0x14, 0xE0, 0x7E, 0xE0, 0xF0, 0x7E, 0xF0, 0x14]),
    (3, [0x11, 0x62, 0xF0, 0x62, 0xF0, 0x11]),
])  # fmt: skip
def test_sets_of_scan_codes(kbc, scan_set, codes):
    kbc.chip.program(0x01)
    assert keyboard(kbc, 0xF0, scan_set) == [0xFA, 0xFA]
    assert press(kbc, "ctrl-pause") and drain(kbc) == codes
    assert press(kbc, "0x39") and drain(kbc) == {1: [0x39, 0xB9]}.get(scan_set, [0x29, 0xF0, 0x29])


def test_leds_are_state(kbc):
    keyboard(kbc, 0xED, 0x04)
    assert kbc.chip.state.keyboard.leds == lights({"kbc": kbc.chip}) == 4
    keyboard(kbc, 0xFF)
    assert kbc.chip.state.keyboard.leds == 0


def test_mouse(either):
    command(either, 0x60, 0x03)
    assert mouse(either, 0xFF) == [0xFA, 0xAA, 0x00]
    assert mouse(either, 0xF2) == [0xFA, 0x00]
    assert mouse(either, 0xE8, 3, 0xF3, 60, 0xE7, 0xF4) == [0xFA] * 6
    assert mouse(either, 0xE9) == [0xFA, 0x30, 3, 60]
    assert mouse(either, 0xEB) == [0xFA, 0x08, 0, 0]
    assert mouse(either, 0xEE, 0x55, 0xEC) == [0xFA, 0x55, 0xFA]
    assert mouse(either, 0x01) == [0xFE]
    assert mouse(either, 0xE6) == [0xFA]
    edges = []
    either.irq12.connect(edges.append)
    assert mouse(either, 0xF6) == [0xFA] and edges == [True, False]


def move(w, *what):
    """What happens at once at the mouse."""
    mouse = w.chip.receivers[1]
    for one in what:
        assert mouse.can_take(one)
        mouse.take(one)
    mouse.sync()


def pressed(*words):
    """(button, down) in QEMU's words, as events."""
    return [input_words.qmp_events([{"type": "btn", "data": {"button": b, "down": d}}])[0] for b, d in words]


def test_movements_and_buttons(kbc):
    command(kbc, 0x60, 0x03)
    move(kbc, *input_words.moves(5, 5))
    assert drain(kbc) == []  # it does not report yet
    mouse(kbc, 0xF4)
    move(kbc, *input_words.moves(5, -3))
    assert drain(kbc) == [0x08, 5, 3]
    move(kbc, *input_words.buttons(7, 0))
    assert drain(kbc) == [0x0F, 0, 0] and mouse(kbc, 0xE9)[1] & 7 == 7
    move(kbc, *input_words.buttons(1, 7), *input_words.moves(-1, 200))
    assert drain(kbc) == [0x39, 0xFF, 0x81, 0x29, 0, 0xB7]
    move(kbc, *input_words.wheel(1))
    assert drain(kbc) == [0x09, 0, 0]  # a mouse without a wheel


def test_motion_adds_up_while_there_is_no_room(kbc):
    command(kbc, 0x60, 0x03)
    mouse(kbc, 0xF4)
    command(kbc, 0xA7)
    mouse_end = kbc.chip.receivers[1]
    move(kbc, *input_words.moves(1000, 0))
    assert not mouse_end.unsent and not mouse_end.can_take(pressed(("left", True))[0])
    command(kbc, 0xA8)
    assert drain(kbc) == [0x08, 127, 0] * 5
    assert mouse_end.unsent
    mouse_end.sync()
    assert drain(kbc) == [0x08, 127, 0] * 2 + [0x08, 111, 0] and not mouse_end.unsent


def test_a_mouse_that_is_asked(kbc):
    command(kbc, 0x60, 0x03)
    mouse(kbc, 0xF4, 0xF0)
    move(kbc, *input_words.moves(130, 0))
    assert drain(kbc) == [] and mouse(kbc, 0xEB) == [0xFA, 0x08, 127, 0] and mouse(kbc, 0xEB) == [0xFA, 0x08, 3, 0]


def test_scaling_doubles_what_is_reported_and_not_what_is_asked_for(kbc):
    command(kbc, 0x60, 0x03)
    mouse(kbc, 0xE7, 0xF4)
    for moved, reported in ((1, 1), (2, 1), (3, 3), (4, 6), (5, 9), (6, 12), (-100, -200)):
        move(kbc, *input_words.moves(moved, 0))
        flags, x, _ = drain(kbc)
        assert x - (flags << 4 & 0x100) == reported
    mouse(kbc, 0xF0)
    move(kbc, *input_words.moves(6, 0))
    assert mouse(kbc, 0xEB) == [0xFA, 0x08, 6, 0]


@pytest.mark.parametrize("rates, kind", [((200, 100, 80), 3), ((200, 200, 80), 4), ((200, 100, 60, 80), 0)])
def test_a_mouse_with_a_wheel_is_found_by_knocking(kbc, rates, kind):
    command(kbc, 0x60, 0x03)
    for rate in rates:
        mouse(kbc, 0xF3, rate)
    assert mouse(kbc, 0xF2) == [0xFA, kind]
    mouse(kbc, 0xF4)
    move(kbc, *input_words.wheel(1))
    assert drain(kbc) == [[0x08, 0, 0], [0x08, 0, 0, 0xFF], [0x08, 0, 0, 0x0F]][(0, 3, 4).index(kind)]
    move(kbc, *pressed(("side", True), ("wheel-left", True)))
    move(kbc, *pressed(("extra", True)))
    assert drain(kbc) == {0: [8, 0, 0] * 2, 3: [8, 0, 0, 0] * 2, 4: [8, 0, 0, 0x41, 8, 0, 0, 0x30]}[kind]
    assert mouse(kbc, 0xFF) == [0xFA, 0xAA, 0]


@pytest.mark.parametrize("before", [False, True])
def test_the_default_rate_is_part_of_a_knock_before_pc_5_only(world, before):
    """A driver that found five buttons, sets defaults and then a rate of 80 (`psmouse.rate=80`) keeps them."""
    world.irq1, world.irq12, world.a20 = Line("irq1"), Line("irq12"), Line("a20")
    world.chip = I8042("kbc", world.io, world.irq1, world.irq12, world.a20, world, default_rate_knocks=before)
    mouse(world, 0xF3, 200, 0xF3, 200, 0xF3, 80)
    assert mouse(world, 0xF2)[-1] == 4
    mouse(world, 0xF6, 0xF3, 80)
    assert mouse(world, 0xF2)[-1] == (3 if before else 4)


def test_loopback_of_output_buffers(either):
    command(either, 0xD2, 0x42)
    assert either.inb(0x64) & 0x21 == 0x01 and either.inb(0x60) == 0x42
    command(either, 0xD3, 0x43)
    assert either.inb(0x64) & 0x21 == 0x21 and either.inb(0x60) == 0x43


def test_a20_and_output_port(either):
    assert either.a20.level
    command(either, 0xD1, 0xDD)
    assert not either.a20.level
    command(either, 0xD0)
    assert drain(either) == [0xCD]  # A20 off, lines as written, no byte waiting at the moment of reading
    command(either, 0xD1, 0xDF)
    assert either.a20.level
    command(either, 0xDD)
    assert not either.a20.level
    command(either, 0xDF)
    assert either.a20.level and either.requested == []


def test_reset_pulse(either):
    command(either, 0xFF)
    command(either, 0xF1)
    assert either.requested == []
    command(either, 0xFE)
    command(either, 0xD1, 0x02)
    assert either.requested == [("reset", "guest-reset")] * 2
    command(either, 0xD0)
    assert drain(either)[0] & 1


def test_absurd_sequences_leave_bounded_state(either):
    for value in range(256):
        for port in (0x64, 0x60, 0x64):
            either.outb(port, value)
    for _ in range(100):
        command(either, 0xAA)
        either.outb(0x60, 0xFF)
    assert len(either.chip.save()) < 300
    saved = either.chip.save()
    either.chip.reset()
    either.chip.load(saved)
    assert either.chip.save() == saved
