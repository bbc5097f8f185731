"""The processor's registers by the names that debuggers use, read and written as plain numbers.

st0 to st7 are 80 bits wide, counted from the top of the stack; `ftag` is the full tag word (two bits for each physical
register), `fstat` holds TOP. Writing is for live machines that are not recorded.
"""

from collections.abc import Callable
from functools import cache

from playhead.machine.machine import Machine
from playhead.x86 import state as S

SYSTEM = ("cr0", "cr2", "cr3", "cr4", "efer", "gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit", "icount", "seq",
          "eip")  # fmt: skip
X87 = {"fctrl": "fcw", "fiseg": "fcs", "fioff": "fip", "foseg": "fds", "fooff": "fdp", "fop": "fop"}
PARTS = {"": "sel", "_base": "base", "_limit": "limit"}
EMPTY = 3  # in a full tag word; 0 valid, 1 zero, 2 anything else

Read = Callable[[Machine], int]


@cache
def reader(name: str) -> Read | None:
    """What reads a register; None if there is none of that name."""
    if name in S.REG32:
        return _indexed("regs", S.REG32.index(name))
    if name in SYSTEM:
        return _indexed(name, 0)
    if name in X87:
        return _indexed(X87[name], 0)
    if name == "eflags":
        return lambda m: m.core.eflags
    if name == "fstat":
        return lambda m: m.core.get("fsw") | m.core.get("ftop") << 11
    if name == "ftag":
        return _tag_word
    if name[:2] == "st" and name[2:] in tuple("01234567"):
        return lambda m, i=int(name[2:]): _st(m, i)  # type: ignore[misc]
    if name[:2] == "dr" and name[2:] in tuple("012367"):
        return _indexed("dr", int(name[2:]))
    if name[:5] == "pdpte" and name[5:] in tuple("0123"):
        return _indexed("pdpte", int(name[5:]))
    segment = name.partition("_")[0]
    if segment in S.SEGMENTS and name[len(segment) :] in PARTS:
        return lambda m: m.core.seg(segment, PARTS[name[len(segment) :]])
    return None


def _indexed(field: str, index: int) -> Read:
    return lambda m: m.core.get(field, index)


def _st(m: Machine, i: int) -> int:
    at = (m.core.get("ftop") + i) % 8
    return m.core.get("fpr", 2 * at) | (m.core.get("fpr", 2 * at + 1) & 0xFFFF) << 64


def _tag_word(m: Machine) -> int:
    word = 0
    for at in range(8):
        mantissa, exponent = m.core.get("fpr", 2 * at), m.core.get("fpr", 2 * at + 1) & 0x7FFF
        if m.core.get("ftag") >> at & 1:
            tag = EMPTY
        elif not mantissa and not exponent:
            tag = 1
        else:
            tag = 0 if exponent not in (0, 0x7FFF) and mantissa >> 63 else 2
        word |= tag << 2 * at
    return word


def write(m: Machine, name: str, value: int) -> bool:
    """Change a register; False if it is one that cannot be written like this (segments, control registers)."""
    core = m.core
    if name in S.REG32:
        core.set("regs", value & 0xFFFFFFFF, S.REG32.index(name))
    elif name in ("eip", "cr2"):
        core.set(name, value & 0xFFFFFFFF)
    elif name == "eflags":
        core.eflags = value
    elif name in X87:
        core.set(X87[name], value & 0xFFFF if name in ("fctrl", "fiseg", "foseg", "fop") else value & 0xFFFFFFFF)
    elif name[:2] == "st" and name[2:] in tuple("01234567"):
        at = (core.get("ftop") + int(name[2:])) % 8
        core.set("fpr", value & (1 << 64) - 1, 2 * at)
        core.set("fpr", value >> 64 & 0xFFFF, 2 * at + 1)
    else:
        return False
    core.stale = True
    return True
