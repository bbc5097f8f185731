"""`x`, `xp`, `print`, `sum`, `memsave` and `pmemsave`, in QEMU's formats and as QEMU prints them.

A format that is not given is the one of the command before, of whatever kind, as in QEMU. What is typed is an
expression of `expressions.py`, which knows more than QEMU's; a file's name is the last word, in quotes or not.
"""

import re
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.monitor.expressions import Machine, Parser, Value, code_address, evaluate
from playhead.monitor.files import write_file
from playhead.timeline.debuggee import Debuggee

SIZES = {"b": 1, "h": 2, "w": 4, "l": 8, "g": 8}
KINDS = "oduxict"
FORMAT = re.compile(r"/([0-9]*)([a-zA-Z]*)")
MOST = 1 << 16  # items of one dump
ROW, BYTE_ROW = 16, 8  # bytes of a line
OCTAL_BITS, DECIMAL = 3, {1: 3, 2: 5, 4: 10, 8: 20}  # digits by size
PIECE = 1 << 20  # bytes that are read at once


class Form(NamedTuple):
    """As `/8xw` says it."""

    items: int
    kind: str
    size: int


class Format:
    """The format that holds until another one is given."""

    def __init__(self) -> None:
        self.kind, self.size = "x", 4

    def take(self, words: list[str]) -> tuple[Form, list[str]]:
        """The format at the beginning of the words, or the one of before; and the words behind it."""
        count, kind, size = 1, self.kind, self.size
        if words and words[0].startswith("/"):
            found = FORMAT.fullmatch(words[0])
            letters = found[2].lower() if found else words[0][1:]
            wrong = [c for c in letters if c not in SIZES and c not in KINDS]
            if wrong or found is None:
                raise Misunderstood(f"invalid char in format: '{wrong[0] if wrong else words[0]}'; it is /COUNT, then "
                                    f"one of {' '.join(KINDS)}, then one of {' '.join(SIZES)}")  # fmt: skip
            count = int(found[1] or 1)
            kind = next((c for c in reversed(letters) if c in KINDS), kind)
            size = SIZES[next((c for c in reversed(letters) if c in SIZES), "")] if set(letters) & set(SIZES) else size
            words = words[1:]
        if count > MOST:
            raise UsageError(f"{MOST} items at most")
        self.kind, self.size = kind, size
        return Form(count, kind, 1 if kind == "c" else size), words


def commands(target: Debuggee, form: Format) -> tuple[Command, ...]:
    memory = Memory(target, form)
    return (
        Command(("x",), "[/fmt] addr...", "virtual memory dump starting at 'addr'", memory.linear, again=True),
        Command(("xp",), "[/fmt] addr...", "physical memory dump starting at 'addr'", memory.physical, again=True),
        Command(("print", "p"), "[/fmt] expr...", "print expression value (use $reg for CPU register access)",
                memory.value),
        Command(("sum",), "addr size...", "compute the checksum of a memory region", memory.sum),
        Command(("memsave",), "addr size... file", "save to disk virtual memory dump starting at 'addr' of size 'size'",
                memory.save_linear),
        Command(("pmemsave",), "addr size... file", "save to disk physical memory dump starting at 'addr' of size "
                "'size'", memory.save_physical),
    )  # fmt: skip


def expressions(machine: Machine, words: list[str], count: int, command: str) -> list[Value]:
    """So many expressions one behind the other."""
    parser = Parser(machine, " ".join(words))
    values = [parser.expression() for _ in range(count)]
    if parser.rest:
        raise Misunderstood(f"{command}: extraneous characters at the end of line: '{parser.rest}'")
    return values


def region(target: Machine, address: int, size: int, physical: bool) -> list[bytes]:
    """The memory there, complete."""
    out, what = [], "physical memory" if physical else "the address space of now"
    while size > 0:
        data = target.read_memory(address, min(size, PIECE), physical)
        if len(data) < min(size, PIECE):
            raise UsageError(f"Invalid addr {address + len(data) & 0xFFFFFFFF:#018x}/size {size} specified: "
                             f"{what} has no memory there")  # fmt: skip
        out.append(data)
        address, size = address + len(data), size - len(data)
    return out


