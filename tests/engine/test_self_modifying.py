"""Code that changes under the processor's feet: every way to write it, wherever it runs."""

import struct

import pytest
from encode import (
    CLD,
    DEC_ECX,
    HLT,
    INC_EAX,
    INC_EBX,
    MOVSB,
    MOVSD,
    NOP,
    REP,
    RET,
    STOSB,
    alu,
    call,
    d,
    inc,
    jmp,
    jnz,
    load,
    loop,
    mov,
    put,
    put8,
    store,
)
from twin import CODE, DATA, DIRECTORY, IDT, P, Side, Twin, U, W, same

INC_ECX, INC_EDX = 0x41, 0x42


def plain(code: bytes, at: int = CODE, paging: bool = False):
    def setup(m: Side) -> None:
        if paging:
            m.paging()
        m.write(at, code)
        m.core.set("eip", at)

    return setup


@pytest.mark.parametrize("paging", [False, True])
@pytest.mark.parametrize("ahead", [0, 1, 3, 30])
def test_ahead_in_the_same_block(ahead, paging):
    first = put8(CODE + 7 + ahead, INC_EDX)
    m = Twin(plain(first + NOP * ahead + INC_EAX + INC_EBX + HLT, paging=paging)).check(60, want="halt")
    assert (m.core.get("regs", 2), m.core.get("regs", 0)) == (1, 0)


def test_behind_in_the_same_block_and_again():
    # the loop's body turns INC EAX into INC EDX and back
    body_at = CODE + 5
    body = INC_EAX + b"\x80\x35" + d(body_at) + b"\x02"
    m = Twin(plain(loop(CODE, 20, body))).check(100, want="halt")
    assert m.core.get("regs", 0) == m.core.get("regs", 2) == 10


def test_the_instruction_that_runs():
    # the store replaces itself by INC EDX, then jumps back to its address
    code = put(CODE, 0x42424242) + put(CODE + 4, 0x42424242) + put(CODE + 8, 0xF4424242) + jmp(CODE + 30, CODE)
    m = Twin(plain(code)).check(60, want="halt")
    assert m.core.get("regs", 2) == 11


def test_immediate_of_a_later_instruction():
    body = inc(CODE + 5 + 6 + 1) + mov(0, 7)
    m = Twin(plain(loop(CODE, 30, body))).check(200, want="halt")
    assert m.core.get("regs", 0) == 37


def test_a_linked_block():
    # two blocks that jump to each other; one counts in EAX until the other patches it
    a, b = CODE, CODE + 0x100
    first = mov(1, 10) + jmp(a + 5, b)
    back = DEC_ECX + jnz(b + 2, b) + put8(b, INC_EDX) + mov(1, 5) + jmp(b + 20, b)

    def setup(m):
        m.write(a, first)
        m.write(b, INC_EAX + back)

    m = Twin(setup).check(60)
    assert m.core.get("regs", 2) > 0 < m.core.get("regs", 0)


@pytest.mark.parametrize("paging", [False, True])
def test_a_callee_through_return(paging):
    f = CODE + 0x800
    body = call(CODE + 5, f) + inc(f + 1)

    def setup(m):
        if paging:
            m.paging()
        m.write(f, mov(0, 100) + RET)
        m.write(CODE, loop(CODE, 12, body))

    m = Twin(setup).check(100, want="halt")
    assert m.core.get("regs", 0) == 111


@pytest.mark.parametrize("physical", [CODE, CODE + 0x1000])
def test_through_an_alias(physical):
    alias = 0xA00000

    def setup(m):
        m.paging()
        m.pte(alias, physical | P | W)
        m.write(
            CODE, load(0, alias) + put8(alias + (CODE & 0xFFF) + 6 + 7 + 3, INC_EDX) + NOP * 3 + INC_EAX + INC_EBX + HLT
        )

    m = Twin(setup).check(40, want="halt")
    assert m.core.get("regs", 2) == (physical == CODE)


def test_alias_known_before_code_was_decoded():
    # the alias is in the host table as writable before anything is decoded in the page
    alias, target = 0xA00000, CODE + 0x1000

    def setup(m):
        m.paging()
        m.pte(alias, target | P | W)
        m.write(target, INC_EAX + RET)
        code = put(alias + 0x800, 5)
        code += call(CODE + len(code), target)
        code += put8(alias, INC_EDX)
        code += call(CODE + len(code), target)
        m.write(CODE, code + HLT)

    m = Twin(setup).check(40, want="halt")
    assert m.core.get("regs", 2) == 1


