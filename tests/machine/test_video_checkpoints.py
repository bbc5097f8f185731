"""A guest that draws by every way into video memory, and runs code there: wherever a machine is put back to, and on
either engine, what follows is the same to the last bit.
"""

from __future__ import annotations

import random
import threading

import pytest

from memory_drive import Door
from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry
from playhead.hw.memory import PAGE, SHARED
from playhead.machine import checkpoint
from playhead.machine.differences import physical_page
from playhead.machine.machine import Machine
from tools import guest

FRAME = 0xE0000000
SOURCE = f"""
        .include "pc.inc"
        .set FRAME, {FRAME}
        .set TURNS, 1500
        .macro  index port, number, value
        movl    $\\port, %edx
        movw    $(\\value << 8 | \\number), %ax
        outw    %ax, %dx
        .endm
        .macro  dispi number, value
        movl    $0x1CE, %edx
        movw    $\\number, %ax
        outw    %ax, %dx
        incl    %edx
        movw    \\value, %ax
        outw    %ax, %dx
        .endm
        .section .bss
turns:  .skip   4
sum:    .skip   4
        .text
main:   pci_write 0x80001010, FRAME
        pci_write 0x80001004, 0x03
        dispi   1, $640
        dispi   2, $480
        dispi   3, $32
        movl    $TURNS, turns
        movl    $0x12345678, %ebp       # the next thing to do, by a generator of numbers
turn:   imull   $1664525, %ebp, %ebp
        addl    $1013904223, %ebp
        movl    %ebp, %ebx
        shrl    $16, %ebx
        movl    %ebx, %edi
        andl    $0xFFFC, %edi           # where in 64 KiB
        movl    %ebp, %eax
        shrl    $29, %eax
        call    *ways(,%eax,4)
        addl    %eax, sum
        roll    $1, sum
        decl    turns
        jnz     turn
        movl    sum, %eax
        call    put_hex
        jmp     pass
        .section .rodata
        .balign 4
ways:   .long   banked, planar, framed, text, mixed, coded, framed, scroll
        .text
banked: dispi   4, $1
        dispi   5, %bx
        movl    %ebp, 0xA0000(%edi)
        xorl    0xA4000, %edi
        movl    0xA8000, %eax
        ret
planar: dispi   4, $0
        index   0x3C4, 2, 0x0B
        index   0x3C4, 4, 0x06
        index   0x3CE, 3, 0x18          # exclusive or
        index   0x3CE, 5, 0x00
        index   0x3CE, 6, 0x05
        index   0x3CE, 8, 0x7E
        orb     %bl, 0xA0000(%edi)
        xorl    %ebp, 0xA0000(%edi)
        movl    0xA0000(%edi), %eax
        ret
framed: movl    %ebx, %ecx
        andl    $0x3F0000, %ecx
        addl    %ecx, %edi
        addl    %ebp, FRAME(%edi)
        movl    FRAME(%edi), %eax
        ret
text:   dispi   4, $0
        index   0x3C4, 2, 0x03
        index   0x3C4, 4, 0x02
        index   0x3CE, 5, 0x10
        index   0x3CE, 6, 0x0E
        andl    $0xFFE, %edi
        movl    %ebp, 0xB8000(%edi)
        movw    %bx, 0xB8002(%edi)
        movl    0xB8000, %eax
        ret
mixed:  dispi   4, $0x81                # written through one, read through the other
        dispi   5, $3
        movw    %bx, 0xA0010
        movl    FRAME + 0x30010, %eax
        incl    FRAME + 0x30020
        addl    0xA0020, %eax
        ret
coded:  dispi   4, $0x81
        dispi   5, $2
        movb    $0xB8, FRAME + 0x20100  # mov eax, what changes; ret
        movl    %ebp, 0xA0101
        movb    $0xC3, FRAME + 0x20105
        movl    $0xA0100, %ecx
        testl   $0x100, %ebx
        jz      1f
        movl    $FRAME + 0x20100, %ecx
1:      call    *%ecx
        pushl   %eax
        incl    FRAME + 0x20102
        call    *%ecx
        popl    %ecx
        addl    %ecx, %eax
        ret
scroll: dispi   4, $0
        index   0x3C4, 4, 0x06
        index   0x3C4, 2, 0x0F
        index   0x3CE, 5, 0x01          # by the latches
        index   0x3CE, 6, 0x05
        movl    $0xA0050, %esi
        movl    $0xA0000, %edi
        movl    $400, %ecx
        rep movsb
        movl    $0xABCD, %eax
        ret
"""
MOMENTS = (5_000, 40_000, 41_003, 90_001, 200_000)  # the last one is behind the end


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("video"))


