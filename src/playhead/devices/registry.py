"""Every device there is, by its QEMU name: what a machine's description may name. A new device stands here in one line.

A class is imported when a machine or a command line names it, so that a machine does not load what it does not have.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from playhead.base.errors import UsageError
from playhead.hw.declared import CATEGORIES, Declared, near

CLASSES = {
    "isa-i8259": "intc.i8259_pic.PicPair",
    "apic": "intc.lapic.Lapic",
    "ioapic": "intc.ioapic.IoApic",
    "nmi-latch": "intc.nmi_latch.NmiLatch",
    "mc146818rtc": "timer.mc146818_rtc.Mc146818",
    "isa-pit": "timer.i8254_pit.I8254",
    "hpet": "timer.hpet.Hpet",
    "isa-pcspk": "system.pc_ports.Port61",
    "i8042": "input.i8042.EitherI8042",
    "port92": "system.pc_ports.Port92",
    "fpu-error": "system.pc_ports.CoprocessorError",
    "i440FX": "pci.i440fx_pci.I440Fx",
    "PIIX3": "pci.piix3_isa.Piix3Isa",
    "PIIX4_PM": "pci.piix4_pm.Piix4Pm",
    "piix3-ide": "storage.piix3_ide.Piix3Ide",
    "ide-hd": "storage.ata_disk.AtaDisk",
    "ide-cd": "storage.atapi_cdrom.AtapiCdrom",
    "i8257": "system.i8257_dma.Dma",
    "isa-fdc": "storage.isa_fdc.IsaFdc",
    "floppy": "storage.isa_fdc.Floppy",
    "isa-serial": "char.ns16550_uart.Ns16550",
    "fw_cfg_io": "system.fw_cfg.FwCfg",
    "isa-debugcon": "char.isa_debug.IsaDebugCon",
    "isa-debug-exit": "char.isa_debug.IsaDebugExit",
    "pc-testdev": "system.pc_testdev.PcTestdev",
    "vga-text": "display.vga_text.VgaText",
    "VGA": "display.vga.Vga",
    "rtl8139": "net.rtl8139.Rtl8139",
    "e1000": "net.e1000.E1000",
    "AC97": "sound.ac97.Ac97",
}


def class_of(name: str) -> Any:
    """The class of a device: a `Device`, or what the device behind its bus makes (an IDE unit). Raises UsageError."""
    if name not in CLASSES:
        alias = next((known.name for known in every() if name in known.aliases), None)
        if alias is None:
            raise UsageError(f"unknown device '{name}'{near(name, creatable_names())}")
        name = alias
    module, _, cls = CLASSES[name].rpartition(".")
    return getattr(import_module(f"playhead.devices.{module}"), cls)


def declared(name: str) -> Declared:
    """What it says of itself, by its name or an alias. Raises UsageError."""
    found: Declared = class_of(name).QEMU
    return found


def every() -> Iterator[Declared]:
    for name in CLASSES:
        yield declared(name)


def creatable_names() -> list[str]:
    """The devices that -device may ask for."""
    return [known.name for known in every() if known.creatable]


def network_cards() -> list[str]:
    """The devices that -nic and -net may ask for as a model: what stands in the folder of network cards."""
    return [name for name, place in CLASSES.items() if place.startswith("net.")]


def creatable(name: str) -> Declared:
    """What a device that -device asks for says of itself. Raises UsageError."""
    known = declared(name)
    if not known.creatable:
        raise UsageError(f"device '{name}' is the machine's own; there is {', '.join(creatable_names())}")
    return known


def list_text() -> str:
    """As QEMU prints it for `-device help`."""
    blocks = []
    for category in CATEGORIES:
        lines = sorted(known.list_line() for known in every() if known.creatable and known.category == category)
        if lines:
            blocks.append("\n".join([f"{category} devices:", *lines]))
    return "\n\n".join(blocks)
