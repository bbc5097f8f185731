"""The PC's memory: what lies where in the backing area, what the guest's pages show at first, and what the ROMs hold.

The backing area holds, in order: RAM (so that an offset below its size is a physical address), video RAM, the ROM
behind C0000h-FFFFFh, the firmware image, and the expansion ROMs. Video RAM is a graphics card's memory, or else the
128 KiB that a text-only screen shows. RAM at A0000h-FFFFFh exists too: the host bridge's PAM registers show it.

Without firmware, the ROM holds only what a kernel looks for there: the ACPI root pointer, and at the reset vector a
few instructions that ask the keyboard controller for a reset, because some kernels restart by jumping there.

Sources: QEMU's `pc` (the layout); IBM PC/AT Technical Reference, "CMOS RAM" (configuration bytes 10h-31h); the
bytes from 34h on are those that SeaBIOS documents.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.boards import acpi_tables, disks
from playhead.boards.acpi_tables import LOADER_FILE, RSDP_FILE, TABLES_FILE, WAKING_VECTOR, SleepTypes, TableSet
from playhead.boards.config import PcConfig
from playhead.boards.e820 import E820_RAM
from playhead.devices.pci.piix4_pm import SLP_S3
from playhead.hw.memory import PAGE, Memory

if TYPE_CHECKING:
    from playhead.boards import linux_boot

VIDEO, VIDEO_SIZE = 0xA0000, 0x20000
WINDOW, WINDOW_SIZE = 0xC0000, 0x40000
ISA_ROM_SIZE = 0x20000  # as much of the firmware as is visible below 1 MiB
HIGH_RAM = 0x100000
PCI_HOLE = 0xE0000000
TABLES_SIZE = 64 << 10
RSDP_AT = 0xF0000
RESET_VECTOR = 0xFFFF0
RESET_CODE = bytes((0xB0, 0xFE, 0xE6, 0x64, 0xF4, 0xEB, 0xFD))  # mov al, 0FEh; out 64h, al; hlt; jmp back to hlt
FOUR_GIB = 1 << 32


class Region(NamedTuple):
    """A piece of the backing area. ROMs are part of the machine's description; the others are its state."""

    name: str
    offset: int
    length: int
    rom: bool = False


def area_size(config: PcConfig) -> int:
    """Bytes of backing area that the board needs."""
    bios = _pages(len(config.bios or b""))
    roms = sum(_pages(socket.length) for socket in config.sockets)
    return config.ram_bytes + (_vram_size(config) or _video_size(config)) + WINDOW_SIZE + bios + roms


def _video_size(config: PcConfig) -> int:
    """Of the memory that a text-only screen shows; 0 if there is none."""
    return VIDEO_SIZE if config.all_of("vga-text") else 0


def _vram_size(config: PcConfig) -> int:
    """Of a graphics card's memory; 0 without one."""
    cards = config.all_of("VGA")
    if not cards:
        return 0
    from playhead.devices.display.vga import Vga

    return Vga.memory_bytes(config.values(cards[0]))


