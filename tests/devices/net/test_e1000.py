"""The 82540EM as its manual describes it: statistics, interrupts, PHY, EEPROM, resets, and the state of all of it."""

import random

import pytest
from e1000_bench import (
    BAM, CTRL, EECD, EERD, EN, EOP, ICR, ICS, IDE, IMC, IMS, ITR, LSC, MAC, MDAC, MDIC, MTA, PORTS, RADV, RAL, RCTL,
    RDH, RDT, RDTR, RS, RXT0, STATUS, TADV, TCTL, TDBAL, TDH, TDT, TXDW, UPE, VET, Bench, frame,
)  # fmt: skip

from playhead.devices.net import e1000_registers as r
from playhead.devices.net.ethernet import BROADCAST

UNIT_NS = 256


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- statistics


def test_counters_are_cleared_by_reading(bench):
    bench.start_receiving()
    bench.start_sending()
    for to, length in ((MAC, 60), (BROADCAST, 61), (MAC, 1514)):
        bench.receive(frame(length, to))
        bench.send(frame(length, to))
    octets = 60 + 61 + 1514 + 3 * 4
    assert bench.read(0x4088) == bench.read(0x4088) == octets  # the low half stays until the high one is read
    assert bench.counters() == {
        0x405C: 1, 0x4060: 1, 0x4070: 1, 0x4074: 3, 0x4078: 1, 0x4080: 3, 0x4088: octets, 0x4090: octets,
        0x40C0: octets, 0x40C8: octets, 0x40D0: 3, 0x40D4: 3, 0x40D8: 1, 0x40DC: 1, 0x40EC: 1, 0x40F4: 1,
    }  # fmt: skip
    assert bench.counters() == {}


def test_full_counters(bench):
    bench.start_receiving()
    regs = bench.card.state.regs
    for n in (r.TPR, r.GORCL, r.TORL, r.TORH):
        regs[n] = 0xFFFFFFFF
    bench.receive(frame(60))
    assert (regs[r.TPR], regs[r.GORCL], regs[r.GORCH]) == (0xFFFFFFFF, 63, 1)
    assert regs[r.TORL] == regs[r.TORH] == 0xFFFFFFFF


# -- interrupts


def test_causes_and_mask(bench):
    bench.write(ICS, TXDW | LSC)
    assert not bench.line.level and bench.read(ICS) == TXDW | LSC
    bench.write(IMS, LSC)
    assert bench.line.level and bench.read(IMS) == LSC
    assert bench.card.word(6) & 8  # PCI's status says so
    bench.write(ICR, LSC)
    assert not bench.line.level and not bench.card.word(6) & 8 and bench.read(ICR) == TXDW
    bench.advance(10**6)
    bench.write(ICS, LSC)
    assert bench.line.level
    bench.write(IMC, LSC)
    assert not bench.line.level and bench.read(IMS) == 0 and bench.read(IMC) == 0
    bench.advance(10**6)
    bench.write(IMS, LSC)
    assert bench.line.level and bench.read(ICR) == LSC and not bench.line.level


def test_intx_can_be_disabled(bench):
    bench.write(IMS, LSC)
    bench.write(ICS, LSC)
    bench.card.program(4, 2, 0x407)
    assert not bench.line.level and bench.card.word(6) & 8
    bench.card.program(4, 2, 7)
    assert bench.line.level


@pytest.mark.parametrize("registers, cause, units", [
    ({}, RXT0, 500), ({ITR: 200}, RXT0, 500), ({ITR: 2000}, RXT0, 2000), ({RADV: 1000}, RXT0, 500),
    ({RDTR: 1, RADV: 1000}, RXT0, 4000), ({RDTR: 1, RADV: 1000, ITR: 3000}, RXT0, 3000),
    ({RDTR: 1, RADV: 1000}, LSC, 500), ({TADV: 1000}, TXDW, 500),
])  # fmt: skip
def test_interrupts_keep_a_distance(bench, registers, cause, units):
    for register, value in registers.items():
        bench.write(register, value)
    bench.write(IMS, 0xFF)
    bench.write(ICS, cause)
    assert bench.line.level
    bench.read(ICR)
    bench.write(ICS, cause)
    assert not bench.line.level
    bench.advance(units * UNIT_NS - 1)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level


