"""The native engine: loads the native core and runs it on a `Core`."""

import ctypes
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from playhead.engine.core import Core, host_array
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.guest_marks import GuestMarks
from playhead.engine.llvm.library import library
from playhead.engine.llvm.tier2.switch import OFF, chosen
from playhead.x86 import state as S

if TYPE_CHECKING:
    from playhead.engine.executed import Consumer
    from playhead.engine.llvm.probes import NativeProbes
    from playhead.engine.llvm.tier2.tier import Backend, Compiled, Tier2
    from playhead.engine.reference import ReferenceEngine

PROBE_HANDLERS = {
    L.PROBE_WORK: "probe", L.TRACE_WORK: "trace", L.REP_BEGIN_WORK: "rep_begin", L.REP_END_WORK: "rep_end",
    L.STOP_SHORT_WORK: "stop_short",
}  # fmt: skip
MOST = 1 << 30  # instructions in one go: fewer than the length that says that a block is void
SLOW_MOST = 1 << 12  # of those that the reference engine does: code in video memory must not keep the machine for long


def _address(buffer) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


class NativeEngine:
    """`run(budget)` on a `Core`, by native code. What only the reference engine can do is handed to it, one instruction
    at a time."""

    def __init__(self, core: Core, tier2: str | None = None):
        self.core = core
        self.library = library()
        self._arrays = {n: host_array(size) for n, size in L.SIZES.items()}
        pointers = {n: _address(b) for n, b in self._arrays.items()}
        pointers.update(
            ram=_address(core.memory.area), page_map=_address(core.memory._map_store), tlb=_address(core.tlb),
            page_hash=_address(core.page_hash), dirty=_address(core.dirty), unhashed=_address(core.unhashed),
            written=_address(core.memory.written),
            tlb_large=_address(core.tlb_large),
            tlb_list=_address(core.tlb_list), debug_map=_address(core.debug_map),
            debug_offsets=_address(core.debug_offsets), watch_list=_address(core.watch_list),
            io_map=_address(core.io_map), mmio_map=_address(core.mmio_map), device_ranges=_address(core.device_ranges),
            dec_tables=_address(self.library.decode), handlers=_address(self.library.handlers),
            copies=_address(self.library.copies), alarms=_address(core.alarms), search=_address(core.search),
            read_counts=_address(core.read_counts), write_counts=_address(core.write_counts),
        )  # fmt: skip
        for name, number in S.REGIONS.items():
            if name in pointers:
                core.set("ptr", pointers[name], number)
        dead = pointers["arena"] + L.DEAD_BLOCK
        arena = self._arrays["arena"]
        arena[L.DEAD_BLOCK : L.DEAD_BLOCK + 8] = struct.pack("<II", L.DEAD, 0xFFFFFFFF)
        far = pointers["arena"] + L.FAR_BLOCK
        arena[L.FAR_BLOCK : L.FAR_BLOCK + 4] = struct.pack("<I", 0)
        at = L.FAR_BLOCK + L.B_ENTRY
        arena[at : at + 8] = struct.pack("<Q", self.library.address["go"])
        self._arena = pointers["arena"]
        self._scratch = core.block
        for i, value in enumerate((_address(core.block) + S.offset("scratch"), self.library.address["end"], dead,
                                   self.library.address["stop"], 0, far, self.library.address["count"])):  # fmt: skip
            core.set("work", value, i)
        core.set("arena_top", self._arena + L.SCRATCH)
        core.set("generation", 1)
        core.set("system_generation", 1)
        self._cpu = ctypes.c_void_p(_address(core.block))

        def function(name, result, *arguments) -> Callable[..., Any]:
            return ctypes.CFUNCTYPE(result, ctypes.c_void_p, *arguments)(self.library.address[name])

        for number, name in PROBE_HANDLERS.items():
            core.set("work", self.library.address[name], number)
        self._run = function("ph_run", None)
        self._host_flush = function("ph_host_flush", None)
        self._host_unshow = function("ph_host_unshow", None, ctypes.c_uint32, ctypes.c_uint32)
        self._update_mode = function("ph_update_mode", None)
        self._code_written = function("ph_code_written", None, ctypes.c_uint32)
        self._forget_code = function("ph_forget_code", None)
        self._collect_written = function("ph_collect_written", None, ctypes.c_uint32)
        self._ram_digest = function("ph_ram_digest", ctypes.c_uint64, ctypes.c_uint32)
        self._tlb_digest = function("ph_tlb_digest", ctypes.c_uint64)
        self._note_state = function("ph_note_state", None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32)
        core.memory.code_written = lambda page: self._code_written(self._cpu, page)
        core.memory.remapped = self._remapped
        core.memory.unshown = lambda first, count: self._host_unshow(self._cpu, first, count)
        core.forget_code = self.reset_arena
        self._reference: ReferenceEngine | None = None
        self._marks = GuestMarks(core)
        self._i = {n: S.offset(n) // (f.bits // 8) for n, f in S.FIELDS.items()}
        self.probes: NativeProbes | None = None
        self.tier2: Tier2 | None = None
        if chosen(tier2) != OFF:
            self.use_tier2(chosen(tier2))

    def use_tier2(self, setting: str, backend: "Backend | None" = None, code: "Compiled | None" = None) -> None:
        """Have hot blocks compiled: `setting` is ON or FORCE of tier2/switch.py."""
        from playhead.engine.llvm.tier2.tier import Tier2, backend_for, compiled

        arena, hash, heat = (memoryview(self._arrays[name]) for name in ("arena", "block_hash", "heat"))
        backend, code = backend or backend_for(setting), code or compiled()
        self.tier2 = Tier2(self.core, arena, self._arena, hash, heat, setting, backend, code)
        if self.core.get("arena_top") != self._arena + L.SCRATCH:
            self.reset_arena()  # blocks that were decoded before are not counted

    def _remapped(self) -> None:
        self.core.stale = True

    @property
    def reference(self) -> "ReferenceEngine":
        if self._reference is None:
            from playhead.engine.reference import ReferenceEngine

            self._reference = ReferenceEngine(self.core)
        return self._reference

    def run(self, budget: int) -> None:
        """Retire `budget` instructions, or fewer: then `exit_reason` says why."""
        core, c32, c64, i = self.core, self.core.c32, self.core.c64, self._i
        end, slow, tier2 = c64[i["icount"]] + budget, 0, self.tier2
        while True:
            if core.stale or c32[i["rearm"]]:
                if self._marks.update():
                    self.reset_arena()
                c32[i["rearm"]] = 0
            if core.stale:
                self._host_flush(self._cpu)
                self._update_mode(self._cpu)
                core.stale = False
            left = min(end - c64[i["icount"]], MOST)
            if tier2 is not None:
                until = tier2.stop - c64[i["icount"]]
                look = c32[i["heat_top"]] > tier2.patience or not 0 < until <= tier2.slice
                left = min(left, tier2.poll() if look else until)
            c32[i["exit_reason"]] = S.EXIT_NONE
            c64[i["budget"]] = left
            c64[i["icount_end"]] = c64[i["icount"]] + left
            c64[i["link_slot"]] = 0
            self._run(self._cpu)
            reason = c32[i["exit_reason"]]
            if c32[i["moved_on"]]:
                end = c64[i["icount_end"]]
            if reason == S.EXIT_REFERENCE:
                self._run_reference()
                slow += 1
                if c32[i["exit_reason"]]:
                    return
                if c64[i["icount"]] >= end:
                    c32[i["exit_reason"]] = S.EXIT_SYNC if c32[i["moved_on"]] else S.EXIT_NONE
                    return
                if slow == SLOW_MOST:
                    c32[i["exit_reason"]] = S.EXIT_SYNC
                    return
            elif reason == S.EXIT_ARENA:
                self.reset_arena()
            elif reason == S.EXIT_TRACE and self.probes is not None:
                self.probes.flush()
            elif reason not in (S.EXIT_REARM, S.EXIT_HEAT, S.EXIT_TRACE) and (reason or c64[i["icount"]] >= end):
                return

    def _run_reference(self) -> None:
        """An instruction that only the reference engine can do."""
        if self.probes is None:
            self.reference.run(1)
            return
        self.probes.flush()
        self.reference.probes = self.probes.reference
        self.reference.run(1)
        self.probes.executed_by_reference()

    def probe(self, counting: bool, consumer: "Consumer | None") -> "NativeProbes":
        """Count and trace from now on what is executed. Blocks are decoded anew, with probes."""
        from playhead.engine.llvm.probes import NativeProbes

        self.probe_no_more()
        self.probes = NativeProbes(
            self.core, self._arrays, self._arena, self.library.kinds, counting, consumer, _address
        )
        self.reset_arena()
        return self.probes

    def probe_no_more(self) -> None:
        """Neither count nor trace; blocks are decoded anew, without probes."""
        if self.probes is not None:
            self.probes.stop()
            self.probes = None
            if self._reference is not None:
                self._reference.probes = None
            self.core.set("probed", 0)
            self._arrays["cut_short"][:] = bytes(L.SIZES["cut_short"])
            self.reset_arena()

    def around_native(self, around: Callable[[Callable[..., None]], Callable[..., None]]) -> None:
        """Put something around each stretch of native code from now on, such as a clock."""
        self._run = around(self._run)

    def reset_arena(self) -> None:
        """Forget all decoded code."""
        if self.probes is not None:
            self.probes.forget()
        if self.tier2 is not None:
            self.tier2.forget()
        self._forget_code(self._cpu)
        self._arrays["stops"][:] = bytes(L.SIZES["stops"])
        self.core.set("arena_top", self._arena + L.SCRATCH)
        self.core.stale = True

    def collect_written(self, pages: int) -> None:
        self._collect_written(self._cpu, pages)

    def ram_digest(self, pages: int) -> int:
        return self._ram_digest(self._cpu, pages)

    def tlb_digest(self) -> int:
        return self._tlb_digest(self._cpu)

    def note_state(self, pieces: int, to: int, pages: int) -> None:
        """`state_note.note_state`; both are addresses."""
        self._note_state(self._cpu, pieces, to, pages)
