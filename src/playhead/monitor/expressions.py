"""Expressions at the monitor's prompt, as gdb and QEMU's monitor have them: `$eip+5`, `*($esp+4)`, `$ss:$esp`.

A small grammar, parsed here: nothing that is typed is ever executed as Python. Values are 64 bits wide and signed, as
C's `long long`; an address is the low half of one.

| form | is |
|---|---|
| `4096`, `0x1000`, `1_000`, `010` | a number; a leading 0 makes it octal, as in C |
| `$eax`, `$ax`, `$ah`, `$cr3`, `$cs`, `$cs_base` | a register; `$sp`, `$fp` and `$ip` mean ESP, EBP and EIP |
| `$pc` | the linear address of the next instruction: CS's base plus EIP |
| `$cs:EXPR` | the linear address of an offset in the segment that a segment register has loaded |
| `*EXPR`, `*(unsigned char *) EXPR` | what memory holds at a linear address: 4 bytes, or those of the type |
| `- + ~ !`, `* / %`, `+ -`, `<< >>`, `< <= > >=`, `== !=`, `& ^ \\|`, `&& \\|\\|`, `( )` | as in C |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from playhead.base.errors import UsageError

DEEPEST = 32  # parentheses and prefixes inside of each other
LONGEST = 1 << 12  # characters
TOKEN = re.compile(r"\s*(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*|\$?[A-Za-z_][A-Za-z_0-9]*|<<|>>|<=|>=|==|!=|&&|\|\||.)", re.S)
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip")
SHORT = {"sp": "esp", "fp": "ebp", "ip": "eip", "ps": "eflags"}
HALVES = {name[1:]: name for name in GENERAL if name[1:] not in SHORT}
BYTES = {f"{letter}{half}": (f"e{letter}x", 8 * (half == "h")) for letter in "abcd" for half in "lh"}
REGISTERS = (
    "pc",
    "eflags",
    *GENERAL,
    *SHORT,
    *HALVES,
    *BYTES,
    *SEGMENTS,
    *(f"{name}_base" for name in SEGMENTS),
    *(f"cr{n}" for n in (0, 2, 3, 4)),
    *(f"dr{n}" for n in (0, 1, 2, 3, 6, 7)),
    "ldtr",
    "tr",
    "icount",
    *(f"{name}_{part}" for name in ("gdtr", "idtr") for part in ("base", "limit")),
)
TYPES = {"char": (1, True), "short": (2, True), "int": (4, True), "long": (4, True), "void": (4, False)}
TYPES |= {f"{sign}int{8 * size}_t": (size, not sign) for sign in ("", "u") for size in (1, 2, 4, 8)}
WORDS = ("unsigned", "signed", "const", "volatile", *TYPES)
LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", "<=", ">", ">="), ("<<", ">>"), ("+", "-"),
          ("*", "/", "%"))  # fmt: skip


class Machine(Protocol):
    """What an expression can read."""

    def read_register(self, name: str) -> int: ...
    def read_memory(self, address: int, length: int, physical: bool) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Value:
    """`place` and `size`: where it was read from, if it is what memory holds; `in_code`: it is an offset in the code
    segment, for it was computed from EIP.
    """

    number: int
    place: int | None = None
    size: int = 4
    in_code: bool = False

    @property
    def address(self) -> int:
        return self.number & 0xFFFFFFFF


def evaluate(machine: Machine, text: str, *, only_check: bool = False) -> Value:
    """The whole text as one expression. Raises UsageError, and what reading raises. `only_check`: for one that is to
    be evaluated elsewhere; its memory is not read.
    """
    parser = Parser(machine, text)
    parser._idle += only_check
    value = parser.expression()
    if parser.rest:
        raise UsageError(f"'{text}': '{parser.rest}' is too much")
    return value


def code_address(machine: Machine, value: Value) -> int:
    """The linear address of an instruction: `$eip+5` counts in the code segment."""
    base = machine.read_register("cs_base") if value.in_code else 0
    return (value.address + base) & 0xFFFFFFFF


class Parser:
    """Evaluates while it parses. `expression()` may be called again for what `rest` shows to be left."""

    def __init__(self, machine: Machine, text: str):
        if len(text) > LONGEST:
            raise UsageError(f"an expression has {LONGEST} characters at most")
        self._machine, self._text = machine, text
        self._at, self._depth = 0, 0
        self._idle = 0  # in the operand that && or || skips: nothing is read there

    @property
    def rest(self) -> str:
        return self._text[self._at :].strip()

    def expression(self) -> Value:
        return self._binary(0)

    def accept(self, *wanted: str) -> str:
        """The next token, taken, if it is one of these; else nothing."""
        found = TOKEN.match(self._text, self._at)
        if found is None or found[1] not in wanted:
            return ""
        self._at = found.end()
        return found[1]

    # by precedence

    def _binary(self, level: int) -> Value:
        if level == len(LEVELS):
            return self._prefixed()
        left = self._binary(level + 1)
        while operator := self.accept(*LEVELS[level]):
            decided = operator in ("&&", "||") and bool(left.number) == (operator == "||")
            self._idle += decided
            right = self._binary(level + 1)
            self._idle -= decided
            in_code = operator in "+-" and left.in_code and not right.in_code
            number = 0 if self._idle else BINARY[operator](left.number, right.number)
            left = Value(_signed(number), in_code=in_code)
        return left

    def _prefixed(self) -> Value:
        self._depth += 1
        if self._depth > DEEPEST:
            raise UsageError(f"an expression can be {DEEPEST} levels deep at most")
        operator = self.accept("-", "+", "~", "!", "*", "(")
        if not operator:
            value = self._primary()
        elif operator == "(":
            value = self.expression()
            if not self.accept(")"):
                raise UsageError(f"'{self._text}': a ) is missing")
        elif operator == "*":
            value = self._memory(*self._cast())
        else:
            value = Value(_signed(UNARY[operator](self._prefixed().number)))
        self._depth -= 1
        return value

    def _cast(self) -> tuple[int, bool]:
        """`(unsigned char *)`, if that is next: size, and whether it has a sign."""
        found = re.compile(r"\s*\(([A-Za-z_0-9\s]+)\*\s*\)").match(self._text, self._at)
        if found is None:
            return 4, False
        words = found[1].split()
        unknown = [word for word in words if word not in WORDS]
        if unknown:
            raise UsageError(f"there is no type '{unknown[0]}'; there is {', '.join(WORDS)}")
        self._at = found.end()
        named = [word for word in words if word in TYPES]
        if words.count("long") == 2:
            return 8, "unsigned" not in words
        size, signed = TYPES[next((word for word in named if word not in ("int", "long")), "int")]
        return size, signed and "unsigned" not in words

    def _memory(self, size: int, signed: bool) -> Value:
        place = self._prefixed().address
        if self._idle:
            return Value(0, place, size)
        data = self._machine.read_memory(place, size, False)
        if len(data) < size:
            raise UsageError(f"there is no memory at {place:#x}")
        return Value(_signed(int.from_bytes(data, "little", signed=signed)), place, size)

    def _primary(self) -> Value:
        found = TOKEN.match(self._text, self._at)
        token = found[1] if found else ""
        if token[:1].isascii() and token[:1].isdigit():
            assert found is not None
            self._at = found.end()
            return Value(_signed(_number(token)))
        if token[:1] != "$" or len(token) < 2 or found is None:
            rest = self.rest
            what = f"'{rest}' is no number and no $register" if rest else "a number or $register is missing"
            raise UsageError(f"'{self._text.strip()}': {what}")
        self._at = found.end()
        name = token[1:].lower()
        if name in SEGMENTS and self.accept(":"):
            return Value((self._machine.read_register(name + "_base") + self._prefixed().number) & 0xFFFFFFFF)
        return self._register(name)

    def _register(self, name: str) -> Value:
        read = self._machine.read_register
        if name == "pc":
            return Value((read("cs_base") + read("eip")) & 0xFFFFFFFF)
        if name in BYTES:
            whole, shift = BYTES[name]
            return Value(read(whole) >> shift & 0xFF)
        if name in HALVES:
            return Value(read(HALVES[name]) & 0xFFFF)
        name = SHORT.get(name, name)
        if re.fullmatch("st[0-7]", name):
            raise UsageError(f"${name} has 80 bits, and no place in an expression")
        return Value(_signed(read(name)), in_code=name == "eip")


def _number(token: str) -> int:
    text = token.replace("_", "")
    octal = len(text) > 1 and text[0] == "0" and text[1] not in "xX"
    try:
        return int(text, 8 if octal else 0)
    except ValueError:
        raise UsageError(f"'{token}' is not a number") from None


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _quotient(a: int, b: int) -> int:
    """Rounded towards zero, as in C."""
    if not b:
        raise UsageError("division by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _shift(b: int) -> int:
    if not 0 <= b < 64:
        raise UsageError(f"cannot shift by {b}")
    return b


UNARY: dict[str, Callable[[int], int]] = {"-": lambda a: -a, "+": lambda a: a, "~": lambda a: ~a, "!": lambda a: not a}
BINARY: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: bool(a or b),
    "&&": lambda a, b: bool(a and b),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<<": lambda a, b: a << _shift(b),
    ">>": lambda a, b: a >> _shift(b),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": lambda a, b: a - b * _quotient(a, b),
}
