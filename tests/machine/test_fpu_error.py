"""x87 exceptions with CR0.NE clear, as on the PC/AT: FERR#, interrupt 13, port F0h, IGNNE#.

What is expected follows from the manual (volume 1, 8.7.2 and appendix D).
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from memory_drive import Door
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.hw.clock import NEVER
from playhead.machine.machine import Machine, Stop
from playhead.x86 import state as S
from tools import asm, guest

SEABIOS = Path("/usr/share/seabios/bios.bin")
EVERY_EXCEPTION = """
        .include "pc.inc"
        .set TSS_SELECTOR, FREE_SELECTOR
        .set TASK, 0x20000
        .set VM, 0x20000
        .set ZE_ONLY, 0x37B

        .section .bss
        .balign 16
tss:    .skip   104
count:  .skip   4
control: .skip  4
tiny:   .skip   10
        .text

        .macro  attempt name, mask
        print   "\\name"
        movl    $\\mask, control
        fninit
        .endm

        .macro  settle                          # the error, if there is one, is an interrupt by now
        fwait
        nop
        jmp     .Lon\\@
.Lon\\@: nop
        call    report
        .endm

main:
        movl    %cr0, %eax
        andl    $0xFFFFFFD1, %eax               # no NE, TS, EM, MP
        movl    %eax, %cr0
        gate    0x2D, error
        gate    16, native
        call    pic_init
        outport 0x21, 0xFB
        outport 0xA1, 0xDF
        sti

        attempt "invalid operation", 0x37E
        fldcw   control
        fldz
        fldz
        fdivrp  %st, %st(1)
        settle
        attempt "denormal operand", 0x37D
        movl    $1, tiny
        fldcw   control
        flds    tiny
        fadds   tiny
        settle
        attempt "division by zero", ZE_ONLY
        fldcw   control
        fld1
        fldz
        fdivrp  %st, %st(1)
        settle
        attempt "overflow", 0x377
        fldcw   control
        fld1
        movl    $0x7FFE, tiny + 8
        movl    $0x80000000, tiny + 4
        movl    $0, tiny
        fldt    tiny
        fldt    tiny
        fmulp   %st, %st(1)
        settle
        attempt "underflow", 0x36F
        fldcw   control
        movl    $0x0001, tiny + 8
        fldt    tiny
        fldt    tiny
        fmulp   %st, %st(1)
        settle
        attempt "precision", 0x35F
        fldcw   control
        fldpi
        fsqrt
        settle
        attempt "masked", 0x37F
        fldcw   control
        fld1
        fldz
        fdivrp  %st, %st(1)
        settle
        attempt "unmasked later", 0x37F
        fld1
        fldz
        fdivrp  %st, %st(1)
        movl    $ZE_ONLY, control
        fldcw   control
        settle
        attempt "cleared before WAIT", ZE_ONLY
        fldcw   control
        fld1
        fldz
        fdivrp  %st, %st(1)
        fnclex
        settle

        print   "virtual-8086"
        movl    $v86_code, %esi
        movl    $TASK, %edi
        movl    $v86_code_end - v86_code, %ecx
        rep movsb
        descriptor TSS_SELECTOR, tss, 103, 0x89
        movl    $0x8000, tss + 4
        movl    $DATA, tss + 8
        movw    $104, tss + 102
        movl    $TSS_SELECTOR, %eax
        ltr     %ax
        gate    6, leave_v86
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $0x1000
        pushl   $0x2000
        pushl   $VM + 0x202
        pushl   $0x2000
        pushl   $0
        iretl
leave_v86:
        movl    $DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    $STACK_TOP, %esp
        call    report
        sti

        movl    %cr0, %eax
        orl     $0x20, %eax
        movl    %eax, %cr0
        attempt "with NE", ZE_ONLY
        fldcw   control
        fld1
        fldz
        fdivrp  %st, %st(1)
        settle
        jmp     pass

report:
        pushl   %eax
        print   ": "
        movl    count, %eax
        call    put_dec
        print   "\\n"
        movl    $0, count
        popl    %eax
        ret

