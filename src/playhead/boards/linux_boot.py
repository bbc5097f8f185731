"""Starting Linux without firmware: the 32-bit boot protocol.

A bzImage is a real-mode part, whose header says what the kernel wants, and a protected-mode part, which is put at 1
MiB and entered directly with a pointer to `boot_params`. What firmware would have told the kernel is in there: the
memory map, the text screen, where the command line, the initrd and the ACPI tables are.

The result is plain data: what to write where, and the registers to start with. Nothing here touches a machine.

Source: "The Linux/x86 Boot Protocol" (the kernel's documentation): sections on the real-mode kernel header, the
32-bit boot protocol and the layout of boot_params ("zero page").
"""

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards.e820 import E820, E820_NVS, E820_RAM, E820_RESERVED

BOOT_PARAMS, GDT, COMMAND_LINE, KERNEL = 0x10000, 0x11000, 0x20000, 0x100000
LOW_RAM_END, EBDA = 0xA0000, 0x9FC00
BOOT_CS, BOOT_DS = 0x10, 0x18
PAGE = 4096
E820_AT, E820_MAX = 0x2D0, 128
OLDEST = 0x0205  # the first with the 32-bit protocol
HEADER_AT = 0x1F1
LOADED_HIGH, XLF_KERNEL_64 = 0x01, 0x01
LOADER_UNDEFINED = 0xFF

# offsets in the header and in boot_params, which are the same
SETUP_SECTS, BOOT_FLAG, MAGIC, VERSION, JUMP = 0x1F1, 0x1FE, 0x202, 0x206, 0x201
TYPE_OF_LOADER, LOADFLAGS, CODE32_START, RAMDISK_IMAGE, RAMDISK_SIZE = 0x210, 0x211, 0x214, 0x218, 0x21C
CMD_LINE_PTR, INITRD_ADDR_MAX, KERNEL_ALIGNMENT, RELOCATABLE = 0x228, 0x22C, 0x230, 0x234
XLOADFLAGS, CMDLINE_SIZE, PREF_ADDRESS, INIT_SIZE = 0x236, 0x238, 0x258, 0x260
ACPI_RSDP_ADDR, ALT_MEM_K, E820_ENTRIES = 0x070, 0x1E0, 0x1E8


@dataclass
class Boot:
    """`writes`: (address, bytes) in order; `registers`: by lower-case name, selectors and table registers included."""

    writes: list[tuple[int, bytes]] = field(default_factory=list)
    registers: dict[str, int] = field(default_factory=dict)


class Kernel(NamedTuple):
    """A checked bzImage."""

    version: int
    setup_header: bytes  # from offset 1F1h on
    protected: bytes
    initrd_max: int
    cmdline_max: int
    run_end: int  # the first address beyond what the kernel uses before it knows the memory map


def recognised(image: bytes) -> bool:
    """Whether an image has the header of a Linux kernel."""
    return len(image) >= 0x268 and image[MAGIC : MAGIC + 4] == b"HdrS" and _u16(image, BOOT_FLAG) == 0xAA55


