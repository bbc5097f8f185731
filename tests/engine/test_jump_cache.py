"""Computed jumps, and direct ones to other pages, go where the live translations say: when one page's is dropped, when
all are, and never before."""

import struct

import pytest
from encode import DEC_ECX, HLT, IRET, RET, call, d, invlpg, jmp, jnz, load, mov, mov_cr, put, put8
from twin import CODE, DATA, DIRECTORY, IDT, PAGE, TABLES, A, P, Side, Twin, U, W, same

FAR = 0x800000
SAME_PLACE = 1 << 20  # pages this far apart share their place in the jump cache
OLD, NEW = DATA + PAGE, DATA + 2 * PAGE  # frames
OFFSETS = (0, 5, 0x3B, 0x40, 0x7C7, 0x800, 0xABC, 0xFC0, 0xFFC)
ADD_1, ADD_100 = b"\x83\xc0\x01", b"\x83\xc0\x64"  # add eax, ...
OTHER_DIRECTORY, OTHER_TABLE = 0x60000, 0x61000


def entry(linear: int) -> int:
    return TABLES + (linear >> 22 << 12) + (linear >> 10 & 0xFFC)


def functions(m: Side) -> None:
    """At the same offsets of both frames: functions that add 1 and 100."""
    for frame, body in ((OLD, ADD_1), (NEW, ADD_100)):
        for offset in OFFSETS:
            m.write(frame + offset, body + RET)
    for linear in (FAR, FAR + SAME_PLACE):
        m.pte(linear, OLD | P | W | U)


class Program:
    def __init__(self) -> None:
        self.code = b""

    def add(self, *parts: bytes) -> "Program":
        self.code += b"".join(parts)
        return self

    def call_all(self, linear: int = FAR, offsets=OFFSETS, times: int = 2) -> "Program":
        """Direct calls, and computed ones, so that there is a block, a link and a place in the cache."""
        for offset in offsets * times:
            self.code += call(CODE + len(self.code), linear + offset)
            self.code += mov(3, linear + offset) + b"\xff\xd3"
        return self

    def check(self, setup=functions, total: int = 700) -> Side:
        def start(m: Side) -> None:
            m.paging()
            m.write(CODE, self.code + HLT)
            setup(m)

        return Twin(start).check(total, rounds=2, want="halt")


@pytest.mark.parametrize("cr3", [False, True])
def test_a_page_is_remapped_and_comes_back(cr3):
    """Until the flush the old code runs, after it the new one, from every offset."""
    flush = mov(0, DIRECTORY) + mov_cr(3, 0) if cr3 else invlpg(FAR + 5)
    keep = b"\x89\xc6" if cr3 else b""  # mov esi, eax
    back = b"\x89\xf0" if cr3 else b""
    p = Program().call_all().add(put(entry(FAR), NEW | P | W | U)).call_all(times=1).add(keep, flush, back).call_all()
    m = p.add(put(entry(FAR), OLD | P | W | U), keep, flush, back).call_all(times=1).check()
    calls = 2 * len(OFFSETS)
    assert m.core.get("regs", 0) == (2 + 1 + 1) * calls + 100 * 2 * calls


def test_two_pages_in_one_place_of_the_cache():
    """INVLPG of one leaves the other alone, whose tables were changed without one."""
    p = Program().call_all(FAR).call_all(FAR + SAME_PLACE)
    p.add(put(entry(FAR), NEW | P | W | U), put(entry(FAR + SAME_PLACE), NEW | P | W | U), invlpg(FAR + SAME_PLACE))
    m = p.call_all(FAR, times=1).call_all(FAR + SAME_PLACE, times=1).check()
    calls = 2 * len(OFFSETS)
    assert m.core.get("regs", 0) == (2 + 2 + 1 + 100) * calls


def test_a_refill_by_a_jump_sets_the_accessed_bit():
    """Only a jump after INVLPG walks the tables."""
    clear = put(entry(FAR), OLD | P | W | U)
    p = Program().call_all(offsets=(0x40,)).add(clear).call_all(offsets=(0x40,)).add(load(6, entry(FAR)))
    m = p.add(invlpg(FAR)).call_all(offsets=(0x40,)).add(load(7, entry(FAR))).check()
    assert not m.core.get("regs", 6) & A and m.core.get("regs", 7) & A


