"""The board as a whole: wiring, memory map, firmware's part, reset, and the same state after a save and a load."""

import struct

import pytest
from test_linux_boot import bzimage

from playhead.boards.config import PcConfig
from playhead.boards.pc import Board, build
from playhead.boards.pc_devices import parts
from playhead.boards.pc_memory import area_size
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory

RAM = 64 << 20
LINUX = PcConfig(
    ram_bytes=RAM, kernel=bzimage(), initrd=b"cpio" * 1000, append="console=ttyS0",
    **parts(serial=("stdio", "null"), debugcon=0x402, debug_exit=0x501),
)  # fmt: skip


class Buffer(bytearray):
    def write(self, data: bytes, icounts: list[int]) -> None:
        self.extend(data)


class Rig:
    """A board with its surroundings; its clock moves only when told."""

    def __init__(self, config: PcConfig):
        self.time_ns = self.icount = 0
        self.requested: list[tuple] = []
        self.ends = {name: Buffer() for name in ("serial0", "serial1", "debugcon")}
        self.clock = VirtualClock(self)
        self.memory = Memory(area_size(config))
        self.a20: list[bool] = []
        self.memory.a20_changed = self.a20.append
        self.board: Board = build(config, self.clock, self.memory, self, self, self)
        self.registers = self.board.start()

    def now_ns(self) -> int:
        return self.time_ns

    def read_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def reset(self, cause: str) -> None:
        self.requested.append(("reset", cause))

    def shutdown(self, cause: str, status: int = 0) -> None:
        self.requested.append(("shutdown", cause, status))

    def suspend(self) -> None:
        self.requested.append(("suspend",))

    def wake_up(self, reason: str) -> None:
        if self.board.wakes(reason):
            self.requested.append(("wake_up", reason))

    def inb(self, port):
        return self.board.io.read(port, 1)

    def inw(self, port):
        return self.board.io.read(port, 2)

    def inl(self, port):
        return self.board.io.read(port, 4)

    def outb(self, port, value):
        self.board.io.write(port, 1, value)

    def outw(self, port, value):
        self.board.io.write(port, 2, value)

    def outl(self, port, value):
        self.board.io.write(port, 4, value)

    def config(self, device, function, offset):
        self.outl(0xCF8, 0x80000000 | device << 11 | function << 8 | offset)
        return self.inl(0xCFC)

    def init_pics(self):
        for port, icws in ((0x20, (0x11, 0x30, 4, 1, 0)), (0xA0, (0x11, 0x38, 2, 1, 0))):
            self.outb(port, icws[0])
            for icw in icws[1:]:
                self.outb(port + 1, icw)

    def save(self):
        return {name: device.save() for name, device in self.board.devices.items()}, self.clock.save()


@pytest.fixture
def linux():
    return Rig(LINUX)


@pytest.fixture
def firmware():
    image = bytearray(b"\xcc" * (256 << 10))
    image[-16:-11] = b"\xea\x5b\xe0\x00\xf0"
    image[-(128 << 10)] = 0x77
    return Rig(PcConfig(ram_bytes=RAM, bios=bytes(image), **parts(debugcon=0x402)))


def test_order_is_the_contract(linux):
    assert list(linux.board.devices) == [
        "pic", "lapic", "ioapic", "nmi", "pit", "hpet", "port61", "rtc", "kbc", "port92", "fpu_error", "pci", "isa",
        "pm", "dma", "fdc", "serial0", "serial1", "fw_cfg", "debugcon", "debug_exit", "vga",
    ]  # fmt: skip
    names = [alarm.name for alarm in linux.clock.alarms]
    assert names == [alarm.name for alarm in Rig(LINUX).clock.alarms] and len(names) == len(set(names))


def test_linux_is_in_place(linux):
    m, r = linux.memory, linux.registers
    assert m.read(r["eip"], 4) == b"\x90" * 4 and m.read(r["esi"] + 0x202, 4) == b"HdrS"
    start, size = struct.unpack("<II", m.read(r["esi"] + 0x218, 8))
    assert m.read(start, size) == LINUX.initrd
    assert linux.memory.a20 and linux.inw(0x604) == 0


