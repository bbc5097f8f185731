"""Intel 82441FX (PMC of the 440FX): the host bridge, device 0 of PCI bus 0.

It answers configuration mechanism 1 at CF8h/CFCh and decides, through the PAM registers, whether each piece of
C0000h-FFFFFh shows RAM or the ROM behind it, separately for reads and writes: so firmware copies itself to RAM and
then protects the copy. Three of the four settings are page map entries; "read ROM, write RAM" has no such entry, so
those pages are answered by handlers.

Everything that changes what a page shows marks it dirty, because its contents may have changed for a digest.

Source: Intel 82441FX/82442FX (440FX PCIset) data sheet, sections 3.1 (CONFADD, CONFDATA) and 3.2 (registers
50h-93h).
"""

from typing import Any, Self
from collections.abc import Mapping
from playhead.hw.surroundings import Surroundings
from playhead.hw.declared import Declared, Span
from playhead.base.record import U32
from playhead.devices.pci.bus import PciBus, PciFunction, PciSlots, PciState, Reg, addr, identity
from playhead.hw.device import Differs
from playhead.hw.memory import PAGE, Memory
from playhead.hw.native import Registers, native
from playhead.hw.space import Range, Space, never

WINDOW = 0xC0000  # what PAM controls
WINDOW_SIZE = 0x40000
READ_RAM, WRITE_RAM = 1, 2  # RE and WE of a PAM nibble
SMRAM, SMRAM_LOCK = 0x72, 0x10
ENABLE = 1 << 31  # CONE of CONFADD
NOTHING = 0xFFFFFFFF

