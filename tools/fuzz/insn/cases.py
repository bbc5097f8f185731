"""Random cases for the CPU, made from the table of declared instructions.

A case is a pure function of (seed, number): any failure is made again alone. Its first instruction goes round all
forms of the table, so coverage is even; the rest is random. Memory operands are aimed at the windows of
`tools.oracle.layout` (unaligned, across pages, at the edges of rights), by computing the displacement from what the
registers hold at the start.

Flags that an instruction leaves undefined must not be read by the next: `Generated.masks` says which flags mean
anything before each instruction, and a comparison is put before an instruction that may read one that does not.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from playhead.ir.ops import Op
from playhead.x86 import state as S
from playhead.x86.table import Form, Table
from tools.fuzz.insn.state import CS, DS, EAX, EBP, EBX, ECX, EDI, EDX, ES, ESI, ESP, M32, SS, Env, Start
from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Case

FLAG_BITS = {"O": S.OF, "S": S.SF, "Z": S.ZF, "A": S.AF, "P": S.PF, "C": S.CF}
SEGMENT_PREFIX = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65)
ADDRESS16 = ((EBX, ESI), (EBX, EDI), (EBP, ESI), (EBP, EDI), (ESI,), (EDI,), (EBP,), (EBX,))
X87 = frozenset(("fpu", "fpu_data", "fpu_control", "mmx"))
SELECTS = frozenset(("mov", "pop", "lar", "lsl", "verr", "verw"))
# results that are not the same everywhere, so nothing may be computed from them: undefined bits, the last bits
LAST = frozenset("lar fsin fcos fsincos fptan fpatan f2xm1 fyl2x fyl2xp1".split())
COUNTED = frozenset("rol ror rcl rcr shl shr sar shld shrd".split())  # a count of zero leaves the flags
ALIGNED_SHARE = 0.05  # of cases whose accesses have to be aligned (EFLAGS.AC)
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


class Generator(Start):
    """`case(number)` makes case `number` of a seed, from forms that `allowed` lets through."""

    def __init__(self, table: Table, seed: int, allowed=lambda form: True, segments: float = 0.2):
        super().__init__()
        self.seed, self.segments = seed, segments
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
        if rng.random() < ALIGNED_SHARE:
            flags |= model.AC
        case = Case(b"".join(p.code for p in pieces), tuple(env.regs), flags, fx=fx, segments=env.segments or None,
                    patches=tuple(env.patches), origin=env.origin)  # fmt: skip
        return Generated(number, case, pieces, masks, loose)

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
            env.returns.append(
                (linear, size, [-1, self._selector(CS), model.FIXED_FLAGS | rng.getrandbits(12) & 0x8D5])
            )
        elif name in SELECTS and form.insn.chapter == "segment":
            env.selector_register = rng.randrange(8)
            regs[env.selector_register] = self._selector(DS) | rng.getrandbits(16) << 16
            if name == "pop":
                esp = regs[ESP] if env.stack_big else regs[ESP] & 0xFFFF
                self._patch(env.bases[SS] + esp & M32, self._selector(DS).to_bytes(4, "little"))
        elif form.encoding.opcode == 0xFF and form.encoding.digit in (2, 4):
            env.landing_register = rng.randrange(8)
            regs[env.landing_register] = env.landing

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

            elif size:  # anywhere, but not back into the case, where flags that are undefined would be read, nor to the
                # INT3 before it, after which EIP is that of the first instruction
                distance = int.from_bytes(piece.code[-size:], "little", signed=True)
                distance = 0x40 if -ends[i] - 1 <= distance < 0 else distance
            if size:
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
            memory = e.memory_only or (not (e.register_only or e.mod_ignored) and rng.random() < 0.55)
            reg = e.digit if e.digit is not None else rng.randrange(8)
            if memory:
                body += self._memory(reg, address_big, override)
                if form.insn.chapter in X87 and self.aim is not None and rng.random() < 0.6:
                    size_letter = next((o.size for o in e.operands if o.kind in "MQ"), "q")
                    self._patch(self.aim, self._number(size_letter))
                if form.insn.name in SELECTS and form.insn.chapter == "segment" and self.aim is not None:
                    self._patch(self.aim, self._selector(DS).to_bytes(2, "little"))
                if form.insn.name == "lds" and self.aim is not None:
                    size = 4 if operand_big else 2
                    self._patch(self.aim, rng.randbytes(size) + self._selector(DS).to_bytes(2, "little"))
                if form.insn.name in ("jmp", "call") and self.aim is not None:
                    size = 4 if operand_big else 2
                    self._patch(
                        self.aim, env.landing.to_bytes(4, "little")[:size] + self._selector(CS).to_bytes(2, "little")
                    )
            else:
                jumps = form.insn.name in ("jmp", "call") and env.landing_register >= 0 and rng.random() < 0.9
                rm = env.landing_register if jumps else rng.randrange(8)
                if form.insn.name in SELECTS and form.insn.chapter == "segment" and rng.random() < 0.9:
                    rm = env.selector_register
                mod = rng.randrange(4) if e.mod_ignored else 3
                body.append(mod << 6 | reg << 3 | rm)
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
                body += (offset & (1 << 8 * size) - 1).to_bytes(size, "little") + self._selector(CS).to_bytes(
                    2, "little"
                )
        rng.shuffle(prefixes)
        if rng.random() < 0.002:
            prefixes += [rng.choice(prefixes or [0x3E])] * rng.randint(1, 15 - len(prefixes))
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
            wide = mod == 2 or (mod == 0 and (rm == (5 if big else 6) or (more != b"" and more[0] & 7 == 5)))
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
