"""Budgets, links, cuts, modes, the block cache: how blocks of decoded instructions are found, linked, cut short
and forgotten."""

import random

import pytest
from encode import (
    CLD,
    HLT,
    INC_EAX,
    MOVSB,
    NOP,
    REP,
    REPNE,
    RET,
    SCASB,
    STD,
    STOSD,
    alu,
    call,
    d,
    inc,
    loop,
    mov,
    put,
    store,
)
from twin import CODE, CODE16, DATA, DATA16, NEVER, Side, Twin, same, splits

from playhead.engine.llvm import layout as L


def at_code(code: bytes, **regs):
    def setup(m: Side) -> None:
        m.write(CODE, code)
        for name, value in regs.items():
            m.core.set("regs", value, ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi").index(name))

    return Twin(setup)


def test_a_long_straight_line():
    """Longer than a block may be."""
    m = at_code(INC_EAX * (3 * L.MAX_INSNS + 7) + HLT).check(200, want="halt")
    assert m.core.get("regs", 0) == 3 * L.MAX_INSNS + 7


@pytest.mark.parametrize("total", [1, 2, 39, 40, 41, 79, 80, 81])
def test_budgets_that_end_in_a_block(total):
    m = at_code(INC_EAX * 100 + HLT).check(total, want="budget")
    assert m.core.get("regs", 0) == m.core.get("icount") == total


def test_splits_of_calls_and_loops():
    f = CODE + 0x400
    body = call(CODE + 5, f) + inc(DATA) + b"\x83\xf8\x05" + b"\x7c\x01" + NOP

    def setup(m):
        m.write(f, alu(0, DATA + 4, 1) + b"\x50\x58" + INC_EAX + RET)
        m.write(CODE, loop(CODE, 30, body))

    Twin(setup).check(330, rounds=8)


def test_a_budget_larger_than_any_block():
    """Longer than the length that says that a block is void."""
    t = at_code(loop(CODE, 100, INC_EAX))
    assert t.start(t.native, [1 << 40]) == "halt"
    assert t.native.core.get("regs", 0) == 100


@pytest.mark.parametrize(
    "op, count", [(REP + MOVSB, 20), (REP + STOSD, 20), (REPNE + SCASB, 20), (REP + MOVSB, 0), (REP + SCASB, 3)]
)
@pytest.mark.parametrize("direction", [CLD, STD])
@pytest.mark.parametrize("small", [b"", b"\x67"])
def test_rep(op, count, direction, small):
    code = (
        direction
        + mov(1, count | (0x50000 if small else 0))
        + mov(6, 0x9010)
        + mov(7, 0x9080)
        + small
        + op
        + INC_EAX
        + HLT
    )
    at_code(code).check(60, rounds=4)


def test_rep_in_a_loop_ends_inside_its_block():
    body = b"\x51" + mov(1, 3) + mov(7, DATA) + REP + STOSD + b"\x59" + INC_EAX
    at_code(CLD + loop(CODE + 1, 10, body)).check(150, rounds=6, want="halt")


def test_resume_flag_and_rep():
    def setup(m):
        m.write(CODE, mov(1, 6) + mov(7, DATA) + REP + STOSD + HLT)
        m.core.set("eflags", 0x10002)

    Twin(setup).check(20, want="halt")


def test_single_step_through_rep():
    """TF: a trap after each iteration; the handler returns."""

    def setup(m):
        m.write(CODE, mov(1, 4) + mov(7, DATA) + REP + STOSD + INC_EAX + HLT)
        m.write(0x3000 + 4, b"\x43\xcf")  # inc ebx; iret
        m.core.set("eflags", 0x102)

    m = Twin(setup).check(60)
    assert m.core.get("regs", 3) >= 7


@pytest.mark.parametrize("value", [NEVER, 3])
def test_interrupt_window(value):
    def setup(m):
        m.write(CODE, NOP * 3 + b"\xfb" + INC_EAX + INC_EAX + HLT)
        m.core.set("intr_pending", 1)
        m.core.set("inhibit_icount", value)

    m = Twin(setup).check(20, want="window")
    assert m.core.get("regs", 0) == 1


def test_code_at_the_end_of_the_address_space():
    def setup(m):
        m.write(0x30F000 + 0xFF0, INC_EAX * 14 + mov(0, 7)[:2])
        m.write(0, mov(0, 7)[2:] + b"\x43" + HLT)
        m.core.set("eip", 0xFFFFFFF0)

    m = Twin(setup).check(30, want="halt")
    assert m.core.get("regs", 3) == 1


def test_data_over_the_end_of_the_address_space():
    at_code(store(0xFFFFFFFE, 0) + b"\xa1" + d(0xFFFFFFFF) + alu(0, 0xFFFFFFFD, 0) + HLT, eax=0x11223344).check(10)


def bits16(m: Side, code: bytes, offset: int = 0x10) -> None:
    m.write(CODE - 0x10 + offset, code)
    for name in ("es", "ss", "ds", "fs", "gs"):
        m.segment(name, DATA16)
    m.segment("cs", CODE16)
    m.core.set("eip", offset)
    m.core.set("regs", 0x800, 4)


def test_the_same_bytes_in_both_modes():
    """66 and the address size mean the other thing; both kinds of blocks live side by side at one place."""
    code = b"\xb8\x01\x00\x40\x40\x66\x40\x05\x02\x00\x00\x00" + NOP * 4 + HLT
    far = b"\xea" + d(CODE) + b"\x08\x00"

    def setup(m):
        m.write(CODE, code)
        m.run([5])
        bits16(m, code)
        m.run([4])
        m.segment("cs", 0x08)
        m.core.set("eip", CODE)

    assert far
    Twin(setup).check(40, rounds=4)


def test_segments_that_do_not_begin_with_a_page():
    """A 16-bit loop over a page boundary that is none by its EIP; the second page is remapped in between."""
    edge = 0x1000 + 0x10  # EIP of the linear page boundary CODE + 0x1000

    def setup(m):
        m.paging()
        bits16(m, NOP * 50 + b"\x40" * 14 + b"\x49\x75\xbd" + b"\xf4", edge - 52)
        m.core.set("regs", 4, 1)

    Twin(setup).check(300, rounds=4)


def test_a_linked_block_beyond_the_limit():
    """A straight line in 16-bit code, twice: the second time the segment ends in its middle."""

    def setup(m):
        bits16(m, b"\x40" * 100 + HLT)
        m.run([90])
        m.core.set("eip", 0x10)
        m.core.set_seg("cs", "limit", 0x10 + 60)
        m.core.set_seg("cs", "rend", 0x10 + 61)
        m.core.stale = True

    Twin(setup).check(100)


def test_a_loop_at_the_end_of_its_segment(monkeypatch):
    """Its last byte is the last one of the segment: nothing of it needs the reference engine."""

    def setup(m):
        bits16(m, b"\x40" * 20 + b"\x49\x75\xe9")
        m.core.set_seg("cs", "limit", 0x10 + 22)
        m.core.set_seg("cs", "rend", 0x10 + 23)
        m.core.set("regs", 30, 1)
        m.core.stale = True

    t = Twin(setup)
    assert t.check(700, want="halt").core.get("regs", 1) == 0
    asked = []
    run = t.native.engine.reference.run
    monkeypatch.setattr(t.native.engine.reference, "run", lambda budget: (asked.append(budget), run(budget)))
    t.start(t.native, [700])
    assert not asked


def test_too_long_an_instruction_in_a_block():
    """Fifteen prefixes: #GP when it is reached, and nothing before."""
    for n in (13, 14, 15, 16):
        m = at_code(INC_EAX * 3 + b"\x66" * n + INC_EAX + HLT).check(3, want="budget")
        assert m.core.get("fault_vector") == 0
        at_code(INC_EAX * 3 + b"\x66" * n + INC_EAX + HLT).check(12)


def test_deliveries_are_counted_the_same():
    """A handler whose stack and code are where blocks were decoded, again and again."""

    def setup(m):
        m.write(CODE, b"\x0f\x0b" + HLT)
        m.write(0x3000 + 4 * 6, b"\xeb\x00\x0f\x0b")
        m.core.set("deliveries", 9)

    m = Twin(setup).check(100, want="deliveries")
    assert m.core.get("deliveries") == 0


def test_a_fault_in_the_delivery_of_a_fault():
    def setup(m):
        m.paging()
        m.pte(0x8000 - 0x1000, 0)
        m.write(CODE, INC_EAX + b"\x0f\x0b")

    Twin(setup).check(20)


def test_the_arena_is_full():
    """All decoded code is forgotten when there is no room for more; nothing else changes."""
    f = CODE + 0x400

    def setup(m):
        m.write(f, inc(DATA) + RET)
        m.write(CODE, loop(CODE, 40, call(CODE + 5, f) + INC_EAX))

    t = Twin(setup)
    assert t.start(t.reference, [300]) == "halt"
    t.native.reset()
    setup(t.native)
    rng, end = random.Random(3), t.native.engine._arena + L.ARENA
    for n in splits(300, rng, 7):
        if t.native.core.get("arena_top") < end - 10_000:  # else blocks that live there would be overwritten
            t.native.core.set("arena_top", end - rng.choice((0, 6000, 5700, 5800)))
        if t.native.run([n]) == "halt":
            break
    same(t.reference, t.native, "with an arena that is full again and again")


def test_generations_run_out():
    """The number that voids the jump cache wraps; old keys must not match then."""
    f = CODE + 0x400

    def setup(m):
        m.paging()
        m.write(f, b"\x0f\x01\x3d" + d(0x900000) + RET)
        m.write(CODE, loop(CODE, 20, call(CODE + 5, f)))
        m.core.set("generation", 0x0FFFFFF8)

    Twin(setup).check(150, want="halt")


def test_digests():
    """RAM digests by both engines, also of pages that were only nearly written."""
    t = at_code(
        mov(2, 0x10)
        + b"\x0f\x01\x05"
        + d(DATA + 0x3000)
        + mov(1, 0)
        + b"\xd3\x25"
        + d(DATA)
        + b"\x63\x05"
        + d(DATA + 0x1000)
        + put(CODE + 0x2000, 5)
        + HLT
    )
    r, n = t.reference, t.native
    for budgets in ([20], [1] * 20):
        t.start(r, budgets)
        t.start(n, budgets)
        assert r.engine.ram_digest(1024) == n.engine.ram_digest(1024)
        n.write(DATA, b"\1")
        r.write(DATA, b"\1")
        assert r.engine.ram_digest(1024) == n.engine.ram_digest(1024)


def test_a_state_restored_elsewhere_goes_on_the_same():
    """Stop the reference, restore CPU, TLB and RAM into the native engine, continue; and the other way round."""
    f = CODE + 0x400

    def setup(m):
        m.paging()
        m.write(f, inc(DATA) + b"\x8b\x04\x8d" + d(DATA) + RET)
        m.write(CODE, loop(CODE, 40, call(CODE + 5, f)))

    t = Twin(setup)
    for a, b in ((t.reference, t.native), (t.native, t.reference)):
        t.start(a, [77])
        b.reset()
        b.write(0, bytes(a.ram[:0x300000]))
        b.core.load(a.core.save())
        b.core.load_tlb(a.core.save_tlb())
        a.run([100])
        b.run([50, 50])
        same(t.reference, t.native, "restored")
