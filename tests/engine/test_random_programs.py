"""Small random programs on both engines, split at random: loads and stores that also hit the code and the page tables,
jumps within the program, string instructions, flushes, faults whose handler continues somewhere else in the program.

`PLAYHEAD_EXAMPLES=5000` makes it longer. A failure prints the program.
"""

import os
import random

from encode import call, d, inc, invlpg, jmp, jnz, mov, mov_cr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin import (
    CODE,
    DATA,
    DEVICE,
    DIRECTORY,
    HANDLERS,
    IDT,
    NX,
    PAE_TABLES,
    PAGE,
    STACK,
    TABLES,
    P,
    Side,
    Twin,
    U,
    W,
    compiled_side,
    same,
    splits,
)

EXAMPLES = int(os.environ.get("PLAYHEAD_EXAMPLES", "40"))
COMPILED = EXAMPLES // 4  # of them each block is compiled, which takes longer
LINEAR = 0x800000  # eight pages here lead to the program, its data, its page tables
WINDOW = (CODE, CODE + PAGE, DATA, DATA + PAGE, TABLES + 2 * PAGE, DIRECTORY, DEVICE, CODE)
COUNTER = 0x60000
START = CODE + PAGE - 0x60  # the program lies over a page boundary
TOTAL = 400


def modrm(reg: int, base: int, offset: int) -> bytes:
    """[base + offset]; base is not ESP"""
    return bytes([0x80 | reg << 3 | base]) + d(offset)


class Program:
    """Bytes of a random program, with its entry points."""

    def __init__(self, rng: random.Random, pae: bool = False):
        self.rng, self.pae, self.code, self.starts = rng, pae, b"", []
        self.window = tuple(PAE_TABLES + 4 * PAGE if pae and frame == TABLES + 2 * PAGE else frame for frame in WINDOW)
        for _ in range(rng.randrange(10, 60)):
            self.starts.append(START + len(self.code))
            self.code += self.instruction()
        self.code += jmp(START + len(self.code), START)
        self.large = rng.random() < 0.3
        self.high = [rng.choice((0, 0, 0, NX, 1 << 32, 1 << 36)) if pae else 0 for _ in WINDOW]
        self.user = rng.random() < 0.3
        self.wp = rng.random() < 0.5
        self.rights = [rng.choice((P | W | U, P | W | U, P | U, P | W, 0)) for _ in WINDOW]

    def place(self) -> int:
        """An address worth accessing."""
        rng = self.rng
        kind = rng.randrange(12)
        if kind < 3:
            return DATA + rng.randrange(0x100)
        if kind < 5:
            return (
                LINEAR
                + rng.randrange(8) * PAGE
                + rng.choice((0, 0x10, 0xFA0, 0xFA7, 0xFFD, 0xFFE, 0xFFF, rng.randrange(PAGE)))
            )
        if kind < 7:
            return START + rng.randrange(0xA0)
        if kind < 8:
            return LINEAR + (START & 0xFFF) + rng.randrange(0x60)
        if kind < 9:
            return LINEAR + 4 * PAGE + 4 * rng.randrange(8)  # the table that maps the window itself
        if kind < 10:
            page = CODE + rng.randrange(4) * PAGE >> 12
            return PAE_TABLES + 8 * page + 4 * rng.randrange(2) if self.pae else TABLES + 4 * page
        return DEVICE + rng.randrange(64) if kind == 10 else rng.getrandbits(32)

    def instruction(self) -> bytes:
        rng = self.rng
        r, s = rng.choice((0, 1, 2, 3, 5, 6, 7)), rng.choice((0, 1, 2, 3, 5, 6, 7))
        row, at = rng.randrange(8), self.place()
        here = START + len(self.code)
        target = rng.choice(self.starts)
        value = rng.choice(
            (
                rng.getrandbits(32),
                rng.randrange(8),
                at,
                (rng.choice(self.window) | P | W | U) ^ rng.choice((0, 0, W, U, P)),
            )
        )
        size = rng.choice((b"", b"", b"\x66"))
        kinds = (
            lambda: mov(r, value),
            lambda: size + bytes([row * 8 + 1, 0xC0 | r << 3 | s]),
            lambda: size + bytes([row * 8 + 3, r << 3 | 5]) + d(at),
            lambda: size + bytes([row * 8 + 1, r << 3 | 5]) + d(at),
            lambda: bytes([row * 8, r << 3 | 5]) + d(at),
            lambda: size + b"\x8b" + bytes([r << 3 | 5]) + d(at),
            lambda: size + b"\x89" + bytes([r << 3 | 5]) + d(at),
            lambda: b"\xc6\x05" + d(at) + bytes([rng.choice((0x40, 0x42, 0x90, 0xC3, 0x27, 0x0F))]),
            lambda: b"\xc7\x05" + d(at) + d(value),
            lambda: b"\x89" + modrm(r, s, 0),
            lambda: bytes([0x40 + r]) + bytes([0x48 + s]),
            lambda: bytes([0x50 + r]) + bytes([0x58 + s]),
            lambda: inc(at),
            lambda: bytes([0xD1 + 2 * rng.randrange(2), (4 + rng.randrange(2)) << 3 | 5]) + d(at),
            lambda: jnz(here, target),
            lambda: jmp(here, target) if rng.random() < 0.3 else bytes([0x70 + rng.randrange(16), 0x02]),
            lambda: call(here, target) if rng.random() < 0.5 else b"\xc3",
            lambda: (
                mov(7, at)
                + mov(1, rng.randrange(12))
                + b"\xf3"
                + size
                + rng.choice((b"\xab", b"\xaa", b"\xa5", b"\xa4"))
            ),
            lambda: mov(6, at) + rng.choice((b"\xf3\xa4", b"\xf2\xae", b"\xf3\xa6", b"\xad", b"\xfc", b"\xfd")),
            lambda: invlpg(at),
            lambda: mov(0, DIRECTORY) + mov_cr(3, 0),
            lambda: b"\x81\x35" + d(PAE_TABLES + 4 * PAGE + 4 + 8 * rng.randrange(8)) + d(0x80000000),  # NX
            lambda: rng.choice(
                (b"\x60", b"\x61", b"\x9c", b"\xf8", b"\xf9", b"\x0f\x0b", b"\x99", b"\x0f\xb1\x05" + d(at))
            ),
        )
        return rng.choice(kinds)()

    def setup(self, m: Side) -> None:
        if self.pae:
            m.pae_paging(wp=self.wp)
            m.pae_entry(DEVICE, DEVICE | P | W | U)
        else:
            m.paging(wp=self.wp)
            m.pte(DEVICE, DEVICE | P | W | U)
        for n, (frame, rights, high) in enumerate(zip(self.window, self.rights, self.high, strict=True)):
            set_page = m.pae_entry if self.pae else m.pte
            set_page(LINEAR + n * PAGE, frame | rights | high)
        if self.large and self.pae:
            m.pae_entry(0x600000, (CODE & ~0x1FFFFF) | 0x80 | P | W | U, large=True)
        elif self.large:
            m.core.set("cr4", 0x10)
        m.write(START, self.code)
        m.core.set("eip", START)
        # every exception continues somewhere in the program: a new stack, the next of 16 places
        common = HANDLERS + 0x400
        handler = (
            inc(COUNTER)
            + b"\xa1"
            + d(COUNTER)
            + b"\x83\xe0\x0f"
            + b"\xbc"
            + d(STACK)
            + b"\xff\x24\x85"
            + d(COUNTER + 64)
        )
        m.write(common, handler)
        for v in range(32):
            m.write(IDT + 8 * v, d(8 << 16 | common & 0xFFFF) + d(common & 0xFFFF0000 | 0x8E00))
        places = random.Random(len(self.code))
        m.write(COUNTER + 64, b"".join(d(places.choice(self.starts)) for _ in range(16)))
        if self.user:
            m.user()


