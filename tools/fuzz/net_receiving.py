"""A plain driver of an e1000 that only receives (as steps, `net_cards.py`), recorded under steady traffic: for tests
that want each packet to matter. Every frame goes into a buffer of its own; time passes, and the guest reads how many
have come.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

from playhead.boards.config import PcConfig
from playhead.session.sources import NetSource
from tools.fuzz.net_board import config
from tools.fuzz.net_cards import BUFFERS, MAC, RINGS, Step
from tools.fuzz.net_e1000 import ICR, IMS, RCTL, RDBAL, RDH, RDLEN, RDT, E1000Plan
from tools.fuzz.net_guest import firmware
from tools.fuzz.net_machine import Network, Recorded

RING = 64
ROUNDS = 40
OUT, BACK = 5600, 5900  # instructions: in between, the cable is out
GAP_NS = 333_333


def steps(rounds: int = ROUNDS) -> list[Step]:
    plan = E1000Plan(random.Random(0))
    ring = b"".join(struct.pack("<QQ", BUFFERS + 2048 * n, 0) for n in range(RING))
    found = [*plan.place(), ("ram", RINGS, ring)]
    values = ((RDBAL, RINGS), (RDBAL + 4, 0), (RDLEN, 16 * RING), (RDH, 0), (RDT, RING - 1), (IMS, 0x80),
              (RCTL, 0x801A))  # fmt: skip
    found += [plan.write(register, 4, value) for register, value in values]
    for n in range(rounds):
        found += [("time", 1), plan.read(RDH), plan.read(ICR), plan.write(RDT, 4, (n * 2 + RING - 1) % RING)]
    return found


class Steady(Network):
    """Two frames for the card, three times in each millisecond of the guest's."""

    next_ns = 0

    def virtual_time(self, ns: int) -> None:
        if ns >= self.next_ns:
            self.next_ns = ns + GAP_NS
            for size in (48, self._chance.choice((100, 1000))):
                self._bring(MAC + self._chance.randbytes(size))


class Calm(Recorded):
    NETWORK, PERIOD = Steady, 200
    _up, _changes = True, 0

    def __init__(self, path: Path):
        super().__init__(path, self.machine(), "calm")

    @staticmethod
    def machine() -> PcConfig:
        return config("e1000", firmware(steps()), serial=("file",))

    def _turn(self) -> None:
        icount, up = self.session.machine.icount, self._up
        if icount > (OUT if up else BACK) and self._changes < 2:
            self._up, self._changes = not up, self._changes + 1
            self.session.sources[NetSource].set_link(0, not up)
        self.session.turn()
