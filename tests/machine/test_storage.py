"""Disks and CD-ROMs in a whole machine: SeaBIOS finds them and starts from them, and a checkpoint may be taken while a
request is under way."""

import os
import struct
from pathlib import Path

import pytest

from memory_drive import Door, Store, go
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from tools import asm

SEABIOS = Path("/usr/share/seabios/bios.bin")
SECTORS = 20 * 16 * 63

# A boot sector that reads a sector by cylinder, head and sector and one by LBA, prints them on COM1 and writes one.
CODE = """
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7C00, %sp
        sti
        movb    %dl, drive
        movw    $started, %si
        call    print
        movw    $0x0201, %ax            # one sector
        movw    $0x8000, %bx
        movw    $0x0102, %cx            # cylinder 1, sector 2
        movb    $0x03, %dh              # head 3
        movb    drive, %dl
        int     $0x13
        jc      failed
        movw    $0x8000, %si
        call    print
        movb    $0x42, %ah              # by LBA
        movb    drive, %dl
        movw    $packet, %si
        int     $0x13
        jc      failed
        movw    $0x8200, %si
        call    print
        movw    $0x0301, %ax            # write what was read to cylinder 0, head 0, sector 5
        movw    $0x8200, %bx
        movw    $0x0005, %cx
        movb    $0x00, %dh
        movb    drive, %dl
        int     $0x13
        jc      failed
        movw    $ended, %si
        call    print
        cli
1:      hlt
        jmp     1b
failed: movw    $wrong, %si
        call    print
        cli
        hlt
print:  lodsb
        testb   %al, %al
        jz      2f
        movw    $0x3F8, %dx
        outb    %al, %dx
        jmp     print
2:      ret
drive:  .byte   0
packet: .byte   16, 0
        .word   1, 0x8200, 0
        .quad   12345
started: .asciz "started\\n"
ended:  .asciz  "written\\n"
wrong:  .asciz  "FAILED\\n"
"""


@pytest.fixture(scope="module")
def bios() -> bytes:
    if not SEABIOS.exists():
        text = "Debian's package seabios is not installed"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    return SEABIOS.read_bytes()


@pytest.fixture(scope="module")
def disk_image() -> bytes:
    image = bytearray(SECTORS * 512)
    code = asm.flat(CODE, base=0x7C00, bits=16)
    assert len(code) <= 446
    image[: len(code)] = code
    image[510:512] = b"\x55\xaa"
    for lba, text in (((1 * 16 + 3) * 63 + 1, b"by CHS\n\0"), (12345, b"by LBA\n\0")):
        image[lba * 512 : lba * 512 + len(text)] = text
    return bytes(image)


def cd_image() -> bytes:
    """El Torito: a boot catalogue that names one sector to start, without emulation."""
    image = bytearray(40 * 2048)
    start, end = CODE.index("movw    $0x0201"), CODE.index("print:  lodsb")
    code = asm.flat(CODE[:start] + "cli\nhlt\n" + CODE[end:], base=0x7C00, bits=16)
    image[25 * 2048 : 25 * 2048 + len(code)] = code
    image[16 * 2048 : 16 * 2048 + 7] = b"\1CD001\1"
    record = b"\0CD001\1EL TORITO SPECIFICATION".ljust(71, b"\0") + struct.pack("<I", 20)
    image[17 * 2048 : 17 * 2048 + len(record)] = record
    validation = bytearray(struct.pack("<BBH24sHBB", 1, 0, 0, b"PLAYHEAD", 0, 0x55, 0xAA))
    struct.pack_into("<H", validation, 28, -sum(struct.unpack("<16H", validation)) & 0xFFFF)
    entry = struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, 25)
    image[20 * 2048 : 20 * 2048 + 64] = bytes(validation) + entry.ljust(32, b"\0")
    return bytes(image)


