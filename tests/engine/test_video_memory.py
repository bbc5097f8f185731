"""Video memory on both engines: registers like memory, banks and aliases, code that runs from it."""

from __future__ import annotations

from functools import cache

import numpy
import pytest
from twin import CODE, DATA0, P, Twin, U, W
from video_side import BANK_PORT, FRAME, HOW_PORT, LEGACY, MASK_PORT, PLANAR, VIDEO, VideoSide

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.reference import ReferenceEngine
from playhead.machine.debug import READ, WRITE, Debug, Watch
from playhead.x86 import state as S
from tools import asm

MACROS = f"""
        .set LEGACY, {LEGACY}
        .set FRAME, {FRAME}
        .set PLANAR, {PLANAR}
        .set DATA0, {DATA0}
        .set COPY, 1
        .set MIX, 2
        .macro  bank value
        movb    $\\value, %al
        movl    ${BANK_PORT}, %edx
        outb    %al, %dx
        .endm
        .macro  planes value
        movb    $\\value, %al
        movl    ${MASK_PORT}, %edx
        outb    %al, %dx
        .endm
        .macro  how value
        movb    $\\value, %al
        movl    ${HOW_PORT}, %edx
        outb    %al, %dx
        .endm
"""

CELLS = """
        cld
        planes  5
        movl    $0x55AA33CC, %eax
        movl    $LEGACY + 0x10, %edi
        movl    $37, %ecx
        rep stosb
        planes  0xA
        movl    $0x12345678, %eax
        movl    $20, %ecx
        rep stosl
        movl    $LEGACY + 0xFFB, %edi   # over the end of a page, by bytes and by words
        movl    $7, %ecx
        rep stosw
        how     COPY                    # cell by cell through the latches
        planes  0xF
        movl    $LEGACY + 0x10, %esi
        movl    $LEGACY + 0x2000, %edi
        movl    $60, %ecx
        rep movsb
        movl    $LEGACY + 0x2000, %esi  # to memory and back, with latches that the last read has left
        movl    $0x40000, %edi
        movl    $30, %ecx
        rep movsl
        how     MIX
        movl    $0x40000, %esi
        movl    $LEGACY + 0x3000, %edi
        movl    $30, %ecx
        rep movsl
        xorl    %eax, LEGACY + 0x3000   # read, then written, in one instruction
        orb     $0x81, LEGACY + 0x3005
        incw    LEGACY + 0x3010
        xchgl   %eax, LEGACY + 0x3020
        lock
        xaddl   %eax, LEGACY + 0x3030
        movl    %eax, LEGACY + 0x3FFD
        movl    LEGACY + 0x3FFD, %ebx
        cmpl    %ebx, LEGACY + 0x20
        how     0
        fldl    LEGACY + 0x3000         # eight bytes and ten
        fstpl   LEGACY + 0x4001
        fld1
        fstpt   LEGACY + 0x4011
        fildll  LEGACY + 0x4001
        fistpll LEGACY + 0x4FFA
        movl    $LEGACY + 0x5010, %esp
        pushal
        pushl   LEGACY + 0x5000
        popl    LEGACY + 0x5020
        movl    LEGACY + 0x5020, %ebx
        hlt
"""

BANKS = """
        cld
        movl    $0, %ebp
1:      movl    %ebp, %eax              # each bank by the window: its number in every byte of its first two pages
        movl    $0x100, %edx
        outb    %al, %dx
        imull   $0x01010101, %ebp, %eax
        movl    $LEGACY, %edi
        movl    $0x800, %ecx
        rep stosl
        addl    %eax, LEGACY + 0x3000   # a page that was read before and is written now
        incl    %ebp
        cmpl    $4, %ebp
        jne     1b
        movl    FRAME + 0x10000, %ebx   # and seen through the frame
        addl    FRAME + 0x21000, %ebx
        movl    $0xABCD, FRAME + 0x30008
        bank    3
        movl    LEGACY + 8, %ecx        # and the other way round
        bank    1
        movl    LEGACY + 8, %esi
        addl    FRAME + 0x10008, %esi
        movl    $0x77, LEGACY + 8
        bank    2
        movl    LEGACY + 8, %edi
        addl    FRAME + 0x10008, %edi
        bank    PLANAR
        movl    LEGACY + 0x4002, %ebp   # cells 4002h.. are bytes 10008h..
        movl    $0x99, LEGACY + 0x4002
        bank    1
        addl    LEGACY + 8, %ebp
        hlt
"""

