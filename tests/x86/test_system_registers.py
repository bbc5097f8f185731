"""Control, debug and model-specific registers, CPUID, time stamps, fast system calls, ports, and the reset state."""

import re

import pytest
from system_machine import CODE_AT, ENGINES, FREE, GDT, IDT, STACK, STUBS, UCODE, UDATA, USER_STACK, SystemMachine

from playhead.base.errors import UsageError
from playhead.engine.core import Core
from playhead.hw.memory import Memory
from playhead.x86.system import cpuid
from playhead.x86 import state as S
from playhead.x86.isa import tables
from playhead.x86.reset import linux_entry, reset
from playhead.x86.table import INSTRUCTIONS

GP, UD, DB = 13, 6, 1
TO_RING_3 = """
        movl $TASK, %eax
        ltr %ax
        pushl $UDATA
        pushl $USER_STACK
        pushl $FLAGS
        pushl $UCODE
        pushl $user
        iretl
user:
"""
engines = pytest.mark.parametrize("engine", ENGINES)


def ring_3(engine: str, text: str, flags: int = 0x202) -> SystemMachine:
    return SystemMachine(engine, f"\t.set FLAGS, {flags}\n" + TO_RING_3 + text)


def test_reset_state():
    core = Core(Memory(0x1000))
    reset(core)
    assert (core.seg("cs", "base") + core.get("eip")) == 0xFFFFFFF0
    assert (core.get("cr0"), core.eflags, core.get("regs", 2)) == (0x60000010, 2, 0x652)
    assert (core.get("dr", 6), core.get("dr", 7), core.get("idtr_limit")) == (0xFFFF0FF0, 0x400, 0xFFFF)
    assert all(core.seg(n, "limit") == 0xFFFF for n in S.SEGMENTS)


@engines
@pytest.mark.parametrize("text", [
    "movl %cr0, %eax", "movl %eax, %cr3", "movl %dr7, %eax", "lgdtl 0x500", "lidtl 0x500", "lldt %ax", "ltr %ax",
    "lmsw %ax", "clts",
    "invlpg 0x500", "wbinvd", "rdmsr", "wrmsr", "hlt", "cli", "sti", "rdpmc", "inb $0x60, %al", "outl %eax, %dx",
    "sysexit",
])  # fmt: skip
def test_privileged(engine, text):
    m = ring_3(engine, "bad: " + text)
    m.core.set("sysenter_cs", FREE)
    assert m.fault() == (GP, 0)


@engines
@pytest.mark.parametrize("text,vector", [
    ("movl $0x80000000, %eax\nbad: movl %eax, %cr0", GP), ("movl $0x20000001, %eax\nbad: movl %eax, %cr0", GP),
    ("movl $0x400, %eax\nbad: movl %eax, %cr4", GP), ("movl $0x100000, %eax\nbad: movl %eax, %cr4", GP),
    ("bad: movl %cr1, %eax", UD), ("bad: movl %eax, %cr5", UD), ("movl $8, %eax\n"
                                                                 " movl %eax, %cr4\nbad: movl %dr4, %eax", UD),
    ("movl $0x12345, %ecx\nbad: rdmsr", GP), ("movl $0xfe, %ecx\n"
                                              "bad: wrmsr", GP), ("bad: sysenter", GP), ("bad: rsm", UD),
    ("movl $0x1b, %ecx\n movl $1, %eax\n"
     " xorl %edx, %edx\nbad: wrmsr", GP), ("bad: .byte 0x8e, 0xc8", UD), ("bad: .byte 0x8e, 0xf0", UD),
])  # fmt: skip
def test_refused(engine, text, vector):
    m = SystemMachine(engine, text)
    assert m.vector() == vector
    assert m.stack(0 if vector == UD else 1) == m.symbols["bad"]


