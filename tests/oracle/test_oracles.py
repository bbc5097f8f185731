"""The oracles themselves: cases with answers known from the manual, and the two of them against each other."""

import random
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from tools.oracle import CRASH, HALT, TIMEOUT, Case, HostOracle, OracleUnavailable, Result, Segment, UnicornOracle
from tools.oracle.case import AC, AF, CF, DF, FX_INITIAL, ID, NT, OF, PF, SF, TF, ZF, selector_of
from tools.oracle.layout import (
    CODE_BASE,
    CODE_SIZE,
    DATA_BASE,
    DATA_SIZE,
    PAGE,
    READONLY_BASE,
    STACK_BASE,
    STACK_TOP,
    background,
    changed_words,
    image_pieces,
)

NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


def registers(**values: int) -> tuple[int, ...]:
    start = dict.fromkeys(NAMES, 0) | {"esp": STACK_TOP - 64} | values
    return tuple(start[name] for name in NAMES)


def case(code: str, **values: object) -> Case:
    """A case of hexadecimal code; keywords are registers or fields of Case."""
    regs = registers(**{name: values.pop(name) for name in NAMES if name in values})  # type: ignore[arg-type]
    return Case(bytes.fromhex(code), regs, **values)  # type: ignore[arg-type]


def final(result: Result, start: Case, address: int, size: int) -> bytes:
    ((offset, _),) = image_pieces(address, bytes(1))
    return bytes(result.image(start)[offset : offset + size])


@pytest.fixture(scope="module")
def host() -> Iterator[HostOracle]:
    try:
        with HostOracle() as oracle:
            yield oracle
    except OracleUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def unicorn() -> UnicornOracle:
    return UnicornOracle()


@pytest.fixture(params=["host", "unicorn"])
def oracle(request: pytest.FixtureRequest) -> HostOracle | UnicornOracle:
    return request.getfixturevalue(request.param)


STICKY = AC | NT | ID  # flags that Linux does not restore by itself
ADD = "01c8"  # add eax, ecx
ADC = "11c8"  # adc eax, ecx


@pytest.mark.parametrize(
    ("code", "eax", "ecx", "before", "result", "after"),
    [
        (ADD, 1, 2, 0, 3, PF),
        (ADD, 0xFFFF_FFFF, 1, 0, 0, CF | PF | AF | ZF),
        (ADD, 0x7FFF_FFFF, 1, 0, 0x8000_0000, PF | AF | SF | OF),
        (ADD, 0x8000_0000, 0x8000_0000, DF, 0, CF | PF | ZF | OF | DF),
        (ADC, 0xFFFF_FFFF, 0, CF, 0, CF | PF | AF | ZF),
        (ADC, 0xFFFF_FFFF, 0xFFFF_FFFF, CF, 0xFFFF_FFFF, CF | PF | AF | SF),
        (ADC, 5, 6, OF | SF, 11, 0),
        ("9c58", 0, 0, CF | SF | STICKY, 0x202 | CF | SF | STICKY, CF | SF | STICKY),  # pushfd; pop eax
    ],
)
def test_alu_and_flags(oracle, code, eax, ecx, before, result, after):
    (got,) = oracle.run([case(code, eax=eax, ecx=ecx, eflags=before)])
    assert (got.regs[0], got.eflags, got.eip, got.trap) == (result, after, 2, None)
    assert got.regs[1:] == registers(ecx=ecx)[1:]


@pytest.mark.parametrize(
    ("code", "values", "eip", "trap"),
    [
        ("90f7f1", {}, 1, (0, 0, 0)),  # div ecx, by zero
        ("9090", {"eflags": TF}, 1, (1, 0, 0)),
        ("90cc90", {}, 2, (3, 0, 0)),  # int3 that is not the end
        ("90cd03", {}, 3, (3, 0, 0)),
        ("90ce", {"eflags": OF}, 2, (4, 0, 0)),  # into
        ("900f0b", {}, 1, (6, 0, 0)),  # ud2
        ("90f4", {}, 1, (13, 0, 0)),  # hlt at level 3
        ("cd05", {}, 0, (13, 5 * 8 + 2, 0)),
        ("cd80", {"eax": 1}, 0, (13, 0x80 * 8 + 2, 0)),  # not an exit() of ours
        ("90ebfe", {}, 1, (TIMEOUT, 0, 0)),
        ("e9fa000000", {}, 0x100, (3, 0, 0)),  # past the end: int3 all over the window
    ],
)
def test_traps(oracle, code, values, eip, trap):
    start = case(code, **values)
    (got,) = oracle.run([start])
    assert (got.trap, got.eip, got.regs, got.data) == (trap, eip, start.regs, ())


