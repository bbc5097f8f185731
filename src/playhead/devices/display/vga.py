"""The standard VGA, QEMU's `VGA`: a PCI function with the registers and planes of IBM's VGA, the Bochs interface for
modes of any size, a linear frame buffer and a monitor's EDID.

This is the card: where its registers and its memory are, and what else happens outside of its registers. The registers
are in vga_ports.py and vga_dispi.py, the window at A0000h in vga_memory.py, the picture is drawn elsewhere.

The frame buffer shows the video memory itself, and so does the window at A0000h while addresses in it are linear. In
all other modes the window's registers answer, at the speed of native code. Ports and window are always decoded, as in
QEMU; only the two ranges that firmware places have bits in the command register.

Sources: as of those files; QEMU 7.2 for the base address registers and the memory-mapped registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from playhead.base.errors import UsageError
from playhead.base.picture import Picture, Text
from playhead.devices.display import edid, rom_font, vga_mode3, vga_scan
from playhead.devices.display.vga_dispi import (
    fit_mode, line_bytes, read_dispi_ports, set_vbe, vbe_on, write_dispi_ports,
)  # fmt: skip
from playhead.devices.display.vga_memory import (
    MAP_END, MAP_START, WINDOW, WINDOW_SIZE, memory_address, read_window, window_is_linear, write_window,
)  # fmt: skip
from playhead.devices.display.vga_mmio import (
    DISPI_AT, FIRST_PORT, MMIO_SIZE, PORTS_COUNT, REGISTERS_FROM, read_mmio, write_mmio,
)  # fmt: skip
from playhead.devices.display.vga_ports import (
    COLOUR, MONO, VGA, read_colour, read_mono, read_vga, write_bytes, write_colour, write_mono, write_vga,
)  # fmt: skip
from playhead.devices.display.vga_state import (
    BANK, ENABLE, ENABLED, GFX_MISC, ID, KEEP_MEMORY, NEWEST_ID, VIDEO_MEMORY_64K, VIRT_WIDTH, X_OFFSET, Y_OFFSET, YRES,
    VgaState,
)  # fmt: skip
from playhead.devices.pci.bus import COMMAND, Bar, Reg, addr, identity
from playhead.devices.pci.expansion_rom import ROM_PROPERTIES, PciCard
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Differs
from playhead.hw.memory import Memory, Window
from playhead.hw.native import Registers
from playhead.hw.space import Range, Space, never
from playhead.hw.surroundings import Surroundings
from playhead.hw.vram import Vram

if TYPE_CHECKING:
    from playhead.devices.display.vga_picture import Painter

LARGEST_MB, DEFAULT_MB = 256, 16
FRAME, MMIO = 0, 2  # base address registers
NO_EFFECT = "accepted, no effect here"
REFUSED = {  # QEMU's properties that can have no other value here, and why
    "acpi-index": "this machine's ACPI tables name no slots",
    "failover_pair_id": "a failover pair needs PCI Express",
    "big-endian-framebuffer": "a guest sets this by the register at 604h of BAR 2; in QEMU each reset sets it back",
}


class Vga(PciCard[VgaState]):
    """`memory_at`: offset and size of its video memory in the backing area. `monitor`: an EDID; empty: none."""

    State = VgaState
    part = "vga"
    SCREEN = True
    ROM_FILE = "vgabios-stdvga.bin"
    ROM_PACKAGE, ROM_LACKS = "seabios", "firmware shows nothing, and text modes have no font"
    QEMU = Declared(
        "VGA", "PCI", "VGA of QEMU's and Bochs's kind, with a linear frame buffer",
        (
            addr(),
            Property("vgamem_mb", "uint32", DEFAULT_MB, "MiB of video memory, made a power of two", most=LARGEST_MB),
            Property("edid", "bool", True, "whether MMIO shows what a monitor says of itself"),
            Property("xres", "uint32", 0, "width of the monitor's preferred mode; 0: 1280", most=16000),
            Property("yres", "uint32", 0, "height of the monitor's preferred mode; 0: 800", most=12000),
            Property("xmax", "uint32", 0, "largest width that the monitor lists; 0: any"),
            Property("ymax", "uint32", 0, "largest height that the monitor lists; 0: any"),
            Property("refresh_rate", "uint32", 0, "of the preferred mode, in mHz; 0: 75000", most=1_000_000),
            Property("mmio", "bool", True, "whether there are memory-mapped registers (BAR 2)"),
            Property("qemu-extended-regs", "bool", True, "whether QEMU's own registers are among them"),
            Property("multifunction", "bool", False, "whether the slot says that it has more functions"),
            Property("global-vmstate", "bool", False, NO_EFFECT),
            Property("x-pcie-extcap-init", "bool", True, NO_EFFECT),
            Property("x-pcie-lnksta-dllla", "bool", True, NO_EFFECT),
            Property("acpi-index", "uint32", 0, "0 only"),
            Property("failover_pair_id", "str", None, "cannot be set"),
            Property("big-endian-framebuffer", "bool", False, "off only"),
            *ROM_PROPERTIES,
        ),
        ports=(Span(0x1CE, 4), Span(0x3B0, 12), Span(0x3C0, 16), Span(0x3D0, 16)),
        memory=(Span(WINDOW, WINDOW_SIZE),), creatable=True, category="Display",
    )  # fmt: skip
    DIFFERS = (
        Differs("registers after a reset", "not defined; firmware sets a mode", "0", True),
        Differs("the palette's registers while the screen is on", "out of reach (attribute index bit 5)", "writable",
                True),
        Differs("colours of the DAC", "6 bits", "8 bits, of which 6 are shown unless ENABLE says 8", True),
        Differs("input status 0", "the monitor's sense line, interrupts", "0", True),
        Differs("odd/even addressing", "bit 0 chooses the plane, the cell is the even address", "cells are used one "
                "after the other", True),
        Differs("extended memory bit, odd/even bit of the sequencer, page bit", "change addresses", "no effect", True),
        Differs("memory behind the last cell that a window reaches", "wraps at 256 KiB", "all ones, or the rest of the "
                "memory in banks", True),
        Differs("memory and ports with PCI decoding off", "off", "on", True),
        Differs("memory map of a Bochs mode", "as programmed", "64 KiB at A0000h, with the registers that the mode "
                "takes over", True),
        Differs("byte accesses of the Bochs ports", "not defined", "ignored, read all ones", True),
        Differs("a byte of a register in BAR 2's Bochs range", "not defined", "the low byte, whichever it is", True),
        Differs("retrace and display enable in input status 1", "where the beam is", "other values at each read; here "
                "from virtual time and the programmed timing, in Bochs modes 60 Hz", False),
        Differs("reading the pixel mask (3C6h)", "what was written", "0", False),
        *vga_scan.DRAWN_DIFFERENTLY,
        Differs("CRTC registers from 20h on", "not there", "memory", False),
        Differs("Bochs modes with 4 bits", "planes, by the sequencer's registers", "no plane can be written", False),
        Differs("accesses of 4 bytes to the VGA's ports", "two of 2 bytes", "nobody's", False),
    )  # fmt: skip

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        for name, why in REFUSED.items():
            if p.get(name) not in (None, cls.QEMU.property(name).default):
                raise UsageError(f"property 'VGA.{name}' cannot be set: {why}")
        return super().settle(p, others)

    @staticmethod
    def memory_bytes(p: Mapping[str, Any]) -> int:
        """How much video memory it has."""
        return 1 << (max(p["vgamem_mb"], 1) - 1).bit_length() << 20

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        monitor = b""
        if p["edid"]:
            monitor = edid.block(p["xres"], p["yres"], p["xmax"], p["ymax"], p["refresh_rate"])
        return cls(name, at.io, at.memory, at.clock, at.video_memory, monitor, mmio=p["mmio"],
                   extended=p["qemu-extended-regs"], multifunction=p["multifunction"])  # fmt: skip

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock, memory_at: tuple[int, int],
                 monitor: bytes, *, mmio: bool = True, extended: bool = True, multifunction: bool = False):  # fmt: skip
        self.CONFIG = (
            *identity(0x1234, 0x1111, 2 if mmio and extended else 0, 0x030000, header=0x80 if multifunction else 0),
            Reg(COMMAND, 2, 0x0000, 0x0507, name="PCICMD"),
            Reg(0x0C, 1, 0x00, 0xFF, name="CLS"),
            Reg(0x3C, 1, 0x00, 0xFF, name="INTLN"),
        )
        frame = Bar(FRAME, memory_at[1], prefetch=True)
        self.BARS = (frame, Bar(MMIO, MMIO_SIZE)) if mmio else (frame,)
        super().__init__(name)
        self._memory, self._monitor, self.vram = memory, monitor, Vram(memory, *memory_at)
        self._frame: Window | None = None
        self._mmio_ranges: list[Range] = []
        self._mmio = Registers(self.state, read=read_mmio, write=write_mmio, clock=clock)
        self._map_ports(io, clock)
        legacy = Registers(self.state, self.vram, read=read_window, write=write_window, like_memory=True)
        self._window = memory.window(
            memory.mmio.map(WINDOW, WINDOW_SIZE, never, never, max_size=4, name=f"{name}.window", registers=legacy,
                            look=self._look)
        )
        self._power_on()

    def _map_ports(self, io: Space, clock: VirtualClock) -> None:
        mono = Registers(self.state, read=read_mono, write=write_mono, clock=clock)
        both = Registers(self.state, read=read_vga, write=write_vga, clock=clock)
        colour = Registers(self.state, read=read_colour, write=write_colour, clock=clock)
        dispi = Registers(self.state, read=read_dispi_ports, write=write_dispi_ports)
        io.map(MONO, 0x0C, never, never, max_size=2, name=f"{self.name}.mono", registers=mono)
        io.map(VGA, 0x10, never, self._write_port, max_size=2, name=self.name, registers=both)
        io.map(COLOUR, 0x10, never, never, max_size=2, name=f"{self.name}.colour", registers=colour)
        io.map(0x1CE, 4, never, self._write_dispi_port, max_size=4, name=f"{self.name}.dispi", registers=dispi)

    # -- state

    def _power_on(self) -> None:
        self.state.vbe[ID], self.state.vbe[VIDEO_MEMORY_64K] = NEWEST_ID, self.vram.size >> 16

    def reset(self) -> None:
        super().reset()
        self._power_on()

    def set_up(self) -> None:
        """Mode 3, with the font that is in the ROM."""
        vga_mode3.program(self.state)
        self.vram.write(0, vga_mode3.memory(rom_font.fonts_of(self.rom).get(vga_mode3.HEIGHT)))
        self._place_window()

    def loaded(self) -> None:
        self._map()
        self._place_window()

    def config_changed(self, offset: int, size: int) -> None:
        self._map()

    # -- where things are

    def _map(self) -> None:
        """Frame buffer and memory-mapped registers, where the guest has put them."""
        at, shown = self.bar(FRAME), self._frame
        if (shown.base if shown else None) != at:
            if shown is not None:
                self._memory.remove(shown)
            name = f"{self.name}.frame"
            self._frame = None if at is None else self._memory.show(
                at, self.vram.size, self.vram.offset, name, writable=True
            )  # fmt: skip
        if len(self.BARS) > 1:
            self._map_registers(self.bar(MMIO))

    def _map_registers(self, at: int | None) -> None:
        space = self._memory.mmio
        if [r.base for r in self._mmio_ranges[-1:]] == ([] if at is None else [at + REGISTERS_FROM]):
            return
        for r in self._mmio_ranges:
            space.unmap(r)
        self._mmio_ranges = []
        if at is None:
            return
        if self._monitor:
            self._mmio_ranges.append(space.map(at, len(self._monitor), self._read_monitor, self._ignore, max_size=4,
                                               name=f"{self.name}.edid", moves=True))  # fmt: skip
        self._mmio_ranges.append(space.map(
            at + REGISTERS_FROM, MMIO_SIZE - REGISTERS_FROM, never, self._write_mmio, max_size=4,
            name=f"{self.name}.registers", registers=self._mmio, moves=True))  # fmt: skip

    def _place_window(self) -> None:
        """What of the window at A0000h shows the memory itself."""
        s = self.state
        if not window_is_linear(s):
            self._window.hide()
            return
        select = s.gfx[GFX_MISC] >> 2 & 3
        start = MAP_START[select]
        offset = memory_address(s, start) % self.vram.size
        self._window.show(WINDOW + start, MAP_END[select] - start, self.vram.offset + offset)

    def _look(self, address: int, length: int) -> bytes:
        """What the guest would read in the window; the latches stay as they are."""
        latch = self.state.latch
        try:
            seen = (read_window(self.state, self.vram, address - WINDOW + n, 1) for n in range(length))
            return bytes(seen)
        finally:
            self.state.latch = latch

    # -- what is on the screen

    def picture(self, now_ns: int) -> Picture:
        return self._painter.picture(now_ns)

    def text(self, now_ns: int) -> Text | None:
        return self._painter.text(now_ns)

    def size_of(self, state: bytes | None = None) -> tuple[int, int] | None:
        s = self.state if state is None else VgaState.decode(state)
        scan = vga_scan.scan_of(s)
        return None if scan is None or vga_scan.is_blank(s) else scan.size

    @cached_property
    def _painter(self) -> Painter:
        from playhead.devices.display.vga_picture import Painter

        return Painter(self.state, self.vram.view())

    # -- what native code leaves

    def _read_monitor(self, address: int, size: int) -> int:
        at = address - self._mmio_ranges[0].base
        return int.from_bytes(self._monitor[at : at + size], "little")

    def _ignore(self, address: int, size: int, value: int) -> None: ...

    def _write_port(self, address: int, size: int, value: int) -> None:
        write_bytes(self.state, address, size, value)
        self._place_window()

    def _write_dispi_port(self, address: int, size: int, value: int) -> None:
        self._write_vbe(self.state.vbe_index, value)

    def _write_mmio(self, address: int, size: int, value: int) -> None:
        offset = address - self._mmio_ranges[-1].base
        if offset < PORTS_COUNT:
            count = min(size, PORTS_COUNT - offset)
            write_bytes(self.state, FIRST_PORT + offset, count, value)
            self._place_window()
            return
        for n in range(0, size, 2) if size > 1 else (0,):
            self.state.vbe_index = (offset - DISPI_AT + n) // 2
            self._write_vbe(self.state.vbe_index, value >> 8 * n & 0xFFFF)

    def _write_vbe(self, index: int, value: int) -> None:
        s = self.state
        if index == ENABLE:
            self._enable(value)
        elif index == BANK:
            s.bank = s.vbe[BANK] = value & (self.vram.size >> 16) - 1
        else:
            set_vbe(s, index, value)
        self._place_window()

    def _enable(self, value: int) -> None:
        """The register ENABLE: switching a mode on rounds its sizes, and clears the memory that it shows."""
        s = self.state
        if value & ENABLED and not vbe_on(s):
            s.vbe[VIRT_WIDTH] = s.vbe[X_OFFSET] = s.vbe[Y_OFFSET] = 0
            s.vbe[ENABLE] |= ENABLED
            fit_mode(s)
            if not value & KEEP_MEMORY:
                self.vram.write(0, bytes(min(s.vbe[YRES] * line_bytes(s), self.vram.size)))
        else:
            s.bank = 0
        s.vbe[ENABLE] = value
