"""The local APIC and the I/O APIC, wired with the 8259s and the 8254 as on the board."""

import random
from types import SimpleNamespace

import pytest

from playhead.devices.timer.i8254_pit import I8254
from playhead.devices.intc.i8259_pic import PicPair
from playhead.devices.intc.ioapic import IoApic
from playhead.devices.intc.lapic import Lapic
from playhead.hw.line import Line
from playhead.hw.space import Space

LAPIC, IOAPIC = 0xFEE00000, 0xFEC00000
ID, VER, TPR, APR, PPR, EOI, LDR, DFR, SVR, ISR, TMR, IRR, ESR, ICR, ICR2 = (
    0x20, 0x30, 0x80, 0x90, 0xA0, 0xB0, 0xD0, 0xE0, 0xF0, 0x100, 0x180, 0x200, 0x280, 0x300, 0x310,
)  # fmt: skip
LVTT, LVT0, LVT1, LVTERR, TMICT, TMCCT, TDCR = 0x320, 0x350, 0x360, 0x370, 0x380, 0x390, 0x3E0
MASKED, LEVEL, LOW = 0x10000, 0x8000, 0x2000


class Wired(SimpleNamespace):
    def get(self, register):
        return self.mmio.read(LAPIC + register, 4)

    def put(self, register, value):
        self.mmio.write(LAPIC + register, 4, value)

    def io_get(self, index):
        self.mmio.write(IOAPIC, 4, index)
        return self.mmio.read(IOAPIC + 0x10, 4)

    def io_put(self, index, value):
        self.mmio.write(IOAPIC, 4, index)
        self.mmio.write(IOAPIC + 0x10, 4, value)

    def route(self, pin, low, dest=0):
        self.io_put(0x11 + 2 * pin, dest << 24)
        self.io_put(0x10 + 2 * pin, low)

    def take(self):
        """As the core does: the vector, if there is an interrupt."""
        assert self.lapic.intr.level == self.lapic.interrupt_pending()
        return self.lapic.acknowledge() if self.lapic.intr.level else None

    def devices(self):
        return [self.pic, self.lapic, self.ioapic, self.pit]


@pytest.fixture
def pc(world):
    return wire(world)


def wire(world):
    pc = Wired(world=world, mmio=Space("memory", 1 << 32), nmis=[], lines=[Line(f"irq{n}") for n in range(16)])
    pc.pic = PicPair("pic", pc.lines)
    pc.pic.attach(world.io)
    pc.lapic = Lapic("lapic", world.clock, pc.pic.acknowledge, lambda: pc.nmis.append(world.time_ns))
    pc.lapic.attach(pc.mmio)
    pc.pic.intr.connect(pc.lapic.set_lint0)
    pc.ioapic = IoApic("ioapic", pc.lapic.deliver)
    pc.ioapic.attach(pc.mmio)
    pc.ioapic.connect_isa(pc.lines)
    pc.lapic.eoi_broadcast = pc.ioapic.eoi
    pc.pit = I8254("pit", world.clock, pc.lines[0])
    pc.pit.attach(world.io)
    for base, vector, icw3 in ((0x20, 0x30, 4), (0xA0, 0x38, 2)):
        world.outb(base, 0x11)
        for icw in (vector, icw3, 1):
            world.outb(base + 1, icw)
    return pc


@pytest.fixture
def on(pc):
    """Software-enabled, with the 8259s masked off."""
    pc.world.outb(0x21, 0xFF)
    pc.world.outb(0xA1, 0xFF)
    pc.put(SVR, 0x1EF)
    return pc


def test_after_reset(pc):
    assert [pc.get(r) for r in (ID, VER, TPR, SVR, DFR, LDR, LVTT, TMCCT)] == [
        0, 0x50014, 0, 0xFF, 0xFFFFFFFF, 0, MASKED, 0,
    ]  # fmt: skip
    assert pc.lapic.base == 0xFEE00900
    assert (pc.io_get(0), pc.io_get(1), pc.io_get(0x10), pc.io_get(0x11)) == (0, 0x170020, MASKED, 0)


def test_virtual_wire(pc):
    pc.lines[4].set(True)
    assert pc.take() == 0x34
    pc.put(LVT0, MASKED)
    pc.lines[3].set(True)
    assert pc.take() is None
    pc.put(SVR, 0x1FF)
    pc.put(LVT0, 0x700)
    assert pc.take() == 0x33
    assert all(pc.get(ISR + 16 * i) == 0 for i in range(8))


def test_globally_disabled(pc):
    pc.lines[4].set(True)
    assert pc.lapic.set_base(0xFEE00000)
    assert pc.mmio.read(LAPIC + VER, 4) == 0xFFFFFFFF
    assert pc.take() == 0x34
    pc.lapic.set_lint1(True)
    assert len(pc.nmis) == 1