def save(target: Machine, address: int, size: int, file: str, physical: bool) -> None:
    """Write the memory there into a file."""
    data = region(target, address, size, physical)
    write_file(file, lambda put: [put(piece) for piece in data])


class Memory:
    def __init__(self, target: Debuggee, form: Format):
        self._target, self._form = target, form

    def linear(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=False)

    def physical(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=True)

    def _dump(self, words: list[str], say: Say, physical: bool) -> None:
        form, rest = self._form.take(words)
        if not rest:
            raise Misunderstood("unexpected end of expression: an address is missing")
        value = evaluate(self._target, " ".join(rest))
        if form.kind == "i":
            self._instructions(value, form.items, say, physical)
        else:
            self._items(value.address, form, say, physical)

    def _items(self, address: int, form: Form, say: Say, physical: bool) -> None:
        row, left = BYTE_ROW if form.size == 1 else ROW, form.items * form.size
        while left > 0:
            where = f"{address:016x}" if physical else f"{address:08x}"
            wanted = min(row, left)
            data = self._target.read_memory(address, wanted, physical)
            there = [item_text(data[n : n + form.size], form.kind) for n in range(0, len(data), form.size)
                     if n + form.size <= len(data)]  # fmt: skip
            if len(data) < wanted:
                say(f"{where}: {' '.join([*there, 'Cannot access memory'])}")
                return
            say(f"{where}: {' '.join(there)}")
            address, left = (address + row) & 0xFFFFFFFF, left - row

    def _instructions(self, value: Value, count: int, say: Say, physical: bool) -> None:
        address = value.address if physical else code_address(self._target, value)
        for _ in range(count):
            text, length = self._target.disassemble(address, physical)
            if not length:
                say(f"{address:#010x}: unable to read memory")
                return
            _, code, instruction = text.split("  ", 2)
            say(f"{address:#010x}:  {code:<24} {instruction}")
            address = (address + length) & 0xFFFFFFFF

    def value(self, words: list[str], say: Say) -> None:
        form, rest = self._form.take(words)
        number = evaluate(self._target, " ".join(rest)).number
        wide = number & (1 << 64) - 1
        match form.kind:
            case "d":
                say(str(number))
            case "u":
                say(str(wide))
            case "o":
                say(f"{'0' * bool(wide)}{wide:o}")
            case "t":
                say(f"{wide:b}")
            case "c":
                say(character(wide & 0xFF))
            case _:
                say(f"{wide:#x}")

    # whole regions

    def sum(self, words: list[str], say: Say) -> None:
        """BSD's sum of the bytes, rotated right by one bit for each, of physical memory."""
        start, size = expressions(self._target, words, 2, "sum")
        total = 0
        for piece in region(self._target, start.address, _size(size), True):
            for byte in piece:
                total = ((total >> 1 | total << 15) + byte) & 0xFFFF
        say(f"{total:05d}")

    def save_linear(self, words: list[str], say: Say) -> None:
        self._save(words, "memsave", False)

    def save_physical(self, words: list[str], say: Say) -> None:
        self._save(words, "pmemsave", True)

    def _save(self, words: list[str], name: str, physical: bool) -> None:
        start, size = expressions(self._target, words[:-1], 2, name)
        save(self._target, start.address, _size(size), words[-1], physical)


def _size(value: Value) -> int:
    if not 0 <= value.number <= 1 << 32:
        raise UsageError(f"a size of {value.number} bytes")
    return value.number


def item_text(data: bytes, kind: str) -> str:
    """An item as `x` prints it."""
    size, value = len(data), int.from_bytes(data, "little")
    match kind:
        case "o":
            return f"{value:0{-(-8 * size // OCTAL_BITS)}o}"
        case "d":
            return str(int.from_bytes(data, "little", signed=True)).rjust(DECIMAL[size])
        case "u":
            return str(value).rjust(DECIMAL[size])
        case "t":
            return f"{value:0{8 * size}b}"
        case "c":
            return character(value)
    return f"0x{value:0{2 * size}x}"


def character(byte: int) -> str:
    """In quotes: nothing that a terminal would obey."""
    escapes = {10: "\\n", 13: "\\r", 39: "\\'", 92: "\\\\"}
    return f"'{escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f'{chr(92)}x{byte:02x}')}'"
