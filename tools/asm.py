"""asm FILE.s [-o OUT]: assemble and link a guest's source into a firmware image, or a Linux program (--linux).

The assembler is LLVM's, which the engine needs anyway, so that a guest can be built wherever Playhead runs. It runs in
a child process, and its complaint comes back as `AsmError` with the file and line of the source. `.include "name"` is
resolved here, relative to the including file.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tools.guests.elf import executable
from tools.guests.link import Layout, LinkError, link

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = Layout(base=0xF0000, size=0x10000)
BOOT_SECTOR = Layout(base=0x7C00)
KERNEL = Layout(base=0x100000, bss=0x180000)  # a Multiboot kernel that is no ELF file
PROGRAM_BASE = 0x10000000  # where no other program of our guests is: a breakpoint is one address for all of them
TRIPLE = "i386-unknown-none-elf"

T = TypeVar("T")

_INCLUDE = re.compile(r'\s*\.include\s+"([^"]+)"')
_PLACE = re.compile(r"<inline asm>:(\d+)")
_CODE = re.compile(r"\s*(?:\w+:)?\s*[a-z]")  # a line with an instruction or a macro in it

# The compilation unit that a debugger needs to find line numbers (DWARF 4, sections 7.5, 7.12).
_UNIT = """
        .section .debug_abbrev, "", @progbits
        .byte   1, 0x11, 0              # a compilation unit without children: name, lines, code, language
        .byte   0x03, 0x08, 0x10, 0x17, 0x11, 0x01, 0x12, 0x06, 0x13, 0x05, 0, 0, 0
        .section .debug_info, "", @progbits
        .long   9f - 8f
8:      .short  4
        .long   0
        .byte   4, 1
        .asciz  "{name}"
        .long   0, .Ltext_start, .Ltext_end - .Ltext_start
        .short  0x8001                  # the MIPS assembler: the one that DWARF knows
9:      .text
.Ltext_end:
"""


class AsmError(Exception):
    """The source does not assemble or link; the text quotes file, line and reason."""


def firmware(path: Path) -> bytes:
    """A 64 KiB image for `-bios`, which starts at F000:FFF0 and sees itself at 0xF0000."""
    return build(path, FIRMWARE)[0]


def build(path: Path, layout: Layout) -> tuple[bytes, dict[str, int]]:
    """The image of a source file, and its symbols."""
    lines = expand(path)
    return _build([text for text, _ in lines], [place for _, place in lines], str(path), layout)


def program(path: Path, shown: str) -> bytes:
    """A Linux program (ELF) with symbols and line numbers; `shown` is its source's name for a debugger."""
    folder, _, name = shown.rpartition("/")
    lines = [(f'.file 1 "{folder}" "{name}"', shown), (".text", shown), (".Ltext_start:", shown), (".code32", shown)]
    for text, place in expand(path):
        file, _, number = place.rpartition(":")
        if _CODE.match(text) and file == path.name:
            lines.append((f".loc 1 {number}", place))
        lines.append((text, place))
    lines += [(text, shown) for text in _UNIT.format(name=shown).splitlines()]
    return _linked([text for text, _ in lines], [place for _, place in lines], str(path),
                   lambda obj: executable(obj, PROGRAM_BASE))  # fmt: skip


def multiboot(path: Path, *, kludge: bool = False) -> bytes:
    """A Multiboot kernel at 1 MiB: an ELF file, or (`KLUDGE` is defined then) one that only its header describes."""
    lines = [(".set KLUDGE, 1", str(path))] * kludge + expand(path)
    return _linked([text for text, _ in lines], [place for _, place in lines], str(path),
                   lambda obj: link(obj, KERNEL)[0] if kludge else executable(obj, KERNEL.base))  # fmt: skip


def flat(text: str, base: int = 0, bits: int = 32) -> bytes:
    """A few lines of assembly as bytes that run at `base`; for tests that want code and no file."""
    lines = [f".code{bits}", *text.splitlines()]
    return _build(lines, [f"line {n}" for n in range(len(lines))], "text", Layout(base))[0]


def expand(path: Path) -> list[tuple[str, str]]:
    """The lines of a source with its includes in place, each with the `file:line` that it came from."""
    lines: list[tuple[str, str]] = []
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise AsmError(f"{path}: {error.strerror}") from None
    for number, text in enumerate(source.splitlines(), 1):
        if match := _INCLUDE.match(text):
            lines += expand(path.parent / match[1])
        else:
            lines.append((text, f"{path.name}:{number}"))
    return lines


def _build(lines: list[str], places: list[str], name: str, layout: Layout) -> tuple[bytes, dict[str, int]]:
    return _linked(lines, places, name, lambda obj: link(obj, layout))


def _linked(lines: list[str], places: list[str], name: str, link: Callable[[bytes], T]) -> T:
    child = subprocess.run([sys.executable, "-m", "tools.asm", "--child"], cwd=ROOT, capture_output=True,
                           input="\n".join(lines).encode())  # fmt: skip
    if child.returncode != 0 or not child.stdout:
        complaint = child.stderr.decode(errors="replace").strip() or f"the assembler died, status {child.returncode}"
        raise AsmError(_PLACE.sub(lambda m: places[int(m[1]) - 1], complaint))
    try:
        return link(child.stdout)
    except LinkError as error:
        raise AsmError(f"{name}: {error}") from None


def _child() -> None:
    """Assembly on standard input, an ELF object on standard output."""
    import llvmlite.binding as llvm

    if platform.machine() not in ("x86_64", "amd64"):
        sys.exit(f"guests are assembled on x86-64: llvmlite has LLVM's assembler of the host, {platform.machine()}")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    quoted = (line.replace("\\", "\\5C").replace('"', "\\22") for line in sys.stdin.read().splitlines())
    module = llvm.parse_assembly(f'target triple = "{TRIPLE}"\n' + "".join(f'module asm "{q}"\n' for q in quoted))
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(opt=0)
    sys.stdout.buffer.write(machine.emit_object(module))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev asm", description="assemble and link a guest's source")
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", dest="out", type=Path, help="the image; by default the source's name with .bin, here")
    parser.add_argument("--linux", action="store_true", help="a Linux program (ELF) instead of a firmware image")
    options = parser.parse_args(arguments)
    try:
        image = program(options.source, str(options.source)) if options.linux else firmware(options.source)
        out = options.out or Path(options.source.stem + ("" if options.linux else ".bin"))
        out.write_bytes(image)
    except (AsmError, OSError) as error:
        print(f"asm: {error}", file=sys.stderr)
        return 2
    print(out)
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        _child()
    else:
        sys.exit(main(sys.argv[1:]))
