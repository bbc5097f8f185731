"""The board's ACPI tables: RSDP, RSDT, FADT, FACS, MADT, HPET, and a DSDT assembled from the structure below.

They come out in two forms from one declaration. Without firmware, they are linked for fixed addresses. With
firmware, the same bytes go to fw_cfg unlinked, with a loader script that says where the firmware has to put
addresses and checksums.

Interrupts: ISA interrupt n is global interrupt n, but for interrupt 0, which is 2. The PCI links' interrupts (5,
10, 11) and the SCI (9) are level-triggered and active high, because here they are the same wires on the 8259 and
the I/O APIC.

Sources: Advanced Configuration and Power Interface Specification 1.0b, chapters 5 (tables) and 6 (objects); the
figures are those of QEMU's `pc` (PM block at 600h, GPE0 at AFE0h, SMI command port B2h).
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from playhead.boards import aml
from playhead.devices.pci.piix4_pm import GPE_BASE, SCI_IRQ, SLP_S3, SLP_S5
from playhead.devices.timer.hpet_registers import BASE as HPET_BASE
from playhead.devices.timer.hpet_registers import CAPABILITY_LOW as HPET_BLOCK
from playhead.devices.timer.hpet_registers import LENGTH as HPET_LENGTH

PM_BASE = 0x600
SMI_COMMAND, ACPI_ENABLE, ACPI_DISABLE = 0xB2, 0xF1, 0xF0
LAPIC_BASE, IOAPIC_BASE = 0xFEE00000, 0xFEC00000
PCI_HOLE_END = 0xFEBFFFFF
LINK_IRQS, LEVEL_IRQS = (5, 10, 11), (5, 9, 10, 11)
PCI_SLOTS = 32
HPET_SLOWEST = 100_000_000  # the longest period that the specification allows, in femtoseconds

HEADER = 36
SUM_AT, RSDP_SUM_AT = 9, 8
WBINVD, PROC_C1, SLP_BUTTON, RTC_S4, PLATFORM_CLOCK = 1, 1 << 2, 1 << 5, 1 << 7, 1 << 15

WAKING_VECTOR = 12  # in the FACS

TABLES_FILE, RSDP_FILE, LOADER_FILE = "etc/acpi/tables", "etc/acpi/rsdp", "etc/table-loader"


def checksum(data: bytes | bytearray) -> int:
    """The byte that makes a table's bytes add up to zero."""
    return -sum(data) & 0xFF


def header(signature: bytes, revision: int, body: bytes) -> bytes:
    """A table with its description header; the checksum is left zero until addresses are known."""
    head = struct.pack("<4sIBB6s8s", signature, HEADER + len(body), revision, 0, b"PLAYHD", b"PLAYHDPC")
    return head + struct.pack("<I4sI", 1, b"PLAY", 1) + body


# -- DSDT


def _link(index: int) -> aml.Term:
    """An interrupt link: one of PIIX3's route registers as a device that the operating system may set."""
    register = rf"\_SB.PCI0.ISA.PRQ{index}"
    return aml.Device(
        f"LNK{'ABCD'[index]}",
        aml.Name("_HID", aml.eisaid("PNP0C0F")),
        aml.Name("_UID", index),
        aml.Name("_PRS", aml.ResourceTemplate(aml.Interrupt(*LINK_IRQS))),
        aml.Method("_STA", 0, aml.If(aml.LLess(register, 0x80), aml.Return(0x0B)), aml.Return(0x09)),
        aml.Method("_DIS", 0, aml.Store(aml.Or(register, 0x80), register)),
        aml.Method("_CRS", 0, aml.Return(aml.Call("IQCR", register))),
        aml.Method(
            "_SRS", 1, aml.CreateDWordField(aml.Arg(0), 5, "PRRI"), aml.Store("PRRI", register), serialized=True
        ),
    )


def _current_route() -> aml.Term:
    return aml.Method(
        "IQCR", 1,
        aml.Name("PRR0", aml.ResourceTemplate(aml.Interrupt(0))),
        aml.CreateDWordField("PRR0", 5, "PRRI"),
        aml.If(aml.LLess(aml.Arg(0), 0x80), aml.Store(aml.Arg(0), "PRRI")),
        aml.Return("PRR0"), serialized=True,
    )  # fmt: skip


def _routing() -> aml.Term:
    """_PRT: the four pins of each slot go to the links in turn; slot 1's first pin, the SCI's function, to link A."""
    rows = []
    for slot in range(PCI_SLOTS):
        for pin in range(4):
            link = "LNK" + "ABCD"[(slot - 1 + pin) & 3]
            rows.append(aml.Package(slot << 16 | 0xFFFF, pin, rf"\_SB.{link}", 0))
    return aml.Name("_PRT", aml.Package(*rows))


def _isa_device(name: str, hid: str, *resources: bytes, uid: int | None = None) -> aml.Term:
    number = (aml.Name("_UID", uid),) if uid is not None else ()
    return aml.Device(
        name, aml.Name("_HID", aml.eisaid(hid)), *number, aml.Name("_STA", 0x0F),
        aml.Name("_CRS", aml.ResourceTemplate(*resources)),
    )  # fmt: skip


