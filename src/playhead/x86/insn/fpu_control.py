"""x87 control (manual volume 2: FLDCW, FNSTCW, FNSTSW, FNCLEX, FNINIT, FLDENV, FNSTENV, FNSAVE, FRSTOR, FXSAVE,
FXRSTOR, WAIT).

The environment has four layouts, by operand size and by mode (manual volume 1, 8.1.10). An image spans two pages at
most: its first and its last byte are probed, then nothing can fault any more.
"""

from itertools import pairwise

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import InsnBuilder, StateBuilder
from playhead.x86.insn.fpu import CR0_MP, CR0_TS, begin, begin_no_wait, refuse_pending
from playhead.x86.softfloat.core import ES_B, call, empty, physical, read
from playhead.x86.table import insn, routine

CONTROL_BITS = 0x1F3F  # bit 6 reads as one
STATUS_BITS = 0x477F
WIDE, REAL, WITH_REGISTERS = 1, 2, 4  # layouts of an environment


def status_word(m: StateBuilder) -> Value:
    return m.ld("fsw") | (m.ld("ftop") << 11)


def set_control(m: StateBuilder, value: Value) -> None:
    m.st("fcw", (value & CONTROL_BITS) | 0x40)


def release_error(m: StateBuilder) -> None:
    """Nothing unmasked is pending any more: FERR# falls, and with it IGNNE#."""
    m.st("ferr", 0)
    m.st("ignne", 0)


def set_status(m: StateBuilder, value: Value) -> None:
    """Take a status word; ES and B follow from the flags and the masks, whatever it says."""
    pending = (value & ~m.ld("fcw") & 0x3F).ne(0)
    with m.if_(~pending):
        release_error(m)
    m.st("fsw", (value & STATUS_BITS) | pending.select(ES_B, 0, 32))
    m.st("ftop", (value >> 11) & 7)


@routine(faults=False)
def fp_init(m: StateBuilder):
    """FNINIT. The registers keep their contents, tagged empty."""
    m.st("fcw", 0x37F)
    for name in ("fsw", "ftop", "fip", "fcs", "fdp", "fds", "fop"):
        m.st(name, 0)
    m.st("ftag", 0xFF)
    release_error(m)


@insn("db e3")
def fninit(m):
    """Initialise the unit."""
    begin_no_wait(m)
    call(m, "fp_init")


@insn("db e2")
def fnclex(m):
    """Clear the exception flags."""
    begin_no_wait(m)
    m.st("fsw", m.ld("fsw") & 0x7F00)
    release_error(m)


@insn("d9 /5 Mw")
def fldcw(m, src):
    """Load the control word; a flag that it unmasks is pending."""
    begin(m)
    set_control(m, m.get(src).zext(32))
    set_status(m, status_word(m))


@insn("d9 /7 Mw")
def fnstcw(m, dst):
    """Store the control word."""
    begin_no_wait(m)
    m.set(dst, m.ld("fcw").trunc(16))


@insn("dd /7 Mw", "df e0 ax")
def fnstsw(m, dst):
    """Store the status word."""
    begin_no_wait(m)
    m.set(dst, status_word(m).trunc(16))


@insn("9b")
def fwait(m):
    """Raise what is pending."""
    blocked = ((m.ld("cr0") & (CR0_MP | CR0_TS)).eq(CR0_MP | CR0_TS)) | (m.ld("fsw") & 0x80).ne(0)
    with m.if_(blocked):
        call(m, "fp_wait_blocked")


@routine()
def fp_wait_blocked(m: StateBuilder):
    """FWAIT may not pass: #NM after a task switch if CR0.MP asks for it, else #MF."""
    with m.if_((m.ld("cr0") & (CR0_MP | CR0_TS)).eq(CR0_MP | CR0_TS)):
        m.fault(S.NM)
    refuse_pending(m)


@insn("db e0", "db e1", "db e4", name="fnsetpm")
def fnsetpm(m):
    """What the 8087 and the 287 needed (FENI, FDISI, FSETPM): nothing since."""
    begin_no_wait(m)


def _tag_word(m: StateBuilder) -> Value:
    """Two bits for each physical register: valid, zero, special, empty."""
    word = m.const(0, 32)
    for n in range(8):
        x = read(m, m.const(n, 32))
        normal = x.exp.eq(0).select(x.m.eq(0).select(1, 2, 32), x.normal().select(0, 2, 32))
        word = word | (empty(m, m.const(n, 32)).select(3, normal) << (2 * n))
    return word


