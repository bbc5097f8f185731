"""fw_cfg: how firmware learns what machine it is on.

Items are byte strings chosen by a 16-bit key: a few with fixed keys and a directory of named files. The machine
fills them before it starts, so they are not state; which item is selected, and how far it was read, is. They are
read a byte at a time or by DMA.

DMA goes to RAM only. A length that no firmware would ask for is an error, so that one port write cannot hold the
machine.

Source: QEMU's documented fw_cfg device interface (register layout, keys, DMA control bits), x86 variant: ports
510h-51Bh.
"""

import struct
from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U16, U32
from playhead.base.shared_record import SharedRecord
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.memory import PAGE, READ, WRITE, Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

SELECTOR, DATA, DMA = 0x510, 0x511, 0x514
SIGNATURE, ID, UUID, RAM_SIZE, NOGRAPHIC, NB_CPUS, MACHINE_ID = range(7)
NUMA, BOOT_MENU, MAX_CPUS, FILE_DIR, FILE_FIRST = 0x0D, 0x0E, 0x0F, 0x19, 0x20
ACPI_TABLES, SMBIOS_ENTRIES, IRQ0_OVERRIDE, E820_TABLE, HPETS = 0x8000, 0x8001, 0x8002, 0x8003, 0x8004
HPETS_MAX = 8
ID_TRADITIONAL, ID_DMA = 1, 2
KEY_MASK = 0xBFFF  # bit 14 once selected the item for writing
DMA_SIGNATURE = b"QEMU CFG"
DMA_ERROR, DMA_READ, DMA_SKIP, DMA_SELECT, DMA_WRITE = 1, 2, 4, 8, 16
DMA_MAX = 256 << 20
NAME_SIZE = 56
NO_ITEM = 0xFFFF


def fixed_items(ram_bytes: int, cpus: int = 1, *, graphics: bool = True, uuid: str = "",
                menu: bool = False) -> dict[int, bytes]:  # fmt: skip
    """The items that are not files, for a machine of `ram_bytes` below 4 GiB. Without `graphics`, SeaBIOS gives itself
    its `etc/sercon-port` (COM1): it prints there, and INT 10h and INT 16h are the serial line.
    """
    return {
        SIGNATURE: b"QEMU",
        ID: struct.pack("<I", ID_TRADITIONAL | ID_DMA),
        UUID: bytes.fromhex(uuid.replace("-", "")).ljust(16, b"\0"),
        RAM_SIZE: struct.pack("<Q", ram_bytes),
        NOGRAPHIC: struct.pack("<H", not graphics),
        NB_CPUS: struct.pack("<H", cpus),
        NUMA: struct.pack("<Q", 0),
        BOOT_MENU: struct.pack("<H", menu),
        MAX_CPUS: struct.pack("<H", cpus),
        IRQ0_OVERRIDE: struct.pack("<I", 1),
    }


def hpets(block: int, base: int) -> bytes:
    """The item that describes one HPET: how many, then room for eight of capabilities, address, least period, page."""
    return bytes((1,)) + struct.pack("<IQHB", block, base, 0, 0).ljust(HPETS_MAX * 15, b"\0")


def directory(files: Mapping[str, bytes]) -> dict[int, bytes]:
    """Items for `files`, numbered in the order of their names, and the directory that lists them."""
    names = sorted(files)
    listing = bytearray(struct.pack(">I", len(names)))
    items: dict[int, bytes] = {}
    for key, name in enumerate(names, FILE_FIRST):
        encoded = name.encode("ascii")
        assert len(encoded) < NAME_SIZE, f"fw_cfg file name is too long: {name}"
        listing += struct.pack(">IHH", len(files[name]), key, 0) + encoded.ljust(NAME_SIZE, b"\0")
        items[key] = bytes(files[name])
    items[FILE_DIR] = bytes(listing)
    return items


class FwCfgState(SharedRecord):
    key = U16(NO_ITEM)
    offset = U32()
    dma_high = U32()


class FwCfg(Device[FwCfgState]):
    """`items` by key; see `fixed_items` and `directory`."""

    State = FwCfgState
    part = "fw_cfg"
    QEMU = Declared("fw_cfg_io", "System", "what firmware is told of the machine",
                    ports=(Span(SELECTOR, 2), Span(DMA, 8)))  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.firmware_items)

    def __init__(self, name: str, io: Space, memory: Memory, items: Mapping[int, bytes]):
        super().__init__(name)
        self._memory = memory
        self._items = dict(items)
        io.map(SELECTOR, 2, self._read_data, self._write_selector, max_size=2, name=name)
        io.map(DMA, 8, self._read_dma, self._write_dma, max_size=4, name=f"{name}.dma")

    # -- selector and data

    def _select(self, key: int) -> None:
        self.state.key = key & KEY_MASK
        self.state.offset = 0

    def _take(self, length: int) -> bytes:
        """The item's next bytes, zeros after its end."""
        s = self.state
        data = self._items.get(s.key, b"")[s.offset : s.offset + length]
        s.offset = min(s.offset + length, 0xFFFFFFFF)
        return data.ljust(length, b"\0")

    def _read_data(self, address: int, size: int) -> int:
        return int.from_bytes(self._take(1), "little")  # a byte at either port; a word is no register here

    def _write_selector(self, address: int, size: int, value: int) -> None:
        if size == 2 and address == SELECTOR:
            self._select(value)

    # -- DMA

    def _read_dma(self, address: int, size: int) -> int:
        at = address - DMA
        return int.from_bytes(DMA_SIGNATURE[at : at + size], "little")

    def _write_dma(self, address: int, size: int, value: int) -> None:
        """The address register is big-endian: its low half, written last, starts the transfer."""
        if size != 4:
            return
        half = int.from_bytes(value.to_bytes(4, "little"), "big")
        if address == DMA:
            self.state.dma_high = half
        elif address == DMA + 4:
            request = self.state.dma_high << 32 | half
            self.state.dma_high = 0
            self._transfer(request)

    def _transfer(self, request: int) -> None:
        if request > 0xFFFFFFFF - 15:
            return  # nowhere to read a request from, nor to report an error to
        control, length, target = struct.unpack(">IIQ", self._memory.read(request, 16))
        if control & DMA_SELECT:
            self._select(control >> 16)
        result = 0
        if control & (DMA_READ | DMA_WRITE | DMA_SKIP):
            result = self._move(control, length, target)
        self._memory.write(request, struct.pack(">I", result), self.name)

    def _move(self, control: int, length: int, target: int) -> int:
        if control & DMA_READ:
            if length > DMA_MAX or target + length > 1 << 32:
                return DMA_ERROR
            self._to_ram(target, length)
            return 0
        if control & DMA_WRITE:
            return DMA_ERROR  # every item is read-only
        self.state.offset = min(self.state.offset + length, 0xFFFFFFFF)
        return 0

    def _to_ram(self, target: int, length: int) -> None:
        while length:
            n = min(length, PAGE - target % PAGE)
            data = self._take(n)
            if self._memory.page_map[target // PAGE] & (READ | WRITE):
                self._memory.write(target, data, self.name)
            target += n
            length -= n