def test_a_descriptor_may_ask_for_a_delay(bench):
    bench.start_sending()
    bench.write(TADV, 1000)
    bench.write(IMS, TXDW)
    bench.send(frame(60), command=EOP | RS | IDE)
    assert bench.line.level
    bench.read(ICR)
    bench.send(frame(60))
    bench.advance(4000 * UNIT_NS - 1)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level and bench.edges.count(True) == 2


def test_without_mitigation():
    bench = Bench(mitigation=False)
    bench.write(IMS, LSC)
    for n in range(3):
        bench.write(ICS, LSC)
        bench.read(ICR)
        assert bench.edges.count(True) == n + 1
    bench.write(ITR, 5)
    assert bench.read(ITR) == 0


# -- the PHY and the link


def test_autonegotiation_takes_half_a_second(bench):
    bench.write(IMS, LSC)
    bench.phy(0, 0x1340)
    assert bench.read(STATUS) & 2 == 0 and bench.phy(1) == 0x7949 and bench.phy(0) == 0x1140
    bench.advance(499_999_999)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level and bench.read(STATUS) & 2 and bench.phy(1) == 0x796D and bench.phy(5) == 0x41E0


def test_the_cable(bench):
    bench.write(IMS, LSC)
    bench.card.set_link(False)
    assert bench.read(STATUS) & 2 == 0 and bench.read(ICR) == LSC and bench.phy(1) & 0x24 == 0
    bench.write(CTRL, 1 << 26)
    bench.card.reset()
    bench.configure()
    assert bench.read(STATUS) & 2 == 0 and not bench.card.state.link
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2 == 0
    bench.advance(500_000_000)
    assert bench.read(STATUS) & 2 and bench.read(ICR) == LSC
    bench.phy(0, 0x140)  # without autonegotiation it is at once
    bench.card.set_link(False)
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2 and bench.read(ICR) == LSC


def test_a_cable_that_is_pulled_while_negotiating(bench):
    bench.phy(0, 0x1340)
    bench.card.set_link(False)
    bench.advance(10**9)
    assert bench.read(STATUS) & 2 == 0 and bench.read(ICR) == 0


def test_without_autonegotiation():
    bench = Bench(autonegotiation=False)
    bench.phy(0, 0x1340)
    assert bench.read(STATUS) & 2
    bench.card.set_link(False)
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2


def test_mdic(bench):
    bench.write(MDIC, 1 << 29 | 2 << 26 | 1 << 21 | 2 << 16)
    assert bench.read(MDIC) == 0x38220141 and bench.read(ICR) == MDAC
    bench.write(MDIC, 2 << 26 | 3 << 21 | 2 << 16)  # another PHY
    assert bench.read(MDIC) == 0x78220141
    bench.write(MDIC, 1 << 26 | 1 << 21 | 2 << 16 | 5)  # a register that cannot be written
    assert bench.read(MDIC) == 0x54220005 and bench.phy(2) == 0x141
    bench.phy(4, 0x1111)
    assert bench.phy(4) == 0x1111
    bench.phy(0, 0x9140)
    assert bench.phy(4) == 0x0DE1 and bench.phy(0) == 0x1140


# -- EEPROM


def test_the_eeprom_by_both_ways(bench):
    def start(n):
        bench.write(EERD, n << 8 | 1)
        assert bench.read(EERD) & 0x10
        return bench.read(EERD) >> 16

    words = [start(n) for n in range(64)]
    assert b"".join(word.to_bytes(2, "little") for word in words[:3]) == MAC and sum(words) & 0xFFFF == 0xBABA
    assert [microwire(bench, n) for n in (0, 1, 2, 63)] == [words[n] for n in (0, 1, 2, 63)]
    assert start(64) == 0


def microwire(bench: Bench, word: int) -> int:
    """Read a word as drivers do: request, select, a start bit, the operation, six bits of address."""
    def clock(bit: int) -> int:
        bench.write(EECD, 0x42 | bit << 2)
        bench.write(EECD, 0x43 | bit << 2)
        bench.write(EECD, 0x42 | bit << 2)
        return bench.read(EECD) >> 3 & 1

    bench.write(EECD, 0x40)
    assert bench.read(EECD) & 0x1C0 == 0x1C0
    bench.write(EECD, 0x42)
    for bit in f"110{word:06b}":
        clock(int(bit))
    value = 0
    for _ in range(16):
        value = value << 1 | clock(0)
    bench.write(EECD, 0)
    return value


