"""Global translations outlive a load of CR3, and with them what engines derive: jumps and accesses go by the live
translation, old or new, and a refill walks the tables when there is none, and only then."""

import random

import pytest
from encode import HLT, RET, call, d, invlpg, load, mov, mov_cr, put, store
from twin import BIG, CODE, DATA, DIRECTORY, GLOBAL, PAGE, PGE, PSE, TABLES, A, D, P, Side, Twin, U, W

FAR = 0x800000
OLD, NEW = DATA + PAGE, DATA + 2 * PAGE  # frames
PLACE, BESIDE = FAR + OLD, FAR + NEW  # linear: a large page at FAR shows the same
PDE, TABLE = DIRECTORY + 4 * (FAR >> 22), TABLES + (FAR >> 22 << 12)
ENTRY = TABLE + (PLACE >> 10 & 0xFFC)
OFFSETS = (0x40, 0x7C7)
ADD_1, ADD_100 = b"\x83\xc0\x01", b"\x83\xc0\x64"  # add eax, ...
NUMBER = 0xE00  # in each frame: 1 or 2
RELOAD = mov(2, DIRECTORY) + mov_cr(3, 2)


def start(m: Side, code: bytes, rights: int) -> None:
    m.paging(P | W | U | rights)
    m.core.set("cr4", PGE | PSE)
    for n, (frame, body) in enumerate(((OLD, ADD_1), (NEW, ADD_100))):
        for offset in OFFSETS:
            m.write(frame + offset, body + RET)
        m.write(frame + NUMBER, d(n + 1))
    m.pte(PLACE, OLD | P | W | U | rights)
    m.pte(BESIDE, OLD | P | W | U)
    m.write(CODE, code + HLT)


def calls(at: int, page: int) -> bytes:
    """Direct calls and computed ones."""
    code = b""
    for offset in OFFSETS:
        code += call(at + len(code), page + offset)
        code += mov(3, page + offset) + b"\xff\xd3"
    return code


def run(parts: list, rights: int = GLOBAL, rounds: int = 1) -> Side:
    code = b""
    for part in parts:
        code += part if isinstance(part, bytes) else part(CODE + len(code))
    return Twin(lambda m: start(m, code, rights)).check(2000, rounds=rounds, want="halt")


def call_place(at: int) -> bytes:
    return calls(at, PLACE)


def added(m: Side) -> int:
    """What the functions have added, in units of the calls of `calls`."""
    return m.core.get("regs", 0) // (2 * len(OFFSETS))


@pytest.mark.parametrize("rights", [GLOBAL, 0])
def test_a_load_of_cr3_leaves_global_pages_alone(rights: int) -> None:
    remap = put(ENTRY, NEW | P | W | U | rights)
    m = run([call_place, load(6, PLACE + NUMBER), remap, RELOAD, call_place, load(7, PLACE + NUMBER)], rights)
    if rights:
        assert added(m) == 2 and m.core.get("regs", 7) == 1
    else:
        assert added(m) == 101 and m.core.get("regs", 7) == 2


def test_code_that_is_not_global_goes_when_all_other_code_is() -> None:
    """One page of system code that is not global, among global ones, and the reverse."""
    local = put(ENTRY, OLD | P | W | U) + invlpg(PLACE)
    m = run([local, call_place, put(ENTRY, NEW | P | W | U), RELOAD, call_place])
    assert added(m) == 101


def test_invlpg_drops_a_global_page() -> None:
    m = run([call_place, RELOAD, put(ENTRY, NEW | P | W | U | GLOBAL), RELOAD, call_place, invlpg(PLACE), call_place])
    assert added(m) == 102


def test_a_change_of_pge_drops_global_pages() -> None:
    toggle = mov(2, PSE) + mov_cr(4, 2)
    m = run([call_place, RELOAD, put(ENTRY, NEW | P | W | U | GLOBAL), call_place, toggle, call_place, RELOAD])
    assert added(m) == 102


def test_a_page_that_a_walk_makes_local() -> None:
    """The first store walks because the dirty bit is clear in the live translation, and finds the page's entry without
    the global bit: the next load of CR3 voids what was global when it was derived."""
    local = put(ENTRY, OLD | P | W | U)
    m = run([call_place, load(6, PLACE + NUMBER), local, store(PLACE + 0xF00, 1), put(ENTRY, NEW | P | W | U), RELOAD,
             load(7, PLACE + NUMBER), call_place])  # fmt: skip
    assert m.core.get("regs", 7) == 2 and added(m) == 101


def step(rng: random.Random) -> object:
    """One piece of a random program; none faults."""
    page = rng.choice((PLACE, PLACE, BESIDE))
    frame = rng.choice((OLD, NEW)) | P | W | U | rng.choice((0, GLOBAL)) | rng.choice((0, A, A | D))
    wp = 0x80000011 | rng.choice((0, 1 << 16))
    choices = (
        lambda at: calls(at, page),
        lambda at: calls(at, page),
        load(6, page + NUMBER) + b"\x01\xf5",  # add ebp, esi
        load(6, page + NUMBER) + b"\x01\xf5",
        store(page + 0xF00 + 4 * rng.randrange(16), 5),
        put(TABLE + (page >> 10 & 0xFFC), frame),
        put(TABLE + (page >> 10 & 0xFFC), frame) + invlpg(page),
        invlpg(page),
        RELOAD,
        RELOAD,
        mov(2, rng.choice((PSE | PGE, PSE | PGE, PSE))) + mov_cr(4, 2),
        mov(2, wp) + mov_cr(0, 2),
        put(PDE, P | W | U | BIG | rng.choice((0, GLOBAL))),
        put(PDE, TABLE | P | W | U | rng.choice((0, A))),
    )
    return rng.choice(choices)


@pytest.mark.parametrize("seed", range(24))
def test_random_flushes(seed: int) -> None:
    """Any order of flushes, remaps, accesses and jumps: both engines have the same tables, results and live entries."""
    rng = random.Random(seed)
    run([step(rng) for _ in range(70)], rng.choice((0, GLOBAL, GLOBAL)), rounds=2)
