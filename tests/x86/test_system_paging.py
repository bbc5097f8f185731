"""The page walk of all three formats: PAE tables and their PDPTE registers, reserved bits, no-execute, addresses of
4 GiB and above, and a debugger's view of the same tables."""

import random
import struct
from types import SimpleNamespace

import pytest
from system_machine import ENGINES, TASK2, TSS2, SystemMachine
from test_system_registers import TO_RING_3, reset_to
from test_system_tasks import new_task

from playhead.engine.core import Core
from playhead.hw.memory import Memory
from playhead.ir.evaluator import GuestFault
from playhead.machine import look
from playhead.machine.differences import _tlb

GP, PF = 13, 14
P, W, U, A, D, BIG, GLOBAL, PAT = 1, 2, 4, 0x20, 0x40, 0x80, 0x100, 0x1000
NX, NXE = 1 << 63, 0x800
PDPT, PD, PT, PD1, PT1 = 0x100000, 0x101000, 0x102000, 0x103000, 0x104000
LARGE_AT, SMALL_AT = 0x40000000, 0x40200000  # linear: a 2 MiB page, a table of 4 KiB pages
TARGET = 0x180000  # a frame that is free
engines = pytest.mark.parametrize("engine", ENGINES)
RING_3 = "\t.set FLAGS, 0x202\n" + TO_RING_3 + "movl $UDATA, %eax\n movl %eax, %ds\n"
PAE_ON = f"""
        movl ${PDPT}, %eax
        movl %eax, %cr3
        movl %cr4, %eax
        orl $0x20, %eax
        movl %eax, %cr4
        movl %cr0, %eax
        orl $0x80010000, %eax
        movl %eax, %cr0
"""


def pae(engine: str, text: str, cpu: str = "", start: str = PAE_ON) -> SystemMachine:
    """Linear 0 to 2 MiB one to one by 4 KiB pages; 40000000h the same by one large page; 40200000h a table."""
    m = SystemMachine(engine, start + text)
    if cpu:
        reset_to(m, cpu)
    m.poke(PDPT, struct.pack("<4Q", PD | P, PD1 | P, 0, 0))
    m.poke(PD, struct.pack("<Q", PT | P | W | U))
    m.poke(PT, b"".join(struct.pack("<Q", page << 12 | P | W | U) for page in range(512)))
    m.poke(PD1, struct.pack("<2Q", BIG | P | W | U, PT1 | P | W | U))
    return m


def quad(m: SystemMachine, address: int, value: int | None = None) -> int:
    if value is not None:
        m.poke(address, struct.pack("<Q", value))
    return int.from_bytes(m.memory.read(address, 8), "little")


def seen(m: SystemMachine, linear: int) -> int | None:
    """What a debugger finds."""
    return look.translate(SimpleNamespace(core=m.core, memory=m.memory), linear)  # type: ignore[arg-type]


@engines
def test_pages_of_both_sizes_and_their_bits(engine):
    m = pae(
        engine,
        f"movl {LARGE_AT + TARGET}, %ebx\n movl {SMALL_AT + 0x3004}, %ecx\n movl %ebx, {SMALL_AT + 0x3008}\n hlt",
    )
    m.poke(TARGET, struct.pack("<3I", 0x1111, 0x2222, 0))
    quad(m, PT1 + 8 * 3, TARGET | P | W | U)
    m.until_halt()
    assert (m.reg("ebx"), m.reg("ecx"), m.dword(TARGET + 8)) == (0x1111, 0x2222, 0x1111)
    assert quad(m, PD1) == BIG | P | W | U | A
    assert quad(m, PD1 + 8) == PT1 | P | W | U | A
    assert quad(m, PT1 + 24) == TARGET | P | W | U | A | D
    assert quad(m, PDPT + 8) == PD1 | P, "a PDPTE has no accessed bit"
    assert (seen(m, LARGE_AT + TARGET + 5), seen(m, SMALL_AT + 0x3004), seen(m, 0x80000000)) == (
        TARGET + 5,
        TARGET + 4,
        None,
    )
    live = m.core.save_tlb()
    other = Core(Memory(0x1000))
    other.load_tlb(live)
    assert other.save_tlb() == live and struct.pack("<I", LARGE_AT >> 21) in live


