"""Translations that change, fault, cross and alias: the same bits in the tables, the same live entries, the same
faults."""

import pytest
from encode import (
    CLD,
    DEC_ECX,
    HLT,
    INC_EAX,
    MOVSD,
    NOP,
    REP,
    RET,
    alu,
    call,
    d,
    inc,
    invlpg,
    jmp,
    jnz,
    load,
    loop,
    mov,
    mov_cr,
    put,
    store,
)
from twin import BIG, CODE, DATA, DIRECTORY, GLOBAL, PAGE, PGE, PSE, TABLES, A, D, P, Side, Twin, U, W

FAR = 0x800000  # linear; what lies there is up to each test
PTE = TABLES + (FAR >> 22 << 12) + (FAR >> 10 & 0xFFC)


def program(*parts, at: int = CODE, setup=None, **options):
    """Paging on, `parts` at CODE: bytes, or a function of the address."""

    def start(m: Side) -> None:
        m.paging(**options)
        code = b""
        for p in parts:
            code += p if isinstance(p, bytes) else p(at + len(code))
        m.write(at, code + HLT)
        if setup:
            setup(m)

    return Twin(start)


def test_a_hit_sets_no_accessed_bit_a_refill_does():
    clear = put(PTE, FAR | P | W)
    m = program(
        load(0, FAR),
        clear,
        load(1, FAR),
        load(2, PTE),
        invlpg(FAR),
        load(1, FAR),
        load(3, PTE),
        setup=lambda m: m.pte(FAR, DATA | P | W),
    ).check(40, want="halt")
    assert not m.core.get("regs", 2) & A and m.core.get("regs", 3) & A


def test_the_dirty_bit_comes_with_the_first_write():
    m = program(
        load(0, FAR),
        load(1, PTE),
        store(FAR, 0),
        load(2, PTE),
        put(PTE, DATA | P | W),
        store(FAR + 4, 0),
        load(3, PTE),
        setup=lambda m: m.pte(FAR, DATA | P | W),
    ).check(40, want="halt")
    assert [m.core.get("regs", n) & (A | D) for n in (1, 2, 3)] == [A, A | D, 0]


@pytest.mark.parametrize("flush", [invlpg(FAR), mov(0, DIRECTORY) + mov_cr(3, 0), b""])
@pytest.mark.parametrize("glob", [0, GLOBAL])
def test_remapped_data(flush, glob):
    def setup(m):
        m.core.set("cr4", PGE)
        m.pte(FAR, DATA | P | W | glob)
        m.write(DATA, d(0x11111111))
        m.write(DATA + PAGE, d(0x22222222))

    program(
        load(0, FAR),
        load(1, FAR),
        put(PTE, DATA + PAGE | P | W | glob),
        flush,
        load(2, FAR),
        store(FAR + 8, 2),
        load(3, FAR),
        setup=setup,
    ).check(40, want="halt")


@pytest.mark.parametrize("flush", [invlpg(FAR), mov(0, DIRECTORY) + mov_cr(3, 0), b""])
def test_remapped_code(flush):
    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.write(DATA, INC_EAX + RET)
        m.write(DATA + PAGE, b"\x42" + RET)

    program(
        lambda at: call(at, FAR),
        lambda at: call(at, FAR),
        put(PTE, DATA + PAGE | P | W),
        flush,
        lambda at: call(at, FAR),
        lambda at: call(at, FAR),
        setup=setup,
    ).check(40, want="halt")


def test_a_first_write_finds_the_page_remapped():
    """No flush: the read translation is live, the first write walks again and finds another frame."""

    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.write(
            DATA,
            d(
                1,
            )
            + d(2),
        )
        m.write(DATA + PAGE, d(3) + d(4))

    program(
        load(0, FAR),
        put(PTE, DATA + PAGE | P | W),
        load(1, FAR),
        store(FAR + 8, 0),
        load(2, FAR),
        load(3, FAR + 4),
        setup=setup,
    ).check(40, want="halt")