class Rig:
    """A machine with a disk and a CD-ROM drive, both in memory."""

    def __init__(self, bios: bytes, disk: bytes, cd: bytes = b"", *, cd_first: bool = False, engine: str = "native"):
        self.store = Store()
        self.disk = self.store.drive(disk, model="PLAYHEAD DISK")
        self.cd = self.store.drive(cd, read_only=True, model="PLAYHEAD DVD-ROM")
        self.door = Door(self.disk, self.cd)
        drives = (
            DriveConfig(0, 0, "hd", self.disk.sectors, boot_index=1),
            DriveConfig(1, 0, "cdrom", self.cd.sectors, read_only=True, boot_index=0 if cd_first else None),
        )
        config = PcConfig(ram_bytes=16 << 20, bios=bios, **parts(debugcon=0x402, drives=drives))
        self.machine = Machine(config, self.door, engine=engine)

    def go(self, text: bytes) -> None:
        """Until that was printed."""
        assert go(self.machine, self.store, lambda: text in self.door.printed, limit=100_000_000) == "until", (
            self.door.debug.decode("latin-1") + self.door.printed.decode("latin-1")
        )


def test_seabios_lists_the_drives_and_starts_from_the_disk(bios, disk_image):
    rig = Rig(bios, disk_image)
    rig.go(b"written\n")
    said = rig.door.debug.decode("latin-1")
    assert "ata0-0: PLAYHEAD DISK ATA-6 Hard-Disk (9 MiBytes)" in said
    assert "DVD/CD [ata1-0: PLAYHEAD DVD-ROM ATAPI-6 DVD/CD]" in said
    assert "PCHS=20/16/63 translation=none" in said and "Booting from Hard Disk..." in said
    assert rig.door.printed == b"started\nby CHS\nby LBA\nwritten\n"
    assert rig.disk.content[4 * 512 :].startswith(b"by LBA\n\0")
    assert rig.disk.content[: 4 * 512] == disk_image[: 4 * 512]


def test_seabios_starts_from_a_cd(bios, disk_image):
    rig = Rig(bios, disk_image, cd_image(), cd_first=True)
    rig.go(b"started\n")
    assert "Booting from DVD/CD..." in rig.door.debug.decode("latin-1")


@pytest.mark.parametrize("requests", [0, 1, 3])
def test_a_checkpoint_with_a_request_under_way(requests, bios, disk_image):
    """Taken after so many ended requests while the next is under way, put into a new machine: both continue alike."""
    first = Rig(bios, disk_image)
    under_way = lambda: len(first.store.ended) == requests and bool(first.store.pending)  # noqa: E731
    assert go(first.machine, first.store, under_way, limit=100_000_000) == "until"
    taken = checkpoint.take(first.machine)
    waiting = first.machine.board.in_flight()
    assert len(waiting) == 1 and waiting[0].id == first.store.pending[0].id
    second = Rig(bios, disk_image)
    checkpoint.restore(second.machine, taken.parts, taken.pages)
    second.store.take(first.store, {first.disk: second.disk, first.cd: second.cd})
    assert second.machine.board.in_flight() == waiting
    second.door.printed += first.door.printed
    for _ in range(2):
        assert second.machine.digest_parts() == first.machine.digest_parts()
        for rig in (first, second):
            rig.go(b"written\n")
    assert second.door.printed == first.door.printed and second.disk.content == first.disk.content


def test_a_machine_without_drives_has_no_controller(bios):
    machine = Machine(PcConfig(ram_bytes=16 << 20, bios=bios), Door())
    assert "ide" not in machine.board.devices and machine.board.bus.find(0, 9) is None
    assert not machine.board.drive_done(1, False) and machine.board.in_flight() == []


def test_order_is_the_contract(bios, disk_image):
    names = list(Rig(bios, disk_image).machine.board.devices)
    assert names[names.index("pm") + 1] == "ide" and names[names.index("ide") + 1 :][:3] == ["dma", "fdc", "serial0"]


def test_a_reset_cancels_what_is_under_way(bios, disk_image):
    rig = Rig(bios, disk_image)
    assert go(rig.machine, rig.store, lambda: bool(rig.store.pending), limit=100_000_000) == "until"
    id = rig.store.pending[0].id
    rig.machine.reset()
    assert rig.disk.cancelled == [id] and not rig.machine.board.drive_done(id, False, bytes(512))
    rig.go(b"written\n")
