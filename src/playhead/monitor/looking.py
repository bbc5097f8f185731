"""Commands that look at the machine: registers and memory. They change nothing."""

import re

from playhead.base.errors import UsageError
from playhead.monitor.commands import Command, Say, number
from playhead.timeline.debuggee import Debuggee

GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr")
SIZES = {"b": 1, "h": 2, "w": 4}
MOST = 4096  # items of one dump
ROW = 16  # bytes


def commands(target: Debuggee) -> tuple[Command, ...]:
    look = Looking(target)
    return (
        Command(("info registers",), "", "the processor's registers", look.registers),
        Command(("x",), "[/FMT] address", "memory at a linear address, or $register: /8xw is eight words; b h w, i "
                "for instructions", look.linear),
        Command(("xp",), "[/FMT] address", "memory at a physical address", look.physical),
        Command(("when",), "", "the moment: instructions, deliveries, virtual time", look.when),
    )  # fmt: skip


class Looking:
    def __init__(self, target: Debuggee):
        self._target = target

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
        say(" ".join(f"{name.upper()}={self._read(name):08x}" for name in ("cr0", "cr2", "cr3", "cr4")))
        say(" ".join(f"{name.upper()}={self._read(name):08x}" for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")))

    def linear(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=False)

    def physical(self, words: list[str], say: Say) -> None:
        self._dump(words, say, physical=True)

    def _dump(self, words: list[str], say: Say, physical: bool) -> None:
        form = words[0] if len(words) == 2 else "/1xw"
        match = re.fullmatch(r"/([0-9]{0,4})(?:(i)|(?:x?([bhw])?))", form)
        if not match:
            raise UsageError(f"'{form}' is no format; write /8xw, /16xb or /10i")
        count, address = min(int(match[1] or 1), MOST), self._address(words[-1])
        if match[2]:
            self._instructions(address, count, say, physical)
            return
        size = SIZES[match[3] or "w"]
        data = self._target.read_memory(address, count * size, physical)
        for at in range(0, len(data) - size + 1, ROW):
            row = data[at : at + ROW]
            items = (int.from_bytes(row[i : i + size], "little") for i in range(0, len(row) - size + 1, size))
            say(f"{address + at:08x}: " + " ".join(f"0x{item:0{2 * size}x}" for item in items))
        if len(data) < count * size:
            say(f"{address + len(data):08x}: no memory there")

    def _address(self, text: str) -> int:
        name = text.removeprefix("$")
        return (self._read(name) if text.startswith("$") else number(text, "the address")) & 0xFFFFFFFF

    def _instructions(self, address: int, count: int, say: Say, physical: bool) -> None:
        for _ in range(count):
            text, length = self._target.disassemble(address, physical)
            say(text)
            if not length:
                break
            address = (address + length) & 0xFFFFFFFF
