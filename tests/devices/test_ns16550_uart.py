"""The UART against the PC16550D data sheet."""

import pytest

from playhead.devices.char.ns16550_uart import Ns16550
from playhead.hw.line import Line

RBR, IER, IIR, FCR, LCR, MCR, LSR, MSR, SCR = 0x3F8, 0x3F9, 0x3FA, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF


@pytest.fixture
def uart(world):
    world.line = Line("irq4")
    world.edges = []
    world.line.connect(world.edges.append)
    chip = Ns16550("serial0", world.io, 0x3F8, world.line, world, world.clock)
    world.outb(MCR, 0x0B)  # DTR, RTS, OUT2
    return chip


def test_after_reset(world, uart):
    uart.reset()
    assert [world.inb(0x3F8 + i) for i in (1, 2, 3, 4, 5)] == [0, 1, 0, 8, 0x60]
    assert world.inb(MSR) == 0xB0


def test_divisor_latch_and_scratch(world, uart):
    world.outb(LCR, 0x80)
    world.outb(RBR, 0x01)
    world.outb(IER, 0x02)
    assert (world.inb(RBR), world.inb(IER)) == (1, 2)
    world.outb(LCR, 0x03)
    assert world.inb(IER) == 0
    world.outb(SCR, 0x5A)
    assert world.inb(SCR) == 0x5A


def test_transmit_goes_out_at_once_and_makes_an_edge_for_each_byte(world, uart):
    world.outb(IER, 2)
    assert world.line.level and world.inb(IIR) == 0x02  # enabling it with THR empty interrupts
    assert not world.line.level and world.inb(IIR) == 0x01  # and reading IIR clears it
    world.edges.clear()
    for byte in b"hi":
        world.outb(RBR, byte)
    assert bytes(world.output) == b"hi"
    assert world.edges == [True, False, True]
    assert world.inb(LSR) == 0x60


def test_receive_without_fifos(world, uart):
    world.outb(IER, 1)
    assert uart.can_receive() == 1
    assert uart.receive(b"ab") == 1
    assert world.line.level and world.inb(IIR) == 0x04 and world.inb(LSR) == 0x61
    assert uart.can_receive() == 0 and uart.receive(b"b") == 0
    assert world.inb(RBR) == ord("a")
    assert not world.line.level and world.inb(RBR) == ord("a")  # an empty RBR shows the last byte


@pytest.mark.parametrize("select,level", [(0, 1), (1, 4), (2, 8), (3, 14)])
def test_trigger_levels(world, uart, select, level):
    world.outb(IER, 1)
    world.outb(FCR, 0x01 | select << 6)
    assert uart.receive(bytes(level - 1)) == level - 1
    assert not world.line.level
    uart.receive(b"x")
    assert world.line.level and world.inb(IIR) == 0xC4
    world.inb(RBR)
    assert not world.line.level  # below the trigger level again


def test_fifo_takes_sixteen(world, uart):
    world.outb(FCR, 0x01)
    assert uart.receive(bytes(range(20))) == 16
    assert [world.inb(RBR) for _ in range(16)] == list(range(16))


