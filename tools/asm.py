"""asm FILE.s [-o OUT]: assemble and link a guest's source into a firmware image.

The assembler is LLVM's, which the engine needs anyway, so that a guest can be built wherever Playhead runs. It ends
the process at the first bad line; therefore it runs in a child, and its complaint comes back as `AsmError` with the
file and line that a person wrote. `.include "name"` is resolved here, beside the including file.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from recipe.link import Layout, LinkError, link

FIRMWARE = Layout(base=0xF0000, size=0x10000)
TRIPLE = "i386-unknown-none-elf"

_INCLUDE = re.compile(r'\s*\.include\s+"([^"]+)"')
_PLACE = re.compile(r"<inline asm>:(\d+)")


class AsmError(Exception):
    """The source does not assemble or link; the text quotes file, line and reason."""


def firmware(path: Path) -> bytes:
    """A 64 KiB image for `-bios`, which starts at F000:FFF0 and sees itself at 0xF0000."""
    return build(path, FIRMWARE)[0]


def build(path: Path, layout: Layout) -> tuple[bytes, dict[str, int]]:
    """The image of a source file, and its symbols."""
    lines = expand(path)
    return _build([text for text, _ in lines], [place for _, place in lines], str(path), layout)


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
    child = subprocess.run([sys.executable, __file__, "--child"], input="\n".join(lines).encode(), capture_output=True)
    if child.returncode != 0 or not child.stdout:
        complaint = child.stderr.decode(errors="replace").strip() or f"the assembler died, status {child.returncode}"
        raise AsmError(_PLACE.sub(lambda m: places[int(m[1]) - 1], complaint))
    try:
        return link(child.stdout, layout)
    except LinkError as error:
        raise AsmError(f"{name}: {error}") from None


def _child() -> None:
    """Assembly on standard input, an ELF object on standard output."""
    import llvmlite.binding as llvm

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
    options = parser.parse_args(arguments)
    try:
        image = firmware(options.source)
        out = options.out or Path(options.source.stem + ".bin")
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
