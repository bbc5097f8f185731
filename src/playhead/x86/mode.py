"""The mode bits that decoded blocks are keyed by, derived from segments and privilege whenever those change."""

from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import routine


@routine(faults=False)
def update_mode(m: StateBuilder):
    """Recompute the state field `mode`; call it after any change of CS, SS, DS, ES or CPL. Returns the mode."""
    big = m.seg("cs", "attr").bit(22)
    plain = m.const(1, 1)
    for name in ("es", "cs", "ss", "ds"):
        ok = m.seg(name, "base").eq(0) & m.seg(name, "lo").eq(0) & m.seg(name, "rend").eq(1 << 32)
        if name == "cs":
            ok = ok & m.seg(name, "limit").eq(0xFFFFFFFF)
        else:
            ok = ok & m.seg(name, "wend").eq(1 << 32)
        plain = plain & ok
    plain = plain & m.seg("ss", "attr").bit(22)
    user = m.ld("cpl").eq(3)
    mode = big.zext(32) | plain.select(S.MODE_FLAT, 0, 32) | user.select(S.MODE_USER, 0, 32)
    m.st("mode", mode)
    m.ret(mode.zext(64))