def test_character_timeout_comes_after_four_characters(world, uart):
    world.outb(LCR, 0x83)
    world.outb(RBR, 1)
    world.outb(IER, 0)
    world.outb(LCR, 0x03)  # 115200 8N1: ten bits
    world.outb(IER, 1)
    world.outb(FCR, 0xC1)
    character = uart.character_ns()
    assert character == -(-10_000_000_000 // 115_200)
    uart.receive(b"ab")
    world.advance(4 * character - 1)
    assert not world.line.level
    world.advance(1)
    assert world.line.level and world.inb(IIR) == 0xCC
    world.inb(RBR)
    assert not world.line.level and world.inb(IIR) == 0xC1
    world.advance(4 * character)
    assert world.inb(IIR) == 0xCC  # one byte is still there
    world.inb(RBR)
    world.advance(1_000_000_000)
    assert world.inb(IIR) == 0xC1 and not uart._timeout.armed


def test_priorities(world, uart):
    world.outb(IER, 0x0F)
    world.outb(FCR, 0x01)
    world.outb(MCR, 0x1B)  # loopback
    for byte in range(17):
        world.outb(RBR, byte)
    order = []
    order.append(world.inb(IIR))
    assert world.inb(LSR) & 0x03 == 0x03
    order.append(world.inb(IIR))
    for _ in range(16):
        world.inb(RBR)
    order.append(world.inb(IIR))
    order.append(world.inb(IIR))
    assert order == [0xC6, 0xC4, 0xC2, 0xC1]


def test_loopback_is_cut_off_from_outside(world, uart):
    world.outb(MCR, 0x1B)
    assert uart.can_receive() == 0 and uart.receive(b"x") == 0
    world.outb(LCR, 0x03)
    world.outb(RBR, 0xA5)
    assert world.inb(RBR) == 0xA5 and world.output == b""
    assert world.inb(MSR) & 0xF0 == 0xB0  # RTS, DTR, OUT2
    world.outb(MCR, 0x10)
    world.outb(MCR, 0x1F)
    assert world.inb(MSR) == 0xF0  # no changes


@pytest.mark.parametrize("mcr", [0x00, 0x03, 0x10, 0x1F])
def test_nothing_gates_the_interrupt(world, uart, mcr):
    """A widely used teaching system writes MCR = 0, and gets its keys on QEMU."""
    world.outb(MCR, mcr)
    world.outb(IER, 2)
    assert world.line.level and world.inb(IIR) == 2 and not world.line.level
    world.outb(MCR, mcr & 0x0F)
    world.outb(IER, 1)
    uart.receive(b"k")
    assert world.line.level and world.inb(IIR) == 4


def test_fifos_switched_or_emptied_make_the_transmitter_interrupt(world, uart):
    world.outb(IER, 2)
    for fcr, identity in ((0x01, 0xC2), (0x01, 0xC1), (0x03, 0xC1), (0x05, 0xC2), (0x00, 0x02), (0x00, 0x01)):
        assert world.inb(IIR) & 0xF in (1, 2)  # none is left of what was before
        world.outb(FCR, fcr)
        assert world.inb(IIR) == identity
    world.outb(FCR, 0x01)
    uart.receive(b"x")
    assert world.inb(RBR) == ord("x") and world.inb(RBR) == 0  # and an empty FIFO reads as 0


def test_switching_fifos_clears_them_and_fcr_clear(world, uart):
    world.outb(FCR, 1)
    uart.receive(b"abc")
    world.outb(FCR, 3)
    assert world.inb(LSR) == 0x60
    uart.receive(b"abc")
    world.outb(FCR, 0)
    assert world.inb(LSR) == 0x60 and world.inb(IIR) & 0xC0 == 0


def test_save_and_load(world, uart):
    world.outb(FCR, 0x81)
    world.outb(IER, 1)
    uart.receive(b"0123456789")
    saved = uart.save()
    uart.reset()
    assert not world.line.level
    edges = list(world.edges)
    uart.load(saved)
    assert uart.save() == saved and world.line.level and world.edges == edges  # restored without telling anybody
    assert world.inb(RBR) == ord("0")


def test_a_polled_receiver_tells_when_it_is_empty(world, uart):
    told = []
    uart.on_room = lambda: told.append(uart.can_receive())

    def happened():
        now = list(told)
        told.clear()
        return now

    uart.receive(b"a")
    world.inb(RBR)
    assert happened() == [1]
    world.inb(RBR)
    assert happened() == []  # it was empty before
    world.outb(FCR, 0x01)
    assert happened() == [16]  # FIFOs are on
    uart.receive(b"abc")
    world.inb(RBR)
    world.inb(RBR)
    assert happened() == []
    world.inb(RBR)
    assert happened() == [16]
    uart.receive(b"abc")
    world.outb(FCR, 0x03)
    assert happened() == [16]  # cleared
    world.outb(MCR, 0x1B)
    assert happened() == [] and uart.can_receive() == 0
    world.outb(MCR, 0x0B)
    assert happened() == [16]  # the end of a loopback
    world.outb(IER, 1)
    uart.receive(b"a")
    world.inb(RBR)
    assert happened() == []  # an interrupt handler, which may end