@engines
def test_control_registers(engine):
    m = SystemMachine(engine, "movl $0xffffffff, %eax\n andl $0x1fffffff, %eax\n movl %eax, %cr0\n"
                              " movl %cr0, %ebx\n smsw %ecx\n"
                              " clts\n movl %cr0, %edx\n movl $0x3000, %eax\n movl %eax, %cr3\n"
                              " movl %cr3, %esi\n hlt")  # fmt: skip
    m.until_halt()
    assert (m.reg("ebx"), m.reg("ecx"), m.reg("edx"), m.reg("esi")) == (0x5003F, 0x5003F, 0x50037, 0x3000)


@engines
@pytest.mark.parametrize("prefix", [(), (0x67,), (0x66,)])
@pytest.mark.parametrize("mod", range(4))
def test_moves_of_control_and_debug_registers_ignore_mod(engine, mod, prefix):
    """No displacement and no SIB follow, whatever mod and rm are; all but the stack pointer are tried."""
    codes = []
    for rm in (0, 1, 2, 3, 5, 6, 7):
        modrm = mod << 6 | rm
        codes += [[*prefix, 0x0F, 0x20, modrm], [*prefix, 0x0F, 0x22, modrm | 2 << 3], [*prefix, 0x0F, 0x23, modrm],
                  [*prefix, 0x0F, 0x21, modrm | 1 << 3]]  # fmt: skip
    moves = "\n".join(".byte " + ", ".join(map(str, code)) for code in codes)
    m = SystemMachine(engine, f"movl $0x1234, %eax\n movl %eax, %dr1\n{moves}\nend: hlt")
    m.until_halt()
    assert m.core.get("eip") == m.symbols["end"] + 1
    assert [m.core.get("regs", n) for n in (0, 1, 2, 3, 5, 6, 7)] == [0x1234] * 7
    assert m.core.get("cr2") == m.core.get("dr", 0) == m.core.get("cr0") == 0x11


@engines
def test_lmsw_cannot_leave_protected_mode(engine):
    m = SystemMachine(
        engine, "movl $0xe, %eax\n lmsw %ax\n smsw 0x500\n xorl %eax, %eax\n lmsw %ax\n movl %cr0, %ebx\n hlt"
    )
    m.until_halt()
    assert m.dword(0x500) == 0x1F and m.reg("ebx") == 0x11


@engines
def test_write_protect_counts_at_once(engine):
    m = SystemMachine(engine, "movl $0x80000001, %eax\n movl %eax, %cr0\n movl %eax, 0x180000\n orl $0x10000, %eax\n"
                              " movl %eax, %cr0\nbad: movl %eax, 0x180000")  # fmt: skip
    m.page_tables()
    m.set_page(0x180000, 5)
    assert m.fault() == (14, 3)


@engines
@pytest.mark.parametrize(
    "what,stale", [("movl %cr3, %eax\n movl %eax, %cr3", False), ("invlpg 0x180000", False), ("nop", True)]
)
def test_translations_stay_until_flushed(engine, what, stale):
    m = SystemMachine(engine, f"movl $0x80000001, %eax\n movl %eax, %cr0\n movl 0x180000, %ebx\n"
                              f" movl $0x190007, 0x101600\n {what}\n"
                              " movl 0x180000, %ecx\n hlt")  # fmt: skip
    m.page_tables()
    m.poke(0x180000, b"old.")
    m.poke(0x190000, b"new.")
    m.until_halt()
    assert m.reg("ecx") == int.from_bytes(b"old." if stale else b"new.", "little")


@engines
def test_global_pages_survive_cr3(engine):
    text = ("movl $0x80, %eax\n movl %eax, %cr4\n movl $0x80000001, %eax\n movl %eax, %cr0\n movl 0x180000, %ebx\n"
            " movl $0x190007, 0x101600\n movl %cr3, %eax\n movl %eax, %cr3\n movl 0x180000, %ecx\n"
            " xorl %eax, %eax\n movl %eax, %cr4\n movl 0x180000, %edx\n hlt")  # fmt: skip
    m = SystemMachine(engine, text)
    m.page_tables()
    m.set_page(0x180000, 0x107)
    m.poke(0x180000, b"old.")
    m.poke(0x190000, b"new.")
    m.until_halt()
    assert (m.reg("ecx"), m.reg("edx")) == tuple(int.from_bytes(t, "little") for t in (b"old.", b"new."))


