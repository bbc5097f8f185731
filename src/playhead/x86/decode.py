"""The instruction decoder, as one routine of the IR, and the tables that drive it.

`decode` reads the bytes in the state block's `fetch` field and leaves what it found in `dec`. Both engines and the
disassembler use it, so they cannot disagree. The tables are bytes derived from the declarations:

    first 1024 bytes    for each of 2 maps and 256 opcodes, a 16-bit entry: a form, or SUB + number of a sub-table
    sub-tables          512 bytes each: a form for each ModRM byte
    forms               32 bytes each, see `_form_record`
"""

import struct

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import ADDRESS_16, StateBuilder
from playhead.x86.system import cpuid
from playhead.x86.table import Form, Table, insn, routine

DEC = ("form", "handler", "len", "imm", "imm2", "disp", "a", "b", "base", "index", "scale", "seg", "flags", "modrm",
       "osize", "prefixes")  # fmt: skip
# Operand fields of a decoded instruction that handlers may ask for, besides `off` and `rem`, which belong to engines.
SUB = 0x8000
NONE = 0xFFFF
(IMM_NONE, IMM_B, IMM_S, IMM_W, IMM_Z, IMM_JZ, IMM_ENTER, IMM_FAR, IMM_OFFSET) = range(9)
REG_NONE, REG_8, REG_32, REG_SEG, REG_RAW = range(5)  # how a register number becomes a field
HAS_MODRM, LOCKABLE, OPCODE_REG, USES_SEG, MOD_IGNORED = 1, 2, 4, 8, 16
MAX_LENGTH = 15
ZERO_REG = S.offset("zero")


@insn("0f ff", name="(invalid)", native=True)
def invalid(m):
    """What undefined opcodes decode to."""
    m.ud()


def _register_kind(text_kind: str, bits: int) -> int:
    if text_kind in ("G", "E", "R", "Z"):
        return REG_8 if bits == 8 else REG_32
    if text_kind == "S":
        return REG_SEG
    return REG_RAW


def _form_record(table: Table, form: Form, rep: int, repne: int) -> bytes:
    """handlers 8 x u16, rep form u16, repne form u16, immediate u8, flags u8, a kind u8, b kind u8, what
    EDX of CPUID 1 has to have u32, pad."""
    imm, flags, a, b = IMM_NONE, 0, REG_NONE, REG_NONE
    e = form.encoding
    if e.modrm:
        flags |= HAS_MODRM | (MOD_IGNORED if e.mod_ignored else 0)
    if form.insn.lock and e.operands[0].kind in ("E", "M"):  # the destination may be memory
        flags |= LOCKABLE
    immediates = [o for o in e.operands if o.kind in "IJAO"]
    for o in e.operands:
        if o.kind in ("G", "S", "C", "D", "P"):
            a = _register_kind(o.kind, o.bits(32))
        elif o.kind in ("E", "R", "Q", "F"):
            b = _register_kind(o.kind, o.bits(32))
        elif o.kind == "Z":
            b = _register_kind("Z", o.bits(32))
            flags |= OPCODE_REG
        if o.kind in ("E", "M", "O", "X", "Y", "Q"):
            flags |= USES_SEG
    if len(immediates) == 2:
        imm = IMM_ENTER
    elif immediates:
        o = immediates[0]
        imm = {"A": IMM_FAR, "O": IMM_OFFSET}.get(o.kind) or {
            "b": IMM_S if o.kind == "J" else IMM_B, "s": IMM_S, "w": IMM_W, "z": IMM_JZ if o.kind == "J" else IMM_Z,
            "v": IMM_Z, "d": IMM_Z,
        }[o.size]  # fmt: skip
    handlers = [h if h >= 0 else NONE for h in form.handlers]
    needs = cpuid.FEATURES[form.insn.feature] if form.insn.feature else 0
    return struct.pack("<8HHHBBBBI4x", *handlers, rep, repne, imm, flags, a, b, needs)