@engines
def test_the_pdpte_registers_are_what_counts(engine):
    """A change of the table in memory is not seen before CR3 is loaded again, not even after INVLPG."""
    text = f"""
        movl {LARGE_AT + TARGET}, %ebx
        movl $0, {PDPT + 8}
        invlpg {LARGE_AT + TARGET}
        movl {LARGE_AT + TARGET}, %ecx
        movl %cr3, %eax
        movl %eax, %cr3
        bad: movl {LARGE_AT + TARGET}, %edx
    """
    m = pae(engine, text)
    m.poke(TARGET, b"\x01")
    assert (m.fault(), m.reg("ebx"), m.reg("ecx")) == ((PF, 0), 1, 1)
    assert [m.core.get("pdpte", n) for n in range(4)] == [PD | P, 0, 0, 0]


@engines
@pytest.mark.parametrize("change", [
    "movl %cr4, %eax\n orl $0x80, %eax\n movl %eax, %cr4", "movl %cr4, %eax\n xorl $0x10, %eax\n movl %eax, %cr4",
    "movl %cr0, %eax\n orl $0x40000000, %eax\n movl %eax, %cr0",
])  # fmt: skip
def test_other_control_bits_load_them_too(engine, change):
    m = pae(engine, f"movl ${PD1 + 1}, {PDPT + 16}\n {change}\n movl {LARGE_AT + 0x40000000 + TARGET}, %ebx\n hlt")
    m.poke(TARGET, b"\x07")
    m.until_halt()
    assert m.reg("ebx") == 7


@engines
def test_a_change_of_write_protect_does_not_load_them(engine):
    text = f"movl ${PD1 + 1}, {PDPT + 16}\n movl %cr0, %eax\n xorl $0x10000, %eax\n movl %eax, %cr0\n"
    assert pae(engine, text + f"bad: movl {LARGE_AT + 0x40000000}, %ebx").fault() == (PF, 0)


@engines
@pytest.mark.parametrize("bit", [1, 2, 5, 8, 36, 62, 63])
@pytest.mark.parametrize("where", ["bad: movl %eax, %cr3", "xorl $0x80, %ebx\nbad: movl %ebx, %cr4",
                                   "xorl $0x40000000, %ecx\nbad: movl %ecx, %cr0"])  # fmt: skip
def test_reserved_bits_of_a_pdpte_are_refused_and_nothing_is_loaded(engine, bit, where):
    start = "movl %cr3, %eax\n movl %cr4, %ebx\n movl %cr0, %ecx\n"
    m = pae(engine, start + f"orl ${1 << bit & 0xFFFFFFFF}, {PDPT + 16}\n orl ${1 << bit >> 32}, {PDPT + 20}\n" + where)
    quad(m, PDPT + 16, PD1)
    m.run(12)
    quad(m, PDPT + 16, PD1 | P | 1 << bit)
    assert m.fault() == (GP, 0)
    assert [m.core.get("pdpte", n) for n in range(4)] == [PD | P, PD1 | P, PD1, 0]


@engines
def test_paging_does_not_go_on_with_a_bad_pdpte(engine):
    m = pae(engine, "", start=PAE_ON.replace("movl %eax, %cr0", "bad: movl %eax, %cr0"))
    quad(m, PDPT + 24, P | 4)
    assert m.fault() == (GP, 0)
    assert not m.core.get("cr0") >> 31


@engines
def test_a_task_brings_its_own(engine):
    text = "movl $TASK, %eax\n ltr %ax\n ljmpl $TASK2, $0\nother: movl 0x40180000, %ebx\n hlt"
    m = pae(engine, text)
    m.poke(TARGET, b"\x05")
    m.poke(PDPT + 0x20, struct.pack("<4Q", PD | P, 0, 0, 0))
    m.poke(PDPT + 0x40, struct.pack("<4Q", PD | P, PD1 | P, 0, 0))
    new_task(m, m.symbols["other"], cr3=PDPT + 0x40)
    m.run(11)
    assert (m.core.get("cr3"), m.sel("tr")) == (PDPT + 0x40, TASK2)
    m.until_halt()
    assert m.reg("ebx") == 5


@engines
def test_a_task_whose_pdptes_are_bad_is_not_entered(engine):
    m = pae(engine, "movl $TASK, %eax\n ltr %ax\nbad: ljmpl $TASK2, $0\nother: hlt")
    new_task(m, m.symbols["other"], cr3=PDPT + 0x40)
    quad(m, PDPT + 0x48, P | 2)
    assert m.fault() == (GP, 0)
    assert m.core.get("cr3") == PDPT and m.dword(TSS2) == 0