@pytest.mark.parametrize(
    ("code", "address", "error", "cr2"),
    [
        ("8b01", 0x1234, 4, 0x1234),  # mov eax, [ecx]
        ("8901", DATA_BASE - 1, 6, DATA_BASE - 1),  # mov [ecx], eax
        ("8b01", READONLY_BASE + PAGE - 2, 4, READONLY_BASE + PAGE),
        ("8901", READONLY_BASE, 7, READONLY_BASE),
        ("8901", READONLY_BASE - 2, 7, READONLY_BASE),
        ("8b01", STACK_TOP - 3, 4, STACK_TOP),
        ("51", STACK_BASE - 4, 6, STACK_BASE - 4),  # push ecx, esp = STACK_BASE
        ("ffe1", 0x40_0000, 4, 0x40_0000),  # jmp ecx
    ],
)
def test_page_faults(oracle, code, address, error, cr2):
    start = case(code, ecx=address, esp=STACK_BASE)
    (got,) = oracle.run([start])
    assert got.trap == (14, error, cr2)
    assert got.eip == ((address - CODE_BASE) & 0xFFFF_FFFF if code == "ffe1" else 0)
    assert got.regs == start.regs


def test_a_fault_writes_nothing(host):
    """Unicorn has written the first half of the store by then: one of its known deviations."""
    (got,) = host.run([case("8901", ecx=READONLY_BASE - 2, eax=0x1122_3344)])
    assert got.data == ()


def test_page_crossing_store(oracle):
    start = case("8901", ecx=DATA_BASE + PAGE - 1, eax=0x4433_2211)
    (got,) = oracle.run([start])
    assert got.trap is None
    assert [address for address, _ in got.data] == [DATA_BASE + PAGE - 8, DATA_BASE + PAGE]
    assert final(got, start, DATA_BASE + PAGE - 1, 4) == b"\x11\x22\x33\x44"


def test_push_at_a_page_boundary(oracle):
    start = case("50", eax=0x1122_3344, esp=STACK_BASE + PAGE + 2)
    (got,) = oracle.run([start])
    assert (got.trap, got.regs[4]) == (None, STACK_BASE + PAGE - 2)
    assert final(got, start, STACK_BASE + PAGE - 2, 4) == bytes.fromhex("44332211")


def test_initial_memory_and_background(oracle):
    """data and patches are there; the next case sees the background again, in the code window too."""
    patches = ((DATA_BASE + PAGE - 1, b"wxyz"), (READONLY_BASE, b"r"))
    own = case("a100000020 8b15ff0f0020", data=b"abcd", patches=patches)
    plain = case("a100000020 8b15ff0f0020 8b0d00400020")
    first, second = oracle.run([own, plain])
    assert (first.regs[0], first.regs[2], first.data) == (int.from_bytes(b"abcd", "little"), 0x7A79_7877, ())
    at = CODE_SIZE
    expected = [background()[i : i + 4] for i in (at, at + PAGE - 1, at + DATA_SIZE)]
    assert [struct.pack("<I", second.regs[i]) for i in (0, 2, 1)] == expected


def test_self_modifying_code(oracle):
    """A store to the next instruction's immediate; the result holds the changed code."""
    start = case("c6050800001077 b000", eax=0)  # mov byte [code+8], 77h; mov al, 0
    (got,) = oracle.run([start])
    assert (got.regs[0], got.trap) == (0x77, None)
    assert [address for address, _ in got.data] == [CODE_BASE + 8]


def test_code_that_runs_off_its_window(oracle):
    (cut,) = oracle.run([case("b8000000", origin=CODE_SIZE - 4)])
    assert (cut.trap, cut.eip) == ((14, 4, CODE_BASE + CODE_SIZE), 0)


def test_a_whole_instruction_before_the_window_ends(host):
    """Unicorn does not run it: another of its known deviations."""
    (got,) = host.run([case("40", origin=CODE_SIZE - 1)])
    assert (got.trap, got.eip, got.regs[0]) == ((14, 4, CODE_BASE + CODE_SIZE), 1, 1)


