"""Descriptors and segment registers (manual volume 3, chapters 3 and 5): lookup, checks, and the hidden part.

A segment register is named by `at`, the byte offset of its hidden part within `segs`, so that one routine fills any of
them. The checks that several instructions share take `info` = vector << 16 | EXT: a bad selector raises #GP for an
instruction but #TS where it came from a TSS, and an event that the program did not ask for sets bit 0 (EXT) of the
error code.
"""

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

STRIDE = S.SEG_STRIDE
ES, CS, SS, DS, FS, GS, LDTR, TR = (n * STRIDE for n in range(8))
NEWSS = S.offset("newss") - S.offset("segs")  # a stack that is written to before it is switched to
DATA_SEGMENTS = (ES, DS, FS, GS)
INFO_GP, INFO_TS = S.GP << 16, S.TS_VECTOR << 16
# High dword of a descriptor.
ACCESSED, WRITABLE, CONFORMING, CODE, SYSTEM_NOT, PRESENT, BIG, GRANULAR = (
    0x100, 0x200, 0x400, 0x800, 0x1000, 0x8000, 1 << 22, 1 << 23)  # fmt: skip
REAL_RIGHTS, V86_RIGHTS = 0x9300, 0xF300


def part(m: StateBuilder, at: "Value | int", name: str) -> Value:
    """A field of the hidden part at an offset."""
    offset, bits = S.SEG_FIELDS[name]
    if isinstance(at, int):
        return m.load_state(S.offset("segs") + at + offset, bits)
    return m.load_at(at + (S.offset("segs") + offset), bits)


def set_part(m: StateBuilder, at: "Value | int", name: str, value: "Value | int") -> None:
    offset, bits = S.SEG_FIELDS[name]
    if isinstance(at, int):
        m.store_state(S.offset("segs") + at + offset, bits, value)
    else:
        m.store_at(at + (S.offset("segs") + offset), bits, value)


def copy_segment(m: StateBuilder, to: int, source: int) -> None:
    """Commit a hidden part that was made elsewhere."""
    start = S.offset("segs")
    for i in range(0, STRIDE, 8):
        m.store_state(start + to + i, 64, m.load_state(start + source + i, 64))


def low_of(descriptor: Value) -> Value:
    return descriptor.trunc(32)


def high_of(descriptor: Value) -> Value:
    return (descriptor >> 32).trunc(32)


def dpl_of(high: Value) -> Value:
    return (high >> 13) & 3


def limit_of(m: StateBuilder, low: Value, high: Value) -> Value:
    """The limit in bytes."""
    raw = (low & 0xFFFF) | (high & 0xF0000)
    return (high & GRANULAR).ne(0).select((raw << 12) | 0xFFF, raw)


def absent(high: Value) -> Value:
    return (high & PRESENT).eq(0)


def is_null(selector: Value) -> Value:
    return (selector & 0xFFFC).eq(0)


def refuse(m: StateBuilder, bad: Value, info: "Value | int", selector: Value) -> None:
    """Raise the exception of `info` about a selector."""
    info = m.value(info, 32)
    with m.if_(bad):
        m.fault(info >> 16, (selector & 0xFFFC) | (info & 0xFFFF))


def refuse_absent(m: StateBuilder, high: Value, info: "Value | int", selector: Value, vector: int = S.NP) -> None:
    with m.if_(absent(high)):
        m.fault(vector, (selector & 0xFFFC) | (m.value(info, 32) & 0xFFFF))


def checked_linear(m: StateBuilder, at: "Value | int", offset: Value, size: "Value | int", write: bool,
                   error: "Value | int") -> Value:  # fmt: skip
    """Linear address of `size` bytes on a stack segment; #SS(error) outside of it."""
    size = m.value(size, 32).zext(64)
    end = part(m, at, "wend" if write else "rend")
    with m.if_(offset.ult(part(m, at, "lo")) | end.ult(offset.zext(64) + size)):
        m.fault(S.SS, error)
    return part(m, at, "base") + offset


# Looking up


@routine(32, faults=False)
def descriptor_address(m: StateBuilder, selector):
    """Linear address of a descriptor; bit 32 set if it lies outside of its table."""
    local = (selector & 4).ne(0)
    base = local.select(m.seg("ldtr", "base"), m.ld("gdtr_base"))
    limit = local.select(m.seg("ldtr", "limit"), m.ld("gdtr_limit"))
    missing = local & absent(m.seg("ldtr", "attr"))
    index = selector & 0xFFF8
    m.ret((base + index).zext(64) | ((limit.ult(index + 7) | missing).zext(64) << 32))


@routine(32, 32)
def descriptor(m: StateBuilder, selector, info):
    """The descriptor of a selector, as 64 bits."""
    found = call(m, "descriptor_address", selector)
    refuse(m, found.bit(32), info, selector)
    m.ret(m.load_sys(found.trunc(32), 64))


