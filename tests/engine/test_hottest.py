"""Which blocks are hot: counted until they are compiled, sampled for ever; and what a recording has said of them."""

from encode import INC_EAX, RET, d, inc, mov
from twin import CODE, DATA, Side

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2 import hottest, switch
from playhead.engine.llvm.tier2.hottest import Hottest
from playhead.engine.llvm.tier2.tier import FIRST, Compiled

LONG = 50  # instructions of the loop, which is more than one block


class Noting:
    """Compiles nothing, and notes what it was asked."""

    def __init__(self) -> None:
        self.heat: dict[bytes, int] = {}

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        self.heat[unit] = heat

    def ready(self):
        return []


def looping() -> tuple[Side, Noting]:
    side, backend = Side(NativeEngine), Noting()
    side.engine.use_tier2(switch.ON, backend, Compiled())
    side.reset()
    body = mov(1, 1 << 20) + inc(DATA) + INC_EAX * LONG + b"\x49"
    body += b"\x0f\x85" + d(5 - len(body) - 6) + b"\xf4" + RET
    side.write(CODE, body)
    return side, backend


def test_counted_and_sampled():
    side, _ = looping()
    tier2 = side.engine.tier2
    for _ in range(50):
        assert side.run([10_007]) != "halt"
        tier2.stop = 0
        tier2.poll()
    found = tier2.hottest.blocks(100)
    physical = {address: entries for address, _, entries in found}
    assert CODE + 5 in physical and len({mode for _, mode, _ in found}) == 1
    sampled = tier2.hottest._sampled
    assert sum(n > 0 for n in sampled.values()) >= 2  # both halves of the loop
    assert all(entries >= 128 for address, entries in physical.items() if (address, found[0][1]) in sampled)


def test_what_is_expected_is_asked_for_at_once():
    side, _ = looping()
    side.run([(FIRST + 10) * (LONG + 3)])
    side.engine.tier2.poll()
    place = next(block[:2] for block in side.engine.tier2.hottest.blocks(100) if block[0] == CODE + 5)
    side, backend = looping()
    side.engine.tier2.hottest.expected = {place: 123_456, (place[0], place[1] + 1): 654_321}
    side.run([(FIRST + 10) * (LONG + 3)])
    side.engine.tier2.poll()
    assert sorted(backend.heat.values()) == [FIRST, 123_456]


def test_no_more_than_so_many(monkeypatch):
    monkeypatch.setattr(hottest, "MOST", 3)
    some = Hottest()
    for n in range(10):
        some.counted((n, 0), 16)
        some.sampled((n + 5, 0), 100)
    some.counted((1, 0), 128)
    some.sampled((6, 0), 100)
    assert some.blocks(2) == [(6, 0, 200), (1, 0, 128)]
    assert sorted(some.blocks(100)) == [(0, 0, 16), (1, 0, 128), (2, 0, 16), (5, 0, 100), (6, 0, 200), (7, 0, 100)]


def test_nothing_is_sampled_of_an_arena_that_is_used_anew():
    side, _ = looping()
    side.run([10_007])
    side.engine.reset_arena()
    tier2 = side.engine.tier2
    before = dict(tier2.hottest._sampled)
    tier2.stop = 0
    tier2.poll()
    assert tier2.hottest._sampled == before and tier2.stop > 0
