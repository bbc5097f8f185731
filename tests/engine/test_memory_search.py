"""A search of memory while the guest runs finds each place and moment at which a byte string comes to stand, on both
engines, as a comparison of all memory behind each instruction does."""

import random
from collections.abc import Iterator

import pytest
from encode import HLT, REP, STOSB, STOSD, d, mov
from twin import CODE, DATA, PAGE, P, Side, U, W, compiled_side, sides

from playhead.machine.debug import FOUND, Debug
from playhead.x86 import state as S

FIRST, LAST = DATA + PAGE - 24, DATA + PAGE + 24  # where programs store, over a boundary of pages
FAR = 0x800000  # linear: two pages that show the frames of FIRST and LAST
STRINGS = (b"a", b"ab", b"aab", b"abba", b"ababa", b"\0\0\0\0\0\0", b"abaabbab", b"a" * 12, b"ab\0\0\0\0\0\0\0\0ba")
BYTES = (0x61, 0x62, 0x61, 0x62, 0)


def some(rng: random.Random, n: int) -> bytes:
    return bytes(rng.choice(BYTES) for _ in range(n))


def step(rng: random.Random) -> bytes:
    """Instructions that store: plain, read-modify-write, on two pages, many times, eight bytes at once."""
    where = rng.randrange(FIRST, LAST) + rng.choice((0, FAR))
    at, counter = d(where), mov(1, rng.randrange(1, 12))
    return rng.choice(
        (
            b"\xc6\x05" + at + some(rng, 1),
            b"\x66\xc7\x05" + at + some(rng, 2),
            b"\xc7\x05" + at + some(rng, 4),
            b"\xc7\x05" + at + some(rng, 4),
            b"\x80\x35" + at + b"\x03",  # xor byte, a becomes b
            b"\x81\x35" + at + d(0x03000300),
            b"\x83\x05" + at + b"\x01",  # add dword
            mov(0, int.from_bytes(some(rng, 4), "little")) + b"\x87\x05" + at,  # xchg
            mov(7, where) + mov(0, rng.choice(BYTES)) + counter + REP + STOSB,
            mov(7, where) + mov(0, int.from_bytes(some(rng, 4), "little")) + mov(1, 3) + REP + STOSD,
            mov(6, rng.randrange(FIRST, LAST)) + mov(7, where) + counter + REP + b"\xa4",  # movsb
            mov(4, where) + b"\x68" + some(rng, 4),  # push
            mov(4, where) + b"\x60",  # pusha
            mov(3, int.from_bytes(some(rng, 4), "little")) + b"\x0f\xc7\x0d" + at,  # cmpxchg8b
            b"\xdd\x35" + at,  # fnsave
        )
    )


def start(side: Side, code: bytes) -> None:
    side.reset()
    side.paging()
    for page in (DATA, DATA + PAGE):
        side.pte(FAR + page, page | P | W | U)
    side.write(CODE, code + HLT)


def seen(side: Side, debug: Debug, step: int = 1 << 20) -> Iterator[tuple[int, int]]:
    """(instructions retired, physical address) of what is found up to the end."""
    while True:
        side.engine.run(step)
        if debug.met():
            for access in debug.accesses():
                assert access.kind == FOUND and access.physical
                yield side.core.get("icount"), access.address
        if side.core.get("exit_reason") == S.EXIT_HALT:
            return


def compared(side: Side, sought: bytes) -> Iterator[tuple[int, int]]:
    """The same by brute force: one instruction, then all memory that a program changes but for page tables."""
    low, high = DATA - PAGE, DATA + 3 * PAGE
    before = bytes(side.ram[low:high])
    while side.core.get("exit_reason") != S.EXIT_HALT:
        side.engine.run(1)
        after = bytes(side.ram[low:high])
        n = after.find(sought) if before != after else -1
        while n >= 0:
            if before[n : n + len(sought)] != sought:
                yield side.core.get("icount"), low + n
            n = after.find(sought, n + 1)
        before = after


@pytest.mark.parametrize("seed", range(12))
def test_all_that_comes_to_stand_is_found(seed: int) -> None:
    rng = random.Random(seed)
    code = b"".join(step(rng) for _ in range(50))
    reference, native = sides()
    for sought in rng.sample(STRINGS, 2):
        start(reference, code)
        wanted = list(compared(reference, sought))
        for side, length in ((reference, 1 << 20), (native, 1 << 20), (native, 1), (compiled_side(), 1 << 20)):
            start(side, code)
            debug = Debug(side.core, side.memory)
            debug.set_search(sought)
            debug.arm(True)
            try:
                assert list(seen(side, debug, length)) == wanted, (sought, length)
                assert side.ram == reference.ram and side.core.get("icount") == reference.core.get("icount")
            finally:
                debug.arm(False)
