"""The processor's first state: after reset (manual volume 3, 9.1.1), and as the 32-bit Linux boot protocol wants it."""

from collections.abc import Mapping
from typing import Protocol

from playhead.x86.system import cpuid, msr_map
from playhead.x86 import state as S


class Core(Protocol):
    """The state block by names, as engines offer it."""

    eflags: int
    stale: bool

    def get(self, name: str, index: int = 0) -> int: ...

    def set(self, name: str, value: int, index: int = 0) -> None: ...

    def set_seg(self, segment: str, name: str, value: int) -> None: ...

    def load_tlb(self, data: bytes) -> None: ...


RESET_VECTOR_BASE = 0xFFFF0000
ALL_ONES = (1 << 64) - 1
KEPT = ("icount", "seq", "vbias", "shift", "a20_mask")  # the machine's, not the processor's


def set_segment(core: Core, name: str, selector: int, base: int, limit: int, attr: int) -> None:
    """Fill a hidden part as loading a present, expand-up segment would; `attr` as in the state block."""
    end = limit + 1 if attr & 0x1000 else 0
    code = attr & 0x800
    values = {"sel": selector, "base": base, "limit": limit, "attr": attr, "lo": 0,
              "rend": 0 if code and not attr & 0x200 else end, "wend": 0 if code else end}  # fmt: skip
    for field, value in values.items():
        core.set_seg(name, field, value)


def reset(core: Core, apic_base: int = 0xFEE00900, model: str = cpuid.DEFAULT) -> None:
    """Power-on state. Instruction count, virtual time and the A20 gate are left to the machine."""
    for name, slot in S.FIELDS.items():
        if slot.arch and name not in KEPT:
            for i in range(slot.count):
                core.set(name, 0, i)
    for name in ("latch_n", "latch_i", "store_n", "exit_reason", "fl_res", "fl_aux"):
        core.set(name, 0)
    if not core.get("a20_mask"):
        core.set("a20_mask", 0xFFFFFFFF)
    for name in S.SEGMENTS[:6]:
        set_segment(core, name, 0, 0, 0xFFFF, 0x9300)
    set_segment(core, "cs", 0xF000, RESET_VECTOR_BASE, 0xFFFF, 0x9300)
    set_segment(core, "ldtr", 0, 0, 0xFFFF, 0x8200)
    set_segment(core, "tr", 0, 0, 0xFFFF, 0x8B00)
    _identify(core, model)
    core.set("regs", cpuid.parse(model).signature, 2)
    core.set("eip", 0xFFF0)
    core.eflags = 2
    core.set("cr0", 0x60000010)
    core.set("gdtr_limit", 0xFFFF)
    core.set("idtr_limit", 0xFFFF)
    core.set("dr", 0xFFFF0FF0, 6)
    core.set("dr", 0x400, 7)
    core.set("apic_base", apic_base)
    core.set("inhibit_icount", ALL_ONES)
    core.set("nodebug_icount", ALL_ONES)
    core.set("tsc_offset", -(core.get("vbias") + (core.get("icount") << core.get("shift"))) & ALL_ONES)
    for index, value in msr_map.FIRST_VALUES.items():
        core.set("msrs", value, index)
    core.set("fcw", 0x40)
    core.load_tlb(b"\xff" * 4)
    core.stale = True


def _identify(core: Core, model: str) -> None:
    chosen = cpuid.parse(model)
    for n, row in enumerate(chosen.rows()):
        for i, value in enumerate(row):
            core.set("cpuid", value, 4 * n + i)
    core.set("cr4_mask", chosen.cr4_mask)


def linux_entry(core: Core, regs: Mapping[str, int]) -> None:
    """Flat protected mode, interrupts and paging off (Documentation/x86/boot: 32-bit boot protocol), after `reset`.

    `regs`: eip, gdt_base, gdt_limit; eax, ebx and esi for what a boot protocol says; esp if the caller has a stack.
    The GDT there must have a flat code segment at 10h and a flat data segment at 18h.
    """
    core.set("cr0", core.get("cr0") & ~0x60000000 | 1)
    set_segment(core, "cs", 0x10, 0, 0xFFFFFFFF, 0xC09B00)
    for name in ("ds", "es", "ss", "fs", "gs"):
        set_segment(core, name, 0x18, 0, 0xFFFFFFFF, 0xC09300)
    for i in range(8):
        core.set("regs", 0, i)
    for name in ("eax", "ebx", "esi", "esp"):
        core.set("regs", regs.get(name, 0), S.REG32.index(name))
    core.set("eip", regs["eip"])
    core.set("gdtr_base", regs["gdt_base"])
    core.set("gdtr_limit", regs["gdt_limit"])
    core.eflags = 2
    core.stale = True


def real_mode_entry(core: Core, address: int) -> None:
    """At an address below 1 MiB, in real mode, after `reset`: how ACPI's firmware enters a waking vector."""
    set_segment(core, "cs", address >> 4, address & ~0xF, 0xFFFF, 0x9300)
    core.set("eip", address & 0xF)
    core.stale = True
