"""Delivery of exceptions and interrupts: gates, stacks, error codes, flags, double faults, virtual-8086 mode."""

import pytest
from system_machine import (CODE, CODE_AT, DATA, ENGINES, FREE, IDT, INNER, STACK, STUBS, TASK2, UCODE, UDATA,
                            USER_STACK, SystemMachine)  # fmt: skip

from playhead.x86 import state as S

GP, NP, SS, TS, PF, DF = 13, 11, 12, 10, 14, 8
pytestmark = pytest.mark.parametrize("engine", ENGINES)
TO_RING_3 = """
        movl $TASK, %eax
        ltr %ax
        pushl $UDATA
        pushl $USER_STACK
        pushl $0x202
        pushl $UCODE
        pushl $user
        iretl
user:
"""


def test_interrupt_gate_in_ring_0(engine):
    m = SystemMachine(engine, "stc\n sti\n int $0x21\nafter: nop")
    assert m.vector() == 0x21
    assert [m.stack(i) for i in range(3)] == [m.symbols["after"], CODE, 0x203]
    assert m.core.eflags & S.IF == 0 and m.reg("esp") == STACK - 12


def test_trap_gate_keeps_if_and_iret_returns(engine):
    m = SystemMachine(engine, "sti\n int $0x21\n hlt\nhandler: pushfl\n popl %ebx\n iretl")
    m.set_gate(0x21, m.symbols["handler"], 0x8F)
    m.until_halt()
    assert m.reg("ebx") == 0x202 and m.reg("esp") == STACK


def test_gate_of_16_bits(engine):
    m = SystemMachine(engine, "int $0x21\nafter: nop")
    m.poke(0x1000, b"\xf4")
    m.set_gate(0x21, 0x1000, 0x86)
    m.until_halt()
    assert m.core.get("eip") == 0x1001 and m.reg("esp") == STACK - 6
    assert [m.word(STACK - 6 + 2 * i) for i in range(3)] == [m.symbols["after"] & 0xFFFF, CODE, 2]


def test_from_ring_3_with_an_error_code(engine):
    m = SystemMachine(engine, TO_RING_3 + "bad: cli")
    assert m.vector() == GP
    assert m.reg("esp") == INNER - 24
    assert [m.stack(i) for i in range(6)] == [0, m.symbols["bad"], UCODE, 0x10202, USER_STACK, UDATA]
    assert (m.core.get("cpl"), m.sel("cs"), m.sel("ss")) == (0, CODE, DATA)
    assert m.core.get("eflags") & (S.IF | S.RF) == 0


def test_tss_of_16_bits_gives_the_inner_stack(engine):
    m = SystemMachine(engine, TO_RING_3 + "bad: cli")
    m.describe(0x30, 0x3000, 0x2B, 0x81)
    m.poke(0x3002, (0x6000).to_bytes(2, "little") + DATA.to_bytes(2, "little"))
    assert m.vector() == GP and m.reg("esp") == 0x6000 - 24


@pytest.mark.parametrize("vector,expected", [(0x20, None), (0x21, (GP, 0x21 * 8 + 2)), (0x22, (NP, 0x22 * 8 + 2)),
                                             (0x23, (GP, 0x23 * 8 + 2)), (0x60, (GP, 0x60 * 8 + 2))])  # fmt: skip
def test_int_from_ring_3_needs_an_open_gate(engine, vector, expected):
    m = SystemMachine(engine, TO_RING_3 + f"bad: int ${vector}\nafter: nop")
    m.set_gate(0x20, STUBS + 0x20, 0xEE)
    m.set_gate(0x22, STUBS + 0x22, 0x6E)
    m.set_gate(0x23, STUBS + 0x23, 0xEC)
    if expected:
        assert m.fault() == expected
    else:
        assert m.vector() == 0x20 and m.stack(0) == m.symbols["after"]


@pytest.mark.parametrize("selector,expected", [(0, (GP, 0)), (DATA, (GP, DATA)), (0x88, (GP, 0x88)),
                                               (UCODE, (GP, UCODE - 3)),
                                               (FREE, (NP, FREE))])  # fmt: skip
def test_gate_to_a_bad_segment(engine, selector, expected):
    m = SystemMachine(engine, "bad: int $0x21")
    m.describe(FREE, 0, 0xFFFFF, 0x1B, 0xC)
    m.set_gate(0x21, 0, 0x8E, selector)
    assert m.fault() == expected