@routine(32, 32)
def mark_accessed(m: StateBuilder, selector, high):
    """Set the accessed bit of a code or data descriptor in memory, if it is clear."""
    with m.if_((high & ACCESSED).eq(0)):
        found = call(m, "descriptor_address", selector).trunc(32)
        m.store_sys(found + 5, (high >> 8).trunc(8) | 1)
    m.ret()


@routine(32, 32, 32)
def data_descriptor(m: StateBuilder, selector, cpl, info):
    """What DS, ES, FS or GS may be loaded with at a privilege."""
    d = call(m, "descriptor", selector, info)
    high = high_of(d)
    code = (high & CODE).ne(0)
    refuse(m, (high & SYSTEM_NOT).eq(0) | (code & (high & WRITABLE).eq(0)), info, selector)
    open_ = code & (high & CONFORMING).ne(0)
    dpl = dpl_of(high)
    refuse(m, (dpl.ult(cpl) | dpl.ult(selector & 3)) & ~open_, info, selector)
    refuse_absent(m, high, info, selector)
    m.ret(d)


@routine(32, 32, 32)
def stack_descriptor(m: StateBuilder, selector, cpl, info):
    """What SS may be loaded with for a privilege."""
    refuse(m, is_null(selector), info, selector & 0)
    d = call(m, "descriptor", selector, info)
    high = high_of(d)
    wrong = (high & (SYSTEM_NOT | CODE | WRITABLE)).ne(SYSTEM_NOT | WRITABLE)
    refuse(m, (selector & 3).ne(cpl) | dpl_of(high).ne(cpl) | wrong, info, selector)
    refuse_absent(m, high, info, selector, S.SS)
    m.ret(d)


@routine(32, 32)
def code_descriptor(m: StateBuilder, selector, info):
    """A code segment; privilege and presence are the caller's to check."""
    refuse(m, is_null(selector), info, selector & 0)
    d = call(m, "descriptor", selector, info)
    refuse(m, (high_of(d) & (SYSTEM_NOT | CODE)).ne(SYSTEM_NOT | CODE), info, selector)
    m.ret(d)


@routine(32)
def visible_descriptor(m: StateBuilder, selector):
    """The descriptor as LAR, LSL, VERR and VERW see it: 0 if there is none or the privilege does not suffice."""
    found = call(m, "descriptor_address", selector)
    with m.if_(is_null(selector) | found.bit(32)):
        m.ret(0)
    d = m.load_sys(found.trunc(32), 64)
    high = high_of(d)
    open_ = (high & (SYSTEM_NOT | CODE | CONFORMING)).eq(SYSTEM_NOT | CODE | CONFORMING)
    dpl = dpl_of(high)
    with m.if_(~open_ & (dpl.ult(m.ld("cpl")) | dpl.ult(selector & 3))):
        m.ret(0)
    m.ret(d)


# Filling the hidden part


@routine(32, 32, 32, 32, faults=False)
def set_segment(m: StateBuilder, at, selector, low, high):
    """Fill a hidden part from a descriptor that was checked."""
    usable = (high & SYSTEM_NOT).ne(0)
    code = (high & CODE).ne(0)
    right = (high & WRITABLE).ne(0)
    limit = limit_of(m, low, high)
    down = usable & ~code & (high & CONFORMING).ne(0)  # the bit of conforming code: expand-down data
    top = (high & BIG).ne(0).select(1 << 32, 0x10000, 64)
    end = down.select(limit.eq(0xFFFFFFFF).select(0, top), limit.zext(64) + 1)
    set_part(m, at, "sel", selector & 0xFFFF)
    set_part(m, at, "base", (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF000000))
    set_part(m, at, "limit", limit)
    set_part(m, at, "attr", (high & 0x00F0FF00) | usable.select(ACCESSED, 0, 32))
    set_part(m, at, "lo", down.select(limit + 1, 0))
    set_part(m, at, "rend", (usable & (~code | right)).select(end, 0))
    set_part(m, at, "wend", (usable & ~code & right).select(end, 0))
    m.ret()


@routine(32, 32, faults=False)
def clear_segment(m: StateBuilder, at, selector):
    """Load a null selector: nothing may be accessed through it."""
    set_part(m, at, "sel", selector & 0xFFFF)
    for name in ("base", "limit", "attr", "lo", "rend", "wend"):
        set_part(m, at, name, 0)
    m.ret()


def _set_paragraph(m: StateBuilder, at, selector, limit, attr) -> None:
    set_part(m, at, "sel", selector & 0xFFFF)
    set_part(m, at, "base", (selector & 0xFFFF) << 4)
    set_part(m, at, "limit", limit)
    set_part(m, at, "attr", attr)
    set_part(m, at, "lo", 0)
    end = m.value(limit, 32).zext(64) + 1
    set_part(m, at, "rend", end)
    set_part(m, at, "wend", end)


