"""Our engines against other processors, on random instructions of every declared encoding (tools/fuzz_cpu.py).

The seeds are fixed, so that a run is the same everywhere; `./dev fuzz cpu` takes others.
"""

import os
import struct
from dataclasses import replace

import pytest

from playhead.x86 import state as S
from playhead.x86.isa import tables
from tools import cpu_exclusions
from tools.cpu_cases import Generated, Generator, Piece
from tools.fuzz_cpu import Fuzz, differs, fuzz_all, summary
from tools.oracle import HostOracle, OracleUnavailable, layout
from tools.oracle.case import FX_INITIAL, Case

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


def followed(tail: str, data_at: int) -> tuple[Generated, Case]:
    """FCOMI with C1 set before it, then an instruction that stores the status word."""
    by_text = {f.encoding.text: f for f in tables()[0].forms}
    pieces = [Piece(by_text["db f0+i F0,Fi"], bytearray(b"\xdb\xf0"), start=0)]
    address = b"" if tail.endswith("ax") else struct.pack("<I", data_at)
    pieces.append(Piece(by_text[tail], bytearray(STORES[tail] + address), start=2))
    fx = bytearray(FX_INITIAL)
    fx[2:5] = struct.pack("<HB", 0x200, 0xFF)
    case = Case(b"".join(p.code for p in pieces), (0,) * 8, fx=bytes(fx))
    return Generated(0, case, pieces, {}, S.STATUS), case


STORES = {"df e0 ax": b"\xdf\xe0", "dd /7 Mw": b"\xdd\x3d", "d9 /6 Ma": b"\xd9\x35", "dd /6 Ma": b"\xdd\x35"}


@pytest.mark.parametrize("tail", STORES)
def test_what_fcomi_leaves_in_c1_is_followed_into_what_stores_it(tail: str) -> None:
    """A processor that leaves C1 differs from ours in what is stored; that is told from a wrong result."""
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target = fuzz.targets["reference"]
    g, case = followed(tail, layout.DATA_BASE)
    ours, theirs = target.run([case])[0], target.run_leaving_c1(case, {0})
    assert (ours.regs, ours.data) != (theirs.regs, theirs.data) and differs(g, ours, theirs)
    assert fuzz._known("host", target, g, ours, theirs) == cpu_exclusions.C1_LEFT
    wrong = replace(theirs, regs=(*theirs.regs[:3], 1, *theirs.regs[4:]))
    assert fuzz._known("host", target, g, ours, wrong) is None