# INT1, INT3, INTO, INT n, exceptions: vector, and EXT of the error code if it cannot be delivered (volume 3, 6.13).
EVENTS = {
    ".byte 0xf1": (1, 1), "int3": (3, 0), "movb $0x7f, %cl\n addb $1, %cl\n into": (4, 0), "int $0x21": (0x21, 0),
    "int $1": (1, 0), "ud2": (6, 1), "xorl %ecx, %ecx\n divl %ecx": (0, 1),
}  # fmt: skip


def break_delivery(m: SystemMachine, how: str, vector: int) -> tuple[int, int]:
    """Let the delivery of a vector fail; the exception and its error code, without EXT."""
    if how == "limit":
        m.core.set("idtr_base", IDT - 0x1000)
        m.core.set("idtr_limit", 13 * 8 + 7)  # #GP itself can be delivered
        m.poke(IDT - 0x1000, m.memory.read(IDT, 0x200))
        m.set_gate(0x21, 0, 0x8E)
        m.poke(IDT - 0x1000 + 8 * vector + 5, b"\x00")  # no gate at all, for those that are within the limit
        return GP, vector * 8 + 2
    if how == "absent":
        m.set_gate(vector, STUBS, 0x6E)
        return NP, vector * 8 + 2
    if how == "segment":
        m.set_gate(vector, STUBS, 0xEE, DATA)
        return GP, DATA
    if how == "missing segment":
        m.describe(FREE, 0, 0xFFFFF, 0x1B, 0xC)
        m.set_gate(vector, STUBS, 0xEE, FREE)
        return NP, FREE
    if how == "entry":
        m.describe(FREE, 0, 0xFF, 0x9B, 0x4)
        m.set_gate(vector, 0x100, 0xEE, FREE)
        return GP, 0
    if how == "task gate":
        m.set_gate(vector, 0, 0xE5, DATA)
        return GP, DATA
    assert how == "task"  # a switch whose new task has a bad stack: the exception is the new task's
    for at, value in ((0x20, STUBS + 62), (0x24, 2), (0x38, 0x6000), (0x48, DATA), (0x4C, CODE), (0x50, UCODE),
                      (0x54, DATA)):  # fmt: skip
        m.poke(0x3800 + at, value.to_bytes(4, "little"))
    m.set_gate(vector, 0, 0xE5, TASK2)
    m.set_gate(TS, 0, 0x85, 0x58)  # the handler is a task too: the stack is no good
    m.describe(0x58, 0x3C00, 0x67, 0x89)
    for at, value in ((0x20, STUBS + TS), (0x24, 2), (0x38, 0x7000), (0x48, DATA), (0x4C, CODE), (0x50, DATA),
                      (0x54, DATA)):  # fmt: skip
        m.poke(0x3C00 + at, value.to_bytes(4, "little"))
    return TS, UCODE & ~3


@pytest.mark.parametrize("how", ["limit", "absent", "segment", "missing segment", "entry", "task gate", "task"])
@pytest.mark.parametrize("text", EVENTS)
def test_external_bit_of_every_event(engine, text, how):
    vector, ext = EVENTS[text]
    m = SystemMachine(engine, "movl $TASK, %eax\n ltr %ax\n" + text)
    expected, error = break_delivery(m, how, vector)
    if vector == 0:  # contributory, as what follows: a double fault, and with the stack of the new task a triple one
        assert m.run(1000) == S.EXIT_TRIPLE if how == "task" else m.vector() == DF
    else:
        assert (m.vector(), m.stack(0)) == (expected, error | ext)


@pytest.mark.parametrize("how", ["absent", "segment", "missing segment", "entry", "task gate", "task"])
@pytest.mark.parametrize("vector, soft", [(2, 2), (0x21, 2), (1, 0)])  # an NMI, an interrupt, a single step
def test_external_bit_of_what_comes_from_outside(engine, vector, soft, how):
    m = SystemMachine(engine, "movl $TASK, %eax\n ltr %ax\n nop\n nop")
    expected, error = break_delivery(m, how, vector)
    m.run(2)
    for name, value in (("fault_vector", vector), ("fault_soft", soft), ("fault_pending", 1)):
        m.core.set(name, value)
    assert (m.vector(), m.stack(0)) == (expected, error | 1)


def test_external_error_bit(engine):
    m = SystemMachine(engine, "nop\nbad: nop")
    m.set_gate(0x21, 0, 0x8E, DATA)
    m.run(1)
    for name, value in (("fault_vector", 0x21), ("fault_soft", 2), ("fault_pending", 1)):
        m.core.set(name, value)
    assert m.fault() == (GP, DATA | 1)


