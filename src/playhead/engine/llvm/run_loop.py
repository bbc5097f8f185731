"""The native run loop: between two blocks, all that may happen there."""

from playhead.engine.llvm import jump_cache
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.blocks import marked, stops_at_marks
from playhead.engine.llvm.device_access import answer_devices
from playhead.engine.llvm.host_words import catch, host, pointer, set_host
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.interrupts import ENABLES, behind_mov_ss
from playhead.x86.table import call, routine


class _Turn:
    """One turn of the run loop, part by part; what is known at one part and used at a later one is an attribute."""

    def __init__(self, m: StateBuilder):
        self.m = m
        self.resume, self.limit, self.held, self.block = m.var(32, 0), m.var(64, 0), m.var(64, 0), m.var(64, 0)
        self.completed, self.trap, self.stepped = m.var(32, 0), m.var(32, 0), m.var(32, 0)
        self.watching, self.at_mark = m.var(1, 0), m.var(1, 0)

    def count(self) -> None:
        """The instructions that have retired; the debug traps after the last one."""
        m = self.m
        self.completed.set(0)
        self.icount = m.ld("icount_end") - m.ld("budget")
        with m.if_(self.icount.ne(m.ld("icount"))):
            m.st("icount", self.icount)
            self.completed.set(1)
            m.st("seq", 0)
            m.st("latch_n", 0)
            repeated = self.watching.get() & m.ld("again").ne(0)  # a breakpoint at a REP is for all of its iterations
            with m.if_(self.resume.get().ne(0) & ~repeated & m.ld("rf_loaded").eq(0)):
                m.st("eflags", m.ld("eflags") & ~S.RF)
            with m.if_(self.stepped.get().ne(0) & m.ld("fault_pending").eq(0)):
                call(m, "debug_traps", self.trap.get())
        self.resume.set(0)
        self.stepped.set(0)
        m.st("latch_i", 0)
        m.st("journal_n", 0)
        m.count("turns")

    def accesses(self) -> None:
        """Device accesses and the reason why the last block was left: leave, or run the instruction again alone."""
        m = self.m
        with m.if_(m.ld("kick").eq(0)):
            answer_devices(m, self.completed.get())
            with m.if_(m.ld("alarm_moved").ne(0)):
                m.st("alarm_moved", 0)
                with m.if_(call(m, "run_to_alarm").eq(0)):
                    m.st("exit_reason", S.EXIT_SYNC)
        reason = m.ld("exit_reason")
        with m.if_(reason.eq(S.EXIT_SINGLE)):
            m.st("exit_reason", 0)
            m.st("store_n", 0)
            m.st("hit_n", 0)
            m.st("single", 1)
        with m.else_():
            m.st("single", 0)
            with m.if_(reason.ne(0)):
                m.ret()
            with m.if_(m.ld("store_n").ne(0)):
                with m.if_(m.ld("fault_pending").eq(0) | self.completed.get().ne(0)):
                    m.st("exit_reason", S.EXIT_MMIO_WRITE)
                    m.ret()
                m.st("store_n", 0)

    def tables(self) -> None:
        """The host tables by mode and alignment checks."""
        m = self.m
        self.mode = m.ld("mode")
        user = (self.mode & S.MODE_USER).ne(0)
        m.st("tbl_sup", pointer(m, "htab_sup"))
        aligned = user & m.ld("cr0").bit(18) & (m.ld("eflags") & S.AC).ne(0)
        m.st("aligned", aligned.zext(32))
        table = aligned.select(pointer(m, "htab_none"), pointer(m, "htab_user"))  # every access is checked
        m.st("tbl", user.select(table, pointer(m, "htab_sup")))

    def stops(self) -> None:
        """Leave for a watchpoint, new marks, or after so many deliveries."""
        m = self.m
        with m.if_(m.ld("hit_n").ne(0)):
            with m.if_(m.ld("fault_pending").eq(0) | self.completed.get().ne(0)):
                m.st("exit_reason", S.EXIT_WATCH)
                m.ret()
            m.st("hit_n", 0)  # the instruction did not happen after all
        with m.if_(m.ld("told").ne(0)):
            m.st("exit_reason", S.EXIT_TOLD)
            m.ret()
        with m.if_(m.ld("rearm").eq(S.REARM_NOW)):
            m.st("exit_reason", S.EXIT_REARM)
            m.ret()
        with m.if_(m.ld("deliveries").eq(0)):
            m.st("exit_reason", S.EXIT_DELIVERIES)
            m.ret()

    def deliver(self) -> None:
        """A pending exception or interrupt."""
        m = self.m
        with m.if_(m.ld("fault_pending").ne(0)):
            m.st("deliveries", m.ld("deliveries") - 1)
            m.st("link_slot", 0)  # a jump that a trap follows does not lead to the handler
            with m.if_(catch(m, "deliver").ne(0)):
                call(m, "undo_counts")
                with m.if_(m.ld("exit_reason").eq(0)):
                    with m.if_(call(m, "escalate").ne(0)):
                        m.st("exit_reason", S.EXIT_TRIPLE)
                        m.ret()
                with m.else_():
                    m.st("deliveries", m.ld("deliveries") + 1)  # it has not happened
            m.continue_()

    def place(self) -> None:
        """Where the next instruction is; leave if the budget is used up, or for an interrupt."""
        m = self.m
        self.budget = m.ld("budget")
        with m.if_(self.budget.eq(0)):
            with m.if_(call(m, "pass_boundary").ne(0)):
                m.continue_()
            m.ret()
        self.eip = m.ld("eip")
        self.lin = m.seg("cs", "base") + self.eip
        self.at_offset = marked(m, self.lin)  # links lead there from every page that shows this code (`enter`)
        self.at_mark.set(0)
        with m.if_(self.at_offset.ne(0)):
            page_marks = m.item("debug_map", (self.lin >> 12).zext(64), 8)
            self.at_mark.set((page_marks & (S.MARK_EXEC | S.MARK_GUEST_EXEC)).ne(0))
        self.flags = m.ld("eflags")
        wanted = m.ld("intr_pending")
        nmi = (wanted & S.PENDING_NMI).ne(0) & m.ld("nmi_blocked").eq(0)
        self.asked = nmi | ((wanted & S.PENDING_INTR).ne(0) & (self.flags & S.IF).ne(0))
        begun = m.ld("single") | m.ld("latch_n")  # an instruction that was stopped half-way comes first
        with m.if_(self.asked & m.ld("inhibit_icount").ne(self.icount) & begun.eq(0)):
            with m.if_(call(m, "take_interrupt").ne(0)):
                m.continue_()
            m.st("exit_reason", S.EXIT_INTR_WINDOW)
            m.ret()

    def breakpoints(self) -> None:
        """A debugger's and the guest's, at the next instruction."""
        m = self.m
        with m.if_(self.at_mark.get() & ((m.ld("debug") & S.DEBUG_EXEC).ne(0)) & m.ld("latch_n").eq(0)):
            told = m.ld("skip_icount").eq(m.ld("icount")) & m.ld("skip_seq").eq(m.ld("seq"))
            here = m.item("debug_map", (self.lin >> 12).zext(64), 8).trunc(1)
            with m.if_(here & ~told):
                m.st("exit_reason", S.EXIT_BREAK)
                m.ret()
        self.resume.set(self.flags & S.RF)
        self.watching.set((m.ld("dr", 7) & ENABLES).ne(0))
        with m.if_(self.at_mark.get() & self.watching.get() & self.resume.get().eq(0) & ~behind_mov_ss(m)):
            met = call(m, "instruction_breakpoint", self.lin).trunc(32)
            with m.if_(met.ne(0)):
                call(m, "debug_trap", met)
                m.continue_()

    def bound(self) -> None:
        """How many instructions may run now: one, if something has to be looked at after it."""
        m = self.m
        self.limit.set(self.budget)
        self.trap.set(self.flags & S.TF)
        self.stepped.set(self.trap.get() | m.ld("dr6_pending") | m.ld("single"))
        alone = self.stepped.get() | self.resume.get() | m.ld("latch_n") | self.at_mark.get().zext(32)
        with m.if_(self.asked | alone.ne(0)):
            self.limit.set(1)  # also at a breakpoint: a REP comes back to it
        m.st("dr_hits", 0)
        m.st("again", 0)
        m.st("rf_loaded", 0)

    def look_up(self) -> None:
        """The next block, by the jump cache, or found and decoded if need be."""
        m = self.m
        key = jump_cache.key(m, self.mode)
        m.st("jump_key", key)
        slot = jump_cache.entry(m, self.lin)
        wanted = key | self.lin.zext(64)
        self.block.set(host(m, slot + 8, 64))
        known = m.var(1, 0)
        with m.if_(host(m, slot, 64).eq(wanted)):
            known.set(host(m, self.block.get() + L.B_MODE, 32).eq(self.mode))
        self.link = m.ld("link_slot")
        m.st("link_slot", 0)
        with m.if_(m.seg("cs", "limit").ult(self.eip)):
            m.st("fault_vector", S.GP)
            m.st("fault_error", 0)
            m.st("fault_pending", 1)
            m.st("fault_soft", 0)
            m.st("fault_nest", 0)
            m.continue_()
        with m.if_(known.get().eq(0)):
            with m.if_(catch(m, "find_block", self.lin, self.mode).ne(0)):
                reason = m.ld("exit_reason")
                with m.if_(reason.eq(0)):
                    m.st("fault_soft", 0)
                    m.st("fault_nest", 0)
                    m.continue_()
                with m.if_(reason.eq(S.EXIT_SINGLE)):
                    m.continue_()
                m.ret()
            self.block.set(m.ld("work", 4))
            with m.if_(host(m, self.block.get() + L.B_CROSS, 16).eq(0) & ~self.at_mark.get()):
                set_host(m, slot, 64, wanted)
                set_host(m, slot + 8, 64, self.block.get())
                jump_cache.note_entry(m, self.lin, self.mode)

    def within_cs(self, found) -> None:
        """Every byte that may be fetched must lie within CS; where the block goes beyond, one instruction at a time."""
        m = self.m
        with m.if_((self.mode & S.MODE_FLAT).eq(0)):
            end = m.seg("cs", "limit").zext(64) + 1
            with m.if_(end.ult(self.eip.zext(64) + host(m, found + L.B_BYTES, 16).zext(64))):
                first = host(m, found + L.HEADER + L.UOP["len"][0], 8).zext(64)
                with m.if_(end.ult(self.eip.zext(64) + first)):
                    m.st("exit_reason", S.EXIT_REFERENCE)
                    m.ret()
                self.limit.set(1)

    def enter(self) -> None:
        """Link the jump that led here, and run the block, or its first instructions."""
        m, limit, held = self.m, self.limit, self.held
        found = self.block.get()
        self.within_cs(found)
        same_page = ((self.eip ^ m.ld("link_from")) >> 12).eq(0)
        # elsewhere pages do not begin where EIP is a multiple of 4096, and a link would pass by the check of the limit
        flat = (self.mode & S.MODE_FLAT).ne(0)
        free = self.at_offset.eq(0) | stops_at_marks(m, host(m, found + L.B_PA, 32)).eq(0)
        can_link = self.link.ne(0) & same_page & flat & free
        with m.if_(can_link & host(m, found + L.B_CROSS, 16).eq(0)):
            set_host(m, self.link, 64, found)
        n = host(m, found, 32).zext(64)
        # what lies beyond the limit is out of reach of links, jumps and REP: the run seems to end there
        held.set(self.budget - limit.get())
        m.st("icount_end", m.ld("icount_end") - held.get())
        k = limit.get()
        with m.if_(n.ugt(k) | k.eq(1)):  # an instruction that runs alone does so by its own handler
            at = call(m, "cut", found, k.trunc(32))
            m.emit("enter", (host(m, at, 64), at, self.eip, m.const(0, 64)), 0)
        with m.else_():
            m.emit("enter", (host(m, found + L.B_ENTRY, 64), found + L.HEADER, self.eip, k - n), 0)
        m.st("budget", m.ld("budget") + held.get())
        m.st("icount_end", m.ld("icount_end") + held.get())


@routine(native_only=True)
def run(m: StateBuilder):
    """Run `budget` instructions, or fewer: then `exit_reason` says why. The order of things is that of
    engine/reference.py."""
    turn = _Turn(m)
    m.st("single", 0)
    m.st("hit_n", 0)
    with m.loop():
        turn.count()
        turn.accesses()
        turn.tables()
        turn.stops()
        turn.deliver()
        turn.place()
        turn.breakpoints()
        turn.bound()
        turn.look_up()
        turn.enter()
