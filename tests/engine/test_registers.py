"""Device registers in memory: each access happens once, in order, with everything around it precise."""

import pytest
from encode import (
    CLD,
    DEC_ECX,
    HLT,
    INC_EAX,
    MOVSB,
    MOVSD,
    NOP,
    REP,
    STD,
    STOSD,
    alu,
    d,
    jmp,
    jnz,
    load,
    loop,
    mov,
    store,
)
from twin import CODE, DATA, DEVICE, ROM, P, Side, Twin, U, W

FAR = 0x800000


def program(code: bytes, setup=None, paging: bool = False, at: int = CODE):
    def start(m: Side) -> None:
        if paging:
            m.paging()
        m.write(at, code + HLT)
        m.core.set("eip", at)
        m.core.set("regs", 0x01020304, 0)
        if setup:
            setup(m)

    return Twin(start)


ONE = {
    "load": load(3, DEVICE + 8),
    "store": store(DEVICE + 8, 0),
    "add": alu(0, DEVICE + 8, 0),
    "adc": alu(2, DEVICE, 0),
    "cmp": alu(7, DEVICE, 0),
    "load word": b"\x66" + load(3, DEVICE + 2),
    "byte": b"\x8a\x1d" + d(DEVICE + 1),
    "xchg": b"\x87\x05" + d(DEVICE + 4),
    "inc": b"\xff\x05" + d(DEVICE),
    "push": b"\xff\x35" + d(DEVICE + 12),
    "pop": b"\x8f\x05" + d(DEVICE + 12),
    "call": b"\xff\x15" + d(DEVICE),
    "movs in": mov(6, DEVICE) + mov(7, DATA) + MOVSD,
    "movs out": mov(7, DEVICE) + mov(6, DATA) + MOVSD,
    "movs through": mov(6, DEVICE) + mov(7, DEVICE + 64) + MOVSD,
    "cmpxchg": b"\x0f\xb1\x1d" + d(DEVICE),
    "popa": mov(4, DEVICE) + b"\x61",
    "pusha": mov(4, DEVICE + 64) + b"\x60",
}


@pytest.mark.parametrize("name", ONE)
def test_one_access(name):
    m = program(INC_EAX * 3 + ONE[name] + INC_EAX * 3).check(14, rounds=2)
    accesses = {"add": 2, "adc": 2, "xchg": 2, "inc": 2, "movs through": 2, "popa": 7, "pusha": 8}.get(name, 1)
    assert len(m.log) == accesses or name in ("popa", "cmpxchg")


@pytest.mark.parametrize("op", [load, store, lambda at, r=0: alu(0, at, r)])
@pytest.mark.parametrize("back", [1, 2, 3])
@pytest.mark.parametrize("edge", [DEVICE, ROM])
def test_crossing_into_registers(op, back, edge):
    code = op(0, edge - back) if op is load else op(edge - back, 0)
    program(NOP + code + NOP).check(6, rounds=1)


def test_crossing_into_a_page_that_faults():
    """The first part is a register, the second page is absent: the device sees nothing."""

    def setup(m):
        m.pte(FAR, DEVICE | P | W)
        m.pte(FAR + 0x1000, 0)

    m = program(store(FAR + 0xFFE, 0), setup, paging=True).check(6)
    assert not m.log


def test_a_loop_over_registers():
    program(loop(CODE, 10, load(3, DEVICE) + store(DEVICE + 4, 3) + INC_EAX)).check(70, want="halt")


@pytest.mark.parametrize(
    "source, target", [(DEVICE, DATA), (DATA, DEVICE), (DEVICE, DEVICE + 0x100), (DEVICE - 8, DATA), (DATA, DEVICE - 8)]
)
@pytest.mark.parametrize("op", [CLD + REP + MOVSD, CLD + REP + MOVSB])
def test_rep_movs(source, target, op):
    m = program(mov(6, source) + mov(7, target) + mov(1, 40) + op).check(60, rounds=2, want="halt")
    assert m.core.get("regs", 1) == 0


