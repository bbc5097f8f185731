"""Expansion ROMs: the socket of a PCI card for a ROM whose code firmware copies into memory and runs, such as iPXE.

The ROM answers where the register at 30h says while its bit 0 and memory decoding are on; writes are ignored. Which
ROM a card has is part of the machine's description, like firmware. With `rombar=0` the card has no such register, and
firmware finds the ROM in fw_cfg instead, as with QEMU.

Source: PCI Local Bus Specification 2.1, sections 6.2.5.2 (the register) and 6.3 (what is in a ROM).
"""

from typing import ClassVar, TypeVar

from playhead.devices.pci.bus import COMMAND, COMMAND_MEMORY, PciFunction, PciState
from playhead.hw.declared import Property
from playhead.hw.memory import Memory, Window

ROM_BAR, ROM_ENABLE, ROM_INDEX = 0x30, 1, 6  # QEMU's monitor calls the register BAR 6
SMALLEST, LARGEST = 2 << 10, 16 << 20
AS_THE_FILE = 0xFFFFFFFF

ROM_PROPERTIES = (
    Property("romfile", "file", None, "File with the expansion ROM; empty: none"),
    Property("rombar", "uint32", 1, "0: firmware finds the ROM in fw_cfg, not in a base address register"),
    Property("romsize", "uint32", AS_THE_FILE, "Size of the ROM, a power of two"),
)

P = TypeVar("P", bound=PciState)


def rom_size(length: int, asked: int = AS_THE_FILE) -> int:
    """How many bytes of addresses a ROM with this content takes."""
    return asked if asked != AS_THE_FILE else max(SMALLEST, 1 << (length - 1).bit_length())


class PciCard(PciFunction[P]):
    """A function with a socket for an expansion ROM. A subclass names the file that QEMU puts into it, and has
    `ROM_PROPERTIES` among its own.
    """

    ROM_FILE: ClassVar[str] = ""
    ROM_PACKAGE, ROM_LACKS = "ipxe-qemu", "firmware cannot start from the network"  # who has it, what it is for
    rom = b""  # what is in the ROM, also in one that firmware finds in fw_cfg
    rom_length = 0  # 0: the socket is empty, and the register is not there
    _rom_memory: Memory | None = None
    _rom_window: Window | None = None
    _rom_offset = 0

    def plug_rom(self, memory: Memory, offset: int, length: int) -> None:
        """Put the ROM of `length` bytes (a power of two) that is at `offset` of the memory's backing area in."""
        assert length >= SMALLEST and not length & (length - 1)
        self._rom_memory, self._rom_offset, self.rom_length = memory, offset, length
        self._write_mask[ROM_BAR : ROM_BAR + 4] = (-length & 0xFFFFFFFF | ROM_ENABLE).to_bytes(4, "little")
        self._map_rom()

    def rom_bar(self) -> int | None:
        """Where the ROM is; None while it is not decoded."""
        register = self.word(ROM_BAR, 4)
        if not (self.rom_length and register & ROM_ENABLE and self.word(COMMAND) & COMMAND_MEMORY):
            return None
        address = register & -self.rom_length & 0xFFFFFFFF
        return address if 0 < address < (1 << 32) - self.rom_length else None

    def config_write(self, offset: int, size: int, value: int) -> None:
        super().config_write(offset, size, value)
        self._map_rom()

    def reset(self) -> None:
        super().reset()
        self._map_rom()

    def load(self, data: bytes) -> None:
        super().load(data)
        self._map_rom()

    def _map_rom(self) -> None:
        base, shown = self.rom_bar(), self._rom_window
        if shown is not None and (base is None or base != shown.base):
            assert self._rom_memory is not None
            self._rom_memory.remove(shown)
            self._rom_window = None
        if base is not None and self._rom_window is None:
            assert self._rom_memory is not None
            self._rom_window = self._rom_memory.show(base, self.rom_length, self._rom_offset, f"{self.name}.rom")