def _isa(serial_ports: Sequence[tuple[int, int]]) -> aml.Term:
    return aml.Device(
        "ISA",
        aml.Name("_ADR", 0x00010000),
        aml.OperationRegion("P40C", aml.REGION_PCI, 0x60, 4),
        aml.Field("P40C", aml.ACCESS_BYTE, *((f"PRQ{i}", 8) for i in range(4))),
        _isa_device("RTC", "PNP0B00", aml.IO(0x70, 0x70, 1, 8), aml.IRQ(8)),
        _isa_device("KBD", "PNP0303", aml.IO(0x60, 0x60, 1, 1), aml.IO(0x64, 0x64, 1, 1), aml.IRQ(1)),
        _isa_device("MOU", "PNP0F13", aml.IRQ(12)),
        *(_isa_device(f"COM{i + 1}", "PNP0501", aml.IO(base, base, 8, 8), aml.IRQ(irq), uid=i + 1)
          for i, (base, irq) in enumerate(serial_ports)),
    )  # fmt: skip


class SleepTypes(NamedTuple):
    """SLP_TYP of the sleep states that there are besides S0 and S5; None for one that there is not."""

    s3: int | None = None
    s4: int | None = None

    def terms(self) -> list[aml.Term]:
        named = ((r"\_S3", self.s3), (r"\_S4", self.s4), (r"\_S5", SLP_S5))
        return [aml.Name(name, aml.Package(kind, kind, 0, 0)) for name, kind in named if kind is not None]

    def file(self, s4_type: int) -> bytes:
        """For firmware: SLP_TYP of S0 to S5, with bit 7 if there is such a state."""
        return bytes((0x80, 0, 0, SLP_S3 | (self.s3 is not None) << 7, s4_type | (self.s4 is not None) << 7, 0x80))


def _hpet() -> aml.Term:
    """It is there if its registers say a vendor and a period."""
    vendor, period = aml.Local(0), aml.Local(1)
    no_vendor = aml.LOr(aml.LEqual(vendor, 0), aml.LEqual(vendor, 0xFFFF))
    no_period = aml.LOr(aml.LEqual(period, 0), aml.LGreater(period, HPET_SLOWEST))
    return aml.Device(
        "HPET",
        aml.Name("_HID", aml.eisaid("PNP0103")),
        aml.Name("_UID", 0),
        aml.OperationRegion("HPTM", aml.REGION_MEMORY, HPET_BASE, HPET_LENGTH),
        aml.Field("HPTM", aml.ACCESS_DWORD | aml.LOCKED, ("VEND", 32), ("PRD", 32)),
        aml.Method(
            "_STA", 0,
            aml.Store("VEND", vendor), aml.Store("PRD", period), aml.ShiftRight(vendor, 16, vendor),
            aml.If(no_vendor, aml.Return(0)), aml.If(no_period, aml.Return(0)),
            aml.Return(0x0F),
        ),
        aml.Name("_CRS", aml.ResourceTemplate(aml.Memory32Fixed(HPET_BASE, HPET_LENGTH))),
    )  # fmt: skip


def dsdt(hole_start: int, serial_ports: Sequence[tuple[int, int]], hpet: bool = False,
         sleep: SleepTypes = SleepTypes()) -> bytes:  # fmt: skip
    """`hole_start`: where the memory range that PCI devices may use begins; `serial_ports`: (base, IRQ) of each."""
    identity = (aml.Name("_HID", aml.eisaid("PNP0A03")), aml.Name("_UID", 0))
    resources = aml.Name("_CRS", aml.ResourceTemplate(
        aml.WordBusNumber(0, 0xFF),
        aml.IO(0xCF8, 0xCF8, 1, 8),
        aml.WordIO(0x0000, 0x0CF7),
        aml.WordIO(0x0D00, 0xFFFF),
        aml.DWordMemory(0xA0000, 0xBFFFF),
        aml.DWordMemory(hole_start, PCI_HOLE_END),
    ))  # fmt: skip
    pci0 = aml.Device("PCI0", *identity, resources, _routing(), _isa(serial_ports))
    return header(b"DSDT", 1, b"".join((
        aml.Scope(r"\_SB", pci0, _current_route(), *(_link(i) for i in range(4)), *((_hpet(),) if hpet else ())),
        *sleep.terms(),
    )))  # fmt: skip


# -- the fixed tables


def facs() -> bytes:
    return struct.pack("<4sI", b"FACS", 64).ljust(64, b"\0")


def fadt() -> bytes:
    """ACPI 1.0's, 116 bytes; FIRMWARE_CTRL and DSDT (offsets 36 and 40) are filled in by linking."""
    flags = WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | PLATFORM_CLOCK
    body = struct.pack("<IIBBHIBBBB", 0, 0, 1, 0, SCI_IRQ, SMI_COMMAND, ACPI_ENABLE, ACPI_DISABLE, 0, 0)
    body += struct.pack("<8I", PM_BASE, 0, PM_BASE + 4, 0, 0, PM_BASE + 8, GPE_BASE, 0)
    body += struct.pack("<8B", 4, 2, 0, 4, 4, 0, 0, 0)  # the blocks' lengths; no GPE1, no _CST
    body += struct.pack("<HHHH", 0xFFF, 0xFFF, 0, 0)  # latencies that mean: no C2, no C3
    body += struct.pack("<BBBBBHBI", 0, 0, 0, 0, 0x32, 0, 0, flags)  # CMOS holds the century at 32h
    return header(b"FACP", 1, body)