@engines
def test_descriptor_table_registers(engine):
    m = SystemMachine(engine, "lidtl 0x500\n sidtl 0x510\n lgdtw 0x500\n sgdtl 0x520\n hlt")
    m.poke(0x500, bytes.fromhex("3412efcdab89"))
    m.until_halt()
    assert m.memory.read(0x510, 6).hex() == "3412efcdab89" and m.memory.read(0x520, 6).hex() == "3412efcdab00"


@engines
def test_debug_registers(engine):
    m = SystemMachine(engine, "movl $0xffffffff, %eax\n movl %eax, %dr6\n movl %dr6, %ebx\n movl $0xfffffc00, %eax\n"
                              " movl %eax, %dr3\n movl %dr3, %ecx\n movl $0x2000, %eax\n"
                              " movl %eax, %dr7\nbad: movl %dr0, %edx")  # fmt: skip
    assert m.vector() == DB and m.stack(0) == m.symbols["bad"]
    assert (m.reg("ebx"), m.reg("ecx")) == (0xFFFFEFFF, 0xFFFFFC00)
    assert m.core.get("dr", 6) & 0x2000 and m.core.get("dr", 7) == 0x400, "BD; the handler may use the registers"


def test_breakpoint_matching():
    m = SystemMachine("reference", "nop")
    core, routine = m.core, m.engine.routine
    core.set("dr", 0x1000, 0)
    core.set("dr", 0x2001, 1)
    core.set("dr", 0x3004, 2)
    # to execute; to write 2 bytes; to access 4 bytes
    core.set("dr", 0x400 | 1 | 2 << 2 | 1 << 4 | 0b0101 << 20 | 0b1111 << 24, 7)
    fetch, data = routine("instruction_breakpoint"), routine("data_breakpoint")
    assert (fetch(0x1000), fetch(0x1001), fetch(0x2000)) == (1, 0, 0)
    assert (data(0x2000, 1, 1), data(0x2001, 1, 1), data(0x2002, 4, 1)) == (2, 2, 0)
    assert (data(0x1FFE, 2, 1), data(0x2000, 4, 0)) == (0, 0)
    assert (data(0x3000, 4, 0), data(0x3001, 4, 0), data(0x3007, 1, 1), data(0x3008, 1, 1)) == (0, 4, 4, 0)
    assert data(0x1000, 4, 1) == 0


# Identification and time


@engines
def test_cpuid(engine):
    m = SystemMachine(engine, "cpuid\n hlt\n" * 4)
    m.until_halt()
    assert m.reg("eax") == 2 and b"".join(m.reg(r).to_bytes(4, "little") for r in ("ebx", "edx", "ecx")) == cpuid.VENDOR
    for leaf, eax in ((1, 0x652), (7, 0x03020101), (0x80000000, 0x80000004)):
        m.core.set("regs", leaf, 0)
        m.until_halt()
        assert m.reg("eax") == eax


@engines
def test_cpuid_apic_bit_follows_the_msr(engine):
    m = SystemMachine(engine, "movl $1, %eax\n cpuid\n movl %edx, %esi\n movl $0x1b, %ecx\n"
                              " movl $0xfee00000, %eax\n xorl %edx, %edx\n"
                              " wrmsr\n movl $1, %eax\n cpuid\n hlt")  # fmt: skip
    assert m.run(100) == S.EXIT_CPU_WRITE and m.core.get("exit_info") == 0x1B
    assert m.core.get("apic_base") == 0xFEE00100 and m.core.get("icount") == 7
    m.until_halt()
    assert m.reg("esi") & 0x200 and not m.reg("edx") & 0x200


