"""What surrounds x87 arithmetic: #NM, pending exceptions and #MF, pointers and opcode, environments in all layouts,
FXSAVE, precision.
"""

import struct

import pytest
from fpu_machine import J, Machine, blocked_vector, fx_bytes, image

from playhead.ir.evaluator import GuestFault
from playhead.x86 import state as S
from tools.oracle.case import Case
from tools.oracle.layout import CODE_BASE, CODE_SIZE, DATA_BASE, READONLY_BASE

AT = struct.pack("<I", DATA_BASE).hex()
ONE = (0x3FFF, J)


@pytest.fixture(scope="module")
def machine():
    return Machine()


def run(machine: Machine, code: str, fx: bytes, data: bytes = b"", **changes: int):
    for name, v in changes.items():
        machine.core.set(name, v)
    try:
        return machine.run(Case(bytes.fromhex(code), (0,) * 8, data=data, fx=fx))
    finally:
        machine.reset()
        machine.core.set("ignne", 0)


def machine_fx(machine: Machine, fx: bytes) -> bytes:
    """An image as it looks when it was loaded and stored."""
    machine.set_fx(fx)
    return machine.get_fx()


def memory(machine: Machine, size: int, at: int = 0) -> bytes:
    return bytes(machine.area[CODE_SIZE + at : CODE_SIZE + at + size])


@pytest.mark.parametrize(
    ("code", "cr0", "vector"),
    [
        ("d9e8", 4, 7),
        ("d9e8", 8, 7),
        ("dbe3", 8, 7),
        ("dbe2", 4, 7),
        ("dfe0", 8, 7),
        ("9b", 8, None),
        ("9b", 2, None),
        ("9b", 10, 7),
        ("9b", 4, None),
        ("0fae05" + AT, 8, 7),
        ("0fae0d" + AT, 4, 7),
        ("d9e8", 0, None),
    ],
)
def test_not_available(machine, code, cr0, vector):
    assert blocked_vector(machine, code, cr0) == vector


@pytest.mark.parametrize(
    "code", ["9b", "d9e8", "d92d" + AT, "d925" + AT, "dd25" + AT, "d91d" + AT, "d9d0", "ddc0", "0f77"]
)
def test_pending_exception_is_raised_by_waiting_instructions(machine, code):
    before = image(0x37E, 1, 0xFF, [ONE] * 8)
    fx, trap, eip, _, data, _ = run(machine, code, before)
    assert (trap, eip, data) == (16, 0, ()) and fx[2:4] == b"\x81\x80"


@pytest.mark.parametrize(
    "code", ["dbe2", "dbe3", "dfe0", "d93d" + AT, "dd3d" + AT, "d935" + AT, "dd35" + AT, "0fae05" + AT, "0fae0d" + AT]
)
def test_pending_exception_and_instructions_that_do_not_wait(machine, code):
    assert run(machine, code, image(0x37E, 1, 0xFF, [ONE] * 8))[1] is None


def test_without_numeric_error_reporting_nothing_is_raised(machine):
    """CR0.NE clear: it stops before the instruction, for an interrupt, unless IGNNE# says to continue."""
    before = image(0x37E, 1)
    fx, trap, eip, *_ = run(machine, "d9e8", before, cr0=0x11)
    assert (trap, eip, fx) == (None, 0, machine_fx(machine, before))
    assert machine.core.get("exit_reason") == S.EXIT_FROZEN
    fx, trap, eip, *_ = run(machine, "d9e8", before, cr0=0x11, ignne=1)
    assert (trap, eip) == (None, 2) and fx_bytes(fx, 0) == struct.pack("<QH", J, 0x3FFF)


def test_unmasking_makes_pending(machine):
    """FLDCW that unmasks a flag; the next waiting instruction raises."""
    _, trap, eip, *_ = run(machine, "d92d" + AT + "9b", image(0x37F, 4), struct.pack("<H", 0x37B))
    assert (trap, eip) == (16, 6)


def test_pointers(machine):
    """FIP, FCS, FDP, FDS, FOP: of the last instruction that is not control; an instruction on registers leaves FDP."""
    run(machine, "d9e8 d905" + AT + "d8c1" + "d93d" + AT, image(0x37F, 0, 0), b"\0\0\x80\x3f")
    core = machine.core
    assert core.get("fip") == CODE_BASE + 8 and core.get("fop") == 0x0C1
    assert (core.get("fdp"), core.get("fcs"), core.get("fds")) == (DATA_BASE, 8, 16)


def test_a_faulting_operand_leaves_no_trace(machine):
    """FLD beyond the limit of DS: #GP, pointers and stack as before."""
    machine.core.set_seg("ds", "rend", 0x100)
    machine.engine.routine("update_mode")()
    fx, trap, eip, *_ = run(machine, "d905" + AT, image(0x37F, 0, 0))
    assert (trap, eip, fx[4]) == (13, 0, 0) and machine.core.get("fip") == 0