# Instructions that read both within a page, which is like memory, and over the end of one, which Python answers.
BOTH_WAYS = """
        movl    $0x00AB1000, %eax
        movl    %eax, LEGACY + 0xFFE
        movl    $DATA0, %eax
        movl    %eax, LEGACY + 0x1002
        les     LEGACY + 0xFFE, %ecx    # the selector first
        movw    %es, %bx
        movl    $0x01020304, LEGACY + 0xFF7
        movl    $0x87654321, LEGACY + 0xFFB
        movw    $0x4001, LEGACY + 0xFFF
        fldt    LEGACY + 0xFF7          # eight bytes, then two
        fstpt   0x40000
        movl    $0x11111111, LEGACY + 0xFFA
        movl    $0x22222222, LEGACY + 0xFFE
        movl    LEGACY + 0xFFA, %eax
        movl    LEGACY + 0xFFE, %edx
        cmpxchg8b LEGACY + 0xFFA
        movl    $LEGACY + 0x1FF2, %esp
        pushl   $0x55667788
        popl    LEGACY + 0x1FFE
        pushl   LEGACY + 0x1FFE
        movl    (%esp), %esi
        frstor  LEGACY + 0xFC0
        fnsave  0x40100
        hlt
"""

CODE_IN_IT = """
        cld
        xorl    %ebx, %ebx
        xorl    %esi, %esi
        bank    1
        movw    $0xC343, FRAME + 0x10100        # inc ebx; ret
        movl    $LEGACY + 0x100, %ebp
        call    *%ebp
        call    *%ebp
        movb    $0x41, FRAME + 0x10100          # inc ecx, through the frame; run by the window
        xorl    %ecx, %ecx
        call    *%ebp
        call    *%ebp
        movl    $FRAME + 0x10100, %ebp
        call    *%ebp
        movb    $0x42, LEGACY + 0x100           # inc edx, through the window; run by the frame
        xorl    %edx, %edx
        call    *%ebp
        movl    %edx, 0x40000
        bank    2
        movw    $0xC347, LEGACY + 0x100         # inc edi; ret, in another bank at the same address
        xorl    %edi, %edi
        movl    $LEGACY + 0x100, %ebp
        call    *%ebp
        bank    1
        xorl    %edx, %edx
        call    *%ebp                           # inc edx again
        addl    %edx, 0x40000
        bank    PLANAR
        planes  1
        movb    $0x46, LEGACY + 0x4040          # inc esi, through the registers: plane 0 of the cell is the byte
        movl    $FRAME + 0x10100, %ebp
        call    *%ebp
        call    *%ebp
        hlt
"""

CHANGES_ITSELF = """
        cld
        bank    1
        movl    $body, %esi
        movl    $FRAME + 0x10200, %edi
        movl    $end - body, %ecx
        rep movsb
        movl    $9, %ecx
        xorl    %edi, %edi
        movl    $LEGACY + 0x200, %eax
        jmp     *%eax
body:   incl    FRAME + 0x10200 + immediate - body + 1
immediate:
        movl    $100, %eax                      # 101, 102, ...
        addl    %eax, %edi
        loop    body
        hlt
end:
"""

OVER_THE_EDGE = """
        bank    0
        movb    $0xB8, 0x9FFFE                  # mov eax, imm32, whose last three bytes are in the window; ret
        movb    $0x11, 0x9FFFF
        movl    $0xC3443322, LEGACY
        movl    $0x9FFFE, %ebp
        call    *%ebp
        movl    %eax, %ebx
        movb    $0x99, FRAME + 1                # through the frame
        call    *%ebp
        movl    %eax, %ecx
        movl    $0xC3AABBCC, FRAME + 0x10000
        bank    1                               # by another bank
        call    *%ebp
        hlt
"""


