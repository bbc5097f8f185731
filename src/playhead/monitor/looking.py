"""Commands that inspect the machine: registers, memory, expressions. They change nothing."""

import re

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.monitor.commands import Command, Say
from playhead.monitor.expressions import Value, code_address, evaluate
from playhead.timeline.debuggee import Debuggee

PAE = 0x20  # of CR4
GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
MOST = 4096  # items of one dump
ROW = 16  # bytes
LONGEST = 4096  # bytes of a string
FORMAT = re.compile(r"/([0-9]{0,4})(?:([xduci])?([bhwg])?|([bhwg])([xduc])|(s))")
PRINTED = ("x", "d", "u", "t", "c")


def commands(target: Debuggee) -> tuple[Command, ...]:
    look = Looking(target)
    return (
        Command(("info registers", "info r"), "", "the processor's registers", look.registers),
        Command(("print", "p"), "[/x|d|u|t|c] expression...", "the value of an expression, such as *($esp+4)",
                look.value),
        Command(("x",), "[/FMT] [address...]", "memory at a linear address, an expression: /8xw is eight words in "
                "hexadecimal; b h w g are 1, 2, 4 and 8 bytes; x d u c; s a string; i instructions", look.linear,
                again=True),
        Command(("xp",), "[/FMT] address...", "memory at a physical address", look.physical),
        Command(("when",), "", "the moment: instructions, deliveries, virtual time", look.when),
    )  # fmt: skip


class Looking:
    def __init__(self, target: Debuggee):
        self._target = target
        self._next = "$pc"  # where `x` without an address continues
        self._form = ""

    def _read(self, name: str) -> int:
        return self._target.read_register(name)

    def when(self, words: list[str], say: Say) -> None:
        say(f"moment {self._target.moment}, virtual time {self._target.machine.now_ns() / 1e9:.9f} s")

    def registers(self, words: list[str], say: Say) -> None:
        for row in (GENERAL[:4], GENERAL[4:]):
            say(" ".join(f"{name.upper()}={self._read(name):08x}" for name in row))
        say(f"EIP={self._read('eip'):08x} EFL={self._read('eflags'):08x} CPL={self._target.machine.core.get('cpl')}")
        for name in SEGMENTS:
            base, limit = self._read(name + "_base"), self._read(name + "_limit")
            say(f"{name.upper():<4}={self._read(name):04x} base={base:08x} limit={limit:08x}")
        for name in ("gdtr", "idtr"):
            say(f"{name.upper()} base={self._read(name + '_base'):08x} limit={self._read(name + '_limit'):08x}")
        say(" ".join(f"{name.upper()}={self._read(name):08x}" for name in ("cr0", "cr2", "cr3", "cr4", "efer")))
        if self._read("cr4") & PAE:
            say(" ".join(f"PDPTE{n}={self._read(f'pdpte{n}'):016x}" for n in range(4)))
        say(" ".join(f"{name.upper()}={self._read(name):08x}" for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")))

    def linear(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=False)

    def physical(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=True)

    def value(self, words: list[str], say: Say) -> None:
        form = words[0][1:] if words[0].startswith("/") else ""
        if form and form not in PRINTED:
            raise UsageError(f"'{words[0]}' is no format; write one of {', '.join('/' + c for c in PRINTED)}")
        value = evaluate(self._target, " ".join(words[1:] if form else words)).number
        if form in ("", "x"):
            say(_hex(value) if form else f"{value} ({_hex(value)})")
        else:
            say(_shown(value, form, 8))

    def _dump(self, words: list[str], say: Say, physical: bool) -> None:
        form = ""
        if words and words[0].startswith("/"):
            form, words = words[0], words[1:]
        match = FORMAT.fullmatch(form or "/1xw" if words else form or self._form or "/1xw")
        if not match:
            raise UsageError(f"'{form}' is no format; write /8xw, /16xb, /s or /10i")
        count, kind = min(int(match[1] or 1), MOST), match[2] or match[5] or match[6] or "x"
        size = SIZES[match[3] or match[4] or ("b" if kind == "c" else "w")]
        value = evaluate(self._target, " ".join(words) or ("$pc" if kind == "i" and form else self._next))
        if kind == "i":
            after = self._instructions(value, count, say, physical)
        elif kind == "s":
            after = self._strings(value.address, count, say, physical)
        else:
            after = self._items(value.address, count, size, kind, say, physical)
        self._next, self._form = f"{after & 0xFFFFFFFF:#x}", f"/1{match[6] or kind + (match[3] or match[4] or '')}"

    def _items(self, address: int, count: int, size: int, kind: str, say: Say, physical: bool) -> int:
        data = self._target.read_memory(address, count * size, physical)
        for at in range(0, len(data) - size + 1, ROW):
            row = data[at : at + ROW]
            items = (int.from_bytes(row[i : i + size], "little") for i in range(0, len(row) - size + 1, size))
            say(f"{address + at & 0xFFFFFFFF:08x}: " + " ".join(_shown(item, kind, size) for item in items))
        if len(data) < count * size:
            say(f"{address + len(data):08x}: no memory there")
        return address + len(data)

    def _strings(self, address: int, count: int, say: Say, physical: bool) -> int:
        for _ in range(count):
            data = self._target.read_memory(address, LONGEST, physical)
            if not data:
                say(f"{address:08x}: no memory there")
                break
            text = data.partition(b"\0")[0]
            more = "" if len(text) < len(data) else " ..."
            say(f'{address:08x}: "{shown(text.decode("utf-8", "backslashreplace"))}"{more}')
            address = (address + len(text) + 1) & 0xFFFFFFFF
        return address

    def _instructions(self, value: Value, count: int, say: Say, physical: bool) -> int:
        address = value.address if physical else code_address(self._target, value)
        for _ in range(count):
            text, length = self._target.disassemble(address, physical)
            say(text)
            if not length:
                break
            address = (address + length) & 0xFFFFFFFF
        return address


def _hex(value: int) -> str:
    """Two's complement as wide as is needed, 32 bits if that is enough."""
    return f"{value & (0xFFFFFFFF if -1 << 31 <= value < 1 << 32 else (1 << 64) - 1):#x}"


def _shown(value: int, kind: str, size: int) -> str:
    """An item of so many bytes in a format."""
    bits = 8 * size
    unsigned = value & (1 << bits) - 1
    match kind:
        case "d":
            return str(unsigned - (1 << bits) if unsigned >> bits - 1 else unsigned)
        case "u":
            return str(unsigned)
        case "t":
            return f"{unsigned:b}"
        case "c":
            byte = unsigned & 0xFF
            return f"{byte} '{shown(chr(byte))}'"
    return f"0x{unsigned:0{2 * size}x}"