def test_many_aliases():
    code = mov(5, 0xA00000)

    def setup(m):
        m.paging()
        for i in range(64):
            m.pte(0xA00000 + (i << 12), (CODE + 0x1000) | P | W)
        m.write(CODE + 0x1000, INC_EAX + RET)
        # call the target, flip its opcode between INC EAX and INC EDX through the next alias
        body = call(CODE + 10, CODE + 0x1000) + b"\x80\x75\x00\x02" + b"\x81\xc5" + d(0x1000)
        m.write(CODE, code + loop(CODE + 5, 64, body))

    m = Twin(setup).check(500, want="halt", rounds=1)
    assert m.core.get("regs", 0) == m.core.get("regs", 2) == 32


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_store_over_two_pages_of_code(back):
    # four bytes over a page boundary, code on both sides
    edge = CODE + 0x1000
    at = edge - back
    fill = bytes([INC_ECX]) * 8

    def setup(m):
        m.paging()
        m.write(edge - 4, fill + RET)
        code = mov(1, 0)
        code += call(CODE + len(code), edge - 4)
        code += put(at, 0x42424242)
        code += call(CODE + len(code), edge - 4)
        m.write(CODE, code + HLT)

    m = Twin(setup).check(60, want="halt")
    assert (m.core.get("regs", 1), m.core.get("regs", 2)) == (12, 4)


def test_instruction_over_two_pages_is_patched_on_its_second():
    edge = CODE + 0x1000
    body = jmp(CODE + 5, edge - 3)

    def setup(m):
        m.paging()
        code = mov(0, 1) + inc(edge + 1)
        start = edge - 3
        m.write(start, code + DEC_ECX)
        after = start + len(code) + 1
        m.write(after, jnz(after, start) + HLT)
        m.write(CODE, mov(1, 10) + body)

    m = Twin(setup).check(60, want="halt")
    assert m.core.get("regs", 0) == 1 + (9 << 24) % (1 << 32)


@pytest.mark.parametrize("op", [STOSB, REP + STOSB])
def test_string_store_over_the_code_that_runs(op):
    # INC EDX over everything from here on; what REP STOS leaves of itself decides
    def setup(m):
        m.write(CODE, mov(0, 0x42) + mov(7, CODE + 14) + mov(1, 8) + op + NOP * 20 + HLT)

    Twin(setup).check(60, want="halt")


@pytest.mark.parametrize("wide", [False, True])
def test_rep_movs_overwrites_itself(wide):
    op = CLD + REP + (MOVSD if wide else MOVSB)

    def setup(m):
        code = mov(6, DATA) + mov(7, CODE + 12) + mov(1, 12)
        m.write(DATA, bytes([INC_EDX]) * 60 + HLT)
        m.write(CODE, code + op + INC_EAX * 40 + HLT)

    Twin(setup).check(100, want="halt")


def test_rep_stos_over_two_code_pages():
    edge = CODE + 0x2000

    def setup(m):
        m.paging()
        m.write(edge - 0x20, INC_EAX * 0x40 + RET)
        code = call(CODE, edge - 0x20) + mov(0, INC_EDX) + mov(7, edge - 0x10) + mov(1, 0x20) + REP + STOSB
        code += call(CODE + len(code), edge - 0x20) + HLT
        m.write(CODE, code)

    m = Twin(setup).check(300, want="halt", rounds=1)
    assert m.core.get("regs", 2) == 0x20


def test_by_a_device():
    """DMA between two runs; the code was running and was linked."""
    t = Twin(plain(loop(CODE, 50, INC_EAX)))
    for side in (t.reference, t.native):
        t.start(side, [40])
        side.write(CODE + 5, bytes([INC_EDX]))
        side.run([1, 20, 30])
    same(t.reference, t.native, "after DMA")
    assert t.native.core.get("regs", 2) > 10


def test_push_into_code():
    # the stack runs down over the code that pushes
    def setup(m):
        m.write(CODE, mov(0, 0x42424242) + NOP * 3 + b"\x50" * 12 + NOP * 8 + HLT)
        m.core.set("regs", CODE + 32, 4)

    Twin(setup).check(60)


def test_interrupt_frame_into_code():
    """The frame of an exception lands in the code of its handler."""

    def setup(m):
        at = CODE + 0x100
        m.write(IDT + 8 * 6, struct.pack("<HHHH", at & 0xFFFF, 8, 0x8E00, at >> 16))
        m.write(at, INC_EAX * 40 + HLT)
        m.write(CODE, mov(4, at + 24) + call(CODE + 5, CODE + 0x400) + b"\x0f\x0b")
        m.write(CODE + 0x400, RET)

    Twin(setup).check(100)