@cache
def code(text: str, base: int = CODE) -> bytes:
    return asm.flat(MACROS + text, base)


@cache
def machines(like_memory: bool = True) -> tuple[VideoSide, VideoSide]:
    return VideoSide(ReferenceEngine, like_memory), VideoSide(NativeEngine, like_memory)


def twin(text: str, *, paging: bool = False, like_memory: bool = True, breakpoint: int | None = None) -> Twin:
    """`breakpoint`: an address that the guest's own debug register 0 watches for writes of a byte."""
    at = CODE

    def setup(side: VideoSide) -> None:
        if breakpoint is not None:
            side.core.set("dr", breakpoint, 0)
            side.core.set("dr", 0x402 | 1 << 16, 7)
        if paging:
            side.paging()
            side.pte(0x800000, FRAME | P | W | U)  # another alias, and a way to the frame
            side.write(0x10000 + 4 * (FRAME >> 22), (0x18000 | P | W | U).to_bytes(4, "little"))
            for n in range(VIDEO >> 12):
                side.write(0x18000 + 4 * n, (FRAME + (n << 12) | P | W | U).to_bytes(4, "little"))
        side.write(at, code(text, at))
        side.core.set("eip", at)

    made = Twin(setup)
    made.reference, made.native = machines(like_memory)
    return made


@pytest.mark.parametrize("paging", [False, True])
@pytest.mark.parametrize("like_memory", [True, False])
def test_registers_like_memory(paging, like_memory):
    both = twin(CELLS, paging=paging, like_memory=like_memory)
    side = both.check(1500, rounds=2, want="halt")
    assert len(side.state()["dirty"]) == 9


@pytest.mark.parametrize("paging", [False, True])
def test_an_instruction_may_read_both_ways(paging):
    side = twin(BOTH_WAYS, paging=paging).check(60, rounds=3, want="halt")
    ecx, ebx, esi = (side.core.get("regs", n) for n in (1, 3, 6))
    assert (ecx, ebx & 0xFFFF, esi) == (0x00AB1000, DATA0, 0x55667788)
    assert side.ram[0x40000:0x4000A].hex() == "04030201214365870140"


def test_what_is_like_memory_ends_no_run():
    """Only the three writes of the port that Python answers do, and stores over the end of a page; otherwise also PUSHA
    and what has eight or ten bytes."""
    left = {}
    for like_memory in (True, False):
        both = twin(CELLS, like_memory=like_memory)
        assert both.start(both.native, [5000]) == "halt"
        left[like_memory] = both.native.left
    assert left == {True: 7, False: 12}


@pytest.mark.parametrize("paging", [False, True])
def test_banks_and_the_frame_show_the_same(paging):
    side = twin(BANKS, paging=paging).check(20000, rounds=2, want="halt")
    ebx, ecx, ebp, esi, edi = (side.core.get("regs", n) for n in (3, 1, 5, 6, 7))
    assert (ebx, ecx, esi, edi) == (0x03030303, 0xABCD, 0x02020202, 0x02020202 + 0x77)
    assert side.ram[side.video + 0x10008 : side.video + 0x1000C] == b"\x99" * 4
    assert ebp == 0x99999999 + 0x01010100


def test_code_in_it_is_what_was_written_last_whichever_way():
    side = twin(CODE_IN_IT).check(200, rounds=4, want="halt")
    ecx, ebx, esi, edi = (side.core.get("regs", n) for n in (1, 3, 6, 7))
    assert (ebx, ecx, edi, esi, side.ram[0x40000]) == (2, 3, 1, 2, 2)


def test_code_in_it_changes_itself_through_another_page():
    side = twin(CHANGES_ITSELF).check(300, rounds=4, want="halt")
    assert side.core.get("regs", 7) == sum(range(101, 110))


def test_an_instruction_that_ends_in_it():
    side = twin(OVER_THE_EDGE).check(60, rounds=4, want="halt")
    assert [side.core.get("regs", n) for n in (3, 1, 0)] == [0x44332211, 0x44992211, 0xAABBCC11]