def test_instruction_across_a_page(oracle):
    (got,) = oracle.run([case("b878563412", origin=PAGE - 2)])
    assert (got.trap, got.eip, got.regs[0]) == (None, 5, 0x1234_5678)


def test_x87_third(oracle):
    """fld1; fild word [data]; fdivp. Unicorn does not flag the result as inexact."""
    (got,) = oracle.run([case("d9e8 df0500000020 def9", data=b"\x03\x00", fx=FX_INITIAL)])
    assert got.trap is None and got.fx is not None
    control, status, tags = struct.unpack_from("<HHB", got.fx)
    assert (control, status & 0x3800, tags) == (0x37F, 0x3800, 0x80)  # TOP = 7
    if isinstance(oracle, HostOracle):
        assert status == 0x3A20  # inexact, rounded up
    assert got.fx[32:42] == (0xAAAA_AAAA_AAAA_AAAB | 0x3FFD << 64).to_bytes(10, "little")


def test_x87_fault_by_the_host(host):
    """An unmasked division by zero is reported at the next waiting instruction."""
    unmasked = struct.pack("<H", 0x37B) + FX_INITIAL[2:]
    (got,) = host.run([case("d9e8 d9ee def9 9b 40", fx=unmasked)])
    assert (got.trap, got.eip, got.regs[0]) == ((16, 0, 0), 6, 0)


def test_mmx(oracle):
    image = bytearray(FX_INITIAL)
    image[4] = 0xFF
    image[32:42] = bytes([1, 2, 250, 4, 5, 6, 7, 255, 0xFF, 0xFF])
    image[48:58] = bytes([1, 2, 10, 4, 5, 6, 7, 2, 0xFF, 0xFF])
    (got,) = oracle.run([case("0ffcc1", fx=bytes(image))])  # paddb mm0, mm1
    assert got.trap is None and got.fx is not None
    assert got.fx[32:42] == bytes([2, 4, 4, 8, 10, 12, 14, 1, 0xFF, 0xFF])


def test_fpu_of_one_case_is_not_the_next_ones(oracle):
    image = bytearray(FX_INITIAL)
    image[:5] = b"\x00\x00\x00\x38\xff"  # unmasked; TOP = 7; all in use
    results = oracle.run([case("90", fx=bytes(image)), case("d93d00000020"), case("90", fx=FX_INITIAL)])
    assert results[1].image(case("d93d00000020"))[CODE_SIZE : CODE_SIZE + 2] == b"\x7f\x03"  # fnstcw
    assert results[2].fx[:5] == FX_INITIAL[:5]


LIMITED = Segment(DATA_BASE, 0xF)


@pytest.mark.parametrize(
    ("code", "segments", "trap"),
    [
        ("a10c000000", {"ds": LIMITED}, None),  # mov eax, [0ch]
        ("a10d000000", {"ds": LIMITED}, (13, 0, 0)),
        ("a300000000", {"ds": Segment(DATA_BASE, 0xF, "readonly")}, (13, 0, 0)),
        ("64a10f000000", {"fs": Segment(DATA_BASE, 0xF, "down")}, (13, 0, 0)),
        ("64a110000000", {"fs": Segment(DATA_BASE, 0xF, "down")}, None),
        ("64a1fcff0000", {"fs": Segment(DATA_BASE, 0xF, "down", big=False)}, (14, 4, DATA_BASE + 0xFFFC)),
        ("64a1fdff0000", {"fs": Segment(DATA_BASE, 0xF, "down", big=False)}, (13, 0, 0)),
        ("2ea100000000", {"cs": Segment(CODE_BASE, 0xFFF, "execute")}, (13, 0, 0)),
        ("8b4500", {"ss": LIMITED}, (12, 0, 0)),  # mov eax, [ebp]
        ("66b83f008ed8", {"ldt7": Segment(DATA_BASE, 0xF, present=False)}, (11, 0x3C, 0)),
        ("66b84f008ed8", {"ldt7": LIMITED}, (13, 0x4C, 0)),  # an empty slot
        ("66b83f008ed0", {"ldt7": Segment(DATA_BASE, 0xF, "readonly")}, (13, 0x3C, 0)),
    ],
)
def test_segments_by_the_host(host, code, segments, trap):
    (got,) = host.run([case(code, segments=segments, ebp=0xD)])
    assert got.trap == trap


