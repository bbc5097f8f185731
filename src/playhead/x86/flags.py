"""The status flags, kept lazily as two words so that most instructions only store.

`fl_res` is a result, sign-extended to 32 bits: ZF is "it is zero", SF its sign, PF the parity of its low byte. `fl_aux`
holds the carries: bit 31 CF (carry out of the operand's top bit), bit 30 the carry into the top bit (OF = bit 31 xor
bit 30), bit 3 AF. So that any combination can be expressed (POPF), bit 0 inverts SF and bit 8 inverts PF.
"""

from playhead.ir.builder import Builder
from playhead.ir.ops import Value
from playhead.x86 import state as S

_RES, _AUX = S.offset("fl_res"), S.offset("fl_aux")


def _aux(m: Builder) -> Value:
    return m.load_state(_AUX, 32)


def _res(m: Builder) -> Value:
    return m.load_state(_RES, 32)


def set_result(m: Builder, r: Value) -> None:
    m.store_state(_RES, 32, r.sext(32))


def align_carries(m: Builder, carries: Value) -> Value:
    """Turn the vector of carries out of each bit into `fl_aux`."""
    w = carries.bits
    if w == 32:
        return carries & 0xC0000008
    wide = carries.zext(32)
    return ((wide << (32 - w)) & 0xC0000000) | (wide & 8)


def set_add(m: Builder, a: Value, b: Value, r: Value) -> None:
    """Flags of r = a + b (+ carry)."""
    set_result(m, r)
    m.store_state(_AUX, 32, align_carries(m, (a & b) | ((a | b) & ~r)))


def set_sub(m: Builder, a: Value, b: Value, r: Value) -> None:
    """Flags of r = a - b (- borrow)."""
    set_result(m, r)
    m.store_state(_AUX, 32, align_carries(m, (~a & b) | (~(a ^ b) & r)))


def set_inc(m: Builder, a: Value, b: Value, r: Value, subtract: bool) -> None:
    """Flags of INC and DEC: as an addition of one, but CF stays."""
    carries = ((~a & b) | (~(a ^ b) & r)) if subtract else ((a & b) | ((a | b) & ~r))
    new = align_carries(m, carries)
    old = _aux(m) & 0x80000000
    overflow = (new ^ (new << 1)) & 0x80000000
    set_result(m, r)
    m.store_state(_AUX, 32, old | ((old ^ overflow) >> 1) | (new & 8))


def set_logic(m: Builder, r: Value) -> None:
    """Flags of AND, OR, XOR, TEST: CF = OF = 0; AF, which the manual leaves undefined, is cleared."""
    set_result(m, r)
    m.store_state(_AUX, 32, 0)


def set_explicit(m: Builder, r: Value, cf: Value, of: Value, af: Value | None = None) -> None:
    """SF, ZF, PF from a result, the rest as given (1-bit values)."""
    set_result(m, r)
    set_carry_overflow(m, cf, of, af)


def set_carry_overflow(m: Builder, cf: Value, of: Value, af: Value | None = None, keep: int = 0) -> None:
    aux = (cf.zext(32) << 31) | ((cf ^ of).zext(32) << 30)
    if af is not None:
        aux = aux | (af.zext(32) << 3)
    if keep:
        aux = aux | (_aux(m) & keep)
    m.store_state(_AUX, 32, aux)


def set_cf(m: Builder, cf: Value) -> None:
    """Change CF alone."""
    old = _aux(m)
    of = (old ^ (old << 1)) & 0x80000000
    new = cf.zext(32) << 31
    m.store_state(_AUX, 32, (old & 0x3FFFFFFF) | new | ((new ^ of) >> 1))


def set_zf(m: Builder, zf: Value) -> None:
    """Change ZF alone."""
    set_status(m, (get_status(m) & ~S.ZF & 0xFFFFFFFF) | (zf.zext(32) << 6))


def cf(m: Builder) -> Value:
    return _aux(m).msb()


def zf(m: Builder) -> Value:
    return _res(m).eq(0)


def sf(m: Builder) -> Value:
    return _res(m).msb() ^ _aux(m).bit(0)


def of(m: Builder) -> Value:
    a = _aux(m)
    return a.msb() ^ a.bit(30)


def af(m: Builder) -> Value:
    return _aux(m).bit(3)


def pf(m: Builder) -> Value:
    return ~((((_res(m) & 0xFF).ctpop()) ^ (_aux(m) >> 8)).trunc(1))


def condition(m: Builder, code: int) -> Value:
    """The condition of Jcc, SETcc and CMOVcc, by its 4-bit code (manual volume 2, appendix B.1.4.7)."""
    test = (
        lambda: of(m), lambda: cf(m), lambda: zf(m), lambda: cf(m) | zf(m), lambda: sf(m), lambda: pf(m),
        lambda: sf(m) ^ of(m), lambda: (sf(m) ^ of(m)) | zf(m),
    )[code >> 1]()  # fmt: skip
    return ~test if code & 1 else test


def get_status(m: Builder) -> Value:
    """The six status flags in their EFLAGS places."""

    def at(flag: Value, n: int) -> Value:
        return flag.zext(32) << n

    return at(cf(m), 0) | at(pf(m), 2) | at(af(m), 4) | at(zf(m), 6) | at(sf(m), 7) | at(of(m), 11)


def set_status(m: Builder, flags: Value) -> None:
    """Set the six status flags from an EFLAGS image."""
    z = flags.bit(6)
    m.store_state(_RES, 32, z.select(0, 1, 32))
    # the result chosen has SF = 0 and PF = (ZF ? 1 : 0), so the inverting bits make up the difference
    c = flags.bit(0)
    aux = (c.zext(32) << 31) | ((c ^ flags.bit(11)).zext(32) << 30) | (flags.bit(4).zext(32) << 3)
    aux = aux | flags.bit(7).zext(32) | ((flags.bit(2) ^ z).zext(32) << 8)
    m.store_state(_AUX, 32, aux)
