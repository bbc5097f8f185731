"""What a machine shows on: a VGA, the text-only adapter, or nothing; and what a Linux kernel is told of it without
firmware.
"""

from __future__ import annotations

import dataclasses

import pytest
from test_pc import LINUX, Rig

from playhead.base.errors import UsageError
from playhead.boards.entry import Entry, Rom
from playhead.boards.linux_boot import BOOT_PARAMS
from playhead.boards.pc_devices import listed, parts

VIDEO, TEXT = 0xA0000, 0xB8000
FACE = bytes.fromhex("00007e81a58181bd9981817e00000000")
ROM = (b"\x55\xaa\x08" + bytes(509) + bytes(16) + FACE).ljust(8192, b"\x3c")


def rig(*more: Entry, without: tuple[str, ...] = (), roms: tuple[Rom, ...] = ()) -> Rig:
    entries = listed(LINUX.machine, more, without=without)
    return Rig(dataclasses.replace(LINUX, devices=entries, outside=(), roms=roms))


def told(found: Rig) -> bytes:
    """Mode, columns, lines, and whether it is a VGA."""
    params = found.memory.read(BOOT_PARAMS, 16)
    return bytes(params[at] for at in (0x06, 0x07, 0x0E, 0x0F))


def test_a_vga_takes_the_text_only_adapters_place():
    card = Entry("VGA", "", {"vgamem_mb": 2, "romfile": "vga.bin"})
    found = rig(card, Entry("e1000", ""), roms=(Rom("VGA", ROM),))
    assert "vga" not in found.board.devices and found.board.config.devices[-2].values["addr"] == "02.0"
    assert {region.name: region.length for region in found.board.regions}["vram"] == 2 << 20
    vga = found.board.devices["VGA"]
    assert (vga.bar(0), vga.bar(2)) == (0xFE800000, 0xFEBE2000)  # as SeaBIOS places them, by QEMU's `info pci`
    assert told(found) == bytes((3, 80, 25, 1))
    text = vga.text(0)
    assert text is not None and (text.columns, text.rows, set(text.lines())) == (80, 25, {""})
    assert bytes(vga.vram.view()[128 + 2 : 128 + 66 : 4]) == FACE
    found.memory.write(TEXT, b"H\x07i\x07")
    assert vga.text(0).lines()[0] == "Hi"


def test_the_font_of_a_rom_that_is_not_decoded():
    card = Entry("VGA", "", {"vgamem_mb": 1, "romfile": "vga.bin", "rombar": 0})
    vga = rig(card, roms=(Rom("VGA", ROM),)).board.devices["VGA"]
    assert vga.rom_bar() is None and bytes(vga.vram.view()[128 + 2 : 128 + 66 : 4]) == FACE


def test_it_is_set_up_again_at_each_start():
    found = rig(Entry("VGA", "", {"vgamem_mb": 1}))
    vga = found.board.devices["VGA"]
    fresh = vga.save(), bytes(vga.vram.view())
    found.board.io.write(0x3C2, 1, 0)
    found.memory.write(TEXT, b"something")
    found.board.reset()
    assert vga.save() != fresh[0]
    found.board.start()
    assert (vga.save(), bytes(vga.vram.view())) == fresh


def test_without_any_there_is_no_memory_and_the_kernel_is_told_so():
    found = rig(without=("vga",))
    assert found.memory.read(VIDEO, 4) == b"\xff" * 4 and told(found) == bytes(4)
    assert not {"vram", "video"} & {region.name for region in found.board.regions}


def test_the_text_only_adapter_is_as_it_was():
    found = Rig(LINUX)
    assert "vga" in found.board.devices and told(found) == bytes((3, 80, 25, 1))
    found.memory.write(VIDEO, b"RAM")
    assert found.memory.read(VIDEO, 3) == b"RAM"


def test_there_is_one_at_most():
    with pytest.raises(UsageError, match="2 devices VGA: there can be 1"):
        Rig(dataclasses.replace(LINUX, **parts(more=(Entry("VGA", "a"), Entry("VGA", "b")))))
