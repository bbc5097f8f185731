"""A recording as the log that QEMU would have written of the same run.

QEMU logs what our moments make superfluous: how many instructions ran in between, a mark for each replay checkpoint
that it passed, each interrupt and exception, each write to a character device. All of that falls out, so the recording
is replayed, compared as ever, and what happens on the way is written down in QEMU's order:

- input, then the checkpoint at which it entered;
- a halted processor: CLOCK_WARP_START and the time; then, as virtual time is moved on, CLOCK_VIRTUAL_RT and the time;
- alarms: CLOCK_VIRTUAL, in front of them.

What differs from QEMU's own log of such a run: INT n is no exception (`log.events`), deferred work inside of QEMU
(ASYNC_BH) does not exist here, and its clock is read by more than the guest.
"""

from collections import Counter
from collections.abc import Sequence
from typing import cast

from playhead.host.host import Host
from playhead.base.sound import FRAME, Piece
from playhead.log.events import (
    TRACED,
    AudioIn,
    AudioOut,
    BlockDone,
    BlockFailed,
    CharWrite,
    CheckpointPassed,
    ClockHost,
    ClockVirtualRt,
    End,
    Entry,
    Event,
    ResetRequested,
)
from playhead.log.qemu_writer import QemuWriter
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.replay.checkpoints import Checkpoint
from playhead.session.replay import ReplaySession
from playhead.session.run import Build

MIXER_HZ = 44_100  # of QEMU's audiodevs, if nothing else is said


class QemuLogSession(ReplaySession):
    """`left_out` counts the events that QEMU's log has no place for, by name."""

    def __init__(self, build: Build, host: Host, reader: Reader, writer: QemuWriter):
        super().__init__(build, host, reader)
        self._writer = writer
        self._traced = False  # the recording has interrupts and exceptions
        self.left_out: Counter[str] = Counter()
        self.checkpoints.watchers.append(self._passed)
        self.sounds.append(self)

    def _begin(self) -> None:
        super()._begin()
        machine = cast(Machine, self.machine)
        self._traced = machine.on_delivery is not None
        machine.on_delivery = self._delivered
        machine.on_alarms = lambda: self._passed(Checkpoint.CLOCK_VIRTUAL)

    def _write(self, event: Event) -> None:
        self._writer.write(max(self._moment().icount, self._first), event)

    def _passed(self, checkpoint: Checkpoint) -> None:
        self._write(CheckpointPassed(id=checkpoint))

    # what happens

    def _deliver(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, ClockVirtualRt):
            self._idle()
            super()._deliver(entry)
            self._write(event)
            return
        if isinstance(event, BlockFailed):  # QEMU's does not say whether it failed
            event = BlockDone(id=event.id)
        if not isinstance(event, (End, ResetRequested)):  # these are the end, and a checkpoint
            if event.KIND.qemu:
                self._write(event)
            else:
                self.left_out[event.KIND.name] += 1
        super()._deliver(entry)

    def _idle(self) -> None:
        self._passed(Checkpoint.CLOCK_WARP_START)
        self._write(ClockVirtualRt(ns=self.machine.now_ns()))

    def _sleep(self, until_ns: int) -> None:
        self._idle()
        super()._sleep(until_ns)
        self._passed(Checkpoint.CLOCK_VIRTUAL_RT)
        self._write(ClockVirtualRt(ns=until_ns))

    def ask(self, kind: type[Event]) -> Event:
        answer = super().ask(kind)
        if self._built and isinstance(answer, (ClockHost, AudioIn)):
            self._write(answer)
        return answer

    def played(self, audio: int, piece: Piece) -> None:
        """QEMU's mixer says how many frames the host took, at the host's rate."""
        if frames := len(piece.data) // FRAME:
            ends = [at * MIXER_HZ // piece.rate for at in (piece.first, piece.first + frames)]
            self._write(AudioOut(played=ends[1] - ends[0]))

    def _delivered(self, kind: str, vector: int | None) -> None:
        self._write(TRACED[kind](vector=vector))
        if self._traced:
            super()._delivered(kind, vector)

    def _printed(self, port: int, data: bytes, icounts: Sequence[int]) -> None:
        super()._printed(port, data, icounts)
        for icount in icounts:
            self._writer.write(icount, CharWrite(result=1, offset=1))
