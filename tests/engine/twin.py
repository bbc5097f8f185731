"""Two machines that must agree: the same memory image and program on the reference engine and on the native one.

`Twin.check` runs a program on both, each with its own splits of the budget, serves device registers from a made-up
device, and compares all that a guest could ever know: the CPU's state, the live translations, RAM, the device's log.

The machines are made once per process and put back to a start state through the doors that devices use (memory.write,
Core.load), so a test also runs among the leftovers of all tests before it.
"""

import random
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from playhead.engine.core import Core
from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2.switch import FORCE
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import PAGE, Memory
from playhead.x86 import state as S

RAM = 4 << 20
DEVICE, DEVICE_END = 0x300000, 0x308000  # no RAM here
ROM, ROM_END = 0x308000, 0x30A000
GDT, IDT, HANDLERS, TSS, STACK = 0x1000, 0x2000, 0x3000, 0x4000, 0x8000
DIRECTORY, TABLES = 0x10000, 0x11000  # page tables that map 16 MB one to one
CODE, DATA, USER_STACK = 0x20000, 0x40000, 0x50000
CODE0, DATA0, CODE3, DATA3, TASK, CODE16, DATA16 = 0x08, 0x10, 0x1B, 0x23, 0x28, 0x30, 0x38
NEVER = (1 << 64) - 1
DELIVERIES = 300
P, W, U, A, D, BIG, GLOBAL = 1, 2, 4, 0x20, 0x40, 0x80, 0x100
PG, WP, PSE, PAE, PGE = 1 << 31, 1 << 16, 0x10, 0x20, 0x80
# with PAE the page-directory-pointer table is at DIRECTORY, and these are the rest
PAE_LOW, PAE_TABLES, PAE_TOP, PAE_TOP_TABLE = 0x16000, 0x17000, 0x1F000, 0x11000
NX, NXE = 1 << 63, 0x800

# (base, limit, attributes): flat code and data of both rings, a TSS, and 16-bit segments whose base is no page boundary
DESCRIPTORS = {
    CODE0: (0, 0xFFFFFFFF, 0xC09B00),
    DATA0: (0, 0xFFFFFFFF, 0xC09300),
    CODE3: (0, 0xFFFFFFFF, 0xC0FB00),
    DATA3: (0, 0xFFFFFFFF, 0xC0F300),
    TASK: (TSS, 0x67, 0x008B00),
    CODE16: (CODE - 0x10, 0xFFFF, 0x009B00),
    DATA16: (DATA - 0x10, 0xFFFF, 0x009300),
}


def descriptor(base: int, limit: int, attr: int) -> bytes:
    raw = limit >> 12 if attr & 0x800000 else limit
    high = (base & 0xFF000000) | (base >> 16 & 0xFF) | attr | (raw & 0xF0000)
    return struct.pack("<II", (base & 0xFFFF) << 16 | (raw & 0xFFFF), high)


def d32(*values: int) -> bytes:
    return b"".join(struct.pack("<I", v & 0xFFFFFFFF) for v in values)


