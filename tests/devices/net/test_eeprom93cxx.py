"""The cards' serial EEPROM, bit by bit as drivers do it."""

import pytest

from playhead.devices.net.eeprom93cxx import Eeprom93C46, EepromState

READ, WRITE, ERASE = 0b110, 0b101, 0b111
EWEN, EWDS, ERAL, WRAL = (0b100_000000 | special << 4 for special in (3, 0, 2, 1))


class Rig:
    def __init__(self, **options):
        self.chip = Eeprom93C46(EepromState(), **options)
        self.chip.fill([0x8129, 0x10EC, 0x8139, 0x1234])
        self.chip.drive(False, False, False)

    def clock(self, data=0):
        """One period; returns data out after the rise."""
        self.chip.drive(True, False, bool(data))
        self.chip.drive(True, True, bool(data))
        out = self.chip.state.output
        self.chip.drive(True, False, bool(data))
        return int(out)

    def send(self, value, bits):
        return [self.clock(value >> n & 1) for n in reversed(range(bits))]

    def word(self):
        return int("".join(str(self.clock()) for _ in range(16)), 2)

    def stop(self):
        self.chip.drive(False, False, False)

    def read(self, address):
        self.send(READ << 6 | address, 9)
        word = self.word()
        self.stop()
        return word

    def do(self, command, data=None):
        self.send(command, 9)
        if data is not None:
            self.send(data, 16)
        self.stop()


@pytest.fixture
def rig():
    return Rig()


def test_a_word_comes_behind_a_zero(rig):
    assert rig.send(READ << 6 | 2, 9)[-1] == 0
    assert rig.word() == 0x8139
    rig.stop()
    assert [rig.read(n) for n in range(5)] == [0x8129, 0x10EC, 0x8139, 0x1234, 0xFFFF]


def test_zeros_before_the_start_bit_do_not_count(rig):
    rig.send(0, 5)
    assert rig.read(1) == 0x10EC


def test_a_read_goes_on_with_the_next_word_and_wraps(rig):
    rig.send(READ << 6 | 63, 9)
    assert [rig.word() for _ in range(3)] == [0xFFFF, 0x8129, 0x10EC]


def test_writing_has_to_be_enabled(rig):
    rig.do(WRITE << 6 | 5, 0xABCD)
    assert rig.read(5) == 0xFFFF
    rig.do(EWEN)
    rig.do(WRITE << 6 | 5, 0xABCD)
    rig.chip.drive(True, False, False)
    assert rig.chip.state.output  # ready
    rig.stop()
    rig.do(ERASE << 6 | 1)
    assert (rig.read(5), rig.read(1)) == (0xABCD, 0xFFFF)
    rig.do(EWDS)
    rig.do(WRITE << 6 | 5, 0)
    assert rig.read(5) == 0xABCD


def test_a_command_that_is_cut_short_does_nothing(rig):
    rig.do(EWEN)
    rig.send(WRITE << 6 | 2, 9), rig.send(0, 15), rig.stop()
    rig.send(ERASE << 2, 5), rig.stop()
    assert [rig.read(n) for n in range(4)] == [0x8129, 0x10EC, 0x8139, 0x1234]


def test_all_words_at_once(rig):
    rig.do(EWEN)
    rig.do(WRAL, 0x5555)
    assert {rig.read(n) for n in range(64)} == {0x5555}
    rig.do(ERAL)
    assert {rig.read(n) for n in range(64)} == {0xFFFF}


def test_power_keeps_the_words_only(rig):
    rig.do(EWEN)
    rig.do(WRITE << 6 | 5, 0xABCD)
    rig.chip.power_on()
    rig.do(WRITE << 6 | 5, 0)
    assert rig.read(5) == 0xABCD


def test_a_state_in_the_middle_of_a_read_goes_on(rig):
    rig.send(READ << 6 | 1, 9), rig.send(0, 7)
    other = Rig()
    other.chip.state.assign(EepromState.decode(rig.chip.state.encode()))
    assert other.send(0, 9) == rig.send(0, 9)


def test_what_is_seen_while_it_does_not_drive_its_output():
    assert not Rig().chip.state.output and Rig(idle=True).chip.state.output
