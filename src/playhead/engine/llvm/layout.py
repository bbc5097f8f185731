"""Native data structures: decoded instructions, blocks, and their arrays. Only native code and its tests use them.

A decoded instruction (uop) is 32 bytes; one whose handler has a direct jump is followed by a link record of 32 bytes,
which holds the address of the block to continue with. A block is a header of 80 bytes and its uops; it ends with an
instruction that ends blocks or with the uop `end`. `rem` counts this and the following instructions of the block: what
is returned to the budget when the block is left here.

Who enters a block calls what its header names (`B_ENTRY`) as the handler of its first uop: that handler, the stub
`count`, or the block's code in the second tier (tier2/tier.py). The uops stay as they were decoded.
"""

UOP_SIZE = 32
UOP = {
    "imm": (8, 32), "disp": (12, 32), "imm2": (16, 32), "a": (20, 8), "b": (21, 8), "base": (22, 8), "index": (23, 8),
    "scale": (24, 8), "seg": (25, 8), "flags": (26, 8), "len": (27, 8), "rem": (28, 16), "off": (30, 16),
}  # fmt: skip
LINKED = 0x80  # in the uop's flags: a link record follows
PROBE = 0x40  # it is no instruction but a probe (probe_code.py)
REPEATS = 0x20  # a REP between two probes
UOP_BITS = 5  # UOP_SIZE is 2 to the power of it
PROBE_AT, PROBE_COUNTER = 8, 16  # in a probe: the address of its counter (64 bits), its counter
HEADER = 80
# Offsets in a block's header: instructions, mode, what to call; entries until the stub `count` tells of the block, and
# entries when it tells; physical address, the next block of the hash bucket, the second page's address; bytes of guest
# code, whether they lie on two pages, uops (with `end`). N and ENTRY are in one line of the host's cache.
B_N, B_MODE, B_ENTRY, B_COUNT, B_HEAT, B_NEXT, B_PA, B_PA2, B_BYTES, B_CROSS, B_UOPS, B_MEMBER = (
    0, 4, 8, 16, 20, 24, 32, 36, 40, 42, 44, 46)  # fmt: skip
# Of a block of a region (tier2/regions.py): whether it is one (MEMBER); where the region is entered, the
# `regions_epoch` in which it is valid, what to call in another one, the addresses of its blocks.
B_EPOCH, B_PLAIN, B_REGION = 48, 56, 64
B_LINEAR = 52  # the linear address that it was decoded at
DEAD = 0x7FFFFFFF  # `n` of a void block: no budget suffices, so entering it leads to another look-up
# flags of a handler's entry (16 bytes: address, flags) in the array `handlers`: it is the last of its block; a link
# record follows; it may continue after itself anyway (REP, loads of segments), so that a block which ends with it
# needs the uop `end`
ENDS, LINKS, FALLS = 1, 2, 4
# its copies for registers (copies.py) are chosen by these fields
BY_A, BY_B, BY_BASE = 8, 16, 32
SPENDS = 64  # it may retire more than once, or once and continue: a REP
NODE = 16  # of a page's list of blocks: a block, the next node
MAX_INSNS = 40  # per block
SCRATCH = 0x2000  # at the start of the arena: copies of blocks that are cut short
DEAD_BLOCK = 0x1F00  # in it: what unlinked records point at
FAR_BLOCK = 0x1F80  # in it: what records of jumps to another page point at, an empty block that goes on as `go` does
FAR_WORK = 5  # item of `work`: address of that block
COUNT_WORK = 6  # the stub `count`
CUT_WORK = 7  # the block that was last cut short
# Handlers of probes, and of the end of a block that is cut short within a piece.
PROBE_WORK, TRACE_WORK, REP_BEGIN_WORK, REP_END_WORK, STOP_SHORT_WORK = 8, 9, 10, 11, 12
# A piece of a block: its first uop, linear and physical address (64 bits each), mode (32); number of instructions, of
# which up to MOST_PIECE are in one piece (8), unused (8), size in bytes (16), the form (x86/table.py) of the last one
# (16); from LENGTHS on the length of each.
R_UOP, R_LINEAR, R_PHYSICAL, R_MODE, R_COUNT, R_SIZE, R_FORM, R_LENGTHS = 0, 8, 16, 24, 28, 30, 32, 40
RECORD_BITS, MOST_PIECE, MOST_RECORDS = 6, 24, 1 << 20
TRACE_ENTRIES = 1 << 17
# Entries after which the stub `count` tells of a block: `heat_first`, then so many times as many at first and later, up
# to the last.
HEAT_STEPS, HEAT_LAST = (64, 4), 1 << 20
HEAT_ALL = 1  # `heat_first` that has each block told of, and the run left, before it is first entered
HEAT_RING = 256 << 10
# What it tells of a block: address, entries so far (64 bits each), mode, number of uops; then these, without links.
HEAT_RECORD = 24
HASH_BITS = 16
HASH_FACTOR = 0x9E3779B1  # times a physical address: the top bits of 32 are the number of its bucket
JUMP_BITS = 16
PAGE_JUMP_BITS = 8  # of these, for the addresses of one page
PAGE_JUMPS = 1 << PAGE_JUMP_BITS
ARENA = 96 << 20
# Low bits of a host table entry: what handlers may do, and what `slow` may do once it has compared the address with the
# guest's data breakpoints.
READ_OK, WRITE_OK, READ_GUARDED, WRITE_GUARDED = 1, 2, 4, 8
# and whether it follows from a global translation (then, or so it was once, its page is among the first `htab_kept` of
# the list); nothing is left of it but the page's place in the list
KEPT, DROPPED = 16, 32
MOST_KEPT = 1 << 12  # pages in that part of the list

SIZES = {
    "htab_user": 8 << 20, "htab_sup": 8 << 20, "htab_none": 8 << 20,
    "htab_list": 8 << 20, "arena": ARENA, "block_hash": 8 << HASH_BITS,
    "page_blocks": 8 << 20, "chunks": 8 << 20, "jump_cache": 16 << JUMP_BITS,
    "heat": HEAT_RING, "stops": 1 << 20,
    "probes": MOST_RECORDS << RECORD_BITS, "cut_short": ARENA >> UOP_BITS << 3,
}  # fmt: skip
