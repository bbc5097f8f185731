"""The host bridge, the ISA bridge and the power management function, through configuration mechanism 1."""

import random

import pytest

from playhead.devices.pci.i440fx_pci import SEGMENTS, I440Fx
from playhead.devices.pci.bus import Bar, PciBus, PciFunction, PciState, identity
from playhead.devices.pci.piix3_isa import Piix3Isa
from playhead.devices.pci.piix4_pm import PM_TIMER_HZ, Piix4Pm
from playhead.hw.clock import ticks_to_ns
from playhead.hw.line import Line
from playhead.hw.memory import DIRTY


class Toy(PciFunction):
    """A function with a memory and a port range."""

    State = PciState
    CONFIG = identity(0x1234, 0x5678, 1, 0xFF0000)
    BARS = (Bar(0, 0x1000), Bar(1, 0x20, io=True))


@pytest.fixture
def pci(world):
    bus = PciBus()
    world.ram = world.memory.allocate(0x100000)
    rom = world.memory.allocate(0x40000)
    world.memory.area[rom : rom + 0x40000] = b"\xee" * 0x40000
    world.bridge = I440Fx("pci", world.io, world.memory, bus, world.ram + 0xC0000, rom)
    world.isa = Piix3Isa("isa", world.io, world)
    world.sci = Line("sci")
    world.pm = Piix4Pm("pm", world.io, world.clock, world.sci, world)
    world.toy = Toy("toy")
    for slot, function, part in ((0, 0, world.bridge), (1, 0, world.isa), (1, 3, world.pm), (4, 0, world.toy)):
        bus.add(slot, function, part)

    def at(slot, function, offset, port=0):
        world.outl(0xCF8, 0x80000000 | slot << 11 | function << 8 | offset)
        return 0xCFC + port

    world.at = at
    return world


def test_identities(pci):
    assert pci.inl(pci.at(0, 0, 0)) == 0x12378086
    assert pci.inl(pci.at(1, 0, 0)) == 0x70008086
    assert pci.inl(pci.at(1, 3, 0)) == 0x71138086
    assert pci.inl(pci.at(0, 0, 0x2C)) == 0x11001AF4
    assert pci.inb(pci.at(1, 0, 0x0C, 2)) == 0x80  # PIIX3 is multifunction
    assert pci.inw(pci.at(1, 3, 0x08, 2)) == 0x0680  # a bridge of another kind


def test_absent_functions_and_mechanism_off(pci):
    assert pci.inl(pci.at(2, 0, 0)) == 0xFFFFFFFF
    pci.outl(0xCF8, 0x80010000)  # bus 1
    assert pci.inl(0xCFC) == 0xFFFFFFFF
    pci.outl(0xCF8, 0)
    assert pci.inl(0xCFC) == 0xFFFFFFFF


def test_address_register_takes_double_words_only(pci):
    pci.outl(0xCF8, 0xFFFFFFFF)
    assert pci.inl(0xCF8) == 0xFFFFFFFF
    pci.outb(0xCF8, 0)
    pci.outw(0xCF8, 0)
    assert pci.inl(0xCF8) == 0xFFFFFFFF


def test_the_two_lowest_bits_of_the_address_select_a_byte_too(pci):
    """Systems written on QEMU leave them in."""
    pci.outl(0xCF8, 0x80000002)
    assert pci.inl(0xCF8) == 0x80000002 and pci.inw(0xCFC) == 0x1237
    assert pci.inb(0xCFD) == 0x12 and pci.inb(0xCFC) == 0x37


def test_byte_word_and_double_word_lanes(pci):
    pci.outl(pci.at(0, 0, 0x5C), 0)
    pci.outb(0xCFD, 0x33)
    pci.outw(0xCFE, 0x1122)
    assert pci.inl(0xCFC) == 0x11223300
    assert [pci.inb(0xCFC + i) for i in range(4)] == [0, 0x33, 0x22, 0x11]
    assert pci.inw(0xCFD) == 0x2233


def test_read_only_stays(pci):
    for slot, function in ((0, 0), (1, 0), (1, 3)):
        for offset in (0, 8, 0x2C):
            before = pci.inl(pci.at(slot, function, offset))
            pci.outl(0xCFC, 0)
            assert pci.inl(0xCFC) == before


def test_bars(pci):
    pci.outl(pci.at(4, 0, 0x10), 0xFFFFFFFF)
    assert pci.inl(0xCFC) == 0xFFFFF000
    pci.outl(0xCFC, 0xE0001000)
    pci.outl(pci.at(4, 0, 0x14), 0xFFFFFFFF)
    assert pci.inl(0xCFC) == 0xFFFFFFE1
    assert pci.toy.bar(0) is None
    Toy.bar(pci.toy, 1)


