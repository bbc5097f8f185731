"""Random cases for the CPU, made from the table of declared instructions.

A case is a pure function of (seed, number): any failure is made again alone. Its first instruction goes round all forms of the
table, so coverage is even; the rest is random. Memory operands are aimed at the windows of `tools.oracle.layout` (unaligned, across
pages, at the edges of rights), by computing the displacement from what the registers hold at the start.

Flags that an instruction leaves undefined must not be looked at by the next: `Generated.masks` says which flags mean anything
before each instruction, and a comparison is put in front of an instruction that may read one that does not.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from playhead.ir.ops import Op
from playhead.x86 import state as S
from playhead.x86.table import Form, Table
from tools.oracle import layout
from tools.oracle import case as model
from tools.oracle.case import Case, Segment, selector_of

FLAG_BITS = {"O": S.OF, "S": S.SF, "Z": S.ZF, "A": S.AF, "P": S.PF, "C": S.CF}
CORNERS = (0, 1, 2, 3, 7, 8, 0x1F, 0x20, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
           0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
SEGMENT_PREFIX = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65)
ES, CS, SS, DS = range(4)
M32 = 0xFFFFFFFF
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
ADDRESS16 = ((EBX, ESI), (EBX, EDI), (EBP, ESI), (EBP, EDI), (ESI,), (EDI,), (EBP,), (EBX,))
X87 = frozenset(("insn_fpu", "insn_fpu_data", "insn_fpu_control", "insn_mmx"))
SELECTS = frozenset(("mov", "pop", "lar", "lsl", "verr", "verw"))
# results that are not the same everywhere, so nothing may be computed from them: undefined bits, the last bits
LAST = frozenset("lar fsin fcos fsincos fptan fpatan f2xm1 fyl2x fyl2xp1".split())
COUNTED = frozenset("rol ror rcl rcr shl shr sar shld shrd".split())  # a count of zero leaves the flags
COMPARE = b"\x39\xc8"  # cmp eax, ecx: defines every status flag
IMMEDIATE = {"b": 1, "s": 1, "w": 2}


@dataclass(slots=True)
class Piece:
    """One instruction of a case."""

    form: Form | None  # None: the comparison put in
    code: bytearray
    relative: int = 0  # bytes at the end that are a jump's distance, to be filled in
    prefixes: bytes = b""
    memory: bool = False
    start: int = 0


@dataclass(slots=True)
class Generated:
    number: int
    case: Case
    pieces: list[Piece]
    masks: dict[int, int]  # offset of an instruction -> status flags that are defined before it
    loose: int  # those that are defined wherever the case ends

    def mask(self, eip: int) -> int:
        return self.masks.get(eip, self.loose) | ~S.STATUS


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


def _has(region: list[Op], wanted: Callable[[Op], bool]) -> bool:
    """Whether an operation like that is anywhere in a region."""
    for op in region:
        if wanted(op):
            return True
        inner = op.attr if op.kind == "if" else [op.attr] if op.kind == "loop" else ()
        if any(_has(r, wanted) for r in inner):
            return True
    return False


def _reads_flags(op: Op) -> bool:
    return (op.kind == "ldc" and op.attr[0] in (S.offset("fl_res"), S.offset("fl_aux"))) or op.kind == "call"


def _jumps(op: Op) -> bool:
    return op.kind in ("goto", "jump") or (op.kind == "leave" and len(op.args) > 2)


class Generator:
    """`case(number)` makes case `number` of a seed, from forms that `allowed` lets through."""

    def __init__(self, table: Table, seed: int, allowed=lambda form: True, segments: float = 0.2):
        self.seed, self.segments = seed, segments
        self.rng, self.env = random.Random(), Env()
        self.forms = [f for f in table.forms if f.insn.name != "(invalid)" and allowed(f)]
        bodies = {f.number: [table.handlers[h].function.body for h in set(f.handlers) if h >= 0] for f in self.forms}
        self.reads = {n: any(_has(b, _reads_flags) for b in found) for n, found in bodies.items()}
        self.leaves = {n: any(_has(b, _jumps) for b in found) for n, found in bodies.items()}
        self.sized = {f.number: len(set(f.handlers[:4]) & set(f.handlers[4:])) == 0 for f in self.forms}

    def case(self, number: int) -> Generated:
        rng = self.rng = random.Random(self.seed * 0x9E3779B1 + number)
        forms = [self.forms[number % len(self.forms)]]
        if rng.random() < 0.5:
            forms += [rng.choice(self.forms) for _ in range(rng.randint(1, 4))]
        env = self.env = Env()
        if rng.random() < self.segments:
            self._segments()
        if rng.random() < 0.1:
            env.origin = rng.choice((layout.PAGE - rng.randint(1, 12), rng.randrange(1, 64)))
        env.landing = layout.CODE_BASE + 0x1A00 + rng.getrandbits(8) - env.bases[CS] & M32
        self._registers()
        for form in forms[::-1]:
            self._hint(form)
        pieces, masks, loose = self._pieces(forms)
        self._jumps(pieces)
        self._returns(pieces)
        flags = rng.getrandbits(12) & (S.STATUS | (S.DF if rng.random() < 0.3 else 0))
        if rng.random() < 0.03:
            flags |= rng.choice((model.NT, model.ID, model.TF))
        fx = self._fx() if any(f.insn.chapter in X87 for f in forms) else None
        if rng.random() < 0.3:
            self._patch(self._target(), self._value().to_bytes(4, "little") + self._value().to_bytes(4, "little"))
        case = Case(b"".join(p.code for p in pieces), tuple(env.regs), flags, fx=fx, segments=env.segments or None,
                    patches=tuple(env.patches), origin=env.origin)  # fmt: skip
        return Generated(number, case, pieces, masks, loose)

    # what the case starts in

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
            base = layout.STACK_BASE - (rng.choice((0, 0x40, 0x1001)) if kind == "data" else rng.choice((0x8000, 0x4000)))
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
            env.segments["ldt7"] = Segment(layout.DATA_BASE, rng.choice((0xF, 0xFFFF)), rng.choice(tuple(Segment.KINDS)),
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
        control = 0x37F if rng.random() < 0.5 else 0x40 | rng.getrandbits(4) << 8 | (0x3F if rng.random() < 0.7 else rng.getrandbits(6))
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
        """An 80-bit real: numbers near one, integers, extremes, infinities, NaNs, what no processor makes any more."""
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
            return self._real() if rng.random() < 0.7 else bytes(rng.randrange(10) | rng.randrange(10) << 4 for _ in range(9)) + b"\x80"
        if size not in ("d", "q") or rng.random() < 0.3:
            return self._value().to_bytes(4, "little") + rng.randbytes(4)
        value = rng.choice((0.0, -0.0, 1.0, -1.5, float("inf"), float("nan"), 1e-310, 1e308, rng.uniform(-100, 100), 1e-40))
        if size == "d":
            return struct.pack("<f", value if abs(value) < 1e38 or value in (float("inf"),) else 1e38) + rng.randbytes(4)
        return struct.pack("<d", value)

    def _patch(self, linear: int, content: bytes) -> None:
        """Initial memory, where there is some."""
        first, last = layout.window_at(linear), layout.window_at(linear + len(content) - 1)
        if first is not None and last is not None and first.name != "code" and (first is last or first.name == "data"):
            self.env.patches.append((linear, content))

    def _hint(self, form: Form) -> None:
        """Registers and memory that let an instruction do its work more often than not."""
        rng, env, name = self.rng, self.env, form.insn.name
        regs = env.regs
        if form.insn.rep and rng.random() < 0.9:
            regs[ESI] = self._target() - env.bases[DS] & M32
            regs[EDI] = self._target() - env.bases[ES] & M32
            if form.rep:
                regs[ECX] = rng.choice((0, 1, 2, 3, rng.randrange(70), rng.randrange(70) | rng.getrandbits(16) << 16))
        elif name in ("div", "idiv") and rng.random() < 0.7:
            regs[EDX] = rng.choice((0, 0, rng.getrandbits(6), -(regs[EAX] >> 31) & M32))
            if rng.random() < 0.5:
                regs[EAX] = rng.getrandbits(12) | regs[EAX] & 0xFFFF0000
        elif name == "cmpxchg" and rng.random() < 0.3:
            regs[rng.randrange(8)] = regs[EAX]
        elif name in ("loop", "loope", "loopne", "jecxz") and rng.random() < 0.5:
            regs[ECX] = rng.choice((0, 1, 0x10000))
        elif name in ("enter", "leave") and rng.random() < 0.8:
            ebp = regs[ESP] + rng.randrange(-60, 100, 4) & M32
            regs[EBP] = ebp if env.stack_big else ebp & 0xFFFF | rng.getrandbits(16) << 16
        elif name == "xlatb":
            regs[EBX] = self._target() - env.bases[DS] & M32
        elif name in ("ret", "iret", "retf"):
            esp = regs[ESP] if env.stack_big else regs[ESP] & 0xFFFF
            linear = env.bases[SS] + esp & M32
            size = 4 if env.big else 2
            env.returns.append((linear, size, [-1, self._selector(CS), model.FIXED_FLAGS | rng.getrandbits(12) & 0x8D5]))
        elif name in SELECTS and form.insn.chapter == "insn_segment":
            env.selector_register = rng.randrange(8)
            regs[env.selector_register] = self._selector(DS) | rng.getrandbits(16) << 16
            if name == "pop":
                esp = regs[ESP] if env.stack_big else regs[ESP] & 0xFFFF
                self._patch(env.bases[SS] + esp & M32, self._selector(DS).to_bytes(4, "little"))
        elif form.encoding.opcode == 0xFF and form.encoding.digit in (2, 4):
            env.landing_register = rng.randrange(8)
            regs[env.landing_register] = env.landing

    def _selector(self, n: int) -> int:
        rng, name = self.rng, layout.SEGMENT_NAMES[n]
        r = rng.random()
        if r < 0.5:
            flat = layout.CODE_SELECTOR if n == CS else layout.DATA_SELECTOR
            return selector_of(name) if name in self.env.segments else flat
        if r < 0.7:
            return 0x3F
        return rng.choice((0, 3, layout.CODE_SELECTOR, layout.DATA_SELECTOR, 0x3C, 0x47, 0x87, 0x1007))

    # instructions

    def _pieces(self, forms: list[Form]) -> tuple[list[Piece], dict[int, int], int]:
        pieces: list[Piece] = []
        masks: dict[int, int] = {}
        at, vague, ever, jumped = 0, 0, 0, False
        for form in forms:
            if vague and self.reads[form.number]:
                pieces.append(Piece(None, bytearray(COMPARE), start=at))
                masks[at] = S.STATUS & ~vague
                at += len(COMPARE)
                vague = ever if jumped else 0
                if vague:
                    break
            piece = self.instruction(form)
            if at + len(piece.code) + self.env.origin > layout.CODE_SIZE - 16:
                break
            piece.start = at
            masks[at] = S.STATUS & ~vague
            pieces.append(piece)
            at += len(piece.code)
            writes, undef = (sum(FLAG_BITS[c] for c in text) for text in (form.insn.writes, form.insn.undef))
            if not (jumped or form.insn.name in COUNTED or form.rep):
                vague &= ~writes
            vague |= undef
            ever |= undef
            if form.insn.name in LAST:
                break
            jumped = jumped or self.leaves[form.number]
        masks[at] = S.STATUS & ~vague
        return pieces, masks, S.STATUS & ~ever

    def _jumps(self, pieces: list[Piece]) -> None:
        """Let relative jumps go to the start of a later instruction, or to the end."""
        rng = self.rng
        ends = [p.start + len(p.code) for p in pieces]
        for i, piece in enumerate(pieces):
            size = piece.relative
            if size and rng.random() < 0.9:
                distance = rng.choice(ends[i:]) - ends[i]


                piece.code[-size:] = (distance & (1 << 8 * size) - 1).to_bytes(size, "little")

    def _returns(self, pieces: list[Piece]) -> None:
        """Return addresses on the stack: the start of a later instruction, or the end."""
        rng, env = self.rng, self.env
        last = max((i for i, p in enumerate(pieces) if p.form and self.leaves[p.form.number]), default=0)
        for linear, size, words in env.returns:
            piece = rng.choice(pieces[last:])
            eip = layout.CODE_BASE + env.origin - env.bases[CS] + piece.start + len(piece.code) & M32
            if rng.random() < 0.5:
                eip = env.landing
            values = [eip if w < 0 else w for w in words]
            self._patch(linear, b"".join((w & (1 << 8 * size) - 1).to_bytes(size, "little") for w in values))

    def instruction(self, form: Form) -> Piece:
        """The bytes of one random instruction of a form."""
        rng, env, e = self.rng, self.env, form.encoding
        prefixes = []
        address_big = env.big
        operand_big = env.big
        if rng.random() < (0.3 if self.sized[form.number] else 0.04):
            prefixes.append(0x66)
            operand_big = not env.big
        if rng.random() < (0.25 if env.segments else 0.03):
            prefixes.append(0x67)
            address_big = not env.big
        override = -1
        if rng.random() < (0.3 if env.segments else 0.06):
            override = rng.randrange(6)
            prefixes.append(SEGMENT_PREFIX[override])
        body = bytearray(b"\x0f" if e.map else b"")
        body.append(e.opcode + (rng.randrange(8) if e.plus_r else 0))
        memory = False
        if e.second is not None:
            body.append(e.second + (rng.randrange(8) if e.plus_i else 0))
        elif e.modrm:
            memory = e.memory_only or (not e.register_only and rng.random() < 0.55)
            reg = e.digit if e.digit is not None else rng.randrange(8)
            if memory:
                body += self._memory(reg, address_big, override)
                if form.insn.chapter in X87 and self.aim is not None and rng.random() < 0.6:
                    size_letter = next((o.size for o in e.operands if o.kind in "MQ"), "q")
                    self._patch(self.aim, self._number(size_letter))
                if form.insn.name in SELECTS and form.insn.chapter == "insn_segment" and self.aim is not None:
                    self._patch(self.aim, self._selector(DS).to_bytes(2, "little"))
                if form.insn.name == "lds" and self.aim is not None:
                    size = 4 if operand_big else 2
                    self._patch(self.aim, rng.randbytes(size) + self._selector(DS).to_bytes(2, "little"))
                if form.insn.name in ("jmp", "call") and self.aim is not None:
                    size = 4 if operand_big else 2
                    self._patch(self.aim, env.landing.to_bytes(4, "little")[:size] + self._selector(CS).to_bytes(2, "little"))
            else:
                jumps = form.insn.name in ("jmp", "call") and env.landing_register >= 0 and rng.random() < 0.9
                rm = env.landing_register if jumps else rng.randrange(8)
                if form.insn.name in SELECTS and form.insn.chapter == "insn_segment" and rng.random() < 0.9:
                    rm = env.selector_register
                body.append(0xC0 | reg << 3 | rm)
        if rng.random() < (0.15 if form.insn.lock and memory else 0.01):
            prefixes.append(0xF0)
        if form.rep:
            prefixes.append(0xF3 if form.rep == "rep" and (form.insn.rep == "repz" or rng.random() < 0.8) else 0xF2)
        elif not form.insn.rep and rng.random() < 0.02:
            prefixes.append(rng.choice((0xF2, 0xF3)))
        relative = 0
        for o in e.operands:
            if o.kind == "O":
                offset = self._target() - env.bases[DS if override < 0 else override] & M32
                body += offset.to_bytes(4, "little") if address_big else (offset & 0xFFFF).to_bytes(2, "little")
            elif o.kind in "IJ":
                size = IMMEDIATE.get(o.size) or (4 if operand_big else 2)
                body += (self._value() & (1 << 8 * size) - 1).to_bytes(size, "little")
                relative = size if o.kind == "J" else 0
            elif o.kind == "A":
                size = 4 if operand_big else 2
                offset = env.landing
                body += (offset & (1 << 8 * size) - 1).to_bytes(size, "little") + self._selector(CS).to_bytes(2, "little")
        rng.shuffle(prefixes)
        if rng.random() < 0.002:
            prefixes += [rng.choice(prefixes or [0x3E])] * rng.randint(1, 14 - len(prefixes))
        head = bytes(prefixes)
        return Piece(form, bytearray(head) + body, relative, head, memory)

    def _memory(self, reg: int, big: bool, override: int) -> bytes:
        """ModRM, SIB and displacement of a memory operand."""
        rng, env = self.rng, self.env
        regs, target, size = env.regs, self._target(), 4 if big else 2
        self.aim: int | None = target

        def rest(base_segment: int, held: int) -> int:
            return target - env.bases[base_segment if override < 0 else override] - held & M32

        def tail(disp: int, small: bool) -> bytes:
            return bytes((disp & 0xFF,)) if small else (disp & (1 << 8 * size) - 1).to_bytes(size, "little")

        if rng.random() < 0.04:  # anywhere
            self.aim = None
            mod, rm = rng.randrange(3), rng.randrange(8)
            more = bytes((rng.getrandbits(8),)) if big and rm == 4 else b""
            wide = mod == 2 or (mod == 0 and (rm == (5 if big else 6) or more != b"" and more[0] & 7 == 5))
            return bytes((mod << 6 | reg << 3 | rm,)) + more + rng.randbytes(size if wide else mod)
        if not big:
            rm, mod = rng.randrange(8), rng.randrange(3)
            used = ADDRESS16[rm]
            direct = mod == 0 and rm == 6
            disp = rest(SS if EBP in used and not direct else DS, 0 if direct else sum(regs[n] for n in used))
            if mod == 0 and not direct:
                mod = rng.choice((0, 2, 2))
            return bytes((mod << 6 | reg << 3 | rm,)) + (b"" if mod == 0 and not direct else tail(disp, mod == 1))
        style = rng.random()
        if style < 0.25:
            return bytes((reg << 3 | 5,)) + tail(rest(DS, 0), False)
        base = rng.randrange(8)
        segment = SS if base in (ESP, EBP) else DS
        if style < 0.65 and base != ESP:
            disp = rest(segment, regs[base])
            if base != EBP and rng.random() < 0.2:
                self.aim = None
                return bytes((reg << 3 | base,))
            small = (disp + 128 & M32) < 256
            return bytes(((0x40 if small else 0x80) | reg << 3 | base,)) + tail(disp, small)
        index, scale = rng.randrange(8), rng.randrange(4)
        held = 0 if index == ESP else regs[index] << scale
        sib = scale << 6 | index << 3 | base
        if base == EBP and rng.random() < 0.3:
            return bytes((reg << 3 | 4, sib)) + tail(rest(DS, held), False)
        disp = rest(segment, held + regs[base])
        small = (disp + 128 & M32) < 256
        return bytes(((0x40 if small else 0x80) | reg << 3 | 4, sib)) + tail(disp, small)
