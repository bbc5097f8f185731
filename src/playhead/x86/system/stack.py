"""Stacks as interrupts, gates and returns use them: frames on a stack that is only committed when all of it is stored.

`kind` is carried by all of it: bit 0 32-bit items, bit 1 store as supervisor, bits 16-31 the error code of a #SS.
"""

from playhead.ir.ops import Value
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.segments import INFO_TS, NEWSS, high_of, low_of, part
from playhead.x86.table import call, routine

DWORD, SUPERVISOR = 1, 2


def stack_mask(m: StateBuilder, at: "Value | int") -> Value:
    return (part(m, at, "attr") & G.BIG).ne(0).select(0xFFFFFFFF, 0xFFFF, 32)


@routine(32, 32, 32, 32)
def store_stack(m: StateBuilder, at, offset, value, kind):
    """Store one item of a frame on the stack segment at `at`; nothing moves."""
    dword, system = (kind & DWORD).ne(0), (kind & SUPERVISOR).ne(0)
    linear = G.checked_linear(m, at, offset, dword.select(4, 2, 32), True, kind >> 16)
    with m.if_(dword & system):
        m.guest_store(linear, value, "s")
    with m.else_(), m.if_(dword):
        m.guest_store(linear, value)
    with m.else_(), m.if_(system):
        m.guest_store(linear, value.trunc(16), "s")
    with m.else_():
        m.guest_store(linear, value.trunc(16))
    m.ret()


@routine(32, 32, 32)
def probe_stack(m: StateBuilder, at, offset, kind):
    """Raise what `store_stack` would raise there, and let an engine that will have to start anew do so now."""
    dword, system = (kind & DWORD).ne(0), (kind & SUPERVISOR).ne(0)
    linear = G.checked_linear(m, at, offset, dword.select(4, 2, 32), True, kind >> 16)
    for wide, bits in ((dword, 32), (~dword, 16)):
        with m.if_(wide & system):
            m.guest_load(linear, bits, "ws")
        with m.if_(wide & ~system):
            m.guest_load(linear, bits, "w")
    m.ret()


@routine(32, 32)
def load_stack(m: StateBuilder, depth, kind):
    """An item on the current stack, `depth` bytes above its top."""
    dword = (kind & DWORD).ne(0)
    offset = (m.reg(4) + depth) & stack_mask(m, G.SS)
    linear = G.checked_linear(m, G.SS, offset, dword.select(4, 2, 32), False, 0)
    with m.if_(dword):
        m.ret(m.guest_load(linear, 32).zext(64))
    m.ret(m.guest_load(linear, 16).zext(64))


def load(m: StateBuilder, depth: "Value | int", kind: Value) -> Value:
    return call(m, "load_stack", depth, kind & DWORD).trunc(32)


class Frame:
    """Pushes items on a stack that is committed later. The stack is named at run time, so that one code serves both."""

    def __init__(self, m: StateBuilder, at: Value, esp: Value, kind: Value):
        self.m, self.at, self.kind = m, at, kind
        self.mask = stack_mask(m, at)
        self.size = (kind & DWORD).ne(0).select(4, 2, 32)
        self.esp = m.var(32, esp)

    def push(self, value: Value) -> None:
        esp = self._below()
        call(self.m, "store_stack", self.at, esp & self.mask, value, self.kind)
        self.esp.set(esp)

    def probe(self) -> None:
        """Whatever a push would raise is raised; nothing is stored."""
        esp = self._below()
        call(self.m, "probe_stack", self.at, esp & self.mask, self.kind)
        self.esp.set(esp)

    def _below(self) -> Value:
        esp = self.esp.get()
        return (esp & ~self.mask) | ((esp - self.size) & self.mask)


def set_esp(m: StateBuilder, esp: Value) -> None:
    """A new stack pointer: only as wide as the stack in SS is."""
    mask = stack_mask(m, G.SS)
    m.set_reg(4, (m.reg(4) & ~mask) | (esp & mask))


def move_esp(m: StateBuilder, by: Value) -> None:
    set_esp(m, m.reg(4) + by)


@routine(32, 32)
def tss_stack(m: StateBuilder, level, ext):
    """The stack that the TSS holds for an inner privilege: ESP, and SS in the high dword."""
    big = (m.seg("tr", "attr") & 0x800).ne(0)
    at = big.select((level << 3) + 4, (level << 2) + 2)
    last = at + big.select(5, 3, 32)
    with m.if_(m.seg("tr", "limit").ult(last)):
        m.fault(S.TS_VECTOR, (m.seg("tr", "sel") & 0xFFFC) | ext)
    linear = m.seg("tr", "base") + at
    with m.if_(big):
        esp = m.load_sys(linear, 32).zext(64)
        m.ret(esp | (m.load_sys(linear + 4, 16).zext(64) << 32))
    esp = m.load_sys(linear, 16).zext(64)
    m.ret(esp | (m.load_sys(linear + 2, 16).zext(64) << 32))


@routine(32, 32)
def prepare_inner_stack(m: StateBuilder, level, ext):
    """Fill `newss` with the inner stack of the TSS; returns as `tss_stack`."""
    found = call(m, "tss_stack", level, ext)
    selector = high_of(found)
    d = call(m, "stack_descriptor", selector, level, ext | INFO_TS)
    call(m, "mark_accessed", selector, high_of(d))
    call(m, "set_segment", NEWSS, selector, low_of(d), high_of(d))
    m.ret(found)