def test_moving_the_registers(pc):
    assert pc.lapic.set_base(0xF0000800)
    assert pc.mmio.read(LAPIC + VER, 4) == 0xFFFFFFFF and pc.mmio.read(0xF0000000 + VER, 4) == 0x50014
    assert pc.lapic.base == 0xF0000900
    for wrong in (0xFEE00801, 0x1FEE00800, 0xFEE00A00):
        assert not pc.lapic.set_base(wrong)
    saved = pc.lapic.save()
    pc.lapic.reset()
    assert pc.get(VER) == 0x50014
    pc.lapic.load(saved)
    assert pc.mmio.read(0xF0000000 + VER, 4) == 0x50014


def test_priorities(on):
    on.put(ICR, 0x40000 | 0x51)
    on.put(ICR, 0x40000 | 0x55)
    on.put(ICR, 0x40000 | 0x61)
    assert on.get(IRR + 0x20) == 1 << 0x11 | 1 << 0x15 and on.get(IRR + 0x30) == 2
    assert on.take() == 0x61 and on.get(PPR) == 0x60
    assert on.take() is None
    on.put(EOI, 0)
    on.put(TPR, 0x50)
    assert on.take() is None and on.get(PPR) == 0x50 and on.get(APR) == 0x50
    on.put(TPR, 0x4F)
    assert on.take() == 0x55
    assert on.take() is None  # the same class
    on.put(EOI, 0)
    assert on.take() == 0x51
    on.put(EOI, 0)
    assert on.take() is None and on.lapic.acknowledge() == 0xEF  # spurious


def test_an_8259_interrupt_has_no_class(on):
    on.put(LVT0, 0x700)
    on.put(TPR, 0xFF)
    on.world.outb(0x21, 0)
    on.lines[1].set(True)
    assert on.take() == 0x31


def test_timer_periodic(on):
    on.put(TDCR, 0x3)  # divided by 16
    on.put(LVTT, 0x20000 | 0x40)
    on.put(TMICT, 1000)
    for turn in range(1, 4):
        on.world.advance(15_999)
        assert on.take() is None
        on.world.advance(1)
        assert on.world.time_ns == 16_000 * turn and on.take() == 0x40
        on.put(EOI, 0)
    on.world.advance(1600)
    assert on.get(TMCCT) == 900
    on.put(TDCR, 0xB)  # by 1: 900 counts are left
    assert on.get(TMCCT) == 900
    on.world.advance(900)
    assert on.take() == 0x40


def test_timer_one_shot(on):
    on.put(TDCR, 0xB)
    on.put(LVTT, 0x41)
    on.put(TMICT, 5000)
    on.world.advance(4999)
    assert on.get(TMCCT) == 1 and on.take() is None
    on.world.advance(10_000)
    assert on.get(TMCCT) == 0 and on.take() == 0x41
    on.put(EOI, 0)
    on.put(LVTT, 0x20041)  # becoming periodic does not start it again
    on.world.advance(100_000)
    assert on.get(TMCCT) == 0 and on.take() is None
    on.put(LVTT, MASKED | 0x41)
    on.put(TMICT, 100)
    on.world.advance(200)
    on.put(LVTT, 0x41)
    on.world.advance(200)
    assert on.take() is None


def test_the_shortest_period_makes_progress(on):
    on.put(TDCR, 0xB)
    on.put(LVTT, 0x20040)
    on.put(TMICT, 1)
    for _ in range(20):
        on.world.time_ns += 8
        assert on.world.clock.ring(on.world.time_ns) == 1
        assert on.world.clock.next_deadline_ns() > on.world.time_ns


def test_local_pins(on):
    on.put(LVT1, 0x400)
    on.lapic.set_lint1(True)
    on.lapic.set_lint1(True)
    assert len(on.nmis) == 1
    on.put(LVT0, LEVEL | 0x66)
    on.lapic.set_lint0(True)
    assert on.get(LVT0) & 0x4000 and on.take() == 0x66
    on.put(EOI, 0)
    assert on.take() == 0x66
    on.lapic.set_lint0(False)
    on.put(EOI, 0)
    assert on.take() is None and not on.get(LVT0) & 0x4000


def test_errors(on):
    on.put(LVTERR, 0xFE)
    on.put(ICR, 0x40003)
    assert on.get(ESR) == 0
    on.put(ESR, 0)
    assert on.get(ESR) == 0x20 and on.take() == 0xFE
    assert on.get(0x40) == 0
    on.put(ESR, 0)
    assert on.get(ESR) == 0x80


def test_software_disable_masks(on):
    on.put(LVTT, 0x40)
    on.put(SVR, 0xFF)
    on.put(LVTT, 0x40)
    assert on.get(LVTT) == MASKED | 0x40
    on.put(ICR, 0x40040)
    assert on.take() is None


