"""Which expansion ROM a card has: QEMU's own where firmware runs, the one that is named, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playhead.base.errors import PlayheadError, UsageError
from playhead.cli import card_roms
from playhead.cli.assemble import make_config
from playhead.cli.drives import open_drives, placed
from playhead.cli.options import parse_arguments
from playhead.cli.system_i386 import OPTIONS

STANDARD, OWN = b"\x55\xaastandard", b"\x55\xaaown"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("installed").mkdir()
    for name in ("efi-e1000.rom", "pxe-e1000.rom", "vgabios-stdvga.bin"):
        Path(f"installed/{name}").write_bytes(STANDARD)
    Path("own.rom").write_bytes(OWN)
    Path("bios").write_bytes(bytes(65536))
    kernel = bytearray(4096)
    kernel[0x1F1:0x1F2], kernel[0x1FE:0x200], kernel[0x202:0x206] = b"\1", b"\x55\xaa", b"HdrS"
    kernel[0x206:0x208], kernel[0x211] = b"\x0a\x02", 1
    Path("kernel").write_bytes(kernel)
    monkeypatch.setattr(card_roms, "FOLDERS", (str(tmp_path / "installed"), str(tmp_path / "gone")))


def made(*words: str) -> Any:
    values = parse_arguments("", OPTIONS, list(words), ["[DISK-IMAGE]"])
    with open_drives(placed(values)) as drives:
        return make_config(values, drives)


def roms(*words: str) -> list[tuple[Any, bytes]]:
    config = made(*words)
    named = {entry.id: entry.values.get("romfile") for entry in config.devices}
    assert all(named[rom.device] for rom in config.roms) and sum(map(bool, named.values())) == len(config.roms)
    return [(named[rom.device], rom.data) for rom in config.roms]


BIOS, KERNEL = ("-bios", "bios"), ("-kernel", "kernel")


@pytest.mark.parametrize("words, found", [
    ((*BIOS, "-device", "e1000"), [("efi-e1000.rom", STANDARD)]),
    ((*BIOS, "-device", "e1000", "-device", "e1000,romfile=own.rom"), [("efi-e1000.rom", STANDARD), ("own.rom", OWN)]),
    ((*BIOS, "-device", "e1000,romfile="), []),
    ((*BIOS, "-device", "e1000,romfile=pxe-e1000.rom"), [("pxe-e1000.rom", STANDARD)]),  # from where ROMs are installed
    ((*BIOS, "-global", "e1000.romfile=own.rom", "-device", "e1000", "-device", "e1000,romfile="), [("own.rom", OWN)]),
    ((*BIOS, "-global", "e1000.romfile=", "-device", "e1000"), []),
    ((*KERNEL, "-device", "e1000"), []),
    ((*KERNEL, "-device", "e1000,romfile=./own.rom"), [("own.rom", OWN)]),
    (BIOS, []),
    ((*BIOS, "-device", "VGA"), [("vgabios-stdvga.bin", STANDARD)]),
    ((*KERNEL, "-device", "VGA"), [("vgabios-stdvga.bin", STANDARD)]),  # for its font
    ((*KERNEL, "-device", "VGA,romfile="), []),
    ((*BIOS, "-device", "VGA,romfile=own.rom", "-device", "e1000"), [("own.rom", OWN), ("efi-e1000.rom", STANDARD)]),
])  # fmt: skip
def test_which_it_has(words, found, capfd) -> None:
    assert roms(*words, "-nodefaults") == found
    assert "ipxe-qemu" not in capfd.readouterr().err


def test_the_package_is_not_there(capfd) -> None:
    for name in ("efi-e1000.rom", "pxe-e1000.rom"):
        Path(f"installed/{name}").unlink()
    assert roms(*BIOS, "-device", "e1000", "-device", "e1000", "-nodefaults") == []
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and "no efi-e1000.rom" in said[0] and "install Debian's package ipxe-qemu" in said[0]
    assert roms(*KERNEL, "-device", "e1000", "-nodefaults") == roms(*BIOS, "-device", "e1000,romfile=") == []
    assert capfd.readouterr().err == ""


def test_the_package_with_the_screens_rom_is_not_there(capfd) -> None:
    Path("installed/vgabios-stdvga.bin").unlink()
    assert roms(*KERNEL, "-device", "VGA", "-nodefaults") == []
    (said,) = capfd.readouterr().err.splitlines()
    assert "no vgabios-stdvga.bin, so" in said and "text modes have no font" in said and "package seabios" in said
    assert roms(*KERNEL, "-device", "VGA,romfile=", "-nodefaults") == [] and capfd.readouterr().err == ""


def test_a_screen_without_decoded_rom_has_it_where_firmware_looks_for_one() -> None:
    (socket,) = made(*BIOS, "-device", "VGA,rombar=0", "-nodefaults").sockets
    assert (socket.file, socket.length, socket.data) == ("vgaroms/vgabios-stdvga.bin", 0, STANDARD)


@pytest.mark.parametrize("device, message", [
    ("e1000,romfile=gone.rom", "no romfile gone.rom: neither the file, nor one of that name in "),
    ("e1000,romfile=empty", "romfile empty is empty"), ("e1000,romfile=installed", "Is a directory"),
    ("e1000,romfile=own.rom,romsize=3000", "romsize=3000: a power of two"),
    ("e1000,romfile=bios,romsize=4096", "romfile bios has 65536 bytes, which is more than romsize=4096"),
    ("e1000,romfile=bios,rombar=-1", "rombar"),
])  # fmt: skip
def test_what_it_cannot_have(device, message) -> None:
    Path("empty").touch()
    with pytest.raises(PlayheadError, match=message):
        made(*BIOS, "-device", device)


def test_a_boot_index_is_one_devices_own() -> None:
    for other in (("-device", "rtl8139,bootindex=1"), ("-global", "isa-fdc.bootindexA=1")):
        with pytest.raises(UsageError, match=r"bootindexA?=1: another device has this number"):
            made(*BIOS, "-device", "e1000,bootindex=1", *other)


def test_a_card_is_something_to_start_from(monkeypatch) -> None:
    monkeypatch.setattr("playhead.cli.assemble.seabios", lambda: "bios")
    assert made("-device", "e1000", "-nodefaults").bios is not None
    for words in (["-device", "e1000,romfile="], ["-device", "VGA"], []):
        with pytest.raises(UsageError, match="nothing to start"):
            made(*words, "-nodefaults")