# (entry of the page directory, entry of the table or None for a large page), what is done, the error code or None
READ, STORE, FETCH = "movl {at}, %ebx", "movl %ebx, {at}", "movl ${at}, %edx\n jmp *%edx"
FULL = P | W | U
CASES = [
    (PT1 | FULL, TARGET | FULL, READ, None),
    (PT1 | FULL, TARGET, READ, 0),
    (PT1 | FULL, TARGET, STORE, 2),
    (PT1 | FULL, TARGET | P, READ, None),
    (PT1 | FULL, TARGET | P, STORE, 3),
    (PT1 | P, TARGET | FULL, STORE, 3),
    (PT1 | FULL | 1 << 36, TARGET | FULL, READ, 9),
    (PT1 | FULL | 1 << 62, TARGET | FULL, STORE, 0xB),
    (PT1 | FULL | 1 << 40, TARGET, READ, 9),  # the directory's entry is checked first
    (PT1 | 1 << 40, TARGET, READ, 0),  # and one that is not present is not checked
    (PT1 | FULL, TARGET | FULL | 1 << 36, READ, 9),
    (PT1 | FULL, TARGET | P | 1 << 50, STORE, 0xB),
    (PT1 | FULL, TARGET | 1 << 50, STORE, 2),
    (PT1 | FULL | NX, TARGET | FULL, READ, 9),  # without NXE
    (PT1 | FULL, TARGET | FULL | NX, READ, 9),
    (PT1 | FULL, TARGET | FULL | 0x80, READ, None),  # PAT
    (FULL | BIG | A, None, READ, None),
    (FULL | BIG | PAT, None, READ, None),
    *[(FULL | BIG | 1 << bit, None, READ, 9) for bit in (13, 16, 20, 36, 51, 62, 63)],
    (P | BIG | 1 << 13, None, STORE, 0xB),
    (P | BIG, None, STORE, 3),
]


def attempt(
    engine: str, pde: int, pte: int | None, how: str, error: int | None, efer: int = 0, user: bool = False
) -> SystemMachine:
    at = SMALL_AT if pte is not None else SMALL_AT + TARGET
    text = (RING_3 if user else "") + "bad: " + how.format(at=at) + "\ninb $0x80, %al"
    m = pae(engine, text, "pentium2,+nx")
    m.core.set("efer", efer)
    quad(m, PD1 + 8, pde)
    if pte is not None:
        quad(m, PT1, pte)
    m.poke(TARGET, b"\xe4\x80")
    if error is None:
        assert m.run(40) == 2, "the port is read: nothing was raised"
    else:
        assert (m.vector(), m.stack(0)) == (PF, error)
        assert m.core.get("cr2") == at
    return m


@engines
@pytest.mark.parametrize("pde,pte,how,error", CASES)
def test_what_a_pae_walk_refuses(engine, pde, pte, how, error):
    m = attempt(engine, pde, pte, how, error)
    if error is not None and error & 8:
        assert seen(m, m.core.get("cr2")) is None
        assert quad(m, PD1 + 8) == pde and (pte is None or quad(m, PT1) == pte), "no bit was set on the way"


@engines
@pytest.mark.parametrize("pde,pte,how,error,user", [
    (PT1 | FULL, TARGET | FULL | NX, FETCH, 0x11, False), (PT1 | FULL, TARGET | FULL | NX, FETCH, 0x15, True),
    (PT1 | FULL | NX, TARGET | FULL, FETCH, 0x11, False), (FULL | BIG | NX, None, FETCH, 0x11, False),
    (PT1 | FULL, TARGET | FULL | NX, READ, None, False), (PT1 | FULL, TARGET | FULL | NX, STORE, None, False),
    (PT1 | FULL, TARGET | FULL, FETCH, None, False), (PT1 | FULL, TARGET | NX, FETCH, 0x10, False),
    (PT1 | FULL, TARGET | P, FETCH, 0x15, True), (PT1 | FULL, TARGET | FULL | NX | 1 << 61, FETCH, 0x19, False),
    (PT1 | FULL, TARGET | P | W, READ, 5, True),
])  # fmt: skip
def test_no_execute(engine, pde, pte, how, error, user):
    attempt(engine, pde, pte, how, error, NXE, user)


@engines
def test_a_fetch_says_so_only_under_nxe(engine):
    attempt(engine, PT1 | FULL, TARGET, FETCH, 0)


