"""The instruction decoder, as one routine of the IR, and the tables that drive it.

`decode` reads the bytes in the state block's `fetch` field and leaves what it found in `dec`. Both engines and the
disassembler use it,
so they cannot disagree. The tables are bytes derived from the declarations:

    first 1024 bytes    for each of 2 maps and 256 opcodes, a 16-bit entry: a form, or SUB + number of a sub-table
    sub-tables          512 bytes each: a form for each ModRM byte
    forms               32 bytes each, see `_form_record`
"""

import struct

from playhead.x86.system import cpuid
from playhead.x86 import state as S
from playhead.x86.build import ADDRESS_16, StateBuilder
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


def define(forms_at: int) -> None:
    """Declare the `decode` routine for tables whose forms start at `forms_at` (in 16-bit items)."""

    @routine(32, faults=True)
    def decode(m: StateBuilder, mode):
        """Decode the instruction in `fetch`; #GP(0) if it is longer than 15 bytes. Parameter: the mode bits."""
        fetch = S.FIELDS["fetch"].offset

        def byte(at):
            return m.load_at(at + fetch, 8).zext(32)

        def word(at):
            return byte(at) | (byte(at + 1) << 8)

        def dword(at):
            return word(at) | (word(at + 2) << 16)  # the state block is read in aligned items

        def out(name, value):
            m.st("dec", value, DEC.index(name))

        def table16(index):
            return m.item("dec_tables", index.zext(64), 16).zext(32)

        pos = m.var(32, 0)
        d = mode & 1
        o32, a32, seg, rep, lock = m.var(32, d), m.var(32, d), m.var(32, 8), m.var(32, 0), m.var(32, 0)
        known = m.var(1, 0)  # the byte at `pos` is a prefix
        with m.loop():
            b = byte(pos.get())
            known.set(1)
            with m.if_(b.eq(0x66)):
                o32.set(d ^ 1)
            with m.else_(), m.if_(b.eq(0x67)):
                a32.set(d ^ 1)
            with m.else_(), m.if_((b & 0xE7).eq(0x26)):
                seg.set((b >> 3) & 3)
            with m.else_(), m.if_((b & 0xFE).eq(0x64)):
                seg.set(b & 7)
            with m.else_(), m.if_(b.eq(0xF0)):
                lock.set(1)
            with m.else_(), m.if_((b & 0xFE).eq(0xF2)):
                rep.set(b & 3)  # 2: repne, 3: rep
            with m.else_():
                known.set(0)
            with m.if_(known.get().eq(0) | pos.get().uge(MAX_LENGTH - 1)):
                m.break_()
            pos.set(pos.get() + 1)
        with m.if_(known.get()):
            m.fault(S.GP, 0)  # the opcode would be the 16th byte: too long, whatever it is
        start = pos.get()
        op = m.var(32, byte(start))
        with m.if_(op.get().eq(0x0F)):
            pos.set(start + 1)
            op.set(byte(pos.get()) + 256)
        pos.set(pos.get() + 1)
        entry = m.var(32, table16(op.get()))
        modrm = byte(pos.get())
        looked = m.var(32, 0)  # a ModRM byte that told what this is belongs to it, also if it is nothing
        with m.if_(entry.get().uge(SUB)):
            looked.set(pos.get() + 1)
            entry.set(table16((entry.get() - SUB) * 256 + modrm + 512))

        def record(item):
            return table16(entry.get() * 16 + forms_at + item)

        with m.if_(rep.get().eq(3)):
            entry.set(record(8))
        with m.if_(rep.get().eq(2)):
            entry.set(record(9))
        kinds, kinds2 = record(10), record(11)
        imm_kind, flags, a_kind, b_kind = kinds & 0xFF, kinds >> 8, kinds2 & 0xFF, kinds2 >> 8
        rm = m.var(32, 0)
        memory = m.var(32, 0)
        base, index, scale, disp, default_seg = (
            m.var(32, ZERO_REG),
            m.var(32, ZERO_REG),
            m.var(32, 0),
            m.var(32, 0),
            m.var(32, 3),
        )
        reg = (modrm >> 3) & 7

        def displacement(kind):
            """kind 0: none, 1: 8 bits, 2: 16 or 32 bits by address size."""
            with m.if_(kind.eq(1)):
                disp.set(byte(pos.get()).trunc(8).sext(32))
                pos.set(pos.get() + 1)
            with m.if_(kind.eq(2)):
                with m.if_(a32.get().ne(0)):
                    disp.set(dword(pos.get()))
                    pos.set(pos.get() + 4)
                with m.else_():
                    disp.set(word(pos.get()).trunc(16).sext(32))
                    pos.set(pos.get() + 2)

        with m.if_((flags & HAS_MODRM).ne(0)):
            pos.set(pos.get() + 1)
            mod = modrm >> 6
            rm.set(modrm & 7)
            with m.if_(mod.ne(3) & (flags & MOD_IGNORED).eq(0)):
                memory.set(1)
                with m.if_(a32.get().ne(0)):
                    kind = m.var(32, mod)
                    with m.if_(rm.get().eq(4)):
                        sib = byte(pos.get())
                        pos.set(pos.get() + 1)
                        low = sib & 7
                        with m.if_(low.eq(5) & mod.eq(0)):
                            kind.set(2)
                        with m.else_():
                            base.set(low << 2)
                            with m.if_((low & 6).eq(4) & (low.eq(4) | mod.ne(0))):
                                default_seg.set(2)
                        with m.if_(((sib >> 3) & 7).ne(4)):
                            index.set((sib >> 1) & 0x1C)
                            scale.set(sib >> 6)
                    with m.else_(), m.if_(rm.get().eq(5) & mod.eq(0)):
                        kind.set(2)
                    with m.else_():
                        base.set(rm.get() << 2)
                        with m.if_(rm.get().eq(5)):
                            default_seg.set(2)
                    displacement(kind.get())
                with m.else_():
                    # 16 bits: bx+si bx+di bp+si bp+di si di bp|disp16 bx; register offsets are 4 * number
                    r = rm.get()
                    low = (r & 1).ne(0).select(28, 24, 32)
                    with m.if_(r.ult(4)):
                        base.set((r & 2).ne(0).select(20, 12, 32))
                        index.set(low)
                    with m.else_(), m.if_(r.ult(6)):
                        base.set(low)
                    with m.else_(), m.if_(r.eq(7)):
                        base.set(12)
                    with m.else_(), m.if_(mod.ne(0)):
                        base.set(20)
                    with m.if_(base.get().eq(20)):
                        default_seg.set(2)
                    displacement((mod.eq(0) & r.eq(6)).select(2, mod, 32))
        with m.if_(imm_kind.eq(IMM_OFFSET)):
            displacement(m.const(2, 32))
            with m.if_(a32.get().eq(0)):
                disp.set(disp.get() & 0xFFFF)
            memory.set(0)
        with m.if_((flags & OPCODE_REG).ne(0)):
            rm.set(op.get() & 7)
        imm, imm2 = m.var(32, modrm), m.var(32, 0)  # without an immediate, `imm` is ModRM: x87 keeps it in FOP
        width = o32.get().ne(0).select(4, 2, 32)

        def full():
            return o32.get().ne(0).select(dword(pos.get()), word(pos.get()))

        def size(n):
            pos.set(pos.get() + n)

        with m.if_(imm_kind.eq(IMM_NONE)):
            imm.set(modrm)  # x87 instructions note it
        with m.else_(), m.if_(imm_kind.eq(IMM_B)):
            imm.set(byte(pos.get()))
            size(1)
        with m.else_(), m.if_(imm_kind.eq(IMM_S)):
            imm.set(byte(pos.get()).trunc(8).sext(32))
            size(1)
        with m.else_(), m.if_(imm_kind.eq(IMM_W)):
            imm.set(word(pos.get()))
            size(2)
        with m.else_(), m.if_(imm_kind.eq(IMM_Z)):
            imm.set(full())
            size(width)
        with m.else_(), m.if_(imm_kind.eq(IMM_JZ)):
            imm.set(o32.get().ne(0).select(dword(pos.get()), word(pos.get()).trunc(16).sext(32)))
            size(width)
        with m.else_(), m.if_(imm_kind.eq(IMM_ENTER)):
            imm.set(word(pos.get()))
            imm2.set(byte(pos.get() + 2))
            size(3)
        with m.else_(), m.if_(imm_kind.eq(IMM_FAR)):
            imm.set(full())
            imm2.set(word(pos.get() + width))
            size(width + 2)

        def register(kind, number):
            byte_reg = ((number & 3) << 2) + (number >> 2)
            segment_at = number.ult(6).select(number * S.SEG_STRIDE, 240, 32)
            other = kind.eq(REG_SEG).select(segment_at, number)
            return kind.eq(REG_8).select(byte_reg, kind.eq(REG_32).select(number << 2, other))

        with m.if_(pos.get().ult(looked.get())):
            pos.set(looked.get())
        with m.if_(pos.get().ugt(MAX_LENGTH)):
            m.fault(S.GP, 0)  # before #UD (volume 3, 6.9 and 6.15)
        segment = seg.get().eq(8).select(default_seg.get(), seg.get())
        # CS is flat as well, but not writable
        usual = (segment.ult(4) & segment.ne(1)) | (flags & USES_SEG).eq(0)
        plain = (mode & S.MODE_FLAT).ne(0) & a32.get().ne(0) & usual
        which = (o32.get() << 2) | (memory.get() << 1) | plain.zext(32)
        handler = m.var(32, record(which))
        lacks = (record(12) | (record(13) << 16)) & ~m.ld("cpuid", cpuid.FEATURE_WORD)
        bad_lock = lock.get().ne(0) & ((flags & LOCKABLE).eq(0) | memory.get().eq(0))
        with m.if_(handler.get().eq(NONE) | bad_lock | lacks.ne(0)):
            entry.set(0)
            handler.set(record(m.const(0, 32)))
        out("form", entry.get())
        out("handler", handler.get())
        out("len", pos.get())
        out("imm", imm.get())
        out("imm2", imm2.get())
        out("disp", disp.get())
        out("a", register(a_kind, reg))
        out("b", register(b_kind, rm.get()))
        out("base", base.get())
        out("index", index.get())
        out("scale", scale.get())
        out("seg", segment * 5)
        out("flags", a32.get().eq(0).select(ADDRESS_16, 0, 32))
        out("modrm", modrm)
        out("osize", o32.get())
        out("prefixes", lock.get() | (rep.get() << 1) | (a32.get() << 3) | (seg.get() << 4))
