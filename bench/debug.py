"""debug [--seconds N] [--before DIR]: what a debugger or a log costs code that it does not touch, side by side

Small guests on a whole machine: arithmetic with calls between two pages, memory on two pages, polls of a port that
native code answers, interrupts of the local APIC's timer. Each arrangement alternates with the same guest without one,
and the best short run of each counts, in processor time; the figure is the ratio, 1.00 if it costs nothing. `--before`
names another checkout of ours with its own .venv, which is measured right before, case by case.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playhead.boards.config import PcConfig
from playhead.machine import tracing
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.machine import Machine
from tools import guest

BEGIN = '        .include "pc.inc"\n        .text\n'
LOOPS = {
    "calls": """
main:   jmp     far
        .balign 4096
1:      call    near
        call    far2
        addl    %ecx, %ebx
        incl    %ecx
        jmp     1b
near:   xorl    %ebx, %edx
        ret
        .balign 4096
far:    jmp     1b
far2:   incl    %esi
        ret
""",
    "memory": """
main:   movl    $0x200000, %esi
1:      movl    (%esi), %eax
        addl    8(%esi), %eax
        movl    %eax, 16(%esi)
        movl    %eax, 0x1000(%esi)
        incl    %ecx
        jmp     1b
""",
    "polls": """
main:   inb     $0x61, %al
        testb   $0x20, %al
        incl    %ecx
        jmp     main
""",
    "timer": """
tick:   movl    $2000, 0xFEE00380
        movl    $0, 0xFEE000B0
        iretl
main:   gate    0x40, tick
        movl    $0x1FF, 0xFEE000F0
        movl    $0xB, 0xFEE003E0
        movl    $0x40, 0xFEE00320
        movl    $2000, 0xFEE00380
        sti
1:      incl    %ecx
        jmp     1b
""",
}
CODE, DATA, UNUSED = 0xF1000, 0x200000, 0x300000  # `calls` begins a page at CODE
CHUNK = 2_000_000  # instructions


class Errors:
    """A log of accesses that nobody answers."""

    deliveries = False
    accesses = tracing.UNANSWERED

    def delivered(self, kind: str, vector: int | None) -> None:
        pass

    def resetting(self) -> None:
        pass

    def accessed(self, *what: object) -> None:
        pass


class Interrupts(Errors):
    """A log of deliveries."""

    deliveries = True
    accesses = tracing.NOTHING


def breaks(*addresses: int) -> Callable[[Machine], None]:
    def arrange(machine: Machine) -> None:
        machine.debug.set_breakpoints(addresses)
        machine.debug.arm(True)

    return arrange


def watches(address: int, kinds: int = WRITE, *, physical: bool = False) -> Callable[[Machine], None]:
    def arrange(machine: Machine) -> None:
        machine.debug.set_watches([Watch(address, 4, kinds, physical=physical)])
        machine.debug.arm(True)

    return arrange


ARRANGEMENTS: dict[str, Callable[[Machine], None]] = {
    "nothing": lambda machine: None,
    "breakpoint elsewhere, at another offset": breaks(UNUSED + 0xFF0),
    "breakpoint elsewhere, at an offset of the loop": breaks(UNUSED, UNUSED + 5, UNUSED + 1),
    "breakpoint on the loop's page": breaks(CODE + 0xFF0),
    "write watched on a page not in use": watches(UNUSED),
    "write watched beside a variable": watches(DATA + 0x800),
    "the same, by physical address": watches(DATA + 0x800, physical=True),
    "read or write watched beside a variable": watches(DATA + 0x800, READ | WRITE),
    "log of interrupts": lambda machine: machine.tap_into(Interrupts()),
    "log of guest errors": lambda machine: machine.tap_into(Errors()),
}


class Outside:
    """What a machine is connected to: nothing."""

    ends: dict[str, object] = {}
    drives = ()

    def host_clock_ns(self) -> int:
        return 0


def machine_of(program: str, arrange: Callable[[Machine], None]) -> Machine:
    with tempfile.TemporaryDirectory() as folder:
        bios = guest.firmware(BEGIN + program, Path(folder))
    machine = Machine(PcConfig(ram_bytes=16 << 20, bios=bios), Outside())
    machine.run(100_000)
    arrange(machine)
    return machine


def took(machine: Machine, count: int) -> float:
    began, until = time.process_time(), machine.icount + count
    stop = machine.run(until)
    assert stop.kind == "budget", stop
    return time.process_time() - began


def ratio(program: str, arrange: Callable[[Machine], None], seconds: float) -> tuple[float, float]:
    """How many times as long a run takes with this arrangement, and MIPS without."""
    plain, arranged = machine_of(program, ARRANGEMENTS["nothing"]), machine_of(program, arrange)
    best = [float("inf"), float("inf")]
    count = CHUNK
    end = time.process_time() + seconds
    while time.process_time() < end:
        for n, machine in enumerate((plain, arranged)):
            best[n] = min(best[n], took(machine, count) / count)
    return best[1] / best[0], 1e-6 / best[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench debug", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the other checkout's turn: 'loop/arrangement'
    options = parser.parse_args()
    if options.one:
        loop, _, name = options.one.partition("/")
        print(*ratio(LOOPS[loop], ARRANGEMENTS[name], options.seconds))
        return
    print(f"{'':50}" + "".join(f"{loop:>14}" for loop in LOOPS))
    for name, arrange in ARRANGEMENTS.items():
        cells = []
        for loop, program in LOOPS.items():
            before = f"{other(options.before, f'{loop}/{name}', options.seconds):.2f} -> " if options.before else ""
            cells.append(f"{before}{ratio(program, arrange, options.seconds)[0]:.2f}")
        print(f"{name:50}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def other(tree: Path, case: str, seconds: float) -> float:
    """The ratio of another tree."""
    python = tree / ".venv" / "bin" / "python"
    command = [str(python), __file__, "--one", case, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tree,
                          env={**os.environ, "PYTHONPATH": str(tree)})  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
