"""The VGA's memory-mapped registers, in the second base address register: the ports 3C0h-3DFh from 400h on, those of
the Bochs interface from 500h on, a word each, and from 600h on QEMU's own, which say how large they are and in which
order the bytes of a pixel lie. (Below 400h is the EDID: vga.py.)

What nothing answers reads as all ones.

Source: QEMU, docs/specs/standard-vga.rst.
"""

from playhead.devices.display.vga_dispi import REGISTERS, leaves_native, read_dispi_word, write_dispi_word
from playhead.devices.display.vga_ports import moves_window, read_port, write_port
from playhead.devices.display.vga_state import VgaState
from playhead.hw.native import DECLINED, native

MMIO_SIZE, REGISTERS_FROM = 0x1000, 0x400
PORTS_COUNT, FIRST_PORT = 0x20, 0x3C0
DISPI_AT, QEXT_AT, QEXT_SIZE = 0x100, 0x200, 8  # offsets count from REGISTERS_FROM, where the ports are
LITTLE, BIG = 0x1E1E1E1E, 0xBEBEBEBE
REVISION, QEXT_REVISION = 0x08, 2  # in the configuration space: whether QEMU's registers are there


@native
def read_mmio(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    nothing = (1 << 8 * size) - 1
    if offset < PORTS_COUNT:
        value = 0
        for n in range(size):
            byte = read_port(s, FIRST_PORT + offset + n, now_ns) if offset + n < PORTS_COUNT else 0xFF
            value |= byte << 8 * n
        return value
    if DISPI_AT <= offset < DISPI_AT + 2 * REGISTERS:
        index = (offset - DISPI_AT) // 2
        value = read_dispi_word(s, index)
        if size == 4:
            value |= read_dispi_word(s, index + 1) << 16
        return value & nothing
    if QEXT_AT <= offset < QEXT_AT + QEXT_SIZE and s.config[REVISION] == QEXT_REVISION:
        if size != 4:
            return 0
        if offset < QEXT_AT + 4:
            return QEXT_SIZE
        return BIG if s.big_endian else LITTLE
    return nothing


@native
def write_mmio(s: VgaState, offset: int, size: int, value: int) -> int:
    if offset < PORTS_COUNT:
        return write_mapped_ports(s, offset, size, value)
    if DISPI_AT <= offset < DISPI_AT + 2 * REGISTERS:
        index = (offset - DISPI_AT) // 2
        if leaves_native(s, index) or (size == 4 and leaves_native(s, index + 1)):
            return DECLINED
        write_dispi_word(s, index, value & 0xFFFF)
        if size == 4:
            write_dispi_word(s, index + 1, value >> 16)
    elif offset == QEXT_AT + 4 and size == 4 and s.config[REVISION] == QEXT_REVISION:
        if value in (LITTLE, BIG):
            s.big_endian = value == BIG
    return 0


@native
def write_mapped_ports(s: VgaState, offset: int, size: int, value: int) -> int:
    if size == 4 or moves_window(s, FIRST_PORT + offset, size, value):
        return DECLINED
    for n in range(size):
        if offset + n < PORTS_COUNT:
            write_port(s, FIRST_PORT + offset + n, value >> 8 * n & 0xFF)
    return 0
