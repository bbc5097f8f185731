"""REP INS of a drive's data register: native code takes each word, Python the last one of a block, and a page fault in
the middle whose handler reads the register too, or a timer, finds what it should.
"""

from __future__ import annotations

import pytest

from memory_drive import Door, Store
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.machine.machine import Machine
from tools import guest

SOURCE = """
        .include "pc.inc"
        .include "paging.inc"
        .include "tick.inc"
        .set    DISK, 0x1F0
        .section .bss
stolen: .skip 4
        .text
main:   call    pic_init
        gate    0x20, tick
        gate    14, page_fault
        call    paging_on
        pci_write 0x80000940, 0x80008000        # the PIIX3's IDE function answers at its ports
        pci_write 0x80000904, 1
        outport 0x3F6, 0x02             # the drive does not interrupt
        outport DISK + 6, 0xE0
        outport DISK + 2, 4
        outport DISK + 3, 1
        outport DISK + 4, 0
        outport DISK + 5, 0
        outport DISK + 7, 0x20
        timer_rate 40                   # every 34 us: often in the middle of a sector
        outport 0x21, 0xFE
        sti
        movl    $ALIAS + 0xF02, %edi    # 127 words of each sector are in front of the end of a page
        movl    $4, %ebx
1:      movl    $0x3F6, %edx
        inb     %dx, %al
        testb   $0x08, %al
        jz      1b
        movl    $DISK, %edx
        movl    $128, %ecx
        rep insw
        movl    $64, %ecx
        rep insl
        addl    $0xE00, %edi
        decl    %ebx
        jnz     1b
        movl    $DISK, %edx             # nothing is left: zeros
        movl    $40, %ecx
        rep insw
        cli
        movl    stolen, %eax
        call    put_hex
        jmp     pass

page_fault:                             # maps the page, and takes a word that the instruction would have got
        addl    $4, %esp
        pushal
        movl    $DISK, %edx
        inw     %dx, %ax
        addl    %eax, stolen
        movl    %cr2, %ebx
        andl    $0xFFFFF000, %ebx
        movl    %ebx, %eax
        subl    $ALIAS, %eax
        movl    %eax, %ecx
        shrl    $10, %ecx
        addl    $0x200000 + PRESENT + WRITABLE, %eax
        movl    %eax, ALIAS_TABLE(%ecx)
        invlpg  (%ebx)
        popal
        iretl
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("ins"))


class Rig:
    def __init__(self, bios: bytes, engine: str):
        self.store = Store()
        disk = self.store.drive(bytes(n * 13 % 251 for n in range(1 << 16)))
        self.door = Door(disk)
        config = PcConfig(ram_bytes=8 << 20, bios=bios, **parts(drives=[DriveConfig(sectors=disk.sectors)]))
        self.machine = Machine(config, self.door, engine=engine)

    def digests(self, every: int) -> list[bytes]:
        """Every so many instructions, which is also when a request ends."""
        found: list[bytes] = []
        while self.machine.run(self.machine.icount + every).kind == "budget":
            assert len(found) < 10_000
            found.append(self.machine.digest())
            if self.store.pending:
                self.store.end(self.machine.board.drive_done)
        assert b"PASS" in self.door.printed
        return found


@pytest.mark.parametrize("every", [211, 1000])
def test_words_by_native_code_are_those_of_python(every, bios):
    native, python = Rig(bios, "native"), Rig(bios, "reference")
    assert native.digests(every) == python.digests(every) and native.door.printed == python.door.printed
