"""One DMA engine of an AC97 controller: a walk through a ring of 32 buffers, at the pace of virtual time.

Where the engine is follows from virtual time alone: frame n of a run is due n / rate seconds after its start. Data move
when somebody looks (a read of a position, a change of a volume), at each buffer's end, and at least every 5 ms; so a
guest always finds in memory what the position says, and a buffer that it may fill again has been read.

A descriptor leads wherever the guest says: what is not memory reads as ones and takes no data, and the registers of
other devices are never touched. An empty buffer lasts 10 ms, as in QEMU, so that a ring of them keeps nobody busy.

Sources: Intel 82801AA (ICH) data sheet, chapter 13.
"""

from collections.abc import Callable
from typing import Protocol

from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.sound.ac97_registers import (
    BUFFERS, CR_KEPT, CR_RESET, CR_RUN, SR_BCIS, SR_CELV, SR_CLEARED, SR_DCH, SR_LVBCI, StreamState,
)  # fmt: skip
from playhead.hw.clock import NEVER, VirtualClock, ticks_at, ticks_to_ns

STEPS_A_SECOND, EMPTY_A_SECOND = 200, 100
IOC = 0x8000  # in the upper half of a descriptor's second word


class Transfer(Protocol):
    """What the engine does with memory: `samples` at `address`, of `frames` frames."""

    def __call__(self, x: StreamState, address: int, samples: int, frames: int) -> None: ...


class Stream:
    """`width`: samples of a frame. `rate` says the codec's rate; `changed` is called when SR or CR have changed."""

    def __init__(self, name: str, x: StreamState, clock: VirtualClock, memory: RingMemory, width: int,
                 rate: Callable[[], int], transfer: Transfer, changed: Callable[[], None]):  # fmt: skip
        self.x, self._clock, self._memory, self._width = x, clock, memory, width
        self._rate, self._transfer, self._changed = rate, transfer, changed
        self._alarm = clock.alarm(name, self.look)

    # -- time

    def look(self) -> None:
        """Move all that is due by now."""
        x = self.x
        if x.due_ns == NEVER:
            return
        now = self._clock.now_ns()
        while x.due_ns != NEVER:
            frames = min(ticks_at(now - x.since_ns, x.rate) - x.moved, self._left())
            if frames <= 0:
                break
            self._move(frames)
            if not self._left():
                self._end_buffer()
        self._await()

    def _left(self) -> int:
        """Frames until the buffer ends."""
        return self.x.idle or -(-self.x.picb // self._width)

    def _move(self, frames: int) -> None:
        x = self.x
        if x.idle:
            x.idle -= frames
        else:
            samples = min(frames * self._width, x.picb)
            self._transfer(x, x.base, samples, frames)
            x.base = x.base + 2 * samples & 0xFFFFFFFF
            x.picb -= samples
        x.moved += frames

    def _await(self) -> None:
        """Look again at the buffer's end, and before."""
        x = self.x
        if x.due_ns == NEVER:
            return
        ahead = min(self._left(), max(x.rate // STEPS_A_SECOND, 1))
        x.due_ns = x.since_ns + ticks_to_ns(x.moved + ahead, x.rate)
        self._alarm.arm(x.due_ns)

    def _go(self) -> None:
        """Frames are due from now on, if the codec has a rate."""
        x = self.x
        x.rate, x.since_ns, x.moved = self._rate(), self._clock.now_ns(), 0
        if not x.rate:
            self._halt()
            return
        x.due_ns = x.since_ns
        self._await()

    def _halt(self) -> None:
        self.x.due_ns = NEVER
        self._alarm.cancel()

    def rate_changed(self) -> None:
        """The codec's rate is another one; all that was due at the old one has moved."""
        x = self.x
        if x.cr & CR_RUN and not x.sr & SR_DCH:
            self._go()

    # -- buffers

    def _fetch(self) -> None:
        """Go on to the next buffer."""
        x = self.x
        x.civ, x.piv = x.piv, (x.piv + 1) % BUFFERS
        entry = self._memory.read(x.bdbar + 8 * x.civ & 0xFFFFFFFF, 8)
        control = int.from_bytes(entry[6:8], "little")
        x.base = int.from_bytes(entry[:4], "little") & ~1
        x.picb, x.ioc = int.from_bytes(entry[4:6], "little"), bool(control & IOC)
        x.idle = 0 if x.picb else max(self._rate() // EMPTY_A_SECOND, 1)

    def _end_buffer(self) -> None:
        x = self.x
        x.sr = x.sr & ~SR_CELV | (SR_BCIS if x.ioc else 0)
        if x.civ == x.lvi:
            x.sr |= SR_LVBCI | SR_DCH | SR_CELV
            self._halt()
        else:
            self._fetch()
        self._changed()

    # -- what the guest writes, when all that was due has moved

    def set_bdbar(self, value: int) -> None:
        self.x.bdbar = value & ~3

    def set_lvi(self, value: int) -> None:
        """A run that has come to the last valid buffer goes on behind it."""
        x = self.x
        x.lvi = value % BUFFERS
        if x.cr & CR_RUN and x.sr & SR_DCH:
            x.sr &= ~(SR_DCH | SR_CELV)
            self._fetch()
            self._go()

    def set_sr(self, value: int) -> None:
        self.x.sr &= ~(value & SR_CLEARED)
        self._changed()

    def set_cr(self, value: int) -> None:
        x = self.x
        if value & CR_RESET:
            self.reset()
            return
        began = value & ~x.cr & CR_RUN
        x.cr = value & (CR_RUN | CR_KEPT)
        if not value & CR_RUN:
            x.sr |= SR_DCH
            self._halt()
        elif began:
            x.sr &= ~SR_DCH
            if not self._left():  # nothing has been begun that a pause interrupted
                self._fetch()
            self._go()
        self._changed()

    def reset(self) -> None:
        """The registers' reset, which leaves the interrupt enables alone."""
        kept = self.x.cr & CR_KEPT
        self._halt()
        self.x.reset()
        self.x.cr = kept
        self._changed()

    def before_reset(self) -> None:
        self._alarm.cancel()
