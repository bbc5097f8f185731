"""Names of the guest's functions, from an ELF file or from a list such as System.map or /proc/kallsyms.

A kernel's are moved to where it runs (KASLR): a note that it keeps in its memory says where `_stext` is.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Any

from playhead.base.errors import UsageError
from playhead.cli.linux_memory import DESCRIPTION, NOTE, fields, functions_of

CODE = "tTwW"  # of a list's types: functions
PAGE = 4096
START = "_stext"


class GuestSymbols:
    """Functions by address."""

    def __init__(self, functions: list[tuple[int, int, str]], offset: int = 0):
        """`functions`: (address, size or 0, name)."""
        self._functions = sorted(functions)
        self._starts = [address for address, _, _ in self._functions]
        self.offset = offset

    def name(self, address: int) -> str:
        """The function that an address lies in; nothing if there is none."""
        at = bisect_right(self._starts, (address - self.offset) & 0xFFFFFFFF) - 1
        if at < 0:
            return ""
        start, size, name = self._functions[at]
        return "" if size and ((address - self.offset) & 0xFFFFFFFF) >= start + size else name

    @property
    def start(self) -> int | None:
        """Where a kernel's code begins by its symbols."""
        return next((address for address, _, name in self._functions if name == START), None)


def read(path: str, memory: Any = None) -> GuestSymbols:
    """Read the file; with a machine's `memory`, a kernel's symbols are moved to where that kernel is in it."""
    try:
        with open(path, "rb") as file:
            is_elf = file.read(4) == b"\x7fELF"
    except OSError as e:
        raise UsageError(f"--symbols {path}: {e.strerror}") from None
    found = GuestSymbols(functions_of(path) if is_elf else _listed(path))
    if found.start is not None and memory is not None and (running := kernel_start(memory)) is not None:
        found.offset = (running - found.start) & 0xFFFFFFFF
    return found


def _listed(path: str) -> list[tuple[int, int, str]]:
    """Lines of an address, a type and a name."""
    found = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split()
                if len(words) < 3 or len(words[1]) != 1:
                    raise UsageError(f"--symbols {path}: line {number} is not an address, a type and a name, "
                                     "as in System.map or /proc/kallsyms; nor is it an ELF file")  # fmt: skip
                if words[1] in CODE:
                    found.append((int(words[0], 16), 0, words[2]))
    except (OSError, UnicodeDecodeError, ValueError) as e:
        raise UsageError(f"--symbols {path}: it is neither an ELF file nor a list of symbols ({e})") from None
    if not any(address for address, _, _ in found):
        raise UsageError(f"--symbols {path}: it has no addresses of functions (/proc/kallsyms hides them from users)")
    return found


def kernel_start(memory: Any) -> int | None:
    """Where the Linux kernel that is in a machine's memory has `_stext`, by its note for crash dumps."""
    area, at = memory.area, -1
    while (at := area.find(NOTE, at + 1)) >= 0:
        if at % PAGE == 12:
            found = fields(bytes(area[at - 12 : at - 12 + PAGE]))
            if found is not None:
                return found[2]
    return None


assert DESCRIPTION == 12 + struct.calcsize("<III")