def parse(image: bytes) -> Kernel:
    """Check a bzImage's header and take it apart. Raises UsageError or UnsupportedError."""
    if not recognised(image):
        raise UsageError(
            "the kernel is neither a bzImage (give vmlinuz or arch/x86/boot/bzImage, not vmlinux) nor a Multiboot one"
        )
    version = _u16(image, VERSION)
    if version < OLDEST or not image[LOADFLAGS] & LOADED_HIGH:
        raise UsageError(f"the kernel is too old: boot protocol {version >> 8}.{version & 0xFF:02}, not 2.05 or later")
    if version >= 0x020C and _u16(image, XLOADFLAGS) & XLF_KERNEL_64:
        raise UnsupportedError("the kernel is a 64-bit one; this machine's processor is 32-bit")
    setup_size = ((image[SETUP_SECTS] or 4) + 1) * 512
    protected = image[setup_size:]
    if not protected:
        raise UsageError("the kernel is cut off: nothing follows its setup part")
    header_end = min(MAGIC + image[JUMP], setup_size, E820_AT)
    run_end = KERNEL + len(protected)
    if version >= 0x020A:
        preferred = struct.unpack_from("<Q", image, PREF_ADDRESS)[0]
        start = max(preferred, KERNEL)
        if image[RELOCATABLE]:
            alignment = max(_u32(image, KERNEL_ALIGNMENT), 1)
            start = max(-(-KERNEL // alignment) * alignment, preferred)
        run_end = max(run_end, start + _u32(image, INIT_SIZE))
    return Kernel(
        version, image[HEADER_AT:header_end], protected,
        initrd_max=_u32(image, INITRD_ADDR_MAX), cmdline_max=_u32(image, CMDLINE_SIZE) if version >= 0x0206 else 255,
        run_end=run_end,
    )  # fmt: skip


def _u16(data: bytes, at: int) -> int:
    return struct.unpack_from("<H", data, at)[0]


def _u32(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def memory_map(ram_end: int, tables_start: int) -> list[E820]:
    """The map that firmware would give: low RAM, the BIOS area, high RAM up to the ACPI tables at its end, the ROM.

    All tables are in NVS, where the one that the system writes to (FACS) has to be.
    """
    return [
        E820(0, EBDA, E820_RAM),
        E820(EBDA, LOW_RAM_END - EBDA, E820_RESERVED),
        E820(0xE0000, 0x20000, E820_RESERVED),
        E820(0x100000, tables_start - 0x100000, E820_RAM),
        E820(tables_start, ram_end - tables_start, E820_NVS),
        E820(0xFFFC0000, 0x40000, E820_RESERVED),
    ]


def place_initrd(kernel: Kernel, initrd: bytes, ram_end: int) -> int:
    """As high as the kernel allows, below `ram_end`, on a page."""
    limit = min(kernel.initrd_max + 1, ram_end)
    start = (limit - len(initrd)) & ~(PAGE - 1)
    if start < kernel.run_end:
        needed = (kernel.run_end + len(initrd) + 2 * PAGE) / (1 << 20)
        raise UsageError(f"kernel and initrd do not fit into memory: they need about {needed:.0f} MiB (-m)")
    return start


def build(image: bytes, initrd: bytes | None, append: str, e820: list[E820], ram_end: int, rsdp: int,
          screen: bool = True) -> Boot:  # fmt: skip
    """`ram_end` is where RAM that the kernel may be loaded to ends; `rsdp` the address of ACPI's root pointer;
    `screen`: whether there is a graphics card.
    """
    kernel = parse(image)
    command_line = append.encode("utf-8", "surrogateescape")
    if len(command_line) > min(kernel.cmdline_max, 0xFFFF):
        raise UsageError(f"the kernel takes a command line of {kernel.cmdline_max} bytes; this has {len(command_line)}")
    if b"\0" in command_line:
        raise UsageError("the kernel command line has a NUL character in it")
    if kernel.run_end > ram_end:
        raise UsageError(f"the kernel does not fit into memory: it needs {kernel.run_end / (1 << 20):.0f} MiB (-m)")
    boot = Boot()
    params = bytearray(PAGE)
    params[HEADER_AT : HEADER_AT + len(kernel.setup_header)] = kernel.setup_header
    if screen:
        _screen_info(params)
    params[TYPE_OF_LOADER] = LOADER_UNDEFINED
    struct.pack_into("<I", params, CODE32_START, KERNEL)
    struct.pack_into("<I", params, CMD_LINE_PTR, COMMAND_LINE)
    struct.pack_into("<Q", params, ACPI_RSDP_ADDR, rsdp)
    struct.pack_into("<I", params, ALT_MEM_K, max(ram_end - 0x100000, 0) >> 10)
    if initrd:
        start = place_initrd(kernel, initrd, ram_end)
        struct.pack_into("<II", params, RAMDISK_IMAGE, start, len(initrd))
        boot.writes.append((start, initrd))
    assert len(e820) <= E820_MAX
    params[E820_ENTRIES] = len(e820)
    for i, piece in enumerate(e820):
        struct.pack_into("<QQI", params, E820_AT + 20 * i, piece.base, piece.length, piece.kind)
    boot.writes += [
        (BOOT_PARAMS, bytes(params)), (GDT, gdt()), (COMMAND_LINE, command_line + b"\0"), (KERNEL, kernel.protected),
    ]  # fmt: skip
    boot.registers = registers()
    return boot


def _screen_info(params: bytearray) -> None:
    """The 80x25 colour text screen that a graphics card starts with, cursor at the top left."""
    params[0x06], params[0x07], params[0x0E], params[0x0F] = 3, 80, 25, 1  # mode, columns, lines, is a VGA
    struct.pack_into("<H", params, 0x0A, 0x0003)  # 256 KiB of video memory
    struct.pack_into("<H", params, 0x10, 16)  # scan lines of a character


def gdt() -> bytes:
    """Flat 4 GiB code and data segments at the selectors that the protocol fixes."""
    return struct.pack("<4Q", 0, 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)


def registers() -> dict[str, int]:
    """Protected mode, paging and interrupts off; ESI points to boot_params."""
    values = {name: 0 for name in ("eax", "ebx", "ecx", "edx", "ebp", "edi")}
    values |= {"eip": KERNEL, "esi": BOOT_PARAMS, "esp": BOOT_PARAMS, "eflags": 0x2, "cr0": 0x11}
    values |= {"cs": BOOT_CS} | {name: BOOT_DS for name in ("ds", "es", "fs", "gs", "ss")}
    return values | {"gdt_base": GDT, "gdt_limit": 4 * 8 - 1, "idt_base": 0, "idt_limit": 0}
