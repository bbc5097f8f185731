"""A processor and some memory for tests of system instructions: flat protected mode, GDT, IDT, TSS, assembled code.

Every vector leads to a separate HLT, so that a test can run its code until it halts and then see which exception came
and its frame. Ring 0 runs on STACK, inner calls from ring 3 arrive on INNER.
"""

import struct
import tempfile
from functools import cache
from pathlib import Path

import pytest

from playhead.engine.core import Core
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import Memory
from playhead.x86 import state as S
from playhead.x86.reset import linux_entry, reset
from tools import asm
from tools.guests.link import Layout

GDT, IDT, TSS, TSS2, LDT, CODE_AT, STUBS = 0x800, 0x2000, 0x3000, 0x3800, 0x1800, 0x10000, 0x40000
STACK, INNER, USER_STACK = 0x8000, 0x7000, 0x9000
CODE, DATA, UCODE, UDATA, TASK, TASK2, LOCAL, FREE = 0x10, 0x18, 0x23, 0x2B, 0x30, 0x38, 0x40, 0x48
SIZE = 0x200000
ENGINES = ("reference", "native")


def engine_of(name: str, core: Core):
    if name == "reference":
        return ReferenceEngine(core)
    native = pytest.importorskip("playhead.engine.llvm.engine")
    return native.NativeEngine(core)


@cache
def assemble(text: str) -> tuple[bytes, dict[str, int]]:
    """The code at CODE_AT and its symbols, with the constants of this module known to it."""
    names = "CODE DATA UCODE UDATA TASK TASK2 LOCAL FREE STACK INNER USER_STACK TSS TSS2".split()
    known = "\n".join(f"\t.set {n}, {globals()[n]}" for n in names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "code.s"
        path.write_text(f"{known}\n\t.text\n\t.code32\n{text}\n")
        return asm.build(path, Layout(CODE_AT))


def descriptor(base: int, limit: int, access: int, flags: int = 0) -> bytes:
    """`access`: the type byte; `flags`: G and D/B as 8 and 4."""
    return struct.pack("<HHBBBB", limit & 0xFFFF, base & 0xFFFF, base >> 16 & 0xFF, access,
                       flags << 4 | limit >> 16, base >> 24)  # fmt: skip


def gate(selector: int, offset: int, access: int, count: int = 0) -> bytes:
    return struct.pack("<HHBBH", offset & 0xFFFF, selector, count, access, offset >> 16)


class SystemMachine:
    """Code in ring 0, ready to run."""

    def __init__(self, engine: str, text: str):
        self.memory = Memory(SIZE)
        self.memory.map(0, SIZE, self.memory.allocate(SIZE))
        self.core = Core(self.memory)
        reset(self.core)
        code, self.symbols = assemble(text)
        self.poke(CODE_AT, code)
        linux_entry(self.core, {"eip": CODE_AT, "esi": 0, "gdt_base": GDT, "gdt_limit": 0x7F, "esp": STACK})
        for selector, base, limit, access, flags in (
            (CODE, 0, 0xFFFFF, 0x9B, 0xC), (DATA, 0, 0xFFFFF, 0x93, 0xC), (UCODE, 0, 0xFFFFF, 0xFB, 0xC),
            (UDATA, 0, 0xFFFFF, 0xF3, 0xC), (TASK, TSS, 0x67, 0x89, 0), (TASK2, TSS2, 0x67, 0x89, 0),
            (LOCAL, LDT, 0x3F, 0x82, 0),
        ):  # fmt: skip
            self.describe(selector, base, limit, access, flags)
        for vector in range(64):
            self.set_gate(vector, STUBS + vector, 0x8E)
        self.poke(STUBS, b"\xf4" * 64)
        self.core.set("idtr_base", IDT)
        self.core.set("idtr_limit", 64 * 8 - 1)
        self.poke(TSS + 4, struct.pack("<II", INNER, DATA))
        self.poke(TSS + 0x66, b"\x68\x00")  # no I/O permission map
        self.engine = engine_of(engine, self.core)

    # memory

    def poke(self, address: int, data: bytes) -> None:
        self.memory.write(address, data)

    def dword(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 4), "little")

    def word(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 2), "little")

    def describe(self, selector: int, base: int, limit: int, access: int, flags: int = 0) -> None:
        """Write a descriptor into the GDT (or the LDT's memory)."""
        table = LDT if selector & 4 else GDT
        self.poke(table + (selector & ~7), descriptor(base, limit, access, flags))

    def call_gate(self, selector: int, target: int, offset: int, access: int, count: int = 0) -> None:
        self.poke(GDT + (selector & ~7), gate(target, offset, access, count))

    def set_gate(self, vector: int, offset: int, access: int, selector: int = CODE) -> None:
        self.poke(IDT + 8 * vector, gate(selector, offset, access))

    def page_tables(self) -> None:
        """An identity mapping for all rings, at 0x100000; the test edits it before paging is turned on."""
        self.poke(0x100000, struct.pack("<I", 0x101007))
        self.poke(0x101000, b"".join(struct.pack("<I", page << 12 | 7) for page in range(SIZE >> 12)))
        self.core.set("cr3", 0x100000)

    def set_page(self, address: int, flags: int) -> None:
        self.poke(0x101000 + (address >> 10 & 0xFFC), struct.pack("<I", address & ~0xFFF | flags))

    # state

    def reg(self, name: str) -> int:
        return self.core.get("regs", S.REG32.index(name))

    def sel(self, name: str) -> int:
        return self.core.seg(name, "sel")

    def stack(self, n: int) -> int:
        """Item n of the stack, flat."""
        return self.dword(self.core.seg("ss", "base") + self.reg("esp") + 4 * n)

    # running

    def run(self, count: int, deliveries: int = 1000) -> int:
        """Exactly so many instructions, or fewer; returns why it ended."""
        self.core.set("deliveries", deliveries)
        self.engine.run(count)
        return self.core.get("exit_reason")

    def until_halt(self, count: int = 1000) -> None:
        reason = self.run(count)
        assert reason == S.EXIT_HALT, f"exit {reason} at {self.core.get('eip'):#x}"
        self.core.set("halted", 0)

    def vector(self) -> int:
        """Run until a vector's HLT and say which."""
        self.until_halt()
        number = self.core.get("eip") - 1 - STUBS
        assert 0 <= number < 64, f"halted at {self.core.get('eip'):#x}"
        return number

    def fault(self) -> tuple[int, int]:
        """(vector, error code) of an exception that has one; its EIP must be that of the label `bad`."""
        vector = self.vector()
        assert self.stack(1) == self.symbols["bad"], f"vector {vector} at {self.stack(1):#x}"
        return vector, self.stack(0)
