"""Runs an oracle's `Case` on the reference engine (and again on the native one), and makes x87 operands: for the
tests of x87 and MMX.

Paging is off and the oracle's windows lie at the same physical addresses; the cases here do not fault in memory.
"""

import random
import struct
from dataclasses import replace

from playhead.engine.core import Core
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import Memory
from playhead.x86 import state as S
from tools.oracle import layout
from tools.oracle.case import FX_INITIAL, Case

FLAT_CODE, FLAT_DATA = 0x00C09B00 | 3 << 13, 0x00C09300 | 3 << 13


class Machine:
    """`run(case)` -> (fx image, trap vector or None, EIP relative to the code, registers, changed words, eflags)."""

    def __init__(self) -> None:
        memory = Memory(layout.IMAGE_SIZE)
        self.area = memory.area
        for w in layout.WINDOWS:
            memory.map(w.base, w.size, memory.allocate(w.size))
        self.core = Core(memory)
        self.engine = ReferenceEngine(self.core)
        self.native = None
        self.origin = 0
        self.steps = 0  # instructions that `run` has retired
        self.reset()

    def reset(self) -> None:
        core = self.core
        core.set("cr0", 0x31)
        core.set("cpuid", 0xFFFFFFFF, 7)  # every feature
        core.set("a20_mask", 0xFFFFFFFF)
        core.set("inhibit_icount", (1 << 64) - 1)
        core.set("cpl", 0)
        core.set("deliveries", 1 << 30)
        for name in S.SEGMENTS[:6]:
            code = name == "cs"
            for field, value in (
                ("sel", 8 if code else 16),
                ("base", 0),
                ("limit", 0xFFFFFFFF),
                ("lo", 0),
                ("rend", 1 << 32),
                ("wend", 0 if code else 1 << 32),
                ("attr", FLAT_CODE if code else FLAT_DATA),
            ):
                core.set_seg(name, field, value)
        self.engine.routine("update_mode")()

    def set_fx(self, fx: bytes) -> None:
        core = self.core
        fcw, fsw, tags = struct.unpack_from("<HHB", fx)
        top = fsw >> 11 & 7
        pending = fsw & ~fcw & 0x3F
        for name, value in (
            ("fcw", fcw & 0x1F3F | 0x40),
            ("fsw", fsw & 0x477F | (0x8080 if pending else 0)),
            ("ftop", top),
            ("ftag", tags ^ 0xFF),
            ("fop", 0),
            ("fip", 0),
            ("fcs", 0),
            ("fdp", 0),
            ("fds", 0),
        ):
            core.set(name, value)
        for i in range(8):
            mant, se = struct.unpack_from("<QH", fx, 32 + 16 * i)
            core.set("fpr", mant, 2 * ((top + i) & 7))
            core.set("fpr", se, 2 * ((top + i) & 7) + 1)

    def get_fx(self) -> bytes:
        core = self.core
        top = core.get("ftop")
        out = bytearray(
            struct.pack("<HHB", core.get("fcw"), core.get("fsw") | top << 11, core.get("ftag") ^ 0xFF)
        ) + bytes(27)
        for i in range(8):
            n = 2 * ((top + i) & 7)
            out += struct.pack("<QH6x", core.get("fpr", n), core.get("fpr", n + 1))
        return bytes(out)

    def prepare(self, case: Case) -> bytes:
        """Registers and memory of a case; returns its memory."""
        core = self.core
        image = bytes(case.image())
        self.area[:] = image
        core.set("eip", layout.CODE_BASE + case.origin)
        core.eflags = case.eflags | 2
        core.set("fault_pending", 0)
        core.set("exit_reason", 0)
        for n, v in enumerate(case.regs):
            core.set("regs", v, n)
        self.set_fx(case.fx or FX_INITIAL)
        return image

    def run_native(self, case: Case, count: int):
        """`count` instructions, which must not fault, on the native engine; the answer is that of `run`."""
        if self.native is None:
            from playhead.engine.llvm.engine import NativeEngine

            self.native = NativeEngine(self.core)
        if self.origin + 32 > layout.CODE_SIZE:
            self.native.reset_arena()
            self.origin = 0
        case = replace(
            case, origin=self.origin
        )  # code that was never decoded: memory is not written through the doors here
        self.origin += 32
        image = self.prepare(case)
        self.core.stale = True
        self.native.run(count)
        return self.outcome(case, image, None)

    def run(self, case: Case, limit: int = 100):
        core = self.core
        image = self.prepare(case)
        start = layout.CODE_BASE + case.origin
        self.engine.budget = 1 << 30
        trap = None
        for _ in range(limit):
            if core.get("eip") == start + len(case.code):
                break
            self.engine.step()
            if core.get("fault_pending"):
                trap = core.get("fault_vector")
                break
            self.steps += 1
        return self.outcome(case, image, trap)

    def outcome(self, case: Case, image: bytes, trap: int | None):
        core, start = self.core, layout.CODE_BASE + case.origin
        regs = tuple(core.get("regs", n) for n in range(8))
        data = layout.changed_words(image, bytes(self.area))
        return self.get_fx(), trap, core.get("eip") - start & 0xFFFFFFFF, regs, data, core.eflags & S.STATUS


