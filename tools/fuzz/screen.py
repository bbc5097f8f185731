"""screen [--count N] [--machines N] [--seed S] [--only N]: the VGA under hostile guests.

Each case does hundreds of accesses of any width to a VGA's ports, its window, its memory-mapped registers and its frame
buffer, which move and overlap in between (`screen_plan.py`), and draws what is on the screen now and then. In the
middle a second card takes over the first one's state and memory, as from a checkpoint; from there on both must read and
draw the same. Allowed is nothing but that: no exception, no step and no picture that takes long.

With `--machines`, the accesses are the program of a guest on a whole machine, which is recorded and replayed on both
engines, in pieces and backwards. A case is repeated by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playhead.base.errors import UsageError
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry
from playhead.boards.pc_devices import parts
from playhead.devices.display.vga import Vga
from playhead.hw.memory import PAGE, READ, WRITE
from playhead.machine.machine import Machine
from playhead.session.sources import ResetSource
from playhead.session.target import closed_door
from tools.fuzz.cases import LIMIT_S, MOST_FINDINGS, Finding, search, told, where
from tools.fuzz.net_guest import firmware
from tools.fuzz.net_machine import TURNS, Recorded
from tools.fuzz.screen_plan import FRAME_AT, MMIO_AT, Step, address, hostile

STEPS, MACHINE_STEPS, LOOK_EVERY = 600, 3000, 40
LARGEST = 256 << 20  # bytes of a picture: 4 bits a pixel of 16 MiB are 128 MiB of it
RAM = 2 << 20
MACHINE_LIMIT_S = 200  # it takes two


def config(bios: bytes, serial: tuple[str, ...] = ("null",)) -> PcConfig:
    card = Entry("VGA", "", {"vgamem_mb": 1})
    return PcConfig(ram_bytes=RAM, bios=bios, **parts(serial=serial, more=[card]))


class Rig:
    """A machine that does not run: its board, and whoever accesses it."""

    def __init__(self) -> None:
        self.machine = Machine(config(bytes(64 << 10)), closed_door(1), "reference")
        (card,) = (device for device in self.machine.board.devices.values() if isinstance(device, Vga))
        self.card = card

    def do(self, step: Step) -> int | None:
        kind, at, size, *value = step
        io, memory = self.machine.board.io, self.machine.memory
        if kind == "in":
            return io.read(at, size)
        if kind == "out":
            io.write(at, size, value[0])
            return None
        place = address(at, FRAME_AT, MMIO_AT)
        if kind == "read":
            if memory.page_map[place // PAGE] & READ:
                return int.from_bytes(memory.read(place, size), "little")
            return memory.mmio.read(place, size)
        if memory.page_map[place // PAGE] & WRITE:
            memory.write(place, value[0].to_bytes(size, "little"))
        else:
            memory.mmio.write(place, size, value[0])
        return None

    def take(self, other: Rig) -> None:
        """Become what the other is, as a checkpoint would make it."""
        for name, device in self.machine.board.devices.items():
            device.load(other.machine.board.devices[name].save())
        self.card.vram.write(0, bytes(other.card.vram.view()))

    def look(self) -> Any:
        """What is on the screen."""
        now_ns = self.machine.now_ns()
        try:
            picture = self.card.picture(now_ns)
        except UsageError:  # there is no font
            return self.card.text(now_ns)
        if len(picture.pixels) != 4 * picture.width * picture.height or len(picture.pixels) > LARGEST:
            raise Finding(f"a picture of {picture.width}x{picture.height} with {len(picture.pixels)} bytes")
        return picture, self.card.text(now_ns)


def board_case(seed: int, number: int) -> Counter[str]:
    """One plan on a card, and from its middle on, on a second one. Raises Finding; how often what was done."""
    chance = random.Random(f"{seed} {number}")
    steps, done = hostile(f"{seed} {number}", STEPS), Counter[str]()
    middle = chance.randrange(len(steps))
    rig, other = Rig(), None
    for n, step in enumerate(steps):
        try:
            if n == middle:
                other = Rig()
                other.take(rig)
            seen = [rig.do(step)] + ([rig.look()] if n % LOOK_EVERY == 0 else [])
            if other is not None and seen != [other.do(step)] + ([other.look()] if n % LOOK_EVERY == 0 else []):
                raise Finding("a card that has taken over the state reads or shows something else")
        except Finding as finding:
            raise Finding(f"step {n}, {told(step)}: {finding}") from None
        except Exception as error:
            raise Finding(f"step {n}, {told(step)}: {where(error)}") from None
        done[step[0]] += 1
    assert other is not None
    if rig.card.save() != other.card.save() or bytes(rig.card.vram.view()) != bytes(other.card.vram.view()):
        raise Finding("a card that has taken over the state is another one in the end")
    return done


class Watched(Recorded):
    """A recording during which somebody looks at the screen, and perhaps resets the machine."""

    def _turn(self) -> None:
        chance, self._turns = self._chance, self._turns + 1
        if chance.random() < 0.001:
            self.session.sources[ResetSource].press()
        if chance.random() < 0.1:
            machine = self.session.machine
            card = next(device for device in machine.devices.values() if isinstance(device, Vga))
            card.text(machine.now_ns())
        if self._turns == TURNS:
            self.host.request_quit("the fuzzer")
        self.session.turn()


def machine_case(seed: int, number: int) -> Counter[str]:
    """One plan as a guest's program."""
    chance = random.Random(f"{seed} {number}")
    plan = [located(step) for step in hostile(f"{seed} {number}", MACHINE_STEPS)]
    pc = config(firmware(plan), ("file",))
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        made = Watched(Path(folder) / "r.ph", pc, f"{seed} {number}", chance.choice(("native", "native", "reference")))
        made.check(chance)
    return Counter({"instructions": made.outcome.icount, f"ended by {made.outcome.cause}": 1})


def located(step: Step) -> Step:
    """With a guest's address."""
    return step if step[0] in ("in", "out") else (step[0], address(step[1], FRAME_AT, MMIO_AT), *step[2:])


def fuzz(count: int, seed: int, first: int = 0, case: Callable[[int, int], Counter[str]] = board_case, again: str = "",
         say: Callable[[str], None] = print, most: int = MOST_FINDINGS) -> list[str]:  # fmt: skip
    """The findings, at most so many."""
    return search(case, range(first, first + count), seed,
                  lambda number: f"./dev fuzz screen {again}--seed {seed} --only {number}", say=say, most=most,
                  limit_s=MACHINE_LIMIT_S if case is machine_case else LIMIT_S)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz screen", description="the VGA under hostile guests")
    parser.add_argument("--count", type=int, default=200, help="cases on a board")
    parser.add_argument("--machines", type=int, help="cases on a whole machine, instead")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    count = 1 if options.only is not None else options.machines or options.count
    if options.machines is None:
        return 1 if fuzz(count, seed, options.only or 0) else 0
    return 1 if fuzz(count, seed, options.only or 0, machine_case, "--machines 1 ") else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