WATCHED = """
        bank    1
        movl    $0x11, FRAME + 0x10005          # over the watched byte
        movb    $0x22, LEGACY + 8               # through the window
        movb    $0x22, LEGACY + 9
        movb    LEGACY + 8, %bl
        bank    0
        movb    $0x33, LEGACY + 8               # another byte of the memory
        bank    PLANAR
        planes  1
        movb    $0x44, LEGACY + 0x4002          # through the registers
        planes  2
        movb    $0x55, LEGACY + 0x4002
        hlt
"""


@pytest.mark.parametrize("native", [False, True])
def test_a_watched_byte_is_watched_whoever_shows_it(native):
    both = twin(WATCHED)
    side = both.native if native else both.reference
    debug = Debug(side.core, side.memory)
    assert both.start(side, [0]) == "budget"
    debug.set_watches([Watch(FRAME + 0x10008, 1, WRITE | READ, physical=True)])
    debug.arm(True)
    found = []
    while (why := side.run([1])) != "halt":
        if debug.met():
            found += [(a.address - FRAME, a.size, a.kind, a.by) for a in debug.accesses()]
        assert why in ("budget", f"reason {S.EXIT_WATCH}")
    device = [(0x10008, 4, WRITE, "the display")] * 2
    assert found == [(0x10005, 4, WRITE, "cpu"), (0x10008, 1, WRITE, "cpu"), (0x10008, 1, READ, "cpu"), *device]
    debug.set_watches([])
    side.memory.write(FRAME + 0x10008, b"x")
    assert not debug.met() and not any(entry & 0x30 for entry in side.memory.page_map)


def test_masters_of_buses_are_told_by_the_address_that_is_watched():
    side = machines()[0]
    debug = Debug(side.core, side.memory)
    side.reset()
    side.switch(BANK_PORT, 1, 2)
    debug.set_watches([Watch(FRAME + 0x20010, 4, WRITE, physical=True)])
    debug.arm(True)
    side.memory.write(LEGACY + 0x0F, b"abc", "a disk")
    side.memory.write(FRAME + 0x20013, b"d", "a card")
    side.memory.write(FRAME + 0x10010, b"e", "a card")
    found = [(a.address - FRAME, a.size, a.by) for a in debug.accesses()]
    debug.set_watches([])
    assert found == [(0x2000F, 3, "a disk"), (0x20013, 1, "a card")]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("address, met", [(FRAME + 0x10005, 1), (LEGACY + 8, 3), (LEGACY + 0x4002, 2)])
def test_a_linear_address_is_watched_at_that_address_alone(native, address, met):
    """Of bytes that a window, the frame or the registers answer."""
    both = twin(WATCHED)
    side = both.native if native else both.reference
    debug = Debug(side.core, side.memory)
    assert both.start(side, [0]) == "budget"
    debug.set_watches([Watch(address, 1, WRITE | READ)])
    debug.arm(True)
    found = []
    while side.run([1000]) != "halt":
        found += debug.accesses()
    debug.set_watches([])
    assert len(found) == met and {a.by for a in found} == {"cpu"}


@pytest.mark.parametrize("address", [FRAME + 0x10007, LEGACY + 8, LEGACY + 0x4002])
def test_the_guests_own_breakpoints_are_met_there(address):
    side = twin(WATCHED, breakpoint=address).check(60, rounds=2, want="halt")
    assert side.core.get("dr", 6) & 1  # the handler of #DB halts


@pytest.mark.parametrize("program", [CODE_IN_IT, CHANGES_ITSELF, OVER_THE_EDGE])
@pytest.mark.parametrize("asked", [False, True])
def test_what_runs_from_it_is_counted_among_the_rest(program, asked):
    """The reference engine executes it for native code; `asked`: for the counts on the way, too."""
    both, tables = twin(program), []
    for side, budgets in ((both.reference, [300]), (both.native, [6] * 50 if asked else [300])):
        side.reset()
        both.setup(side)
        probes = side.engine.probe(True, None)
        for budget in budgets:
            ended = side.run([budget]) == "halt"
            assert not asked or probes.counts().total == side.core.get("icount")
            if ended:
                break
        tables.append(probes.counts())
        side.engine.probe_no_more()
    assert all(map(numpy.array_equal, *tables))
