"""Source lines of a program, from the DWARF line tables of its ELF file (by pyelftools, the extra `dwarf`).

Not of split DWARF, whose tables are in other files.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from playhead.base.errors import FormatError, UsageError

MISSING = "source lines need pyelftools: pip install 'playhead[dwarf]'"
WITH_OWN_FILE_AT_0 = 5  # of DWARF: files and folders of a line table are numbered from 0


class Line(NamedTuple):
    """Code of one line, up to the next row's address."""

    first: int
    last: int
    file: str
    line: int


def lines_of(path: str) -> list[Line]:
    """The line tables of an ELF file. Raises UsageError if there are none, HostError if it cannot be read."""
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise UsageError(MISSING) from None
    try:
        with open(path, "rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                raise UsageError(f"{path} has no line tables (DWARF): build with -g, or give the file that has them")
            dwarf = elf.get_dwarf_info()
            found = [line for unit in dwarf.iter_CUs() for line in _of_unit(dwarf, unit)]
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror}") from None
    except ELFError as e:
        raise FormatError(f"{path} is no ELF file that can be read: {e}") from None
    if not found:
        raise UsageError(f"{path} has no line tables (DWARF): build with -g, or give the file that has them")
    return found


def _of_unit(dwarf: Any, unit: Any) -> Iterator[Line]:
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    folder = _text(unit.get_top_DIE().attributes.get("DW_AT_comp_dir"))
    before: Any = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is not None and before.line and state.address > before.address:
            yield Line(before.address, state.address, _file(program.header, before.file, folder), before.line)
        before = None if state.end_sequence else state


def _file(header: Any, number: int, unit_folder: str) -> str:
    """The path of a file of a line table."""
    shift = 0 if header.version >= WITH_OWN_FILE_AT_0 else 1
    files, folders = header.file_entry, header.include_directory
    if not 0 <= number - shift < len(files):
        return "unknown"
    entry = files[number - shift]
    name, index = _decoded(entry.name), entry.dir_index
    if index == 0 and shift:
        folder = unit_folder
    else:
        folder = _decoded(folders[index - shift]) if 0 <= index - shift < len(folders) else ""
    path = name if name.startswith("/") or not folder else f"{folder}/{name}"
    return path if path.startswith("/") or not unit_folder else f"{unit_folder}/{path}"


def _decoded(text: Any) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _text(attribute: Any) -> str:
    return "" if attribute is None else _decoded(attribute.value)


@lru_cache(8)
def _sorted(path: str) -> tuple[list[int], list[Line]]:
    lines = sorted(lines_of(path))
    return [one.first for one in lines], lines


def line_at(path: str, address: int) -> str:
    """The line whose code an address is in, as `path:line`; "" if there is none. Raises as `lines_of`."""
    firsts, lines = _sorted(path)
    found = lines[bisect_right(firsts, address) - 1]
    return f"{found.file}:{found.line}" if found.first <= address < found.last else ""
