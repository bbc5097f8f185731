"""Regions: blocks that lead to each other are one function, entered while its blocks are live."""

import pytest
from encode import RET, call, d, inc, jmp, mov
from twin import CODE, DATA, Side, Twin, same

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.compile import compile_units
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.engine.llvm.tier2.tier import Compiled
from playhead.engine.llvm.tier2.unit import Region, Unit, unpack
from playhead.x86 import state as S

LOOP = 3000
FUNCTION, ODD = CODE + 0x400, CODE + 0x500


def program(side: Side) -> None:
    """A loop with a call, and a part that every second turn passes by."""
    body = mov(1, LOOP)
    turn = CODE + len(body)
    body += call(turn, FUNCTION) + b"\xf6\xc1\x01"  # test $1, %cl
    body += b"\x0f\x85" + d(ODD - (CODE + len(body)) - 6)
    back = CODE + len(body)
    body += b"\x49"  # dec %ecx
    body += b"\x0f\x85" + d(turn - (CODE + len(body)) - 6) + b"\xf4"
    side.write(CODE, body)
    side.write(FUNCTION, inc(DATA) + RET)
    side.write(ODD, inc(DATA + 8) + jmp(ODD + len(inc(0)), back))


def machine(units: list | None = None) -> Side:
    def compile(asked):
        if units is not None:
            units.extend(asked)
        return compile_units(asked)

    side = Side(NativeEngine)
    side.engine.use_tier2(switch.ON, SynchronousBackend(compile), Compiled())
    side.engine.tier2.slice = 501
    side.reset()
    program(side)
    return side


def placed(side: Side) -> list[int]:
    return [len(found.blocks) for found, _ in side.engine.tier2.regions.placed.values()]


@pytest.mark.parametrize("pieces", [[30_000], [1, 7, 5000, 33, 1234, 2, 30_000], [999] * 40])
def test_the_same_machine(pieces):
    asked: list[Unit | Region] = []
    side, twin = machine(asked), Twin(program)
    assert twin.start(twin.reference, [30_000]) == "halt"
    assert side.run(pieces) == "halt"
    same(twin.reference, side, "regions")
    assert max(placed(side)) >= 4  # with the function, and the place where it returns to
    region = next(one for one in asked if isinstance(one, Region))
    assert unpack(region.pack()) == region
    assert any(region.units[edge.source].uops[-1].at == edge.at for edge in region.edges)


def test_a_part_that_is_written_is_no_longer_run():
    """In front of a turn of the loop, the function becomes another one."""
    side, twin = machine(), Twin(program)
    assert twin.start(twin.reference, [11_003]) != "halt" and side.run([11_003]) != "halt"
    assert placed(side)
    for one in (side, twin.reference):
        one.write(FUNCTION, inc(DATA + 16) + RET)
        assert one.run([30_000]) == "halt"
    same(twin.reference, side, "rewritten")
    assert int.from_bytes(side.ram[DATA + 16 : DATA + 20], "little") > 1000


def test_void_blocks_void_their_regions():
    side = machine()
    assert side.run([20_000]) != "halt"
    regions = side.engine.tier2.regions
    assert regions.placed
    epoch = side.core.get("regions_epoch")
    side.write(ODD, inc(DATA + 24))
    assert side.core.get("regions_epoch") > epoch
    side.engine.tier2.stop = 0
    side.engine.tier2.poll()
    assert all(block.place != ODD for found, _ in regions.placed.values() for block in found.blocks)


def test_anew_with_the_arena():
    side = machine()
    assert side.run([20_000]) != "halt"
    side.engine.reset_arena()
    assert not placed(side)
    twin = Twin(program)
    assert twin.start(twin.reference, [30_000]) == "halt" and side.run([30_000]) == "halt"
    same(twin.reference, side, "anew")
    assert S.FIELDS["regions_epoch"].arch is False


def test_a_way_out_that_is_taken_later_changes_nothing():
    """A link from a block of the region to elsewhere may be made at any time."""
    side = machine()
    assert side.run([20_000]) != "halt"
    regions = side.engine.tier2.regions
    address, (found, record) = next(iter(regions.placed.items()))
    first = found.blocks[0]
    unlinked = (first.links[0][0], side.engine._arena + L.DEAD_BLOCK)  # as it was read
    others = found.blocks[1:]
    regions.placed[address] = found._replace(blocks=(first._replace(links=(unlinked,)), *others)), record
    side.core.set("regions_epoch", side.core.get("regions_epoch") + 1)
    regions.check()
    assert address in regions.placed