def test_conforming_handler_stays_in_ring_3(engine):
    m = SystemMachine(engine, TO_RING_3 + "bad: ud2")
    m.describe(FREE, 0, 0xFFFFF, 0x9F, 0xC)
    m.set_gate(6, CODE_AT, 0x8E, FREE)
    m.run(9)
    assert m.core.get("cpl") == 3 and m.core.get("eip") in (CODE_AT, CODE_AT + 5)
    assert m.sel("cs") == FREE | 3


def test_software_breakpoints(engine):
    m = SystemMachine(engine, "int3\nafter: nop")
    assert m.vector() == 3 and m.stack(0) == m.symbols["after"]
    m = SystemMachine(engine, "movb $0x7f, %al\n addb $1, %al\n into\nafter: nop")
    assert m.vector() == 4 and m.stack(0) == m.symbols["after"]
    m = SystemMachine(engine, "xorl %eax, %eax\n into\n hlt")
    m.until_halt()
    assert m.core.get("eip") < STUBS
    m = SystemMachine(engine, TO_RING_3 + ".byte 0xf1\nafter: nop")
    assert m.vector() == 1 and m.stack(0) == m.symbols["after"]


def test_double_fault(engine):
    m = SystemMachine(engine, "ud2")
    m.set_gate(6, 0, 0)  # #UD, then #GP about its gate: a benign one first, so #GP is delivered
    assert m.vector() == GP and m.stack(0) == 6 * 8 + 3
    m = SystemMachine(engine, "movl $0x1000, %eax\nbad: movw %ax, %ds")
    m.set_gate(GP, 0, 0)
    assert m.fault() == (DF, 0)


def test_page_fault_then_anything_serious_is_a_double_fault(engine):
    m = SystemMachine(engine, "movl $0x80000001, %eax\n movl %eax, %cr0\nbad: movl 0x180000, %eax")
    m.page_tables()
    m.set_page(0x180000, 0)
    m.set_gate(PF, 0, 0x8E, DATA)
    assert m.fault() == (DF, 0)
    assert m.core.get("cr2") == 0x180000


def test_triple_fault(engine):
    m = SystemMachine(engine, "movl $0x1000, %eax\nbad: movw %ax, %ds")
    m.core.set("idtr_limit", 0)
    assert m.run(10) == S.EXIT_TRIPLE
    assert m.core.get("icount") == 1


def test_page_fault_while_pushing_the_frame(engine):
    m = SystemMachine(engine, "movl $0x80000001, %eax\n movl %eax, %cr0\n" + TO_RING_3 + "bad: ud2")
    m.page_tables()
    m.set_page(0x6000, 0)  # of the stack for ring 0
    m.poke(0x3004, (0x7008).to_bytes(4, "little"))
    m.set_gate(PF, 0, 0x85, 0x38)  # #PF goes to a task: its stack is another
    task = {0x1C: 0x100000, 0x20: STUBS + PF, 0x24: 2, 0x38: 0x5000, 0x48: DATA, 0x4C: CODE, 0x50: DATA, 0x54: DATA}
    for at, value in task.items():
        m.poke(0x3800 + at, value.to_bytes(4, "little"))
    assert m.vector() == PF
    assert (m.stack(0), m.core.get("cr2")) == (2, 0x6FFC), "written by the processor: as supervisor"
    assert m.dword(0x3000 + 0x20) == m.symbols["bad"] and m.dword(0x3000 + 0x4C) == UCODE


def test_wrong_inner_stack(engine):
    m = SystemMachine(engine, TO_RING_3 + "bad: ud2")
    m.poke(0x3008, UDATA.to_bytes(4, "little"))
    m.describe(FREE, 0, 0xFFFFF, 0x9F, 0xC)
    m.set_gate(TS, STUBS + TS, 0x8E, FREE)  # conforming: needs no inner stack
    m.poke(STUBS + TS, b"\xeb\xfe")
    m.run(20)
    assert m.core.get("eip") == STUBS + TS and m.core.get("cpl") == 3
    assert [m.stack(0), m.stack(1)] == [UDATA & ~3 | 1, m.symbols["bad"]]


def test_an_endless_chain_of_faults_ends_the_run(engine):
    """A handler that faults at its first instruction forever: the run ends, so that the machine can serve its host."""
    m = SystemMachine(engine, "ud2")
    m.set_gate(6, CODE_AT, 0x8E)
    m.core.set("regs", 0x1F0000, 4)
    assert m.run(1000, deliveries=50) == S.EXIT_DELIVERIES
    assert (m.core.get("icount"), m.core.get("seq")) == (0, 50)


# Shadows and single steps