def test_a_fault_of_an_access_drops_the_jumps_too():
    """A write that the page refuses drops its translation (volume 3, 4.10.4.1), so the next jump there walks."""
    writes = b"\xc6\x05" + d(FAR + 0x10) + b"\x00"
    skip = b"\x83\xc4\x04" + b"\x83\x04\x24" + bytes([len(writes)]) + IRET  # add esp, 4; add dword [esp], ...

    def setup(m: Side) -> None:
        functions(m)
        m.pte(FAR, OLD | P | U)
        m.write(DATA, skip)
        m.write(IDT + 8 * 14, struct.pack("<HHHH", DATA & 0xFFFF, 8, 0x8E00, DATA >> 16))

    p = Program().call_all(offsets=(0x40,)).add(put(entry(FAR), OLD | P | U), writes, load(6, entry(FAR)))
    m = p.call_all(offsets=(0x40,)).add(load(7, entry(FAR))).check(setup)
    assert not m.core.get("regs", 6) & A and m.core.get("regs", 7) & A


def test_a_page_that_is_gone():
    """The jump faults at its target; the handler brings the page back, with other code."""
    handler = b"\x83\xc4\x04" + put(entry(FAR), NEW | P | W | U) + IRET

    def setup(m: Side) -> None:
        functions(m)
        m.write(DATA, handler)
        m.write(IDT + 8 * 14, struct.pack("<HHHH", DATA & 0xFFFF, 8, 0x8E00, DATA >> 16))

    p = Program().call_all().add(put(entry(FAR), 0)).call_all(times=1).add(invlpg(FAR)).call_all(times=1)
    m = p.check(setup)
    calls = 2 * len(OFFSETS)
    assert m.core.get("regs", 0) == (2 + 1 + 100) * calls and m.core.get("cr2") == FAR + OFFSETS[0]


def test_two_address_spaces():
    """The same jumps in turn by two directories, which map the page differently."""

    def setup(m: Side) -> None:
        functions(m)
        tables = [m.memory.read(at, PAGE) for at in (DIRECTORY, TABLES + (FAR >> 22 << 12))]
        m.write(OTHER_DIRECTORY, tables[0])
        m.write(OTHER_TABLE, tables[1])
        m.write(OTHER_DIRECTORY + 4 * (FAR >> 22), d(OTHER_TABLE | P | W | U))
        m.write(OTHER_TABLE + (FAR >> 10 & 0xFFC), d(NEW | P | W | U))

    p = Program().add(mov(1, 3))
    start = len(p.code)
    for directory in (DIRECTORY, OTHER_DIRECTORY):
        p.add(mov(2, directory), mov_cr(3, 2)).call_all(times=1)
    p.add(DEC_ECX)
    m = p.add(jnz(CODE + len(p.code), CODE + start)).check(setup)
    assert m.core.get("regs", 0) == 3 * 101 * 2 * len(OFFSETS)


@pytest.mark.parametrize("where", [FAR, OLD], ids=["by its address", "by another one"])
def test_a_store_changes_the_target(where):
    p = Program().call_all(offsets=(0x40,)).add(put8(where + 0x42, 100)).call_all(offsets=(0x40,))
    assert p.check().core.get("regs", 0) == 4 + 400


def test_the_a20_gate_moves_the_target():
    """Without paging the addresses stay, and what they lead to does not."""
    at, low = 0x140040, 0x040040
    p = Program().call_all(at, (0,))
    code = p.code + jmp(CODE + len(p.code), CODE)
    twin = Twin(lambda m: [m.write(CODE, code), m.write(at, ADD_1 + RET), m.write(low, ADD_100 + RET)])
    once = 2 * 7 + 1
    for side in (twin.reference, twin.native):
        twin.start(side, [2 * once])
        side.memory.set_a20(False)
        side.core.set("a20_mask", 0xFFEFFFFF)
        side.core.stale = True
        side.run([once])
    same(twin.reference, twin.native, "A20")
    assert twin.native.core.get("regs", 0) == 2 * 4 + 4 * 100
