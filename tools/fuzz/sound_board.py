"""A board with an AC97 whose clock moves only when told, and that notes what is played: for `fuzz sound`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playhead.base.sound import FRAME, FULL, Piece
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry, Outside
from playhead.boards.pc import Board, build
from playhead.boards.pc_devices import parts
from playhead.boards.pc_memory import area_size
from playhead.hw.block import Drive
from playhead.hw.clock import VirtualClock
from playhead.hw.inputs import AUDIO, takers
from tools.fuzz.cases import Finding
from tools.fuzz.net_board import Guarded, Rig
from tools.fuzz.net_cards import RAM, Step

RINGS = 20_000  # of alarms, for one step of at most 0.1 s


def config(bios: bytes = bytes(1 << 16), **more: Any) -> PcConfig:
    """A machine with an AC97, which may capture."""
    end = Outside("audiodev", "s", {"backend": "none", "captures": True})
    speaker: dict[str, Any] = {"more": [Entry("AC97", "sound", {"audiodev": "s", "addr": "02.0"})], "outside": [end]}
    return PcConfig(bios=bios, ram_bytes=RAM, **parts(**speaker, **more))


class SoundRig(Rig):
    """What of `Rig` is of a network is not here."""

    def __init__(self) -> None:
        self.time_ns = self.icount = 0
        self.ends: Mapping[str, Any] = {}
        self.drives: Sequence[Drive] = ()
        self.clock = VirtualClock(self)
        pc = config()
        self.memory = Guarded(area_size(pc))
        self.board: Board = build(pc, self.clock, self.memory, self, self, self)
        (self.sound,) = takers(self.board.devices, AUDIO)
        self.sound.port.played, self.sound.port.asked = self._played, self._asked
        self.pieces: list[Piece] = []
        self.asked = self.frames = 0
        self.memory.rest = self.rest()

    def _played(self, piece: Piece) -> None:
        if not piece.data or len(piece.data) % FRAME or not 0 < piece.rate < 1 << 16 or piece.first < 0:
            raise Finding(f"it plays {piece._replace(data=b'')} of {len(piece.data)} bytes")
        if not (0 <= piece.left <= FULL and 0 <= piece.right <= FULL):
            raise Finding(f"it plays at volumes {piece.left}, {piece.right}")
        self.pieces.append(piece)

    def _asked(self, frames: int, rate: int) -> bytes:
        """A third of what is asked for; the rest is silence."""
        if frames <= 0 or not 0 < rate < 1 << 16:
            raise Finding(f"it captures {frames} frames at {rate}")
        first, self.asked = self.asked, self.asked + frames
        return b"".join((n & 0xFFFFFFFF).to_bytes(FRAME, "little") for n in range(first, first + frames // 3))

    def step(self, step: Step) -> list[Any]:
        """Do it; what can be seen of it: the answer, lines, what was played."""
        self.pieces, self.memory.calls, self.memory.transfers = [], 0, True
        seen: list[Any] = [getattr(self, "_" + step[0])(*step[1:])]
        self.memory.transfers = False
        return [*seen, [wire.line.level for wire in (*self.board.irqs, *self.board.pirqs)], self.pieces]

    def _time(self, ns: int) -> None:
        end = self.time_ns + ns
        for count in range(RINGS + 1):
            if (deadline := self.clock.next_deadline_ns()) > end:
                break
            if count == RINGS:
                raise Finding(f"more than {RINGS} alarms in {ns} ns")
            self.time_ns = max(self.time_ns, deadline)
            self.clock.ring(self.time_ns)
        self.time_ns = end
        self.icount += 1

    def take(self, other: Rig) -> None:
        assert isinstance(other, SoundRig)
        super().take(other)
        self.asked = other.asked
