"""Our engines against other processors, on random instructions of every declared encoding (tools/fuzz/cpu.py).

The seeds are fixed, so that a run is the same everywhere; `./dev fuzz cpu` takes others.
"""

import os
import struct
from dataclasses import replace

import pytest

from playhead.x86 import state as S
from playhead.x86.isa import tables
from tools.fuzz.cpu import Fuzz, differs, fuzz_all, summary
from tools.fuzz.insn import exclusions, harness, intel
from tools.fuzz.insn.cases import Generated, Generator, Piece
from tools.fuzz.insn.intel import IntelRun
from tools.oracle import HostOracle, OracleUnavailable, layout
from tools.oracle import case as model
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


def check_compiled(count: int, seed: int) -> None:
    """The second tier, with every block compiled that a case enters."""
    oracle = "host" if has_host_oracle() else "unicorn"
    fuzz = fuzz_all((seed, ["tier2"], [oracle], 5), range(count), jobs=1)
    assert not fuzz.failures, summary(fuzz, 0)
    assert fuzz.ran["tier2"] > count * 0.9 and fuzz.blocks["compiled"] > count // 2


def test_compiled_blocks() -> None:
    check_compiled(1_000, 14)


@pytest.mark.long
def test_compiled_blocks_of_100_000_cases() -> None:
    check_compiled(100_000, 2027)


def test_a_case_depends_on_seed_and_number_alone() -> None:
    first, second = Generator(tables()[0], 5), Generator(tables()[0], 5)
    second.case(1)
    assert first.case(4).case == second.case(4).case != first.case(5).case


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """An engine that is wrong in one instruction fails, minimised, with the command that repeats it."""
    from tools.fuzz import cpu as fuzz_cpu

    honest = harness.Target._result

    def wrong(self, case):
        result = honest(self, case)
        if b"\x0f\xc8" in case.code and result.trap is None:  # bswap eax
            result.regs = (result.regs[0] ^ 1, *result.regs[1:])
        return result

    monkeypatch.setattr(harness.Target, "_result", wrong)
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
    """A processor that leaves C1 differs from ours in what is stored; that is distinguished from a wrong result."""
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target = fuzz.targets["reference"]
    g, case = followed(tail, layout.DATA_BASE)
    ours, theirs = target.run([case])[0], target.run_leaving_c1(case, {0})
    assert (ours.regs, ours.data) != (theirs.regs, theirs.data) and differs(g, ours, theirs)
    assert fuzz._known("host", target, g, ours, theirs) == exclusions.C1_LEFT
    wrong = replace(theirs, regs=(*theirs.regs[:3], 1, *theirs.regs[4:]))
    assert fuzz._known("host", target, g, ours, wrong) is None


def one(text: str, code: str, **more) -> tuple[Generated, Case]:
    """A case of one instruction of a form."""
    form = next(f for f in tables()[0].forms if f.encoding.text == text and ("rep" in f.rep) == (code[:2] == "f3"))
    piece = Piece(form, bytearray.fromhex(code), prefixes=b"\xf3" if code[:2] == "f3" else b"")
    case = Case(bytes(piece.code), more.pop("regs", (0,) * 8), **more)
    return Generated(0, case, [piece], {}, S.STATUS), case


def test_c1_is_followed_through_many_iterations() -> None:
    """A REP after FCOMI: each iteration is an instruction of ours."""
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target = fuzz.targets["reference"]
    g, _ = followed("dd /7 Mw", layout.DATA_BASE)
    many, _ = one("ac al,Xb", "f3ac")
    many.pieces[0].start = 2
    fx = bytearray(FX_INITIAL)
    fx[2:5] = struct.pack("<HB", 0x200, 0xFF)
    regs = (0, 3000, 0, 0, 0, 0, layout.DATA_BASE, 0)
    case = Case(b"\xdb\xf0\xf3\xac", regs, fx=bytes(fx))
    g = replace(g, case=case, pieces=[g.pieces[0], many.pieces[0]])
    ours, theirs = target.run([case])[0], target.run_leaving_c1(case, {0})
    assert theirs.trap is None and theirs.regs == ours.regs and theirs.fx != ours.fx
    assert fuzz._known("host", target, g, ours, theirs) == exclusions.C1_LEFT


def test_the_harness_looks_as_if_it_were_not_there() -> None:
    """The pages of our own descriptor tables are not present for what a case sees, as on a host."""
    for code, error in (("a0", 4), ("a2", 6)):  # MOV AL, moffs8 and back
        case = Case(bytes.fromhex(code) + struct.pack("<I", harness.SYSTEM + 0x700), (0,) * 8)
        assert harness.Target("reference").run([case])[0].trap == (S.PFV, error, harness.SYSTEM + 0x700)


def test_rep_over_its_own_bytes_is_named_only_then() -> None:
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target = fuzz.targets["reference"]
    for first, named in ((layout.CODE_BASE, True), (layout.CODE_BASE + 0x40, False)):
        g, case = one("aa Yb,al", "f3aa", regs=(0x90, 8, 0, 0, 0, 0, 0, first))
        ours = target.run([case])[0]
        theirs = replace(ours, regs=(*ours.regs[:1], 0, *ours.regs[2:]), trap=(3, 0, 0))
        reason = fuzz._known("host", target, g, ours, theirs)
        assert (reason is not None and reason.startswith("REP over its own bytes")) == named


