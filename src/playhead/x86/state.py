"""The state block of the CPU: one flat piece of memory that every engine works on, declared field by field.

`ARCH` fields are what the guest can know and what a digest, a checkpoint or a debugger sees. The others belong to the
engines (pointers, exits, latches) and are derived or empty between two runs. Flags are kept lazily in `fl_res` and
`fl_aux` (see x86/flags.py), so the canonical form computes EFLAGS first.
"""

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
SEG_STRIDE = 40
# Fields of a segment register's hidden part, (offset, bits). Valid offsets are [lo, rend) to read and [lo, wend) to
# write.
SEG_FIELDS = {"sel": (0, 32), "base": (4, 32), "limit": (8, 32), "attr": (12, 32), "lo": (16, 32), "rend": (24, 64),
              "wend": (32, 64)}  # fmt: skip
REG32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
REG16 = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
REG8 = ("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh")


class Slot:
    """Where a field is."""

    __slots__ = ("arch", "bits", "count", "name", "offset")

    def __init__(self, name: str, offset: int, bits: int, count: int, arch: bool):
        self.name, self.offset, self.bits, self.count, self.arch = name, offset, bits, count, arch


FIELDS: dict[str, Slot] = {}
MOST_WINDOWS = 16
_top = 0


def _field(name: str, bits: int, count: int = 1, arch: bool = True) -> None:
    global _top
    size = bits // 8
    _top = -(-_top // size) * size
    FIELDS[name] = Slot(name, _top, bits, count, arch)
    _top += size * count


_field("regs", 32, 8)
_field("zero", 32, 1, arch=False)  # base or index of an address that has none: always 0
_field("eip", 32)
_field("fl_res", 32, 1, arch=False)
_field("fl_aux", 32, 1, arch=False)
_field("eflags", 32)  # without the six status flags, which are lazy
_field("cpl", 32)
_field("segs", 8, SEG_STRIDE * len(SEGMENTS))
for _n in ("cr0", "cr2", "cr3", "cr4", "gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit"):
    _field(_n, 32)
_field("pdpte", 64, 4)  # what MOV to CR0, CR3 or CR4 has loaded for PAE paging
_field("efer", 32)
_field("dr", 32, 8)
for _n in ("sysenter_cs", "sysenter_esp", "sysenter_eip", "a20_mask"):
    _field(_n, 32)
_field("apic_base", 64)
_field("tsc_offset", 64)
_field("msrs", 64, 80)  # MSRs that are only stored (MTRRs and the like), by index in x86/system/msr_map.py
_field("icount", 64)  # retired instructions
_field("seq", 64)  # deliveries since the last retired instruction
_field("inhibit_icount", 64)  # interrupts wait while icount is this (STI and MOV SS shadow); all ones: no shadow
_field("halted", 32)
_field("nmi_blocked", 32)  # an NMI was accepted and no IRET executed since (volume 3, "Handling Multiple NMIs")
_field("vbias", 64)  # virtual time = vbias + (icount << shift), in ns
_field("shift", 32)
# x87: eight 16-byte registers (64-bit mantissa, 16-bit sign and exponent), by physical number
_field("fpr", 64, 16)
for _n in ("fcw", "fsw", "ftop", "ftag", "fip", "fcs", "fdp", "fds", "fop"):
    _field(_n, 32)  # fsw without TOP; ftag: one bit per physical register, 1 = empty
_field("ferr", 32)  # FERR# is asserted: an unmasked exception has stopped the processor with CR0.NE clear
_field("ignne", 32)  # IGNNE#: a latch of the board's, kept here because it falls with FERR#
_field("fault_pending", 32)
_field("fault_vector", 32)
_field("fault_error", 32)
_field("fault_soft", 32)  # 1: INT n / INT3 / INTO, whose gate DPL is checked; 2: external interrupt
_field("fault_nest", 32)  # 0, or 1 + the vector whose delivery is under way; 0x100: double fault
_field("dr6_pending", 32)
_field("nodebug_icount", 64)  # no single-step trap while icount is this (after MOV SS, INT n); all ones: none
_field("cr4_mask", 32)  # bits of CR4 that the processor model has
_field("cpuid", 32, 4 * 8)  # leaves 0-3 and 80000001-80000004, EAX EBX ECX EDX each
ARCH_END = _top
for _n in (
    "mode",
    "exit_reason",
    "intr_pending",
    "latch_n",
    "latch_i",
    "store_n",
    "single",
    "link_from",
    "generation",
    "system_generation",  # of the jump cache's entries for system code (engine/llvm/jump_cache.py)
    "local_jumps",  # some of these may be for pages that are not global
    "htab_kept",  # of the list of host table entries, how many at its beginning a load of CR3 leaves alone
    "deliveries",
    "like_read",  # since the last read of a register, one was like memory (`Registers.like_memory`)
    "again",  # the last instruction is a REP that is to continue
    "kick",  # the machine was asked to return soon, so device accesses are left to it
    "heat_first",  # entries after which a block is told of to the second tier; 0: there is none
    "regions_epoch",  # how often a block of a region (engine/llvm/tier2/regions.py) has become void
    "heat_top",  # bytes of the region `heat` that hold such news
    "alarm_moved",  # the last write of a register may have armed an alarm
    "moved_on",  # in this run native code has changed where it ends, or passed a boundary (engine/llvm/boundaries.py)
):
    _field(_n, 32, 1, arch=False)
for _n in ("exit_info", "icount_end", "budget", "link_slot", "tbl", "tbl_sup", "jump_key", "arena_top", "ram_sum",
           "blocks_decoded", "blocks_voided"):  # fmt: skip
    _field(_n, 64, 1, arch=False)
_field("own_end", 64, 1, arch=False)  # native code may pass boundaries at lower instruction counts than this
_field("rung_icount", 64, 1, arch=False)  # when alarms last rang
_field("rung_ns", 64, 1, arch=False)
# Video memory: see hw/memory.py.
_field("shared_first", 32, 1, arch=False)  # the pages of the area that windows show
_field("shared_n", 32, 1, arch=False)
_field("shown_n", 32, 1, arch=False)  # windows that show them
_field("shown", 32, 2 * MOST_WINDOWS, arch=False)  # first guest page, page behind the last one
# The guest's debug registers, for the instruction under way.
_field("dr_hits", 32, 1, arch=False)  # bits of DR6 that its accesses have set
_field("rf_loaded", 32, 1, arch=False)  # it has loaded RF, which then outlives it
_field("aligned", 32, 1, arch=False)  # its accesses must be aligned (EFLAGS.AC and CR0.AM at CPL 3)
_field("marked_dr", 32, 5, arch=False)  # DR0 to DR3 and DR7 that the engine has marked pages and addresses for
_field("rearm", 32, 1, arch=False)  # they have changed: REARM_*
# A debugger's: see machine/debug.py.
_field("debug", 32, 1, arch=False)  # DEBUG_*: what is armed
_field("watch_n", 32, 1, arch=False)  # ranges in `watch_list`
_field("hit_n", 32, 1, arch=False)  # watched accesses of this instruction or delivery, in `hits`
_field("skip_icount", 64, 1, arch=False)  # no breakpoint hits at this moment: it has been told of
_field("skip_seq", 64, 1, arch=False)
_field("hits", 64, 16, arch=False)  # address | size << 32 | kind << 40
_field("newss", 64, SEG_STRIDE // 8, arch=False)  # hidden part of a stack segment that is not committed yet
_field("task", 32, 20, arch=False)  # what a task switch read of the new TSS
_field("outer", 32, 32, arch=False)  # what ENTER (frame pointers) and a CALL through a gate (parameters) copy
_field("latch", 64, 16, arch=False)  # answers to reads of registers outside, for the instruction at EIP
_field("stores", 64, 64, arch=False)  # writes to registers outside: (address | size << 32), value
_field("scratch", 8, 64, arch=False)  # where a store that was split over two pages may write again
_field("fetch", 8, 32, arch=False)  # bytes of the instruction being decoded
_field("dec", 32, 32, arch=False)  # what decoding found (x86/decode.py names the items)
_field("ptr", 64, 64, arch=False)  # the engine's array bases, by region (see REGIONS)
_field("work", 64, 64, arch=False)  # the engine's own
# What is counted where counting costs nothing beside what is done there, in the order of the field's items; no guest
# and no digest knows of it (machine/profile.py).
COUNTS = ("turns", "searched", "slow", "walks", "flushes")
_field("counts", 64, 16, arch=False)
# Deliveries that end a run (machine/debug.py), and the last one: vector | how << 8 | TOLD, and if it has an error
# code | TOLD_ERROR | code << 32.
_field("told", 64, 1, arch=False)
_field("told_vectors", 32, 8, arch=False)  # a bit for each vector
# Probes (engine/llvm/probe_code.py): what is counted or traced while code runs.
_field("probes", 32, 1, arch=False)  # PROBE_*
_field("probed", 32, 1, arch=False)  # records in the region `probes`
_field("trace_top", 64, 1, arch=False)  # where the next entry of the trace goes
_field("trace_end", 64, 1, arch=False)
# A search of memory (x86/system/memory_search.py): length of the string, where the searched memory ends, and the stores
# of this instruction that have completed it: place | size << 48, what was there.
LONGEST_SEARCH, MOST_SEEN = 4096, 64
_field("search_n", 32, 1, arch=False)
_field("seen_n", 32, 1, arch=False)
_field("search_end", 64, 1, arch=False)
_field("seen", 64, 2 * MOST_SEEN, arch=False)
# Counts of accesses by page (engine/llvm/page_counts.py): whether they are on, pages of the area that count, and what
# the instruction under way has counted: page << 1 | write.
JOURNAL = 256
_field("counting", 32, 1, arch=False)
_field("counted_pages", 32, 1, arch=False)
_field("journal_n", 32, 1, arch=False)
_field("journal_uop", 64, 1, arch=False)
_field("journal_budget", 64, 1, arch=False)
_field("journal", 64, JOURNAL, arch=False)
SIZE = -(-_top // 4096) * 4096

# Arrays that routines index: name -> slot in `ptr`.
REGIONS = {n: i for i, n in enumerate((
    "ram", "page_map", "tlb", "tlb_large", "tlb_list", "dec_tables", "handlers", "htab_user", "htab_sup", "htab_list",
    "arena", "block_hash", "page_blocks", "chunks", "jump_cache", "dirty", "unhashed", "page_hash", "debug_map",
    "debug_offsets", "watch_list", "htab_none", "io_map", "mmio_map", "device_ranges", "copies", "written",
    "heat", "alarms", "stops", "probes", "cut_short", "search",
    "read_counts", "write_counts",
))}  # fmt: skip

LARGE_PAGES = 2048  # entries of tlb_large: those of 4 MiB pages use the first half

# Why a run ended.
(
    EXIT_NONE,
    EXIT_HALT,
    EXIT_PORT_READ,
    EXIT_PORT_WRITE,
    EXIT_MMIO_READ,
    EXIT_MMIO_WRITE,
    EXIT_INTR_WINDOW,
    EXIT_TRIPLE,
) = range(8)
EXIT_REFERENCE, EXIT_DELIVERIES, EXIT_CPU_WRITE, EXIT_SINGLE, EXIT_SYNC, EXIT_ARENA = range(8, 14)
EXIT_BREAK, EXIT_WATCH = range(14, 16)
EXIT_FROZEN = 16  # before a waiting x87 instruction: FERR# is to be asserted, an interrupt to be waited for
EXIT_REARM = 17  # the debug registers have changed
EXIT_HEAT = 18  # in front of a block of which the second tier is told at once
EXIT_TRACE = 19  # the trace is full
EXIT_TOLD = 20  # after a delivery that ends runs: see `told`
PROBE_COUNT, PROBE_TRACE = 1, 2  # of `probes`
REARM_NOW, REARM_LATER = 1, 2  # LATER: nothing is enabled, so that marks which are left cost time and nothing else
PENDING_INTR, PENDING_NMI = 1, 2  # of `intr_pending`: what the machine wants to deliver as soon as it may
DEBUG_EXEC, DEBUG_DATA, DEBUG_AREA = 1, 2, 4  # AREA: places in video memory
DEBUG_DELIVERIES = 8  # those of `told_vectors` end a run
TOLD, TOLD_EXCEPTION, TOLD_INTERRUPT, TOLD_SOFTWARE = 1 << 11, 0, 1, 2  # of `told`; the others are its `how`
TOLD_ERROR = 1 << 10
# `debug_map` holds for each linear page: bit 0 a debugger's breakpoints, from bit 1 on HIT_* of its watchpoints, from
# GUEST_SHIFT on those of the guest's data breakpoints, then its instruction breakpoints. `debug_offsets` holds for each
# offset in a page whose breakpoints are there.
GUEST_SHIFT = 3
MARK_EXEC, MARK_GUEST_EXEC = 1, 0x20
OFFSET_DEBUGGER, OFFSET_GUEST = 1, 2
MOST_HITS = 16
WATCH_PHYSICAL = 8  # in `watch_list`: the addresses are physical; the other bits are HIT_*
WATCH_AREA = 0x20  # and places in the backing area, of video memory, whoever shows it
HIT_WRITE, HIT_READ, HIT_WALK = 1, 2, 4  # of `hits`; WALK: an accessed or dirty bit that a page walk sets
HIT_FOUND = 0x40  # the store completes the string that is searched for (`seen`)
HIT_BEYOND = 0x10  # of an access: at 4 GiB or above, where no physical address is watched


def offset(name: str, index: int = 0) -> int:
    f = FIELDS[name]
    return f.offset + index * (f.bits // 8)


def seg_offset(segment: str | int, name: str) -> int:
    n = SEGMENTS.index(segment) if isinstance(segment, str) else segment
    return FIELDS["segs"].offset + n * SEG_STRIDE + SEG_FIELDS[name][0]


# Mode: what blocks of decoded instructions are keyed by.
MODE_D32, MODE_FLAT, MODE_USER = 1, 2, 4
CF, PF, AF, ZF, SF, TF, IF, DF, OF = 1, 4, 0x10, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
IOPL, NT, RF, VM, AC, VIF, VIP, ID = 0x3000, 0x4000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000
STATUS = CF | PF | AF | ZF | SF | OF
DE, DB, NMI_VECTOR, BP, OF_VECTOR, BR, UD, NM, DF_VECTOR = range(9)
TS_VECTOR, NP, SS, GP, PFV = 10, 11, 12, 13, 14
MF, ACV = 16, 17
