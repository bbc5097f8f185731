"""Small disk images with everything in them, and ways to damage them; for the image fuzzer.

Everything is a function of its arguments, so that a case is repeated by its seed and number.
"""

from __future__ import annotations

import random
from pathlib import Path

from playhead.host.block import create_qcow2, open_image
from playhead.host.block.qcow2 import Qcow2Image

SIZE = 96 << 10
SHAPES: list[dict] = [
    {"cluster_bits": 9},
    {"cluster_bits": 9, "version": 2},
    {"cluster_bits": 9, "refcount_bits": 64, "compression_type": "zstd"},
    {"cluster_bits": 10, "refcount_bits": 8, "lazy_refcounts": True, "backing": "base.raw", "backing_format": "raw"},
    {"cluster_bits": 12, "refcount_bits": 32, "backing": "base.qcow2", "backing_format": "qcow2"},
    {"cluster_bits": 9, "preallocation": "metadata", "refcount_bits": 1},
]
FIELDS = {"version": (4, 4), "backing_offset": (8, 8), "backing_length": (16, 4), "cluster_bits": (20, 4),
          "size": (24, 8), "crypt": (32, 4), "l1_size": (36, 4), "l1_offset": (40, 8), "refcount_offset": (48, 8),
          "refcount_clusters": (56, 4), "snapshot_count": (60, 4), "snapshots_offset": (64, 8), "incompatible": (72, 8),
          "compatible": (80, 8), "autoclear": (88, 8), "refcount_order": (96, 4), "header_length": (100, 4),
          "compression": (104, 1)}  # fmt: skip


def make_originals(folder: Path) -> list[Path]:
    """One image of each shape, with data of every kind and, where refcounts allow it, snapshots."""
    rng = random.Random("originals")
    base = rng.randbytes(SIZE - 5000)
    (folder / "base.raw").write_bytes(base)
    create_qcow2(str(folder / "base.qcow2"), SIZE // 2)
    with open_image(str(folder / "base.qcow2")) as image:
        image.write(1000, base[:20_000])
    paths = []
    for number, shape in enumerate(SHAPES):
        path = folder / f"original-{number}.qcow2"
        create_qcow2(str(path), SIZE, **shape)
        with open_image(str(path)) as image:
            assert isinstance(image, Qcow2Image)
            _fill(image, rng, snapshots=shape.get("refcount_bits", 16) > 1)
        paths.append(path)
    return paths


def _fill(image: Qcow2Image, rng: random.Random, snapshots: bool) -> None:
    for round in range(3):
        image.write(rng.randrange(SIZE // 2), rng.randbytes(9000))
        image.write_zeroes(rng.randrange(SIZE // 2), 8192)
        for _ in range(4):
            at = rng.randrange(SIZE // image.cluster_size) * image.cluster_size
            image.write_compressed(at, (rng.randbytes(20) * image.cluster_size)[: image.cluster_size])
        image.discard(rng.randrange(SIZE // 2), 8192)
        if snapshots and round < 2:
            image.create_snapshot(f"snapshot {round}", rng.randbytes(3000), date_ns=round, icount=round)


def mutate(data: bytes, rng: random.Random) -> tuple[bytearray, str]:
    """A damaged image, and what was done to it."""
    image, done = bytearray(data), []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        way = rng.choice(WAYS)
        done.append(way(image, rng))
    return image, "; ".join(done)


def _number(rng: random.Random, image: bytearray, now: int, size: int) -> int:
    """An interesting number for a field of that many bytes."""
    bits = size * 8
    cluster = 1 << min(max(int.from_bytes(image[20:24], "big"), 9), 21)
    choices = [
        0, 1, (1 << bits) - 1, 1 << bits - 1, now + 1, now - 1, now ^ 1 << rng.randrange(bits), now * 2,
        rng.getrandbits(bits), cluster * rng.randrange(1 + len(image) // cluster), len(image), now + cluster,
        1 << rng.randrange(bits),
    ]  # fmt: skip
    return rng.choice(choices) & (1 << bits) - 1


def _field(image: bytearray, rng: random.Random) -> str:
    name = rng.choice(list(FIELDS))
    at, size = FIELDS[name]
    value = _number(rng, image, int.from_bytes(image[at : at + size], "big"), size)
    image[at : at + size] = value.to_bytes(size, "big")
    return f"{name} = {value:#x}"


def _bit(image: bytearray, rng: random.Random) -> str:
    at = rng.choice([rng.randrange(128), rng.randrange(512), rng.randrange(len(image))]) % len(image)
    image[at] ^= 1 << rng.randrange(8)
    return f"byte {at:#x} ^= a bit"


def _entry(image: bytearray, rng: random.Random) -> str:
    """Any number that looks like an entry of a table, or part of one."""
    places = [at for at in range(512, len(image) - 7, 8) if any(image[at : at + 8]) and image[at + 7] in (0, 1)]
    if not places:
        return _bit(image, rng)
    at, other = rng.choice(places), rng.choice(places)
    now = int.from_bytes(image[at : at + 8], "big")
    flags = rng.choice([0, 0, 1 << 62, 1 << 63, 1])
    value = rng.choice([_number(rng, image, now, 8), int.from_bytes(image[other : other + 8], "big"), now ^ flags])
    image[at : at + 8] = value.to_bytes(8, "big")
    return f"entry at {at:#x} = {value:#x}"


def _short(image: bytearray, rng: random.Random) -> str:
    length = rng.choice([rng.randrange(len(image) + 1), len(image) // 512 * 512 // 2, rng.randrange(200)])
    del image[length:]
    if len(image) < 112:
        image.extend(bytes(112 - len(image)))
    return f"cut to {length}"


def _copy(image: bytearray, rng: random.Random) -> str:
    """One sector over another."""
    sectors = len(image) // 512
    if sectors < 2:
        return _bit(image, rng)
    a, b = rng.randrange(sectors), rng.randrange(sectors)
    image[b * 512 : b * 512 + 512] = image[a * 512 : a * 512 + 512]
    return f"sector {a} over sector {b}"


def _fill_sector(image: bytearray, rng: random.Random) -> str:
    at, byte = rng.randrange(1 + len(image) // 512) * 512, rng.choice([0, 0xFF, rng.randrange(256)])
    image[at : at + 512] = bytes([byte]) * len(image[at : at + 512])
    return f"sector {at // 512} filled with {byte:#x}"


WAYS = [_field, _field, _entry, _entry, _entry, _entry, _bit, _short, _copy, _fill_sector]