def test_what_enter_leaves_is_named_below_the_stack_only() -> None:
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target, top = fuzz.targets["reference"], layout.STACK_TOP - 64
    g, case = one("c8 Iw,Ib", "c8ff7f09", regs=(0, 0, 0, 0, top, top, 0, 0))
    ours = target.run([case])[0]
    assert ours.trap is not None and ours.trap[0] == S.PFV and not ours.data
    for address, named in ((top - 8, True), (top - 128, True), (top, False), (top - 256, False)):
        theirs = replace(ours, data=((address, 1),))
        assert (fuzz._known("host", target, g, ours, theirs) == exclusions.ENTER_FAULTED) == named
    assert fuzz._known("host", target, g, ours, replace(ours, data=((top - 8, 1),), trap=(S.GP, 0, 0))) is None


def test_no_jump_leads_to_the_int3_in_front_of_a_case() -> None:
    """EIP after it would be that of the first instruction, where every flag counts."""
    loops = [f for f in tables()[0].forms if f.encoding.text == "e2 Jb"]
    generator = Generator(tables()[0], 3, lambda form: form in loops)
    for number in range(3000):
        for piece in generator.case(number).pieces:
            if piece.relative == 1:
                distance = int.from_bytes(piece.code[-1:], "little", signed=True)
                assert piece.start + len(piece.code) + distance not in range(-1, piece.start), number


@pytest.mark.parametrize(("code", "flags"), [("8b06", 0x40000), ("9d8b06", 0)])
def test_an_access_that_wraps_is_named_behind_an_alignment_check(code: str, flags: int) -> None:
    """Also if it is POPF that sets AC."""
    fuzz = Fuzz(1, ["reference"], ["unicorn"])
    target, top = fuzz.targets["reference"], layout.STACK_TOP - 64
    regs, patch = (0, 0, 0, 0, top, 0, 0xFFFFFFFE, 0), ((top, struct.pack("<I", 0x40002)),)
    for address, named in ((0xFFFFFFFE, True), (0xFFFF0002, False)):
        case = Case(bytes.fromhex(code), (*regs[:6], address, 0), flags, patches=patch)
        ours = target.run([case])[0]
        assert ours.trap == (17, 0, 0)
        g = Generated(0, case, [], {}, S.STATUS)
        reason = fuzz._known("host", target, g, ours, replace(ours, trap=(S.GP, 0, 0)))
        assert (reason is not None and reason.startswith("an access that wraps")) == named


def on_intel(text: str, code: str, **more):
    """(ours, what Intel's processors give, why they differ) of one instruction."""
    target = harness.Target("reference")
    g, case = one(text, code, **more)
    run = IntelRun(target, case, g.pieces)
    return target.run([case])[0], run.run(), run.reasons


def test_intel_pushes_16_bits_of_a_segment_register() -> None:
    """As observed: the upper half of the stack's word stays."""
    at = 0x3000_1FBC
    ours, theirs, reasons = on_intel("06 es", "06", regs=(0, 0, 0, 0, at, 0, 0, 0))
    assert ours.data == ((0x3000_1FB8, 0x6C93_BEDE_0000_002B),)
    assert theirs == replace(ours, data=((0x3000_1FB8, 0x6C93_BEDE_99AA_002B),)) and reasons == {intel.PUSHED}
    ours, theirs, reasons = on_intel("06 es", "06", regs=(0, 0, 0, 0, layout.STACK_TOP + 64, 0, 0, 0))
    assert ours == theirs and ours.trap is not None and not reasons


def test_intel_restores_the_flags_of_a_rep_that_is_interrupted() -> None:
    end = layout.DATA_BASE + 0x4FFE  # as observed: two bytes before the window's end
    regs = (0xC815, 0x33, 0, 0, layout.STACK_TOP - 64, 0, 0, end)
    form = next(f for f in tables()[0].forms if f.insn.name == "scas" and f.encoding.text == "ae al,Yb")
    case = Case(b"\xf2\xae", regs, eflags=S.ZF)
    target = harness.Target("reference")
    run = IntelRun(target, case, [Piece(form, bytearray(case.code), prefixes=b"\xf2", start=0)])
    ours, theirs = target.run([case])[0], run.run()
    assert ours.trap is not None and ours.trap[0] == S.PFV and ours.regs[1] == 0x31
    assert ours.eflags & S.STATUS != S.ZF and theirs == replace(ours, eflags=ours.eflags & ~S.STATUS | S.ZF)
    assert run.reasons == {intel.REPEATED}


