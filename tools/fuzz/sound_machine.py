"""Whole machines for `fuzz sound`: a guest that does hostile things to its AC97, recorded while something is captured,
and replayed: as it is, in pieces, on the other engine, and backwards. Each must be the recording, and sound the same.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from playhead.base.errors import PlayheadError
from playhead.base.sound import Piece
from playhead.host.audio.end import AudioEnd
from playhead.host.end import HostEnd
from playhead.log.events import AudioIn
from playhead.log.reader import Reader
from playhead.session.replay import ReplayOptions, ReplaySession
from tools.fuzz.cases import Finding
from tools.fuzz.net_guest import firmware
from tools.fuzz.net_machine import Quiet, Recorded
from tools.fuzz.sound_board import config
from tools.fuzz.sound_plan import Ac97Plan

STEPS = 400


class Noise(AudioEnd):
    """Gives some frames, often fewer than are wanted, and notes what is played."""

    def __init__(self, seed: str):
        super().__init__("s")
        self._chance = random.Random(f"{seed} captured")
        self.heard: list[Piece] = []

    def play(self, piece: Piece) -> None:
        self.heard.append(piece)

    def take(self, frames: int, rate: int) -> bytes:
        return self._chance.randbytes(4 * self._chance.randrange(min(frames, 64) + 1)) + bytes(8)


class Listener:
    def __init__(self) -> None:
        self.heard: list[Piece] = []

    def played(self, audio: int, piece: Piece) -> None:
        self.heard.append(piece)


class RecordedSound(Recorded):
    def __init__(self, path: Path, pc: Any, seed: str, engine: str = "native"):
        self.end = Noise(seed)
        super().__init__(path, pc, seed, engine)

    def outside(self) -> dict[str, HostEnd]:
        return {"audio0": self.end}

    def _turn(self) -> None:
        self._turns += 1
        if self._turns == 4_000:
            self.host.request_quit("the fuzzer")
        self.session.turn()

    def replay(self, engine: str, split: int | None) -> None:
        """Raises Finding if it is not the recording."""
        out = self.path.with_suffix(".again")
        with Reader(str(self.path)) as reader:
            session = ReplaySession(self.build(engine), Quiet(out), reader, ReplayOptions(split))
            listener = Listener()
            session.sounds.append(listener)
            try:
                complete = session.run().complete
            except PlayheadError as error:
                raise Finding(f"{engine}, split {split}: {error}") from None
        if not complete or out.read_bytes() != self.console:
            raise Finding(f"{engine}, split {split}: another console")
        if listener.heard != self.end.heard:
            raise Finding(f"{engine}, split {split}: another sound")


def machine_case(seed: int, number: int) -> Counter[str]:
    chance = random.Random(f"{seed} {number}")
    pc = config(firmware(Ac97Plan(chance).steps(STEPS)), serial=("file",))
    done = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        path = Path(folder) / "r.ph"
        made = RecordedSound(path, pc, f"{seed} {number}", chance.choice(("native", "native", "reference")))
        made.check(chance)
        with Reader(str(path)) as reader:
            done["AUDIO_IN"] = sum(isinstance(entry.event, AudioIn) for entry in reader.entries())
    done["pieces played"] += len(made.end.heard)
    done["instructions"] += made.outcome.icount
    done[f"ended by {made.outcome.cause}"] += 1
    return done
