"""Places for PCI functions on a machine without firmware: those that SeaBIOS finds."""

import pytest

from playhead.boards import pci_resources
from playhead.devices.pci.bus import BAR0, COMMAND, Bar, PciBus, PciFunction, PciState, Reg, identity
from playhead.devices.pci.expansion_rom import ROM_BAR, PciCard
from playhead.hw.memory import Memory

REGISTERS = (*identity(0x1234, 0x5678, 1, 0x020000), Reg(COMMAND, 2, 0, 7), Reg(0x3C, 1, 0, 0xFF), Reg(0x3D, 1, 1))


class Rtl(PciCard[PciState]):
    """The ranges of an RTL8139."""

    State, CONFIG, BARS = PciState, REGISTERS, (Bar(0, 0x100, io=True), Bar(1, 0x100))


class Pro1000(PciCard[PciState]):
    State, CONFIG, BARS = PciState, REGISTERS, (Bar(0, 0x20000), Bar(1, 0x40, io=True))


class Ide(PciFunction[PciState]):
    State, CONFIG, BARS = PciState, REGISTERS[:-2], (Bar(4, 0x10, io=True),)


def settled(*functions, rom=()):
    bus, memory = PciBus(), Memory(1 << 20)
    for slot, function in functions:
        if slot in rom:
            function.plug_rom(memory, memory.allocate(0x40000), 0x40000)
        bus.add(slot, 0, function)
    for write in pci_resources.writes(bus.functions(), bus.pirq_of):
        write.function.program(*write[1:])
    return [function for _, function in bus.functions()]


def test_as_seabios_places_them():
    """QEMU 7.2 with `-vga none -net none -device rtl8139,addr=3 -device e1000,addr=4`: its `info pci`."""
    ide, rtl, pro = settled((1, Ide("ide")), (3, Rtl("rtl")), (4, Pro1000("pro")), rom=(3, 4))
    assert (rtl.bar(0), pro.bar(1), ide.bar(4)) == (0xC000, 0xC100, 0xC140)
    assert (rtl.word(ROM_BAR, 4), pro.word(ROM_BAR, 4)) == (0xFEB40000, 0xFEB80000)  # not decoded
    assert (pro.bar(0), rtl.bar(1)) == (0xFEBC0000, 0xFEBE0000)
    assert [function.word(COMMAND) for function in (ide, rtl, pro)] == [1, 3, 3]
    assert (rtl.word(0x3C, 1), pro.word(0x3C, 1), ide.word(0x3C, 1)) == (11, 11, 0)


def test_a_machine_with_drives_only_is_as_it_was():
    (ide,) = settled((1, Ide("ide")))
    assert ide.word(BAR0 + 16, 4) == 0xC001


@pytest.mark.parametrize("slot,line", [(2, 10), (3, 11), (4, 11), (5, 10), (31, 11)])
def test_the_interrupt_follows_from_the_slot(slot, line):
    (card,) = settled((slot, Rtl("rtl")))
    assert card.word(0x3C, 1) == line


def test_every_slot_has_a_card():
    found = settled(*((slot, Pro1000(f"card{slot}")) for slot in range(2, 32)))
    ports, memory = [card.bar(1) for card in found], [card.bar(0) for card in found]
    assert ports == [0xC000 + 0x40 * n for n in range(30)]
    assert memory == [0xFEC00000 - 0x20000 * (30 - n) for n in range(30)]
