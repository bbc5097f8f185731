"""Hardware task switches: what is saved and loaded, busy bits, links, faults before and after the switch itself."""

import pytest
from system_machine import CODE, CODE_AT, DATA, ENGINES, FREE, STACK, TASK, TASK2, TSS, TSS2, UDATA, SystemMachine

from playhead.x86 import state as S

GP, NP, SS, TS, DF = 13, 11, 12, 10, 8
pytestmark = pytest.mark.parametrize("engine", ENGINES)
GDT = 0x800
START = "movl $TASK, %eax\n ltr %ax\n movl $0x11, %ebx\n"


def new_task(m: SystemMachine, eip: int, **more: int) -> None:
    """Fill the second TSS; `more`: by name, see below."""
    at = {"cr3": 0x1C, "eip": 0x20, "eflags": 0x24, "ebx": 0x34, "esp": 0x38, "es": 0x48, "cs": 0x4C, "ss": 0x50,
          "ds": 0x54, "fs": 0x58, "gs": 0x5C, "ldt": 0x60, "trap": 0x64}  # fmt: skip
    values = {"eip": eip, "eflags": 2, "esp": 0x6000, "es": DATA, "cs": CODE, "ss": DATA, "ds": DATA, "ebx": 0x22}
    values.update(more)
    for name, value in values.items():
        m.poke(TSS2 + at[name], value.to_bytes(4, "little"))


def access(m: SystemMachine, selector: int) -> int:
    return m.memory.read(GDT + selector + 5, 1)[0]


def test_jump(engine):
    m = SystemMachine(engine, START + "ljmpl $TASK2, $0\nback: hlt\nother: movl %ebx, %ecx\n hlt")
    new_task(m, m.symbols["other"])
    m.until_halt()
    assert (m.reg("ebx"), m.reg("ecx"), m.reg("esp"), m.sel("tr")) == (0x22, 0x22, 0x6000, TASK2)
    assert (access(m, TASK), access(m, TASK2)) == (0x89, 0x8B)
    assert (m.dword(TSS + 0x20), m.dword(TSS + 0x34), m.dword(TSS + 0x38)) == (m.symbols["back"], 0x11, STACK)
    assert [m.word(TSS + 0x48 + 4 * i) for i in range(6)] == [DATA, CODE, DATA, DATA, DATA, DATA]
    assert m.core.get("cr0") & 8 and m.core.get("eflags") & S.NT == 0
    assert m.core.get("icount") == 6, "the switch is one instruction"


def test_call_and_return(engine):
    m = SystemMachine(
        engine, START + "lcall $TASK2, $0\nback: hlt\nother: pushfl\n popl %edx\n movl %edx, 0x500\n iretl\nagain: hlt"
    )
    new_task(m, m.symbols["other"])
    m.until_halt()
    assert m.core.get("eip") == m.symbols["back"] + 1 and m.reg("ebx") == 0x11
    assert m.dword(0x500) & S.NT and m.word(TSS2) == TASK
    assert m.dword(TSS2 + 0x24) & S.NT == 0 and m.dword(TSS2 + 0x20) == m.symbols["again"]
    assert (access(m, TASK), access(m, TASK2), m.sel("tr")) == (0x8B, 0x89, TASK)


def test_interrupt_through_a_task_gate(engine):
    m = SystemMachine(engine, START + "int $0x21\nback: hlt\nother: movw %ss, %ax\n iretl")
    new_task(m, m.symbols["other"])
    m.set_gate(0x21, 0, 0x85, TASK2)
    m.until_halt()
    assert m.core.get("eip") == m.symbols["back"] + 1


def test_exception_in_a_task_of_its_own(engine):
    m = SystemMachine(engine, START + "movl $0x1000, %eax\nbad: movw %ax, %fs\nother: hlt")
    new_task(m, m.symbols["other"])
    m.set_gate(GP, 0, 0x85, TASK2)
    m.until_halt()
    assert m.stack(0) == 0x1000 and m.reg("esp") == 0x5FFC
    assert m.dword(TSS + 0x20) == m.symbols["bad"] and m.dword(TSS + 0x24) & S.RF


