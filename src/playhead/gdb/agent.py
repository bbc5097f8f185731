"""gdb's agent expressions: the condition of a breakpoint as bytecode, evaluated where the breakpoint is.

A condition that gdb evaluates costs a stop, a round trip and a resumption for each hit; in a replay, backwards, many
times that. So gdb hands the condition over in the packet `Z`. An expression is a little program over a stack of 64-bit
numbers; it reads registers and memory through two functions and changes nothing. It comes from outside, so the depth of
the stack and the number of steps are bounded.

Source: gdb manual, appendix F "The GDB Agent Expression Mechanism". Tracing and floating point are not conditions; an
expression that uses them fails.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playhead.base.errors import PlayheadError

STACK_LIMIT = 100
STEP_LIMIT = 10_000
_MASK = (1 << 64) - 1

ReadRegister = Callable[[int], int]
ReadMemory = Callable[[int, int], bytes]


class AgentError(PlayheadError):
    """The expression is malformed, or cannot be evaluated here."""


@dataclass(slots=True)
class _Evaluation:
    """An expression under way. Items of the stack are kept as unsigned 64-bit numbers."""

    code: bytes
    read_register: ReadRegister
    read_memory: ReadMemory
    stack: list[int]
    at: int = 0
    ended: bool = False

    def push(self, value: int) -> None:
        if len(self.stack) >= STACK_LIMIT:
            raise AgentError("agent expression: the stack overflows")
        self.stack.append(value & _MASK)

    def pop(self) -> int:
        if not self.stack:
            raise AgentError("agent expression: the stack is empty")
        return self.stack.pop()

    def operand(self, size: int) -> int:
        """The next bytes of the code; most significant first, whatever the target's order is."""
        data = self.code[self.at : self.at + size]
        if len(data) < size:
            raise AgentError("agent expression: it ends inside an operation")
        self.at += size
        return int.from_bytes(data, "big")

    def memory(self, size: int) -> None:
        address = self.pop()
        data = self.read_memory(address, size)
        if len(data) < size:
            raise AgentError(f"agent expression: no memory at {address:#x}")
        self.push(int.from_bytes(data, "little"))

    def extend(self, signed: bool) -> None:
        bits, value = self.operand(1), self.pop()
        if bits == 0:
            raise AgentError("agent expression: extension from 0 bits")
        if bits < 64:
            value &= (1 << bits) - 1
            if signed and value >> (bits - 1):
                value -= 1 << bits
        self.push(value)

    def branch(self, conditional: bool) -> None:
        target = self.operand(2)
        if not conditional or self.pop():
            self.at = target

    def pick(self) -> None:
        depth = self.operand(1)
        if depth >= len(self.stack):
            raise AgentError("agent expression: the stack is empty")
        self.push(self.stack[-1 - depth])

    def rearrange(self, count: int, order: tuple[int, ...]) -> None:
        """Replace the top `count` items by those of them that `order` names, the deepest first, 0 being the deepest."""
        items = [self.pop() for _ in range(count)][::-1]
        for index in order:
            self.push(items[index])

    def end(self) -> None:
        self.ended = True


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _quotient(a: int, b: int) -> int:
    """Rounded towards zero, as in C."""
    if b == 0:
        raise AgentError("agent expression: division by zero")
    return a // b if (a < 0) == (b < 0) else -(-a // b)


def _remainder(a: int, b: int) -> int:
    return a - b * _quotient(a, b)


_BINARY: dict[int, Callable[[int, int], int]] = {
    0x02: lambda a, b: a + b,
    0x03: lambda a, b: a - b,
    0x04: lambda a, b: a * b,
    0x05: lambda a, b: _quotient(_signed(a), _signed(b)),
    0x06: _quotient,
    0x07: lambda a, b: _remainder(_signed(a), _signed(b)),
    0x08: _remainder,
    0x09: lambda a, b: a << b if b < 64 else 0,
    0x0A: lambda a, b: _signed(a) >> min(b, 63),
    0x0B: lambda a, b: a >> b if b < 64 else 0,
    0x0F: lambda a, b: a & b,
    0x10: lambda a, b: a | b,
    0x11: lambda a, b: a ^ b,
    0x13: lambda a, b: a == b,
    0x14: lambda a, b: _signed(a) < _signed(b),
    0x15: lambda a, b: a < b,
}

_OTHER: dict[int, Callable[[_Evaluation], None]] = {
    0x0E: lambda e: e.push(not e.pop()),  # log_not
    0x12: lambda e: e.push(~e.pop()),  # bit_not
    0x16: lambda e: e.extend(signed=True),  # ext
    0x17: lambda e: e.memory(1),  # ref8 to ref64
    0x18: lambda e: e.memory(2),
    0x19: lambda e: e.memory(4),
    0x1A: lambda e: e.memory(8),
    0x20: lambda e: e.branch(conditional=True),  # if_goto
    0x21: lambda e: e.branch(conditional=False),  # goto
    0x22: lambda e: e.push(e.operand(1)),  # const8 to const64
    0x23: lambda e: e.push(e.operand(2)),
    0x24: lambda e: e.push(e.operand(4)),
    0x25: lambda e: e.push(e.operand(8)),
    0x26: lambda e: e.push(e.read_register(e.operand(2))),  # reg
    0x27: _Evaluation.end,
    0x28: lambda e: e.rearrange(1, (0, 0)),  # dup
    0x29: lambda e: e.rearrange(1, ()),  # pop
    0x2A: lambda e: e.extend(signed=False),  # zero_ext
    0x2B: lambda e: e.rearrange(2, (1, 0)),  # swap
    0x32: _Evaluation.pick,
    0x33: lambda e: e.rearrange(3, (2, 0, 1)),  # rot: a b c becomes c a b
}


def evaluate(code: bytes, read_register: ReadRegister, read_memory: ReadMemory) -> int:
    """What is on top of the stack at the end, as an unsigned 64-bit number. Raises `AgentError`, and what the two
    functions raise."""
    e = _Evaluation(code, read_register, read_memory, [])
    for _ in range(STEP_LIMIT):
        opcode = e.operand(1)
        if opcode in _BINARY:
            b, a = e.pop(), e.pop()
            e.push(_BINARY[opcode](a, b))
        elif opcode in _OTHER:
            _OTHER[opcode](e)
        else:
            raise AgentError(f"agent expression: operation {opcode:#04x} has no place in a condition")
        if e.ended:
            return e.pop()
    raise AgentError(f"agent expression: no end after {STEP_LIMIT} steps")


def condition(codes: list[bytes], read_register: ReadRegister, read_memory: ReadMemory) -> Callable[[], bool]:
    """Whether one of several conditions of a breakpoint holds. One that cannot be evaluated holds, as in gdbserver: a
    stop too many shows the user that something is wrong, a stop too few would hide it."""

    def holds() -> bool:
        try:
            return any(evaluate(code, read_register, read_memory) for code in codes)
        except PlayheadError:
            return True

    return holds