def interrupts_at(m: SystemMachine, count: int) -> list[int]:
    """Where an interrupt that is always pending would be taken."""
    m.core.set("intr_pending", 1)
    places = []
    for _ in range(count):
        if m.run(1) == S.EXIT_INTR_WINDOW:
            places.append(m.core.get("eip") - CODE_AT)
            m.core.set("intr_pending", 0)
            m.run(1)
            m.core.set("intr_pending", 1)
    return places


def test_sti_shadow(engine):
    m = SystemMachine(engine, "sti\n nop\n nop\n sti\n nop\n cli\n nop\n nop")
    assert interrupts_at(m, 5) == [2, 3, 4]
    m = SystemMachine(engine, "sti\n cli\n sti\n nop\n nop")
    assert interrupts_at(m, 6)[:1] == [4]


def test_mov_ss_shadow(engine):
    m = SystemMachine(engine, "sti\n nop\n movw %ss, %ax\n movw %ax, %ss\n nop\n pushl %ss\n popl %ss\n nop\n nop")
    m.run(3)
    before = m.core.get("eip")
    m.core.set("intr_pending", 1)
    assert m.run(1) == S.EXIT_INTR_WINDOW and m.core.get("eip") == before
    m.core.set("intr_pending", 0)
    m.run(1)
    m.core.set("intr_pending", 1)
    assert m.run(1) == 0, "in the shadow"
    assert m.run(1) == S.EXIT_INTR_WINDOW