def test_segment_bases(oracle):
    segments = {"ds": LIMITED, "es": Segment(STACK_BASE, 0xFFFF)}
    start = case("a104000000 26a300000000", segments=segments, data=b"....base")
    (got,) = oracle.run([start])
    assert (got.trap, got.regs[0]) == (None, int.from_bytes(b"base", "little"))
    assert final(got, start, STACK_BASE, 4) == b"base"
    assert (got.selectors[0], got.selectors[3]) == (selector_of("es"), selector_of("ds"))


def test_segments_do_not_outlive_their_case(host):
    load = case("66b83f008ed8")
    results = host.run([case("66b83f008ed8", segments={"ldt7": LIMITED}), load])
    assert [result.trap for result in results] == [None, (13, 0x3C, 0)]


def test_16_bit_code_and_stack(oracle):
    """mov ax, 1234h; push ax; mov eax, ...: with 16-bit code and stack, esp's upper half stays."""
    code = Segment(CODE_BASE, 0xFFFF, "code", big=False)
    stack = Segment(STACK_BASE, 0xFFFF, big=False)
    start = case("b83412 50 66b878563412", segments={"cs": code, "ss": stack}, esp=0xABCD_0100)
    (got,) = oracle.run([start])
    assert (got.trap, got.eip, got.regs[0], got.regs[4]) == (None, 10, 0x1234_5678, 0xABCD_00FE)
    assert final(got, start, STACK_BASE + 0xFE, 2) == b"\x34\x12"


def test_far_jump_between_code_segments(oracle):
    """ljmp to 16-bit code of another base, after the jump; eip in the result stays relative to the code's start."""
    behind = Segment(CODE_BASE + 7, 0xFFFF, "code", big=False)
    (got,) = oracle.run([case("ea000000003f00 b83412", segments={"ldt7": behind})])
    assert (got.trap, got.eip, got.regs[0], got.selectors[1]) == (None, 10, 0x1234, 0x3F)


def test_alignment_check_by_the_host(host):
    results = host.run([case("8b01", ecx=DATA_BASE + 1, eflags=AC), case("8b01", ecx=DATA_BASE + 1)])
    assert [result.trap for result in results] == [(17, 0, 0), None]


def test_level_0_by_unicorn(unicorn, host):
    halt = case("f4", cpl=0)
    results = unicorn.run([halt, case("0f20c0", cpl=0), case("fb fa 9c 58", cpl=0)])
    assert [result.trap for result in results] == [(HALT, 0, 0), None, None]
    assert results[1].regs[0] & 1  # PE
    assert results[2].regs[0] == 2  # cli, pushfd, pop eax: IF is clear
    with pytest.raises(ValueError, match="level 3 only"):
        host.run([halt])


def test_a_timeout_among_others(host):
    """The timer may also tick in cases that end: they must not notice."""
    loop = case("49 75fd", ecx=3_000_000, eflags=NT | ID)  # dec ecx; jnz
    results = host.run([case(ADD), case("ebfe"), loop, loop, case(ADD)])
    assert [result.trap for result in results] == [None, (TIMEOUT, 0, 0), None, None, None]
    assert results[2] == results[3] and results[2].eflags == PF | ZF | NT | ID


