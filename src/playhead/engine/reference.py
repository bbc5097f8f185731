"""Tier 0: the reference engine. It runs the IR in Python, one instruction at a time, and so defines what every engine
must do.

The order at each instruction: a pending exception or interrupt is delivered; then, if the machine asks for an interrupt
and the processor would take it, the run ends; then the instruction is fetched (the pages of its bytes are probed
through the architectural TLB), decoded and executed.
"""

from typing import TYPE_CHECKING, Any

from playhead.engine.core import Core
from playhead.engine.reference_probes import ReferenceProbes
from playhead.hw.memory import OFFSET_MASK, READ, SHARED, WRITE
from playhead.ir.evaluator import AGAIN, HELPERS, GuestFault, Undone, compile_function
from playhead.x86.system import paging
from playhead.x86 import state as S
from playhead.x86.decode import DEC, MAX_LENGTH
from playhead.x86.system.interrupts import ENABLES
from playhead.x86.isa import tables
from playhead.x86.table import ROUTINES
from playhead.x86.ways_on import kinds

if TYPE_CHECKING:
    from playhead.engine.executed import Consumer

AM = 0x40000  # of CR0
ADDRESS = 1 << paging.BEYOND | 0xFFFFFFFF  # of `translate`'s result; an address above this is unassigned


class Decoded:
    """One decoded instruction: the fields that handlers ask for."""

    __slots__ = ("raw", *DEC)

    def __init__(self, raw: bytes, values: list[int]):
        self.raw = raw
        for name, value in zip(DEC, values, strict=True):
            setattr(self, name, value)

    form: int
    handler: int
    len: int
    flags: int


class _Routines(dict):
    """The names that evaluated code sees; a routine is compiled when it is first called for."""

    def __missing__(self, name: str) -> Any:
        if name.startswith("r_") and name[2:] in ROUTINES:
            return compile_function(ROUTINES[name[2:]].function(), self)
        raise KeyError(name)