# (start, length, PAM register, shift of the nibble); data sheet, table 6
SEGMENTS = (
    *((0xC0000 + 0x4000 * i, 0x4000, 0x5A + i // 2, 4 * (i % 2)) for i in range(12)),
    (0xF0000, 0x10000, 0x59, 4),
)


class HostBridgeState(PciState):
    confadd = U32()


@native
def read_confadd(s: HostBridgeState) -> int:
    return s.confadd


@native
def write_confadd(s: HostBridgeState, value: int) -> int:
    s.confadd = value
    return 0


@native
def read_confdata(s: HostBridgeState, slots: PciSlots, offset: int, size: int) -> int:
    """All ones where no function is, and behind the end of a configuration space."""
    if not s.confadd & ENABLE or s.confadd >> 16 & 0xFF:
        return NOTHING
    function = slots.functions[s.confadd >> 8 & 0xFF]
    if not function:
        return NOTHING
    value, start = 0, s.confadd & 0xFF | offset
    for i in range(size):
        value |= (function.config[start + i] if start + i < 256 else 0xFF) << 8 * i
    return value


class I440Fx(PciFunction[HostBridgeState]):
    """`ram_offset` and `rom_offset`: where RAM and ROM of the 256 KiB from C0000h lie in the memory's backing area."""

    State = HostBridgeState
    part = "i440fx_pci"
    QEMU = Declared("i440FX", "PCI", "host bridge", (addr("00.0"),), provides=("pci.0",),
                    ports=(Span(0xCF8, 4), Span(0xCFC, 4)), category="Controller/Bridge/Hub")  # fmt: skip
    DIFFERS = (
        Differs("CONFADD bits 1:0", "always 0", "select the byte, with the data port's; all 32 bits read back", True),
        Differs("registers behind the header that are not implemented", "0", "memory", False),
        Differs("PCICMD, PCISTS, DRAM registers after a reset", "0006h, 0280h, and as documented", "0", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x1237, 0x02, 0x060000),
        Reg(0x04, 2, 0x0006, 0x0100, name="PCICMD"),
        Reg(0x06, 2, 0x0280, w1c=0x7000, name="PCISTS"),
        Reg(0x0D, 1, 0x00, 0xF8, name="MLT"),
        Reg(0x50, 2, 0x0000, 0xFFFF, name="PMCCFG"),
        Reg(0x52, 1, 0x00, 0xFF, name="DETURBO"),
        Reg(0x53, 1, 0x80, 0xF8, name="DBC"),
        Reg(0x54, 1, 0x00, 0xFE, name="AXC"),
        Reg(0x55, 2, 0x0000, 0xFFFF, name="DRT"),
        Reg(0x57, 1, 0x01, 0xFF, name="DRAMC"),
        Reg(0x58, 1, 0x10, 0xFF, name="DRAMT"),
        Reg(0x59, 1, 0x00, 0xF0, name="PAM0"),
        Reg(0x5A, 6, 0x00, 0xFFFFFFFFFFFF, name="PAM1-PAM6"),
        Reg(0x60, 8, 0x0101010101010101, 0xFFFFFFFFFFFFFFFF, name="DRB"),
        Reg(0x68, 1, 0x00, 0xFF, name="FDHC"),
        Reg(0x70, 1, 0x00, 0xFF, name="MTT"),
        Reg(0x71, 1, 0x10, 0xF0, name="CLT"),
        Reg(SMRAM, 1, 0x02, 0x78, name="SMRAM"),
        Reg(0x90, 1, 0x00, 0xFF, name="ERRCMD"),
        Reg(0x91, 1, w1c=0x11, name="ERRSTS"),
        Reg(0x93, 1, 0x00, 0x1F, name="TRC"),
    )

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        ram, rom = at.bridge_memory
        return cls(name, at.io, at.memory, at.bus, ram, rom)

    def __init__(self, name: str, io: Space, memory: Memory, bus: PciBus, ram_offset: int, rom_offset: int):
        super().__init__(name)
        self._memory, self._bus = memory, bus
        self._ram, self._rom = ram_offset - WINDOW, rom_offset - WINDOW
        self._mode: list[int | None] = [None] * len(SEGMENTS)
        self._handlers: list[Range | None] = [None] * len(SEGMENTS)
        io.map(0xCF8, 4, never, never, min_size=4, max_size=4, name=f"{name}.confadd",
               registers=Registers(self.state, read=read_confadd, write=write_confadd))  # fmt: skip
        io.map(0xCFC, 4, never, self._write_confdata, max_size=4, name=f"{name}.confdata",
               registers=Registers(self.state, bus.slots, read=read_confdata))  # fmt: skip
        self.loaded()

    def resume(self) -> None:
        """The bridge has kept the memory alive, so it has kept its registers: firmware finds its copy in RAM still
        shown at F0000h, which tells it that it has been there before.
        """

    def loaded(self) -> None:
        self._map_segments()

    # -- configuration mechanism 1

    def _write_confdata(self, address: int, size: int, value: int) -> None:
        confadd = self.state.confadd
        if confadd & ENABLE:
            function = self._bus.find(confadd >> 16 & 0xFF, confadd >> 8 & 0xFF)
            if function is not None:
                function.config_write(confadd & 0xFF | address & 3, size, value)

    # -- own registers

    def config_write(self, offset: int, size: int, value: int) -> None:
        if offset <= SMRAM < offset + size and self.state.config[SMRAM] & SMRAM_LOCK:
            shift = 8 * (SMRAM - offset)  # locked until reset: write back what is there
            value = value & ~(0xFF << shift) | self.state.config[SMRAM] << shift
        super().config_write(offset, size, value)

    def config_changed(self, offset: int, size: int) -> None:
        if offset < 0x60 and offset + size > 0x59:
            self._map_segments()

    def _map_segments(self) -> None:
        for i, (start, length, register, shift) in enumerate(SEGMENTS):
            mode = self.state.config[register] >> shift & (READ_RAM | WRITE_RAM)
            if mode != self._mode[i]:
                self._mode[i] = mode
                self._map_segment(i, start, length, mode)

    def _map_segment(self, i: int, start: int, length: int, mode: int) -> None:
        handlers = self._handlers[i]
        if handlers is not None:
            self._memory.mmio.unmap(handlers)
            self._handlers[i] = None
        if mode & READ_RAM:
            self._memory.map(start, length, self._ram + start, writable=bool(mode & WRITE_RAM))
        elif mode & WRITE_RAM:
            self._memory.unmap(start, length)
            self._handlers[i] = self._memory.mmio.map(
                start, length, self._read_rom, self._write_ram, max_size=4, name=f"{self.name}.pam", moves=True
            )
        else:
            self._memory.map(start, length, self._rom + start, writable=False)
        for page in range(start // PAGE, (start + length) // PAGE):
            self._memory.mark_written(page)

    def _read_rom(self, address: int, size: int) -> int:
        at = self._rom + address
        return int.from_bytes(self._memory.area[at : at + size], "little")

    def _write_ram(self, address: int, size: int, value: int) -> None:
        at = self._ram + address
        self._memory.area[at : at + size] = value.to_bytes(size, "little")
        for page in (address // PAGE, (address + size - 1) // PAGE):
            self._memory.mark_written(page)
