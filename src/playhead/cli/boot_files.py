"""The files that a machine without a boot loader starts with: a kernel, what is put into memory beside it, firmware.

For a Multiboot kernel, `-initrd` lists modules as QEMU has it: `FILE WORDS,FILE WORDS`, where the whole of an item is
the module's command line, and two commas stand for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from playhead.base.messages import tell
from playhead.cli.option_table import commas, naming
from playhead.host.files import read_file

if TYPE_CHECKING:
    from playhead.boards.entry import Module


def named(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(option, file name) of each file that may be read: before the kernel was looked at, either form of -initrd."""
    for name in ("kernel", "initrd", "bios"):
        if values[name] is not None:
            yield f"-{name}", values[name]
    for item in commas(values["initrd"] or ""):
        yield "-initrd", item.partition(" ")[0]


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Their contents, as fields of a machine's description. Raises what reading raises."""
    files = {n: _content(f"-{n}", n, values[n]) for n in ("kernel", "bios") if values[n] is not None}
    if values["kernel"] is not None:
        from playhead.boards import linux_boot, multiboot  # here: most machines have firmware

        if not linux_boot.recognised(files["kernel"]) and multiboot.recognised(files["kernel"]):
            if multiboot.parse(files["kernel"]).wants_video:
                tell("the Multiboot kernel asks for a video mode; it gets none, as on QEMU")
            return files | {"kernel_name": values["kernel"], "modules": _modules(values["initrd"])}
    if values["initrd"] is not None:
        files["initrd"] = _content("-initrd", "initrd", values["initrd"])
    return files


def _modules(text: str | None) -> tuple[Module, ...]:
    from playhead.boards.entry import Module

    items = commas(text) if text else []
    return tuple(Module(_content("-initrd", "module", item.partition(" ")[0]), item) for item in items)


def _content(option: str, what: str, path: str) -> Any:
    with naming(f"{option} {path}"):
        return read_file(path, what)