class DecodeTables:
    """The bytes of the tables, and where the parts start (in 16-bit items)."""

    def __init__(self, table: Table):
        self.table = table
        top = [0] * 512
        subs: list[list[int]] = []
        variants: dict[tuple[int, str], dict[str, int]] = {}
        for f in table.forms:
            variants.setdefault((id(f.insn), f.encoding.text), {})[f.rep] = f.number
        owner: dict[tuple[int, int], list[Form]] = {}
        for f in table.forms:
            if f.rep or f.insn.name == "(invalid)":
                continue
            for op in range(f.encoding.opcode, f.encoding.opcode + (8 if f.encoding.plus_r else 1)):
                owner.setdefault((f.encoding.map, op), []).append(f)
        for (opmap, op), forms in owner.items():
            e = forms[0].encoding
            plain = (
                len(forms) == 1 and e.digit is None and e.second is None and not e.memory_only and not e.register_only
            )
            if plain:
                top[opmap * 256 + op] = forms[0].number
                continue
            sub = [0] * 256
            for f in forms:
                for modrm in range(256):
                    if self._fits(f, modrm):
                        assert sub[modrm] == 0, f"{f.encoding.text} and {table.forms[sub[modrm]].encoding.text} collide"
                        sub[modrm] = f.number
            top[opmap * 256 + op] = SUB + len(subs)
            subs.append(sub)
        self.forms_at = 512 + 256 * len(subs)
        out = bytearray(struct.pack("<512H", *top))
        for sub in subs:
            out += struct.pack("<256H", *sub)
        for f in table.forms:
            v = variants[(id(f.insn), f.encoding.text)]
            out += _form_record(table, f, v.get("rep", f.number), v.get("repne", v.get("rep", f.number)))
        self.bytes = bytes(out)

    @staticmethod
    def _fits(f: Form, modrm: int) -> bool:
        e = f.encoding
        if e.second is not None:
            return e.second <= modrm < e.second + (8 if e.plus_i else 1)
        if e.digit is not None and modrm >> 3 & 7 != e.digit:
            return False
        register = modrm >= 0xC0
        return not (e.memory_only and register) and not (e.register_only and not register)


