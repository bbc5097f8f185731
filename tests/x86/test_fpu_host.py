"""x87 against the host's CPU: every instruction on random operands, specials, rounding and precision modes, masks and
stack states.
"""

import random

import pytest
from fpu_cases import ALL, TRANSCENDENTAL, random_case, same_fx, show
from fpu_machine import Machine, host_fx

from playhead.x86 import state as S
from tools.oracle import HostOracle, OracleUnavailable


@pytest.fixture(scope="module")
def machine():
    return Machine()


@pytest.fixture(scope="module")
def host():
    try:
        oracle = HostOracle()
    except OracleUnavailable as e:
        pytest.skip(str(e))
    with oracle:
        yield oracle


def out_of_range(which, case) -> bool:
    """Operands for which the manual promises nothing: FYL2XP1 from 1 on; FYL2X whose exact result is denormal."""
    se = int.from_bytes(case.fx[40:42], "little") & 0x7FFF
    tiny = int.from_bytes(case.fx[56:58], "little") & 0x7FFF == 0
    return (which == "d9f9" and se >= 0x3FFF) or (which == "d9f1" and tiny)


def check(machine: Machine, host: HostOracle, rng: random.Random, count: int, choice: tuple) -> None:
    made = [pair for pair in (random_case(rng, choice) for _ in range(count)) if not out_of_range(*pair)]
    for (which, case), want in zip(made, host.run([c for _, c in made]), strict=True):
        fx, trap, eip, regs, data, flags = machine.run(case)
        theirs = host_fx(want.fx or b"")
        vector = want.trap[0] if want.trap else None
        same = (trap, eip, regs, data, flags) == (vector, want.eip, want.regs, want.data, want.eflags & S.STATUS)
        told = f"{which} {case.code.hex()} data {case.data[:16].hex()}\n before {show(case.fx or b'')}\n"
        told += f" ours   {show(fx)}\n host   {show(theirs)}\n {(trap, data, flags)} {want}"
        assert same and same_fx(which, fx, theirs), told


@pytest.mark.parametrize("seed", range(3))
def test_exact_instructions(machine, host, seed):
    check(machine, host, random.Random(seed), 5000, ALL)


def test_transcendentals(machine, host):
    check(machine, host, random.Random(5), 4000, TRANSCENDENTAL)


@pytest.mark.slow
def test_many(machine, host):
    for seed in range(100, 115):
        check(machine, host, random.Random(seed), 10_000, ALL + TRANSCENDENTAL)