def test_more_results_than_the_native_buffer_holds(host):
    """rep stosd over the whole data window: two thousand changed words each."""
    fill = case("f3ab", edi=DATA_BASE, ecx=DATA_SIZE // 4, eax=0x5A5A_5A5A)
    results = host.run([fill] * 600 + [case(ADD)])
    assert {len(result.data) for result in results[:600]} == {DATA_SIZE // 8}
    assert results[600].data == ()


def test_a_crash_of_the_child_is_one_result(host):
    """64-bit code (a far jump to Linux's 64-bit selector) asks the kernel to end the process."""
    leave = case("ea070000103300 b8e7000000 bf01000000 0f05")  # exit_group(1)
    results = host.run([case(ADD), leave, case(ADD, eax=1)])
    assert [result.trap for result in results] == [None, (CRASH, 0, 0), None]


def test_an_interrupted_run_does_not_spoil_the_next(host, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(host, "_converse", interrupted)
        with pytest.raises(KeyboardInterrupt):
            host.run([case(ADD)])
    (got,) = host.run([case(ADD, eax=1, ecx=2)])
    assert got.regs[0] == 3


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (case("90", eflags=0x200), "eflags 0x200"),
        (case("90", data=bytes(0x10000)), "no oracle memory"),
        (case("90", origin=CODE_SIZE), "code window"),
        (case("90", fx=bytes(288)), "512 bytes"),
        (case("90", segments={"ds": Segment(0, 0xF, present=False)}), "let the code load it"),
        (case("90", segments={"ss": Segment(0, 0xF, "readonly")}), "let the code load it"),
        (case("90", segments={"xs": Segment(0, 0xF)}), "segment 'xs'"),
    ],
)
def test_bad_cases(oracle, start, message):
    with pytest.raises(ValueError, match=message):
        oracle.run([start])


def test_segment_descriptor_bytes():
    assert Segment(0, 0xFFFF_FFFF).descriptor() == bytes.fromhex("ffff000000f3cf00")
    assert Segment(0x1234_5678, 0xFFFF, "code", big=False).descriptor() == bytes.fromhex("ffff785634fb0012")
    with pytest.raises(ValueError, match="counts pages"):
        Segment(0, 0x10_0000)


def test_a_host_that_is_not_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(OracleUnavailable, match="needs Linux on x86-64"):
        HostOracle()


def test_changed_words_is_the_form_of_data(host):
    start = case("8901", ecx=DATA_BASE + 5, eax=1)
    (got,) = host.run([start])
    assert changed_words(bytes(start.image()), bytes(got.image(start))) == got.data


# -- the two of them against each other

# add or adc sbb and sub xor cmp, in both directions; test xchg mov mov
ALU_32 = bytes.fromhex("01 03 09 0b 11 13 19 1b 21 23 29 2b 31 33 39 3b 85 87 89 8b")
UNDEFINED_AF = bytes.fromhex("09 0b 21 23 31 33 85")


def random_alu(rng: random.Random) -> tuple[Case, int]:
    """A few ALU instructions on registers and memory, and the mask of the flags that they leave defined."""
    code, mask = bytearray(), ~0
    for _ in range(rng.randint(1, 5)):
        size, opcode = rng.choice((0, 0, 0x66)), rng.choice(ALU_32)
        if size:
            code.append(size)
        if rng.random() < 0.3:
            opcode &= ~1  # the 8-bit form
        reg = rng.randrange(8)
        if reg == 4:
            reg = 0  # esp stays
        if rng.random() < 0.4:
            offset = rng.choice((rng.randrange(DATA_SIZE - 4), PAGE - 1, 2 * PAGE - 2))
            code += bytes((opcode, reg << 3 | 5)) + struct.pack("<I", DATA_BASE + offset)
        else:
            code += bytes((opcode, 0xC0 | reg << 3 | rng.choice((0, 1, 2, 3))))
        if opcode | 1 in UNDEFINED_AF:
            mask = ~AF
    corners = (0, 1, 0x7F, 0x80, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
    regs = [rng.choice((rng.getrandbits(32), rng.choice(corners))) for _ in range(8)]
    regs[4] = STACK_TOP - 64
    return Case(bytes(code), tuple(regs), eflags=rng.getrandbits(12) & (CF | PF | AF | ZF | SF | OF | DF)), mask


@pytest.mark.parametrize("seed", [1])
def test_the_oracles_agree(host, unicorn, seed):
    rng = random.Random(seed)
    pairs = [random_alu(rng) for _ in range(4000)]
    cases = [start for start, _ in pairs]
    for (start, mask), left, right in zip(pairs, host.run(cases), unicorn.run(cases), strict=True):
        left.eflags &= mask
        right.eflags &= mask
        assert left == right, f"{start.code.hex()} differs: {start}"


def test_throughput(host, unicorn, capsys):
    rng = random.Random(2)
    cases = [random_alu(rng)[0] for _ in range(20_000)]
    lines = []
    for name, oracle, count in (("host", host, 20_000), ("unicorn", unicorn, 4_000)):
        started = time.perf_counter()
        oracle.run(cases[:count])
        lines.append(f"{name} {count / (time.perf_counter() - started):,.0f} cases/s")
    with capsys.disabled():
        print(f"\n    oracles: {', '.join(lines)}")
