"""The serial EEPROM of a network card: a 93C46 (64 words of 16 bits) on four wires, Microwire's.

A card's register drives chip select, clock and data in, and shows data out. While it is selected, the chip takes a bit
with each rising clock: a start bit, two bits of operation, six of address; then it gives a word, or takes one. A read
that goes on gives the words behind it. What is written is there as soon as the chip is deselected, and only after it
was enabled (EWEN), which it is not at power-on.

What it holds is kept without power, so a reset of the card does not change it (`power_on`).

Source: Microchip, data sheet of the 93C46.
"""

from collections.abc import Sequence

from playhead.base.record import U8, U16, Array, Bool
from playhead.base.shared_record import SharedRecord

WORDS = 64
WORD_BITS, COMMAND_BITS = 16, 8
SPECIAL, WRITE, READ, ERASE = range(4)  # operations
EWDS, WRAL, ERAL, EWEN = range(4)  # of SPECIAL, in the highest bits of the address

WAITING, COMMAND, GIVING, TAKING, DONE = range(5)  # phases: what the next bits are


class EepromState(SharedRecord):
    words = Array(U16(0xFFFF), WORDS)
    clock = Bool()  # the level that it has seen last
    selected = Bool()
    output = Bool()  # data out
    phase = U8()
    bits = U8()  # how many of the command or of a word have gone by
    shift = U16()
    command = U8()
    enabled = Bool()  # for writing


class Eeprom93C46:
    """`state` is a part of the card's. `idle` is the level of data out while the chip does not drive it."""

    def __init__(self, state: EepromState, *, idle: bool = False):
        self.state, self._idle = state, idle
        state.output = idle

    def fill(self, words: Sequence[int]) -> None:
        """What the factory has put in, from word 0 on."""
        for n, word in enumerate(words):
            self.state.words[n] = word

    def power_on(self) -> None:
        """All but the words as it is after power-on."""
        s = self.state
        words = list(s.words)
        s.reset()
        s.words = words
        s.output = self._idle

    def drive(self, select: bool, clock: bool, data: bool) -> None:
        """The levels of its inputs from now on."""
        s = self.state
        if not select:
            if s.selected:
                self._deselect()
        elif not s.selected:
            s.selected, s.phase = True, WAITING
        elif clock and not s.clock:
            self._rise(data)
        s.clock = clock

    def _rise(self, data: bool) -> None:
        s = self.state
        if s.phase == WAITING:
            if data:
                s.phase, s.bits, s.shift, s.output = COMMAND, 0, 0, self._idle
        elif s.phase == GIVING:
            self._give()
        elif s.phase in (COMMAND, TAKING):
            s.shift = s.shift << 1 & 0xFFFF | data
            s.bits += 1
            if s.phase == COMMAND and s.bits == COMMAND_BITS:
                self._begin(s.shift)
            elif s.phase == TAKING and s.bits == WORD_BITS:
                s.phase = DONE

    def _begin(self, command: int) -> None:
        """All bits of a command are there. A read's first bit out is a 0."""
        s = self.state
        s.command, s.bits = command, 0
        operation, special = command >> 6, command >> 4 & 3
        if operation == READ:
            s.phase, s.shift, s.output = GIVING, s.words[command % WORDS], False
        elif operation == WRITE or (operation == SPECIAL and special == WRAL):
            s.phase, s.shift = TAKING, 0
        else:
            s.phase = DONE
            if operation == SPECIAL and special in (EWEN, EWDS):
                s.enabled = special == EWEN

    def _give(self) -> None:
        s = self.state
        s.output = bool(s.shift >> WORD_BITS - 1 - s.bits & 1)
        s.bits += 1
        if s.bits == WORD_BITS:
            s.bits, s.command = 0, s.command & ~(WORDS - 1) | (s.command + 1) % WORDS
            s.shift = s.words[s.command % WORDS]

    def _deselect(self) -> None:
        """The end of a command: what it changes is changed, and the chip shows that it is ready when it is next
        selected."""
        s = self.state
        s.selected, s.output = False, self._idle
        if s.phase != DONE:
            return
        operation, special, at = s.command >> 6, s.command >> 4 & 3, s.command % WORDS
        every = operation == SPECIAL and special in (WRAL, ERAL)
        if s.enabled and (every or operation in (WRITE, ERASE)):
            erased = operation == ERASE or (every and special == ERAL)
            for n in range(WORDS) if every else (at,):
                s.words[n] = 0xFFFF if erased else s.shift
            s.output = True
