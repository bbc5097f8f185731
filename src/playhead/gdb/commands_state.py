"""Registers and memory: `g G p P m M X`.

A client that has not read the target description knows the i386's classic 32 registers and no more, in the order that
ours begins with too: it gets just those in `g`.

A write that changes nothing is no write: gdb sends all registers back when only one has changed, and a replay that
refuses changes need not refuse that.
"""

from playhead.base.errors import PlayheadError
from playhead.gdb.commands import NOTHING_THERE, OK, REFUSED, Command, Fault, hex_bytes, number, numbers
from playhead.gdb.context import Context
from playhead.gdb.packets import PACKET_SIZE
from playhead.gdb.registers import CORE, REGISTERS, Register

_MOST = (PACKET_SIZE - 8) // 2  # bytes of memory in one reply


def _shown(context: Context, register: Register) -> bytes:
    """A register in the target's byte order; x's are gdb's word for one that cannot be had."""
    try:
        value = context.target.read_register(register.name)
    except PlayheadError:
        return b"xx" * register.size
    return (value & ((1 << register.bits) - 1)).to_bytes(register.size, "little").hex().encode()


def _write(context: Context, changes: list[tuple[Register, bytes]]) -> bytes:
    try:
        for register, text in changes:
            if text.lower() != _shown(context, register):
                context.target.write_register(register.name, int.from_bytes(hex_bytes(text), "little"))
    except PlayheadError as refusal:
        return context.refused(refusal, REFUSED, shown=True)
    return OK


def _register(text: bytes) -> Register:
    n = number(text)
    if n >= len(REGISTERS):
        raise Fault(NOTHING_THERE)
    return REGISTERS[n]


def _all(context: Context) -> list[Register]:
    return [register for register in REGISTERS if context.described or register.feature == CORE]


def read_registers(context: Context, rest: bytes) -> bytes:
    return b"".join(_shown(context, register) for register in _all(context))


def write_registers(context: Context, rest: bytes) -> bytes:
    registers = _all(context)
    if len(rest) != sum(2 * register.size for register in registers):
        raise Fault
    changes, at = [], 0
    for register in registers:
        text = rest[at : at + 2 * register.size]
        at += len(text)
        if text != b"xx" * register.size:
            hex_bytes(text)
            changes.append((register, text))
    return _write(context, changes)


def read_register(context: Context, rest: bytes) -> bytes:
    return _shown(context, _register(rest))


def write_register(context: Context, rest: bytes) -> bytes:
    which, _, text = rest.partition(b"=")
    register = _register(which)
    if len(text) != 2 * register.size:
        raise Fault
    hex_bytes(text)
    return _write(context, [(register, text)])


def read_memory(context: Context, rest: bytes) -> bytes:
    address, length = numbers(rest, 2)
    if length == 0:
        return b""
    data = context.target.read_memory(address, min(length, _MOST), context.physical)
    return data.hex().encode() or NOTHING_THERE


def _write_memory(context: Context, place: bytes, data: bytes) -> bytes:
    address, length = numbers(place, 2)
    if len(data) != length:
        raise Fault
    if length:  # gdb finds out with an empty `X` whether there is such a packet
        context.target.write_memory(address, data, context.physical)
    return OK


def write_memory(context: Context, rest: bytes) -> bytes:
    place, _, text = rest.partition(b":")
    return _write_memory(context, place, hex_bytes(text))


def write_memory_binary(context: Context, rest: bytes) -> bytes:
    place, _, data = rest.partition(b":")
    return _write_memory(context, place, data)


COMMANDS = (
    Command(b"g", read_registers),
    Command(b"G", write_registers, None),
    Command(b"p", read_register, None),
    Command(b"P", write_register, None),
    Command(b"m", read_memory, None),
    Command(b"M", write_memory, None),
    Command(b"X", write_memory_binary, None),
)