# -- resets


def test_a_software_reset(bench):
    bench.start_sending()
    bench.start_receiving()
    bench.phy(16, 0x1234)
    bench.write(IMS, LSC)
    bench.write(ICS, LSC)
    bench.write(RAL, 0)
    bench.write(MTA, 5)
    bench.legacy(60, 0)
    bench.go()
    bench.write(CTRL, 1 << 26 | 0x40)
    for offset in (IMS, ICR, RCTL, TCTL, TDBAL, TDT, RDT, MTA):
        assert bench.read(offset) == 0, hex(offset)
    assert bench.read(CTRL) == 0x140240 and bench.read(STATUS) == 0x80080783 and not bench.line.level
    assert bench.read(RAL) == int.from_bytes(MAC[:4], "little") and bench.phy(16) == 0x1234
    bench.start_sending()
    assert bench.send(frame(60)) == [frame(60)]


def test_registers_through_ports(bench):
    bench.io.write(PORTS, 4, IMS)
    bench.io.write(PORTS + 4, 4, LSC)
    assert bench.read(IMS) == LSC and bench.io.read(PORTS + 4, 4) == LSC and bench.io.read(PORTS, 4) == IMS
    bench.write(ICS, LSC)
    bench.io.write(PORTS, 4, ICR)
    assert bench.line.level and bench.io.read(PORTS + 4, 4) == LSC and not bench.line.level
    bench.io.write(PORTS, 4, 0x20000)
    bench.io.write(PORTS + 4, 4, 5)
    assert bench.io.read(PORTS + 4, 4) == 0
    bench.io.write(PORTS, 4, CTRL)
    bench.io.write(PORTS + 4, 4, 1 << 26)  # Linux resets the chip so
    assert bench.read(IMS) == 0


def test_the_reset_line_keeps_the_eeprom_and_the_cable(bench):
    fresh = Bench().card
    bench.start_sending()
    bench.send(frame(60))
    bench.phy(0, 0x1340)
    bench.card.reset()
    fresh.reset()
    assert bench.card.save() == fresh.save() and not any(alarm.armed for alarm in bench.clock.alarms)


def test_properties():
    bench = Bench(**{"init-vet": False, "extra_mac_registers": False})
    assert bench.read(VET) == 0
    for offset in (0x458, 0x5800, 0x9000):
        bench.write(offset, 5)
        assert bench.read(offset) == 0
    assert Bench().read(VET) == 0x8100


# -- state


def test_a_checkpoint_in_the_middle_of_traffic(bench):
    """Two machines, one of which is put into the other's state again and again, stay the same."""
    chance, other = random.Random(9), Bench()
    bench.start_receiving(16, EN | BAM | UPE)
    bench.start_sending(16)
    bench.write(IMS, 0xFFFF)
    other.become(bench)
    for step in range(300):
        if step % 7 == 0:
            other.become(bench)
        length, kind, delay = chance.choice((60, 200, 1514)), chance.choice("trid"), chance.randrange(300_000)
        results = []
        for one in (bench, other):
            if kind == "t":
                results.append(one.send(frame(length, seed=step), command=chance_command(step)))
            elif kind == "r" and one.card.can_receive():
                results.append(one.receive(frame(length, seed=step)))
            elif kind == "i":
                results.append(one.read(ICR))
            else:
                one.write(RDT, (one.read(RDH) + 15) % 16)
            one.advance(delay)
            results.append((one.line.level, one.read(RDH), one.read(TDH), one.clock.save(), one.card.save()))
        assert results[: len(results) // 2] == results[len(results) // 2 :], step
    assert bench.memory.area[:] == other.memory.area[:]


def chance_command(step: int) -> int:
    return EOP | RS | (IDE if step % 3 == 0 else 0) if step % 5 else RS


def test_tail_and_head_as_written(bench):
    bench.write(TDT, 0x12345)
    bench.write(RDT, 0x12345)
    assert bench.read(TDT) == bench.read(RDT) == 0x2345