@pytest.mark.parametrize("beside", [GDT + 0x70, 0x5FF0, TSS + 0x60, TSS2 + 0x70], ids=["gdt", "stack", "old", "new"])
def test_a_switch_is_not_begun_anew_behind_its_half(engine, beside):
    """Its stores hit memory with decoded code, at which an engine might stop; the old task may be gone by then."""
    m = SystemMachine(
        engine, f"movl ${beside}, %eax\n call *%eax\n" + START + "movl $0x1000, %eax\nbad: movw %ax, %fs\nother: hlt"
    )
    m.describe(FREE, 0, 0xFFFFF, 0x92, 0xC)  # the accessed bit is yet to be set
    m.poke(beside, b"\xc3")
    new_task(m, m.symbols["other"], es=FREE)
    m.set_gate(GP, 0, 0x85, TASK2)
    m.until_halt()
    assert m.stack(0) == 0x1000 and m.reg("esp") == 0x5FFC and m.sel("tr") == TASK2
    assert access(m, FREE) == 0x93
    assert m.core.get("icount") == 8 and m.core.get("seq") == 0
    assert m.dword(TSS + 0x20) == m.symbols["bad"] and (access(m, TASK), access(m, TASK2)) == (0x8B, 0x8B)


@pytest.mark.parametrize("text,access_byte,limit,expected", [
    ("ljmpl $TASK2, $0", 0x8B, 0x67, (GP, TASK2)), ("ljmpl $TASK2, $0", 0x09, 0x67, (NP, TASK2)),
    ("ljmpl $TASK2, $0", 0x89, 0x66, (TS, TASK2)), ("lcall $TASK2 + 3, $0", 0x89, 0x67, (GP, TASK2)),
    ("int $0x21", 0x8B, 0x67, (GP, TASK2)), ("pushl $0x4002\n popfl\nbad: iretl", 0x89, 0x67, (TS, TASK2)),
])  # fmt: skip
def test_refused_before_the_switch(engine, text, access_byte, limit, expected):
    m = SystemMachine(engine, START + (text if "bad:" in text else "bad: " + text))
    m.poke(TSS, TASK2.to_bytes(4, "little"))
    m.describe(TASK2, TSS2, limit, access_byte)
    m.set_gate(0x21, 0, 0x85, TASK2)
    assert m.fault() == expected
    assert m.sel("tr") == TASK and m.reg("ebx") == 0x11


@pytest.mark.parametrize("wrong,expected", [
    ({"cs": DATA}, (TS, DATA)), ({"cs": 0}, (TS, 0)), ({"ss": UDATA}, (TS, UDATA - 3)),
    ({"ds": CODE + 0x70}, (TS, CODE + 0x70)),
    ({"fs": FREE}, (NP, FREE)), ({"ldt": DATA}, (TS, DATA)), ({"ldt": 0x4C}, (TS, 0x4C)),
])  # fmt: skip
def test_refused_behind_the_switch(engine, wrong, expected):
    """The new task's segments are bad: the exception is the new task's, at its first instruction. Its handler is a
    task: what else could be trusted to have a stack?"""
    m = SystemMachine(engine, START + "ljmpl $TASK2, $0\n hlt\nother: nop\nhandler: hlt")
    new_task(m, m.symbols["other"], **wrong)
    m.describe(FREE, 0, 0xFFFFF, 0x13, 0xC)
    third = 0x50
    m.describe(third, 0x3C00, 0x67, 0x89)
    fields = {0x20: m.symbols["handler"], 0x24: 2, 0x38: 0x5000, 0x48: DATA, 0x4C: CODE, 0x50: DATA, 0x54: DATA}
    for at, value in fields.items():
        m.poke(0x3C00 + at, value.to_bytes(4, "little"))
    m.set_gate(expected[0], 0, 0x85, third)
    m.until_halt()
    assert (m.sel("tr"), m.stack(0)) == (third, expected[1])
    assert m.dword(TSS2 + 0x20) == m.symbols["other"] and m.word(0x3C00) == TASK2
    assert m.core.get("icount") == 5