@pytest.mark.parametrize("text,places", [
    ("nop\na: nop\nb: nop\nc: hlt", "abc"),
    ("movw %ss, %ax\na: movw %ax, %ss\n nop\nb: nop\nc: hlt", "abc"),
    ("nop\na: int $0x30\n nop\nb: nop\nc: hlt", "abc"),
    ("nop\na: pushl $2\nb: popfl\nc: nop\n hlt", "abc"),
], ids=["plain", "mov-ss", "int", "popf"])  # fmt: skip
def test_single_step(engine, text, places):
    """Traps come with EIP at the labels `places`, and nowhere else before the HLT."""
    source = f"""
        pushl $0x102
        popfl
        {text}
handler: movl (%esp), %ecx
        movl %ecx, (%edi)
        addl $4, %edi
        iretl
quick:  iretl
    """
    m = SystemMachine(engine, source)
    m.core.set("regs", 0x20000, 7)
    m.set_gate(1, m.symbols["handler"], 0x8E)
    m.set_gate(0x30, m.symbols["quick"], 0x8E)
    m.until_halt()
    traps = [m.dword(0x20000 + 4 * i) for i in range((m.reg("edi") - 0x20000) // 4)]
    assert traps == [m.symbols[p] for p in places]
    assert m.core.get("dr", 6) == 0xFFFF4FF0


def test_flags_by_privilege(engine):
    m = SystemMachine(engine, TO_RING_3 + "pushl $0x7cd7\n popfl\n pushfl\n popl %ebx\nbad: cli")
    assert m.fault() == (GP, 0)
    assert m.reg("ebx") == 0x4ED7, "IOPL and IF are not for ring 3 to change"
    m = SystemMachine(engine, "pushl $0x257cd7\n popfl\n pushfl\n popl %ebx\n hlt")
    m.until_halt()
    assert m.reg("ebx") == 0x247CD7


# Virtual-8086 mode

V86 = """
        movl $TASK, %eax
        ltr %ax
        movl $INNER, %ebp
        pushl $0x5000           # gs fs ds es
        pushl $0x4000
        pushl $0x3000
        pushl $0x2000
        pushl $0x900            # ss
        pushl $0x1000
        pushl $FLAGS
        pushl $0x1000           # cs
        pushl $v86 - 0x10000
        iretl
        .code16
v86:    {}
        .code32
"""


def v86(engine: str, text: str, iopl: int = 0) -> SystemMachine:
    return SystemMachine(engine, f"\t.set FLAGS, {0x20202 | iopl << 12}\n" + V86.format(text))


def test_into_v86_and_out_again(engine):
    m = v86(engine, "movw %ds, %ax\nbad: hlt")
    assert m.vector() == GP
    items = [m.stack(i) for i in range(10)]
    assert items == [0, m.symbols["bad"] - 0x10000, 0x1000, 0x30202, 0x1000, 0x900, 0x2000, 0x3000, 0x4000, 0x5000]
    assert m.reg("eax") & 0xFFFF == 0x3000
    assert [m.sel(s) for s in ("ds", "es", "fs", "gs")] == [0, 0, 0, 0]
    assert m.core.get("eflags") & S.VM == 0 and m.core.get("cpl") == 0


def test_v86_sensitive_instructions(engine):
    for text in ("cli", "sti", "pushfw", "popfw", "int $0x21", "iretw"):
        m = v86(engine, f"bad: {text}")
        assert m.vector() == GP and m.stack(1) == m.symbols["bad"] - 0x10000, text
        m.set_gate(0x21, STUBS + 0x21, 0xEE)
    m = v86(engine, "cli\n pushfw\n popw %bx\n int3", iopl=3)
    m.set_gate(3, STUBS + 3, 0xEE)
    assert m.vector() == 3
    assert m.reg("ebx") & 0xFFFF == 0x3002


def test_v86_cannot_go_to_a_handler_of_another_privilege(engine):
    m = v86(engine, "bad: int3")
    m.set_gate(3, 0, 0xEE, UCODE)
    assert m.vector() == GP and m.stack(0) == UCODE & ~3


def test_v86_has_no_protected_mode_instructions(engine):
    for text in ("larw %ax, %ax", "verr %ax", "sldtw %ax", ".byte 0x63, 0xc0"):
        m = v86(engine, f"bad: {text}")
        assert m.vector() == 6 and m.stack(0) == m.symbols["bad"] - 0x10000, text


def test_v86_segments(engine):
    m = v86(engine, "movw $0x2345, %ax\n movw %ax, %es\n movb $0x77, %es:0xffff\n ljmpw $0x1001, $(next - 0x10010)\n"
                    "next: movw %cs, %bx\nbad: movw %ax, %es:0xffff\n")  # fmt: skip
    assert m.vector() == GP
    assert m.reg("ebx") & 0xFFFF == 0x1001 and m.memory.read(0x2345 * 16 + 0xFFFF, 1) == b"\x77"
    assert m.stack(1) == m.symbols["bad"] - 0x10010


# Real mode


def real(engine: str, text: str) -> SystemMachine:
    m = SystemMachine(engine, "\t.code16\n" + text + "\n\t.code32\n")
    core = m.core
    core.set("cr0", 0x10)
    for name in S.SEGMENTS[:6]:
        for field, value in (("sel", 0), ("base", 0), ("limit", 0xFFFF), ("attr", 0x9300), ("lo", 0), ("rend", 0x10000),
                             ("wend", 0x10000)):  # fmt: skip
            core.set_seg(name, field, value)
    core.set_seg("cs", "sel", 0x1000)
    core.set_seg("cs", "base", 0x10000)
    core.set("eip", 0)
    core.set("idtr_base", 0)
    core.set("idtr_limit", 0x3FF)
    for vector in range(64):
        m.poke(4 * vector, (0x40000000 + vector).to_bytes(4, "little"))
    return m


def test_real_mode_interrupt(engine):
    m = real(engine, "sti\n stc\n int $0x21\nafter: nop")
    m.until_halt()
    assert (m.sel("cs"), m.core.get("eip")) == (0x4000, 0x22)
    assert [m.word(STACK - 6 + 2 * i) for i in range(3)] == [m.symbols["after"] - CODE_AT, 0x1000, 0x203]
    m = real(engine, "int $0x21\n hlt")
    m.poke(4 * 0x21, (0x50000000).to_bytes(4, "little"))
    m.poke(0x50000, b"\xcf")
    m.until_halt()
    assert (m.sel("cs"), m.core.get("eip"), m.reg("esp")) == (0x1000, 3, STACK)


def test_real_mode_without_a_table_dies(engine):
    m = real(engine, "int $0x21")
    m.core.set("idtr_limit", 0)
    assert m.run(3) == S.EXIT_TRIPLE


def test_real_to_protected_and_back(engine):
    m = real(
        engine,
        """
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmpl $CODE, $wide
        .code32
wide:   movl $DATA, %eax
        movw %ax, %fs
        movl $0x12345678, %fs:0x150000
        ljmpl $FREE, $narrow - 0x10000
        .code16
narrow: movl %cr0, %eax
        andb $0xfe, %al
        movl %eax, %cr0
        ljmpw $0x1000, $last - 0x10000
last:   movw $0x3000, %ax
        movw %ax, %fs
        movl $0x120000, %edi
        movl %fs:(%edi), %ebx
        movw %ax, %ds
        hlt
    """,
    )
    m.describe(FREE, 0x10000, 0xFFFF, 0x9B)
    m.until_halt()
    assert (m.sel("cs"), m.core.seg("cs", "base"), m.core.get("cr0") & 1) == (0x1000, 0x10000, 0)
    assert m.reg("ebx") == 0x12345678, "the limit of protected mode stays: big real mode"
    assert m.core.seg("ds", "base") == 0x30000 and m.core.get("mode") & S.MODE_D32 == 0
