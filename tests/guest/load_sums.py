"""What the guest `load` (tools/guests/debian.py) prints, computed from the images and its busybox."""

from __future__ import annotations

import hashlib

BLOCK, ROUNDS, PIECE = 4096, 8, 16


def generator(seed: int) -> list[int]:
    out = []
    for _ in range(ROUNDS):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(seed)
    return out


def read(data: bytes, seed: int) -> str:
    """The sum of what a reader reads, all in the first half."""
    blocks = len(data) // BLOCK
    places = [(x >> 8) % (blocks // 2 - PIECE) for x in generator(seed)]
    return hashlib.md5(b"".join(data[at * BLOCK : (at + PIECE) * BLOCK] for at in places)).hexdigest()


def written(data: bytes, seed: int, busybox: bytes) -> bytes:
    """The disk after a writer wrote pieces of busybox into the second half."""
    out, half = bytearray(data), len(data) // BLOCK // 2
    for x in generator(seed):
        piece = busybox[(x >> 24) * BLOCK : ((x >> 24) + PIECE) * BLOCK]
        to = (half + (x >> 8) % (half - PIECE)) * BLOCK
        out[to : to + len(piece)] = piece
    return bytes(out)


def expected(disks: dict[str, bytes], busybox: bytes) -> dict[str, str]:
    """By the text before the colon: the drives by name, CD-ROMs `sr...`."""
    out = {}
    for seed, (name, data) in enumerate(sorted(disks.items()), 2):
        out[f"{name} read"] = f"{read(data, seed)}  -"
        if name.startswith("sd"):
            data = written(data, seed + 100, busybox)
            out[f"{name} written"] = "wrong 0"
        out[f"{name} whole"] = f"{hashlib.md5(data).hexdigest()}  -"
    return out
