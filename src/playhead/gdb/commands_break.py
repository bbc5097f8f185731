"""Breakpoints and watchpoints: `Z0` to `Z4`, `z0` to `z4`, with conditions that are evaluated here.

gdb inserts before it resumes and removes when it stops; to change a condition it inserts again. What is inserted is
kept in the context, so that it can be taken out when the client has gone without doing so.
"""

from collections.abc import Callable

from playhead.gdb.agent import AgentError, condition
from playhead.gdb.commands import OK, UNKNOWN, Command, Fault, hex_bytes, number, numbers
from playhead.gdb.context import Context
from playhead.gdb.registers import REGISTERS
from playhead.gdb.target import ACCESS, WRITE


def insert(context: Context, rest: bytes) -> bytes:
    key, conditions = _parse(rest)
    if key is None:
        return UNKNOWN
    _take_out(context, key)
    context.target.insert(*key, _condition(context, conditions))
    context.inserted[key] = None
    return OK


def remove(context: Context, rest: bytes) -> bytes:
    key, _ = _parse(rest)
    if key is None:
        return UNKNOWN
    _take_out(context, key)
    return OK


def _take_out(context: Context, key: tuple[int, int, int]) -> None:
    if key in context.inserted:
        del context.inserted[key]
        context.target.remove(*key)


def _parse(rest: bytes) -> tuple[tuple[int, int, int] | None, list[bytes]]:
    """`kind,address,length;Xlength,code;...` -> what and where (None: no kind of ours), and the conditions."""
    place, *more = rest.split(b";")
    kind, address, length = numbers(place, 3)
    if kind > ACCESS:
        return None, []
    if kind >= WRITE and length == 0:
        raise Fault
    return (kind, address, length), [_code(text) for text in more if text]


def _code(text: bytes) -> bytes:
    size, _, code = text[1:].partition(b",")
    if text[:1] != b"X" or number(size) * 2 != len(code):
        raise Fault
    return hex_bytes(code)


def _condition(context: Context, codes: list[bytes]) -> Callable[[], bool] | None:
    if not codes:
        return None
    target = context.target

    def read_register(n: int) -> int:
        if n >= len(REGISTERS):
            raise AgentError(f"agent expression: there is no register {n}")
        return target.read_register(REGISTERS[n].name)

    return condition(codes, read_register, lambda address, size: target.read_memory(address, size, False))


COMMANDS = (
    Command(b"Z", insert, None),
    Command(b"z", remove, None),
)
