"""The encoding notation of the instruction declarations, after the manual's opcode tables (volume 2, appendix A).

    "00 /r Eb,Gb"        opcode bytes, a ModRM byte with register operand, operands
    "81 /0 Ev,Iz"        /digit: the reg field of ModRM extends the opcode
    "50+r Zv"            the low three bits of the opcode are a register
    "0f 01 /7 Mb"        M: memory only (mod != 3);  R: register only (mod == 3)
    "d9 c0+i Fi"         x87: the ModRM byte is part of the opcode
    "d9 e8"              likewise, fixed

Operands: E register or memory by ModRM, G register by ModRM.reg, R register by ModRM.rm, M memory, Z register by
opcode, I immediate, J relative, O absolute offset, A far pointer, S segment register, C/D control/debug register, X/Y
string source/destination, P MMX by reg, Q MMX or memory by rm, F x87 stack register by rm. Sizes: b w d q byte, word,
dword, qword; v: operand size; z: immediate of operand size (it is 32 bits at most); s: a byte sign-extended to the
operand size; p: pointer (selector and offset by operand size); t: 80 bits; a: no size (address only). Fixed operands:
al ax cl dx eax(v) 1 3 and the segment registers' names.
"""

from dataclasses import dataclass

FIXED = {
    "al": ("fix8", 0),
    "cl": ("fix8", 1),
    "ax": ("fix16", 0),
    "dx": ("fix16", 2),
    "eax": ("fixv", 0),
    "1": ("const", 1),
    "3": ("const", 3),
}
SEGS = {n: ("seg", i) for i, n in enumerate(("es", "cs", "ss", "ds", "fs", "gs"))}
SIZES = {"b": 8, "w": 16, "d": 32, "q": 64, "t": 80}


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand of an encoding: kind, and size letter (or register number for fixed ones)."""

    text: str
    kind: str
    size: str = ""
    number: int = 0

    def bits(self, osize: int) -> int:
        """Width in bits for an operand size of 16 or 32."""
        if self.kind in ("fix8", "fix16", "seg", "const"):
            return {"fix8": 8, "fix16": 16, "seg": 16, "const": 8}[self.kind]
        if self.kind == "fixv" or self.size in ("v", "z", "s"):
            return osize
        return SIZES.get(self.size, osize)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A parsed encoding. `opcode` excludes the map escape 0F, which is `map` 1."""

    text: str
    map: int
    opcode: int
    plus_r: bool  # eight opcodes, register in the low bits
    modrm: bool
    digit: int | None  # of ModRM.reg
    second: int | None  # x87: the fixed ModRM byte
    plus_i: bool  # eight ModRM bytes
    operands: tuple[Operand, ...]

    @property
    def memory_only(self) -> bool:
        return any(o.kind == "M" for o in self.operands)

    @property
    def register_only(self) -> bool:
        return not self.mod_ignored and any(o.kind == "R" for o in self.operands)

    @property
    def mod_ignored(self) -> bool:
        """MOV to and from control and debug registers: whatever ModRM.mod says, rm is a register."""
        return any(o.kind in ("C", "D") for o in self.operands)


def parse_operand(text: str) -> Operand:
    if text in FIXED:
        kind, number = FIXED[text]
        return Operand(text, kind, "", number)
    if text in SEGS:
        return Operand(text, "seg", "w", SEGS[text][1])
    if text == "F0":
        return Operand(text, "fst", "t", 0)
    if text == "Fi":
        return Operand(text, "F", "t")
    kind, size = text[0], text[1:]
    if kind not in "EGRMZIJOASCDXYPQ" or len(size) != 1:
        raise ValueError(f"operand {text!r}")
    return Operand(text, kind, size)


def parse(text: str) -> Encoding:
    """Parse one encoding; raises ValueError with the text on a mistake."""
    words = text.split()
    opcode_map, codes, digit, modrm, plus_r, plus_i = 0, [], None, False, False, False
    operands: tuple[Operand, ...] = ()
    try:
        for word in words:
            low = word.lower()
            if low.startswith("/"):
                modrm = True
                digit = None if low == "/r" else int(low[1:])
            elif len(low) == 2 and all(c in "0123456789abcdef" for c in low) and not operands and not modrm:
                codes.append(int(low, 16))
            elif low.endswith("+r") and len(low) == 4:
                codes.append(int(low[:2], 16))
                plus_r = True
            elif low.endswith("+i") and len(low) == 4:
                codes.append(int(low[:2], 16))
                plus_i = True
            else:
                operands = tuple(parse_operand(o) for o in word.split(","))
        if codes[0] == 0x0F and len(codes) > 1:
            opcode_map = 1
            del codes[0]
        second = codes[1] if len(codes) > 1 else None
        if len(codes) > 2 or (second is not None and modrm):
            raise ValueError("too many opcode bytes")
    except (ValueError, IndexError) as e:
        raise ValueError(f"bad encoding {text!r}: {e}") from None
    return Encoding(text, opcode_map, codes[0], plus_r, modrm or second is not None, digit, second, plus_i, operands)
