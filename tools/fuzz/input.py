"""input [--count N] [--qemu N] [--machines N] [--seed S] [--only N]: the keyboard controller under hostile drivers.

Each case drives one 8042 with its keyboard and mouse, register by register, while somebody presses keys and moves the
mouse; in the middle a second one takes over the first one's state, as from a checkpoint, and from there both must do
the same. No step may fail, a queue has its end, and a driver that reads comes to an end of what there is.

With `--qemu`, a driver that keeps to the rules talks to QEMU's too, and must see the same. With `--machines`, the steps
are the program of a guest on a whole machine, recorded under random input and replayed on both engines, in pieces and
backwards (`input_machine.py`). A case is repeated by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable

from playhead.devices.input import ps2_keyboard, ps2_mouse
from playhead.devices.input.i8042_kbc import ANSWERS_MAX, I8042, interrupts
from playhead.hw.line import Line
from playhead.hw.space import Space
from playhead.session import input_words
from tools.fuzz.cases import MOST_FINDINGS, Finding, search, told, where
from tools.fuzz.input_steps import COMMAND, DATA, Hostile, Polite, Step

STEPS, GROUPS = 400, 120
WAITING_MOST = 1 + ANSWERS_MAX + ps2_keyboard.ROOM + ps2_keyboard.ANSWER_MAX + ps2_mouse.ROOM + ps2_mouse.ANSWER_MAX
MOST_PACKETS = 4096  # of the farthest movement, in the smallest steps
FULL, AUX = 0x01, 0x20


class Chip:
    """The controller alone, and its lines."""

    def __init__(self) -> None:
        self.io = Space("io", 1 << 16)
        self.requested: list[str] = []
        self.irq1, self.irq12, self.a20 = Line("irq1"), Line("irq12"), Line("a20")
        self.kbc = I8042("kbc", self.io, self.irq1, self.irq12, self.a20, self)  # type: ignore[arg-type]

    def reset(self, cause: str) -> None:
        self.requested.append(cause)

    def wake_up(self, reason: str) -> None: ...

    def read(self, port: int) -> int:
        return self.io.read(port, 1)

    def write(self, port: int, value: int) -> None:
        self.io.write(port, 1, value)

    def send(self, events: list[dict[str, object]]) -> None:
        """As the session does: what there is no room for stays outside, here for ever."""
        for what in input_words.qmp_events(events):
            receiver = next(one for one in self.kbc.receivers if type(what) in one.TAKES)
            if receiver.can_take(what):
                receiver.take(what)
        for receiver in self.kbc.receivers:
            receiver.sync()

    def drain(self) -> list[list[int]]:
        """What the keyboard and what the mouse has, each in its order. Which comes first is nobody's business."""
        found: list[list[int]] = [[], []]
        while (status := self.read(COMMAND)) & FULL:
            found[bool(status & AUX)].append(self.read(DATA))
            if len(found[0]) + len(found[1]) > WAITING_MOST:
                raise Finding("there is no end of what it has to say")
        return found

    def lines(self) -> tuple[bool, bool]:
        return bool(self.irq1.level), bool(self.irq12.level)

    def step(self, step: Step) -> object:
        match step:
            case ("out", port, 1, value):
                self.write(port, value)
            case ("in", port, 1):
                return self.read(port)
            case ("events", events):
                self.send(events)
            case ("drain",):
                return self.drain()
        return None

    def check(self) -> None:
        s = self.kbc.state
        if self.lines() != (interrupts(s, False), interrupts(s, True)):
            raise Finding("the interrupt lines do not follow from the state")
        for name, queue, most in (
            ("controller", s.answers, ANSWERS_MAX), ("keyboard", s.keyboard.queue, ps2_keyboard.ROOM),
            ("mouse", s.mouse.queue, ps2_mouse.ROOM),
        ):  # fmt: skip
            if len(queue) > most:
                raise Finding(f"the {name} has {len(queue)} bytes waiting")


def hostile_case(seed: int, number: int) -> Counter[str]:
    """A plan on one chip, and from its middle on, on a second one. Raises Finding; how often what was done."""
    chance = random.Random(f"{seed} {number}")
    steps = Hostile(chance).steps(STEPS)
    middle, done = chance.randrange(len(steps)), Counter[str]()
    chip, other = Chip(), None
    for n, step in enumerate(steps):
        try:
            if n == middle:
                other = Chip()
                other.kbc.load(chip.kbc.save())
            seen = chip.step(step)
            chip.check()
            if other is not None and (other.step(step), other.kbc.save(), other.lines()) != (
                seen, chip.kbc.save(), chip.lines(),
            ):  # fmt: skip
                raise Finding("a controller that has taken over the state does something else")
        except Finding as finding:
            raise Finding(f"step {n}, {told(step)}: {finding}") from None
        except Exception as error:
            raise Finding(f"step {n}, {told(step)}: {where(error)}") from None
        done[step[0]] += 1
    come_to_rest(chip)
    return done


def come_to_rest(chip: Chip) -> None:
    """A driver that switches everything on and reads has an end of it."""
    chip.write(COMMAND, 0x60)
    chip.write(DATA, 0)
    for _ in range(MOST_PACKETS):
        found = chip.drain()
        for receiver in chip.kbc.receivers:
            receiver.sync()
        if found == [[], []]:
            return
    raise Finding("there is no end of what it has to say")


def qemu_case(seed: int, number: int) -> Counter[str]:
    """The same, polite steps at QEMU's controller and at ours. Raises Finding."""
    from tools.fuzz.qemu_kbc import QemuKbc

    groups = Polite(random.Random(f"{seed} {number}")).groups(GROUPS)
    chip, done = Chip(), Counter[str]()
    with QemuKbc() as qemu:
        past: list[Step] = []
        for step in (step for group in groups for step in group):
            past.append(step)
            theirs, ours = qemu.step(step), chip.step(step)
            if step[0] == "in":
                theirs, ours = int(str(theirs)) | 0x0C, int(str(ours)) | 0x0C  # bits that differ (`I8042.DIFFERS`)
            if (theirs, any(qemu.lines())) != (ours, any(chip.lines())):
                before = "; ".join(told(one) for one in past[-8:])
                raise Finding(f"QEMU: {theirs} {qemu.lines()}, ours: {ours} {chip.lines()}, after {before}")
            done[step[0]] += 1
    return done


def fuzz(count: int, seed: int, first: int = 0, case: Callable[[int, int], Counter[str]] = hostile_case,
         again: str = "", say: Callable[[str], None] = print, most: int = MOST_FINDINGS) -> list[str]:  # fmt: skip
    """The findings, at most so many."""
    return search(case, range(first, first + count), seed,
                  lambda number: f"./dev fuzz input {again}--seed {seed} --only {number}", say=say, most=most)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz input", description="the keyboard controller, driven at random")
    parser.add_argument("--count", type=int, default=2000, help="cases on a chip")
    parser.add_argument("--qemu", type=int, help="cases beside QEMU, instead")
    parser.add_argument("--machines", type=int, help="cases on a whole machine, instead")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    case, again, count = hostile_case, "", options.count
    if options.qemu is not None:
        case, again, count = qemu_case, "--qemu 1 ", options.qemu
    elif options.machines is not None:
        from tools.fuzz.input_machine import machine_case

        case, again, count = machine_case, "--machines 1 ", options.machines
    return 1 if fuzz(1 if options.only is not None else count, seed, options.only or 0, case, again) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
