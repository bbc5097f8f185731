"""What a random case starts in: registers, segments, x87 state and memory, values that matter being likelier.

Pointers go to the windows of `tools.oracle.layout`, unaligned, across pages and to the edges of rights.
"""

import random
import struct
from dataclasses import dataclass, field

from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Segment, selector_of

CORNERS = (0, 1, 2, 3, 7, 8, 0x1F, 0x20, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
           0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
KINDS = tuple(Segment.KINDS)
ES, CS, SS, DS = range(4)
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
M32 = 0xFFFFFFFF


@dataclass(slots=True)
class Env:
    """What a case starts in."""

    big: bool = True  # 32-bit code
    stack_big: bool = True
    segments: dict[str, Segment] = field(default_factory=dict)
    bases: list[int] = field(default_factory=lambda: [0] * 6)
    regs: list[int] = field(default_factory=list)
    patches: list[tuple[int, bytes]] = field(default_factory=list)
    origin: int = 0
    landing: int = 0  # an EIP where there is INT3, for computed jumps, and the register that holds it
    landing_register: int = -1
    selector_register: int = 0
    returns: list[tuple[int, int, list[int]]] = field(default_factory=list)  # linear, bytes each, words; -1: an EIP


class Start:
    """Makes the parts of a case's first state with `rng`, into `env`."""

    def __init__(self) -> None:
        self.rng, self.env = random.Random(), Env()

    def _value(self) -> int:
        rng = self.rng
        r = rng.random()
        if r < 0.35:
            return rng.getrandbits(32)
        if r < 0.6:
            return rng.choice(CORNERS)
        return rng.getrandbits(8) if r < 0.9 else -rng.getrandbits(7) & M32

    def _target(self) -> int:
        """A linear address worth using."""
        rng = self.rng
        r = rng.random()
        if r < 0.72:
            return layout.DATA_BASE + 64 + rng.randrange(layout.DATA_SIZE - 128)
        if r < 0.84:
            return layout.DATA_BASE + layout.PAGE * rng.randint(1, 3) - rng.randint(1, 8)
        if r < 0.90:
            return layout.READONLY_BASE - rng.randint(1, 8)
        if r < 0.94:
            return layout.READONLY_BASE + rng.randrange(layout.READONLY_SIZE)
        if r < 0.96:
            return layout.DATA_BASE - rng.randint(0, 8)
        if r < 0.98:
            return layout.STACK_BASE + rng.randrange(layout.STACK_SIZE)
        return layout.READONLY_BASE + layout.READONLY_SIZE - rng.randint(1, 8)

    def _segments(self) -> None:
        rng, env = self.rng, self.env
        if rng.random() < 0.5:
            env.big = rng.random() < 0.3
            env.segments["cs"] = Segment(layout.CODE_BASE - rng.choice((0, 0, 0x10, 0x123, 0x7F00)) & M32,
                                         rng.choice((0xFFFF, 0xFFFF, 0x9FFF, 0xFFFFFFFF, rng.randrange(0x2000))),
                                         rng.choice(("code", "code", "execute")), env.big)  # fmt: skip
        if rng.random() < 0.5:
            env.stack_big = rng.random() < 0.4
            kind = rng.choice(("data", "data", "down"))
            base = layout.STACK_BASE - (
                rng.choice((0, 0x40, 0x1001)) if kind == "data" else rng.choice((0x8000, 0x4000))
            )
            limit = rng.choice((0xFFFF, 0xFFFFFFFF, 0x2FFF, rng.randrange(0x3000)))
            if kind == "down":
                limit = rng.choice((0, 0x3FFF, 0x8000, 0x9000))
            env.segments["ss"] = Segment(base, limit, kind, env.stack_big)
        for name in ("ds", "es", "fs", "gs"):
            if rng.random() < 0.5:
                kind = rng.choice(("data", "data", "data", "readonly", "down", "readonly-down", "code"))
                base = layout.DATA_BASE - rng.choice((0, 0, 1, 0x100, 0x4321))
                limit = rng.choice((0xFFFF, 0xFFFFFFFF, 0x4FFF, 0x3FFF, rng.randrange(0x6000)))
                if kind.endswith("down"):
                    limit = rng.choice((0xFFF, 0x1000, 0x10, rng.randrange(0x6000)))
                env.segments[name] = Segment(base, limit, kind, rng.random() < 0.6)
        for i, name in enumerate(layout.SEGMENT_NAMES):
            if name in env.segments:
                env.bases[i] = env.segments[name].base
        if rng.random() < 0.5:
            env.segments["ldt7"] = Segment(layout.DATA_BASE, rng.choice((0xF, 0xFFFF)), rng.choice(KINDS),
                                           rng.random() < 0.5, rng.random() < 0.8)  # fmt: skip

    def _registers(self) -> None:
        rng, env = self.rng, self.env
        env.regs = [self._target() - env.bases[DS] & M32 if rng.random() < 0.3 else self._value() for _ in range(8)]
        r = rng.random()
        if r < 0.75:
            esp = layout.STACK_TOP - 4 * rng.randint(9, 40)
        elif r < 0.85:
            esp = layout.STACK_BASE + rng.randrange(64, layout.STACK_SIZE - 64)
        elif r < 0.95:
            esp = layout.STACK_BASE + rng.choice((0, layout.PAGE, layout.STACK_SIZE)) + rng.randint(-40, 40)
        else:
            esp = self._value()
        esp = esp - env.bases[SS] & M32
        env.regs[ESP] = esp if env.stack_big else esp & 0xFFFF | rng.getrandbits(16) << 16

    def _fx(self) -> bytes:
        """An x87 state: control and status words, tags, eight values."""
        rng = self.rng
        control = (
            0x37F
            if rng.random() < 0.5
            else 0x40 | rng.getrandbits(4) << 8 | (0x3F if rng.random() < 0.7 else rng.getrandbits(6))
        )
        status = rng.getrandbits(3) << 11 | (rng.getrandbits(16) & 0x4700 if rng.random() < 0.3 else 0)
        if rng.random() < 0.1:
            status |= rng.getrandbits(7)
        pending = status & ~control & 0x3F
        status |= 0x8080 if pending else 0
        tags = rng.choice((0xFF, 0xFF, 0, rng.getrandbits(8), rng.getrandbits(8) | rng.getrandbits(8)))
        image = bytearray(model.FX_INITIAL)
        image[0:5] = control.to_bytes(2, "little") + status.to_bytes(2, "little") + bytes((tags,))
        for i in range(8):
            image[32 + 16 * i : 42 + 16 * i] = self._real()
        return bytes(image)

    def _real(self) -> bytes:
        """An 80-bit real: near one, integers, extremes, infinities, NaNs, what no processor makes any more."""
        rng = self.rng
        sign, mantissa, r = rng.getrandbits(1) << 15, rng.getrandbits(64) | 1 << 63, rng.random()
        if r < 0.35:
            exponent = 0x3FFF + rng.randint(-3, 3)
            if rng.random() < 0.4:
                mantissa &= -1 << rng.randint(40, 63)
        elif r < 0.55:
            exponent = 0x3FFF + rng.randint(-70, 70)
        elif r < 0.65:
            exponent = rng.getrandbits(15)
        elif r < 0.75:
            exponent, mantissa = 0, 0
        elif r < 0.8:
            exponent = rng.choice((0, 0, 1, 2, 0x7FFE, 0x7FFD))
            mantissa = mantissa if exponent else rng.getrandbits(64) >> rng.randrange(64)
        elif r < 0.87:
            exponent, mantissa = 0x7FFF, 1 << 63
        elif r < 0.95:
            exponent, mantissa = 0x7FFF, 1 << 63 | rng.getrandbits(63) >> rng.randrange(63)
        else:
            exponent, mantissa = rng.getrandbits(15), rng.getrandbits(64)
        return mantissa.to_bytes(8, "little") + (sign | exponent).to_bytes(2, "little")

    def _number(self, size: str) -> bytes:
        """A real or integer of an x87 memory operand."""
        rng = self.rng
        if size == "t":
            return (
                self._real()
                if rng.random() < 0.7
                else bytes(rng.randrange(10) | rng.randrange(10) << 4 for _ in range(9)) + b"\x80"
            )
        if size not in ("d", "q") or rng.random() < 0.3:
            return self._value().to_bytes(4, "little") + rng.randbytes(4)
        value = rng.choice(
            (0.0, -0.0, 1.0, -1.5, float("inf"), float("nan"), 1e-310, 1e308, rng.uniform(-100, 100), 1e-40)
        )
        if size == "d":
            return struct.pack("<f", value if abs(value) < 1e38 or value in (float("inf"),) else 1e38) + rng.randbytes(
                4
            )
        return struct.pack("<d", value)

    def _patch(self, linear: int, content: bytes) -> None:
        """Initial memory, where there is some."""
        first, last = layout.window_at(linear), layout.window_at(linear + len(content) - 1)
        if first is not None and last is not None and first.name != "code" and (first is last or first.name == "data"):
            self.env.patches.append((linear, content))

    def _selector(self, n: int) -> int:
        rng, name = self.rng, layout.SEGMENT_NAMES[n]
        r = rng.random()
        if r < 0.5:
            flat = layout.CODE_SELECTOR if n == CS else layout.DATA_SELECTOR
            return selector_of(name) if name in self.env.segments else flat
        if r < 0.7:
            return 0x3F
        return rng.choice((0, 3, layout.CODE_SELECTOR, layout.DATA_SELECTOR, 0x3C, 0x47, 0x87, 0x1007))