@routine(32, 32, faults=False)
def set_real(m: StateBuilder, at, selector):
    """A load in real mode. The limit and the size bits stay what protected mode left ("big real mode")."""
    _set_paragraph(m, at, selector, part(m, at, "limit"), (part(m, at, "attr") & 0x00F00000) | REAL_RIGHTS)
    m.ret()


@routine(32, 32, faults=False)
def set_v86(m: StateBuilder, at, selector):
    """A load in virtual-8086 mode: 64 KiB, readable and writable."""
    _set_paragraph(m, at, selector, 0xFFFF, V86_RIGHTS)
    m.ret()


@routine(32, 32, faults=False)
def set_8086(m: StateBuilder, at, selector):
    """A load in real or virtual-8086 mode."""
    with m.if_(m.v86()):
        call(m, "set_v86", at, selector)
    with m.else_():
        call(m, "set_real", at, selector)
    m.ret()


@routine(32, 32, 32, 32, faults=False)
def set_code(m: StateBuilder, selector, cpl, low, high):
    """Load CS in protected mode and take on its privilege."""
    call(m, "set_segment", CS, (selector & 0xFFFC) | cpl, low, high)
    m.st("cpl", cpl)
    call(m, "update_mode")
    m.ret()


def in_8086(m: StateBuilder) -> Value:
    """Real or virtual-8086 mode: selectors are paragraphs."""
    return ~m.protected() | m.v86()


# Loading by instructions


@routine(32, 32)
def load_segment_at(m: StateBuilder, at, selector):
    """MOV, POP and LxS to a segment register other than CS. Returns 1 if decoded code has to be looked up afresh."""
    old = m.ld("mode")
    with m.if_(in_8086(m)):
        call(m, "set_8086", at, selector)
    with m.else_(), m.if_(at.eq(SS)):
        d = call(m, "stack_descriptor", selector, m.ld("cpl"), INFO_GP)
        call(m, "mark_accessed", selector, high_of(d))
        call(m, "set_segment", at, selector, low_of(d), high_of(d))
    with m.else_(), m.if_(is_null(selector)):
        call(m, "clear_segment", at, selector)
    with m.else_():
        d = call(m, "data_descriptor", selector, m.ld("cpl"), INFO_GP)
        call(m, "mark_accessed", selector, high_of(d))
        call(m, "set_segment", at, selector, low_of(d), high_of(d))
    m.ret(call(m, "update_mode").trunc(32).ne(old).zext(64))


@routine(32, 32)
def load_segment(m: StateBuilder, number, selector):
    """As `load_segment_at`, by the register's number."""
    m.ret(call(m, "load_segment_at", number * STRIDE, selector))


@routine(32, 32)
def load_ldt(m: StateBuilder, selector, info):
    """LLDT, and the LDT of a new task. A task's LDT that is not present is #TS as well."""
    with m.if_(is_null(selector)):
        call(m, "clear_segment", LDTR, selector)
        m.ret()
    refuse(m, (selector & 4).ne(0), info, selector)
    d = call(m, "descriptor", selector, info)
    high = high_of(d)
    refuse(m, (high & 0x1F00).ne(0x200), info, selector)
    with m.if_(absent(high)):
        gp = (info >> 16).eq(S.GP)
        m.fault(gp.select(S.NP, S.TS_VECTOR, 32), (selector & 0xFFFC) | (info & 0xFFFF))
    call(m, "set_segment", LDTR, selector, low_of(d), high)
    m.ret()


@routine(32)
def load_tr(m: StateBuilder, selector):
    """LTR: the TSS must be available, and becomes busy."""
    refuse(m, is_null(selector), INFO_GP, selector & 0)
    refuse(m, (selector & 4).ne(0), INFO_GP, selector)
    d = call(m, "descriptor", selector, INFO_GP)
    high = high_of(d)
    refuse(m, (high & 0x1700).ne(0x100), INFO_GP, selector)
    refuse_absent(m, high, 0, selector)
    found = call(m, "descriptor_address", selector).trunc(32)
    m.store_sys(found + 5, (high >> 8).trunc(8) | 2)
    call(m, "set_segment", TR, selector, low_of(d), high | 0x200)
    m.ret()


@routine(32, faults=False)
def drop_inner_segments(m: StateBuilder, cpl):
    """On a return to less privilege, data segments that it may not use become null (volume 3, 5.8.6)."""
    for at in DATA_SEGMENTS:
        attr = part(m, at, "attr")
        conforming = (attr & (CODE | CONFORMING)).eq(CODE | CONFORMING)
        with m.if_(dpl_of(attr).ult(cpl) & ~conforming):
            call(m, "clear_segment", at, 0)
    m.ret()