@pytest.mark.parametrize("link", [False, True])
def test_the_running_code_is_remapped_by_its_own_first_write(link):
    """As before, and the page is the one that runs: the next instruction comes from the new frame."""

    def setup(m):
        m.pte(FAR, DATA | P | W)
        code = put(PTE, DATA + PAGE | P | W) + load(0, FAR + 0x100) + store(FAR + 0x100, 0)
        m.write(DATA, code + INC_EAX * 4 + HLT)
        m.write(DATA + PAGE, b"\x42" * (len(code) + 4) + HLT)
        if link:
            again = jmp(FAR + len(code), FAR + len(code) + 5)
            m.write(DATA + len(code), again + INC_EAX + HLT)

    m = program(lambda at: jmp(at, FAR), setup=setup).check(60, want="halt")
    assert m.core.get("regs", 2) > 0


@pytest.mark.parametrize("rights", [P, P | W, P | U, P | W | U, 0])
@pytest.mark.parametrize("wp", [False, True])
@pytest.mark.parametrize("user", [False, True])
def test_rights(rights, wp, user):
    def setup(m):
        m.pte(FAR, DATA | rights)
        if user:
            m.user()

    program(load(0, FAR), NOP, load(1, FAR), store(FAR, 1), alu(0, FAR, 1), setup=setup, wp=wp).check(30, rounds=1)


@pytest.mark.parametrize("user", [False, True])
def test_a_page_that_supervisor_and_user_share(user):
    """The supervisor's table of the host knows a page that the user may not use."""

    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.start = [load(0, FAR)]
        m.run([2])
        if user:
            m.user()

    program(store(FAR, 0), load(0, FAR), NOP, load(0, FAR), store(FAR, 0), setup=setup).check(30)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("second", [0, P, P | W])
@pytest.mark.parametrize("op", ["load", "store", "rmw", "push", "pop", "movs"])
def test_crossing_into_a_second_page(op, second, size):
    """Nothing changes if the second page refuses, not even the first page's bytes; its bits and the TLB do the
    same everywhere."""
    at = FAR + PAGE - 1
    prefix = b"\x66" if size == 2 else b""
    code = {
        "load": prefix + load(0, at),
        "store": prefix + store(at, 3),
        "rmw": prefix + alu(0, at, 3),
        "push": prefix + b"\x53",
        "pop": prefix + b"\x58",
        "movs": mov(6, at) + mov(7, at - 0x100) + prefix + MOVSD,
    }[op]

    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.pte(FAR + PAGE, (DATA + 3 * PAGE) | second)
        m.write(DATA + PAGE - 8, bytes(range(1, 9)))
        m.write(DATA + 3 * PAGE, bytes(range(101, 109)))
        m.core.set("regs", 0xAABBCCDD, 3)
        if op in ("push", "pop"):
            m.core.set("regs", at + (size if op == "push" else 0), 4)

    program(code, load(2, FAR + 16), setup=setup).check(12, rounds=1)


@pytest.mark.parametrize("second", ["absent", "other", "supervisor"])
@pytest.mark.parametrize("bytes_before", [1, 2, 4])
def test_instruction_over_two_pages(second, bytes_before):
    start = FAR + PAGE - bytes_before

    def setup(m):
        m.paging()
        m.pte(FAR, DATA | P | W | U)
        value = {"absent": 0, "other": (DATA + 5 * PAGE) | P | U, "supervisor": (DATA + 5 * PAGE) | P}[second]
        m.pte(FAR + PAGE, value)
        code = mov(0, 0x12345678) + NOP + HLT
        m.write(DATA + PAGE - bytes_before, code[:bytes_before])
        m.write(DATA + 5 * PAGE, code[bytes_before:])
        m.user()
        m.core.set("eip", start)

    Twin(setup).check(10)


def test_second_page_of_an_instruction_is_remapped():
    start = FAR + PAGE - 2

    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.pte(FAR + PAGE, (DATA + 4 * PAGE) | P | W)
        m.write(DATA + PAGE - 2, mov(0, 0)[:2])
        for n, value in ((4, 0x111111), (5, 0x222222)):
            m.write(DATA + n * PAGE, value.to_bytes(3, "little") + RET)

    program(
        lambda at: call(at, start),
        lambda at: call(at, start),
        b"\x89\xc2",
        put(PTE + 4, (DATA + 5 * PAGE) | P | W),
        lambda at: call(at, start),
        b"\x89\xc3",
        invlpg(FAR + PAGE),
        lambda at: call(at, start),
        setup=setup,
    ).check(60, want="halt")


