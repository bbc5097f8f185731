"""The disassembler: Intel syntax, made from the declarations and the decoder that the engines use.

`Disassembler().one(code, eip)` runs the `decode` routine on the bytes; the form that it finds names the instruction
and its operands, the decoded fields fill them in. So what is shown is what would be executed. Spelling: the manual's
mnemonics, where one declaration serves several (CBW and CWDE) chosen by operand size; numbers in hexadecimal.
"""

from dataclasses import dataclass

from playhead.ir.evaluator import HELPERS, GuestFault, compile_function
from playhead.x86.system import cpuid
from playhead.x86 import state as S
from playhead.x86.decode import DEC
from playhead.x86.isa import tables
from playhead.x86.notation import Operand
from playhead.x86.table import ROUTINES, Form

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
POINTERS = {8: "byte ptr ", 16: "word ptr ", 32: "dword ptr ", 64: "qword ptr ", 80: "tbyte ptr ", 0: ""}
STRINGS = frozenset("movs cmps stos lods scas ins outs".split())
# one declaration, two names: by operand size 16 and 32
BY_SIZE = {"cbw": ("cbw", "cwde"), "cwd": ("cwd", "cdq"), "pushf": ("pushf", "pushfd"), "popf": ("popf", "popfd"),
           "pusha": ("pusha", "pushad"), "popa": ("popa", "popad"), "iret": ("iret", "iretd")}  # fmt: skip
BY_ADDRESS = {"jecxz": ("jcxz", "jecxz")}
# one declaration for several opcodes
BY_OPCODE = {
    ("lds", 0xC4): "les", ("lds", 0x1B2): "lss", ("lds", 0x1B4): "lfs", ("lds", 0x1B5): "lgs", ("ud2", 0x1B9): "ud1",
    ("wbinvd", 0x108): "invd",
}  # fmt: skip
BY_DIGIT = {("sgdt", 1): "sidt", ("lgdt", 3): "lidt", ("sldt", 1): "str"}
HINTS = ("prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2", "nop", "nop", "nop", "nop")
ENDBR = {0xFA: "endbr64", 0xFB: "endbr32"}  # by ModRM, of F3 0F 1E
SILENT = frozenset(("xlatb",))  # operands that the name implies


@dataclass(frozen=True, slots=True)
class Instruction:
    """`length` 0: the bytes are no instruction (longer than 15). `operand_size` and `address_size` in bits."""

    length: int
    text: str
    form: Form | None = None
    operand_size: int = 32
    address_size: int = 32


