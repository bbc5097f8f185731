"""The text that the second tier makes of blocks: what is in it, and what nobody needs and is not."""

import re

import pytest

from playhead.engine.llvm.tier2.compile import compile_units
from playhead.engine.llvm.tier2.steps import NotCompilable, Walk
from playhead.engine.llvm.tier2.translate import translate
from playhead.engine.llvm.tier2.unit import END, Unit
from playhead.engine.llvm.tier2.values import Graph
from playhead.engine.llvm.tier2.windows import windows
from units import unit


def text(*code: str) -> str:
    return translate(unit(*code), "u")


@pytest.mark.parametrize(
    "jump, compare", [("jl", "icmp slt"), ("jb", "icmp ult"), ("jge", "icmp slt"), ("jae", "icmp ult")]
)
@pytest.mark.parametrize("operand", ["%ecx", "$1000", "$-3"])
def test_a_condition_of_a_subtraction_is_a_comparison(jump: str, compare: str, operand: str) -> None:
    made = text(f"cmp {operand}, %eax", f"{jump} . + 100", "mov $1, %eax", "cmp %eax, %eax")
    before_the_jump = made[: made.index("br i1")]
    assert compare in before_the_jump
    assert " and i32" not in before_the_jump and "lshr" not in before_the_jump  # no carries


def test_flags_that_are_overwritten_are_not_computed() -> None:
    made = text("add %ecx, %eax", "sub %edx, %ebx", "and %esi, %edi")
    assert made.count("store i32 0,") == 2  # the carries, of AND alone: at the jump, and in front of it
    assert " or i32" not in made


@pytest.mark.parametrize("divide", ["div %ecx", "idiv %ecx"])
def test_no_division_is_done_before_its_check(divide: str) -> None:
    """An address that stays where it is in a loop, but is a quotient: without the check of the divisor, the host would
    raise what the guest should."""
    made = text("mov $1000, %eax", "xor %edx, %edx", divide, "mov (%eax), %ebx", "dec %esi", "jnz . - 12")
    assert "phi i64 [ %paid, " in made and made.count("phi i64") == 1
    assert "div i64" in made and "div i64" not in made[: made.index("body0:")]


def test_what_is_left_early_gives_all_state_back() -> None:
    """Registers, and the flags of the instruction before, which nobody else needs."""
    made = text("add %ecx, %eax", "mov (%ebx), %edx", "and %esi, %edi")
    exit_ = made[made.index("X0_32:") :]
    exit_ = exit_[: exit_.index("ret void")]
    assert exit_.count("store i32") == 3  # EAX, and the two words of the flags


def test_accesses_beside_one_base_share_a_probe() -> None:
    shared = Walk(unit("mov 8(%ebp), %eax", "mov %eax, -4(%ebp)", "mov -120(%ebp), %ecx", "mov 4000(%ebp), %edx"))
    found = windows(shared.steps)
    assert len({*found.values()}) == 2
    first = found[0]
    assert (first.low, first.size, first.writes) == (-120, 132, True)


def test_nothing_is_read_behind_the_table() -> None:
    """Of a window that wraps, the page behind the last one is not looked up, whatever becomes of what was read."""
    lines = text("mov (%ebp), %eax", "mov 8(%ebp), %ecx").splitlines()
    second = lines[next(n for n, line in enumerate(lines) if line.startswith("W")) :]
    assert re.fullmatch(r"  (%\w+) = add i64 %\w+, 11", second[1])
    inside = re.fullmatch(r"  (%\w+) = and i64 %\w+, 4294967295", second[2])
    assert inside and re.fullmatch(rf"  %\w+ = lshr i64 {inside[1]}, 12", second[3])


def test_a_changed_base_is_another_window() -> None:
    walk = Walk(unit("mov (%ebp), %ebp", "mov (%ebp), %eax"))
    assert len({*windows(walk.steps).values()}) == 2


def test_a_stack_that_moves_is_one_window() -> None:
    walk = Walk(unit("push %eax", "push %ebx", "push %ecx", "pop %edx"))
    assert len({*windows(walk.steps).values()}) == 1


def test_a_jump_to_the_start_is_a_loop() -> None:
    made = text("add $4, %eax", "dec %ecx", "jnz . - 4")
    assert "%budget0 = phi i64 [ %paid, %entry ], [ " in made


@pytest.mark.parametrize("code", ["cpuid", "fldpi", "rep movsl", "int $3"])
def test_what_only_tier_1_does_is_left_to_it(code: str) -> None:
    with pytest.raises(NotCompilable):
        text(code)
    walk = Walk(unit("mov $1, %eax", code))
    assert not walk.whole and len(walk.steps) == 1  # the exit
    assert compile_units([unit(code)]) == [None]


def test_code_needs_nothing_from_outside() -> None:
    units = [
        unit("imul %ecx, %eax", "mov %eax, (%ebx)"), unit("shl %cl, %eax", "setb %dl", "cmovl %ebx, %ecx"),
        unit("div %ecx"), unit("call . + 50"), unit("ret"), unit("popl %eax", "jmp *%eax"), unit("bsr %eax, %ecx"),
    ]  # fmt: skip
    assert all(compile_units(units))


def test_a_unit_that_only_ends_is_none() -> None:
    end = unit("rep movsl").uops[-1]
    assert end.handler == END
    with pytest.raises(NotCompilable):
        translate(Unit(3, (end,)), "u")


def test_a_window_that_stays_is_looked_for_once() -> None:
    """In a loop: in front of it. Then nothing in it needs the flags of the turn before, and LLVM drops them."""
    made = text("mov (%ebp), %eax", "add %eax, 8(%ebp)", "dec %ecx", "jnz . - 7")
    moving = text("mov (%ebp), %eax", "add $4, %ebp", "dec %ecx", "jnz . - 7")
    assert "!tbaa !12" in made[: made.index("body0:")] and "X0_0:" not in made
    assert "!tbaa !12" not in moving[: moving.index("body0:")] and "X0_0:" in moving


def test_a_count_that_means_nothing_makes_no_huge_number() -> None:
    graph = Graph()
    assert graph.binary("shl", graph.const(1, 32), graph.const(-1, 32)).const == 0