def host_fx(fx: bytes) -> bytes:
    """A host's image without what it keeps for itself: pointers, opcode, MXCSR, SSE."""
    return fx[:5] + bytes(27) + b"".join(fx[32 + 16 * i : 42 + 16 * i] + bytes(6) for i in range(8))


def image(fcw: int = 0x37F, fsw: int = 0, tags: int = 0, regs: list[tuple[int, int]] | None = None) -> bytes:
    """An FXSAVE image; `regs` are (se, mantissa) of ST(0) up; `tags` in the order of ST, one bit each, set: valid."""
    top = fsw >> 11 & 7
    physical = 0
    for i in range(8):
        physical |= (tags >> i & 1) << (top + i & 7)
    out = bytearray(512)
    struct.pack_into("<HHB", out, 0, fcw, fsw, physical)
    for i, (se, mant) in enumerate(regs or []):
        struct.pack_into("<QH", out, 32 + 16 * i, mant, se)
    struct.pack_into("<I", out, 24, 0x1F80)
    return bytes(out)


J = 1 << 63
SPECIAL = [
    (0, 0),
    (0x8000, 0),
    (0x7FFF, J),
    (0xFFFF, J),
    (0x7FFF, J | 1),
    (0xFFFF, J | 5),
    (0x7FFF, J | 3 << 61),
    (0xFFFF, J | 1 << 62),
    (0xFFFF, J | 1 << 62 | 9),
    (0, 1),
    (0x8000, J - 1),
    (0, J),
    (0x8000, J | 1),
    (1, J),
    (0x7FFE, (1 << 64) - 1),
    (0xFFFE, (1 << 64) - 1),
    (0x3FFF, J),
    (0xBFFF, J),
    (0x3FFE, J),
    (0x4000, J),
    (0x3FFF, J | 1),
    (0x3FFE, (1 << 64) - 1),
    (1, 1),
    (0x3FFF, 0),
    (0x7FFF, 0),
    (0xFFFF, 1 << 62),
    (0x4000, 0x4000000000000000),
    (0x403E, J),
    (0xC03E, J),
    (0x403D, J),
    (0x401E, J),
    (0xC01E, J),
    (0x400E, J),
    (0xC00E, J),
    (0xC00E, J | 1 << 47),
    (0x403A, 0xDE0B6B3A763FFFF0),
    (0x403A, 0xDE0B6B3A76400000),
    (0x403E, (1 << 64) - 1),
]


def operand(rng: random.Random, near: tuple[int, int] | None = None) -> tuple[int, int]:
    """(se, mantissa): specials, numbers near another one, few-bit numbers, anything."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(SPECIAL)
    if near is not None and kind < 0.45:
        se = max(0, min(0x7FFE, (near[0] & 0x7FFF) + rng.choice((0, 0, 1, -1, 2, 10, 62, 63, 64, 65, 66, -64, -65))))
        mant = rng.choice((near[1], near[1] + 1, near[1] ^ 1 << rng.randrange(63), rng.getrandbits(64))) & (1 << 64) - 1
        return se | rng.getrandbits(1) << 15, mant | J
    sign = rng.getrandbits(1) << 15
    mant = J | rng.getrandbits(63)
    if rng.random() < 0.3:
        mant &= -1 << rng.choice((10, 11, 12, 39, 40, 41, 50, 62)) & (1 << 64) - 1
        mant |= rng.choice((0, 0, 1, 1 << 10, 1 << 39, 1 << 11, 1 << 40))
    if kind < 0.75:
        return sign | 0x3FFF + rng.randrange(-70, 70), mant
    if kind < 0.85:
        return sign | rng.choice((0, 1, 2, 30, 64, 0x7FFE, 0x7FF0)), mant
    if kind < 0.9:
        return sign, rng.getrandbits(rng.randrange(1, 64))
    if kind < 0.94:
        return sign | 0x3FFF + rng.choice(
            (-1075, -1074, -1050, -1023, -1022, 1023, 1024, -150, -149, -127, -126, 127, 128)
        ), mant
    return sign | rng.randrange(0x8000), mant if rng.random() < 0.95 else rng.getrandbits(64)


def fx_bytes(fx: bytes, i: int) -> bytes:
    """The ten bytes of ST(i) or MMi in an image."""
    return fx[32 + 16 * i : 42 + 16 * i]


def blocked_vector(machine: Machine, code: str, cr0: int) -> int | None:
    """The vector that an instruction raises with some bits of CR0 set in addition."""
    machine.core.set("cr0", 0x31 | cr0)
    try:
        return machine.run(Case(bytes.fromhex(code), (0,) * 8, fx=FX_INITIAL))[1]
    finally:
        machine.core.set("cr0", 0x31)