def madt() -> bytes:
    body = struct.pack("<II", LAPIC_BASE, 1)  # 1: there are two 8259s as well
    body += struct.pack("<BBBBI", 0, 8, 0, 0, 1)  # processor 0 is local APIC 0, enabled
    body += struct.pack("<BBBBII", 1, 12, 0, 0, IOAPIC_BASE, 0)
    body += struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0)
    for irq in LEVEL_IRQS:
        body += struct.pack("<BBBBIH", 2, 10, 0, irq, irq, 0x000D)  # level, active high
    body += struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1)  # NMI at LINT1 of every processor
    return header(b"APIC", 1, body)


def hpet_table() -> bytes:
    """Where the HPET is: at this address of memory; number 0, no least period, no page of its own."""
    return header(b"HPET", 1, struct.pack("<IBBBBQBHB", HPET_BLOCK, 0, 0, 0, 0, HPET_BASE, 0, 0, 0))


def rsdp() -> bytes:
    return struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"PLAYHD", 0, 0)


# -- putting them together


class Pointer(NamedTuple):
    """At `at` of a file stands the address of `target`'s offset that is stored there now."""

    file: str
    at: int
    target: str


class TableSet(NamedTuple):
    """The files before linking, where addresses have to be put, and the sums: (file, sum at, start, length)."""

    files: dict[str, bytes]
    pointers: tuple[Pointer, ...]
    sums: tuple[tuple[str, int, int, int], ...]

    def link(self, addresses: dict[str, int]) -> dict[str, bytes]:
        """The files as they are in memory when each is at its address."""
        linked = {name: bytearray(data) for name, data in self.files.items()}
        for p in self.pointers:
            (offset,) = struct.unpack_from("<I", linked[p.file], p.at)
            struct.pack_into("<I", linked[p.file], p.at, offset + addresses[p.target])
        for name, at, start, length in self.sums:
            linked[name][at] = 0
            linked[name][at] = checksum(linked[name][start : start + length])
        return {name: bytes(data) for name, data in linked.items()}

    def loader(self) -> bytes:
        """The script for firmware: allocate the files, patch the pointers, then compute the checksums."""
        script = bytearray()
        for name, align, zone in ((RSDP_FILE, 16, 2), (TABLES_FILE, 64, 1)):  # zones: 2 is the F segment, 1 high memory
            script += struct.pack("<I56sIB", 1, name.encode(), align, zone).ljust(128, b"\0")
        for p in self.pointers:
            script += struct.pack("<I56s56sIB", 2, p.file.encode(), p.target.encode(), p.at, 4).ljust(128, b"\0")
        for name, at, start, length in self.sums:
            script += struct.pack("<I56sIII", 3, name.encode(), at, start, length).ljust(128, b"\0")
        return bytes(script)


def build(hole_start: int, serial_ports: Sequence[tuple[int, int]], hpet: bool = False,
          sleep: SleepTypes = SleepTypes()) -> TableSet:  # fmt: skip
    """All tables in one file, the FACS first because it has to be 64-byte aligned, and the RSDP in its own."""
    blob = bytearray(facs())
    at: dict[str, int] = {}
    pointers: list[Pointer] = []
    sums: list[tuple[str, int, int, int]] = []

    def put(name: str, table: bytes, links: dict[int, int]) -> None:
        """Append a table; `links` maps an offset in it to the offset in the file that it points to."""
        start = at[name] = len(blob)
        blob.extend(table)
        for offset, target in links.items():
            struct.pack_into("<I", blob, start + offset, target)
            pointers.append(Pointer(TABLES_FILE, start + offset, TABLES_FILE))
        sums.append((TABLES_FILE, start + SUM_AT, start, len(table)))
        blob.extend(bytes(-len(blob) % 16))

    put("DSDT", dsdt(hole_start, serial_ports, hpet, sleep), {})
    put("FACP", fadt(), {36: 0, 40: at["DSDT"]})
    put("APIC", madt(), {})
    listed = ["FACP", "APIC"]
    if hpet:
        put("HPET", hpet_table(), {})
        listed.append("HPET")
    put("RSDT", header(b"RSDT", 1, bytes(4 * len(listed))), {HEADER + 4 * n: at[name] for n, name in enumerate(listed)})
    root = bytearray(rsdp())
    struct.pack_into("<I", root, 16, at["RSDT"])
    pointers.append(Pointer(RSDP_FILE, 16, TABLES_FILE))
    sums.append((RSDP_FILE, RSDP_SUM_AT, 0, len(root)))
    return TableSet({TABLES_FILE: bytes(blob), RSDP_FILE: bytes(root)}, tuple(pointers), tuple(sums))
