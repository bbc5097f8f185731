"""Breakpoints cost the pages that have them: code elsewhere runs through whole blocks and links, also over an offset
that has a breakpoint in another page. Where two linear pages show one physical page, each stops at its own breakpoints.
"""

import pytest
from encode import INC_EAX, INC_EBX, RET, call, jmp, jnz, mov
from twin import CODE, P, Side, U, W

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.reference import ReferenceEngine
from playhead.machine.debug import Debug
from playhead.x86 import state as S

PHYSICAL, ONE, OTHER, ELSEWHERE = 0x201000, 0x900000, 0xA00000, 0xB00000
ROUTINE = mov(1, 5) + INC_EAX + INC_EBX + b"\x49"  # five times; INC EBX is at 6
MIDDLE = 6


class Rig:
    """Calls a routine through one linear page, then through the other, for ever."""

    def __init__(self, engine: type):
        self.side = Side(engine)
        self.side.reset()
        self.side.paging()
        for linear in (ONE, OTHER):
            self.side.pte(linear, PHYSICAL | P | W | U)
        self.side.write(PHYSICAL, ROUTINE + jnz(len(ROUTINE), 5) + RET)
        self.side.write(CODE, call(CODE, ONE) + call(CODE + 5, OTHER) + jmp(CODE + 10, CODE))
        self.core = self.side.core
        self.debug = Debug(self.core, self.side.memory)

    def breakpoints(self, *addresses: int) -> None:
        self.debug.set_breakpoints(addresses)
        self.debug.arm(True)

    def run(self, count: int) -> list[tuple[int, int]]:
        """So many instructions; the stops, as (instructions, EIP)."""
        core, stops = self.core, []
        end = core.get("icount") + count
        while core.get("icount") < end:
            core.set("deliveries", 1000)
            self.side.engine.run(end - core.get("icount"))
            if core.get("exit_reason") == S.EXIT_BREAK:
                self.debug.skip_here()
                if self.debug.is_breakpoint(core.get("eip")):
                    stops.append((core.get("icount"), core.get("eip")))
            else:
                assert core.get("exit_reason") == S.EXIT_NONE
        return stops

    def turns(self, count: int) -> int:
        """Turns of the run loop in so many instructions."""
        before = self.core.get("counts", S.COUNTS.index("turns"))
        assert self.run(count) == []
        return self.core.get("counts", S.COUNTS.index("turns")) - before


@pytest.mark.parametrize("decoded_before", [False, True])
def test_two_pages_that_show_one(decoded_before: bool) -> None:
    found = []
    for engine in (ReferenceEngine, NativeEngine):
        rig = Rig(engine)
        stops: list[tuple[int, int]] = rig.run(500) if decoded_before else []
        for addresses in ([OTHER + MIDDLE], [ONE + MIDDLE], [], [ONE + 5, OTHER + MIDDLE], [OTHER + 5], [ELSEWHERE]):
            rig.breakpoints(*addresses)
            stops += rig.run(311)
        found.append(stops)
    assert found[0] == found[1]
    assert {at for _, at in found[0]} == {OTHER + MIDDLE, ONE + MIDDLE, ONE + 5, OTHER + 5}


def test_code_elsewhere_does_not_pay() -> None:
    rig = Rig(NativeEngine)
    rig.run(10_000)
    free = rig.turns(100_000)
    rig.breakpoints(*(ELSEWHERE + offset for offset in range(len(ROUTINE) + 8)))
    rig.run(10_000)
    assert rig.turns(100_000) <= free + 10
    beside = Rig(NativeEngine)
    beside.breakpoints(OTHER + 0x800)  # its page is marked, but this offset has no code
    beside.run(10_000)
    assert beside.turns(100_000) <= free + 10


def test_guest_breakpoints_are_as_local() -> None:
    rig = Rig(NativeEngine)
    rig.run(10_000)
    free = rig.turns(100_000)
    for n in range(4):
        rig.core.set("dr", ELSEWHERE + MIDDLE + n, n)
    rig.core.set("dr", 0x4AA, 7)
    rig.core.set("rearm", S.REARM_NOW)
    rig.run(10_000)
    assert rig.core.debug_offsets[MIDDLE]
    assert rig.turns(100_000) <= free + 10
