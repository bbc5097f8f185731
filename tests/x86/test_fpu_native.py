"""x87 and MMX on both engines: the native code of the same IR gives the same bits, and undefined shifts would show
here.
"""

import random

import pytest
from fpu_cases import ALL, TRANSCENDENTAL, random_case, show
from fpu_machine import Machine


@pytest.mark.parametrize(("choice", "count"), [(ALL, 5000), (TRANSCENDENTAL, 2000)])
def test_engines_agree(choice, count):
    machine = Machine()
    rng = random.Random(9)
    for _ in range(count):
        which, case = random_case(rng, choice)
        want = machine.run(case)
        if want[1] is not None:
            continue
        got = machine.run_native(case, 1)
        assert got == want, (
            f"{which} {case.code.hex()}\n before {show(case.fx)}\n native {show(got[0])}\n ours   {show(want[0])}"
        )


def test_mmx_engines_agree():
    from test_mmx import random_case as mmx_case

    machine = Machine()
    rng = random.Random(3)
    for _ in range(3000):
        case = mmx_case(rng)
        assert machine.run_native(case, 1) == machine.run(case), case.code.hex()