error:                                          # interrupt 13
        pushal
        pushl   %ds
        movl    $DATA, %eax
        movl    %eax, %ds
        incl    count
        xorl    %eax, %eax
        fnstsw  %ax
        print   " "
        call    put_hex
        outport 0xF0, 0
        fwait                                   # IGNNE#: this would wait for ever
        fnclex
        outport 0xA0, 0x20
        outport 0x20, 0x20
        popl    %ds
        popal
        iretl

native:
        print   " #MF"
        fnclex
        iretl

        .code16
v86_code:
        fninit
        fldcw   %cs:v86_control - v86_code
        fld1
        fldz
        fdivrp  %st, %st(1)
        fwait
        nop
        jmp     1f
1:      nop
        ud2
v86_control: .word ZE_ONLY
v86_code_end:
        .code32
"""

SAID = """\
invalid operation 0000B081: 1
denormal operand 0000B882 0000B882: 2
division by zero 0000B084: 1
overflow 0000B088: 1
underflow 0000B890: 1
precision 0000B8A0: 1
masked: 0
unmasked later 0000B884: 1
cleared before WAIT: 0
virtual-8086 0000B084: 1
with NE #MF: 0
PASS
"""

# An error is pending; then comes {}, where `frozen` is. The handler notes where it was called from.
ONE = """
        .include "pc.inc"
        .section .bss
        .balign 4
from:   .skip   4
count:  .skip   4
place:  .skip   128
        .text
main:   movl    %cr0, %eax
        andl    $0xFFFFFFD1, %eax
        movl    %eax, %cr0
        movl    $place + 15, %ebx
        andl    $-16, %ebx
        gate    0x2D, error
        gate    2, nmi
        call    pic_init
        outport 0x21, 0xFB
        outport 0xA1, 0xDF
        {}
        fninit
        pushl   $0x37B
        fldcw   (%esp)
        fld1
        fldz
        fdivrp  %st, %st(1)
        movl    $1, %eax
frozen: {}
        nop
        jmp     1f
1:      nop
        cli
        movl    $0xF00D, %ecx
        hlt
error:  popl    from
        pushl   from
        incl    count
        {}
        movb    $0x20, %al
        outb    %al, $0xA0
        outb    %al, $0x20
        iretl
nmi:    movl    $0xBAD, %edx
        iretl
"""
ANSWER = "outb %al, $0xF0\n fnclex"
ROOM = "movl $0xFEEDFACE, %edi\n .skip 8, 0x90"  # for the bytes of an instruction, so that one image serves them all
MARK = b"\xbf\xce\xfa\xed\xfe"
WAITING = {
    "fwait": "9b", "fadd": "d8c1", "fldpi": "d9eb", "fstps": "d91b", "fldcw": "d92b", "fldenv": "d923",
    "frstor": "dd23", "fnop": "d9d0", "fcomi": "dbf1", "emms": "0f77", "movd": "0f6ec0", "fxam": "d9e5",
    "fincstp": "d9f7", "ffree": "ddc1",
}  # fmt: skip
NOT_WAITING = {
    "fnstsw ax": "dfe0", "fnstsw": "dd3b", "fnstcw": "d93b", "fnclex": "dbe2", "fninit": "dbe3", "fnsave": "dd33",
    "fnstenv": "d933", "fnsetpm": "dbe4",
}  # fmt: skip
REAL_MODE = """
        .include "pc.inc"
        .set CODE_AT_2000, FREE_SELECTOR
        .text
main:   movl    $code, %esi
        movl    $0x20000, %edi
        movl    $code_end - code, %ecx
        rep movsb
        descriptor CODE_AT_2000, 0x20000, 0xFFFF, 0x9B
        movl    $0x20000000 + handler - code, 0x75 * 4
        outport 0x20, 0x11
        outport 0xA0, 0x11
        outport 0x21, 0x08
        outport 0xA1, 0x70
        outport 0x21, 0x04
        outport 0xA1, 0x02
        outport 0x21, 0x01
        outport 0xA1, 0x01
        outport 0x21, 0xFB
        outport 0xA1, 0xDF
        movl    %cr0, %ecx
        andl    $0xFFFFFFD0, %ecx
        lidtl   vectors
        ljmpl   $CODE_AT_2000, $0