def _pages(length: int) -> int:
    return -(-length // PAGE) * PAGE


class Layout(NamedTuple):
    """Offsets in the backing area."""

    ram: int
    video: tuple[int, int]  # offset and size of a graphics card's memory
    window: int
    regions: tuple[Region, ...]
    roms: Mapping[str, tuple[int, int]]  # offset and length of the expansion ROMs, by device


def lay_out(config: PcConfig, memory: Memory, tables: TableSet) -> Layout:
    """Reserve the regions, fill the ROMs, and map all but C0000h-FFFFFh, which is the host bridge's."""
    ram = memory.allocate(config.ram_bytes)
    vram_size, video_size = _vram_size(config), _video_size(config)
    video = memory.allocate(vram_size or video_size)
    window = memory.allocate(WINDOW_SIZE)
    regions = [Region("ram", ram, config.ram_bytes)]
    memory.map(0, VIDEO, ram)
    if vram_size:
        regions.append(Region("vram", video, vram_size))
        memory.share(video, vram_size)  # shown by the card itself
    elif video_size:
        regions.append(Region("video", video, video_size))
        memory.map(VIDEO, VIDEO_SIZE, video)
    regions.append(Region("rom", window, WINDOW_SIZE, rom=True))
    if config.ram_bytes > HIGH_RAM:
        memory.map(HIGH_RAM, config.ram_bytes - HIGH_RAM, ram + HIGH_RAM)
    memory.fixed = range(VIDEO // PAGE), range(HIGH_RAM // PAGE, config.ram_bytes // PAGE)
    image = config.bios if config.bios is not None else bare_rom(config, tables)
    visible = image[-ISA_ROM_SIZE:]
    memory.area[window : window + WINDOW_SIZE] = visible.rjust(WINDOW_SIZE, b"\xff")
    if config.bios is not None:
        bios = memory.allocate(len(image))
        memory.area[bios : bios + len(image)] = image
        regions.append(Region("bios", bios, len(image), rom=True))
        memory.map(FOUR_GIB - len(image), len(image), bios, writable=False)
    else:
        memory.map(FOUR_GIB - len(image), len(image), window + WINDOW_SIZE - len(image), writable=False)
    roms = {}
    for device, _, length, content in config.sockets:
        if length:
            offset = memory.allocate(_pages(length))
            memory.area[offset : offset + len(content)] = content
            regions.append(Region(f"{device}.rom", offset, length, rom=True))
            roms[device] = offset, length
    return Layout(ram, (video, vram_size), window, tuple(regions), roms)


def tables_at(config: PcConfig) -> int:
    """Where the ACPI tables are without firmware: at the end of RAM."""
    return config.ram_bytes - TABLES_SIZE


def linked_tables(config: PcConfig, tables: TableSet) -> dict[str, bytes]:
    linked = tables.link({TABLES_FILE: tables_at(config), RSDP_FILE: RSDP_AT})
    assert len(linked[TABLES_FILE]) <= TABLES_SIZE
    return linked


def bare_rom(config: PcConfig, tables: TableSet) -> bytes:
    """The 128 KiB below 1 MiB of a machine without firmware."""
    rom = bytearray(b"\xff" * ISA_ROM_SIZE)
    start = HIGH_RAM - ISA_ROM_SIZE
    for address, data in ((RSDP_AT, linked_tables(config, tables)[RSDP_FILE]), (RESET_VECTOR, RESET_CODE)):
        rom[address - start : address - start + len(data)] = data
    return bytes(rom)


def start(config: PcConfig, tables: TableSet) -> linux_boot.Boot:
    """What to write and where to start, for a machine without firmware."""
    assert config.kernel is not None
    boot = _boot(config, config.kernel)
    boot.writes.append((tables_at(config), linked_tables(config, tables)[TABLES_FILE]))
    return boot


def _boot(config: PcConfig, kernel: bytes) -> linux_boot.Boot:
    from playhead.boards import linux_boot, multiboot  # here: most machines have firmware

    if not linux_boot.recognised(kernel) and multiboot.recognised(kernel):
        return multiboot.build(kernel, config.kernel_name, config.append, config.modules, config.ram_bytes)
    if config.modules:
        raise UsageError("a Linux kernel takes one initrd, no modules")
    e820 = linux_boot.memory_map(config.ram_bytes, tables_at(config))
    screen = bool(config.all_of("vga-text", "VGA"))
    return linux_boot.build(kernel, config.initrd, config.append, e820, tables_at(config), RSDP_AT, screen)


def firmware_files(config: PcConfig, tables: TableSet) -> dict[str, bytes]:
    """The files that firmware finds in fw_cfg."""
    fdc = [config.values(entry) for entry in config.all_of("isa-fdc")]
    floppies = [values[name] for values in fdc for name in ("bootindexA", "bootindexB")]
    return {
        "bootorder": disks.boot_order(config.drives, floppies, config.cards(), config.boot_strict),
        **_boot_times(config),
        "etc/e820": struct.pack("<QQI", 0, config.ram_bytes, E820_RAM),
        "etc/system-states": sleep_types(config).file(_power(config)["s4_val"]),
        LOADER_FILE: tables.loader(),
        **{socket.file: socket.data for socket in config.sockets if not socket.length},
        **tables.files,
    }


def _boot_times(config: PcConfig) -> dict[str, bytes]:
    """In milliseconds: how long the boot menu waits for a key, and how long firmware waits before it starts again if it
    has found nothing to start from (-1: for ever).
    """
    menu, fail = config.menu_wait, config.fail_wait
    files = {"etc/boot-menu-wait": struct.pack("<H", menu)} if menu is not None else {}
    return files | ({"etc/boot-fail-wait": struct.pack("<i", fail)} if fail is not None else {})


def acpi(config: PcConfig) -> TableSet:
    return acpi_tables.build(PCI_HOLE, config.com_ports(), bool(config.all_of("hpet")), sleep_types(config))


def sleep_types(config: PcConfig) -> SleepTypes:
    power = _power(config)
    return SleepTypes(None if power["disable_s3"] else SLP_S3, None if power["disable_s4"] else power["s4_val"])


def _power(config: PcConfig) -> Mapping[str, Any]:
    return config.values(config.all_of("PIIX4_PM")[0])


def waking_vector(config: PcConfig, memory: Memory) -> int | None:
    """Where a system that was suspended wants to be continued, in real mode, on a machine without firmware; None if it
    has not said so, or not so that real mode gets there.
    """
    vector = int.from_bytes(memory.read(tables_at(config) + WAKING_VECTOR, 4), "little")
    return vector if 0 < vector < HIGH_RAM else None