def test_intel_has_mmx_registers_when_their_store_faults() -> None:
    fx = bytearray(FX_INITIAL)
    fx[2:5] = struct.pack("<HB", 6 << 11, 0xFF)
    ours, theirs, reasons = on_intel("0f 7f /r Qq,Pq", "0f7f3500000000", fx=bytes(fx))
    assert ours.fx is not None and theirs.fx is not None and ours.trap == theirs.trap == (S.PFV, 6, 0)
    assert (ours.fx[3], theirs.fx[3]) == (6 << 3, 0) and reasons == {intel.MMX_STORE}


def test_intel_keeps_the_pointers_of_the_last_exception() -> None:
    """FSUBR of memory, then FNSTENV, as observed: FIP alone is stored."""
    by_text = {f.encoding.text: f for f in tables()[0].forms}
    codes = {"d8 /5 Md": b"\xd8\x2d", "d9 /6 Ma": b"\xd9\x35"}
    pieces = []
    for n, (text, code) in enumerate(codes.items()):
        pieces.append(Piece(by_text[text], bytearray(code + struct.pack("<I", layout.DATA_BASE)), start=6 * n))
    case = Case(b"".join(p.code for p in pieces), (0,) * 8)
    target = harness.Target("reference")
    run = IntelRun(target, case, pieces)
    ours, theirs = target.run([case])[0], run.run()

    def pointers(result) -> tuple[int, ...]:
        words = dict(result.data)
        content = b"".join(words[layout.DATA_BASE + at].to_bytes(8, "little") for at in (8, 16, 24))
        return struct.unpack_from("<IHHIH", content, 4)

    assert pointers(ours) == (layout.CODE_BASE, layout.CODE_SELECTOR, 0x02D, layout.DATA_BASE, layout.DATA_SELECTOR)
    assert pointers(theirs) == (layout.CODE_BASE, 0, 0, 0, 0) and run.reasons == {intel.POINTERS}


@pytest.mark.parametrize(
    ("text", "code", "trap", "theirs", "eip", "named"),
    [
        ("0f a9 gs", "0fa9", (17, 0, 0), None, 2, True),
        ("0f a9 gs", "0fa9", (13, 0, 0), None, 2, False),
        ("8f /0 Ev", "8f00", (17, 0, 0), None, 2, False),
        ("62 /r Gv,Ma", "6200", (14, 4, 0x2000_5000), (5, 0, 0), 0, True),
        ("62 /r Gv,Ma", "6200", (13, 0, 0), (5, 0, 0), 0, False),
        ("dc /2 Mq", "dc12", (13, 0, 0), (14, 4, 0xFFFF_FFFF), 0, True),
        ("dc /2 Mq", "dc12", (13, 0, 0), (14, 4, 0xFFFF_0000), 0, False),
        ("dc /2 Mq", "dc12", (13, 8, 0), (14, 4, 0xFFFF_FFFF), 0, False),
    ],
)
def test_what_intel_checks_otherwise_is_named_as_narrowly(text, code, trap, theirs, eip, named) -> None:
    """As observed: alignment of POP GS, and a page fault where an access wraps."""
    g, case = one(text, code)
    ours = replace(harness.Target("reference").run([case])[0], trap=trap, eip=0)
    reason = exclusions.of_intel(g, ours, replace(ours, trap=theirs, eip=eip), None)
    assert (reason is not None) == named


@pytest.mark.parametrize(("status", "named"), [(0x80C1, True), (0x0001, False)])
def test_a_store_that_an_exception_suppresses_is_named(status: int, named: bool) -> None:
    """As observed: FISTP to a segment that cannot be written; Intel's raise nothing before the next instruction."""
    g, case = one("df /7 Mq", "df3d00000000")
    fx = bytearray(FX_INITIAL)
    ours = replace(harness.Target("reference").run([case])[0], trap=(13, 0, 0), eip=0, fx=bytes(fx))
    fx[2:4] = struct.pack("<H", status)
    theirs = replace(ours, trap=None, eip=6, fx=bytes(fx))
    assert (exclusions.of_intel(g, ours, theirs, None) is not None) == named


@pytest.mark.parametrize(("top", "named"), [(0x3000_2002, True), (0x3000_2001, True), (0x3000_2004, False)])
def test_a_push_whose_upper_half_faults_is_named(top: int, named: bool) -> None:
    """As observed: PUSH DS at the end of the stack's last page."""
    g, case = one("1e ds", "1e", regs=(0, 0, 0, 0, top, 0, 0, 0))
    ours = harness.Target("reference").run([case])[0]
    assert ours.trap == (S.PFV, 6, max(0x3000_2000, top - 4))
    theirs = replace(ours, trap=None, eip=1, regs=(0, 0, 0, 0, top - 4, 0, 0, 0))
    assert (exclusions.of_intel(g, ours, theirs, None) is not None) == named


def test_the_flags_and_the_stack_after_a_push_that_is_single_stepped() -> None:
    at = 0x3000_1FBC
    ours, theirs, reasons = on_intel("06 es", "06", regs=(0, 0, 0, 0, at, 0, 0, 0), eflags=model.TF)
    assert ours.trap == (1, 0, 0) and reasons == {intel.PUSHED}
    assert theirs == replace(ours, data=((0x3000_1FB8, 0x6C93_BEDE_99AA_002B),))