@engines
def test_data_that_is_live_still_cannot_be_run(engine):
    """The translation of the read is in the TLB; the fetch that hits it is refused anyway, over and over."""
    text = f"movl {SMALL_AT}, %ebx\n movl ${SMALL_AT}, %edx\n jmp *%edx"
    m = pae(engine, text, "pentium2,+nx")
    m.core.set("efer", NXE)
    quad(m, PT1, TARGET | FULL | NX)
    assert (m.vector(), m.stack(0)) == (PF, 0x11)


@engines
def test_nxe_is_written_by_wrmsr_and_voids_translations(engine):
    text = (
        f"movl {SMALL_AT}, %ebx\n movl $0xc0000080, %ecx\n rdmsr\n orl $0x800, %eax\n wrmsr\n rdmsr\n movl %eax, %esi\n"
    )
    m = pae(engine, text + "movl $0x900, %eax\nbad: wrmsr", "pentium2,+nx")
    quad(m, PT1, TARGET | FULL)
    assert m.fault() == (GP, 0)
    assert m.reg("esi") == m.core.get("efer") == NXE
    assert struct.pack("<I", SMALL_AT >> 12) not in m.core.save_tlb()
    m = pae(engine, "movl $0xc0000080, %ecx\nbad: rdmsr")
    assert m.fault() == (GP, 0), "without NX there is no EFER"


@engines
@pytest.mark.parametrize("pde,pte", [(PT1 | FULL, 1 << 32 | FULL), (1 << 35 | BIG | FULL, None)])
def test_above_4_gib_there_is_nothing(engine, pde, pte):
    """Reads give ones, writes vanish, over page boundaries too; low memory at the same 32 bits is left alone."""
    at = SMALL_AT if pte is not None else SMALL_AT + 0x1000
    text = f"""
        movl {at + 8}, %ebx
        movl $0x55555555, {at + 8}
        incl {at + 8}
        movl {at + 8}, %ecx
        movl $0x55555555, {at + 0xFFE}
        movl {at + 0xFFE}, %edx
        movl $64, %ecx
        movl ${at}, %edi
        cld
        rep stosl
        movl {at}, %ecx
        movl ${at + 4}, %eax
        movl $0x7000, %esp
        jmp *%eax
    """
    m = pae(engine, text)
    quad(m, PD1 + 8, pde)
    if pte is not None:
        quad(m, PT1, pte)
        quad(m, PT1 + 8, TARGET | FULL)
    m.set_gate(6, 0x40000 + 6, 0x8E)
    before = m.memory.read(0, 0x2000)
    assert m.vector() == 6, "FF FF is no instruction"
    ones = 0xFFFFFFFF if pte is None else 0x5555FFFF
    assert (m.reg("ebx"), m.reg("ecx"), m.reg("edx")) == (0xFFFFFFFF, 0xFFFFFFFF, ones)
    assert m.stack(0) == at + 4
    assert m.memory.read(0, 0x2000) == before
    assert seen(m, at) is None
    if pte is not None:
        assert m.word(TARGET) == 0x5555


@engines
def test_tables_above_4_gib_read_as_ones(engine):
    attempt(engine, 1 << 32 | PT1 | FULL, TARGET | FULL, READ, 9)


# 32-bit paging: what a directory's entry of a 4 MiB page and a table's entry may have, by what the processor is
SMALL, LARGE = 0x102000 | FULL, BIG | FULL


@engines
@pytest.mark.parametrize("cpu,pde,pte,error", [
    ("pentium2", LARGE | 1 << 21, 0, 9), ("pentium2", LARGE | 1 << 17, 0, 9), ("pentium2", LARGE | 1 << 20, 0, 9),
    ("pentium2", LARGE | PAT, 0, None), ("pentium2", LARGE | 1 << 13, 0, 0xFFFF),
    ("pentium2,-pse36", LARGE | 1 << 13, 0, 9), ("pentium2,-pse36", LARGE | PAT, 0, None),
    ("pentium2,-pat", LARGE | PAT, 0, 9), ("pentium", LARGE | 1 << 16, 0, 9), ("pentium", LARGE | PAT, 0, 9),
    ("pentium", LARGE | A | D | GLOBAL | 0xE00 | 0x18, 0, None),
    ("pentium2", SMALL, TARGET | FULL | 0x80, None), ("pentium", SMALL, TARGET | FULL | 0x80, 9),
    ("pentium", SMALL, TARGET | 0x80, 0), ("pentium,-pse", SMALL | 0x80, TARGET | FULL, None),
    ("pentium", SMALL | GLOBAL, TARGET | FULL | 0xE38, None),
])  # fmt: skip
def test_reserved_bits_of_32_bit_tables(engine, cpu, pde, pte, error):
    """FFFFh: the access goes to a place above 4 GiB (PSE-36)."""
    at = 0x40000000 + (0 if pte else TARGET)
    m = SystemMachine(engine, f"bad: movl {at}, %ebx\n hlt")
    reset_to(m, cpu)
    m.page_tables()
    m.core.set("cr4", m.core.get("cr4_mask") & 0x10)
    m.poke(0x100400, struct.pack("<I", pde))
    m.poke(0x102000, struct.pack("<I", pte))
    m.poke(TARGET, struct.pack("<I", 0x1234))
    m.core.set("cr0", 0x80000011)
    if error is None or error == 0xFFFF:
        m.until_halt()
        assert m.reg("ebx") == (0x1234 if error is None else 0xFFFFFFFF)
        assert seen(m, at) == (TARGET if error is None else None)
    else:
        assert m.fault() == (PF, error)
        assert seen(m, at) is None