def test_tss_of_16_bits(engine):
    """What it does not hold: upper halves of the general registers become ones; FS and GS null; CR3 stays."""
    m = SystemMachine(
        engine,
        START
        + """
        movw %ds, %ax
        movw %ax, %fs
        lcall $TASK2, $0
back:   hlt
other:  movl %ebx, 0x500
        movl %esp, 0x504
        movl %eax, 0x508
        movl %edi, 0x50c
        pushfl
        popl 0x510
        movw %fs, 0x514
        iretl
        hlt""",
    )
    m.core.set("cr3", 0x123000)
    m.describe(FREE, CODE_AT, 0xFFFF, 0x9B, 4)
    m.describe(TASK2, TSS2, 0x2B, 0x81)
    words = [m.symbols["other"] - CODE_AT, 2, 1, 2, 3, 0x4444, 0x6000, 6, 7, 8, DATA, FREE, DATA, DATA, 0]
    m.poke(TSS2 + 0x0E, b"".join(w.to_bytes(2, "little") for w in words))
    m.describe(DATA, 0, 0xFFFF, 0x93)  # a stack of 16 bits: the upper half of ESP has no say
    m.until_halt()
    assert [m.dword(0x500 + 4 * n) for n in range(4)] == [0xFFFF4444, 0xFFFF6000, 0xFFFF0001, 0xFFFF0008]
    assert m.dword(0x510) == S.NT | 2 and m.word(0x514) == 0 and m.core.get("cr3") == 0x123000
    assert m.reg("ebx") == 0x11, "the task of 32 bits gets its own back"
    assert m.core.get("eip") == m.symbols["back"] + 1
    assert m.word(TSS2 + 0x18) == 0x4444 and m.word(TSS2) == TASK and access(m, TASK2) == 0x81


def test_trap_bit(engine):
    m = SystemMachine(engine, START + "ljmpl $TASK2, $0\n hlt\nother: nop\n hlt")
    new_task(m, m.symbols["other"], trap=1)
    assert m.vector() == 1 and m.stack(0) == m.symbols["other"]
    assert m.core.get("dr", 6) == 0xFFFF8FF0 and m.core.get("icount") == 5


def test_local_breakpoints_end_with_their_task(engine):
    m = SystemMachine(engine, START + "movl $0x303, %eax\n movl %eax, %dr7\n movl $0x2aa, %eax\n movl %eax, %dr7\n"
                              " ljmpl $TASK2, $0\n hlt\nother: hlt")  # fmt: skip
    m.core.set("dr", 0x1F0000, 0)
    new_task(m, m.symbols["other"])
    m.until_halt()
    assert m.core.get("dr", 7) == 0x6AA


def test_task_in_virtual_8086_mode(engine):
    m = SystemMachine(
        engine, START + "ljmpl $TASK2, $0\n hlt\n.code16\nv86: movw %cs, %ax\n movw %ds, %bx\nbad: hlt\n.code32"
    )
    new_task(m, m.symbols["v86"] - CODE_AT, cs=0x1000, ds=0x2345, ss=0x500, es=0, esp=0x100, eflags=0x20202)
    m.poke(TSS2 + 4, (0x7000).to_bytes(4, "little") + DATA.to_bytes(4, "little"))
    assert m.vector() == GP
    assert (m.reg("eax") & 0xFFFF, m.reg("ebx") & 0xFFFF) == (0x1000, 0x2345)
    assert m.stack(1) == m.symbols["bad"] - CODE_AT and m.core.get("cpl") == 0


def test_switch_of_page_directories(engine):
    m = SystemMachine(
        engine,
        "movl $0x80000001, %eax\n movl %eax, %cr0\n" + START + "ljmpl $TASK2, $0\n"
        " hlt\n"
        "other: movl 0x180000, %eax\n hlt",
    )
    m.page_tables()
    m.poke(0x110000, (0x111007).to_bytes(4, "little"))
    m.poke(0x111000, m.memory.read(0x101000, 0x1000))
    m.poke(0x111000 + 0x180 * 4, (0x190007).to_bytes(4, "little"))
    m.poke(0x190000, b"else")
    new_task(m, m.symbols["other"], cr3=0x110000)
    m.until_halt()
    assert m.reg("eax") == int.from_bytes(b"else", "little") and m.core.get("cr3") == 0x110000


def test_fault_of_the_switch_itself_is_the_old_tasks(engine):
    m = SystemMachine(engine, "movl $0x80000001, %eax\n movl %eax, %cr0\n" + START + "bad: ljmpl $TASK2, $0")
    m.page_tables()
    m.describe(TASK2, 0x180FC0, 0x67, 0x89)  # across two pages, the second is missing
    m.set_page(0x181000, 0)
    assert m.fault() == (14, 0)
    assert m.core.get("cr2") & ~0xFFF == 0x181000 and m.sel("tr") == TASK and access(m, TASK) == 0x8B
