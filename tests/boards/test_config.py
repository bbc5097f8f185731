"""The machine description: what is refused, and that a recording gets back what it stored."""

import dataclasses
import json

import pytest

from playhead.base.errors import FormatError, UsageError
from playhead.boards import disks, pc_memory
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts

PARTS = parts(serial=("stdio", "null"), debugcon=0x402, debug_exit=0x501)
GOOD = PcConfig(kernel=b"k", initrd=b"i", append="a b", **PARTS)


def test_json_round_trip():
    text = json.dumps(GOOD.to_json())
    assert "a b" in text and len(GOOD.blobs()) == 2
    assert PcConfig.from_json(json.loads(text), GOOD.blobs().__getitem__) == GOOD


@pytest.mark.parametrize("change,message", [
    ({"ram_bytes": 0}, "0 MiB of memory"),
    ({"ram_bytes": 0xE0001000}, "1 to 3584 MiB"),
    ({"ram_bytes": (1 << 20) + 1}, "MiB"),
    ({"kernel": None, "initrd": None, "append": ""}, "nothing to start"),
    ({"bios": bytes(0x10000)}, "cannot be combined"),
    ({"kernel": None}, "need a kernel"),
    ({"kernel": None, "initrd": None, "append": "", "bios": b"x"}, "multiple of 64 KiB"),
    ({"rtc_clock": "rt"}, "one of host, vm"),
    ({"rtc_base": "yesterday"}, "utc or a date"),
    ({"rtc_base": "2026-02-29T00:00:00"}, "utc or a date"),
    ({"rtc_base": "2026-13-01T00:00:00"}, "utc or a date"),
    ({"rtc_base": "2026-01-01T24:00:00"}, "utc or a date"),
])  # fmt: skip
def test_refusals(change, message):
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(GOOD, **change).check()


def test_rtc_start():
    assert GOOD.rtc_start_s() is None
    assert dataclasses.replace(GOOD, rtc_clock="vm").rtc_start_s() == 946_684_800
    assert dataclasses.replace(GOOD, rtc_base="2024-02-29T12:34:56").rtc_start_s() == 1_709_210_096


@pytest.mark.parametrize("change", [
    {"ram_bytes": "128"}, {"ram_bytes": True}, {"ram_bytes": -1}, {"append": 7}, {"kernel": 5}, {"colour": "red"},
    {"serial": ["null"]}, {"debugcon": 0x402}, {"bios": "k"}, {"devices": []}, {"devices": {}}, {"devices": [7]},
    {"devices": [{}]}, {"outside": [None]}, {"outside": []}, {"outside": [{"type": "chardev", "id": "serial0"}]},
])  # fmt: skip
def test_untrusted_descriptions(change):
    plain = GOOD.to_json() | change
    with pytest.raises((FormatError, KeyError)):
        PcConfig.from_json(plain, GOOD.blobs().__getitem__)


DRIVES = (
    DriveConfig(sectors=40960, serial="S1", model="M", boot_index=1),
    DriveConfig(bus=1, kind="cdrom", boot_index=0),
)


def test_drives_in_json():
    config = dataclasses.replace(GOOD, **parts(drives=DRIVES))
    assert config.drives == DRIVES
    assert PcConfig.from_json(json.loads(json.dumps(config.to_json())), GOOD.blobs().__getitem__) == config


@pytest.mark.parametrize("drive,message", [
    (DriveConfig(sectors=0), "0 sectors"),
    (DriveConfig(sectors=1 << 49), "sectors"),
    (DriveConfig(sectors=8, bus=2), "channels 0 and 1"),
    (DriveConfig(sectors=8, unit=-1), "channels 0 and 1"),
    (DriveConfig(sectors=8, kind="tape"), "its kind is hd, cdrom or floppy"),
    (DriveConfig(sectors=8, serial="x" * 21), "at most 20"),
    (DriveConfig(sectors=8, model="\n"), "at most 40 printable"),
    (DriveConfig(sectors=8, bus=1), "two IDE drives at 1.0"),
])  # fmt: skip
def test_refused_drives(drive, message):
    with pytest.raises(UsageError, match=message):
        parts(drives=(DRIVES[1], drive))


def test_a_drive_in_a_description_has_sectors():
    plain = dataclasses.replace(GOOD, **parts(drives=DRIVES)).to_json()
    plain["outside"] = [{**end, "sectors": 0} if end["type"] == "drive" else end for end in plain["outside"]]
    with pytest.raises(FormatError, match="0 sectors"):
        PcConfig.from_json(plain, GOOD.blobs().__getitem__)


def test_what_firmware_reads_about_drives():
    assert disks.boot_order(DRIVES) == b"/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@0\0"
    assert disks.boot_order(()) == disks.boot_order((DriveConfig(sectors=8),)) == b"" and disks.cmos(()) == {}
    large = DriveConfig(unit=1, sectors=4 << 21)
    values = disks.cmos((*DRIVES, large))
    assert (values[0x12], values[0x19], values[0x1A], values[0x39]) == (0xFF, 47, 47, 4)
    assert [values[0x1B + i] for i in range(9)] == [40, 0, 16, 0xFF, 0xFF, 0xC8, 40, 0, 63]


def test_boot_order_with_network_cards():
    """Device paths as QEMU writes them (tests/guest/test_network_boot.py compares)."""
    cards = [(1, "05.0"), (0, "1f.1"), (None, "3.0")]
    order = disks.boot_order((DriveConfig(sectors=100, boot_index=2),), (None,), cards)
    assert order.decode() == (
        "/pci@i0cf8/ethernet@1f,1/ethernet-phy@0\n/pci@i0cf8/ethernet@5/ethernet-phy@0\n"
        "/pci@i0cf8/ide@1,1/drive@0/disk@0\0"
    )
    assert disks.boot_order((), strict=True) == b""
    assert disks.boot_order((), (3,), strict=True) == b"/pci@i0cf8/isa@1/fdc@03f0/floppy@0\nHALT\0"


def test_what_firmware_is_told_of_starting():
    config = dataclasses.replace(GOOD, boot_menu=True, menu_wait=0, fail_wait=-1, boot_strict=True, boot_once="n")
    plain = config.to_json()
    assert (plain["menu_wait"], plain["fail_wait"]) == (0, -1) and plain["boot_menu"] is True
    assert PcConfig.from_json(plain, config.blobs().__getitem__) == config
    files = pc_memory.firmware_files(config, pc_memory.acpi(config))
    assert files["etc/boot-menu-wait"] == bytes(2) and files["etc/boot-fail-wait"] == b"\xff" * 4
    assert not {"boot_once", "boot_menu", "boot_strict", "menu_wait", "fail_wait"} & GOOD.to_json().keys()
    for change in ({"menu_wait": -1}, {"fail_wait": -2}, {"boot_once": "x"}, {"boot_menu": 1}, {"menu_wait": "1"}):
        with pytest.raises(FormatError):
            PcConfig.from_json(plain | change, config.blobs().__getitem__)
