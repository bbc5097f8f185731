"""What the comparison with another processor's x87 lets through, and what it does not; values as observed on hosts."""

from fractions import Fraction

import pytest
from fpu_cases import same_fx
from fpu_machine import J, Machine, host_fx, image

from tools.oracle.case import Case
from tools.oracle.x87 import near, rank, registers, unscaled

SMALLEST, BELOW, TOP = (1, J), (0, J - 1), (1 << 64) - 1
ZERO, UP, DOWN = 0xC00, 0x800, 0x400  # rounding, of the control word
PE, UE, PENDING, SIN = 0x20, 0x10, 0x8080, "d9fe"
REST = [(0x3FFF, J)] * 7


def fx(value: tuple[int, int], status: int, control: int = 0x37F | ZERO, rest=REST) -> bytes:
    return image(control, status, 0xFF, [value, *rest])


def value(se: int, mantissa: int) -> Fraction:
    return Fraction(mantissa) * Fraction(2) ** (max(se & 0x7FFF, 1) - 0x3FFF - 63) * (-1 if se >> 15 else 1)


def test_towards_zero_the_sine_of_the_smallest_normal_number_is_the_denormal_one_below_it():
    """x - x**3/6 < sin x < x; both bounds lie above the neighbour below x."""
    x = value(*SMALLEST)
    assert value(*BELOW) < x - x**3 / 6 < x
    for control in (ZERO, DOWN):
        ours = Machine().run(Case(bytes.fromhex(SIN), (0,) * 8, fx=fx(SMALLEST, 0, 0x37F | control)))[0]
        assert ours == host_fx(fx(BELOW, PE | UE, 0x37F | control))


@pytest.mark.parametrize("sign", [0, 0x8000])
def test_the_operand_without_underflow_is_let_through(sign):
    """Intel's result; C1 may differ as well."""
    ours = fx((sign, J - 1), PE | UE)
    assert same_fx(SIN, ours, fx((sign | 1, J), PE))
    assert same_fx(SIN, ours, fx((sign | 1, J), PE | 0x200))
    assert same_fx(SIN, fx((sign | 1, J), PE), ours)


def test_an_underflow_that_is_not_masked():
    """Ours is scaled, and the exception is pending."""
    control = 0x36F | ZERO
    ours = fx((0x6000, TOP), PE | UE | PENDING, control)
    assert registers(ours)[0][8:] == b"\0\x60" and rank(unscaled(registers(ours)[0])) == J - 1
    assert same_fx(SIN, ours, fx(SMALLEST, PE, control))
    assert not same_fx(SIN, ours, fx(SMALLEST, PE | PENDING, control | 0x10))
    assert not same_fx(SIN, fx((0x6001, TOP), PE | UE | PENDING, control), fx(SMALLEST, PE, control))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (fx((0, J - 2), PE | UE), fx(SMALLEST, PE)),  # two units
        (fx(BELOW, PE | UE), fx((0x8001, J), PE)),  # the other sign
        (fx(BELOW, PE | UE), fx(SMALLEST, 0)),  # another flag
        (fx(BELOW, PE | UE), fx((0, J - 2), PE)),  # both denormal
        (fx(SMALLEST, PE | UE), fx((1, J | 1), PE)),  # both normal
        (fx((0x3FFF, J), PE | UE), fx((0x3FFF, J), PE)),  # equal
        (fx(BELOW, PE | UE), fx(SMALLEST, PE | PENDING)),
    ],
)
def test_nothing_else_is(ours, theirs):
    assert not same_fx(SIN, ours, theirs)
    assert not same_fx(SIN, theirs, ours)


def test_exact_instructions_have_no_neighbours():
    assert not same_fx("d9fa", fx(BELOW, PE | UE), fx(SMALLEST, PE))
    assert near(registers(fx((0x3FFE, TOP), 0))[0], registers(fx((0x3FFF, J), 0))[0], 1)


def test_the_remainder_of_a_denormal_number_by_infinity():
    """As observed: FPREM1, underflow not masked; Intel's leave the operand and raise nothing."""
    control, infinite = 0xB42, [(0xFFFF, J), *REST[1:]]
    ours = fx((0xDFFD, 0xEDE593E3611687C0), PENDING | UE | 2, control, infinite)
    theirs = fx((0x8000, 0x0EDE593E3611687C), 2, control, infinite)
    assert same_fx("d9f5", ours, theirs)
    assert not same_fx("d9fa", ours, theirs)
    assert not same_fx("d9f5", ours, fx((0x8000, 0x0EDE593E3611687D), 2, control, infinite))
    finite = [fx(v, s, control, REST) for v, s in (((0xDFFD, 0xEDE593E3611687C0), PENDING | UE | 2),
                                                   ((0x8000, 0x0EDE593E3611687C), 2))]  # fmt: skip
    assert not same_fx("d9f5", *finite)