@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 40,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.integers(0, 2**32))
def test_random_programs(seed):
    rng = random.Random(seed)
    program = Program(rng, pae=seed % 3 == 0)
    t = Twin(program.setup)
    why = t.start(t.reference, [TOTAL])
    for budgets in ([TOTAL], splits(TOTAL, rng, 60)):
        got = t.start(t.native, budgets)
        same(t.reference, t.native, f"seed {seed}, budgets {budgets}, program {program.code.hex()}")
        assert got == why
    if seed % 4 == 0:
        t.start(t.reference, splits(TOTAL, rng, 60))
        same(t.reference, t.native, f"reference split, seed {seed}")


@settings(
    max_examples=COMPILED,
    derandomize=EXAMPLES == 40,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.integers(0, 2**32))
def test_random_programs_compiled(seed):
    """The same, with every block compiled: void, cut and entered at the same moments."""
    rng = random.Random(seed)
    program = Program(rng, pae=seed % 3 == 0)
    t, compiled = Twin(program.setup), compiled_side()
    why, before = t.start(t.reference, [TOTAL]), compiled.engine.tier2.installed
    for budgets in ([TOTAL], splits(TOTAL, rng, 60)):
        got = t.start(compiled, budgets)
        same(t.reference, compiled, f"compiled, seed {seed}, budgets {budgets}, program {program.code.hex()}")
        assert got == why
    assert compiled.engine.tier2.installed > before, f"seed {seed}: nothing was compiled"