def _probe(m: StateBuilder, linear: Value, size: "int | Value", mode: str) -> None:
    m.guest_load(linear + (size - 1), 8, mode)
    m.guest_load(linear, 8, mode)


def _size(m: StateBuilder, form: Value) -> Value:
    return (form & WIDE).ne(0).select(28, 14, 32) + (form & WITH_REGISTERS).ne(0).select(80, 0, 32)


def _probe_image(m: StateBuilder, linear: Value, form: Value, mode: str) -> None:
    """An image is aligned as a whole, by operand size, whatever its parts are (volume 3, 6.15, #AC)."""
    with m.if_((form & WIDE).ne(0)):
        m.guest_load(linear, 32, mode)
    with m.else_():
        m.guest_load(linear, 16, mode)
    _probe(m, linear, _size(m, form), mode)


@routine(32, 32)
def fp_store_environment(m: StateBuilder, linear, form):
    """FNSTENV and FNSAVE (WITH_REGISTERS): store, then mask everything, or initialise."""
    wide, real = form.bit(0), form.bit(1)
    _probe_image(m, linear, form, "w")
    fip, fdp, fop = m.ld("fip"), m.ld("fdp"), m.ld("fop")
    lip, ldp = (m.ld("fcs") << 4) + fip, (m.ld("fds") << 4) + fdp
    high = wide.select(0xFFFF0000, 0, 32)
    items = [
        high | m.ld("fcw"), high | status_word(m), high | _tag_word(m),
        real.select(high | (lip & 0xFFFF), fip),
        real.select(((lip >> 16) << 12) | fop, wide.select(fop << 16, 0, 32) | m.ld("fcs")),
        real.select(high | (ldp & 0xFFFF), fdp),
        real.select((ldp >> 16) << 12, high | m.ld("fds")),
    ]  # fmt: skip
    at, i = m.var(32, linear), m.var(32, 0)
    with m.loop():
        value = items[0]
        for n, item in enumerate(items[1:], 1):
            value = i.get().eq(n).select(item, value)
        with m.if_(wide):
            m.guest_store(at.get(), value)
            at.set(at.get() + 4)
        with m.else_():
            m.guest_store(at.get(), value.trunc(16))
            at.set(at.get() + 2)
        i.set(i.get() + 1)
        with m.if_(i.get().eq(7)):
            m.break_()
    with m.if_(form.bit(2)):
        i.set(0)
        with m.loop():
            x = read(m, physical(m, i.get()))
            m.guest_store(at.get(), x.m, "p")
            m.guest_store(at.get() + 8, x.se.trunc(16), "p")
            at.set(at.get() + 10)
            i.set(i.get() + 1)
            with m.if_(i.get().eq(8)):
                m.break_()
        call(m, "fp_init")
        m.ret(0)
    m.st("fcw", m.ld("fcw") | 0x3F)
    set_status(m, status_word(m))


def _load_register(m: StateBuilder, at: Value, phys: Value) -> None:
    mant, se = m.guest_load(at, 64, "p"), m.guest_load(at + 8, 16, "p")
    m.st_at("fpr", phys << 1, mant)
    m.st_at("fpr", (phys << 1) + 1, se.zext(64))


@routine(32, 32)
def fp_load_environment(m: StateBuilder, linear, form):
    """FLDENV and FRSTOR (WITH_REGISTERS)."""
    wide, real = form.bit(0), form.bit(1)
    _probe_image(m, linear, form, "")
    at, i = m.var(32, linear), m.var(32, 0)
    items = [m.var(32, 0) for _ in range(7)]
    with m.loop():
        for a, b in pairwise(items):
            a.set(b.get())
        with m.if_(wide):
            items[6].set(m.guest_load(at.get(), 32))
            at.set(at.get() + 4)
        with m.else_():
            items[6].set(m.guest_load(at.get(), 16).zext(32))
            at.set(at.get() + 2)
        i.set(i.get() + 1)
        with m.if_(i.get().eq(7)):
            m.break_()
    control, status, tags, ip, cs, dp, ds = (v.get() for v in items)
    set_control(m, control)
    set_status(m, status)
    full = tags & (tags >> 1)
    word = m.const(0, 32)
    for n in range(8):
        word = word | (((full >> (2 * n)) & 1) << n)
    m.st("ftag", word)
    reach = wide.select(0xFFFFFFFF, 0xFFFFF, 32)
    m.st("fip", real.select(((ip & 0xFFFF) | ((cs >> 12) << 16)) & reach, ip))
    m.st("fcs", real.select(0, cs & 0xFFFF))
    m.st("fop", real.select(cs & 0x7FF, wide.select((cs >> 16) & 0x7FF, 0)))
    m.st("fdp", real.select(((dp & 0xFFFF) | ((ds >> 12) << 16)) & reach, dp))
    m.st("fds", real.select(0, ds & 0xFFFF))
    with m.if_(form.bit(2)):
        i.set(0)
        with m.loop():
            _load_register(m, at.get(), physical(m, i.get()))
            at.set(at.get() + 10)
            i.set(i.get() + 1)
            with m.if_(i.get().eq(8)):
                m.break_()


