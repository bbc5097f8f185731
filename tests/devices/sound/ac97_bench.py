"""An AC97 alone: a clock that moves only when told, ports, memory, a line, and an audiodev that notes and is asked."""

from __future__ import annotations

import struct

from playhead.base.sound import Piece
from playhead.devices.sound.ac97 import Ac97
from playhead.hw.audio import AudioPort
from playhead.hw.clock import VirtualClock
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space

RAM = 4 << 20
NAM, NABM = 0xC000, 0xC400
LIST, DATA = 0x100000, 0x200000  # where descriptors and samples are
PI, PO, MC = 0x00, 0x10, 0x20
BDBAR, CIV, LVI, SR, PICB, PIV, CR = 0x0, 0x4, 0x5, 0x6, 0x8, 0xA, 0xB
GLOB_CNT, GLOB_STA, CAS = 0x2C, 0x30, 0x34
RUN, RESET, LVBIE, IOCE = 1, 2, 4, 0x10
DCH, CELV, LVBCI, BCIS = 1, 2, 4, 8
IOC = 1 << 31
SECOND = 1_000_000_000


class Ac97Bench:
    def __init__(self) -> None:
        self.time_ns = self.icount = 0
        self.clock, self.io, self.memory = VirtualClock(self), Space("io", 1 << 16), Memory(RAM)
        self.memory.map(0, RAM, self.memory.allocate(RAM))
        self.line, self.port = Line("intA"), AudioPort(0, captures=True)
        self.pieces: list[Piece] = []
        self.asked = 0  # frames
        self.port.played, self.port.asked = self.pieces.append, self._capture
        self.card = Ac97("ac97", self.io, self.memory, self.clock, self.line, self.port)
        self.configure()

    def configure(self) -> None:
        """What firmware does."""
        self.card.program(0x10, 4, NAM)
        self.card.program(0x14, 4, NABM)
        self.card.program(4, 2, 7)

    def _capture(self, frames: int, rate: int) -> bytes:
        """Frame n has n on the left and -n on the right."""
        first, self.asked = self.asked, self.asked + frames
        return b"".join(struct.pack("<hh", n % 30_000, -(n % 30_000)) for n in range(first, first + frames))

    def now_ns(self) -> int:
        return self.time_ns

    def advance(self, ns: int) -> None:
        end = self.time_ns + ns
        while (deadline := self.clock.next_deadline_ns()) <= end:
            self.time_ns = max(self.time_ns, deadline)
            self.clock.ring(self.time_ns)
        self.time_ns = end

    def become(self, other: Ac97Bench) -> None:
        """What a checkpoint keeps of another one."""
        self.time_ns, self.asked = other.time_ns, other.asked
        self.clock.load(other.clock.save())
        self.memory.area[:RAM] = other.memory.area[:RAM]
        self.card.load(other.card.save())

    # registers

    def mixer(self, register: int, value: int) -> None:
        self.io.write(NAM + register, 2, value)

    def read(self, register: int, size: int) -> int:
        return self.io.read(NABM + register, size)

    def write(self, register: int, size: int, value: int) -> None:
        self.io.write(NABM + register, size, value)

    # buffers

    def buffers(self, *lengths: int, flags: int = IOC, at: int = DATA) -> None:
        """A ring of buffers of so many samples, one behind the other."""
        for n in range(32):
            length = lengths[n % len(lengths)]
            self.memory.write(LIST + 8 * n, struct.pack("<II", at, length | flags))
            at += 2 * length

    def start(self, engine: int, last: int, enables: int = LVBIE | IOCE) -> None:
        self.write(engine + BDBAR, 4, LIST)
        self.write(engine + LVI, 1, last)
        self.write(engine + CR, 1, RUN | enables)

    def played(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    def loud(self) -> None:
        """All volumes at their top."""
        for register, value in ((0x02, 0), (0x18, 0), (0x1C, 0x0F0F)):
            self.mixer(register, value)


def frames(count: int, first: int = 0) -> bytes:
    """Some that can be told from each other."""
    return b"".join(struct.pack("<hh", n % 32_768, -(n % 32_768)) for n in range(first, first + count))