vectors: .word 0x3FF
        .long   0
        .code16
code:   movl    %ecx, %cr0
        ljmpw   $0x2000, $real - code
real:   xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movl    $0x8000, %esp
        sti
        fninit
        pushw   $0x37B
        movw    %sp, %bp
        fldcw   (%bp)
        fld1
        fldz
        fdivrp  %st, %st(1)
wait:   fwait
        cli
        hlt
handler: incw   0x600
        movw    %sp, %bp
        movw    (%bp), %ax
        movw    %ax, 0x602
        outb    %al, $0xF0
        fnclex
        movb    $0x20, %al
        outb    %al, $0xA0
        outb    %al, $0x20
        iretw
        .word   wait - code
code_end:
        .code32
"""

BOOT_SECTOR = """
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7C00, %sp
        movw    $handler, 2 * 4
        movw    %ax, 2 * 4 + 2
        movl    %cr0, %eax
        andl    $0xFFFFFFD1, %eax
        movl    %eax, %cr0
        sti
        fninit
        movw    $0x37B, 0x500
        fldcw   0x500
        fld1
        fldz
        fdivrp  %st, %st(1)
        movb    $'A', %al
        call    put
        fwait
        movb    $'Z', %al
        call    put
        movw    $0x2000, %ax
        movw    $0x604, %dx
        outw    %ax, %dx
        hlt
put:    movw    $0x3F8, %dx
        outb    %al, %dx
        ret
handler: pushaw
        fnclex
        movb    $'I', %al
        call    put
        popaw
        iretw
