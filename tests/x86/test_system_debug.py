"""Debug exceptions where things meet (volume 3, chapter 17): RF, priorities, accesses that fault, several at once."""

import pytest
from system_machine import ENGINES, STUBS, SystemMachine

from playhead.x86 import state as S

B0, B1, BS = 1, 2, 0x4000
ONES = 0xFFFF0FF0


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    return request.param


def armed(engine: str, code: str, kind: int, *labels: str, control: int = 0) -> SystemMachine:
    """Debug register n watches the n-th label (or number) with R/W and LEN `kind`."""
    m = SystemMachine(engine, code)
    for n, label in enumerate(labels):
        m.core.set("dr", m.symbols[label], n)
        control |= kind << (16 + 4 * n) | 2 << 2 * n
    m.core.set("dr", control | 0x400, 7)
    m.core.stale = True
    return m


TWO_RETURNS = """
        pushl $0x10002
        pushl $CODE
        pushl $target
        pushl $0x10002
        pushl $CODE
        pushl $inner
        iretl
inner:  iretl
target: incl %eax
        hlt
"""
ARMED_LATER = """
again:  movl $5, %ecx
loop:   incl %eax
target: incl %edx
        decl %ecx
        jnz loop
        movl $target, %ebx
        movl %ebx, %dr0
        movl $2, %ebx
        movl %ebx, %dr7
        jmp again
"""


def test_iret_keeps_the_rf_that_it_loads(engine):
    """Also one that itself was resumed with RF, as after a fault."""
    m = armed(engine, TWO_RETURNS, 0, "target", "inner")
    eax = m.reg("eax")
    m.until_halt()
    assert m.reg("eax") == eax + 1 and m.core.get("dr", 6) == ONES
    assert not m.core.eflags & S.RF
    m.core.set("eip", m.symbols["target"])
    assert m.vector() == 1 and m.core.get("dr", 6) == ONES | B0


def test_armed_in_the_middle_of_code_that_ran_before(engine):
    m = SystemMachine(engine, ARMED_LATER)
    eax, edx = m.reg("eax"), m.reg("edx")
    assert m.vector() == 1 and m.core.get("dr", 6) == ONES | B0
    assert (m.reg("eax") - eax, m.reg("edx") - edx) == (6, 5)


def test_a_breakpoint_comes_before_what_the_instruction_raises(engine):
    m = armed(engine, "nop\n bad: ud2", 0, "bad")
    assert m.vector() == 1 and m.core.get("dr", 6) == ONES | B0 and m.stack(0) == m.symbols["bad"]
    assert not m.stack(2) & S.RF


def test_an_access_that_faults_is_no_trap(engine):
    """The first access of MOVS is met, the second one faults; and the store that is only half there."""
    m = armed(engine, "movl $from, %esi\n movl $0x120000, %edi\n bad: movsl\n from: .long 5", 15, "from")
    m.page_tables()
    m.set_page(0x120000, 0)
    m.core.set("cr0", m.core.get("cr0") | 1 << 31)
    assert m.fault() == (14, 2) and m.core.get("dr", 6) == ONES
    m = SystemMachine(engine, "bad: movl %eax, 0x11FFFE")
    m.page_tables()
    m.set_page(0x120000, 0)
    m.core.set("cr0", m.core.get("cr0") | 1 << 31)
    m.core.set("dr", 0x11FFFF, 0)
    m.core.set("dr", 0x10402, 7)
    m.core.stale = True
    assert m.fault() == (14, 2) and m.core.get("dr", 6) == ONES


def test_one_trap_for_all_that_is_met(engine):
    """The step and both data breakpoints; then the step alone."""
    m = armed(engine, "movl %eax, place\n nop\n place: .long 0\n place2: .long 0", 13, "place", "place2")
    m.core.set("dr", m.symbols["place"] + 2, 1)
    m.core.eflags = 2 | S.TF
    assert m.vector() == 1 and m.core.get("dr", 6) == ONES | B0 | B1 | BS
    assert m.stack(2) & S.TF and m.stack(0) == m.symbols["place"] - 1


@pytest.mark.parametrize(
    "change, value, eax",
    [
        ("adcl %eax, place", 12, 6),
        ("sbbl %eax, place", 0xFFFFFFFE, 6),
        ("rcll $1, place", 11, 6),
        ("xaddl %eax, place", 11, 5),
        ("decl %eax\n movl $9, %ecx\n cmpxchgl %ecx, place", 9, 5),
        ("pushl place\n popl place", 5, 6),
    ],
)
def test_what_changes_memory_happens_once(engine, change, value, eax):
    """The run stops before it when its write is reached, with nothing done: not even to the carry flag."""
    m = armed(engine, f"movl $6, %eax\n stc\n {change}\n nop\n .balign 4\nplace: .long 5", 13, "place")
    assert m.vector() == 1 and m.core.get("dr", 6) == ONES | B0
    assert (m.dword(m.symbols["place"]), m.reg("eax")) == (value, eax)


TO_RING_3 = """
        movw $TASK, %ax
        ltr %ax
        movw $UDATA, %ax
        movw %ax, %ds
        movl $place, %ebx
        fninit
        fld1
        movl %eax, 1(%ebx)
        pushl $UDATA
        pushl $USER_STACK
        pushl $0x40002
        pushl $UCODE
        pushl $user
        iretl
user:   """


@pytest.mark.parametrize(
    "access, vector",
    [
        ("movw %ax, 1(%ebx)", 17),
        ("movl 2(%ebx), %eax", 17),
        ("addl %eax, 4(%ebx)", 3),
        ("fstpl 4(%ebx)", 17),
        ("movb %al, 3(%ebx)", 3),
        ("pushl %eax\n popl 8(%ebx)", 3),
    ],
)
def test_alignment_checks(engine, access, vector):
    """In ring 3 only."""
    m = SystemMachine(engine, f"{TO_RING_3} {access}\n int3\n .balign 8\nplace: .fill 16")
    m.core.set("cr0", m.core.get("cr0") | 0x40000)
    m.set_gate(3, STUBS + 3, 0xEE)
    assert m.vector() == vector