def test_acpi_is_found_from_the_rom(linux):
    m = linux.memory
    root = next(m.read(a, 20) for a in range(0xE0000, 0x100000, 16) if m.read(a, 8) == b"RSD PTR ")
    (rsdt,) = struct.unpack_from("<I", root, 16)
    assert sum(root) & 0xFF == 0 and m.read(rsdt, 4) == b"RSDT"
    facp, apic = struct.unpack("<II", m.read(rsdt + 36, 8))
    assert m.read(facp, 4) == b"FACP" and m.read(apic, 4) == b"APIC"
    assert struct.unpack("<I", m.read(facp + 56, 4)) == (0x600,)


def test_what_firmware_would_have_left(linux):
    assert linux.config(1, 0, 0x60) == 0x0B0B0A0A and linux.config(1, 3, 0x40) == 0x601
    linux.time_ns = 1_000_000_000
    assert linux.inl(0x608) == 3_579_545
    assert linux.inb(0x4D1) == 0x0E
    linux.outb(0xB2, 0xF1)
    assert linux.inw(0x604) == 1
    linux.outw(0x604, 0x2001)
    assert linux.requested == [("shutdown", "guest-shutdown", 0)]


def test_memory_map(linux):
    m = linux.memory
    for address in (0x500, 0x9FFFF, 0xA0000, 0xBFFFF, 0x100000, RAM - 1):
        m.write(address, b"\x5a")
        assert m.read(address, 1) == b"\x5a", hex(address)
    for address in (RAM, 0xE0000000, 0xFE000000):
        m.write(address, b"\x5a")
        assert m.read(address, 1) == b"\xff", hex(address)
    for address in (0xC0000, 0xF1000, 0xFFFFE000):
        m.write(address, b"\x5a")
        assert m.read(address, 1) == b"\xff", hex(address)
    assert m.read(0xFFFF0, 4) == m.read(0xFFFFFFF0, 4) == b"\xb0\xfe\xe6\x64"


def test_regions_cover_the_area_once(linux):
    at = 0
    for region in linux.board.regions:
        assert region.offset == at
        at += region.length
    assert at == area_size(LINUX)


def test_firmware_image(firmware):
    m = firmware.memory
    assert firmware.registers is None
    assert m.read(0xFFFFFFF0, 5) == m.read(0xFFFF0, 5) == b"\xea\x5b\xe0\x00\xf0"
    assert m.read(0xE0000, 1) == m.read(0xFFFE0000, 1) == b"\x77" and m.read(0xFFFC0000, 1) == b"\xcc"
    assert m.read(0xDFFFF, 1) == b"\xff"
    assert firmware.inl(0x608) == 0xFFFFFFFF  # the power management block has no address yet
    for byte in b"ok":
        firmware.outb(0x402, byte)
    assert firmware.ends["debugcon"] == b"ok"


def test_shadowing_the_firmware(firmware):
    m = firmware.memory
    for register in range(0x59, 0x60):
        firmware.outl(0xCF8, 0x80000000 | register & 0xFC)
        firmware.outb(0xCFC + (register & 3), 0x22)  # read ROM, write RAM
    m.write(0xE0000, m.read(0xE0000, 0x20000))
    for register in range(0x59, 0x60):
        firmware.outl(0xCF8, 0x80000000 | register & 0xFC)
        firmware.outb(0xCFC + (register & 3), 0x33)
    assert m.read(0xE0000, 1) == b"\x77" and m.read(0xFFFF0, 2) == b"\xea\x5b" and m.read(0xC0000, 1) == b"\0"
    m.write(0xFFFF0, b"\x12")
    assert m.read(0xFFFF0, 1) == b"\x12" and m.read(0xFFFFFFF0, 1) == b"\xea"
    firmware.board.reset()
    assert m.read(0xFFFF0, 1) == b"\xea"


