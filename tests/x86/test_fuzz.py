"""Our engines against other processors, on random instructions of every declared encoding (tools/fuzz_cpu.py).

The seeds are fixed, so that a run is the same everywhere; `./dev fuzz cpu` takes others.
"""

import os

import pytest

from tools.cpu_cases import Generator
from tools.fuzz_cpu import fuzz_all, summary
from tools.oracle import HostOracle, OracleUnavailable

ENGINES = ["native", "reference"]
LEAST = 100  # how often each encoding comes to execution in the long run


def has_host_oracle() -> bool:
    try:
        HostOracle().close()
    except OracleUnavailable:
        return False
    return True


def check(oracle: str, count: int, seed: int, least: int) -> None:
    fuzz = fuzz_all((seed, ENGINES, [oracle], 5), range(count), jobs=os.cpu_count() or 1)
    assert not fuzz.failures, summary(fuzz, 0)
    rare = [f"{f.insn.name} {f.encoding.text}" for f in fuzz.generator.forms if fuzz.covered[f.number] < least]
    assert not rare, f"fewer than {least} times: {rare}"


@pytest.mark.slow
def test_200_000_cases_on_the_hosts_cpu() -> None:
    if not has_host_oracle():
        pytest.skip("the host cannot run 32-bit cases")
    check("host", 200_000, 2026, LEAST)


def test_unicorn() -> None:
    """The oracle that works anywhere; on what it models."""
    check("unicorn", 6_000, 7, 10)


def test_a_case_depends_on_seed_and_number_alone() -> None:
    from playhead.x86.isa import tables

    first, second = Generator(tables()[0], 5), Generator(tables()[0], 5)
    second.case(1)
    assert first.case(4).case == second.case(4).case != first.case(5).case


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """An engine that is wrong in one instruction fails, minimised, with the command that repeats it."""
    from tools import cpu_harness, fuzz_cpu

    honest = cpu_harness.Target._result

    def wrong(self, case):
        result = honest(self, case)
        if b"\x0f\xc8" in case.code and result.trap is None:  # bswap eax
            result.regs = (result.regs[0] ^ 1, *result.regs[1:])
        return result

    monkeypatch.setattr(cpu_harness.Target, "_result", wrong)
    arguments = ["--oracle", "unicorn", "--engine", "reference", "--count", "300", "--only", "bswap"]
    assert fuzz_cpu.main(arguments) == 1
    out = capsys.readouterr().out
    assert "bswap" in out and "again: ./dev fuzz cpu --seed 1 --case" in out
