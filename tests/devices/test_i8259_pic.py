"""The two 8259As against the data sheet: priorities, modes, cascade, spurious interrupts."""

import pytest

from playhead.devices.intc.i8259_pic import PicPair

M, S = 0x20, 0xA0


@pytest.fixture
def pic(world):
    chip = PicPair("pic")
    chip.attach(world.io)
    world.pic = chip
    init(world)
    return chip


def init(world, icw4=1, ltim=0):
    for base, vector, icw3 in ((M, 0x30, 4), (S, 0x38, 2)):
        for port, value in ((base, 0x11 | ltim), (base + 1, vector), (base + 1, icw3), (base + 1, icw4)):
            world.outb(port, value)


def ocw3(world, value, base=M):
    world.outb(base, 0x08 | value)
    return world.inb(base)


def test_registers(world, pic):
    world.outb(M + 1, 0x5A)
    assert world.inb(M + 1) == 0x5A
    pic.line(3).set(True)
    pic.line(4).set(True)
    assert ocw3(world, 2) == 0x18  # masked or not
    assert not pic.intr.level
    world.outb(M + 1, 0x52)
    assert pic.intr.level


def test_fully_nested(world, pic):
    pic.line(4).set(True)
    assert pic.intr.level and pic.acknowledge() == 0x34 and not pic.intr.level
    pic.line(6).set(True)
    assert not pic.intr.level  # lower than what is served
    pic.line(1).set(True)
    assert pic.intr.level and pic.acknowledge() == 0x31
    assert ocw3(world, 3) == 0x12
    world.outb(M, 0x20)
    assert ocw3(world, 3) == 0x10 and not pic.intr.level
    world.outb(M, 0x20)
    assert pic.acknowledge() == 0x36


def test_an_edge_counts_once_and_is_withdrawn_when_it_falls(world, pic):
    pic.line(5).set(True)
    assert pic.acknowledge() == 0x35
    world.outb(M, 0x65)
    assert not pic.intr.level  # still high: no new edge
    pic.line(5).set(False)
    pic.line(5).set(True)
    assert pic.intr.level
    pic.line(5).set(False)
    assert not pic.intr.level


def test_level_by_elcr(world, pic):
    world.outb(0x4D0, 0xFF)
    world.outb(0x4D1, 0xFF)
    assert (world.inb(0x4D0), world.inb(0x4D1)) == (0xF8, 0xDE)
    pic.line(5).set(True)
    assert pic.acknowledge() == 0x35
    world.outb(M, 0x20)
    assert pic.acknowledge() == 0x35
    pic.line(5).set(False)
    world.outb(M, 0x20)
    assert not pic.intr.level


def test_cascade(world, pic):
    pic.line(12).set(True)
    pic.line(8).set(True)
    assert pic.acknowledge() == 0x38
    assert (ocw3(world, 3), ocw3(world, 3, S)) == (0x04, 0x01)
    pic.line(3).set(True)
    assert not pic.intr.level
    world.outb(S, 0x20)
    world.outb(M, 0x20)
    assert pic.acknowledge() == 0x3C
    world.outb(S, 0x20)
    world.outb(M, 0x20)
    assert pic.acknowledge() == 0x33


def test_spurious(world, pic):
    assert pic.acknowledge() == 0x37 and ocw3(world, 3) == 0
    pic.line(9).set(True)
    pic.slave.state.latch = 0  # the request goes between the two INTA pulses
    assert pic.acknowledge() == 0x3F
    assert (ocw3(world, 3), ocw3(world, 3, S)) == (4, 0)


def test_mask_holds_a_request_back(world, pic):
    world.outb(M + 1, 0x02)
    pic.line(1).set(True)
    assert not pic.intr.level
    world.outb(M + 1, 0)
    assert pic.intr.level and pic.acknowledge() == 0x31


@pytest.mark.parametrize("cascaded", [False, True])
def test_automatic_eoi(world, pic, cascaded):
    init(world, icw4=3)
    first, second = (9, 10) if cascaded else (0, 1)
    pic.line(second).set(True)
    pic.line(first).set(True)
    assert pic.acknowledge() == 0x30 + first
    assert pic.intr.level and pic.acknowledge() == 0x30 + second
    assert not pic.intr.level


def test_rotation(world, pic):
    for n in (0, 4):
        pic.line(n).set(True)
    assert pic.acknowledge() == 0x30
    world.outb(M, 0xA0)  # rotate on non-specific EOI: 0 becomes lowest
    pic.line(0).set(False)
    pic.line(0).set(True)
    assert pic.acknowledge() == 0x34
    world.outb(M, 0x20)
    world.outb(M, 0xC0 | 5)  # set priority: 5 lowest, 6 highest
    pic.line(6).set(True)
    assert pic.acknowledge() == 0x36
    world.outb(M, 0xE0 | 6)  # rotate on specific EOI
    assert pic.acknowledge() == 0x30


def test_rotation_in_automatic_eoi(world, pic):
    init(world, icw4=3)
    world.outb(M, 0x80)
    for n in (3, 5):
        pic.line(n).set(True)
    assert pic.acknowledge() == 0x33
    pic.line(3).set(False)
    pic.line(3).set(True)
    assert [pic.acknowledge(), pic.acknowledge()] == [0x35, 0x33]


def test_special_mask_lets_lower_levels_in(world, pic):
    pic.line(3).set(True)
    pic.acknowledge()
    pic.line(6).set(True)
    assert not pic.intr.level
    world.outb(M + 1, 0x08)
    world.outb(M, 0x68)
    assert pic.acknowledge() == 0x36
    world.outb(M, 0x20)  # does not end the masked one
    assert ocw3(world, 3) == 0x08
    world.outb(M, 0x63)
    assert ocw3(world, 3) == 0


def test_poll(world, pic):
    assert ocw3(world, 4) == 0
    pic.line(7).set(True)
    assert ocw3(world, 4) == 0x87
    assert not pic.intr.level and ocw3(world, 3) == 0x80


def test_special_fully_nested(world, pic):
    init(world, icw4=0x11)
    pic.line(12).set(True)
    assert pic.acknowledge() == 0x3C
    pic.line(9).set(True)
    assert pic.intr.level and pic.acknowledge() == 0x39
    pic.line(3).set(True)
    assert not pic.intr.level
    pic.line(1).set(True)
    assert pic.acknowledge() == 0x31


def test_icw1_forgets_edges(world, pic):
    pic.line(1).set(True)
    world.outb(M + 1, 0xFF)
    init(world)
    assert not pic.intr.level and world.inb(M + 1) == 0
    pic.line(1).set(False)
    pic.line(1).set(True)
    assert pic.intr.level


def test_initialisation_lengths(world, pic):
    for value in (0x10, 0x40, 0x04):  # no ICW4
        world.outb(M + (value != 0x10), value)
    world.outb(M + 1, 0xAA)
    assert world.inb(M + 1) == 0xAA
    for value in (0x12, 0x48):  # single, no ICW3
        world.outb(M + (value != 0x12), value)
    world.outb(M + 1, 0x55)
    assert world.inb(M + 1) == 0x55


def test_reset_keeps_the_wires(world, pic):
    pic.line(4).set(True)
    pic.reset()
    assert not pic.intr.level and pic.line(4).level
    init(world)
    pic.line(4).set(True)
    assert not pic.intr.level
