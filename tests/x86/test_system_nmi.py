"""What ends the blocking of NMIs: every IRET that executes, also one that faults, and nothing else; and where a pending
NMI is then taken (manual volume 3, "Handling Multiple NMIs")."""

import pytest
from system_machine import CODE, DATA, ENGINES, FREE, STUBS, TASK2, SystemMachine

from playhead.x86 import state as S

pytestmark = pytest.mark.parametrize("engine", ENGINES)
FRAME = "pushl $0x202\n pushl ${cs}\n pushl $to\n"
IN_V86 = """
        movl $TASK, %eax
        ltr %ax
        pushl $0
        pushl $0
        pushl $0
        pushl $0
        pushl $0x900
        pushl $0x1000
        pushl $FLAGS
        pushl $0x1000
        pushl $v86 - 0x10000
        iretl
        .code16
v86:    movw $0, %sp
        movw $0x12, %ax
bad:    iretw
        .code32
to:     hlt
"""


def blocked(m: SystemMachine) -> bool:
    return bool(m.core.get("nmi_blocked"))


def at_bad(engine: str, text: str, prepare=lambda m: None) -> SystemMachine:
    """Run up to the label `bad`, with NMIs blocked from then on."""
    m = SystemMachine(engine, text)
    prepare(m)
    for _ in range(100):
        if m.core.get("eip") in (m.symbols["bad"], m.symbols["bad"] - 0x10000):
            m.core.set("nmi_blocked", 1)
            return m
        m.run(1)
    raise AssertionError("`bad` is not reached")


@pytest.mark.parametrize("split", [1, 2, 1000])
def test_a_pending_one_is_taken_behind_the_iret(engine, split):
    m = at_bad(engine, FRAME.format(cs=CODE) + "bad: nop\n nop\n iretl\nto: nop\n nop\n hlt")
    m.core.set("intr_pending", S.PENDING_NMI)
    for _ in range(10):
        if m.run(split) != S.EXIT_NONE:
            break
    assert m.core.get("exit_reason") == S.EXIT_INTR_WINDOW
    assert m.core.get("eip") == m.symbols["to"] and not blocked(m)


@pytest.mark.parametrize("split", [1, 2, 1000])
@pytest.mark.parametrize("text, vector", [
    (FRAME.format(cs=0x80) + "bad: iretl\nto: hlt", 13),                       # beyond the limit of the GDT
    (FRAME.format(cs=FREE) + "bad: iretl\nto: hlt", 11),                       # a segment that is not present
    ("movl $0x200000, %esp\nbad: iretl\nto: hlt", 14),                         # no stack: not mapped
    ("pushl $0x4002\n popfl\n movl $TASK, %eax\n ltr %ax\nbad: iretl\nto: hlt", 10),  # NT, and a bad link
    ("\t.set FLAGS, 0x20202\n" + IN_V86, 13),                                  # virtual-8086 mode with IOPL 0
    ("\t.set FLAGS, 0x23202\n" + IN_V86.replace("movw $0, %sp", "movw $-1, %sp"), 12),  # and with IOPL 3: the stack
])  # fmt: skip
def test_an_iret_that_faults_ends_it_too(engine, text, vector, split):
    def prepare(m: SystemMachine) -> None:
        m.describe(FREE, 0, 0xFFFFF, 0x1B, 0xC)
        if vector == 14:
            m.page_tables()
            m.core.set("cr0", 0x80000011)

    m = at_bad(engine, text, prepare)
    m.core.set("intr_pending", S.PENDING_NMI)
    for _ in range(10):
        if m.run(split) != S.EXIT_NONE:
            break
    # the exception of the IRET is delivered first; the NMI is taken before its handler
    assert m.core.get("exit_reason") == S.EXIT_INTR_WINDOW and not blocked(m)
    assert m.core.get("eip") == STUBS + vector


def test_an_iret_that_has_to_be_begun_again_is_not_overtaken(engine):
    """Its frame lies in a device's registers, which are answered one by one; then it ends, then the NMI comes."""
    m = at_bad(engine, "movl $0x40000000, %esp\nbad: iretl\nto: hlt")
    m.core.set("intr_pending", S.PENDING_NMI)
    frame = {0x40000000: m.symbols["to"], 0x40000004: CODE, 0x40000008: 0x202}
    while m.run(1000) == S.EXIT_MMIO_READ:
        n = m.core.get("latch_n")
        m.core.set("latch", frame[m.core.get("exit_info") & 0xFFFFFFFF], n)
        m.core.set("latch_n", n + 1)
    assert m.core.get("exit_reason") == S.EXIT_INTR_WINDOW
    assert m.core.get("eip") == m.symbols["to"] and m.core.get("icount") == 2


@pytest.mark.parametrize("text", [
    "bad: .byte 0xf0, 0xcf", "pushl %cs\n pushl $to\nbad: lretl\nto: nop", "bad: int3", "bad: hlt", "bad: ud2",
    "movl $TASK, %eax\n ltr %ax\nbad: ljmpl $TASK2, $0\nto: nop", "pushl $2\nbad: popfl", "bad: sti\n nop",
])  # fmt: skip
def test_nothing_else_ends_it(engine, text):
    def prepare(m: SystemMachine) -> None:
        for at, value in ((0x20, STUBS + 40), (0x24, 2), (0x48, DATA), (0x4C, CODE), (0x50, DATA), (0x54, DATA)):
            m.poke(0x3800 + at, value.to_bytes(4, "little"))

    m = at_bad(engine, text + "\n hlt", prepare)
    m.core.set("intr_pending", S.PENDING_NMI)
    assert m.run(20) == S.EXIT_HALT
    assert blocked(m)


def test_an_iret_that_cannot_be_fetched_has_not_executed(engine):
    m = at_bad(engine, "bad: iretl")
    m.page_tables()
    m.set_page(m.symbols["bad"], 0)
    m.core.set("cr0", 0x80000011)
    m.core.stale = True
    m.core.set("intr_pending", S.PENDING_NMI)
    assert m.run(20) == S.EXIT_HALT and m.core.get("eip") == STUBS + 15
    assert blocked(m)


def test_the_return_of_a_task_ends_it(engine):
    def prepare(m: SystemMachine) -> None:
        for at, value in ((0x20, m.symbols["other"]), (0x24, 2), (0x38, 0x6000), (0x48, DATA), (0x4C, CODE),
                          (0x50, DATA), (0x54, DATA)):  # fmt: skip
            m.poke(0x3800 + at, value.to_bytes(4, "little"))
        m.set_gate(2, 0, 0x85, TASK2)

    m = at_bad(engine, "movl $TASK, %eax\n ltr %ax\nbad: int $2\nto: hlt\nother: nop\n iretl", prepare)
    m.core.set("intr_pending", S.PENDING_NMI)
    assert m.run(20) == S.EXIT_INTR_WINDOW
    assert m.core.get("eip") == m.symbols["to"] and not blocked(m)