@pytest.mark.parametrize("offset", [0, 1, 5])
def test_accessed_bit_in_the_code_that_runs(offset):
    """The page table lies in the code's page, and the entry that a load uses is made of the instructions after it."""

    # a page of code serves as page table: linear 0xC00000 + n * 0x1000 is entry n
    def setup(m):
        m.paging()
        m.write(DIRECTORY + 4 * 4, d(CODE | P | W | U))  # linear 0x1000000.. use the code page as table
        code = load(3, 0x1000000 + (16 << 12)) + NOP * offset
        code = code.ljust(16, b"\x90") + INC_EAX
        code = code.ljust(64, b"\x90")
        # entry 16 at offset 64: P|W|U and frame 0x40; its accessed bit turns 0x07 (POP ES!) into 0x27 (DAA)
        code += d(DATA | P | W | U) + INC_EAX * 4 + HLT
        m.write(CODE, code)

    Twin(setup).check(90)


@pytest.mark.parametrize("write", [False, True])
def test_accessed_bit_makes_the_next_instruction(write):
    # entry n sits right after the access: 0x05 -> 0x25/0x65: "add eax, imm32" becomes "and eax, imm32" or "gs: ..."
    def setup(m):
        m.paging()
        m.write(DIRECTORY + 4 * 4, d(CODE | P | W | U))
        access = (store if write else lambda at, r: load(r, at))(0x1000000 + (4 << 12), 3)
        m.write(
            CODE,
            mov(0, 0x77)
            + NOP * (16 - 5 - len(access))
            + access
            + d(DATA | P | U | (W if write else 0))
            + INC_EAX * 8
            + HLT,
        )

    Twin(setup).check(60)


def test_accessed_bit_of_a_fetch_in_the_fetched_code():
    """An instruction over two pages; the entry of the second page lies in the bytes of the first."""

    def setup(m):
        m.paging()
        # table at CODE maps linear 0x1000000: entry 0 -> CODE itself, entry 1023 is in its last bytes
        m.write(DIRECTORY + 4 * 4, d(CODE | P | W | U))
        m.write(DIRECTORY + 4 * 5, d((CODE + 0x1000) | P | W | U))
        # the last four bytes of the page are entry 1023 of linear 0x13FF000; make it that of the page after by
        # mapping CODE there
        m.write(CODE, d(CODE | P | W | U))
        m.write(CODE + 0x1000, d((DATA) | P | W | U))
        # page at linear 0x13FF000 -> CODE page? entry 1023 = bytes of an instruction "add eax, imm" 05 ...
        m.write(CODE + 0xFFC, d(CODE | 0x05))
        m.write(DATA, INC_EAX * 8 + HLT)
        m.core.set("eip", 0x13FFFFC)

    Twin(setup).check(40)


def test_patching_the_same_place_many_times():
    """Void blocks must not pile up in the way of the lookup."""
    body = inc(CODE + 5 + 6 + 1) + mov(0, 7)
    t = Twin(plain(loop(CODE, 20_000, body)))
    assert t.start(t.native, [100_000]) == "halt"
    assert t.native.core.get("regs", 0) == 20_007


def test_data_beside_code():
    """Stores into a page with code that do not hit it."""

    def setup(m):
        m.paging()
        m.write(CODE, loop(CODE, 40, inc(CODE + 0x800) + alu(0, CODE + 0x804, 1)))

    Twin(setup).check(250, want="halt", rounds=1)


@pytest.mark.parametrize("distance", [61, 62, 63, 64, 65])
def test_store_beside_the_last_byte(distance):
    """A store that ends just before, in, or after the chunk where the block ends."""

    def setup(m):
        m.write(CODE, NOP * 20 + put(CODE + distance, 0x42424242) + NOP * (58 - 30) + INC_EAX * 3 + HLT + NOP * 8 + HLT)

    Twin(setup).check(90)


def test_rmw_in_the_running_block():
    def setup(m):
        m.write(CODE, mov(0, 2) + alu(6, CODE + 16, 0) + NOP * 5 + INC_EAX + INC_EBX + HLT)  # xor [CODE+16], 2

    m = Twin(setup).check(30, want="halt")
    assert m.core.get("regs", 2) == 1
