"""The builder that semantic functions of instructions are written against.

One semantic function serves every encoding of an instruction; it is called once per operand form with `m`, this
builder, and the operands. `m.get`, `m.set` and `m.rmw` reach operands, `m.load`/`m.store` memory, `m.reg` registers,
`m.ld`/`m.st` other state.

Rules that keep instructions precise:

* Anything that can fault comes before anything that changes state. `m.rmw(dst)` reads a destination with the right to
  write checked, so that the `m.set(dst)` after it cannot fault.
* An instruction that changes what later instructions decode to or how they are executed (mode, mappings, interrupt
flag) ends with
  `m.leave()`.
"""

from playhead.ir.builder import Builder
from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86 import state as S
from playhead.x86.notation import Encoding, Operand

ADDRESS_16 = 1  # bit of the field `flags` of a decoded instruction


class Access:
    """A memory operand whose address was checked: linear address, and whether writing was."""

    __slots__ = ("linear", "writable")

    def __init__(self, linear: Value, writable: bool):
        self.linear, self.writable = linear, writable


class StateBuilder(Builder):
    """A builder that knows the state block by names. Routines are written against this."""

    def ld(self, name: str, index: int = 0) -> Value:
        f = S.FIELDS[name]
        return self.load_state(S.offset(name, index), f.bits)

    def st(self, name: str, value: "Value | int", index: int = 0) -> None:
        f = S.FIELDS[name]
        self.store_state(S.offset(name, index), f.bits, value)

    def ld_at(self, name: str, index: Value) -> Value:
        """Item `index` (32 bits, computed) of an array field."""
        f = S.FIELDS[name]
        return self.load_at(index * (f.bits // 8) + f.offset, f.bits)

    def st_at(self, name: str, index: Value, value: "Value | int") -> None:
        f = S.FIELDS[name]
        self.store_at(index * (f.bits // 8) + f.offset, f.bits, value)

    def count(self, name: str) -> None:
        """One more of `S.COUNTS`."""
        at = S.COUNTS.index(name)
        self.st("counts", self.ld("counts", at) + 1, at)

    def reg(self, n: int, bits: int = 32) -> Value:
        """A general register by the manual's number (8 bits: AL CL DL BL AH CH DH BH)."""
        if bits == 8:
            return self.load_state(S.offset("regs", n & 3) + (n >> 2), 8)
        return self.load_state(S.offset("regs", n), bits)

    def set_reg(self, n: int, value: Value) -> None:
        """Write a general register; the width of the value says which part of it."""
        if value.bits == 32:
            self.store_state(S.offset("regs", n), 32, value)
            return
        at = S.offset("regs", n & 3 if value.bits == 8 else n)
        shift = 8 if value.bits == 8 and n & 4 else 0
        old = self.load_state(at, 32)
        keep = 0xFFFFFFFF ^ (((1 << value.bits) - 1) << shift)
        self.store_state(at, 32, (old & keep) | (value.zext(32) << shift))

    def seg(self, segment: str | int, name: str) -> Value:
        """A field of a segment register's hidden part: sel, base, limit, attr, lo, rend, wend."""
        return self.load_state(S.seg_offset(segment, name), S.SEG_FIELDS[name][1])

    def set_seg(self, segment: str | int, name: str, value: "Value | int") -> None:
        self.store_state(S.seg_offset(segment, name), S.SEG_FIELDS[name][1], value)

    def eflags(self) -> Value:
        """The whole EFLAGS register, status flags included."""
        return self.ld("eflags") | flags.get_status(self)

    def set_eflags(self, value: Value) -> None:
        """Set all of EFLAGS as given (masking by privilege is the caller's)."""
        flags.set_status(self, value)
        self.st("eflags", (value & (0xFFFFFFFF ^ S.STATUS ^ 0xFFC00028)) | 2)

    def protected(self) -> Value:
        return self.ld("cr0").bit(0)

    def v86(self) -> Value:
        return self.ld("eflags").bit(17)

    def iopl(self) -> Value:
        return (self.ld("eflags") >> 12) & 3

    def load(self, linear: Value, bits: int) -> Value:
        """Guest memory by linear address, at the current privilege."""
        return self.guest_load(linear, bits)

    def load_sys(self, linear: Value, bits: int) -> Value:
        """Guest memory by linear address as the processor itself reads tables: as supervisor."""
        return self.guest_load(linear, bits, "s")

    def store_sys(self, linear: Value, value: Value) -> None:
        self.guest_store(linear, value, "s")


class InsnBuilder(StateBuilder):
    """Builds the handler of one operand form.

    `osize` is 16 or 32, `flat` says that ES, CS, SS, DS have base 0 and the full limit and that addresses and stack are
    32 bits wide; which of the two a form really consults is noted, so that equal handlers are made once.
    """

    def __init__(self, name: str, encoding: Encoding, osize: int, memory: bool, flat: bool, rep: str = ""):
        super().__init__(name)
        self.encoding, self._osize, self.memory, self._flat, self.rep = encoding, osize, memory, flat, rep
        self.asked: set[str] = set()
        self._access: dict[str, Access] = {}
        self.writes = ""

    # what the form is

    @property
    def osize(self) -> int:
        """Operand size in bits: 16 or 32."""
        self.asked.add("osize")
        return self._osize

    @property
    def flat(self) -> bool:
        self.asked.add("flat")
        return self._flat

    def bits(self, op: Operand) -> int:
        if op.kind == "fixv" or op.size in ("v", "z", "s", "p", "a"):
            self.asked.add("osize")
        return op.bits(self._osize)

    # operands

    def is_memory(self, op: Operand) -> bool:
        return op.kind in ("M", "O", "X", "Y") or (op.kind in ("E", "Q") and self.memory)

    def field(self, name: str) -> Value:
        """A field of the decoded instruction (a b imm imm2 disp base index scale seg flags), 32 bits."""
        return self.emit("field", (), 32, name)

    def here(self) -> Value:
        """EIP of this instruction."""
        return self.emit("here", (), 32)

    def next(self) -> Value:
        """EIP of the next instruction."""
        return self.emit("next", (), 32)

    def address_mask(self) -> "Value | int":
        """What address registers and results are cut to."""
        if self.flat:
            return 0xFFFFFFFF
        return (self.field("flags") & ADDRESS_16).ne(0).select(0xFFFF, 0xFFFFFFFF, 32)

    def ea(self, op: Operand) -> Value:
        """The offset (effective address) of a memory operand."""
        if op.kind == "O":
            return self.field("disp")
        base = self.load_at(self.field("base"), 32)
        index = self.load_at(self.field("index"), 32)
        total = base + (index << self.field("scale")) + self.field("disp")
        return total & self.address_mask()

    def linear(self, op: Operand, size: int, write: bool, extra: "int | Value" = 0) -> Value:
        """The linear address of `size` bytes at a memory operand (+ extra bytes), segment checked (#GP, #SS)."""
        offset = self.ea(op) + extra
        if isinstance(extra, Value) or extra:
            offset = offset & self.address_mask()
        if self.flat:
            return offset
        return self.check_segment(self.field("seg") << 3, offset, size, write)

    def check_segment(self, seg: "Value | int", offset: Value, size: int, write: bool) -> Value:
        """Check an offset against a segment register (number, or byte offset of its hidden part) and add the base."""
        at = self.const(seg * S.SEG_STRIDE, 32) if isinstance(seg, int) else seg
        start = S.FIELDS["segs"].offset
        lo = self.load_at(at + (start + S.SEG_FIELDS["lo"][0]), 32)
        end = self.load_at(at + (start + S.SEG_FIELDS["wend" if write else "rend"][0]), 64)
        bad = offset.ult(lo) | end.ult(offset.zext(64) + size)
        with self.if_(bad):
            stack = at.eq(2 * S.SEG_STRIDE)
            self.fault(stack.select(S.SS, S.GP, 32), 0)
        return self.load_at(at + (start + S.SEG_FIELDS["base"][0]), 32) + offset

    def access(self, op: Operand, write: bool) -> Access:
        known = self._access.get(op.text)
        if known is not None and (known.writable or not write):
            return known
        made = Access(self.linear(op, max(self.bits(op) // 8, 1), write), write)
        self._access[op.text] = made
        return made

    def is_mmx(self, op: Operand) -> bool:
        """P, Q, and R of 64 bits (by ModRM.rm, never memory)."""
        return op.kind in ("P", "Q") or (op.kind == "R" and op.size == "q")

    def _mmx_at(self, op: Operand) -> Value:
        """Index in `fpr` of an MMX register's mantissa; sign and exponent follow it."""
        if op.kind == "R":
            return self.field("b") >> 1  # the decoder took it for a general register: 4 * number
        return self._register_at(op) << 1

    def _register_at(self, op: Operand) -> Value:
        return self.field({"G": "a", "S": "a", "C": "a", "D": "a", "P": "a", "Z": "b"}.get(op.kind, "b"))

    def get(self, op: Operand) -> Value:
        """The value of an operand, at its width."""
        return self._read(op, False)

    def rmw(self, op: Operand) -> Value:
        """The value of a destination that `set` will write: the right to write is checked first."""
        return self._read(op, True)

    def _read(self, op: Operand, write: bool) -> Value:
        bits = self.bits(op)
        kind = op.kind
        if self.is_memory(op):
            return self.guest_load(self.access(op, write).linear, bits, "w" if write else "")
        if self.is_mmx(op):
            return self.ld_at("fpr", self._mmx_at(op)).trunc(bits)
        if kind in ("E", "G", "R", "Z"):
            return self.load_at(self._register_at(op), bits)
        if kind in ("I", "J"):
            return self.field("imm").trunc(bits) if bits < 32 else self.field("imm")
        if kind in ("fix8", "fix16", "fixv"):
            return self.reg(op.number, bits)
        if kind == "const":
            return self.const(op.number, bits)
        if kind == "S":
            return self.load_at(self._register_at(op) + S.FIELDS["segs"].offset, 32).trunc(16)
        if kind == "seg":
            return self.seg(op.number, "sel").trunc(16)
        raise AssertionError(f"cannot read operand {op}")

    def set(self, op: Operand, value: "Value | int") -> None:
        """Write an operand; after `rmw` of the same operand this cannot fault."""
        bits = self.bits(op)
        value = self.value(value, bits)
        if self.is_memory(op):
            self.guest_store(self.access(op, True).linear, value)
            return
        if op.kind in ("fix8", "fix16", "fixv"):
            self.set_reg(op.number, value)
            return
        if self.is_mmx(op):
            self.st_at("fpr", self._mmx_at(op), value)
            self.st_at("fpr", self._mmx_at(op) + 1, 0xFFFF)
            return
        assert op.kind in ("E", "G", "R", "Z"), f"cannot write operand {op}"
        at = self._register_at(op)
        if bits == 32:
            self.store_at(at, 32, value)
        elif bits == 16:
            self.store_at(at, 32, (self.load_at(at, 32) & 0xFFFF0000) | value.zext(32))
        # a byte register: bit 0 of the offset says high byte; write the whole register, so that a load is not stalled
        else:
            whole, shift = at & 0xFC, (at & 1) << 3
            old = self.load_at(whole, 32) & ~(self.const(0xFF, 32) << shift)
            self.store_at(whole, 32, old | (value.zext(32) << shift))

    # arithmetic with flags

    def add(self, a: Value, b: Value, carry: Value | None = None, flags_: bool = True) -> Value:
        r = a + b
        if carry is not None:
            r = r + carry.zext(a.bits)
        if flags_:
            flags.set_add(self, a, b, r)
        return r

    def sub(self, a: Value, b: Value, borrow: Value | None = None, flags_: bool = True) -> Value:
        r = a - b
        if borrow is not None:
            r = r - borrow.zext(a.bits)
        if flags_:
            flags.set_sub(self, a, b, r)
        return r

    # stack

    def stack_mask(self) -> "Value | int":
        if self.flat:
            return 0xFFFFFFFF
        return self.seg("ss", "attr").bit(22).select(0xFFFFFFFF, 0xFFFF, 32)

    def stack_linear(self, offset: Value, size: int, write: bool) -> Value:
        return offset if self.flat else self.check_segment(2, offset, size, write)

    def moved_esp(self, esp: Value, by: "int | Value") -> Value:
        """ESP moved by some bytes, upper half kept on a 16-bit stack."""
        mask = self.stack_mask()
        if isinstance(mask, int):
            return esp + by
        return (esp & ~mask) | ((esp + by) & mask)

    def stack_offset(self, esp: Value) -> Value:
        mask = self.stack_mask()
        return esp if isinstance(mask, int) else esp & mask

    def push(self, value: Value) -> None:
        """Push a value of 16 or 32 bits: the store first, then ESP."""
        size = value.bits // 8
        esp = self.moved_esp(self.reg(4), -size)
        self.guest_store(self.stack_linear(self.stack_offset(esp), size, True), value)
        self.set_reg(4, esp)

    def peek(self, bits: int, depth: "int | Value" = 0) -> Value:
        """The value `depth` bytes above the stack top; nothing moves."""
        esp = self.moved_esp(self.reg(4), depth) if isinstance(depth, Value) or depth else self.reg(4)
        return self.guest_load(self.stack_linear(self.stack_offset(esp), bits // 8, False), bits)

    def drop(self, size: "int | Value") -> None:
        self.set_reg(4, self.moved_esp(self.reg(4), size))

    # ends

    def jump(self, target: Value) -> None:
        """A direct jump to an EIP that is a constant away; may be linked to the next block."""
        if self.flat and self.osize == 32:
            self.emit("jump", (target,), 0)
        else:
            self.goto(target)

    def target(self, op: Operand) -> Value:
        """Where a relative jump goes, checked against the limit of CS (#GP); call it before changing anything."""
        t = self.next() + self.field("imm")
        return self.checked(t if self.osize == 32 else t & 0xFFFF)

    def checked(self, eip: Value) -> Value:
        """An EIP of 32 bits that lies within CS, else #GP(0)."""
        if not self.flat:
            with self.if_(self.seg("cs", "limit").ult(eip)):
                self.fault(S.GP, 0)
        return eip

    def goto(self, target: Value) -> None:
        """Go on at a computed EIP that was `checked`."""
        self.flat  # noqa: B018 - goto of a flat form looks up the next block faster
        self.emit("goto", (target,), 0)

    def again(self) -> None:
        self.emit("again", (), 0)

    def spend(self) -> Value:
        return self.emit("spend", (), 1)

    def icount(self) -> Value:
        return self.emit("icount", (), 64)

    def sync(self) -> None:
        """End the block: the run loop checks everything again."""
        self.leave(S.EXIT_NONE)

    def ud(self) -> None:
        self.fault(S.UD, 0)

    def gp0_if(self, cond: Value) -> None:
        with self.if_(cond):
            self.fault(S.GP, 0)

    def need_cpl0(self) -> None:
        """Privileged instruction: #GP(0) unless CPL is 0 (virtual-8086 mode runs at CPL 3)."""
        self.gp0_if(self.ld("cpl").ne(0))
