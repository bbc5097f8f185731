"""Who answers an address where ranges overlap depends on which ranges there are, not on the way they came about."""

from itertools import permutations

from playhead.hw.space import Space

MOVED = {"pm.pm": 0x600, "pm.smb": 0x600, "ide.master": 0x5F8}


def answers(names: tuple[str, ...]) -> bytes:
    """What a byte reads as at each port, where the guest has placed the ranges in this order."""
    space = Space("io", 1 << 16)
    for n, base in enumerate((0x5F0, 0x5FC)):
        space.map(base, 16, lambda address, size, n=n: n, print)
    for name in (*names, *names[:1]):
        old = next((r for r in space.ranges() if r.name == name), None)
        if old is not None:  # moved away and back
            space.unmap(old)
        value = list(MOVED).index(name) + 2
        space.map(MOVED[name], 16, lambda address, size, value=value: value, print, name=name, moves=True)
    return bytes(space.read(port, 1) for port in range(0x5E8, 0x618))


def test_the_order_of_mapping_decides_nothing() -> None:
    assert len(set(map(answers, permutations(MOVED)))) == 1
    assert answers(("pm.smb", "pm.pm")) == bytes([255] * 8 + [0] * 12 + [1] * 4 + [3] * 16 + [255] * 8)