FIP, FDP, TOP7 = 0x12345678, 0x87654321, (0x37F, 0x3800, 0x3FFF)
REAL_IP, REAL_DP = FIP + 0x80, FDP + 0x100


def upper(*words: int) -> list[int]:
    """Dwords whose upper halves are reserved: ones."""
    return [0xFFFF0000 | w & 0xFFFF for w in words]


@pytest.mark.parametrize(
    ("prefix", "cr0", "expected"),
    [
        ("", 0x31, struct.pack("<7I", *upper(*TOP7), FIP, 0x7F90008, FDP, *upper(16))),
        ("66", 0x31, struct.pack("<7H", *TOP7, FIP & 0xFFFF, 8, FDP & 0xFFFF, 16)),
        (
            "",
            0x30,
            struct.pack(
                "<7I", *upper(*TOP7, REAL_IP), REAL_IP >> 16 << 12 | 0x7F9, *upper(REAL_DP), REAL_DP >> 16 << 12
            ),
        ),
        (
            "66",
            0x30,
            struct.pack(
                "<7H",
                *TOP7,
                REAL_IP & 0xFFFF,
                (REAL_IP >> 16 << 12 | 0x7F9) & 0xFFFF,
                REAL_DP & 0xFFFF,
                REAL_DP >> 16 << 12 & 0xFFFF,
            ),
        ),
    ],
)
def test_environment_layouts(machine, prefix, cr0, expected):
    """FNSTENV: 32 and 16 bits, protected and real mode (there pointers are linear: 16 * selector + offset)."""
    core = machine.core
    machine.prepare(Case(bytes.fromhex(prefix + "d935" + AT), (0,) * 8, fx=image(0x37F, 7 << 11, 1, [ONE])))
    for name, v in (("fip", FIP), ("fcs", 8), ("fdp", FDP), ("fds", 16), ("fop", 0x7F9), ("cr0", cr0)):
        core.set(name, v)
    machine.engine.step()
    machine.reset()
    assert memory(machine, len(expected)) == expected


@pytest.mark.parametrize("prefix", ["", "66"])
@pytest.mark.parametrize("cr0", [0x31, 0x30])
def test_save_and_restore(machine, prefix, cr0):
    """FNSAVE then FRSTOR gives the state back, in every layout; FNSAVE initialises."""
    registers = [(0x3FFF + i, J | i) for i in range(8)]
    fx = image(0xC7F, 3 << 11 | 0x4104, 0x5A, registers)
    saved = run(machine, prefix + "dd35" + AT, fx, cr0=cr0)
    assert saved[1] is None and saved[0][:5] == struct.pack("<HHB", 0x37F, 0, 0)
    size = (28 if not prefix else 14) + 80
    stored = memory(machine, size)
    back = run(machine, prefix + "dd25" + AT, image(), stored, cr0=cr0)
    assert back[1] is None and back[0][:5] == fx[:5]
    assert all(fx_bytes(back[0], i) == fx_bytes(fx, i) for i in range(8))


def test_fxsave_needs_alignment_and_leaves_sse_alone(machine):
    odd = struct.pack("<I", DATA_BASE + 8).hex()
    assert run(machine, "0fae05" + odd, image())[1] == 13
    assert run(machine, "0fae0d" + odd, image())[1] == 13
    run(machine, "0fae05" + AT, image(0x37F, 0, 0xFF, [ONE] * 8), b"\xee" * 512)
    stored = memory(machine, 512)
    assert stored[24:32] == b"\xee" * 8 and stored[160:] == b"\xee" * 352
    assert stored[32:48] == struct.pack("<QQ", J, 0x3FFF)


@pytest.mark.parametrize("code", ["db3d", "dd35", "d935", "df35", "0fae05"])
def test_a_store_that_cannot_finish_stores_nothing(code):
    """The second page is not there: #PF, memory and unit as before."""
    machine = Machine()
    core = machine.core
    address = READONLY_BASE - 4 if code != "0fae05" else READONLY_BASE - 16
    translate = machine.engine.routine("translate")

    def checked(lin, kind):
        if lin >= READONLY_BASE and lin < READONLY_BASE + 0x1000:
            raise GuestFault(S.PFV, 2)
        return translate(lin, kind)

    machine.engine.world["r_translate"] = checked
    case = Case(bytes.fromhex(code) + struct.pack("<I", address), (0,) * 8, fx=image(0x37F, 0, 0xFF, [ONE] * 8))
    fx, trap, eip, _, data, _ = machine.run(case)
    assert (trap, eip, data) == (14, 0, ())
    assert fx[:5] == image(0x37F, 0, 0xFF)[:5] and core.get("fip") == 0
