"""interp [--seconds N] [--engine native]: millions of guest instructions a second of the interpreter, by kind of code

Loops that fit a few blocks, and straight code of 35,000 and 213,000 distinct instructions, which misses caches and
branch predictors
as an operating system does. The best of many short runs each; quote figures of before and after only from one sitting.
"""

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine"))
from encode import INC_EAX, RET, alu, call, d, inc, jmp, load, mov, store
from twin import CODE, DATA, Side

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.reference import ReferenceEngine


def forever(body: bytes) -> bytes:
    return body + jmp(CODE + len(body), CODE)


def counted(body: bytes) -> bytes:
    """Around and around, with a counter and a conditional jump."""
    loop = body + b"\x49" + b"\x0f\x85" + d(-len(body) - 7)
    return forever(mov(1, 1000) + loop)


def mixed(rng: random.Random) -> bytes:
    """One instruction of the kinds that compiled code is made of."""
    r, s, at = rng.choice((0, 2, 3)), rng.choice((0, 2, 3, 6, 7)), DATA + 4 * rng.randrange(2000)
    return rng.choice((
        lambda: bytes([0x01 + 8 * rng.randrange(8), 0xC0 | s << 3 | r]),
        lambda: bytes([0x8B, 0xC0 | r << 3 | s]),
        lambda: load(r, at),
        lambda: load(r, at),
        lambda: store(at, r),
        lambda: alu(0, at, r),
        lambda: bytes([0x8B, 0x45 | r << 3, 4 * rng.randrange(16)]),
        lambda: bytes([0x83, 0xF8 | r, rng.randrange(100)]),
        lambda: bytes([0x70 + rng.randrange(16), 0]),
        lambda: bytes([0x50 + r]) + bytes([0x58 + s]),
        lambda: b"\x8d" + bytes([0x40 | r << 3 | s]) + b"\x04",
        lambda: mov(r, rng.getrandbits(32)),
    ))()  # fmt: skip


def straight(count: int) -> bytes:
    rng = random.Random(count)
    return forever(b"".join(mixed(rng) for _ in range(count)))


F = 0x200000
PROGRAMS = {
    "registers": lambda: counted(b"\x01\xc3\x31\xda\x83\xc0\x07\x89\xd6\xc1\xe3\x03" + INC_EAX),
    "memory": lambda: counted(
        load(0, DATA) + b"\x01\xd8" + store(DATA + 8, 0) + inc(DATA + 64) + b"\x8b\x5d\x10" + b"\x89\x45\x20"
    ),
    "stack": lambda: counted(b"\x50\x53\x5a\x58"),
    "call and return": lambda: counted(call(CODE + 5, F) + call(CODE + 10, F)),
    "rep movsd": lambda: forever(mov(6, DATA) + mov(7, DATA + 0x2000) + mov(1, 1000) + b"\xf3\xa5"),
    "35,000 distinct": lambda: straight(35_000),
    "213,000 distinct": lambda: straight(213_000),
}


def measure(engine: type, program: bytes, seconds: float) -> float:
    """Million instructions per second, best of three."""
    side = Side(engine)
    side.reset()
    side.paging()
    side.write(F, INC_EAX + RET)
    side.write(CODE, program) if len(program) < 0x1000 else side.write(0x100000, program)
    if len(program) >= 0x1000:
        assert len(program) < 0x200000
        side.core.set("eip", 0x100000)
        side.write(0x100000 + len(program) - 5, jmp(0x100000 + len(program) - 5, 0x100000))
    side.core.set("regs", DATA, 5)
    side.core.set("deliveries", 1000)
    n = 2_000 if engine is ReferenceEngine else 4_000_000
    side.engine.run(n)
    best, end = 0.0, time.perf_counter() + seconds
    while (
        time.perf_counter() < end
    ):  # processor time, and the best of short runs: others may be at work on this machine
        start = time.process_time()
        side.engine.run(n)
        best = max(best, n / (time.process_time() - start) / 1e6)
    assert not side.core.get("exit_reason"), side.core.get("exit_reason")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench interp", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="for each program")
    parser.add_argument("--engine", choices=("native", "reference"), default="native")
    options = parser.parse_args()
    engine = NativeEngine if options.engine == "native" else ReferenceEngine
    for name, make in PROGRAMS.items():
        print(f"{name:20} {measure(engine, make(), options.seconds):8.1f} MIPS", flush=True)


if __name__ == "__main__":
    main()
