"""Digests are kept small, come back exactly, and tell parts apart."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.base.errors import FormatError
from playhead.log.digests import Digest, differing, digest_of, pack_run, root_of, unpack_run


@given(st.integers(1, 40), st.integers(1, 30), st.randoms(use_true_random=False))
def test_packed_and_unpacked(count, parts, rng):
    run = [Digest(rng.randbytes(16), rng.randbytes(2 * parts)) for _ in range(count)]
    assert unpack_run(count, parts, *pack_run(run)) == run


def test_a_whole_boot_fits_in_its_budget():
    """7,140 digests of 25 parts, 8 of which change each time, in batches of a quarter second: at most 300 KB."""
    rng = random.Random(1)
    checks = bytearray(rng.randbytes(50))
    size = 0
    for _ in range(7140 // 40 + 1):
        run = []
        for _ in range(40):
            checks[:16] = rng.randbytes(16)
            run.append(Digest(rng.randbytes(16), bytes(checks)))
        size += sum(map(len, pack_run(run)))
    assert size < 270_000, size


def test_damage_is_refused():
    run = [Digest(bytes(16), bytes(10))] * 3
    roots, checks = pack_run(run)
    for wrong in ((2, 5, roots, checks), (3, 4, roots, checks), (3, 6, roots, checks), (3, 5, roots[:-1], checks),
                  (3, 5, roots, checks[:-4]), (3, 5, roots, b"xyz"), (0, 5, b"", checks), (3, 0, roots, checks),
                  (1 << 60, 5, roots, checks), (3, 1 << 40, roots, checks)):  # fmt: skip
        with pytest.raises(FormatError):
            unpack_run(*wrong)


def test_a_bomb_does_not_inflate():
    import zlib

    with pytest.raises(FormatError):
        unpack_run(1, 5, bytes(16), zlib.compress(bytes(50_000_000), 9))


def test_parts_are_told_apart():
    a = {"cpu": b"a" * 16, "ram": b"b" * 16, "rtc": b"c" * 16}
    b = {**a, "ram": b"x" * 16}
    assert differing(a, digest_of(a), digest_of(b)) == ["ram"]
    assert root_of(a) != root_of(b)
    assert root_of({"ab": b"c"}) != root_of({"a": b"bc"})
