"""Which Linux a recording has run, and by how much its addresses differ from those in its file of symbols.

This is about a kernel that was given with -kernel; one that a boot loader read from a disk is found by what it has left
in memory (`linux/kernels.py`).

A kernel with KASLR moves itself to a random place when it starts, and gdb needs the distance. It is found by the banner
("Linux version ..."): its link address is in the program in the bzImage, its real one in the memory of the recording's
checkpoints. Only places that the kernel's alignment allows are searched, so this takes a fraction of a second.

Sources: "The Linux/x86 Boot Protocol" (payload_offset, payload_length, kernel_version, kernel_alignment); the ELF
specification (program headers).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playhead.base.errors import FormatError
from playhead.linux.kernels import LINKED_AT, kernels
from playhead.log.pages import PAGE, is_block

if TYPE_CHECKING:
    from playhead.cli.linux_image import Banner

ALIGNMENT = 0x230
MAGIC, MAGIC_AT, SMALLEST = b"HdrS", 0x202, 0x268


@dataclass(frozen=True)
class LinuxKernel:
    """`offset`: what is to be added to the addresses of its symbols; None if that is not known, and then `why`. `stext`
    is where its code begins, if only that was found: then `offset` holds for the usual place in its file.
    """

    version: str
    offset: int | None
    why: str = ""
    stext: int | None = None


def find(reader: Any) -> LinuxKernel | None:
    """The kernel that was given with -kernel, or the last one that has run."""
    digest = reader.meta["config"].get("kernel")
    if digest is None:
        return _by_memory(reader)
    from playhead.cli.linux_image import banner_of, version_of  # here, with what unpacks: most guests bring no kernel

    image = reader.blob(digest)
    if len(image) < SMALLEST or image[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        return None
    version, banner = version_of(image), banner_of(image)
    if banner is None:
        return LinuxKernel(version, None, "how its program is packed is not known here")
    try:
        place = _in_memory(reader, banner, struct.unpack_from("<I", image, ALIGNMENT)[0])
    except FormatError:
        return LinuxKernel(version, None, "the recording is damaged")
    if place is None:
        return LinuxKernel(version, None, "no checkpoint has it unpacked")
    return LinuxKernel(version, place - banner.physical)


def _by_memory(reader: Any) -> LinuxKernel | None:
    try:
        running = kernels(reader)
    except FormatError:
        return None
    if not running:
        return None
    last = running[-1]
    return LinuxKernel(last.banner, last.stext - LINKED_AT, stext=last.stext)


def _in_memory(reader: Any, banner: Banner, alignment: int) -> int | None:
    """The banner's physical address, by the first checkpoint that has it. RAM is the first part of the backing area, so
    a page's number there is its physical one.
    """
    inside = banner.physical % PAGE
    text = banner.text[: PAGE - inside]
    apart = max(alignment // PAGE, 1)
    for checkpoint in reader.checkpoints():
        pages = reader.checkpoint_pages(checkpoint)
        memory = {page: hash for page, hash in pages.items() if not is_block(page)}
        fitting = {page: hash for page, hash in memory.items() if (page - banner.physical // PAGE) % apart == 0}
        contents = reader.pages(sorted(set(fitting.values())))
        for page, hash in sorted(fitting.items()):
            if contents[hash][inside : inside + len(text)] == text:
                return page * PAGE + inside
    return None
