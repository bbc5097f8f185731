"""Loading segment registers, and far transfers between segments: what is checked, and which error code comes."""

import pytest
from system_machine import (CODE, CODE_AT, DATA, ENGINES, FREE, STACK, UCODE, UDATA, USER_STACK, SystemMachine,
                            descriptor)  # fmt: skip

GP, NP, SS, TS = 13, 11, 12, 10
pytestmark = pytest.mark.parametrize("engine", ENGINES)
# access byte and flags of the descriptor at FREE
KINDS = {
    "read_only": (0x91, 0xC), "absent": (0x13, 0xC), "execute_only": (0x99, 0xC), "code": (0x9B, 0xC),
    "user": (0xF3, 0xC),
    "ldt": (0x82, 0), "absent_code": (0x1B, 0xC), "user_code": (0xFB, 0xC), "conforming": (0x9F, 0xC),
}  # fmt: skip
CASES = [
    # register, descriptor kind, selector, expected
    ("ds", "execute_only", FREE, (GP, FREE)),
    ("ds", "absent", FREE, (NP, FREE)),
    ("ds", "ldt", FREE, (GP, FREE)),
    ("ds", "user", 0x80, (GP, 0x80)),
    ("ds", "user", FREE + 4, (GP, FREE + 4)),
    ("es", "read_only", FREE + 3, (GP, FREE)),
    ("ss", "read_only", FREE, (GP, FREE)),
    ("ss", "user", FREE, (GP, FREE)),
    ("ss", "user", 0, (GP, 0)),
    ("ss", "user", 3, (GP, 0)),
    ("ss", "absent", FREE, (SS, FREE)),
    ("ss", "code", FREE, (GP, FREE)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[2]:x}")
def test_refused_loads(engine, case):
    register, kind, selector, expected = case
    m = SystemMachine(engine, f"movl ${selector}, %eax\nbad: movw %ax, %{register}\n hlt")
    m.describe(FREE, 0, 0xFFFFF, *KINDS[kind])
    assert m.fault() == expected
    assert m.sel(register) == DATA


def test_load_fills_the_hidden_part(engine):
    m = SystemMachine(engine, "movl $FREE, %eax\n movw %ax, %fs\n movl %fs:0x10, %ebx\n movw %ax, %gs\n"
                              " xorl %eax, %eax\n"
                              " movw %ax, %fs\n hlt")  # fmt: skip
    m.describe(FREE, 0x12345, 0x1F, 0x92)
    m.poke(0x12355, b"abcd")
    m.until_halt()
    assert m.reg("ebx") == int.from_bytes(b"abcd", "little")
    assert m.memory.read(0x800 + FREE + 5, 1) == b"\x93", "accessed"
    assert (m.core.seg("gs", "base"), m.core.seg("gs", "limit"), m.core.seg("gs", "rend")) == (0x12345, 0x1F, 0x20)
    assert (m.sel("fs"), m.core.seg("fs", "rend")) == (0, 0)


@pytest.mark.parametrize("offset,good", [(0x1C, True), (0x1D, False), (0xFFFFFFFF, False)])
def test_limit(engine, offset, good):
    m = SystemMachine(engine, f"movl $FREE, %eax\n movw %ax, %ds\n movl ${offset}, %esi\nbad: movl (%esi), %eax\n hlt")
    m.describe(FREE, 0x12345, 0x1F, 0x92)
    if good:
        m.until_halt()
    else:
        assert m.fault() == (GP, 0)


@pytest.mark.parametrize("offset,good", [(0x1000, True), (0xFFF, False), (0xFFFC, True), (0xFFFD, False)])
def test_expand_down(engine, offset, good):
    m = SystemMachine(engine, f"movl $FREE, %eax\n movw %ax, %ds\n movl ${offset}, %esi\nbad: movl %eax, (%esi)\n hlt")
    m.describe(FREE, 0x20000, 0xFFF, 0x96)
    if good:
        m.until_halt()
    else:
        assert m.fault() == (GP, 0)


def test_null_segment_is_unusable(engine):
    m = SystemMachine(engine, "xorl %eax, %eax\n movw %ax, %ds\nbad: movl 0x100, %ebx\n hlt")
    assert m.fault() == (GP, 0)


def test_stack_of_16_bits_wraps(engine):
    m = SystemMachine(engine, "movl $FREE, %eax\n movw %ax, %ss\n movl $0xABCD0000, %esp\n pushl $0x1234\n hlt")
    m.describe(FREE, 0x20000, 0xFFFF, 0x93)
    m.until_halt()
    assert m.reg("esp") == 0xABCDFFFC and m.dword(0x2FFFC) == 0x1234


def test_expand_down_stack_fault(engine):
    m = SystemMachine(engine, "movl $FREE, %eax\n movw %ax, %ss\n movl $0x1002, %esp\n pushl $1\n hlt")
    m.describe(FREE, 0x20000, 0xFFF, 0x97)
    m.set_gate(SS, 0, 0x85, 0x38)  # no stack to deliver on: through a task
    m.set_gate(8, 0, 0x85, 0x38)
    task = {0x20: 0x4000C, 0x24: 2, 0x38: 0x6000, 0x48: DATA, 0x4C: CODE, 0x50: DATA, 0x54: DATA}
    for at, value in task.items():
        m.poke(0x3800 + at, value.to_bytes(4, "little"))
    m.core.set_seg("tr", "base", 0x3000)
    m.core.set_seg("tr", "limit", 0x67)
    m.core.set_seg("tr", "attr", 0x8B00)
    m.core.set_seg("tr", "sel", 0x30)
    m.describe(0x30, 0x3000, 0x67, 0x8B)
    assert m.vector() == SS
    assert m.stack(0) == 0 and m.reg("esp") == 0x5FFC
    assert m.dword(0x3000 + 0x38) == 0x1002 and m.dword(0x3000 + 0x20) == CODE_AT + 12


def test_local_descriptor_table(engine):
    m = SystemMachine(engine, "movl $LOCAL, %eax\n lldt %ax\n movl $0xC, %ecx\n movw %cx, %fs\n"
                              " sldt %ebx\nbad: movw %ax, %gs\n"
                              "next: xorl %eax, %eax\n lldt %ax\n movw %cx, %gs\n hlt")  # fmt: skip
    m.describe(0xC, 0x5000, 0xFF, 0x93)
    assert m.vector() == GP and m.stack(0) == 0x40
    assert m.core.seg("fs", "base") == 0x5000 and m.reg("ebx") == 0x40
    m.core.set("eip", m.symbols["next"])
    assert m.vector() == GP and m.stack(0) == 0xC, "no LDT any more"


FAR = [
    ("code", "FREE", None), ("conforming", "FREE + 3", None), ("absent_code", "FREE", (NP, FREE)),
    ("user_code", "FREE", (GP, FREE)), ("read_only", "FREE", (GP, FREE)), ("code", "FREE + 3", (GP, FREE)), ("code",
    "0", (GP, 0)),
    ("code", "0x88", (GP, 0x88)), ("ldt", "FREE", (GP, FREE)),
]  # fmt: skip


@pytest.mark.parametrize("how", ["ljmpl", "lcall"])
@pytest.mark.parametrize("kind,selector,expected", FAR)
def test_far_transfers(engine, how, kind, selector, expected):
    m = SystemMachine(engine, f"bad: {how} ${selector}, $target\n hlt\n hlt\ntarget: hlt")
    m.describe(FREE, 0, 0xFFFFF, *KINDS[kind])
    if expected:
        assert m.fault() == expected
        return
    m.until_halt()
    assert m.core.get("eip") == m.symbols["target"] + 1
    assert m.sel("cs") == FREE and m.core.get("cpl") == 0
    if how == "lcall":
        assert (m.stack(0), m.stack(1)) == (CODE_AT + 7, CODE)


def test_far_jump_beyond_the_limit(engine):
    m = SystemMachine(engine, "bad: ljmpl $FREE, $0x20000\n hlt")
    m.describe(FREE, 0, 0x1FFFF, 0x9B, 0x4)
    assert m.fault() == (GP, 0)


CALL_GATE = """
        movl $TASK, %eax
        ltr %ax
        pushl $UDATA
        pushl $USER_STACK
        pushl $UCODE
        pushl $user
        lret
user:   movl $UDATA, %eax
        movw %ax, %ds
        pushl $0x111
        pushl $0x222
bad:    lcall $FREE + 3, $0
after:  movl %esp, %ebp
        int $0x20
inner:  movl %esp, %ebx
        movl 8(%esp), %ecx
        movl 12(%esp), %edx
        movl 16(%esp), %edi
        movw %cs, %si
        lret $8
"""


def test_call_gate_to_ring_0_and_back(engine):
    m = SystemMachine(engine, CALL_GATE)
    m.call_gate(FREE, CODE, m.symbols["inner"], 0xEC, 2)
    m.set_gate(0x20, 0x40020, 0xEE)
    assert m.vector() == 0x20
    assert m.reg("ebx") == 0x7000 - 24 and (m.reg("ecx"), m.reg("edx")) == (0x222, 0x111)
    assert m.reg("ebp") == USER_STACK and m.reg("esi") & 0xFFFF == CODE
    assert m.reg("edi") == USER_STACK - 8, "the stack that was left"
    assert [m.stack(i) for i in (0, 1, 3, 4)] == [m.symbols["after"] + 4, UCODE, USER_STACK, UDATA]


@pytest.mark.parametrize("access,target,expected", [
    (0x8C, CODE, (GP, FREE)), (0x6C, CODE, (NP, FREE)), (0xEC, 0, (GP, 0)), (0xEC, DATA, (GP, DATA)),
    (0xEC, UDATA, (GP, UDATA - 3)),
])  # fmt: skip
def test_call_gate_refused(engine, access, target, expected):
    m = SystemMachine(engine, CALL_GATE)
    m.call_gate(FREE, target, m.symbols["inner"], access, 2)
    vector = m.vector()
    assert (vector, m.stack(0), m.stack(1), m.stack(2)) == (*expected, m.symbols["bad"], UCODE)


OVERLAP_AT, COUNT = 0x9000, 12  # a page boundary in the middle of the frame; parameters
OVERLAP_USER = OVERLAP_AT - 16  # the stack of ring 3: its parameters go 8 bytes up
OVERLAP_INNER = OVERLAP_USER + 4 * COUNT + 16
OVERLAP = f"""
        movl ${OVERLAP_AT - 64}, %eax
        call *%eax                              # code in the page below, which an engine has decoded then
        movl $TASK, %eax
        ltr %ax
        pushl $UDATA
        pushl ${OVERLAP_USER}
        pushl $UCODE
        pushl $user
        lret
user:   nop
bad:    lcall $FREE + 3, $0
after:  nop
inner:  hlt
"""


def overlapping(engine, text=OVERLAP):
    m = SystemMachine(engine, text)
    m.call_gate(FREE, CODE, m.symbols["inner"], 0xEC, COUNT)
    m.poke(OVERLAP_AT - 64, b"\xc3")
    m.poke(0x3004, OVERLAP_INNER.to_bytes(4, "little"))
    for n in range(COUNT):
        m.poke(OVERLAP_USER + 4 * n, (0x1000 + n).to_bytes(4, "little"))
    return m


def test_call_gate_between_stacks_that_overlap(engine):
    """Parameters are copied one after the other, and also where the page below has decoded code are copied once."""
    m = overlapping(engine)
    m.until_halt()
    assert m.core.get("cpl") == 0 and m.reg("esp") == OVERLAP_INNER - 4 * (COUNT + 4)
    frame = [m.symbols["after"], UCODE, *(0x1000 + n for n in range(COUNT)), OVERLAP_USER, UDATA]
    assert [m.stack(n) for n in range(COUNT + 4)] == frame


def test_call_gate_that_faults_has_stored_nothing(engine):
    """The page below cannot be written. What the fault's own frame does not cover is as it was."""
    m = overlapping(engine, "movl %cr0, %eax\n orl $0x80010000, %eax\n movl %eax, %cr0\n" + OVERLAP)
    m.page_tables()
    m.set_page(OVERLAP_AT - 0x1000, 5)
    assert m.vector() == 14
    assert (m.stack(0), m.stack(1), m.core.get("cr2")) == (3, m.symbols["bad"], OVERLAP_AT - 4)
    left = (OVERLAP_INNER - 24 - OVERLAP_USER) // 4
    assert left > 5
    assert [m.dword(OVERLAP_USER + 4 * n) for n in range(left)] == [0x1000 + n for n in range(left)]


def test_call_gate_needs_its_stack(engine):
    m = SystemMachine(engine, CALL_GATE)
    m.call_gate(FREE, CODE, m.symbols["inner"], 0xEC, 2)
    m.poke(0x3008, b"\x4b\0\0\0")  # SS0 of the TSS: a selector with the wrong privilege
    m.poke(0x4000A, b"\xeb\xfe")
    m.set_gate(TS, 0x4000A, 0x8E, 0x50)  # a conforming handler runs on the stack of ring 3
    m.poke(0x800 + 0x50, descriptor(0, 0xFFFFF, 0x9F, 0xC))
    m.run(100)
    assert m.core.get("cpl") == 3
    assert (m.stack(0), m.stack(1)) == (0x48, m.symbols["bad"])


def test_return_to_ring_3_empties_inner_segments(engine):
    m = SystemMachine(engine, "pushl $UDATA\n pushl $USER_STACK\n pushl $UCODE\n pushl $user\n movl $UDATA, %eax\n"
                              " movw %ax, %gs\n lret\nuser: nop\n nop")  # fmt: skip
    m.run(8)
    assert [m.sel(s) for s in ("cs", "ss", "ds", "es", "fs", "gs")] == [UCODE, UDATA, 0, 0, 0, UDATA]
    assert (m.core.get("cpl"), m.reg("esp")) == (3, USER_STACK)


@pytest.mark.parametrize("cs,ss,expected", [
    ("CODE + 3", "UDATA", (GP, CODE)), ("UCODE - 3", "UDATA", (GP, UCODE - 3)), ("UCODE", "DATA", (GP, DATA)),
    ("UCODE", "0", (GP, 0)), ("0", "0", (GP, 0)), ("UCODE", "UDATA - 3", (GP, UDATA - 3)), ("FREE + 3",
    "UDATA", (NP, FREE)),
])  # fmt: skip
def test_return_refused(engine, cs, ss, expected):
    m = SystemMachine(engine, f"pushl ${ss}\n pushl $USER_STACK\n pushl ${cs}\n pushl $0x10000\nbad: lret")
    m.describe(FREE, 0, 0xFFFFF, 0x7B, 0xC)
    assert m.fault() == expected
    assert m.reg("esp") == STACK - 16 - 16


LOOK = [
    # selector, LAR, LSL, readable, writable
    (CODE, 0xCF9B00 & 0xF0FF00, 0xFFFFFFFF, 1, 0), (DATA, 0xC09300, 0xFFFFFFFF, 1, 1), (0x30, 0x8900, 0x67, 0, 0),
    (0, None, None, 0, 0), (0x88, None, None, 0, 0), (DATA + 3, None, None, 0, 0), (FREE, 0xC09900, 0xFFFFFFFF, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize("selector,rights,limit,readable,writable", LOOK)
def test_looking_at_descriptors(engine, selector, rights, limit, readable, writable):
    m = SystemMachine(engine, f"movl ${selector}, %eax\n movl $7, %ebx\n movl $7, %edx\n larl %eax, %ebx\n sete %cl\n"
                              " lsll %eax, %edx\n sete %ch\n verr %ax\n setz %al\n movzbl %al, %esi\n"
                              f" movl ${selector}, %eax\n verw %ax\n setz %al\n movzbl %al, %edi\n hlt")  # fmt: skip
    m.describe(FREE, 0, 0xFFFFF, 0x99, 0xC)
    m.until_halt()
    assert (m.reg("ebx"), m.reg("ecx") & 1) == (7 if rights is None else rights, int(rights is not None))
    assert (m.reg("edx"), m.reg("ecx") >> 8) == (7 if limit is None else limit, int(limit is not None))
    assert (m.reg("esi"), m.reg("edi")) == (readable, writable)


def test_arpl(engine):
    m = SystemMachine(
        engine, "movl $0x18, %eax\n movl $3, %ebx\n arpl %bx, %ax\n setz %cl\n arpl %bx, %ax\n setz %ch\n hlt"
    )
    m.until_halt()
    assert (m.reg("eax"), m.reg("ecx")) == (0x1B, 1)


def test_load_far_pointer(engine):
    m = SystemMachine(engine, "lfs 0x500, %ebx\n lss 0x508, %esp\n hlt")
    m.poke(0x500, (0x12345678).to_bytes(4, "little") + UDATA.to_bytes(4, "little"))
    m.poke(0x508, (0x6000).to_bytes(4, "little") + DATA.to_bytes(4, "little"))
    m.until_halt()
    assert (m.reg("ebx"), m.sel("fs"), m.reg("esp"), m.sel("ss")) == (0x12345678, UDATA, 0x6000, DATA)


def test_push_and_pop(engine):
    m = SystemMachine(engine, "pushl $UDATA\n popl %gs\n pushl %gs\n pushw %gs\n popw %fs\n popl %ebx\n hlt")
    m.until_halt()
    assert (m.sel("gs"), m.sel("fs"), m.reg("ebx"), m.reg("esp")) == (UDATA, UDATA, UDATA, STACK)
