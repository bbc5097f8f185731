"""Whole machines for `fuzz input`: a guest that does hostile things to its keyboard controller, recorded while somebody
types and moves the mouse at random, and replayed: as it is, in pieces, on the other engine, and backwards.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path

from playhead.base.errors import UsageError
from playhead.boards.config import PcConfig
from playhead.boards.pc_devices import parts
from playhead.log.event_names import KEYS
from playhead.log.events import Input, InputSync
from playhead.log.reader import Reader
from playhead.session import input_words
from playhead.session.sources import InputSource
from tools.fuzz.input_steps import Hostile, Step, out
from tools.fuzz.cases import Finding
from tools.fuzz.net_guest import firmware
from tools.fuzz.net_machine import TURNS, Recorded

STEPS = 1500
RAM = 1 << 20
MASK_1, MASK_2 = 0x21, 0xA1
LET_IN = [*out(MASK_1, 0xF8), *out(MASK_2, 0xE1)]  # the timer's, the keyboard's and the mouse's interrupts
PAUSE: Step = ("time", 3_000_000)


class Typed(Recorded):
    """`Recorded`, with somebody at the keyboard and the mouse instead of networks."""

    def _turn(self) -> None:
        chance, self._turns = self._chance, self._turns + 1
        source = self.session.sources[InputSource]
        try:
            if chance.random() < 0.2:
                hostile = Hostile(chance)
                source.send(input_words.qmp_events([hostile.event() for _ in range(chance.choice((1, 2, 5)))]))
            if chance.random() < 0.02:
                source.send_text([(chance.choice(KEYS[1:]),) for _ in range(chance.randrange(20))], 1, 1)
        except UsageError as error:
            assert "inputs waiting" in str(error), error
        if self._turns == TURNS:
            self.host.request_quit("the fuzzer")
        self.session.turn()


def plan(chance: random.Random) -> list[Step]:
    """Hostile steps, with pauses and with interrupts now and then."""
    found: list[Step] = [*LET_IN]
    for step in Hostile(chance, resets=False).steps(STEPS):
        found.append(PAUSE if step[0] == "events" else step)
        if chance.random() < 0.02:
            found += LET_IN
    return found


def machine_case(seed: int, number: int) -> Counter[str]:
    chance = random.Random(f"{seed} {number}")
    pc = PcConfig(bios=firmware(plan(chance)), ram_bytes=RAM, **parts(serial=("file",)))
    done = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        path = Path(folder) / "r.ph"
        made = Typed(path, pc, f"{seed} {number}", chance.choice(("native", "native", "reference")))
        made.check(chance)
        again = Typed(path.with_name("s.ph"), pc, f"{seed} {number}", "native")
        if again.session.machine.digest_parts() != made.session.machine.digest_parts():
            raise Finding("the same seed makes another recording")
        with Reader(str(path)) as reader:
            for entry in reader.entries():
                if isinstance(entry.event, Input | InputSync):
                    done[entry.kind.name] += 1
    done["instructions"] += made.outcome.icount
    done[f"ended by {made.outcome.cause}"] += 1
    return done