def test_models_claim_only_what_is_there():
    for model in cpuid.MODELS.values():
        edx = model.rows()[1][3]
        assert not edx & (1 << 18 | 1 << 19 | 1 << 25 | 1 << 26), "PSN, CLFLUSH, SSE, SSE2"
    assert cpuid.MODELS["486"].cr4_mask == 0x13 and cpuid.MODELS["pentium2"].cr4_mask == 0x3FF


def test_features_by_name():
    assert cpuid.canonical("pentium2") == "pentium2"
    assert cpuid.canonical("pentium2,nx=on,pse=on,-pae") == cpuid.canonical("pentium2,-pae,nx") == "pentium2,-pae,+nx"
    model = cpuid.parse("pentium2,-pae,+nx")
    assert not model.rows()[1][3] & 1 << 6 and model.rows()[4][3] == 1 << 20 and not model.cr4_mask & 0x20
    assert cpuid.parse("486,+pae").cr4_mask == 0x33


@pytest.mark.parametrize("text,said", [
    ("pentium3", "unknown model 'pentium3' (did you mean pentium?)"), ("", "unknown model"), ("486,", "''"),
    ("pentium2,+sse", "the feature 'sse' is not implemented"), ("pentium2,+nx,nx=off", "asked for and refused"),
    ("pentium2,pae=1", "can be on or off, not '1'"), ("pentium2,-fpu", "cannot be taken away"),
    ("pentium2,+paee", "did you mean pae?"), ("pentium2,+nx\n", "not implemented"), ("pentium2,++nx", "'+nx'"),
])  # fmt: skip
def test_processors_that_cannot_be_had(text, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        cpuid.parse(text)


@engines
def test_time_stamp_is_virtual_time(engine):
    m = SystemMachine(engine, "nop\n rdtsc\n movl %eax, %ebx\n nop\n rdtsc\n movl $0x10, %ecx\n"
                              " xorl %edx, %edx\n movl $5, %eax\n"
                              " wrmsr\n rdtsc\n hlt")  # fmt: skip
    m.core.set("shift", 3)
    m.core.set("vbias", 1000)
    m.core.set("tsc_offset", 0)
    m.run(5)
    assert (m.reg("ebx"), m.reg("eax"), m.reg("edx")) == (1008, 1032, 0)
    m.until_halt()
    assert (m.reg("eax"), m.reg("edx")) == (5 + 8, 0)


@engines
def test_rdtsc_can_be_forbidden(engine):
    m = ring_3(engine, "bad: rdtsc")
    m.core.set("cr4", 4)
    assert m.fault() == (GP, 0)


@engines
def test_msrs_that_are_only_stored(engine):
    m = SystemMachine(engine, "movl $0x2ff, %ecx\n movl $0xc06, %eax\n movl $1, %edx\n wrmsr\n"
                              " movl $0x20f, %ecx\n movl $7, %eax\n wrmsr\n"
                              " xorl %eax, %eax\n rdmsr\n movl %eax, %ebx\n movl $0x2ff, %ecx\n rdmsr\n"
                              " movl %eax, %esi\n"
                              " movl $0xfe, %ecx\n rdmsr\n hlt")  # fmt: skip
    m.until_halt()
    assert (m.reg("ebx"), m.reg("esi"), m.reg("eax")) == (7, 0xC06, 0x508)


def access_msr(engine: str, number: int, value: int, cpu: str = "pentium2") -> tuple[int, int] | None:
    """What is read before and after a write of `value`; None if one of the three is #GP."""
    text = f"""
        movl ${number}, %ecx
        rdmsr
        movl %eax, %esi
        movl %edx, %edi
        movl ${value & 0xFFFFFFFF}, %eax
        movl ${value >> 32}, %edx
        wrmsr
        rdmsr
        movl %eax, %ebx
        hlt
    """
    m = SystemMachine(engine, text)
    reset_to(m, cpu)
    m.until_halt()
    if m.core.get("eip") == STUBS + GP + 1:
        return None
    return m.reg("esi") | m.reg("edi") << 32, m.reg("ebx") | m.reg("edx") << 32


def reset_to(m: SystemMachine, cpu: str) -> None:
    """The processor of another model, at the start of the test's code."""
    reset(m.core, model=cpu)
    linux_entry(m.core, {"eip": CODE_AT, "esi": 0, "gdt_base": GDT, "gdt_limit": 0x7F, "esp": STACK})
    m.core.set("idtr_base", IDT)
    m.core.set("idtr_limit", 64 * 8 - 1)


ONES = (1 << 64) - 1


@engines
@pytest.mark.parametrize("number,value,seen", [
    (0x1A0, 0, (1, 0)), (0x277, 0x0606060606060606, (0x0007040600070406, 0x0606060606060606)),
    (0x277, 0x0007040600070402, None), (0x277, 3 << 56, None), (0x277, 8, None), (0x277, 0x0107050600010504, "kept"),
    (0x179, 0, None), (0x17A, 5, (0, 5)), (0x17B, 0, (ONES, 0)), (0x17B, 5, (ONES, ONES)),
    (0x400, 0, (ONES, 0)), (0x424, 5, (ONES, ONES)), (0x401, 0, (0, 0)), (0x401, 1, None), (0x427, 1 << 63, None),
    (0x428, 0, None), (0, 7, (0, 0)), (1, 7, (0, 0)), (2, 0, None), (0xC0000080, 0, None), (0xC0000081, 0, None),
    (0x17, 0, None), (0x8B, 0, (1 << 32, 1 << 32)),
    (0x35, 0, None), (0x198, 0, None), (0x79, 0, None), (0x1D9, 0, (0, 0)), (0x210, 0, None),
])  # fmt: skip
def test_msrs_of_a_pentium2(engine, number, value, seen):
    found = access_msr(engine, number, value)
    assert found == seen or (seen == "kept" and found is not None and found[1] == value)


@engines
def test_msrs_that_are_only_read_or_only_written(engine):
    read = "movl ${}, %ecx\n rdmsr\n movl %eax, %esi\n movl %edx, %edi\nbad: wrmsr"
    for number, value in ((0x35, 0x1_0001), (0x198, 4 << 40 | 1000), (0x17, 0), (0x179, 0x100010A), (0xFE, 0x508)):
        m = SystemMachine(engine, read.format(number))
        assert m.fault() == (GP, 0)
        assert m.reg("esi") | m.reg("edi") << 32 == value, hex(number)
    assert SystemMachine(engine, "movl $0x79, %ecx\n wrmsr\nbad: rdmsr").fault() == (GP, 0)


@engines
@pytest.mark.parametrize("cpu,number", [
    ("pentium", 0x277), ("pentium", 0x179), ("pentium", 0x400), ("pentium", 0x200), ("pentium", 0x174),
    ("pentium2,-pat", 0x277), ("pentium2,-mca", 0x17A), ("pentium2,-mtrr", 0x2FF), ("pentium2,-mce", 1),
])  # fmt: skip
def test_msrs_follow_the_features(engine, cpu, number):
    assert access_msr(engine, number, 0, cpu) is None
    assert access_msr(engine, 0x1A0, 1, cpu) == (1, 1)


@engines
def test_sysenter_and_sysexit(engine):
    m = ring_3(engine, "movl $0x5000, %ecx\n movl $user2, %edx\n sysenter\nkernel: movw %cs, %bx\n"
                       " movw %ss, %si\n movl %esp, %ebp\n"
                       " sysexit\nuser2: nop\n nop")  # fmt: skip
    for name, value in (("sysenter_cs", FREE + 1), ("sysenter_esp", 0x6000), ("sysenter_eip", m.symbols["kernel"])):
        m.core.set(name, value)
    m.run(11)
    assert m.core.get("eip") == m.symbols["kernel"] and m.core.get("cpl") == 0
    assert m.core.get("eflags") & S.IF == 0
    m.run(5)
    assert (m.reg("ebx") & 0xFFFF, m.reg("esi") & 0xFFFF, m.reg("ebp")) == (FREE, FREE + 8, 0x6000)
    assert (m.sel("cs"), m.sel("ss"), m.core.get("cpl")) == (FREE + 19, FREE + 27, 3)
    assert (m.reg("esp"), m.core.get("eip")) == (0x5000, m.symbols["user2"] + 1)


# Ports


def answer(m: SystemMachine, value: int) -> None:
    n = m.core.get("latch_n")
    m.core.set("latch", value, n)
    m.core.set("latch_n", n + 1)


def written(m: SystemMachine) -> list[tuple[int, int, int]]:
    """(port, size, value) of each pending write."""
    found = []
    for i in range(m.core.get("store_n")):
        where = m.core.get("stores", 2 * i)
        found.append((where & 0xFFFFFFFF, where >> 32, m.core.get("stores", 2 * i + 1)))
    m.core.set("store_n", 0)
    return found


@engines
def test_in_and_out(engine):
    m = SystemMachine(
        engine,
        "movl $0x12345678, %eax\n outb %al, $0x80\n movl $0x3f8, %edx\n outw %ax, %dx\n"
        " inl %dx, %eax\n inb $0x61, %al\n hlt",
    )
    assert m.run(100) == S.EXIT_PORT_WRITE and written(m) == [(0x80, 1, 0x78)] and m.core.get("icount") == 2
    assert m.run(100) == S.EXIT_PORT_WRITE and written(m) == [(0x3F8, 2, 0x5678)]
    assert m.run(100) == S.EXIT_PORT_READ and m.core.get("exit_info") == 0x3F8 | 4 << 32 and m.core.get("icount") == 4
    answer(m, 0xDEADBEEF)
    assert m.run(100) == S.EXIT_PORT_READ and m.core.get("exit_info") == 0x61 | 1 << 32
    answer(m, 0x42)
    m.until_halt()
    assert m.reg("eax") == 0xDEADBE42


@engines
def test_string_input_and_output(engine):
    m = SystemMachine(engine, "movl $3, %ecx\n movl $0x1f0, %edx\n movl $0x20000, %edi\n rep insw\n"
                              " movl $2, %ecx\n movl $0x20002, %esi\n"
                              " rep outsw\n xorl %ecx, %ecx\n rep outsb\n hlt")  # fmt: skip
    for value in (0x1111, 0x2222, 0x3333):
        assert m.run(100) == S.EXIT_PORT_READ and m.core.get("exit_info") == 0x1F0 | 2 << 32
        answer(m, value)
    assert m.run(100) == S.EXIT_PORT_WRITE and written(m) == [(0x1F0, 2, 0x2222)]
    assert m.run(100) == S.EXIT_PORT_WRITE and written(m) == [(0x1F0, 2, 0x3333)]
    m.until_halt()
    assert (m.reg("edi"), m.reg("esi"), m.reg("ecx")) == (0x20006, 0x20006, 0)
    assert m.core.get("icount") == 3 + 3 + 2 + 2 + 3, "every iteration is an instruction"


@engines
def test_string_input_faults_before_it_reads(engine):
    m = SystemMachine(
        engine, "movl $0x80010001, %eax\n movl %eax, %cr0\n movl $0x180fff, %edi\n movl $0x1f0, %edx\nbad: insw"
    )
    m.page_tables()
    m.set_page(0x181000, 5)
    assert m.fault() == (14, 3) and m.core.get("cr2") == 0x181000


@engines
@pytest.mark.parametrize("port,size,good", [(0x10, "b", True), (0x11, "b", False), (0x0F, "w", True),
                                            (0x10, "w", False), (0x0D, "l", True),
                                            (0x0E, "l", False), (0x17, "b", False), (0x18, "b", True),
                                            (0x50, "b", False)])  # fmt: skip
def test_permission_map(engine, port, size, good):
    """The map covers ports 0 to 27h: 11h to 17h are refused, what lies after it is refused too."""
    register = {"b": "%al", "w": "%ax", "l": "%eax"}[size]
    m = ring_3(engine, f"movl ${port}, %edx\nbad: out{size} {register}, %dx")
    m.describe(0x30, 0x3000, 0x68 + 5, 0x89)
    m.poke(0x3066, (0x68).to_bytes(2, "little") + bytes([0, 0, 0xFE, 0, 0, 0xFF]))
    if good:
        assert m.run(100) == S.EXIT_PORT_WRITE and written(m)[0][0] == port
    else:
        assert m.fault() == (GP, 0)


@engines
def test_ports_by_iopl(engine):
    m = ring_3(engine, "outb %al, $0x80\n cli\n sti\nbad: hlt", flags=0x3202)
    assert m.run(100) == S.EXIT_PORT_WRITE and written(m) == [(0x80, 1, 0x30)]
    assert m.fault() == (GP, 0)
    assert (m.stack(2), m.stack(3) & 0x3200, m.stack(4), m.stack(5)) == (UCODE, 0x3200, USER_STACK, UDATA)


@engines
@pytest.mark.parametrize("access,faults", [
    ("movl 0x501, %eax", True), ("movw %ax, 0x503", True), ("incl 0x506", True), ("fldl 0x504", True),
    ("movl 0x504, %eax", False), ("movb 0x501, %al", False), ("movw 0x502, %ax", False),
])  # fmt: skip
def test_alignment_check(engine, access, faults):
    """With CR0.AM and EFLAGS.AC, user accesses must be aligned; the error code is 0 (volume 3, 6.15)."""
    setup = "\tmovl %cr0, %eax\n\torl $0x40000, %eax\n\tmovl %eax, %cr0\n"
    text = setup + TO_RING_3 + f"\tmovl $UDATA, %eax\n\tmovl %eax, %ds\nbad: {access}\n\tud2\n"
    m = SystemMachine(engine, "\t.set FLAGS, 0x40202\n" + text)
    if faults:
        assert m.fault() == (17, 0)
    else:
        assert m.vector() == UD


@engines
@pytest.mark.parametrize("text,feature", [
    ("cmovel %eax, %ebx", "cmov"), ("fcmove %st(1), %st", "cmov"), ("fcomi %st(1), %st", "cmov"),
    ("fucomip %st(1), %st", "cmov"), ("emms", "mmx"), ("paddb %mm0, %mm1", "mmx"), ("psllw $1, %mm0", "mmx"),
    ("movd %eax, %mm0", "mmx"), ("fxsave 0x600", "fxsr"), ("cmpxchg8b 0x600", "cx8"), ("rdtsc", "tsc"),
    ("rdmsr", "msr"), ("wrmsr", "msr"), ("sysenter", "sep"), ("sysexit", "sep"),
])  # fmt: skip
def test_what_a_feature_is_for_is_undefined_without_it(engine, text, feature):
    start = "movl $0x8b, %ecx\n xorl %eax, %eax\n xorl %edx, %edx\n"
    m = SystemMachine(engine, f"{start}bad: {text}\n hlt")
    reset_to(m, f"pentium2,-{feature}")
    assert m.vector() == UD and m.stack(0) == m.symbols["bad"]
    if not text.startswith("sys"):
        m = SystemMachine(engine, f"{start}bad: {text}\n hlt")
        m.until_halt()
        assert m.symbols["bad"] + 1 < m.core.get("eip") < STUBS


def test_every_instruction_of_the_mmx_chapter_needs_mmx():
    tables()
    assert {i.feature for i in INSTRUCTIONS if i.chapter == "mmx"} == {"mmx"}
