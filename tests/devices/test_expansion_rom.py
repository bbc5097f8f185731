"""Expansion ROMs: the register at 30h, where the ROM is seen, and what lies over it."""

import pytest

from playhead.devices.pci.bus import BAR0, COMMAND, Bar, PciState, Reg, identity
from playhead.devices.pci.expansion_rom import LARGEST, ROM_BAR, SMALLEST, PciCard, rom_size
from playhead.hw.memory import PAGE, READ, WRITE, Memory

SIZE, AT = 0x4000, 0xFEB00000
RAM = 1 << 20


class Card(PciCard[PciState]):
    State = PciState
    CONFIG = (*identity(0x1234, 0x5678, 1, 0x020000), Reg(COMMAND, 2, 0, 7, name="PCICMD"))
    BARS = (Bar(0, 0x100),)


class Bench:
    def __init__(self, length: int = SIZE):
        self.memory = Memory(RAM + 2 * SIZE)
        self.memory.map(0, RAM, self.memory.allocate(RAM))
        self.cards = []
        for n in range(2):
            card, offset = Card(f"card{n}"), self.memory.allocate(max(length, PAGE))
            self.memory.area[offset : offset + length] = bytes(0x10 * (n + 1) + (i >> 12) for i in range(length))
            card.plug_rom(self.memory, offset, length)
            self.cards.append(card)
        self.card = self.cards[0]

    def show(self, at: int, card: Card | None = None, command: int = 2) -> None:
        card = card or self.card
        card.config_write(COMMAND, 2, command)
        card.config_write(ROM_BAR, 4, at | 1)

    def entry(self, at: int) -> int:
        return self.memory.page_map[at // PAGE]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("length,size", [(1, SMALLEST), (2048, 2048), (2049, 4096), (0x10000, 0x10000),
                                         (0x10001, 0x20000), (LARGEST, LARGEST)])  # fmt: skip
def test_the_size_is_a_power_of_two(length, size):
    assert rom_size(length) == size and rom_size(length, 1 << 20) == 1 << 20


def test_sizing_as_firmware_does_it(bench):
    bench.card.config_write(ROM_BAR, 4, 0xFFFFF800)  # all address bits, not enabled
    assert bench.card.word(ROM_BAR, 4) == -SIZE & 0xFFFFFFFF and bench.card.rom_bar() is None
    bench.card.config_write(ROM_BAR, 4, 0xFFFFFFFF)
    assert bench.card.word(ROM_BAR, 4) == -SIZE & 0xFFFFFFFF | 1


def test_a_card_without_a_rom_has_no_register():
    card = Card("card")
    card.config_write(ROM_BAR, 4, 0xFFFFFFFF)
    assert card.word(ROM_BAR, 4) == 0 and card.rom_bar() is None


def test_both_bits_show_it(bench):
    bench.show(AT, command=0)
    assert bench.memory.read(AT, 2) == b"\xff\xff"
    bench.card.config_write(COMMAND, 2, 2)
    assert bench.memory.read(AT + 0xFFF, 2) == b"\x10\x11" and bench.entry(AT) & (READ | WRITE) == READ
    bench.memory.write(AT, b"written")
    assert bench.memory.read(AT, 1) == b"\x10"
    bench.card.config_write(ROM_BAR, 1, 0)
    assert bench.memory.read(AT, 2) == b"\xff\xff" and bench.entry(AT) == 0


def test_it_moves_and_a_reset_takes_it_away(bench):
    bench.show(AT)
    bench.show(AT + SIZE)
    assert bench.memory.read(AT, 1) == b"\xff" and bench.memory.read(AT + SIZE, 1) == b"\x10"
    bench.card.reset()
    assert bench.memory.read(AT + SIZE, 1) == b"\xff" and not bench.memory.mmio.ranges()


def test_a_state_brings_it_back(bench):
    bench.show(AT)
    state = bench.card.save()
    bench.card.reset()
    bench.card.load(state)
    assert bench.memory.read(AT, 1) == b"\x10"
    other = Bench()
    other.show(AT + SIZE)
    other.card.load(state)
    assert [other.memory.read(AT + n * SIZE, 1) for n in range(2)] == [b"\x10", b"\xff"]


def test_ram_lies_over_it(bench):
    bench.memory.write(RAM - SIZE, b"ram")
    bench.show(RAM - SIZE)
    assert bench.memory.read(RAM - SIZE, 3) == b"ram" and bench.entry(RAM - SIZE) & WRITE
    bench.show(AT)
    assert bench.memory.read(RAM - SIZE, 3) == b"ram"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_in_one_place_do_not_depend_on_who_came_first(bench, order):
    for n in order:
        bench.show(AT, bench.cards[n])
    assert bench.memory.read(AT, 1) == b"\x20"  # the later name, as for all ranges that a guest places
    bench.show(AT + SIZE, bench.cards[1])
    assert bench.memory.read(AT, 1) == b"\x10"


@pytest.mark.parametrize("rom_first", [True, False])
def test_registers_in_the_middle_of_it(bench, rom_first):
    """A page that is shared with registers is answered byte by byte, the others by the page map."""

    def registers():
        return bench.memory.mmio.map(AT + 0x1100, 0x100, lambda a, n: 0x77, lambda a, n, v: None, name="z", moves=True)

    if rom_first:
        bench.show(AT)
    entry = registers()
    if not rom_first:
        bench.show(AT)
    assert bench.memory.read(AT + 0x10FF, 2) == b"\x11\x77" and bench.memory.read(AT + 0x11FF, 2) == b"\x77\x11"
    assert not bench.entry(AT + 0x1000) & READ and bench.entry(AT + 0x2000) & READ
    bench.memory.mmio.unmap(entry)
    assert bench.memory.read(AT + 0x1100, 1) == b"\x11" and bench.entry(AT + 0x1000) & READ


def test_it_lies_over_registers_that_do_not_move(bench):
    """Like all ranges that a guest places."""
    bench.memory.mmio.map(0xFEC00000, 0x1000, lambda a, n: 0x55, lambda a, n, v: None, name="ioapic")
    bench.show(0xFEC00000)
    assert bench.memory.read(0xFEC00000, 1) == b"\x10"
    bench.show(AT)
    assert bench.memory.read(0xFEC00000, 1) == b"\x55"


def test_a_rom_smaller_than_a_page():
    bench = Bench(SMALLEST)
    for n, card in enumerate(bench.cards):
        bench.show(AT + n * SMALLEST, card)
    assert bench.memory.read(AT + SMALLEST - 1, 2) == b"\x10\x20" and not bench.entry(AT) & READ


def test_the_end_of_the_address_space(bench):
    bench.show(0x100000000 - SIZE)
    assert bench.card.rom_bar() is None  # as QEMU: a register that is being sized maps nothing
    assert bench.card.word(BAR0, 4) == 0