def _form(m: InsnBuilder, registers: bool) -> Value:
    real = ~m.protected() | m.v86()
    return real.select(REAL, 0, 32) | ((WIDE if m.osize == 32 else 0) | (WITH_REGISTERS if registers else 0))


def _environment(name: str, encoding: str, store: bool, registers: bool) -> None:
    def environment(m, op):
        if store:
            begin_no_wait(m)
        else:
            begin(m)
        size = (28 if m.osize == 32 else 14) + 80 * registers
        linear = m.linear(op, size, store)
        call(m, "fp_store_environment" if store else "fp_load_environment", linear, _form(m, registers))

    environment.__doc__ = ("Store" if store else "Load") + (" the whole state." if registers else " the environment.")
    insn(encoding, name=name)(environment)


_environment("fldenv", "d9 /4 Ma", False, False)
_environment("fnstenv", "d9 /6 Ma", True, False)
_environment("frstor", "dd /4 Ma", False, True)
_environment("fnsave", "dd /6 Ma", True, True)


@routine(32)
def fx_save(m: StateBuilder, linear):
    """The first 160 bytes of an FXSAVE image, without MXCSR: there is no SSE state, and its area is left alone."""
    _probe(m, linear, 160, "w")

    def pair(low: Value, high: Value) -> Value:
        return low.zext(64) | (high.zext(64) << 32)

    m.guest_store(linear, pair(m.ld("fcw") | (status_word(m) << 16), (m.ld("ftag") ^ 0xFF) | (m.ld("fop") << 16)))
    m.guest_store(linear + 8, pair(m.ld("fip"), m.ld("fcs")))
    m.guest_store(linear + 16, pair(m.ld("fdp"), m.ld("fds")))
    i, at = m.var(32, 0), m.var(32, linear + 32)
    with m.loop():
        x = read(m, physical(m, i.get()))
        m.guest_store(at.get(), x.m)
        m.guest_store(at.get() + 8, x.se.zext(64))
        at.set(at.get() + 16)
        i.set(i.get() + 1)
        with m.if_(i.get().eq(8)):
            m.break_()


@routine(32)
def fx_restore(m: StateBuilder, linear):
    """Load what `fx_save` stores."""
    _probe(m, linear, 160, "")
    first, ip, dp = (m.guest_load(linear + n, 64) for n in (0, 8, 16))
    set_control(m, first.trunc(32) & 0xFFFF)
    set_status(m, (first.trunc(32) >> 16))
    m.st("ftag", ((first >> 32).trunc(32) & 0xFF) ^ 0xFF)
    m.st("fop", (first >> 48).trunc(32) & 0x7FF)
    m.st("fip", ip.trunc(32))
    m.st("fcs", (ip >> 32).trunc(32) & 0xFFFF)
    m.st("fdp", dp.trunc(32))
    m.st("fds", (dp >> 32).trunc(32) & 0xFFFF)
    i, at = m.var(32, 0), m.var(32, linear + 32)
    with m.loop():
        _load_register(m, at.get(), physical(m, i.get()))
        at.set(at.get() + 16)
        i.set(i.get() + 1)
        with m.if_(i.get().eq(8)):
            m.break_()


def _fx(name: str, encoding: str, store: bool) -> None:
    def fx(m, op):
        begin_no_wait(m)
        linear = m.linear(op, 512, store)
        m.gp0_if((linear & 15).ne(0))
        call(m, "fx_save" if store else "fx_restore", linear)

    fx.__doc__ = ("Store" if store else "Load") + " x87 and MMX state; the operand lies on a multiple of 16."
    insn(encoding, name=name, feature="fxsr")(fx)


_fx("fxsave", "0f ae /0 Ma", True)
_fx("fxrstor", "0f ae /1 Ma", False)