def test_firmware_tables_in_fw_cfg(firmware):
    firmware.outw(0x510, 0x19)
    count = int.from_bytes(bytes(firmware.inb(0x511) for _ in range(4)), "big")
    entries = [bytes(firmware.inb(0x511) for _ in range(64)) for _ in range(count)]
    names = [e[8:].rstrip(b"\0").decode() for e in entries]
    assert names == sorted(names) and {"etc/e820", "etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader"} <= set(names)
    firmware.outw(0x510, struct.unpack_from(">H", entries[names.index("etc/e820")], 4)[0])
    assert bytes(firmware.inb(0x511) for _ in range(20)) == struct.pack("<QQI", 0, RAM, 1)


def test_cmos_memory_size(firmware):
    def cmos(register):
        firmware.outb(0x70, register)
        return firmware.inb(0x71)

    assert cmos(0x15) | cmos(0x16) << 8 == 640
    assert cmos(0x17) | cmos(0x18) << 8 == 63 << 10
    assert (cmos(0x34) | cmos(0x35) << 8) << 16 == RAM - (16 << 20)
    firmware.board.reset()
    assert cmos(0x15) | cmos(0x16) << 8 == 640


def test_serial_interrupt_reaches_the_processor(linux):
    linux.init_pics()
    linux.outb(0x21, 0xEF)
    linux.outb(0x3FC, 0x0B)
    linux.outb(0x3F9, 1)
    assert not linux.board.intr.level
    assert linux.board.serial[0].receive(b"x") == 1
    assert linux.board.intr.level
    assert linux.board.acknowledge() == 0x34
    assert not linux.board.intr.level
    linux.outb(0x20, 0x20)
    assert linux.inb(0x3F8) == ord("x") and not linux.board.intr.level
    linux.outb(0x3F8, ord("y"))
    assert linux.ends["serial0"] == b"y"


def test_timer_interrupt_through_the_8259s(linux):
    linux.init_pics()
    linux.outb(0x21, 0xFE)
    linux.outb(0x43, 0x34)
    linux.outb(0x40, 100)
    linux.outb(0x40, 0)
    linux.time_ns = linux.clock.next_deadline_ns()
    for _ in range(10):
        linux.clock.ring(linux.time_ns)
        if linux.board.intr.level:
            break
        linux.time_ns = linux.clock.next_deadline_ns()
    assert linux.board.intr.level and linux.board.acknowledge() == 0x30


def test_interrupt_wires_are_shared(linux):
    linux.init_pics()
    linux.outb(0xA1, 0xFB)  # only IRQ 10 of the slave
    linux.outb(0x21, 0xFB)
    linux.board.isa.set_pirq(0, True)
    linux.board.isa.set_pirq(1, True)
    assert linux.board.irqs[10].line.level and linux.board.acknowledge() == 0x3A
    linux.board.isa.set_pirq(0, False)
    assert linux.board.irqs[10].line.level
    linux.board.isa.set_pirq(1, False)
    assert not linux.board.irqs[10].line.level


def test_a20_is_the_or_of_both_gates(linux):
    def kbc_output(value):
        linux.outb(0x64, 0xD1)
        linux.outb(0x60, value)

    kbc_output(0xDD)
    assert not linux.memory.a20
    linux.outb(0x92, 2)
    assert linux.memory.a20
    saved = linux.save()
    linux.outb(0x92, 0)
    assert not linux.memory.a20
    restore(linux, saved)
    assert linux.memory.a20
    linux.outb(0x92, 0)
    linux.board.reset()
    assert linux.memory.a20


def restore(rig, saved):
    states, alarms = saved
    for name, device in rig.board.devices.items():
        device.load(states[name])
    rig.clock.load(alarms)
    rig.board.loaded()


def disturb(rig):
    rig.init_pics()
    rig.outb(0x21, 0)
    rig.outb(0x3FC, 0x0B)
    rig.outb(0x3F9, 3)
    rig.board.serial[0].receive(b"abc")
    rig.outb(0x43, 0x34)
    rig.outb(0x40, 1)
    rig.outb(0x40, 1)
    rig.time_ns += 5_000_000
    rig.clock.ring(rig.time_ns)
    rig.outb(0x60, 0xF2)
    rig.outb(0xCF9, 2)
    rig.outb(0x92, 2)