class Disassembler:
    """Needs no engine: the decoder uses only `fetch` and `dec` of a private state block."""

    def __init__(self) -> None:
        self.table, decode_tables = tables()
        view = memoryview(bytearray(S.SIZE))
        self._c8, self._c32 = view, view.cast("I")
        world: dict = {**HELPERS, "c8": view, "c16": view.cast("H"), "c32": self._c32, "c64": view.cast("Q"),
                       "dec_tables16": memoryview(decode_tables.bytes).cast("H")}  # fmt: skip
        self._c32[S.offset("cpuid", cpuid.FEATURE_WORD) // 4] = 0xFFFFFFFF  # whatever the processor at hand has
        self._decode = compile_function(ROUTINES["decode"].function(), world)

    def length(self, code: bytes, big: bool = True) -> int:
        """How many bytes the instruction has that `code` starts with; 0 if it is none. Faster than `one`."""
        start = S.offset("dec") // 4
        found = self._c32[start + DEC.index("len")] if self._decoded(code, big) else 0
        return found if found <= len(code) and self._c32[start + DEC.index("form")] else 0

    def _decoded(self, code: bytes, big: bool) -> bool:
        at = S.offset("fetch")
        self._c8[at : at + 16] = code[:16].ljust(16, b"\0")
        try:
            self._decode(S.MODE_D32 if big else 0)
        except GuestFault:
            return False
        return True

    def one(self, code: bytes, eip: int = 0, big: bool = True) -> Instruction:
        """The instruction that `code` starts with; `big`: 32-bit code."""
        if not self._decoded(code, big):
            return Instruction(0, "(bad)")
        start = S.offset("dec") // 4
        d = dict(zip(DEC, self._c32[start : start + len(DEC)], strict=True))
        if d["len"] > len(code):
            return Instruction(0, "(bad)")
        form = self.table.forms[d["form"]]
        osize, asize = (32 if d["osize"] else 16), (32 if d["prefixes"] & 8 else 16)
        if not d["form"]:
            return Instruction(d["len"], "(bad)", None, osize, asize)
        text = _Text(form, d, osize, asize, eip, code[: d["len"]]).text()
        return Instruction(d["len"], text, form, osize, asize)


class _Text:
    """Writes one decoded instruction."""

    def __init__(self, form: Form, d: dict[str, int], osize: int, asize: int, eip: int, code: bytes):
        self.form, self.d, self.osize, self.asize, self.code = form, d, osize, asize, code
        self.next = eip + d["len"]
        self.override = d["prefixes"] >> 4 if d["prefixes"] >> 4 < 8 else -1

    def text(self) -> str:
        d, form = self.d, self.form
        lock, rep = d["prefixes"] & 1, d["prefixes"] >> 1 & 3
        head = "lock " if lock else ""
        if form.insn.rep and rep:
            head += "repne " if rep == 2 else "repe " if form.insn.rep == "repz" else "rep "
        operands = ", ".join(filter(None, (self.operand(o) for o in self.operands())))
        return f"{head}{self.name()} {operands}".rstrip()

    def opcode(self) -> int:
        e = self.form.encoding
        return e.map << 8 | e.opcode

    def name(self) -> str:
        name, e = self.form.insn.name, self.form.encoding
        if name in STRINGS:
            wide = "d" if self.osize == 32 else "w"
            return name + (wide if any(o.size == "v" or o.kind == "fixv" for o in e.operands) else "b")
        if name in BY_SIZE:
            return BY_SIZE[name][self.osize == 32]
        if name in BY_ADDRESS:
            return BY_ADDRESS[name][self.asize == 32]
        if name == "xchg" and e.plus_r and self.d["b"] == 0:
            return "pause" if self.d["prefixes"] & 6 == 6 else "nop"
        if name == "nop" and self.opcode() == 0x118:
            return HINTS[self.d["modrm"] >> 3 & 7]
        if self._is_endbr():
            return ENDBR[self.d["modrm"]]
        name = BY_OPCODE.get((name, self.opcode()), BY_DIGIT.get((name, e.digit or 0), name))
        if name in ("jmp", "call") and any(o.size == "p" for o in e.operands):
            return "l" + name if e.operands[0].kind == "A" else name
        return name

    def _is_endbr(self) -> bool:
        """ENDBR: the hint that compilers put at the start of every function as a target of indirect branches."""
        return self.opcode() == 0x11E and self.d["modrm"] in ENDBR and self.d["prefixes"] & 6 == 6

    def operands(self) -> tuple[Operand, ...]:
        name, e = self.form.insn.name, self.form.encoding
        if name in SILENT or (name == "xchg" and e.plus_r and self.d["b"] == 0) or self._is_endbr():
            return ()
        return e.operands

    def operand(self, o: Operand) -> str:
        d, bits = self.d, o.bits(self.osize)
        kind = o.kind
        if kind in ("M", "O") or (kind in ("E", "Q") and self.d["modrm"] < 0xC0):
            return self.memory(o)
        if kind in ("G", "E", "R", "Z") and not (kind == "R" and o.size == "q"):
            return register(d["a" if kind == "G" else "b"], bits)
        if kind in ("I", "J", "A"):
            return self.immediate(o)
        if kind == "X":
            return f"{POINTERS[bits]}{self.segment()}[{self.pointer('si')}]"
        if kind == "Y":
            return f"{POINTERS[bits]}es:[{self.pointer('di')}]"
        return self.special(o)

    def special(self, o: Operand) -> str:
        d, kind = self.d, o.kind
        if kind in ("fix8", "fix16", "fixv"):
            width = {"fix8": 8, "fix16": 16, "fixv": self.osize}[kind]
            return (S.REG8 if width == 8 else S.REG16 if width == 16 else S.REG32)[o.number]
        if kind == "const":
            return str(o.number)
        if kind == "seg":
            return SEGMENTS[o.number]
        if kind == "S":
            n = d["a"] // S.SEG_STRIDE
            return SEGMENTS[n] if n < 6 else f"sreg{n}"
        if kind in ("C", "D"):
            return f"{kind.lower()}r{d['modrm'] >> 3 & 7}"
        if kind == "fst":
            return "st(0)"
        if kind == "F":
            return f"st({d['modrm'] & 7})"
        n = d["modrm"] >> 3 & 7 if kind == "P" else d["modrm"] & 7
        return f"mm{n}"

    def immediate(self, o: Operand) -> str:
        d, e = self.d, self.form.encoding
        if o.kind == "A":
            return f"{d['imm2']:#x}, {d['imm']:#x}"
        if o.kind == "J":
            return f"{self.next + d['imm'] & (0xFFFFFFFF if self.osize == 32 else 0xFFFF):#x}"
        if o is e.operands[-1] and len([x for x in e.operands if x.kind == "I"]) == 2:
            return f"{d['imm2']:#x}"
        return f"{d['imm'] & (1 << o.bits(self.osize)) - 1:#x}"

    def pointer(self, name: str) -> str:
        return "e" + name if self.asize == 32 else name

    def segment(self, default: str = "") -> str:
        return f"{SEGMENTS[self.override]}:" if self.override >= 0 else default

    def memory(self, o: Operand) -> str:
        d = self.d
        if o.kind == "O":
            return f"{POINTERS[o.bits(self.osize)]}{self.segment()}[{d['disp']:#x}]"
        parts, names = [], S.REG32 if self.asize == 32 else S.REG16
        zero = S.offset("zero")
        if d["base"] != zero:
            parts.append(names[d["base"] >> 2])
        if d["index"] != zero:
            parts.append(names[d["index"] >> 2] + (f"*{1 << d['scale']}" if d["scale"] else ""))
        disp = d["disp"] if self.asize == 32 else d["disp"] & 0xFFFF
        top = 1 << self.asize
        text = " + ".join(parts)
        if not parts:
            text = f"{disp:#x}"
        elif disp:
            text += f" - {top - disp:#x}" if disp >= top // 2 else f" + {disp:#x}"
        far = {"p": "fword ptr " if self.osize == 32 else "dword ptr ", "a": ""}
        return f"{far.get(o.size, POINTERS.get(o.bits(self.osize), ''))}{self.segment()}[{text}]"


def register(field: int, bits: int) -> str:
    """The name of a general register by its decoded field, a byte offset."""
    if bits == 8:
        return S.REG8[(field >> 2) | (field & 1) << 2]
    return (S.REG16 if bits == 16 else S.REG32)[field >> 2]