@pytest.mark.parametrize("flush", [invlpg(FAR + 0x5000), mov(0, DIRECTORY) + mov_cr(3, 0), b""])
def test_large_pages(flush):
    pde = DIRECTORY + 4 * (FAR >> 22)

    def setup(m):
        m.core.set("cr4", PSE | PGE)
        m.write(pde, d(P | W | U | BIG))
        m.write(DATA, d(5))

    # reads and writes through the large page, then small pages take its place
    program(
        load(0, FAR + DATA),
        load(1, FAR + DATA + PAGE),
        put(FAR + 0x5000, 7),
        put(pde, (TABLES + (FAR >> 22 << 12)) | P | W),
        put(PTE + (DATA >> 10), (DATA + PAGE) | P | W),
        flush,
        load(2, FAR + DATA),
        store(FAR + DATA, 1),
        load(3, FAR + DATA),
        put(FAR + 0x5008, 9),
        setup=setup,
    ).check(60, want="halt")


def test_a_large_page_changes_under_running_code():
    pde = DIRECTORY + 4 * (FAR >> 22)

    def setup(m):
        m.core.set("cr4", PSE)
        m.write(pde, d(P | W | U | BIG))
        code = load(0, FAR + DATA) + put(pde, (TABLES + (FAR >> 22 << 12)) | P | W) + store(FAR + CODE + 0x800, 0)
        m.write(CODE + 0x100, code + INC_EAX * 3 + HLT)
        m.pte(FAR + CODE, (DATA + 8 * PAGE) | P | W)
        m.write(DATA + 8 * PAGE + 0x100, b"\x42" * 60 + HLT)

    program(lambda at: jmp(at, FAR + CODE + 0x100), setup=setup).check(40)


def test_reads_leave_a_read_only_page_read_only_when_wp_is_switched():
    off, on = mov(0, 0x11 | 1 << 31) + mov_cr(0, 0), mov(0, 0x11 | 1 << 31 | 1 << 16) + mov_cr(0, 0)
    program(
        off, load(1, FAR), store(FAR, 1), on, load(1, FAR), store(FAR, 1), setup=lambda m: m.pte(FAR, DATA | P)
    ).check(30, want="halt")


def test_many_pages_are_touched():
    """More pages than a guest's working set; each split sees the same live translations."""
    body = b"\x8b\x03" + b"\x81\xc3" + d(PAGE)
    program(mov(3, FAR), lambda at: loop(at, 200, body), setup=lambda m: m.core.set("cr4", PGE)).check(700, rounds=1)


def test_rep_movs_into_a_fault_in_the_middle():
    def setup(m):
        m.pte(FAR, DATA | P | W)
        m.pte(FAR + PAGE, 0)
        m.write(CODE + 0x800, bytes(range(64)))

    program(mov(6, CODE + 0x800), mov(7, FAR + PAGE - 22), mov(1, 16), CLD + REP + MOVSD, setup=setup).check(
        30, want="halt"
    )


def test_code_that_ends_with_its_page():
    """The block ends with the page; the next page's translation is probed and its accessed bit set only when it
    is reached."""

    def setup(m):
        m.pte(FAR, DATA | P)
        m.pte(FAR + PAGE, (DATA + PAGE) | P)
        m.write(DATA + PAGE - 4, INC_EAX * 4 + DEC_ECX)
        m.write(DATA + PAGE + 1, jnz(FAR + PAGE + 1, FAR + PAGE - 4) + HLT)

    program(mov(1, 5), lambda at: jmp(at, FAR + PAGE - 4), setup=setup).check(60, want="halt")


def test_a_link_never_passes_by_the_next_page():
    """The next page's translation is flushed while the loop over both pages is linked."""

    def setup(m):
        m.pte(FAR, DATA | P)
        m.pte(FAR + PAGE, (DATA + PAGE) | P)
        m.write(
            DATA + PAGE - 4,
            INC_EAX * 4 + put(PTE + 4, (DATA + PAGE) | P) + invlpg(FAR + PAGE) + inc(CODE + 0x400) + DEC_ECX,
        )
        at = FAR + PAGE - 4 + 4 + 10 + 7 + 6 + 1
        m.write(DATA + at - FAR, jnz(at, FAR + PAGE - 4) + HLT)

    program(mov(1, 5), lambda at: jmp(at, FAR + PAGE - 4), setup=setup).check(80, want="halt")