class _Decoder:
    """The parts of `decode`, in the order of an instruction's bytes; each leaves its results in variables."""

    def __init__(self, m: StateBuilder, mode: Value, forms_at: int):
        self.m, self.mode, self.forms_at = m, mode, forms_at
        self.pos = m.var(32, 0)
        self.default = mode & 1
        self.o32, self.a32 = m.var(32, self.default), m.var(32, self.default)
        self.seg, self.rep, self.lock = m.var(32, 8), m.var(32, 0), m.var(32, 0)

    def byte(self, at: Value) -> Value:
        return self.m.load_at(at + S.FIELDS["fetch"].offset, 8).zext(32)

    def word(self, at: Value) -> Value:
        return self.byte(at) | (self.byte(at + 1) << 8)

    def dword(self, at: Value) -> Value:
        return self.word(at) | (self.word(at + 2) << 16)  # the state block is read in aligned items

    def table16(self, index: Value) -> Value:
        return self.m.item("dec_tables", index.zext(64), 16).zext(32)

    def record(self, item: int | Value) -> Value:
        """An item of the form's record."""
        return self.table16(self.entry.get() * 16 + self.forms_at + item)

    def skip(self, count: int | Value) -> None:
        self.pos.set(self.pos.get() + count)

    def prefixes(self) -> None:
        m, pos = self.m, self.pos
        known = m.var(1, 0)  # the byte at `pos` is a prefix
        with m.loop():
            b = self.byte(pos.get())
            known.set(1)
            with m.if_(b.eq(0x66)):
                self.o32.set(self.default ^ 1)
            with m.else_(), m.if_(b.eq(0x67)):
                self.a32.set(self.default ^ 1)
            with m.else_(), m.if_((b & 0xE7).eq(0x26)):
                self.seg.set((b >> 3) & 3)
            with m.else_(), m.if_((b & 0xFE).eq(0x64)):
                self.seg.set(b & 7)
            with m.else_(), m.if_(b.eq(0xF0)):
                self.lock.set(1)
            with m.else_(), m.if_((b & 0xFE).eq(0xF2)):
                self.rep.set(b & 3)  # 2: repne, 3: rep
            with m.else_():
                known.set(0)
            with m.if_(known.get().eq(0) | pos.get().uge(MAX_LENGTH - 1)):
                m.break_()
            self.skip(1)
        with m.if_(known.get()):
            m.fault(S.GP, 0)  # the opcode would be the 16th byte: too long, whatever it is

    def opcode(self) -> None:
        """The form, and what its record says of the rest."""
        m, pos = self.m, self.pos
        start = pos.get()
        self.op = m.var(32, self.byte(start))
        with m.if_(self.op.get().eq(0x0F)):
            pos.set(start + 1)
            self.op.set(self.byte(pos.get()) + 256)
        self.skip(1)
        self.entry = m.var(32, self.table16(self.op.get()))
        self.modrm = self.byte(pos.get())
        self.looked = m.var(32, 0)  # a ModRM byte that decided the form belongs to it, also if it is invalid
        with m.if_(self.entry.get().uge(SUB)):
            self.looked.set(pos.get() + 1)
            self.entry.set(self.table16((self.entry.get() - SUB) * 256 + self.modrm + 512))
        with m.if_(self.rep.get().eq(3)):
            self.entry.set(self.record(8))
        with m.if_(self.rep.get().eq(2)):
            self.entry.set(self.record(9))
        kinds, kinds2 = self.record(10), self.record(11)
        self.imm_kind, self.flags = kinds & 0xFF, kinds >> 8
        self.a_kind, self.b_kind = kinds2 & 0xFF, kinds2 >> 8

    def operands(self) -> None:
        """ModRM, SIB and displacement; a register in the opcode; an absolute offset."""
        m, pos = self.m, self.pos
        self.rm, self.memory = m.var(32, 0), m.var(32, 0)
        self.base, self.index, self.scale = m.var(32, ZERO_REG), m.var(32, ZERO_REG), m.var(32, 0)
        self.disp, self.default_seg = m.var(32, 0), m.var(32, 3)
        self.reg = (self.modrm >> 3) & 7
        with m.if_((self.flags & HAS_MODRM).ne(0)):
            pos.set(pos.get() + 1)
            mod = self.modrm >> 6
            self.rm.set(self.modrm & 7)
            with m.if_(mod.ne(3) & (self.flags & MOD_IGNORED).eq(0)):
                self.memory.set(1)
                with m.if_(self.a32.get().ne(0)):
                    self._address_32(mod)
                with m.else_():
                    self._address_16(mod)
        with m.if_(self.imm_kind.eq(IMM_OFFSET)):
            self._displacement(m.const(2, 32))
            with m.if_(self.a32.get().eq(0)):
                self.disp.set(self.disp.get() & 0xFFFF)
            self.memory.set(0)
        with m.if_((self.flags & OPCODE_REG).ne(0)):
            self.rm.set(self.op.get() & 7)

    def _address_32(self, mod: Value) -> None:
        m, rm = self.m, self.rm
        kind = m.var(32, mod)
        with m.if_(rm.get().eq(4)):
            sib = self.byte(self.pos.get())
            self.skip(1)
            low = sib & 7
            with m.if_(low.eq(5) & mod.eq(0)):
                kind.set(2)
            with m.else_():
                self.base.set(low << 2)
                with m.if_((low & 6).eq(4) & (low.eq(4) | mod.ne(0))):
                    self.default_seg.set(2)
            with m.if_(((sib >> 3) & 7).ne(4)):
                self.index.set((sib >> 1) & 0x1C)
                self.scale.set(sib >> 6)
        with m.else_(), m.if_(rm.get().eq(5) & mod.eq(0)):
            kind.set(2)
        with m.else_():
            self.base.set(rm.get() << 2)
            with m.if_(rm.get().eq(5)):
                self.default_seg.set(2)
        self._displacement(kind.get())

    def _address_16(self, mod: Value) -> None:
        """bx+si bx+di bp+si bp+di si di bp|disp16 bx; register offsets are 4 * number."""
        m, base = self.m, self.base
        r = self.rm.get()
        low = (r & 1).ne(0).select(28, 24, 32)
        with m.if_(r.ult(4)):
            base.set((r & 2).ne(0).select(20, 12, 32))
            self.index.set(low)
        with m.else_(), m.if_(r.ult(6)):
            base.set(low)
        with m.else_(), m.if_(r.eq(7)):
            base.set(12)
        with m.else_(), m.if_(mod.ne(0)):
            base.set(20)
        with m.if_(base.get().eq(20)):
            self.default_seg.set(2)
        self._displacement((mod.eq(0) & r.eq(6)).select(2, mod, 32))

    def _displacement(self, kind: Value) -> None:
        """kind 0: none, 1: 8 bits, 2: 16 or 32 bits by address size."""
        m, pos = self.m, self.pos
        with m.if_(kind.eq(1)):
            self.disp.set(self.byte(pos.get()).trunc(8).sext(32))
            self.skip(1)
        with m.if_(kind.eq(2)):
            with m.if_(self.a32.get().ne(0)):
                self.disp.set(self.dword(pos.get()))
                self.skip(4)
            with m.else_():
                self.disp.set(self.word(pos.get()).trunc(16).sext(32))
                self.skip(2)

    def immediate(self) -> None:
        m, pos = self.m, self.pos
        imm, imm2 = m.var(32, self.modrm), m.var(32, 0)  # without an immediate, `imm` is ModRM: x87 keeps it in FOP
        self.imm, self.imm2 = imm, imm2
        width = self.o32.get().ne(0).select(4, 2, 32)
        with m.if_(self.imm_kind.eq(IMM_NONE)):
            imm.set(self.modrm)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_B)):
            imm.set(self.byte(pos.get()))
            self.skip(1)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_S)):
            imm.set(self.byte(pos.get()).trunc(8).sext(32))
            self.skip(1)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_W)):
            imm.set(self.word(pos.get()))
            self.skip(2)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_Z)):
            imm.set(self._by_size())
            self.skip(width)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_JZ)):
            imm.set(self.o32.get().ne(0).select(self.dword(pos.get()), self.word(pos.get()).trunc(16).sext(32)))
            self.skip(width)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_ENTER)):
            imm.set(self.word(pos.get()))
            imm2.set(self.byte(pos.get() + 2))
            self.skip(3)
        with m.else_(), m.if_(self.imm_kind.eq(IMM_FAR)):
            imm.set(self._by_size())
            imm2.set(self.word(pos.get() + width))
            self.skip(width + 2)

    def _by_size(self) -> Value:
        """16 or 32 bits, by the operand size."""
        return self.o32.get().ne(0).select(self.dword(self.pos.get()), self.word(self.pos.get()))

    def length(self) -> None:
        m, pos = self.m, self.pos
        with m.if_(pos.get().ult(self.looked.get())):
            pos.set(self.looked.get())
        with m.if_(pos.get().ugt(MAX_LENGTH)):
            m.fault(S.GP, 0)  # before #UD (volume 3, 6.9 and 6.15)

    def handler(self) -> None:
        """The handler by operand size, kind of operand and segments; `invalid` for what the processor does not have."""
        m, flags = self.m, self.flags
        self.segment = self.seg.get().eq(8).select(self.default_seg.get(), self.seg.get())
        # CS is flat as well, but not writable
        usual = (self.segment.ult(4) & self.segment.ne(1)) | (flags & USES_SEG).eq(0)
        plain = (self.mode & S.MODE_FLAT).ne(0) & self.a32.get().ne(0) & usual
        which = (self.o32.get() << 2) | (self.memory.get() << 1) | plain.zext(32)
        self.handler_number = m.var(32, self.record(which))
        lacks = (self.record(12) | (self.record(13) << 16)) & ~m.ld("cpuid", cpuid.FEATURE_WORD)
        bad_lock = self.lock.get().ne(0) & ((flags & LOCKABLE).eq(0) | self.memory.get().eq(0))
        with m.if_(self.handler_number.get().eq(NONE) | bad_lock | lacks.ne(0)):
            self.entry.set(0)
            self.handler_number.set(self.record(m.const(0, 32)))

    def store(self) -> None:
        """Fill the items of `dec`."""
        self._out("form", self.entry.get())
        self._out("handler", self.handler_number.get())
        self._out("len", self.pos.get())
        self._out("imm", self.imm.get())
        self._out("imm2", self.imm2.get())
        self._out("disp", self.disp.get())
        self._out("a", self._register(self.a_kind, self.reg))
        self._out("b", self._register(self.b_kind, self.rm.get()))
        self._out("base", self.base.get())
        self._out("index", self.index.get())
        self._out("scale", self.scale.get())
        self._out("seg", self.segment * 5)
        self._out("flags", self.a32.get().eq(0).select(ADDRESS_16, 0, 32))
        self._out("modrm", self.modrm)
        self._out("osize", self.o32.get())
        prefixes = self.lock.get() | (self.rep.get() << 1) | (self.a32.get() << 3) | (self.seg.get() << 4)
        self._out("prefixes", prefixes)

    def _out(self, name: str, value: Value) -> None:
        self.m.st("dec", value, DEC.index(name))

    def _register(self, kind: Value, number: Value) -> Value:
        byte_reg = ((number & 3) << 2) + (number >> 2)
        segment_at = number.ult(6).select(number * S.SEG_STRIDE, 240, 32)
        other = kind.eq(REG_SEG).select(segment_at, number)
        return kind.eq(REG_8).select(byte_reg, kind.eq(REG_32).select(number << 2, other))


def define(forms_at: int) -> None:
    """Declare the `decode` routine for tables whose forms start at `forms_at` (in 16-bit items)."""

    @routine(32, faults=True)
    def decode(m: StateBuilder, mode):
        """Decode the instruction in `fetch`; #GP(0) if it is longer than 15 bytes. Parameter: the mode bits."""
        decoder = _Decoder(m, mode, forms_at)
        decoder.prefixes()
        decoder.opcode()
        decoder.operands()
        decoder.immediate()
        decoder.length()
        decoder.handler()
        decoder.store()
