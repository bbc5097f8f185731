"""A machine with a firmware, whose engine's runs are counted."""

from __future__ import annotations

from memory_drive import Door
from playhead.boards.config import PcConfig
from playhead.machine.machine import Machine


class Counted:
    def __init__(self, bios: bytes, engine: str = "native"):
        self.door = Door()
        self.machine = Machine(PcConfig(ram_bytes=4 << 20, bios=bios), self.door, engine=engine)
        self.runs = 0  # of the engine
        self._engine_run = self.machine.engine.run
        self.machine.engine.run = self._counted

    def _counted(self, budget: int) -> None:
        self.runs += 1
        self._engine_run(budget)
