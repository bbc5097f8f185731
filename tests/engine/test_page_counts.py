"""Reads and writes of each page are counted alike by both engines, however runs are cut, whatever faults or has to
begin anew."""

import random

import pytest
from encode import CLD, HLT, IRET, MOVSD, REP, STOSB, d, load, mov, put, store
from twin import CODE, DATA, DEVICE, PAGE, P, Side, U, W, compiled_side, sides, splits

from playhead.machine.page_counts import Accesses, PageCounts

FAR = 0x800000  # linear: two pages that show the frames at DATA in the other order
READ_ONLY = FAR + 2 * PAGE
ABSENT = FAR + 3 * PAGE
HANDLER = 0x3800


def start(side: Side, code: bytes) -> PageCounts:
    side.reset()
    side.paging()
    side.pte(FAR, DATA + PAGE | P | W | U)
    side.pte(FAR + PAGE, DATA | P | W | U)
    side.pte(READ_ONLY, DATA | P | U)
    side.pte(ABSENT, 0)
    side.write(0x2000 + 8 * 14, (HANDLER & 0xFFFF).to_bytes(2, "little") + b"\x08\0\0\x8e\0\0")
    side.write(HANDLER, b"\x83\xc4\x04\x8b\x04\x24\x01\xe8\x89\x04\x24" + IRET)  # add esp, 4; [esp] += ebp
    side.write(CODE, code + HLT)
    return PageCounts(side.core, side.memory)


def counted(side: Side, code: bytes, budgets: list[int]) -> tuple[str, dict[int, Accesses]]:
    counts = start(side, code)
    counts.start()
    try:
        return side.run(budgets), counts.take()
    finally:
        counts.stop()


def faulting(code: bytes) -> bytes:
    """The handler of page faults goes on behind it."""
    return mov(5, len(code)) + code


def step(rng: random.Random) -> bytes:
    at = rng.choice((DATA, DATA + PAGE - 2, FAR, FAR + PAGE - 3)) + 4 * rng.randrange(8)
    other = rng.choice((DATA, FAR, DEVICE)) + 4 * rng.randrange(8)
    return rng.choice(
        (
            load(0, at), store(at, 1), put(at, rng.getrandbits(32)),
            b"\x81\x05" + d(at) + d(5),  # add dword
            b"\x87\x05" + d(at),  # xchg
            b"\xff\x35" + d(at), b"\xff\x35" + d(other),  # push dword
            b"\x60\x61",  # pusha, popa
            load(0, DEVICE), store(DEVICE + 4, 0),
            CLD + mov(6, at) + mov(7, other) + mov(1, rng.randrange(5)) + REP + MOVSD,
            mov(7, at) + mov(1, rng.randrange(20)) + REP + STOSB,
            CLD + faulting(load(2, ABSENT)),
            faulting(store(READ_ONLY + 8, 0)), faulting(b"\xff\x35" + d(ABSENT)),
            mov(6, at) + mov(7, ABSENT) + faulting(b"\xa5"),  # movsd: its read is taken back
            mov(6, at) + mov(7, READ_ONLY) + faulting(b"\xa5"),
            put(CODE + 0x3000, 0xC3), b"\xe8" + d(0),  # call what follows
            b"\xdd\x35" + d(at),  # fnsave
        )
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_engines_count_alike(seed: int) -> None:
    rng = random.Random(seed)
    code = b"".join(step(rng) for _ in range(50))
    reference, native = sides()
    total = 900
    wanted = counted(reference, code, [total])
    assert wanted[0] == "halt" and sum(map(sum, wanted[1].values())) > 50
    ways = [(native, [total]), (native, [1] * total), (native, splits(total, rng)), (compiled_side(), [total])]
    for side, budgets in (*ways, (reference, splits(total, rng))):
        assert counted(side, code, budgets) == wanted
        assert side.ram == reference.ram and side.core.get("icount") == reference.core.get("icount")


@pytest.mark.parametrize("engine", [0, 1])
def test_what_is_counted(engine: int) -> None:
    side = sides()[engine]
    code = load(0, DATA) + store(DATA + 4, 0) + b"\x83\x05" + d(DATA + PAGE) + b"\x01"  # add dword: both
    code += load(0, DATA + PAGE - 2)  # on two pages
    code += mov(7, DATA) + mov(1, 5) + REP + STOSB
    code += mov(6, DATA + PAGE) + mov(7, ABSENT) + faulting(b"\xa5")  # does not happen
    _, counts = counted(side, code, [200])
    assert counts[DATA] == (2, 6) and counts[DATA + PAGE] == (2, 1)
