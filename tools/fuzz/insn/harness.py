"""Runs the cases of `tools.oracle` on an engine of ours: the same memory, segments and privilege as the oracles offer.

The windows of `tools.oracle.layout` are the first pages of physical memory, in the order of an image, so an image is
a slice of the backing area. The page tables give each window its linear address and its rights; what the processor
itself needs (GDT, LDT, IDT, TSS, a stack for level 0) lies in supervisor pages at SYSTEM. Each gate leads to a `hlt`
of its own, so that an exception is found delivered: the vector from where the machine halted, the rest from the frame
on the stack of level 0.
"""

import struct
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

from playhead.engine.core import Core
from playhead.hw.memory import CODE, Memory
from playhead.x86 import state as S
from playhead.x86.eflags import words_from_status
from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Case, Result, Segment

PAGE = layout.PAGE
SYSTEM = 0xE1A5_0000  # linear; nothing is there for the host
SYSTEM_PAGES = 8
GDT, LDT, TSS, IDT, GATES, STACK = 0x0000, 0x0400, 0x0800, 0x1000, 0x2000, 0x3000  # offsets within SYSTEM
STACK_END = 0x4000
IMAGE_FRAME = layout.IMAGE_SIZE - SYSTEM  # from a linear address of ours to its place in memory
KERNEL_CODE, KERNEL_DATA, TSS_SELECTOR, LDT_SELECTOR = 0x08, 0x10, 0x38, 0x48
BUDGET = 200_000  # instructions of a case; more is a TIMEOUT
GATE_STRIDE = 4
PRESENT, WRITABLE, USER = 1, 2, 4
M32 = 0xFFFF_FFFF
AM = 0x4_0000  # of CR0
C1 = 0x200  # of the x87's status word
FLAT = Segment(0, M32)
FLAT_CODE = Segment(0, M32, "code")


def hidden(selector: int, segment: Segment) -> bytes:
    """The hidden part of a segment register that holds an LDT descriptor (state.SEG_FIELDS)."""
    attr = int.from_bytes(segment.descriptor()[4:], "little") & 0x00F0_FF00
    top = 1 << 32 if segment.big else 0x1_0000
    low, end = (segment.limit + 1, top) if segment.kind.endswith("down") else (0, segment.limit + 1)
    readable, writable = segment.kind != "execute", segment.kind in ("data", "down")
    return _hidden(selector, segment.base, segment.limit, attr, low, end if readable else 0, end if writable else 0)


def _hidden(selector: int, base: int, limit: int, attr: int, low: int = 0, rend: int = 0, wend: int = 0) -> bytes:
    return struct.pack("<5I4xQQ", selector, base, limit, attr, low & M32, rend, wend)


