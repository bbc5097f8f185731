"""A whole machine with a VGA: SeaBIOS runs the card's ROM and writes on the screen, on both engines and across a
checkpoint; a guest that draws is recorded and replayed.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from memory_drive import Door, Store, go
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry, Rom
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.cli import main
from playhead.devices.display import vga_palette
from playhead.devices.display.vga import Vga
from playhead.machine import checkpoint
from playhead.machine import look
from playhead.machine.machine import Machine
from tools import asm, guest

SEABIOS = Path("/usr/share/seabios")
SAYS = ("SeaBIOS (version", "Booting from Hard Disk...", "No bootable device.")
FRAME = 0xFD000000

DRAWS = """
        .include "pc.inc"
        .text
main:   pci_write 0x80001010, 0xFD000000
        pci_write 0x80001004, 0x00000003
        .irp    pair, 0x00000004, 0x01400001, 0x00C80002, 0x00200003, 0x00410004
        movw    $0x1CE, %dx
        movl    $\\pair, %eax
        outw    %ax, %dx
        shrl    $16, %eax
        movw    $0x1CF, %dx
        outw    %ax, %dx
        .endr
        movl    $FRAME, %edi
        movl    $64000, %ecx
        xorl    %eax, %eax
1:      stosl
        addl    $0x010305, %eax
        loop    1b
        movw    $0x1CE, %dx             # planes, and their latches
        movw    $4, %ax
        outw    %ax, %dx
        xorl    %eax, %eax
        movw    $0x1CF, %dx
        outw    %ax, %dx
        .irp    value, 0x0F02, 0x0604
        movw    $0x3C4, %dx
        movw    $\\value, %ax
        outw    %ax, %dx
        .endr
        .irp    value, 0x0506, 0x0005, 0x1803, 0xFF08
        movw    $0x3CE, %dx
        movw    $\\value, %ax
        outw    %ax, %dx
        .endr
        movl    $0xA0000, %esi
        movl    $0xA4000, %edi
        movl    $0x1000, %ecx
        rep movsb
        movl    $0xA5A5A5A5, %eax
        movl    $0xA4100, %edi
        movl    $0x40, %ecx
        rep stosl
        jmp     pass
""".replace("FRAME", f"{FRAME:#x}")


# Sets the mode in its last word (VBE's, by its number), and draws eight pixels at the top left of it
SECTOR = """
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    $0x4F02, %ax
        movw    mode, %bx
        int     $0x10
        movw    $0x3C4, %dx
        movw    $0x0A02, %ax
        outw    %ax, %dx
        movw    $0xA000, %ax
        movw    %ax, %es
        movb    $0xA5, %es:0
        cli
        hlt