def machine(bios: bytes, engine: str = "native") -> Machine:
    card = Entry("VGA", "screen", {"addr": "02.0", "vgamem_mb": 4})
    return Machine(PcConfig(ram_bytes=4 << 20, bios=bios, **pc_devices.parts(more=(card,))), Door(), engine=engine)


def go(m: Machine, until: int, rng: random.Random | None = None) -> None:
    """On to a moment, or to the end; cut at random with `rng`."""
    while m.icount < until:
        stop = m.run(min(until, m.icount + rng.choice((1, 7, 300, 5000))) if rng else until)
        if stop.kind != "budget":
            assert stop.kind == "shutdown", stop
            return


@pytest.fixture(scope="module")
def run(bios: bytes) -> tuple[list[dict[str, bytes]], list[checkpoint.Checkpoint]]:
    """The digests at the moments of one run, and the checkpoints at its start and there."""
    m = machine(bios)
    digests, points = [], [checkpoint.take(m)]
    for at in MOMENTS:
        go(m, at)
        points.append(checkpoint.take(m))
        digests.append(m.digest_parts())
    shown = {entry >> 12 for entry in m.memory.page_map if entry & SHARED}
    assert len(shown) == (4 << 20) // PAGE and len(points[-1].pages.keys() & shown) > 100
    return digests, points


def put_back(m: Machine, points: list[checkpoint.Checkpoint], n: int) -> None:
    """Into the state after the n-th stretch, whatever it holds now."""
    pages = {page: bytes(PAGE) for point in points for page in point.pages}
    for point in points[: n + 1]:
        pages.update(point.pages)
    checkpoint.restore(m, points[n].parts, pages)


def test_from_each_checkpoint_it_goes_on_as_it_did(bios, run):
    digests, points = run
    fresh, used, rng = machine(bios), machine(bios), random.Random(5)
    go(used, MOMENTS[-1])
    for m in (fresh, used):
        for n in (3, 1, 2, 4):
            put_back(m, points, n)
            assert m.digest_parts() == digests[n - 1]
            for later in range(n, len(MOMENTS)):
                go(m, MOMENTS[later], rng)
                assert m.digest_parts() == digests[later], (n, later)


def test_the_reference_engine_agrees(bios, run):
    digests, points = run
    m, rng = machine(bios, "reference"), random.Random(6)
    for n in (0, 2):
        put_back(m, points, n)
        go(m, MOMENTS[n], rng)
        assert m.digest_parts() == digests[n]


def test_a_page_of_video_memory_is_known_by_an_address_that_shows_it(bios, run):
    m = machine(bios)
    put_back(m, run[1], 4)
    page = m.memory.shared.start + 0x123
    assert physical_page(m, page) == (FRAME >> 12) + 0x123 and physical_page(m, 5) == 5


ENDLESS = """
        .include "pc.inc"
main:   pci_write 0x80001010, 0xE0000000
        pci_write 0x80001004, 0x03
        movl    $0xFEEB, 0xE0000000     # jmp to itself
        movl    $0xE0000000, %eax
        jmp     *%eax
"""


def test_code_in_it_does_not_keep_the_machine(tmp_path):
    """It is slow, so somebody who wants the machine back must not wait for the end of a run of the usual length."""
    m = machine(guest.firmware(ENDLESS, tmp_path))
    m.run(10_000)
    timer = threading.Timer(0.1, m.kick)
    timer.start()
    assert m.run(1 << 40).kind == "kick" and 10_000 < m.icount < 1 << 20
    timer.join()