"""


@cache
def firmware(source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return guest.firmware(source, Path(folder))


def machine_of(source: str, engine: str = "native", code: bytes = b"") -> tuple[Machine, Door]:
    """`code`: what goes into the ROOM."""
    door = Door()
    bios = firmware(source).replace(MARK + b"\x90" * 8, MARK + code.ljust(8, b"\x90"))
    return Machine(PcConfig(ram_bytes=4 << 20, bios=bios), door, engine=engine), door


def to_the_end(machine: Machine, step: int = 1 << 22) -> Stop:
    while (stop := machine.run(machine.icount + step)).kind == "budget":
        assert machine.icount < 10_000_000
    return stop


def test_every_exception() -> None:
    ends = []
    for engine, step in (("native", 1 << 22), ("native", 1), ("reference", 1000)):
        machine, door = machine_of(EVERY_EXCEPTION, engine)
        to_the_end(machine, step)
        assert bytes(door.printed).decode().replace("\r\n", "\n") == SAID, (engine, step)
        ends.append((machine.icount, machine.digest_parts()))
    assert ends[0] == ends[1] == ends[2]


def test_recorded_and_replayed(tmp_path: Path) -> None:
    image, path = tmp_path / "error.bin", tmp_path / "error.ph"
    image.write_bytes(firmware(EVERY_EXCEPTION))
    command = ["record", "-o", str(path), "-bios", str(image), "-m", "4", "-serial", f"file:{tmp_path / 'out'}"]
    assert main([*command, "--digest-period", "1000"]) == 0
    for how in (["--split-seed", "3"], ["--engine", "reference"]):
        out = tmp_path / how[1]
        assert main(["replay", str(path), "--quiet", "-serial", f"file:{out}", *how]) == 0
        assert out.read_bytes() == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_real_mode(engine: str) -> None:
    machine, _ = machine_of(REAL_MODE, engine)
    to_the_end(machine)
    count, where = (int.from_bytes(machine.memory.read(at, 2), "little") for at in (0x600, 0x602))
    assert count == 1 and machine.memory.read(0x20000 + where, 1) == b"\x9b", "it returns to the WAIT"


def test_seabios_passes_it_on_as_interrupt_2(tmp_path: Path) -> None:
    """As programs for DOS expect it: the firmware's handler of interrupt 75h writes the port and calls INT 2."""
    if not SEABIOS.exists():
        text = "Debian's package seabios is not installed"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    image, out = tmp_path / "disk.img", tmp_path / "out"
    image.write_bytes(asm.flat(BOOT_SECTOR, base=0x7C00, bits=16).ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    drive = f"file={image},format=raw,snapshot=on"
    assert main(["run", "-bios", str(SEABIOS), "-m", "16", "-drive", drive, "-serial", f"file:{out}"]) == 0
    assert out.read_bytes() == b"AIZ"


def frozen(machine: Machine) -> bool:
    """Whether the machine has stopped before a waiting instruction."""
    return to_the_end(machine).kind == "halted" and machine.core.get("regs", 1) != 0xF00D


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_what_waits_and_what_does_not(engine: str) -> None:
    for text, code in WAITING.items():
        machine, _ = machine_of(ONE.format("", ROOM, ANSWER), engine, bytes.fromhex(code))
        assert frozen(machine) and machine.core.get("ferr"), text
        assert machine.board.irqs[13].line.level
        before = machine.pc()
        machine.core.eflags |= S.IF
        to_the_end(machine)
        assert machine.core.get("regs", 1) == 0xF00D, text
        at = machine.core.get("regs", 4) - 4  # a double word above it, where the frame's EIP was
        assert int.from_bytes(machine.memory.read(at - 8, 4), "little") == before, "it is done again, whole"
        assert not machine.core.get("ferr") and not machine.board.irqs[13].line.level
    for text, code in NOT_WAITING.items():
        machine, _ = machine_of(ONE.format("sti", ROOM, ANSWER), engine, bytes.fromhex(code))
        assert not frozen(machine), text


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_the_handler_that_does_not_answer(engine: str) -> None:
    """Without FNCLEX the WAIT is no longer waited for once the port was written; without the port, forever."""
    machine, _ = machine_of(ONE.format("sti", "fwait", "outb %al, $0xF0"), engine)
    assert not frozen(machine) and machine.core.get("ferr") and machine.core.get("ignne")
    machine, _ = machine_of(ONE.format("sti", "fwait", "nop"), engine)
    assert frozen(machine) and machine.board.irqs[13].line.level
    assert machine.clock.next_deadline_ns() == NEVER or to_the_end(machine).kind == "halted"


def test_ignne_ends_with_the_error() -> None:
    """What the port gives is for one error: the next one freezes again. Without an error it gives nothing."""
    again = "fwait\n fld1\n fldz\n fdivrp %st, %st(1)\n fwait"
    machine, _ = machine_of(ONE.format("outb %al, $0xF0\n sti", again, "outb %al, $0xF0\n fwait\n fnclex"))
    assert not frozen(machine)
    assert machine.core.get("ignne") == 0
    machine, _ = machine_of(ONE.format("outb %al, $0xF0", "fwait", ANSWER))
    assert frozen(machine)


def test_a_shadow_ends_where_the_processor_stops() -> None:
    machine, _ = machine_of(ONE.format("cli", "sti\n fwait", ANSWER))
    assert not frozen(machine)


def test_an_nmi_comes_too_and_the_wait_goes_on() -> None:
    machine, _ = machine_of(ONE.format("cli", "fwait", ANSWER))
    assert frozen(machine)
    before = machine.icount
    machine.board.nmi.request()
    assert frozen(machine) and machine.icount == before + 2
    assert machine.core.get("regs", 2) == 0xBAD and machine.core.get("ferr")


def test_a_reset_ends_it() -> None:
    machine, _ = machine_of(ONE.format("", "fwait", ANSWER))
    assert frozen(machine)
    machine.reset()
    assert not machine.core.get("ferr") and not machine.core.get("halted") and not machine.board.irqs[13].line.level