mode:   .word   0
"""


@pytest.fixture(scope="module")
def config() -> PcConfig:
    files = SEABIOS / "bios-256k.bin", SEABIOS / "vgabios-stdvga.bin"
    if not all(path.exists() for path in files):
        text = "Debian's package seabios is not installed"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    bios, rom = (path.read_bytes() for path in files)
    card = Entry("VGA", "VGA", {"romfile": "vgabios-stdvga.bin"})
    return PcConfig(ram_bytes=4 << 20, bios=bios, **parts(more=[card]), roms=(Rom("VGA", rom),))


def card_of(machine: Machine) -> Vga:
    card = machine.board.devices["VGA"]
    assert isinstance(card, Vga)
    return card


def shown(machine: Machine) -> list[str]:
    text = card_of(machine).text(machine.now_ns())
    return [line for line in text.lines() if line] if text is not None else []


def until(machine: Machine, says: str, step: int = 500_000) -> None:
    while not any(says in line for line in shown(machine)):
        assert machine.icount < 50_000_000, shown(machine)
        machine.run(machine.icount + step)


@pytest.mark.guest
def test_seabios_shows_what_it_does(config):
    machine = Machine(config, Door())
    until(machine, SAYS[-1])
    lines = shown(machine)
    assert [any(line.startswith(says) for line in lines) for says in SAYS] == [True] * 3
    card = card_of(machine)
    assert (card.bar(0), card.bar(2), card.word(0x30, 4)) == (FRAME, 0xFEBF0000, 0xFEBE0000)  # as in QEMU
    picture = card.picture(machine.now_ns())
    assert (picture.width, picture.height) == (720, 400) and any(picture.pixels)


@pytest.mark.guest
@pytest.mark.parametrize("mode,size", [(0x102, (800, 600)), (0x12, (640, 480))])
def test_planes_in_modes_that_the_rom_sets(config, mode, size):
    """QEMU draws nothing in the first one: its Bochs modes of 4 bits have no plane that can be written."""
    code = asm.flat(SECTOR, base=0x7C00, bits=16)
    code = code[:-2] + mode.to_bytes(2, "little")
    store = Store()
    disk = store.drive(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(65536 - 512))
    more = parts(more=[Entry("VGA", "VGA", {"romfile": "vgabios-stdvga.bin"})],
                 drives=[DriveConfig(0, 0, "hd", disk.sectors)])  # fmt: skip
    machine = Machine(replace(config, **more), Door(disk))
    card = card_of(machine)
    wanted = b"\0\xa5\0\xa5"
    assert go(machine, store, lambda: bytes(card.vram.view()[:4]) == wanted, limit=50_000_000) == "until"
    picture = card.picture(machine.now_ns())
    assert (picture.width, picture.height) == size
    sixteen = vga_palette.sixteen(card.state)
    row = [int.from_bytes(picture.pixels[4 * n : 4 * n + 3], "little") for n in range(8)]
    assert row == [int(sixteen[10 if 0xA5 >> 7 - n & 1 else 0]) for n in range(8)] and len(set(row)) == 2


@pytest.mark.guest
def test_engines_and_a_checkpoint_make_no_difference(config):
    one = Machine(config, Door())
    until(one, SAYS[0], 100_000)
    parts, pages = checkpoint.save_parts(one), checkpoint.written_pages(one)
    more = one.icount + 40_000
    other = Machine(config, Door(), "reference")
    checkpoint.restore(other, parts, {page: checkpoint.page_of(one, page) for page in pages})
    assert other.digest_parts() == one.digest_parts() and shown(other) == shown(one)
    for machine in (one, other):
        machine.run(more)
    assert other.digest_parts() == one.digest_parts()
    assert bytes(card_of(other).vram.view()) == bytes(card_of(one).vram.view())


def test_a_guest_that_draws_is_recorded_and_replayed(tmp_path):
    (tmp_path / "draws.bin").write_bytes(guest.firmware(DRAWS, tmp_path))
    recording, console = tmp_path / "r.ph", tmp_path / "console"
    machine = ["-m", "2", "-bios", str(tmp_path / "draws.bin"), "-device", "VGA"]
    assert main(["record", "-o", str(recording), *machine, "-serial", f"file:{console}"]) == 0
    assert console.read_bytes() == b"PASS\r\n"
    for engine in ("native", "reference"):
        assert main(["replay", str(recording), "--engine", engine]) == 0


def test_a_debugger_sees_the_window_and_leaves_the_latches(tmp_path):
    """Also where text is behind registers, and across the window's end; it is no memory that code could be in."""
    bios, card = guest.firmware(DRAWS, tmp_path), Entry("VGA", "VGA", {})
    machine = Machine(PcConfig(ram_bytes=2 << 20, bios=bios, **parts(more=[card])), Door())
    vga = card_of(machine)
    vga.set_up()
    machine.memory.mmio.write(0xB8000, 4, 0x07420741)
    vga.state.latch = 0x12345678
    before = machine.digest()
    assert look.seen(machine, 0xB8000, 6, physical=True) == b"A\7B\7 \7"
    assert look.seen(machine, 0xB7FFF, 2, physical=True) == b"\xffA", "text mode has no more of the window"
    assert len(look.seen(machine, 0x9FFFE, 4, physical=True)) == 4
    vga.state.seq[4], vga.state.gfx[5], vga.state.gfx[6] = 6, 0, 5  # planes
    assert look.seen(machine, 0xA0000, 2, physical=True) == b"AB"
    vga.state.seq[4], vga.state.gfx[5], vga.state.gfx[6] = 2, 16, 14
    assert (vga.state.latch, machine.digest()) == (0x12345678, before)
    assert look.read(machine, 0xB8000, 6, physical=True) == b""