class Side:
    """One machine: memory, CPU, engine, a device that answers reads by a counter and notes everything."""

    def __init__(self, engine: Callable[[Core], Any], more: int = 0):
        self.memory = Memory(RAM + more)
        self.memory.allocate(RAM)
        self._map()
        self.core = Core(self.memory)
        self.engine = engine(self.core)
        self.blank = bytes(S.ARCH_END)
        self.log: list[tuple] = []
        self.ram = memoryview(self.memory.area)

    def _map(self) -> None:
        self.memory.map(0, RAM, 0)
        self.memory.unmap(DEVICE, DEVICE_END - DEVICE)
        self.memory.map(ROM, ROM_END - ROM, ROM, writable=False)
        self.memory.map(0xFFFFF000, PAGE, 0x30F000)

    def reset(self) -> None:
        core = self.core
        self.memory.set_a20(True)
        self._map()
        for at in range(0, RAM, PAGE):
            if self.memory.page_map[at >> 12] & 8 or self.ram[at : at + PAGE] != bytes(PAGE):
                self.write(at, bytes(PAGE))
        self.write(0x30F000, bytes(PAGE))
        core.load(self.blank)
        core.load_tlb(b"\xff" * 4)
        for name in ("latch_n", "store_n", "intr_pending", "exit_reason"):
            core.set(name, 0)
        core.set("deliveries", DELIVERIES)
        self.log.clear()
        for name, value in {
            "cr0": 0x11,
            "a20_mask": 0xFFFFFFFF,
            "cr4_mask": 0xFFFFFFFF,
            "gdtr_base": GDT,
            "gdtr_limit": 0x7F,
            "idtr_base": IDT,
            "idtr_limit": 0x7FF,
            "fcw": 0x37F,
            "ftag": 0xFF,
            "inhibit_icount": NEVER,
            "nodebug_icount": NEVER,
            "cr3": DIRECTORY,
            "eip": CODE,
        }.items():
            core.set(name, value)
        core.set("cpuid", 0xFFFFFFFF, 7)  # every feature
        core.set("dr", 0xFFFF0FF0, 6)
        core.set("dr", 0x400, 7)
        core.set("regs", STACK, 4)
        core.eflags = 2
        for selector, values in DESCRIPTORS.items():
            self.write(GDT + (selector & ~7), descriptor(*values))
        for name in S.SEGMENTS:
            selector = {"cs": CODE0, "tr": TASK, "ldtr": 0}.get(name, DATA0)
            if selector:
                self.segment(name, selector)
        for v in range(256):
            at = HANDLERS + 4 * v
            self.write(IDT + 8 * v, struct.pack("<HHHH", at & 0xFFFF, CODE0, 0x8E00, at >> 16))
            self.write(at, b"\xf4\xf4\xf4\xf4")
        self.write(TSS + 4, d32(STACK, DATA0))

    def segment(self, name: str, selector: int) -> None:
        base, limit, attr = DESCRIPTORS[selector]
        readable, writable = True, not attr & 0x800
        for key, value in {
            "sel": selector,
            "base": base,
            "limit": limit,
            "attr": attr & 0xF0FF00,
            "lo": 0,
            "rend": limit + 1 if readable else 0,
            "wend": limit + 1 if writable else 0,
        }.items():
            self.core.set_seg(name, key, value)
        self.core.stale = True

    def write(self, at: int, data: bytes) -> None:
        """As a device writes; a ROM and device registers too, in their backing store."""
        if DEVICE <= at < ROM_END:
            self.ram[at : at + len(data)] = data
        elif 0x30F000 <= at < 0x310000:
            self.memory.write(at - 0x30F000 + 0xFFFFF000, data)
        else:
            self.memory.write(at, data)

    def paging(self, rights: int = P | W | U, wp: bool = True) -> None:
        """Map 16 MB one to one and switch paging on."""
        for t in range(4):
            self.write(DIRECTORY + 4 * t, d32((TABLES + t * PAGE) | P | W | U))
            self.write(TABLES + t * PAGE, d32(*(((t << 10 | i) << 12) | rights for i in range(1024))))
        self.write(DIRECTORY + 4 * 1023, d32((TABLES + 4 * PAGE) | P | W | U))
        self.write(TABLES + 4 * PAGE + 4 * 1023, d32(0xFFFFF000 | P | W | U))
        self.core.set("cr0", 0x11 | PG | (WP if wp else 0))
        self.core.stale = True

    def pae_paging(self, rights: int = P | W | U, wp: bool = True) -> None:
        """The same mapping by PAE paging, with no-execute."""

        def entries(at: int, *values: int) -> None:
            self.write(at, struct.pack(f"<{len(values)}Q", *values))

        entries(DIRECTORY, PAE_LOW | P, 0, 0, PAE_TOP | P)
        for t in range(8):
            entries(PAE_LOW + 8 * t, PAE_TABLES + t * PAGE | P | W | U)
            entries(PAE_TABLES + t * PAGE, *((t << 9 | i) << 12 | rights for i in range(512)))
        entries(PAE_TOP + 8 * 511, PAE_TOP_TABLE | P | W | U)
        entries(PAE_TOP_TABLE + 8 * 511, 0xFFFFF000 | P | W | U)
        for n, value in enumerate((PAE_LOW | P, 0, 0, PAE_TOP | P)):
            self.core.set("pdpte", value, n)
        self.core.set("cr4", PAE)
        self.core.set("efer", NXE)
        self.core.set("cr0", 0x11 | PG | (WP if wp else 0))
        self.core.stale = True

    def pae_entry(self, linear: int, value: int, large: bool = False) -> None:
        """Map a page of the first 16 MB otherwise, or 2 MiB at once."""
        at = PAE_LOW + 8 * (linear >> 21) if large else PAE_TABLES + 8 * (linear >> 12)
        self.write(at, struct.pack("<Q", value))

    def user(self) -> None:
        """Ring 3, with its own stack."""
        for name in ("es", "ss", "ds", "fs", "gs"):
            self.segment(name, DATA3)
        self.segment("cs", CODE3)
        self.core.set("cpl", 3)
        self.core.set("regs", USER_STACK, 4)
        self.core.stale = True

    def pte(self, linear: int, value: int) -> None:
        """Write a page table entry (and nothing else: what is live stays live)."""
        self.write(self.pte_at(linear), d32(value))

    @staticmethod
    def pte_at(linear: int) -> int:
        return TABLES + (4 * PAGE if linear >> 22 == 1023 else linear >> 22 << 12) + (linear >> 10 & 0xFFC)

    def run(self, budgets) -> str:
        """Run the budgets one after the other; why it ended."""
        core = self.core
        for budget in budgets:
            end = core.get("icount") + budget
            while core.get("icount") < end:
                self.engine.run(end - core.get("icount"))
                reason, info = core.get("exit_reason"), core.get("exit_info")
                if reason in (S.EXIT_MMIO_READ, S.EXIT_PORT_READ):
                    n = core.get("latch_n")
                    value = (len(self.log) * 0x9E3779B1 + info * 0x85EBCA6B) & ((1 << 8 * (info >> 32)) - 1)
                    self.log.append((core.get("icount"), "read", info, value))
                    core.set("latch", value, n)
                    core.set("latch_n", n + 1)
                elif reason in (S.EXIT_MMIO_WRITE, S.EXIT_PORT_WRITE):
                    for k in range(core.get("store_n")):
                        self.log.append(
                            (core.get("icount"), "write", core.get("stores", 2 * k), core.get("stores", 2 * k + 1))
                        )
                    core.set("store_n", 0)
                elif reason:
                    return {
                        S.EXIT_HALT: "halt",
                        S.EXIT_TRIPLE: "triple",
                        S.EXIT_DELIVERIES: "deliveries",
                        S.EXIT_INTR_WINDOW: "window",
                    }.get(reason, f"reason {reason}")
                assert core.get("icount") == end or reason or not core.get("deliveries"), (
                    "stopped early without a reason"
                )
        return "budget"

    def state(self) -> dict:
        """All that must be equal, by name."""
        core, out = self.core, {}
        block = core.save()
        for name, f in S.FIELDS.items():
            if f.arch:
                out[name] = block[f.offset : f.offset + f.bits // 8 * f.count].hex(" ", f.bits // 8)
        out["tlb"] = core.save_tlb().hex(" ", 4)
        out["deliveries"] = core.get("deliveries")
        out["waiting"] = (core.get("latch_n"), core.get("store_n"))
        return out


@cache
def sides() -> tuple[Side, Side]:
    return Side(ReferenceEngine), Side(NativeEngine)


@cache
def compiled_side() -> Side:
    """The native engine with every block compiled before it is entered. Code and blocks stay from test to test."""
    side = Side(NativeEngine)
    side.engine.use_tier2(FORCE)
    return side


def splits(total: int, rng: random.Random, longest: int = 0) -> list[int]:
    """A way to run `total` instructions in pieces."""
    out = []
    while total:
        n = min(total, rng.choice((1, 1, 2, 3, 5, 17, longest or total)))
        out.append(n)
        total -= n
    return out


class Twin:
    """Both machines, fresh. `setup` is called on each side before every run."""

    def __init__(self, setup, *, seed: int = 1):
        self.setup, self.rng = setup, random.Random(seed)
        self.reference, self.native = sides()

    def start(self, side: Side, budgets) -> str:
        side.reset()
        self.setup(side)
        return side.run(budgets)

    def check(self, total: int = 100, rounds: int = 1, want: str | None = None) -> Side:
        """Reference in one run and native in several ways; returns the reference side for further looks."""
        r, n = self.reference, self.native
        why = self.start(r, [total])
        assert want in (None, why), f"the reference ended with {why}"
        for budgets in ([total], [1] * total, *(splits(total, self.rng) for _ in range(rounds))):
            got = self.start(n, budgets)
            same(r, n, f"native, budgets {budgets[:40]}")
            assert got == why, f"native ended with {got}, the reference with {why}"
        assert self.start(r, splits(total, self.rng)) == why
        same(r, n, "reference, split")
        return r


def same(r: Side, n: Side, what: str) -> None:
    a, b = r.state(), n.state()
    wrong = {k: (a[k], b[k]) for k in a if a[k] != b[k]}
    assert not wrong, f"{what}: (reference, native) differ: {wrong}"
    assert r.log == n.log, f"{what}: device accesses differ: {r.log} {n.log}"
    if r.ram != n.ram:
        at = next(i for i in range(0, RAM, 4) if r.ram[i : i + 4] != n.ram[i : i + 4])
        raise AssertionError(f"{what}: RAM differs at {at:#x}: {r.ram[at : at + 16].hex()} {n.ram[at : at + 16].hex()}")
    assert r.engine.tlb_digest() == n.engine.tlb_digest(), f"{what}: TLB digests differ"
