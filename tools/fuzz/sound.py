"""sound [--count N] [--machines N] [--seed S] [--only N]: an AC97 under hostile drivers.

Each case drives one card on a real board, without a processor: registers of any width, descriptors and buffers outside
RAM, over its end and onto registers, empty and odd buffers, rates from 0 on, ranges that move, resets, alarms
(`sound_plan.py`). In the middle a second board takes over the first one's state, as from a checkpoint; from there both
must do and play the same. Allowed is nothing but that: no exception, no step without an end, no write to what is not
RAM, no piece of sound that is none (`sound_board.py`).

With `--machines`, such plans are the program of a guest on a whole machine, which is recorded while something is
captured, and replayed on both engines, in pieces and backwards (`sound_machine.py`).
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable

from tools.fuzz.cases import LIMIT_S, MOST_FINDINGS, Finding, same, search, told, where
from tools.fuzz.sound_board import SoundRig
from tools.fuzz.sound_plan import Ac97Plan

STEPS = 250
MACHINE_S = 300  # for a machine and all its replays


def board_case(seed: int, number: int) -> Counter[str]:
    """One plan on a board, and from its middle on, on a second one. Raises Finding; how often what was done."""
    chance = random.Random(f"{seed} {number}")
    steps = Ac97Plan(chance).steps(STEPS)
    middle, done = chance.randrange(len(steps)), Counter[str]()
    rig, other = SoundRig(), None
    for n, step in enumerate(steps):
        try:
            if n == middle:
                other = SoundRig()
                other.take(rig)
                same(rig.state(), other.state(), "taken over")
            seen = rig.step(step)
            if other is not None:
                same(dict(enumerate(seen)), dict(enumerate(other.step(step))), "a step")
        except Finding as finding:
            raise Finding(f"step {n}, {told(step)}: {finding}") from None
        except Exception as error:
            raise Finding(f"step {n}, {told(step)}: {where(error)}") from None
        done[step[0]] += 1
        done["pieces played"] += len(rig.pieces)
    assert other is not None
    same(rig.state(), other.state(), "the end")
    rig.check_rest()
    done["frames captured"] += rig.asked
    return done


def fuzz(count: int, seed: int, first: int = 0, say: Callable[[str], None] = print,
         case: Callable[[int, int], Counter[str]] = board_case, again: str = "",
         most: int = MOST_FINDINGS, limit_s: float = LIMIT_S) -> list[str]:  # fmt: skip
    """The findings, at most so many."""
    return search(case, range(first, first + count), seed,
                  lambda number: f"./dev fuzz sound {again}--seed {seed} --only {number}", say=say, most=most,
                  limit_s=limit_s)  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz sound", description="an AC97 under hostile drivers")
    parser.add_argument("--count", type=int, default=1000, help="cases on a board")
    parser.add_argument("--machines", type=int, help="cases on a whole machine, instead")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    count = 1 if options.only is not None else options.machines or options.count
    if options.machines is None:
        return 1 if fuzz(count, seed, options.only or 0) else 0
    from tools.fuzz.sound_machine import machine_case

    return 1 if fuzz(count, seed, options.only or 0, case=machine_case, again="--machines 1 ",
                     limit_s=MACHINE_S) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