@pytest.mark.parametrize("dfr,ldr,dest,logical,mine", [
    (0xFFFFFFFF, 0, 0, False, True), (0xFFFFFFFF, 0, 1, False, False), (0xFFFFFFFF, 0, 0xFF, False, True),
    (0xFFFFFFFF, 0x02000000, 0x03, True, True), (0xFFFFFFFF, 0x02000000, 0x04, True, False),
    (0x0FFFFFFF, 0x12000000, 0x12, True, True), (0x0FFFFFFF, 0x12000000, 0x22, True, False),
    (0x0FFFFFFF, 0x12000000, 0xFF, True, True),
])  # fmt: skip
def test_destinations(on, dfr, ldr, dest, logical, mine):
    on.put(DFR, dfr)
    on.put(LDR, ldr)
    on.route(5, 0x45 | (0x800 if logical else 0), dest)
    on.lines[5].set(True)
    assert (on.take() == 0x45) == mine


def test_edges_through_the_io_apic(on):
    on.route(2, 0x42)
    on.lines[0].set(True)  # the timer is on pin 2
    assert on.take() == 0x42
    on.put(EOI, 0)
    assert on.take() is None
    on.route(4, 0x44 | MASKED)
    on.lines[4].set(True)
    on.route(4, 0x44)
    assert on.take() is None  # an edge while masked is lost
    on.route(7, 0x47 | LOW)
    on.lines[7].set(True)
    assert on.take() is None
    on.lines[7].set(False)
    assert on.take() == 0x47


def test_levels_through_the_io_apic(on):
    on.route(10, 0x4A | LEVEL)
    on.lines[10].set(True)
    assert on.io_get(0x10 + 20) == 0x4A | LEVEL | 0x4000
    assert on.take() == 0x4A and on.get(TMR + 0x20) == 1 << 10
    on.put(EOI, 0)
    assert on.take() == 0x4A  # still there
    on.lines[10].set(False)
    on.put(EOI, 0)
    assert on.take() is None and on.io_get(0x10 + 20) == 0x4A | LEVEL
    on.lines[10].set(True)
    on.io_put(0x10 + 20, 0x4A | MASKED)  # to edge: the way to clear remote IRR by hand
    on.io_put(0x10 + 20, 0x4A | LEVEL | MASKED)
    assert on.io_get(0x10 + 20) == 0x4A | LEVEL | MASKED


def test_nmi_and_extint_messages(on):
    on.route(3, 0x400)
    on.lines[3].set(True)
    assert len(on.nmis) == 1
    on.world.outb(0xA1, 0xFB)
    on.world.outb(0x21, 0xFB)
    on.put(LVT0, MASKED)
    on.lines[10].set(True)
    on.route(9, 0x700)
    on.lines[9].set(True)
    assert on.take() == 0x3A and on.take() is None


def test_pit_through_both_paths(on):
    on.route(2, 0x30)
    for port, value in ((0x43, 0x34), (0x40, 0xA9), (0x40, 0x04)):  # 1193: 1 kHz
        on.world.outb(port, value)
    while on.take():
        on.put(EOI, 0)
    ticks = 0
    for _ in range(1000):
        on.world.advance(100_000)
        while (vector := on.take()) is not None:
            assert vector == 0x30
            ticks += 1
            on.put(EOI, 0)
    assert ticks == (on.world.clock.ticks(1_193_182) - 1) // 1193


@pytest.mark.parametrize("seed", range(4))
def test_together_under_random_use(world, seed):
    """Nothing raises, `intr` always says what is pending, and state moved to a twin continues as here."""
    chance = random.Random(seed)
    pc, twin = wire(world), wire(type(world)())
    running = [pc]
    for step in range(3000):
        if step == 1500:
            twin.world.time_ns = world.time_ns
            twin.world.clock.load(world.clock.save())
            for old, new in zip(pc.devices(), twin.devices(), strict=True):
                new.load(old.save())
            running = [pc, twin]
        act, n, value = chance.randrange(9), chance.randrange(16), chance.getrandbits(32)
        seen = []
        for one in running:
            if act == 0:
                one.lines[n].set(bool(value & 1))
            elif act == 1:
                one.put(16 * (value % 0x40), value >> 8)
            elif act == 2:
                one.io_put(0x10 + value % 0x30, value >> 8 & (0x1AFFF if value & 1 else 0xFFFFFF))
            elif act == 3:
                one.put(SVR, 0x1FF)
                one.put(EOI, 0)
            elif act == 4:
                one.world.outb(chance_port(n), value & 0xFF)
            elif act == 5:
                one.world.time_ns += value % 100_000
                one.world.clock.ring(one.world.time_ns)
            elif act == 6:
                one.lapic.set_lint1(bool(value & 1))
            elif act == 7 and n == 0:
                one.lapic.set_base(0xFEE00000 | (0x800 if value & 3 else 0))
            seen.append((one.take(), one.get(16 * n), one.io_get(n), [d.save() for d in one.devices()], len(one.nmis)))
        if len(seen) == 2:
            twin.nmis[:] = pc.nmis
            assert seen[0][:4] == seen[1][:4]


def chance_port(n):
    return (0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x43)[n & 7]
