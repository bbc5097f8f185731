"""net [--count N] [--machines N] [--seed S] [--card NAME] [--only N]: network cards under hostile drivers and networks.

Each case drives one card on a real board, without a processor: registers of any width, rings and buffers outside RAM,
over its end, over registers and on each other, lengths from 0 to 64 KiB, frames from 0 bytes to 68 KiB, ranges that
move, bus mastering off, resets, a cable that comes and goes, alarms (`net_cards.py`). In the middle a second board
takes over the first one's state, as from a checkpoint; from there both must do the same. Allowed is nothing but that:
no exception, no step without an end, no write to what is not RAM, no room that is not told of (`net_board.py`).

With `--machines`, such plans are the program of a guest on a whole machine, which is recorded with random traffic and
replayed on both engines, in pieces and backwards (`net_machine.py`). A case is repeated by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable

from playhead.devices import registry
from tools.fuzz.cases import LIMIT_S, MOST_FINDINGS, Finding, same, search, told, where
from tools.fuzz.net_board import Rig
from tools.fuzz.net_cards import Plan
from tools.fuzz.net_e1000 import E1000Plan
from tools.fuzz.net_rtl8139 import Rtl8139Plan

STEPS = 250


def plans() -> list[type[Plan]]:
    """One for each network card that there is."""
    return [plan for plan in (Rtl8139Plan, E1000Plan) if plan.NAME in registry.CLASSES]


def board_case(kind: type[Plan], seed: int, number: int) -> Counter[str]:
    """One plan on a board, and from its middle on, on a second one. Raises Finding; how often what was done."""
    chance = random.Random(f"{seed} {number}")
    steps = kind(chance).steps(STEPS)
    middle, done = chance.randrange(len(steps)), Counter[str]()
    rig, other = Rig(kind.NAME), None
    for n, step in enumerate(steps):
        try:
            if n == middle:
                other = Rig(kind.NAME)
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
        done["frames sent"] += len(rig.sent)
        done["frames taken"] += step[0] == "frame" and seen[0]
    assert other is not None
    same(rig.state(), other.state(), "the end")
    rig.check_rest()
    return done


def fuzz(count: int, seed: int, first: int = 0, cards: tuple[str, ...] = (), say: Callable[[str], None] = print,
         case: Callable[[type[Plan], int, int], Counter[str]] = board_case, again: str = "",
         most: int = MOST_FINDINGS, limit_s: float = LIMIT_S) -> list[str]:  # fmt: skip
    """The findings, at most so many. `case`: what is done with one of the plans."""
    kinds = [kind for kind in plans() if not cards or kind.NAME in cards]

    def one(seed: int, number: int) -> Counter[str]:
        kind = kinds[number % len(kinds)]
        try:
            return case(kind, seed, number)
        except Finding as finding:
            raise Finding(f"{kind.NAME}: {finding}") from None

    chosen = f" --card {cards[0]}" if cards else ""
    return search(one, range(first, first + count), seed,
                  lambda number: f"./dev fuzz net {again}--seed {seed} --only {number}{chosen}",
                  say=say, most=most, limit_s=limit_s)  # fmt: skip


def main(arguments: list[str]) -> int:
    names = [kind.NAME for kind in plans()]
    parser = argparse.ArgumentParser(prog="./dev fuzz net", description="network cards under hostile drivers")
    parser.add_argument("--count", type=int, default=1000, help="cases on a board")
    parser.add_argument("--machines", type=int, help="cases on a whole machine, instead")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--card", choices=names, help="this one only")
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    one, cards = options.only is not None, (options.card,) if options.card else ()
    count = 1 if one else options.machines or options.count
    if options.machines is None:
        return 1 if fuzz(count, seed, options.only or 0, cards) else 0
    from tools.fuzz.net_machine import machine_case

    return 1 if fuzz(count, seed, options.only or 0, cards, case=machine_case, again="--machines 1 ") else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
