"""`playhead symbols`: names of a Linux guest's functions, from the guest's memory alone: a list, or a file for gdb."""

from typing import Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.kernel_options import AT, JSON, SINCE
from playhead.cli.options import FILE, Option, help_text, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET

OPTIONS = (
    Option("-o", "write an ELF file (vmlinux) for gdb, nm and addr2line: with the kernel's code and how to unwind its "
           "stack", parse=FILE, key="output", since=SINCE),
    Option("--force", "replace a file that exists", since=SINCE),
    Option("--program", "instead of the kernel's, those of an ELF file in the guest's initramfs, as they are linked; "
           "-o writes the file itself, for gdb's add-symbol-file", "PATH", key="program", since=SINCE),
    Option("--programs", "list the ELF files of the initramfs", since=SINCE),
    AT,
    JSON,
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)
MAGIC = b"\x7fELF"


def help() -> str:
    usage = "playhead symbols FILE [-o VMLINUX] [--at MOMENT] [options]"
    what = (
        "Prints the symbols of a recorded Linux kernel and its modules at the addresses where they ran: address, kind\n"
        "(as nm has it), name, and the module in brackets. They come from the kernel's own tables in the guest's\n"
        "memory; no debug package is needed. Linux 6.0 and later say where these are."
    )
    return help_text("symbols", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("symbols", OPTIONS, words, OPERANDS)
    from playhead.cli import new_file
    from playhead.cli.claims import of_recording
    from playhead.cli.kernel_options import guest
    from playhead.linux.symbols import kernel_of
    from playhead.log.reader import Reader

    claims, output = of_recording(values["file"], images=values["images"]), values["output"]
    if output is not None:
        claims.writes("-o", output)
        claims.check()
        new_file.check(output, "ELF file", lambda head: head.startswith(MAGIC), force=values["force"])
    with Reader(values["file"]) as reader:
        claims.recorded_images(reader)
        claims.check()
        if values["programs"] or values["program"] is not None:
            return _programs(reader, values)
        with guest(reader, values) as source:
            kernel = kernel_of(source)
            return _write(kernel, values) if output is not None else _print(kernel, values)


def _programs(reader: Any, values: dict[str, Any]) -> int:
    """Those of the initramfs: a list, or one of them."""
    from playhead.base import json_text
    from playhead.base.messages import lines_shown, tell
    from playhead.cli import new_file
    from playhead.linux.programs import Programs

    found = Programs(reader)
    if found.damage:
        tell(found.damage)
    elif not found.all:
        tell(f"{values['file']}: no ELF files: they are looked for in the initramfs that was given with -initrd")
    if values["program"] is None:
        rows = [{"path": one.path, "bytes": len(one.data), "symbols": len(one.symbols)} for one in found.all]
        lines = "\n".join(f"{row['bytes']:10,}  {row['symbols']:7,}  {row['path']}" for row in rows)
        print(json_text.dumps(rows) if values["json"] else lines_shown("     bytes  symbols  file\n" + lines))
        return 0
    program = found.named(values["program"])
    if values["output"] is not None:
        with new_file.complete(values["output"]) as name, open(name, "wb") as file:
            file.write(program.data)
        if not values["quiet"]:
            tell(f"{values['output']}: {program.path}, {len(program.data):,} bytes, {len(program.symbols):,} symbols")
    elif values["json"]:
        print(json_text.dumps([symbol._asdict() for symbol in program.symbols]))
    else:
        print(lines_shown("\n".join(f"{one.address:08x} {one.kind} {one.name}" for one in program.symbols)))
    return 0


def _write(kernel: Any, values: dict[str, Any]) -> int:
    from playhead.base.messages import tell
    from playhead.cli import new_file
    from playhead.linux.elf_writer import kernel_file

    with new_file.complete(values["output"]) as name, open(name, "wb") as file:
        file.write(kernel_file(kernel.memory, kernel.symbols))
    if not values["quiet"]:
        modules = {symbol.module for symbol in kernel.symbols if symbol.module}
        more = f", {len(modules)} modules" if modules else ""
        tell(f"{values['output']}: Linux {kernel.memory.note.release}, {len(kernel.symbols):,} symbols{more}")
        if kernel.unread:
            tell(f"no symbols were found in memory of the modules {', '.join(kernel.unread)}")
    return 0


def _print(kernel: Any, values: dict[str, Any]) -> int:
    from playhead.base import json_text
    from playhead.base.messages import lines_shown

    if values["json"]:
        facts = {"release": kernel.memory.note.release, "build_id": kernel.memory.note.build_id,
                 "modules_without_symbols": kernel.unread,
                 "symbols": [symbol._asdict() for symbol in kernel.symbols]}  # fmt: skip
        print(json_text.dumps(facts))
        return 0
    digits = 2 * kernel.memory.word
    lines = [
        f"{one.address:0{digits}x} {one.kind} {one.name}" + (f"\t[{one.module}]" if one.module else "")
        for one in kernel.symbols
    ]
    print(lines_shown("\n".join(lines)))
    return 0