@engines
@pytest.mark.parametrize("user,write,error", [(False, True, 0xB), (True, False, 0xD), (True, True, 0xF)])
def test_reserved_bits_go_before_rights(engine, user, write, error):
    """The other bits of the error code say what was tried, whether or not it would have been allowed."""
    body = RING_3 if user else ""
    m = SystemMachine(engine, body + f"bad: {'movl %ebx, 0x40000000' if write else 'movl 0x40000000, %ebx'}\n hlt")
    m.page_tables()
    m.core.set("cr4", 0x10)
    m.poke(0x100400, struct.pack("<I", BIG | P | 1 << 21))
    m.core.set("cr0", 0x80010011)
    assert m.fault() == (PF, error)


@engines
def test_a_difference_of_large_pages_is_named_by_its_address(engine):
    m = pae(engine, f"movl {LARGE_AT}, %ebx\n movl {LARGE_AT + 0x200000}, %ebx\n hlt")
    quad(m, PD1 + 8, FULL | BIG | A)
    before = m.core.save_tlb()
    m.until_halt()
    named = {where for where, _, _ in _tlb(before, m.core.save_tlb())}
    assert {f"entry of {LARGE_AT:#010x}", f"entry of {LARGE_AT + 0x200000:#010x}"} <= named


def random_entry(rng: random.Random, frame: int, wide: bool) -> int:
    """Mostly present, now and then with a bit that should not be there."""
    entry = frame | rng.getrandbits(12) | (P if rng.random() < 0.9 else 0)
    if rng.random() < 0.6:
        entry &= ~0x80
    if rng.random() < 0.3:
        entry ^= 1 << rng.randrange(12, 64 if wide else 32)
    return entry


@pytest.mark.parametrize("seed", range(20))
def test_a_debugger_finds_what_the_processor_finds(seed):
    """`look.translate` is written on its own: for reads of ring 0 both must say the same of random tables."""
    rng = random.Random(seed)
    cpu = rng.choice(("pentium2", "pentium2,+nx", "pentium2,-pat", "pentium2,-pse36", "pentium2,-pat,-pse36"))
    for wide in (False, True):
        m = pae("reference", "hlt", cpu, start="")
        m.core.set("efer", rng.choice((0, NXE)) if "nx" in cpu else 0)
        m.core.set("cr0", 0x80000011)
        m.core.set("cr3", PD)
        m.core.set("cr4", 0x20 if wide else rng.choice((0, 0x10)))
        m.core.set("pdpte", PD1 | rng.choice((P, P, P, 0)), 1)
        for _ in range(60):
            linear = 0x40000000 | rng.getrandbits(21)
            pde, pte = (random_entry(rng, frame, wide) for frame in (PT1, TARGET))
            for at, value in (
                (PD1 if wide else PD + 0x400, pde),
                (PT1 + (linear >> 12 & 0x1FF) * (8 if wide else 4), pte),
            ):
                m.poke(at, struct.pack("<Q" if wide else "<I", value))
            expected = seen(m, linear)
            m.engine.routine("flush_tlb")(1)
            try:
                found = m.engine.routine("translate")(linear, 4)
            except GuestFault as fault:
                assert fault.vector == PF and expected is None, (cpu, wide, hex(pde), hex(pte))
            else:
                address = None if found >> 34 else found & 0xFFFFFFFF
                assert address == expected, (cpu, wide, hex(pde), hex(pte))
