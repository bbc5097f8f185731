"""Virtual interrupts: CR4.VME in virtual-8086 mode (the redirection map, VIF and VIP), CR4.PVI in ring 3."""

import struct

import pytest
from system_machine import ENGINES, STUBS, TASK, TSS, SystemMachine
from test_system_interrupts import v86
from test_system_registers import ring_3

from playhead.x86 import state as S

GP = 13
VME, PVI = 1, 2
MAP, MAP_END = TSS + 0x68, TSS + 0x88  # the redirection map; after it, an I/O permission map that has no room
STACK_TOP = 0xA000  # linear, of the program in virtual-8086 mode
VECTOR, TARGET = 0x21, 0x0333
pytestmark = pytest.mark.parametrize("engine", ENGINES)


def vme(engine: str, text: str, iopl: int = 0, flags: int = 0, cr4: int = VME, redirect: int = 0) -> SystemMachine:
    """`flags`: more of EFLAGS; `redirect`: the byte of the redirection map that VECTOR is in."""
    m = v86(engine, text, iopl | flags >> 12 & ~3)
    m.core.set("cr4", cr4)
    m.describe(TASK, TSS, 0x87, 0x89)
    m.poke(TSS + 0x66, struct.pack("<H", MAP_END - TSS))
    m.poke(MAP, bytes([0xFF] * 32))
    m.poke(MAP + VECTOR // 8, bytes([redirect]))
    m.poke(4 * VECTOR, struct.pack("<HH", TARGET, 0x1000))
    m.poke(0x10000 + TARGET, b"\x0f\x0b")  # UD2: that is where it went
    return m


def flags_of(m: SystemMachine) -> int:
    """The program's, from the frame of the fault that ended it (one without an error code: 2, with one: 3)."""
    return m.stack(3)


def program(m: SystemMachine, vector: int = GP) -> int:
    """Run until the program is stopped at `bad`; its flags."""
    assert m.vector() == vector
    assert m.stack(1 if vector == GP else 0) == m.symbols["bad"] - 0x10000
    return m.stack(3 if vector == GP else 2)


def test_cli_and_sti_work_on_vif(engine):
    assert program(vme(engine, "sti\nbad: hlt")) & (S.VIF | S.IF | S.VIP) == S.VIF | S.IF
    assert program(vme(engine, "sti\n cli\nbad: hlt")) & (S.VIF | S.IF) == S.IF
    assert program(vme(engine, "bad: sti", flags=S.VIP)) & (S.VIF | S.VIP) == S.VIP, "a pending one would come in"
    assert program(vme(engine, "cli\nbad: hlt", flags=S.VIP | S.VIF)) & (S.VIF | S.VIP) == S.VIP


def test_with_iopl_3_they_work_on_if(engine):
    assert program(vme(engine, "cli\nbad: hlt", iopl=3, flags=S.VIF | S.VIP)) & (S.VIF | S.IF) == S.VIF
    assert program(vme(engine, "cli\n sti\nbad: hlt", iopl=3, flags=S.VIP)) & (S.VIF | S.IF) == S.IF


def test_without_vme_the_monitor_is_asked(engine):
    for text in ("cli", "sti", "pushfw", "popfw", "int $0x21", "iretw"):
        program(vme(engine, f"bad: {text}", cr4=PVI))


def test_32_bit_forms_are_the_monitors_all_the_same(engine):
    for text in ("pushfl", "popfl", "iretl"):
        program(vme(engine, f"bad: {text}"))


def test_pushf_shows_vif_as_if(engine):
    for vif in (0, S.VIF):
        m = vme(engine, "movw $0, %ax\n addw $0, %ax\n pushfw\n popw %bx\nbad: hlt", flags=vif)
        program(m)
        assert m.reg("ebx") & 0xFFFF == 0x3046 | (S.IF if vif else 0)


def test_popf_takes_all_but_if_and_iopl(engine):
    m = vme(engine, "pushw $0x4ed7\n popfw\nbad: hlt")
    assert program(m) & 0x1FFFFF == 0x20000 | 0x4CD7 | S.VIF | S.IF | S.RF, "IF stays on, IOPL stays 0"
    m = vme(engine, "pushw $0x30d7\n popfw\nbad: hlt", flags=S.VIF)
    assert program(m) & 0x1FFFFF == 0x20000 | 0x00D7 | S.IF | S.RF


@pytest.mark.parametrize("image,flags,refused", [
    (0x102, 0, True), (0x202, S.VIP, True), (0x002, S.VIP, False), (0x202, 0, False), (0x302, 0, True),
])  # fmt: skip
@pytest.mark.parametrize("how", ["popf", "iret"])
def test_what_lets_a_pending_interrupt_or_a_step_in(engine, image, flags, refused, how):
    at = "popfw" if how == "popf" else "iretw"
    start = f"pushw ${image}\n" + ("" if how == "popf" else "pushw %cs\n pushw $(there - 0x10000)\n")
    label = "bad: " if refused else ""
    m = vme(engine, f"{start}{label}{at}\nthere: nop\n{'' if refused else 'bad: '}hlt", flags=flags)
    got = program(m)
    assert bool(got & S.VIF) == (not refused and bool(image & S.IF))
    pushed = 2 if how == "popf" else 6
    assert m.stack(4) == 0x1000 - (pushed if refused else 0), "the stack is as it was"


def test_iret_goes_on_elsewhere(engine):
    m = vme(
        engine, "pushw $0x0ad5\n pushw $0x1001\n pushw $(there - 0x10010)\n iretw\n hlt\nthere: movw %cs, %bx\nbad: hlt"
    )
    assert m.vector() == GP and m.reg("ebx") & 0xFFFF == 0x1001
    assert flags_of(m) & 0x1FFFFF == 0x20000 | 0x08D7 | S.VIF | S.IF | S.RF


@pytest.mark.parametrize("iopl", [0, 3])
@pytest.mark.parametrize("vif", [0, S.VIF])
def test_int_goes_through_the_programs_own_table(engine, iopl, vif):
    m = vme(engine, "int $0x21\nback: hlt", iopl=iopl, flags=vif)
    assert m.vector() == 6 and m.stack(0) == TARGET
    pushed = m.word(STACK_TOP - 2), m.word(STACK_TOP - 4), m.word(STACK_TOP - 6)
    shown = 0x3202 if iopl or vif else 0x3002
    assert pushed == (shown, 0x1000, m.symbols["back"] - 0x10000)
    left = m.stack(2) & (S.IF | S.VIF | S.IOPL)
    assert left == (vif | 0x3000 if iopl else S.IF)
    assert m.core.get("icount") > 0 and m.stack(3) == 0x1000 - 6


def test_int_whose_bit_is_set_is_the_monitors(engine):
    program(vme(engine, "bad: int $0x21", redirect=1 << VECTOR % 8))
    m = vme(engine, "int $0x21\nback: hlt", iopl=3, redirect=1 << VECTOR % 8)
    m.set_gate(VECTOR, STUBS + VECTOR, 0xEE)
    assert m.vector() == VECTOR and m.stack(0) == m.symbols["back"] - 0x10000
    m = vme(engine, "int $0x21", redirect=~(1 << VECTOR % 8) & 0xFF)
    assert m.vector() == 6 and m.stack(0) == TARGET


def test_a_map_outside_of_the_tss_is_none(engine):
    m = vme(engine, "bad: int $0x21")
    m.describe(TASK, TSS, 0x6B, 0x89)
    program(m)


def test_int3_is_not_redirected(engine):
    m = vme(engine, "int3\nback: hlt")
    m.poke(MAP, bytes(32))
    m.set_gate(3, STUBS + 3, 0xEE)
    assert m.vector() == 3 and m.stack(0) == m.symbols["back"] - 0x10000


def test_pvi_gives_ring_3_cli_and_sti(engine):
    def ring(text: str, flags: int = 0x202, cr4: int = PVI) -> SystemMachine:
        m = ring_3(engine, text, flags)
        m.core.set("cr4", cr4)
        return m

    m = ring("sti\nbad: hlt")
    assert m.fault() == (GP, 0) and m.stack(3) & (S.VIF | S.IF) == S.VIF | S.IF
    m = ring("cli\nbad: hlt", 0x202 | S.VIF)
    assert m.fault() == (GP, 0) and m.stack(3) & (S.VIF | S.IF) == S.IF
    m = ring("bad: sti", 0x202 | S.VIP)
    assert m.fault() == (GP, 0) and m.stack(3) & S.VIF == 0
    m = ring("cli\nbad: hlt", 0x3202 | S.VIF)
    assert m.fault() == (GP, 0) and m.stack(3) & (S.VIF | S.IF) == S.VIF, "with IOPL 3 IF is its own"
    assert ring("bad: sti", cr4=VME).fault() == (GP, 0)
    m = ring("pushfl\n popl %ebx\nbad: hlt", 0x2 | S.VIF)
    assert m.fault() == (GP, 0) and m.reg("ebx") & S.IF == 0, "PUSHF shows VIF where it is"