def test_rep_stos_backwards_from_a_fault():
    """Stores before a fault have happened."""

    def setup(m):
        m.pte(FAR, 0)
        m.pte(FAR + 0x1000, DEVICE | P | W | U)

    m = program(mov(7, FAR + 0x1010) + mov(1, 10) + STD + REP + STOSD, setup, paging=True).check(40, want="halt")
    assert len(m.log) == 5


def test_rep_movs_from_a_fault_to_registers():
    def setup(m):
        m.pte(FAR, DATA | P)
        m.pte(FAR + 0x1000, 0)

    m = program(mov(6, FAR + 0xFF4) + mov(7, DEVICE) + mov(1, 10) + CLD + REP + MOVSD, setup, paging=True).check(
        40, want="halt"
    )
    assert len(m.log) == 3


def test_rom_swallows():
    def setup(m):
        m.write(ROM, d(0x11223344))

    m = program(load(3, ROM) + store(ROM, 0) + alu(0, ROM, 0) + load(2, ROM) + b"\x87\x05" + d(ROM), setup).check(
        10, want="halt"
    )
    assert m.core.get("regs", 0) == 0x11223344 and not m.log


def test_code_in_registers_reads_as_nothing():
    program(jmp(CODE, DEVICE + 0x10)).check(20)


def test_code_runs_into_registers():
    def setup(m):
        m.write(DEVICE - 3, INC_EAX * 2 + b"\xb8")
        m.core.set("eip", DEVICE - 3)

    program(NOP, setup).check(10)


def test_code_in_rom():
    def setup(m):
        m.write(ROM + 0x100, loop(ROM + 0x100, 5, INC_EAX + store(ROM + 0x106, 0)))

    m = program(jmp(CODE, ROM + 0x100), setup).check(40, want="halt")
    assert m.core.get("regs", 0) == 0x01020309


def test_a_stack_in_registers():
    """An exception's frame goes to a device: all of its words, once."""

    def setup(m):
        m.core.set("regs", DEVICE + 0x40, 4)

    m = program(INC_EAX + b"\x0f\x0b", setup).check(10, want="halt")
    assert [entry[2] & 0xFFFFFFFF for entry in m.log] == [DEVICE + 0x3C, DEVICE + 0x38, DEVICE + 0x34]


def test_vector_table_in_registers():
    def setup(m):
        m.core.set("idtr_base", DEVICE)

    program(INC_EAX + b"\x0f\x0b", setup).check(10)


@pytest.mark.parametrize("op", [b"\xec", b"\x66\xed", b"\xed", b"\xee", b"\xef", b"\xe4\x60", b"\xe6\x60"])
def test_ports(op):
    m = program(mov(2, 0x3F8) + NOP + op + INC_EAX + op).check(8, want="halt")
    assert len(m.log) == 2


@pytest.mark.parametrize("op", [b"\xf3\x6c", b"\xf3\x6d", b"\xf3\x6e", b"\xf3\x6f", b"\xf3\x66\x6d"])
@pytest.mark.parametrize("memory", [DATA, DEVICE])
def test_rep_ports(op, memory):
    m = program(mov(2, 0x3F8) + mov(6, memory) + mov(7, memory) + mov(1, 9) + CLD + op).check(20, want="halt")
    assert len([e for e in m.log if e[2] & 0xFFFFFFFF == 0x3F8]) == 9


def test_loop_with_jumps_around_registers():
    body = load(3, DEVICE) + b"\xf6\xc3\x01" + b"\x74\x01" + INC_EAX + store(DEVICE, 0)
    program(mov(1, 12) + body + DEC_ECX + jnz(CODE + 5 + len(body) + 1, CODE + 5)).check(100, want="halt")


@pytest.mark.parametrize("second", [load(3, DEVICE + 4), INC_EAX])
def test_an_access_that_ends_its_block_runs_alone(second):
    """CALL through a device that pushes onto a device: what follows, by links and known jumps, must not run on."""
    f = CODE + 0x400
    body = b"\xff\x15" + d(DEVICE) + DEC_ECX

    def setup(m):
        m.write(f, second + b"\xc2\x00\x00")
        m.core.set("regs", DEVICE + 0x80, 4)

    code = mov(1, 3) + body
    code += jnz(CODE + len(code), CODE + 5)
    m = program(code, setup).check(40, rounds=2)
    assert m.log