@pytest.mark.parametrize("start,length,register,shift", SEGMENTS)
def test_pam(pci, start, length, register, shift):
    memory, last = pci.memory, start + length - 1

    def program(mode):
        pci.outb(pci.at(0, 0, register & ~3, register & 3), mode << shift)

    def see():
        return memory.read(start, 1), memory.read(last, 1)

    assert see() == (b"\xee", b"\xee")
    program(2)  # read ROM, write RAM
    memory.write(start, b"\x11")
    memory.write(last, b"\x22")
    assert see() == (b"\xee", b"\xee")
    program(3)
    assert see() == (b"\x11", b"\x22")
    memory.write(start, b"\x33")
    program(1)  # read RAM, write nothing
    memory.write(start, b"\x44")
    assert see() == (b"\x33", b"\x22")
    memory.page_map[start >> 12] &= ~DIRTY
    program(0)
    assert see() == (b"\xee", b"\xee")
    assert memory.page_map[start >> 12] & DIRTY  # it shows something else now
    memory.write(start, b"\x55")
    program(1)
    assert see() == (b"\x33", b"\x22")


def test_pam_follows_load_and_reset(pci):
    pci.outl(pci.at(0, 0, 0x58), 0x33333000)
    pci.memory.write(0xF0000, b"ram")
    saved = pci.bridge.save()
    pci.bridge.reset()
    assert pci.memory.read(0xF0000, 3) == b"\xee\xee\xee"
    pci.bridge.load(saved)
    assert pci.memory.read(0xF0000, 3) == b"ram"


def test_smram_lock(pci):
    pci.outb(pci.at(0, 0, 0x70, 2), 0x4A)
    assert pci.inb(0xCFE) == 0x4A
    pci.outb(0xCFE, 0x1A)
    pci.outl(0xCFC, 0)
    assert pci.inb(0xCFE) == 0x1A
    pci.bridge.reset()
    assert pci.inb(pci.at(0, 0, 0x70, 2)) == 0x02


def test_pirq_routing(pci):
    levels = {n: line for n, line in pci.isa.irqs.items()}
    pci.isa.set_pirq(0, True)
    assert not any(line.level for line in levels.values())  # no route after reset
    pci.outl(pci.at(1, 0, 0x60), 0x80800B0A)
    assert levels[10].level and not levels[11].level
    pci.isa.set_pirq(1, True)
    pci.outb(0xCFC, 0x0B)
    assert not levels[10].level and levels[11].level
    pci.isa.set_pirq(0, False)
    assert levels[11].level  # shared
    pci.outb(0xCFD, 0x02)  # a reserved interrupt is no route
    assert not levels[11].level and pci.isa.route(1) is None


@pytest.mark.parametrize("seed", range(3))
def test_pirqs_and_routes_in_any_order(pci, seed):
    """Each line is high while any PIRQ is that leads there, whichever of the two has changed last."""
    chance = random.Random(seed)
    pirqs, routes = [False] * 4, [0x80] * 4
    for _ in range(300):
        index = chance.randrange(4)
        if chance.random() < 0.6:
            pirqs[index] = chance.random() < 0.5
            pci.isa.set_pirq(index, pirqs[index])
        else:
            routes[index] = chance.choice((5, 10, 11, 11, 13, 0x80, 0x8B))
            pci.isa.config_write(0x60 + index, 1, routes[index])
        for irq, line in pci.isa.irqs.items():
            assert line.level == any(level and route == irq for level, route in zip(pirqs, routes, strict=True))


def test_reset_control(pci):
    pci.outb(0xCF9, 0x02)
    assert pci.requested == [] and pci.inb(0xCF9) == 2
    pci.outb(0xCF9, 0x06)
    pci.outb(0xCF9, 0x06)  # no rising edge
    assert pci.requested == [("reset", "guest-reset")]


# -- power management


@pytest.fixture
def pm(pci):
    pci.pm.program(0x40, 4, 0x600)
    pci.pm.program(0x80, 1, 1)
    return pci


def test_pm_block_moves(pci):
    assert pci.inl(0x608) == 0xFFFFFFFF
    pci.outl(pci.at(1, 3, 0x40), 0x601)
    pci.outb(pci.at(1, 3, 0x80), 1)
    assert pci.inl(0x608) == 0
    saved = pci.pm.save()
    pci.outl(pci.at(1, 3, 0x40), 0xB001)
    assert pci.inl(0x608) == 0xFFFFFFFF and pci.inl(0xB008) == 0
    pci.pm.load(saved)
    assert pci.inl(0x608) == 0