class ReferenceEngine:
    """`run(budget)` on a `Core`."""

    def __init__(self, core: Core):
        self.core = core
        self.table, self.decode_tables = tables()
        self.c32, self.c64, self.c8 = core.c32, core.c64, core.c8
        self.world = _Routines(HELPERS)
        self.world.update(
            c8=core.c8, c16=core.c16, c32=core.c32, c64=core.c64,
            ram8=memoryview(core.memory.area), search8=memoryview(core.search),
            ram32=memoryview(core.memory.area).cast("I"), ram64=memoryview(core.memory.area).cast("Q"),
            page_hash64=memoryview(core.page_hash).cast("Q"), dirty8=memoryview(core.dirty),
            unhashed8=memoryview(core.unhashed), unhashed64=memoryview(core.unhashed).cast("Q"),
            page_map64=core.memory.page_map, written8=memoryview(core.memory.written),
            tlb32=memoryview(core.tlb).cast("I"), tlb_large32=memoryview(core.tlb_large).cast("I"),
            tlb_list32=memoryview(core.tlb_list).cast("I"), dec_tables16=memoryview(self.decode_tables.bytes).cast("H"),
            guest_load=self.guest_load, guest_store=self.guest_store, leave=self.leave,
            icount=self.icount, spend=self.spend,
        )  # fmt: skip
        self.world["r_code_written"] = lambda page: core.memory.code_written(page) or 0
        self.world["r_table_write"] = lambda pa: core.memory.code_written(pa >> 12) or 0
        self.world["r_watched_walk"] = self._watch_walk
        self.ram = memoryview(core.memory.area)
        self.page_map = core.memory.page_map
        self.handlers: dict[int, Any] = {}
        self.decoded: dict[tuple[bytes, int], Decoded] = {}
        self.budget = 0
        self.probes: ReferenceProbes | None = None
        self._at = 0  # physical address of the instruction that was fetched
        self.counts = {READ: memoryview(core.read_counts).cast("Q"), WRITE: memoryview(core.write_counts).cast("Q")}
        self._journal: list[tuple[Any, int]] = []  # pages that the instruction under way has accessed
        self._watching = False  # a debug register is armed
        self._aligned = False  # user accesses must be aligned
        self._o = {n: S.offset(n) // (f.bits // 8) for n, f in S.FIELDS.items()}

    def routine(self, name: str):
        return self.world["r_" + name]

    # what evaluated code calls

    def icount(self) -> int:
        return self.c64[self._o["icount"]]

    def spend(self) -> int:
        """Each iteration of a REP is fetched anew: an iteration may have changed the instruction, or where a run
        may be split."""
        return 0

    def _retire(self) -> None:
        self.budget -= 1
        self.c64[self._o["icount"]] += 1
        self.c64[self._o["seq"]] = 0

    def leave(self, reason: int, info: int, eip: int) -> int:
        self.c32[self._o["exit_reason"]] = reason
        self.c64[self._o["exit_info"]] = info
        return eip

    def guest_load(self, lin: int, size: int, mode: str) -> int:
        if self._watching and "s" not in mode:
            self.c32[self._o["dr_hits"]] |= self.routine("data_breakpoint")(lin, size, 0)
        self._check_aligned(lin, size, mode)
        kind = size | (paging.RMW if "w" in mode else 0) | (paging.SUPERVISOR if "s" in mode else 0)
        if (lin & 0xFFF) + size > 0x1000:
            first = 0x1000 - (lin & 0xFFF)
            a = self.world["r_translate"](lin, kind) & ADDRESS
            b = self.world["r_translate"]((lin + first) & 0xFFFFFFFF, kind) & ADDRESS
            self._watch(lin, a, first, S.HIT_READ)
            self._watch((lin + first) & 0xFFFFFFFF, b, size - first, S.HIT_READ)
            low, high = self.physical_load(a, first), self.physical_load(b, size - first)
            self._count(a, READ)
            self._count(b, READ)
            return low | high << 8 * first
        a = self.world["r_translate"](lin, kind) & ADDRESS
        self._watch(lin, a, size, S.HIT_READ)
        value = self.physical_load(a, size)
        self._count(a, READ)
        return value

    def _count(self, pa: int, right: int) -> None:
        """An access to a page, to be counted once the instruction has happened (machine/page_counts.py)."""
        if self.c32[self._o["counting"]] and not pa >> 32:
            entry = self.page_map[pa >> 12]
            if entry & right and entry >> 12 < self.c32[self._o["counted_pages"]]:
                self._journal.append((self.counts[right], entry >> 12))

    def _counted(self) -> None:
        for counts, page in self._journal:
            counts[page] += 1
        self._journal.clear()

    def _watch_walk(self, pa: int) -> int:
        self._watch(None, pa, 4, S.HIT_WRITE | S.HIT_WALK)
        return 0

    def _watch(self, lin: int | None, pa: int, size: int, kind: int) -> None:
        """Note an access that a debugger watches (`watched` in llvm/accesses.py; here each instruction runs alone)."""
        c32, o = self.c32, self._o
        if not c32[o["debug"]] & S.DEBUG_DATA:
            return
        watches = memoryview(self.core.watch_list).cast("I")
        for n in range(c32[o["watch_n"]]):
            first, last, wanted = watches[4 * n : 4 * n + 3]
            start = self._in_area(pa) if wanted & S.WATCH_AREA else pa if wanted & S.WATCH_PHYSICAL else lin
            if wanted & kind & 3 and start is not None and start <= last and start + size - 1 >= first:
                hits = c32[o["hit_n"]]
                if hits < S.MOST_HITS:
                    how = kind | wanted & (S.WATCH_PHYSICAL | S.WATCH_AREA)
                    self.c64[o["hits"] + hits] = start | size << 32 | how << 40
                    c32[o["hit_n"]] = hits + 1

    def _in_area(self, pa: int) -> int | None:
        """Where in the backing area a byte of video memory is."""
        entry = 0 if pa >> 32 else self.page_map[pa >> 12]
        return entry & OFFSET_MASK | pa & 0xFFF if entry & SHARED else None

    def _breakpoint(self) -> bool:
        """Whether a debugger wants the run to end before the instruction at CS:EIP."""
        c32, c64, o = self.c32, self.c64, self._o
        lin = (c32[S.seg_offset("cs", "base") // 4] + c32[o["eip"]]) & 0xFFFFFFFF
        if not self.core.debug_offsets[lin & 0xFFF] or not self.core.debug_map[lin >> 12] & 1 or c32[o["latch_n"]]:
            return False
        return (c64[o["skip_icount"]], c64[o["skip_seq"]]) != (c64[o["icount"]], c64[o["seq"]])

    def _check_aligned(self, lin: int, size: int, mode: str) -> None:
        """#AC (volume 3, 6.15). The manual leaves open whether it or #PF comes first; like the host's CPU, it does."""
        if self._aligned and "s" not in mode and "p" not in mode and lin & (size - 1):
            raise GuestFault(S.ACV, 0)

    def physical_load(self, pa: int, size: int) -> int:
        if pa >> 32:
            return (1 << 8 * size) - 1
        entry = self.page_map[pa >> 12]
        if entry & READ:
            at = (entry & OFFSET_MASK) + (pa & 0xFFF)
            return int.from_bytes(self.ram[at : at + size], "little")
        i = self.c32[self._o["latch_i"]]
        if i >= self.c32[self._o["latch_n"]]:
            raise Undone(S.EXIT_MMIO_READ, pa | size << 32)
        self.c32[self._o["latch_i"]] = i + 1
        return self.c64[self._o["latch"] + i]

    def guest_store(self, lin: int, size: int, value: int, mode: str) -> None:
        if self._watching and "s" not in mode:
            self.c32[self._o["dr_hits"]] |= self.routine("data_breakpoint")(lin, size, 1)
        self._check_aligned(lin, size, mode)
        kind = size | paging.WRITE | (paging.SUPERVISOR if "s" in mode else 0)
        if (lin & 0xFFF) + size > 0x1000:
            first = 0x1000 - (lin & 0xFFF)
            a = self.world["r_translate"](lin, kind) & ADDRESS
            b = self.world["r_translate"]((lin + first) & 0xFFFFFFFF, kind) & ADDRESS
            self._watch(lin, a, first, S.HIT_WRITE)
            self._watch((lin + first) & 0xFFFFFFFF, b, size - first, S.HIT_WRITE)
            self._count(a, WRITE)
            self._count(b, WRITE)
            self.physical_store(a, first, value & ((1 << 8 * first) - 1))
            self.physical_store(b, size - first, value >> 8 * first)
        else:
            a = self.world["r_translate"](lin, kind) & ADDRESS
            self._watch(lin, a, size, S.HIT_WRITE)
            self._count(a, WRITE)
            self.physical_store(a, size, value)

    def physical_store(self, pa: int, size: int, value: int) -> None:
        if pa >> 32:
            return
        entry = self.page_map[pa >> 12]
        if entry & WRITE:
            if entry & 4:
                self.core.memory.code_written(pa >> 12)
            self.core.memory.mark_written(pa >> 12)
            at = (entry & OFFSET_MASK) + (pa & 0xFFF)
            if self.c32[self._o["search_n"]]:
                self.routine("searched")(at, size, value)
            self.ram[at : at + size] = value.to_bytes(size, "little")
        elif not entry & READ:
            n = self.c32[self._o["store_n"]]
            self.c64[self._o["stores"] + 2 * n] = pa | size << 32
            self.c64[self._o["stores"] + 2 * n + 1] = value
            self.c32[self._o["store_n"]] = n + 1

    # fetch and decode

    def mode(self) -> int:
        """The mode bits of the code at EIP."""
        return self.c32[self._o["mode"]]

    def fetch(self, mode: int) -> Decoded:
        """The instruction at CS:EIP; raises GuestFault."""
        c32 = self.c32
        eip = c32[self._o["eip"]]
        code, limit = bytearray(), c32[S.seg_offset("cs", "limit") // 4]
        if eip > limit:
            raise GuestFault(S.GP, 0)
        lin = (c32[S.seg_offset("cs", "base") // 4] + eip) & 0xFFFFFFFF
        first = min(MAX_LENGTH, 0x1000 - (lin & 0xFFF))  # a 16th byte is never fetched
        code += self._fetch_page(lin, first)
        try:
            d = self._decode(bytes(code), mode)
        except GuestFault:  # too long, unless the next page's bytes say otherwise
            if first == MAX_LENGTH:
                raise
            d = None
        if d is None or d.len > first:
            rest = self._fetch_page((lin + first) & 0xFFFFFFFF, MAX_LENGTH - first)
            code[:] = self._fetch_page(lin, first) + rest  # the walk's accessed bits may lie in the first page
            d = self._decode(bytes(code), mode)
        if eip + d.len - 1 > limit != 0xFFFFFFFF:  # what crosses the end of a flat segment continues at 0
            raise GuestFault(S.GP, 0)
        return d

    def _fetch_page(self, lin: int, size: int) -> bytes:
        pa = self._at = self.world["r_translate"](lin, paging.FETCH) & ADDRESS
        if pa >> 32:
            return b"\xff" * size
        entry = self.page_map[pa >> 12]
        if not entry & READ:  # code in a device's registers: reads as nothing there
            return b"\xff" * size
        at = (entry & OFFSET_MASK) + (pa & 0xFFF)
        return bytes(self.ram[at : at + size])

    def _decode(self, code: bytes, mode: int) -> Decoded:
        code = code.ljust(16, b"\0")
        known = self.decoded.get((code, mode))
        if known is None:
            at = S.offset("fetch")
            self.c8[at : at + 16] = code
            self.routine("decode")(mode)
            start = self._o["dec"]
            known = Decoded(code, list(self.c32[start : start + len(DEC)]))
            if len(self.decoded) > 200_000:
                self.decoded.clear()
            self.decoded[code, mode] = known
        return known

    # running

    def run(self, budget: int) -> None:
        """Retire `budget` instructions, or fewer: then `exit_reason` says why. `deliveries` in the state block bounds
        how many exceptions and interrupts are delivered (counted down): a guest that only faults must not hang its
        machine."""
        core, c32, c64, o = self.core, self.c32, self.c64, self._o
        core.stale = True
        self.budget = budget
        c32[o["hit_n"]] = 0
        c32[o["exit_reason"]] = S.EXIT_NONE
        self.routine("update_mode")()
        while True:
            if not c32[o["deliveries"]]:
                c32[o["exit_reason"]] = S.EXIT_DELIVERIES
                return
            if c32[o["fault_pending"]]:
                c32[o["deliveries"]] -= 1
                c32[o["hit_n"]] = 0
                if not self._deliver() or self._hit() or self._told():
                    return
                continue
            if self.budget <= 0:
                return
            if c32[o["intr_pending"]] and self._takes_interrupt():
                c32[o["exit_reason"]] = S.EXIT_INTR_WINDOW
                return
            if c32[o["debug"]] & S.DEBUG_EXEC and self._breakpoint():
                c32[o["exit_reason"]] = S.EXIT_BREAK
                return
            before, c32[o["hit_n"]] = c64[o["icount"]], 0
            self.step()
            if c64[o["icount"]] == before:
                c32[o["hit_n"]] = 0  # the instruction did not happen
            if c32[o["exit_reason"]] or self._hit() or self._told():
                return

    def _takes_interrupt(self) -> bool:
        """Whether the processor would now take one of the interrupts that the machine wants to deliver."""
        c32, c64, o = self.c32, self.c64, self._o
        pending = c32[o["intr_pending"]]
        nmi = pending & S.PENDING_NMI and not c32[o["nmi_blocked"]]
        asked = nmi or (pending & S.PENDING_INTR and c32[o["eflags"]] & S.IF)
        begun = c32[o["latch_n"]]  # an instruction that was stopped half-way comes first
        return bool(asked) and c64[o["inhibit_icount"]] != c64[o["icount"]] and not begun

    def _hit(self) -> bool:
        """Whether something watched was accessed: then the run ends here."""
        if self.c32[self._o["hit_n"]]:
            self.c32[self._o["exit_reason"]] = S.EXIT_WATCH
            return True
        return False

    def _told(self) -> bool:
        """Whether a delivery has happened that ends runs."""
        if self.c64[self._o["told"]]:
            self.c32[self._o["exit_reason"]] = S.EXIT_TOLD
            return True
        return False

    def _deliver(self) -> bool:
        """Deliver the pending exception; False if the run has to end."""
        c32, o = self.c32, self._o
        c32[o["latch_i"]] = 0
        self._watching = False
        self._aligned = self._must_align()
        self._journal.clear()
        try:
            self.routine("deliver")()
            self._counted()
        except GuestFault as f:
            c32[o["fault_vector"]], c32[o["fault_error"]], c32[o["fault_pending"]] = f.vector, f.error, 1
            c32[o["hit_n"]] = 0  # the delivery did not happen
            if self.routine("escalate")():
                c32[o["exit_reason"]] = S.EXIT_TRIPLE
                return False
        except Undone as e:
            c32[o["deliveries"]] += 1
            c32[o["store_n"]] = 0
            self.leave(e.reason, e.info, 0)
            return False
        if c32[o["store_n"]] and not c32[o["exit_reason"]]:
            c32[o["exit_reason"]] = S.EXIT_MMIO_WRITE
        return not c32[o["exit_reason"]]

    def step(self) -> None:
        """One instruction, or the exception that it raises."""
        c32, o = self.c32, self._o
        c32[o["latch_i"]] = 0
        trap = c32[o["eflags"]] & S.TF
        resume = c32[o["eflags"]] & S.RF
        pc = c32[o["eip"]]
        c32[o["dr_hits"]] = c32[o["rf_loaded"]] = 0
        self._journal.clear()
        self._watching = bool(c32[o["dr"] + 7] & ENABLES)
        self._aligned = self._must_align()
        if self._watching and not resume and not self._behind_mov_ss():
            bits = self.routine("instruction_breakpoint")((c32[S.seg_offset("cs", "base") // 4] + pc) & 0xFFFFFFFF)
            if bits:
                self.routine("debug_trap")(bits)
                return
        mode, base = c32[o["mode"]], c32[S.seg_offset("cs", "base") // 4]
        try:
            d = self.fetch(mode)
            nx = (pc + d.len) & 0xFFFFFFFF
            target = self.handler(d.handler)(d, pc, nx)
        except GuestFault as f:
            c32[o["fault_vector"]], c32[o["fault_error"]], c32[o["fault_pending"]] = f.vector, f.error, 1
            c32[o["fault_soft"]] = c32[o["fault_nest"]] = 0
            c32[o["store_n"]] = 0
            return
        except Undone as e:
            c32[o["store_n"]] = 0
            self.leave(e.reason, e.info, 0)
            return
        c32[o["eip"]] = pc if target == AGAIN else target
        self._retire()
        self._counted()
        if self.probes is not None:
            self.probes.retired((base + pc) & 0xFFFFFFFF, self._at, mode, d.len, d.form)
        c32[o["latch_n"]] = 0
        repeated = self._watching and target == AGAIN  # a breakpoint at a REP is for all of its iterations
        if resume and not repeated and not c32[o["rf_loaded"]]:
            c32[o["eflags"]] &= ~S.RF & 0xFFFFFFFF
        if c32[o["store_n"]] and not c32[o["exit_reason"]]:
            c32[o["exit_reason"]] = S.EXIT_MMIO_WRITE
        if not c32[o["fault_pending"]] and (trap or c32[o["dr_hits"]] or c32[o["dr6_pending"]]):
            self.routine("debug_traps")(trap)

    def _must_align(self) -> bool:
        c32, o = self.c32, self._o
        return bool(c32[o["eflags"]] & S.AC and c32[o["cr0"]] & AM and c32[o["cpl"]] == 3)

    def _behind_mov_ss(self) -> bool:
        """STI casts the one shadow, INT n the other, a load of SS both."""
        c64, o = self.c64, self._o
        return c64[o["inhibit_icount"]] == c64[o["nodebug_icount"]] == c64[o["icount"]]

    def probe(self, counting: bool, consumer: "Consumer | None") -> ReferenceProbes:
        """Count and trace from now on what is executed."""
        from playhead.engine.executed import PieceTable

        self.probes = ReferenceProbes(self.core, kinds(self.table), counting, consumer, PieceTable())
        return self.probes

    def probe_no_more(self) -> None:
        self.probes = None

    def collect_written(self, pages: int) -> None:
        self.routine("collect_written")(pages)

    def ram_digest(self, pages: int) -> int:
        return self.routine("ram_digest")(pages)

    def tlb_digest(self) -> int:
        return self.routine("tlb_digest")()

    def handler(self, number: int):
        f = self.handlers.get(number)
        if f is None:
            f = self.handlers[number] = compile_function(self.table.handlers[number].function, self.world)
        return f
