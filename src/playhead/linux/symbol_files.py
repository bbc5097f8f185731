"""Names of the guest's functions, from an ELF file or from a list such as System.map or /proc/kallsyms.

A kernel's are moved to where it runs (KASLR): the note that it keeps in its memory says where `_stext` is.
"""

from __future__ import annotations

from typing import Any

from playhead.base.errors import UsageError
from playhead.linux.elf import functions_of
from playhead.linux.symbol_table import CODE, Symbol, SymbolTable
from playhead.linux.vmcoreinfo import notes_in

START = "_stext"
MASK = 0xFFFFFFFF


def read(path: str, memory: Any = None) -> SymbolTable:
    """Read the file; with a machine's `memory`, a kernel's symbols are moved to where that kernel is in it."""
    try:
        with open(path, "rb") as file:
            is_elf = file.read(4) == b"\x7fELF"
    except OSError as e:
        raise UsageError(f"--symbols {path}: {e.strerror}") from None
    found = functions_of(path) if is_elf else _listed(path)
    start = next((address for address, _, name in found if name == START), None)
    running = kernel_start(memory) if start is not None and memory is not None else None
    offset = 0 if running is None or start is None else running - start
    return SymbolTable(Symbol((address + offset) & MASK, size, name) for address, size, name in found)


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
    return next((note.stext for note in notes_in(memory.area)), None)