def test_save_disturb_load(linux):
    disturb(linux)
    saved, intr = linux.save(), linux.board.intr.level
    levels = [wire.line.level for wire in linux.board.irqs]
    linux.board.acknowledge()
    linux.board.reset()
    linux.time_ns += 1_000_000
    linux.clock.ring(linux.time_ns)
    restore(linux, saved)
    assert linux.save() == saved and linux.board.intr.level == intr
    assert [wire.line.level for wire in linux.board.irqs] == levels


def test_load_into_a_fresh_board(linux):
    disturb(linux)
    other = Rig(LINUX)
    other.time_ns = linux.time_ns
    restore(other, linux.save())
    assert other.save() == linux.save() and other.board.intr.level == linux.board.intr.level
    assert [w.line.level for w in other.board.irqs] == [w.line.level for w in linux.board.irqs]
    for rig in (linux, other):
        rig.outb(0x3F8, 0x41)
        rig.time_ns += 10_000_000
        rig.clock.ring(rig.time_ns)
    assert other.save() == linux.save()


def test_reset_and_start_give_the_first_state(linux):
    first = {name: device.save() for name, device in linux.board.devices.items()}
    disturb(linux)
    for alarm in linux.clock.alarms:
        alarm.cancel()
    linux.time_ns = 0
    linux.board.reset()
    linux.board.start()
    again = {name: device.save() for name, device in linux.board.devices.items()}
    assert {n for n in first if again[n] != first[n]} <= {"rtc"}


@pytest.mark.parametrize("vector, found", [(0x9C080, 0x9C080), (0, None), (0x100000, None), (0xFFFFFFF0, None)])
def test_the_waking_vector_is_where_it_goes_on(linux, vector, found):
    """On a machine without firmware; a vector that real mode does not reach is none, and the kernel is started anew."""
    linux.memory.write(RAM - 0x10000 + 12, vector.to_bytes(4, "little"))
    linux.board.suspend()
    assert linux.board.suspended and linux.board.wakes("other") and not linux.board.wakes("rtc")
    linux.board.power_back()
    assert not linux.board.suspended
    assert linux.board.resume("other") == found
    assert linux.config(1, 3, 0x40) == (0x601 if found else 1)  # the power management's ports, which the system uses
    if found:
        assert linux.inw(0x600) & 0x8100 == 0x8100


def test_firmware_is_told_that_it_is_to_resume(firmware):
    firmware.board.suspend()
    firmware.board.power_back()
    assert firmware.board.resume("rtc") is None
    firmware.outb(0x70, 0x0F)
    assert firmware.inb(0x71) == 0xFE


def test_the_processor_moves_its_apic(linux):
    class Core:
        def get(self, name, index=0):
            assert name == "apic_base"
            return 0xFED00900

    linux.board.cpu_write(0x1B, Core())
    assert linux.memory.mmio.read(0xFEE00030, 4) == 0xFFFFFFFF
    assert linux.memory.mmio.read(0xFED00030, 4) & 0xFF == 0x14


def test_nmi_is_taken_once(linux):
    linux.board.lapic.set_lint1(True)
    assert linux.board.nmi_pending()
    linux.board.take_nmi()
    assert not linux.board.nmi_pending()


def test_debug_exit(linux):
    linux.outb(0x501, 3)
    assert linux.requested == [("shutdown", "guest-shutdown", 7)]


def test_every_port_and_a_sample_of_register_space_is_defined(linux):
    for port in range(0x10000):
        if port not in (0x501, 0x502):
            linux.inb(port)
            linux.outb(port, 0xA5 ^ port & 0xFF)
    for base in (0xFEC00000, 0xFEE00000):
        for offset in range(0, 0x1000, 4):
            linux.board.memory.mmio.read(base + offset, 4)
            linux.board.memory.mmio.write(base + offset, 4, 0xFFFFFFFF)
            linux.board.memory.mmio.write(base + offset, 1, 0x5A)
    saved = linux.save()
    restore(linux, saved)
    assert linux.save() == saved