class Target:
    """`Target("reference").run(cases)`: what the oracles' `run` does, on our engine."""

    def __init__(self, engine: str = "reference"):
        assert S.SEG_STRIDE == 40
        tables = 4
        self.memory = Memory(layout.IMAGE_SIZE + (SYSTEM_PAGES + 1 + tables) * PAGE)
        size = self.memory.area_size
        self.memory.map(0, size, self.memory.allocate(size))
        self.core = Core(self.memory)
        self.area = self.memory.area
        self._directory = layout.IMAGE_SIZE + SYSTEM_PAGES * PAGE
        self._next_table = self._directory + PAGE
        self.background = layout.background()
        self.area[: layout.IMAGE_SIZE] = self.background
        self._map_windows()
        self._fill_system()
        self._state()
        self.engine = make_engine(engine, self.core)
        self._regs = struct.Struct("<8I")
        self._at = {name: S.offset(name) for name in S.FIELDS}
        self._ldt_used = False
        self.instructions = 0
        self.blocks: Counter[str] = Counter()  # what became of blocks, where some are compiled

    # once

    def _map_windows(self) -> None:
        for window in layout.WINDOWS:
            for offset in range(0, window.size, PAGE):
                rights = USER | (WRITABLE if window.writable else 0)
                self._map_page(window.base + offset, window.offset + offset, rights)
        for i in range(SYSTEM_PAGES):
            self._map_page(SYSTEM + i * PAGE, layout.IMAGE_SIZE + i * PAGE, WRITABLE)

    def _map_page(self, linear: int, physical: int, rights: int) -> None:
        at = self._directory + (linear >> 22) * 4
        entry = int.from_bytes(self.area[at : at + 4], "little")
        if not entry:
            entry = self._next_table | PRESENT | WRITABLE | USER
            self._next_table += PAGE
            self.area[at : at + 4] = entry.to_bytes(4, "little")
        at = (entry & ~0xFFF) + (linear >> 12 & 0x3FF) * 4
        self.area[at : at + 4] = (physical | PRESENT | rights).to_bytes(4, "little")

    def _system(self, offset: int, content: bytes) -> None:
        at = layout.IMAGE_SIZE + offset
        self.area[at : at + len(content)] = content

    def _fill_system(self) -> None:
        rows = {KERNEL_CODE: 0x9B, KERNEL_DATA: 0x93, layout.CODE_SELECTOR & ~7: 0xFB, layout.DATA_SELECTOR & ~7: 0xF3}
        for selector, access in rows.items():
            self._system(GDT + selector, struct.pack("<HHBBBB", 0xFFFF, 0, 0, access, 0xCF, 0))
        for selector, offset, limit, access in ((TSS_SELECTOR, TSS, 0x67, 0x8B), (LDT_SELECTOR, LDT, 0x7F, 0x82)):
            base = SYSTEM + offset
            row = struct.pack("<HHBBBB", limit, base & 0xFFFF, base >> 16 & 0xFF, access, 0, base >> 24)
            self._system(GDT + selector, row)
        self._system(TSS + 4, struct.pack("<II", SYSTEM + STACK_END, KERNEL_DATA))
        self._system(TSS + 0x66, struct.pack("<H", 0x68))  # no map of ports: level 3 may use none
        for vector in range(256):
            handler = SYSTEM + GATES + GATE_STRIDE * vector
            kind = 0xEE if vector in layout.GATES_FOR_USERS else 0x8E
            gate = struct.pack("<HHBBH", handler & 0xFFFF, KERNEL_CODE, 0, kind, handler >> 16)
            self._system(IDT + 8 * vector, gate)
            self._system(GATES + GATE_STRIDE * vector, b"\xf4" * GATE_STRIDE)

    def _state(self) -> None:
        """The architectural state that every case starts from."""
        core = self.core
        for name, value in {
            "cr0": 0x8005_0031, "cr3": self._directory, "cr4": 0x200, "cpl": 3, "a20_mask": M32,
            "gdtr_base": SYSTEM + GDT, "gdtr_limit": 0x4F, "idtr_base": SYSTEM + IDT, "idtr_limit": 0x7FF,
            "fcw": 0x37F, "ftag": 0xFF, "inhibit_icount": (1 << 64) - 1,
        }.items():  # fmt: skip
            core.set(name, value)
        core.set("cpuid", M32, 7)  # every feature: none is refused
        core.set("dr", 0xFFFF0FF0, 6)
        core.set("dr", 0x400, 7)
        core.eflags = model.FIXED_FLAGS
        segments = [hidden(layout.DATA_SELECTOR, FLAT)] * 6
        segments[1] = hidden(layout.CODE_SELECTOR, FLAT_CODE)
        segments.append(_hidden(LDT_SELECTOR, SYSTEM + LDT, 0x7F, 0x8200))
        segments.append(_hidden(TSS_SELECTOR, SYSTEM + TSS, 0x67, 0x8B00))
        at = S.FIELDS["segs"].offset
        core.block[at : at + 8 * S.SEG_STRIDE] = b"".join(segments)
        self.template = bytes(core.block[: S.ARCH_END])

    # each case

    def run(self, cases: Iterable[Case]) -> list[Result]:
        """A result per case, in order."""
        return [self._run(case) for case in cases]

    def run_unaligned(self, case: Case) -> Result:
        """What `run` would give with CR0.AM clear, wherever EFLAGS.AC comes from."""
        return self._run(case, AM)

    def _run(self, case: Case, cr0_without: int = 0) -> Result:
        pieces = case.pieces()
        self._load(case, pieces)
        self.core.set("cr0", self.core.get("cr0") & ~cr0_without)
        self.engine.run(BUDGET)
        self.instructions += self.core.get("icount")
        result = self._result(case)
        self._restore(case, pieces, result)
        return result

    def trace(self, case: Case, limit: int = 1000) -> list[tuple[int, int]]:
        """(EIP from the start, first byte) of each instruction that a case comes to, a run of the engine for each."""
        pieces = case.pieces()
        self._load(case, pieces)
        steps: list[tuple[int, int]] = []
        while len(steps) < limit:
            linear = self.core.get("eip") + self.core.seg("cs", "base") & M32
            window = layout.window_at(linear)
            if window is None or self.core.get("cpl") != 3:
                break
            byte = self.area[window.offset + linear - window.base]
            steps.append((linear - layout.CODE_BASE - case.origin & M32, byte))
            self.engine.run(1)
        self._restore(case, pieces, self._result(case))
        return steps

    def run_leaving_c1(self, case: Case, at: Container[int], limit: int = BUDGET) -> Result:
        """What `run` would give if the instructions at these offsets left C1 of the x87's status word as it was."""
        get = self.core.get

        def step(start: int) -> None:
            before, count = get("fsw"), get("icount")
            self.engine.run(1)
            if start in at and get("icount") > count:
                self.core.set("fsw", get("fsw") & ~C1 | before & C1)

        return self.run_stepping(case, step, limit)

    def run_stepping(self, case: Case, step: Callable[[int], None], limit: int = BUDGET) -> Result:
        """What `run` gives where `step(EIP from the start)` does one instruction, and may change what it left."""
        pieces = case.pieces()
        self._load(case, pieces)
        get = self.core.get
        for _ in range(limit):
            step(get("eip") + self.core.seg("cs", "base") - layout.CODE_BASE - case.origin & M32)
            if get("exit_reason") == S.EXIT_HALT:
                break
        result = self._result(case)
        self._restore(case, pieces, result)
        return result

    def vector(self) -> int | None:
        """The exception that has just been delivered, or None."""
        if self.core.get("cpl") == 3:
            return None
        return (self.core.get("eip") - SYSTEM - GATES & M32) // GATE_STRIDE

    def _load(self, case: Case, pieces: Sequence[tuple[int, bytes]]) -> None:
        core, at = self.core, self._at
        block = core.block
        for offset, content in pieces:
            self._write(offset, content)
        block[: S.ARCH_END] = self.template
        self._regs.pack_into(block, at["regs"], *case.regs)
        eip = layout.CODE_BASE + case.origin
        if case.segments or self._ldt_used:
            eip = eip - self._load_segments(case) & M32
        status, rest = words_from_status(case.eflags), case.eflags & ~S.STATUS | model.FIXED_FLAGS
        struct.pack_into("<I", block, at["eip"], eip)
        struct.pack_into("<III", block, at["fl_res"], *status, rest)
        if case.fx is not None:
            self._load_fx(case.fx)
        core.set("deliveries", BUDGET)
        core.stale = True

    def _write(self, offset: int, content: bytes) -> None:
        """To physical memory, and decoded code of it is void."""
        page_map = self.memory.page_map
        for page in range(offset >> 12, (offset + len(content) - 1 >> 12) + 1):
            if page_map[page] & CODE:
                self.memory.code_written(page)
        self.area[offset : offset + len(content)] = content

    def _load_segments(self, case: Case) -> int:
        """Segments of the LDT, in memory and in the registers; gives the base of CS."""
        base = 0
        self._ldt_used = bool(case.segments)
        self._system(LDT, bytes(8 * layout.LDT_SLOTS))
        for name, segment in (case.segments or {}).items():
            slot = model.slot_of(name)
            self._system(LDT + 8 * slot, segment.descriptor())
            if name in layout.SEGMENT_NAMES:
                at = S.FIELDS["segs"].offset + layout.SEGMENT_NAMES.index(name) * S.SEG_STRIDE
                self.core.block[at : at + S.SEG_STRIDE] = hidden(slot << 3 | 7, segment)
            if name == "cs":
                base = segment.base
        return base

    def _load_fx(self, fx: bytes) -> None:
        """The x87 state from an FXSAVE image."""
        core = self.core
        control, status, tags, opcode, ip, dp = struct.unpack_from("<HHBxHQQ", fx)
        top = status >> 11 & 7
        pending = status & ~control & 0x3F
        status = status & ~0x8080 | (0x8080 if pending else 0)  # ES and B follow from the rest
        for name, value in {
            "fcw": control & 0x1F7F | 0x40, "fsw": status & 0xC7FF, "ftop": top, "ftag": tags ^ 0xFF,
            "fop": opcode & 0x7FF, "fip": ip & M32, "fdp": dp & M32, "fcs": 0, "fds": 0,
        }.items():  # fmt: skip
            core.set(name, value)
        for i in range(8):
            low, high = struct.unpack_from("<QH", fx, 32 + 16 * i)
            at = (top + i) & 7
            core.set("fpr", low, 2 * at)
            core.set("fpr", high, 2 * at + 1)

    def _fx(self) -> bytes:
        """The x87 state as an FXSAVE image; of SSE there is nothing."""
        get = self.core.get
        top = get("ftop")
        tags = get("ftag") & 0xFF ^ 0xFF
        out = struct.pack(
            "<HHBxHIIII8x", get("fcw"), get("fsw") | top << 11, tags, get("fop"), get("fip"), 0, get("fdp"), 0
        )
        for i in range(8):
            at = (top + i) & 7
            out += struct.pack("<QQ", get("fpr", 2 * at), get("fpr", 2 * at + 1) & 0xFFFF)
        return out

    # results

    def _result(self, case: Case) -> Result:
        core = self.core
        regs = list(self._regs.unpack_from(core.block, self._at["regs"]))
        selectors = [core.seg(name, "sel") for name in layout.SEGMENT_NAMES]
        eip, eflags = core.get("eip"), core.eflags
        trap: tuple[int, int, int] | None = (model.TIMEOUT, 0, 0)
        if core.get("exit_reason") == S.EXIT_HALT:
            vector = (eip - 1 - SYSTEM - GATES) // GATE_STRIDE
            error = 0
            frame = regs[4] - SYSTEM + layout.IMAGE_SIZE
            if vector in model.HAS_ERROR_CODE:
                error = int.from_bytes(self.area[frame : frame + 4], "little")
                if vector == S.PFV and core.get("cr2") - SYSTEM & M32 < SYSTEM_PAGES * PAGE:
                    error &= ~PRESENT  # a case found our own pages: for the oracles nothing is there
                frame += 4
            eip, cs, eflags, regs[4], ss = struct.unpack_from("<5I", self.area, frame)
            selectors[1:3] = cs & 0xFFFF, ss & 0xFFFF
            eflags &= ~S.RF
            trap = (vector, error, core.get("cr2") if vector == S.PFV else 0)
        start = layout.CODE_BASE + case.origin
        eip = eip + (case.base_of(selectors[1]) if case.segments else 0) - start & M32
        if trap == (3, 0, 0) and eip == len(case.code) + 1:
            eip, trap = eip - 1, None
        image = self.area[: layout.IMAGE_SIZE]
        data: tuple[tuple[int, int], ...] = ()
        if image != (before := bytes(case.image())):
            data = layout.changed_words(before, image)
        fx = self._fx() if case.fx is not None else None
        return Result(tuple(regs), eip, eflags & model.USER_FLAGS, data, fx, trap, tuple(selectors))

    def _restore(self, case: Case, pieces: Sequence[tuple[int, bytes]], result: Result) -> None:
        for offset, content in pieces:
            self._write(offset, self.background[offset : offset + len(content)])
        for address, _ in result.data:
            window = layout.window_at(address)
            assert window is not None
            offset = window.offset + address - window.base
            self._write(offset, self.background[offset : offset + 8])


def make_engine(name: str, core: Core):
    """An engine by its name: "reference" or "native"."""
    if name == "native":
        from playhead.engine.llvm.engine import NativeEngine

        return NativeEngine(core)
    from playhead.engine.reference import ReferenceEngine

    return ReferenceEngine(core)
