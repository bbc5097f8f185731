"""Digests: what lets a replay prove that it is its recording, and name the part that is not.

A digest of the machine is one 16-byte root over the digests of its parts (CPU, TLB, RAM, clock, each device), in the
machine's fixed order. Beside each root two bytes of each part's digest are kept, so that a mismatch can be pinned to
a part. Most parts do not change from one digest to the next: a run of checks is stored as differences and deflated,
so that the checks cost about as much as the parts that are active (measured: 12 bytes per digest for 25 parts of
which 6 change each time).
"""

import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

from playhead.base.errors import FormatError

ROOT = 16  # bytes of a root, and of a part's digest
CHECK = 2  # bytes kept of a part's digest
MAX_PARTS = 4096
MAX_RUN = 1 << 16  # digests in one run
MAX_CHECKS = 64 << 20  # bytes of inflated checks in one run


class Digest(NamedTuple):
    """The digest of a whole machine: the root, and the checks of its parts in order."""

    root: bytes
    checks: bytes


def root_of(parts: Mapping[str, bytes]) -> bytes:
    """The root over named parts: BLAKE2b-128 over each name and digest, each prefixed with its length."""
    labels = _labels(tuple(parts), tuple(map(len, parts.values())))
    pieces = chain.from_iterable(zip(labels, parts.values(), strict=True))
    return blake2b(b"".join(pieces), digest_size=ROOT).digest()


@lru_cache
def _labels(names: tuple[str, ...], lengths: tuple[int, ...]) -> list[bytes]:
    """What is hashed before each digest."""
    return [
        bytes((len(label), length)) + label
        for label, length in zip(map(str.encode, names), lengths, strict=True)
    ]


def digest_of(parts: Mapping[str, bytes]) -> Digest:
    """Root and checks of a machine's parts."""
    return Digest(root_of(parts), b"".join([d[:CHECK] for d in parts.values()]))


def differing(names: Iterable[str], a: Digest, b: Digest) -> list[str]:
    """The parts in which two digests differ; empty if only the roots do (then the two bytes kept happen to agree)."""
    return [
        name
        for i, name in enumerate(names)
        if a.checks[i * CHECK : (i + 1) * CHECK] != b.checks[i * CHECK : (i + 1) * CHECK]
    ]


def pack_run(digests: list[Digest]) -> tuple[bytes, bytes]:
    """(roots, checks) columns of a run of digests."""
    width = len(digests[0].checks)
    assert all(len(d.checks) == width for d in digests)
    before = bytes(width)
    rows = bytearray()
    for d in digests:
        rows += _xor(d.checks, before)
        before = d.checks
    return b"".join(d.root for d in digests), zlib.compress(_transpose(bytes(rows), width), 9)


def unpack_run(count: int, parts: int, roots: bytes, checks: bytes) -> list[Digest]:
    """The inverse of `pack_run`; `count` and `parts` say what has to be there."""
    if not 0 < count <= MAX_RUN or not 0 < parts <= MAX_PARTS or len(roots) != count * ROOT:
        raise FormatError(f"{len(roots)} bytes of digests where {count} were announced")
    width = parts * CHECK
    if count * width > MAX_CHECKS:
        raise FormatError(f"{count * width} bytes of digest checks in one run")
    inflate = zlib.decompressobj()
    try:
        columns = inflate.decompress(checks, count * width + 1)
    except zlib.error:
        raise FormatError("digest checks that do not inflate") from None
    if len(columns) != count * width or not inflate.eof:
        raise FormatError(f"{len(columns)} bytes of digest checks, expected {count * width}")
    rows = _transpose(columns, count)
    digests, before = [], bytes(width)
    for i in range(count):
        before = _xor(rows[i * width : (i + 1) * width], before)
        digests.append(Digest(roots[i * ROOT : (i + 1) * ROOT], before))
    return digests


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).to_bytes(len(a), "little")


def _transpose(data: bytes, width: int) -> bytes:
    """Rows of `width` bytes to columns: an inactive part becomes one long run of zeros."""
    return b"".join(data[i::width] for i in range(width))