def test_pm_timer(pm):
    pm.advance(1_000_000_000)
    assert pm.inl(0x608) == PM_TIMER_HZ
    assert pm.inw(0x608) == PM_TIMER_HZ & 0xFFFF
    pm.advance(4_000_000_000)
    assert pm.inl(0x608) == 5 * PM_TIMER_HZ & 0xFFFFFF


def test_pm_timer_overflow_status_and_interrupt(pm):
    half = ticks_to_ns(1 << 23, PM_TIMER_HZ)
    pm.outw(0x602, 1)
    pm.outb(0xB2, 0xF1)
    assert pm.inw(0x604) & 1
    pm.advance(half - 1)
    assert pm.inw(0x600) == 0 and not pm.sci.level
    pm.advance(1)
    assert pm.inw(0x600) == 1 and pm.sci.level
    pm.outw(0x600, 1)
    assert pm.inw(0x600) == 0 and not pm.sci.level
    pm.advance(half)
    assert pm.sci.level
    pm.outb(0xB2, 0xF0)
    assert not pm.sci.level and not pm.inw(0x604) & 1


def test_status_is_there_without_an_alarm_and_reading_changes_nothing(pm):
    pm.advance(10_000_000_000)
    before = pm.pm.save()
    assert pm.inw(0x600) == 1 and pm.pm.save() == before


def test_power_button(pm):
    pm.outw(0x602, 0x100)
    pm.outw(0x604, 1)
    pm.pm.power_button()
    assert pm.sci.level and pm.inw(0x600) == 0x100
    pm.outw(0x600, 0x100)
    assert not pm.sci.level


@pytest.mark.parametrize("size", [1, 2, 4])
def test_soft_off(pm, size):
    if size == 1:
        pm.outb(0x605, 0x20)
    else:
        pm.io.write(0x604, size, 0x2001)
    assert pm.requested == [("shutdown", "guest-shutdown", 0)]


def test_other_sleep_types_do_nothing(pm):
    for kind in (3, 4, 5, 6, 7):
        pm.outw(0x604, 0x2001 | kind << 10)
    assert pm.requested == [] and pm.inw(0x604) == 0x1C01
    pm.pm.s3 = False
    pm.outw(0x604, 0x2401)
    assert pm.requested == []
    pm.pm.s4_type = 5
    pm.outw(0x604, 0x2801)
    assert pm.requested == []
    pm.outw(0x604, 0x3401)
    assert pm.requested == [("shutdown", "guest-shutdown", 0)]


def test_suspend_is_a_request_and_ends_in_a_reset(pm):
    """SLP_EN reads 0, whatever happens; which reasons wake it is what the guest has enabled."""
    pm.outw(0x602, 0x0100)
    pm.outw(0x604, 0x2401)
    assert pm.requested == [("suspend",)] and not pm.pm.suspended and not pm.pm.wakes("other")
    pm.pm.suspend()
    assert pm.pm.suspended and pm.inw(0x604) == 0x0401
    assert pm.pm.wakes("other") and not pm.pm.wakes("rtc")
    pm.outw(0x602, 0x0400)
    assert pm.pm.suspended and pm.pm.wakes("rtc")
    del pm.requested[:]
    pm.pm.power_button()
    pm.pm.wake_up()
    assert pm.requested == [("wake_up", "other")] * 2
    saved = pm.pm.save()
    pm.pm.reset()
    assert not pm.pm.suspended
    pm.pm.woken("rtc")
    assert pm.pm.state.pmsts == 0x8400
    pm.pm.load(saved)
    assert pm.pm.suspended


def test_gpe_and_apm(pm):
    pm.outw(0xAFE2, 0x8001)
    assert pm.inw(0xAFE2) == 0x8001 and pm.inw(0xAFE0) == 0
    pm.outb(0xB3, 0x77)
    assert pm.inb(0xB3) == 0x77


def test_smbus_finds_nobody(pm):
    pm.outl(pm.at(1, 3, 0x90), 0x701)
    pm.outb(pm.at(1, 3, 0xD0, 2), 1)
    assert pm.inb(0x700) == 0
    pm.outb(0x704, 0xA1)
    pm.outb(0x702, 0x48)
    assert pm.inb(0x700) == 4 and pm.inb(0x702) == 8
    pm.outb(0x700, 0xFF)
    assert pm.inb(0x700) == 0


def test_reset_takes_the_interrupt_away(pm):
    edges = []
    pm.sci.connect(edges.append)
    pm.outw(0x602, 0x100)
    pm.outw(0x604, 1)
    pm.pm.power_button()
    pm.pm.reset()
    assert edges == [True, False] and pm.inl(0x608) == 0xFFFFFFFF
