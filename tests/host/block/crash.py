"""What is common to the tests that stop an image's writer anywhere: sectors that say which operation wrote them.

An operation is (number, kind, first sector, sectors), a function of the seed and its number. A written sector holds
its operation's number over and over; zeroing writes the number 0. After a crash a sector may hold what the last
flushed operation left there, or what any later one wrote.
"""

import random

from playhead.host.block import Image

SECTOR = 512
SIZE = 1 << 20


def operation(seed: int, number: int) -> tuple[str, int, int]:
    """(kind, first sector, sectors)."""
    rng = random.Random(f"{seed} {number}")
    kind = rng.choices(["write", "zero", "unmap", "flush", "create", "delete", "apply"],
                       [60, 6, 6, 12, 1.5, 1, 0.5])[0]  # fmt: skip
    first = rng.randrange(SIZE // SECTOR)
    return kind, first, min(SIZE // SECTOR - first, rng.choice([1, 1, 2, 7, 64, 129, 300]))


def sector(number: int) -> bytes:
    return number.to_bytes(8, "big") * (SECTOR // 8)


def perform(image: Image, seed: int, number: int, snapshots: bool) -> bool:
    """Carry out an operation; whether everything so far is on stable storage now."""
    kind, first, count = operation(seed, number)
    if kind == "write":
        image.write(first * SECTOR, sector(number) * count)
    elif kind in ("zero", "unmap"):
        image.write_zeroes(first * SECTOR, count * SECTOR, unmap=kind == "unmap")
    elif kind == "flush":
        image.flush()
        return True
    elif snapshots and kind == "create":
        image.create_snapshot(str(number), sector(number) * 3)
        return True
    elif snapshots and kind == "delete" and image.snapshots():
        image.delete_snapshot(image.snapshots()[0].id)
        return True
    return False


def verify(data: bytes, seed: int, flushed: int, last: int) -> None:
    """That every operation up to `flushed` is there, and nothing but operations up to `last`."""
    allowed: list[set[int]] = [{0} for _ in range(SIZE // SECTOR)]
    for number in range(1, last + 1):
        kind, first, count = operation(seed, number)
        if kind in ("write", "zero", "unmap"):
            value = number if kind == "write" else 0
            for n in range(first, first + count):
                if number <= flushed:
                    allowed[n] = {value}
                else:
                    allowed[n].add(value)
    for n, values in enumerate(allowed):
        found = data[n * SECTOR : (n + 1) * SECTOR]
        number = int.from_bytes(found[:8], "big")
        assert found == sector(number), f"sector {n} is torn"
        assert number in values, f"sector {n} is of operation {number}, allowed are {sorted(values)}"
