"""debugregs [--seconds N] [--engine native]: what armed debug registers, TF and AC cost a guest, side by side

A loop of memory accesses, calls and arithmetic, in ring 3 with paging; the guest's handler of #DB clears DR6 and
returns. Each case alternates with the same loop unarmed, and the best short run of each counts.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine"))
from encode import INC_EAX, RET, call, inc, jmp, jnz, load, mov, store
from twin import CODE, DATA, HANDLERS, IDT, PAGE, Side, d32

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.reference import ReferenceEngine
from playhead.x86 import state as S

F, RARE = CODE + 0x800, DATA + 0x3000
ELSEWHERE, UNUSED = 0x9ABCD, 0x80000
CR0_AM = 0x40000
BREAK, WRITE, ACCESS = 0x0, 0xD, 0xF  # R/W and LEN (4 bytes) of DR7


def program() -> bytes:
    """ESI counts the iterations; behind every 100th there is a store to RARE."""
    inner = load(0, DATA) + b"\x01\xd8" + store(DATA + 8, 0) + inc(DATA + 64) + b"\x53\x5a\x46"
    code = mov(1, 100)
    top = CODE + len(code)
    code += inner
    code += call(CODE + len(code), F) + b"\x49"
    code += jnz(CODE + len(code), top)
    code += store(RARE, 6)
    return code + jmp(CODE + len(code), CODE)


def start(engine: type, arm: Callable[[Side], None]) -> Side:
    side = Side(engine)
    side.reset()
    side.paging()
    side.user()
    side.write(CODE, program())
    side.write(F, INC_EAX + b"\x31\xc3" + RET)
    handler = HANDLERS + 0x500
    side.write(handler, b"\x50\x31\xc0\x0f\x23\xf0\x80\x4c\x24\x0e\x01\x58\xcf")  # DR6 = 0, RF into the image, IRET
    side.write(IDT + 8, d32(8 << 16 | handler, 0x8E00))
    arm(side)
    side.core.stale = True
    return side


def breakpoint_at(address: int, kind: int = BREAK) -> Callable[[Side], None]:
    def arm(side: Side) -> None:
        side.core.set("dr", address, 0)
        side.core.set("dr", 0x402 | kind << 16, 7)

    return arm


def single_step(side: Side) -> None:
    side.core.eflags = 2 | S.TF


def aligned(side: Side) -> None:
    side.core.eflags = 2 | S.AC
    side.core.set("cr0", side.core.get("cr0") | CR0_AM)


CASES = {
    "breakpoint elsewhere": breakpoint_at(ELSEWHERE),
    "breakpoint at an offset of the loop": breakpoint_at(CODE + 4 * PAGE + 5),
    "breakpoint met every 100 iterations": breakpoint_at(CODE + len(program()) - 5),
    "watch on a page not in use": breakpoint_at(UNUSED, WRITE),
    "watch on the loop's page, not met": breakpoint_at(DATA + 0x100, ACCESS),
    "watch beside a variable of the loop": breakpoint_at(DATA + 12, WRITE),
    "watch met every 100 iterations": breakpoint_at(RARE, WRITE),
    "watch met every iteration": breakpoint_at(DATA + 8, WRITE),
    "alignment checks": aligned,
    "single step": single_step,
}


def once(side: Side, count: int) -> float:
    """Seconds of processor time for each iteration of the loop."""
    core = side.core
    core.set("deliveries", 0xFFFFFFFF)
    before, began = core.get("regs", 6), time.process_time()
    side.engine.run(count)
    taken = time.process_time() - began
    assert not core.get("exit_reason"), core.get("exit_reason")
    return taken / ((core.get("regs", 6) - before) & 0xFFFFFFFF)


def measure(engine: type, arm: Callable[[Side], None], seconds: float) -> tuple[float, float]:
    """Seconds for each iteration: (unarmed, armed)."""
    sides = start(engine, lambda side: None), start(engine, arm)
    count = 4_000 if engine is ReferenceEngine else 400_000
    best = [1.0, 1.0]
    for side in sides:
        once(side, count)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = [min(b, once(side, count)) for b, side in zip(best, sides, strict=True)]
    return best[0], best[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench debugregs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2, help="for each case")
    parser.add_argument("--engine", choices=("native", "reference"), default="native")
    options = parser.parse_args()
    engine = NativeEngine if options.engine == "native" else ReferenceEngine
    print(f"{'':36} {'unarmed':>10} {'armed':>10}   ratio   (ns for each iteration)")
    for name, arm in CASES.items():
        unarmed, armed = measure(engine, arm, options.seconds)
        print(f"{name:36} {unarmed * 1e9:10.1f} {armed * 1e9:10.1f} {armed / unarmed:7.2f}", flush=True)


if __name__ == "__main__":
    main()
