"""The guest's own debug registers, single steps and alignment checks: random programs on both engines, split at random.

Every program runs under breakpoints of all kinds and lengths, placed where it executes or accesses something; it also
changes them, sets TF, AC and RF, and loads SS. Its handler of #DB sums up what DR6 says. See test_random_programs.py,
whose programs these are.
"""

import os
import random

import pytest
from encode import HLT, INC_EAX, RET, call, d, inc, jmp, jnz, mov, put, put8
from test_random_programs import COUNTER, LINEAR, START, TOTAL, Program
from twin import CODE, DATA, HANDLERS, IDT, PAGE, STACK, Side, Twin, same, splits

from playhead.x86 import state as S

PROGRAMS = int(os.environ.get("PLAYHEAD_EXAMPLES", "40"))
PORTS = (0x60, 0x61, 0x62, 0x64)
CR0_AM, CR4_DE = 0x40000, 8


def mov_dr(number: int, register: int) -> bytes:
    return bytes([0x0F, 0x23, 0xC0 | number << 3 | register])


class Traced(Program):
    def __init__(self, rng: random.Random):
        self.busy = [DATA + 0x80 + 4 * n for n in range(4)]  # places that many instructions access
        super().__init__(rng)
        self.user = rng.random() < 0.5
        self.registers, self.control = self.breakpoints()
        self.cr4 = rng.choice((0, CR4_DE, CR4_DE))
        self.am = rng.choice((0, CR0_AM, CR0_AM))
        self.eflags = 2 | sum(flag for flag in (S.TF, S.AC, S.RF, S.IOPL) if rng.random() < 0.4)
        self.resumes = rng.random() < 0.8
        self.handler = rng.choice((HANDLERS + 0x500, CODE + 0x500))  # the latter in the page of the code

    def breakpoint(self) -> tuple[int, int]:
        """(kind, address): mostly where something will happen."""
        rng = self.rng
        kind = rng.choice((0, 0, 1, 1, 2, 3))
        start = rng.choice(self.starts) if self.starts else START
        data = rng.choice((rng.choice(self.busy) + rng.randrange(4), self.place(), STACK - 4 * rng.randrange(6)))
        places = ((start, start, LINEAR + (start & 0xFFF) + rng.randrange(8) * PAGE), (data,), PORTS, (data,))
        return kind, rng.choice(places[kind if rng.random() < 0.9 else rng.randrange(4)])

    def breakpoints(self) -> tuple[list[int], int]:
        """Values of DR0 to DR3, and one for DR7."""
        rng = self.rng
        chosen = [self.breakpoint() for _ in range(4)]
        fields = sum(kind << (16 + 4 * n) | rng.randrange(4) << (18 + 4 * n) for n, (kind, _) in enumerate(chosen))
        enables = rng.choice((rng.randrange(256), 0xAA, 0x55, 0xFF, 0xFF, 0))
        return [at for _, at in chosen], enables | 0x400 | fields | (rng.random() < 0.05) << 13

    def instruction(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.6:
            return super().instruction()
        r, at = rng.choice((0, 2, 3)), rng.choice(self.busy) + rng.choice((0, 0, 0, 1, 2, 3))
        flag = rng.choice((S.TF, S.TF, S.AC, S.AC, S.RF, S.NT))
        size = rng.choice((b"", b"", b"\x66"))
        return rng.choice((
            lambda: size + b"\x8b" + bytes([r << 3 | 5]) + d(at),
            lambda: size + b"\x89" + bytes([r << 3 | 5]) + d(at),
            lambda: b"\x8a" + bytes([r << 3 | 5]) + d(at),
            lambda: size + b"\x87" + bytes([r << 3 | 5]) + d(at),  # XCHG
            lambda: size + b"\x0f\xb1" + bytes([r << 3 | 5]) + d(at),  # CMPXCHG
            lambda: b"\xff\x35" + d(at) + b"\x8f\x05" + d(at + 4),
            lambda: mov(0, self.breakpoint()[1]) + mov_dr(rng.randrange(4), 0),
            lambda: mov(0, self.breakpoints()[1]) + mov_dr(7, 0),
            lambda: b"\x0f\x21" + bytes([0xC0 | rng.choice((6, 7, 4, 5)) << 3 | r]),
            lambda: b"\x9c\x81\x0c\x24" + d(flag) + b"\x9d",  # PUSHF, OR [ESP], POPF
            lambda: b"\x9c\x81\x24\x24" + d(~flag) + b"\x9d",
            lambda: b"\x0e" if rng.random() < 0.1 else b"\x16\x17",  # PUSH SS, POP SS
            lambda: b"\x8c\xd0\x8e\xd0" + b"\x89" + bytes([r << 3 | 5]) + d(at),
            lambda: b"\x16\x8e\x15" + d(at) if rng.random() < 0.1 else b"\x8c\x15" + d(at) + b"\x8e\x15" + d(at),
            lambda: rng.choice((b"\xe4", b"\xe6", b"\xe5", b"\xe7")) + bytes([rng.choice(PORTS)]),
            lambda: mov(7, at) + mov(2, rng.choice(PORTS)) + mov(1, 3) + b"\xf3" + rng.choice((b"\x6c", b"\x6d")),
            lambda: mov(6, at) + mov(2, rng.choice(PORTS)) + mov(1, 3) + b"\xf3" + rng.choice((b"\x6e", b"\x6f")),
            lambda: mov(7, at - 8) + mov(1, 8) + b"\xf3" + rng.choice((b"\xaa", b"\xab", b"\xa4")),
            lambda: b"\xcc" if rng.random() < 0.2 else b"\xf1",
            lambda: b"\xdd\x05" + d(at) + b"\xdd\x1d" + d(at + 8),  # FLD, FSTP
            lambda: b"\xc8\x08\x00\x00\xc9",  # ENTER, LEAVE
            lambda: inc(at),
        ))()  # fmt: skip

    def setup(self, m: Side) -> None:
        super().setup(m)
        debug, soft = self.handler, HANDLERS + 0x600
        returns = (b"\x80\x4c\x24\x0e\x01" if self.resumes else b"") + b"\x58\xcf"  # OR RF into the image, POP, IRET
        sums = b"\x50\x0f\x21\xf0\x01\x05" + d(COUNTER + 8) + inc(COUNTER + 4)  # of DR6, and how often
        m.write(debug, sums + mov(0, 0) + mov_dr(6, 0) + returns)
        m.write(soft, b"\xcf")
        m.write(IDT + 8, d(8 << 16 | debug) + d(0xEE00))
        m.write(IDT + 24, d(8 << 16 | soft) + d(0xEE00))
        for n, value in enumerate(self.registers):
            m.core.set("dr", value, n)
        m.core.set("dr", self.control, 7)
        m.core.set("cr4", m.core.get("cr4") | self.cr4)
        m.core.set("cr0", m.core.get("cr0") | self.am)
        m.core.eflags = self.eflags
        m.core.stale = True


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_programs(seed):
    rng = random.Random(seed)
    program = Traced(rng)
    t = Twin(program.setup)
    why = t.start(t.reference, [TOTAL])
    for budgets in ([TOTAL], [1] * TOTAL, splits(TOTAL, rng, 60)):
        got = t.start(t.native, budgets)
        same(t.reference, t.native, f"seed {seed}, budgets {budgets[:40]}, program {program.code.hex()}")
        assert got == why
    t.start(t.reference, splits(TOTAL, rng, 60))
    same(t.reference, t.native, f"reference split, seed {seed}")


def test_code_beside_a_watched_address():
    """A page with a data breakpoint is written to, then decoded, then its code is changed."""
    page = 0x60000

    def setup(m: Side) -> None:
        m.paging()
        m.core.set("dr", page + 0x700, 0)
        m.core.set("dr", 0xD0402, 7)  # a write of four bytes
        m.write(page, INC_EAX + RET)
        code = put(page + 0x100, 1)
        code += call(CODE + len(code), page)
        code += put8(page, 0x43)  # INC EBX
        code += call(CODE + len(code), page)
        m.write(CODE, code + put(page + 0x704, 1) + put(page + 0x6FD, 1) + HLT)
        m.core.stale = True

    m = Twin(setup).check(40, want="halt")
    assert (m.core.get("regs", 0), m.core.get("regs", 3), m.core.get("dr", 6)) == (1, 1, 0xFFFF0FF1)


def test_a_jump_that_was_stepped_over_does_not_lead_to_the_handler():
    """The handler of #DB is in the jump's own page, where jumps are linked to what they were seen to lead to."""
    handler = CODE + 0x500

    def setup(m: Side) -> None:
        m.paging()
        m.write(IDT + 8, d(8 << 16 | handler & 0xFFFF) + d(handler & 0xFFFF0000 | 0x8E00))
        m.write(handler, inc(COUNTER) + b"\x81\x64\x24\x08" + d(~S.TF) + b"\xcf")  # AND the image of EFLAGS
        code = mov(1, 3) + b"\x9c\x81\x0c\x24" + d(S.TF) + b"\x9d"  # PUSHF, OR [ESP], POPF
        top = CODE + len(code)
        code += jmp(top, top + 5) + INC_EAX + b"\x49"  # the JMP is stepped once; DEC ECX
        m.write(CODE, code + jnz(CODE + len(code), top) + HLT)

    m = Twin(setup).check(40, want="halt")
    assert m.core.get("regs", 0) == 3
    assert m.ram[COUNTER] == 1
