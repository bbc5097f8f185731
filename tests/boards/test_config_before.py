"""Descriptions of machines as Playhead 0.2.0 wrote them are read as the machines that they are: those of the kept
recordings, of every option that there was, and damaged ones; and states that it left in disk images.
"""

from pathlib import Path
from typing import Any

import pytest

from playhead.base.errors import FormatError, UsageError
from playhead.boards.config import PcConfig, digest
from playhead.boards.drive_config import DriveConfig
from playhead.boards.pc_devices import parts
from playhead.cli import main
from playhead.log.moment import START
from playhead.log.reader import Reader
from playhead.session.snapshots import Saved
from playhead.session.vm_state import pack, unpack

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
BIOS = bytes(1 << 16)
SHORT = {
    "ram_bytes": 128 << 20, "cpu": "pentium2", "kernel": None, "initrd": None, "append": "", "bios": "hash",
    "serial": ["stdio", "null"], "rtc_base": "utc", "rtc_clock": "host", "debugcon": 0x402, "debug_exit": 0x501,
    "debug_exit_size": 4, "graphics": True, "machine": "pc-2",
}  # fmt: skip
DRIVES = [
    {"bus": 0, "unit": 0, "kind": "hd", "sectors": 40960, "read_only": False, "serial": "PH00001",
     "model": "PLAYHEAD DISK", "boot_index": 1},
    {"bus": 1, "unit": 0, "kind": "cdrom", "sectors": 0, "read_only": True, "serial": "PH00002",
     "model": "PLAYHEAD DVD-ROM", "boot_index": None},
]  # fmt: skip
FULL = SHORT | {"drives": DRIVES, "boot": "dc", "rtc_clock": "vm", "rtc_base": "2024-02-29T12:34:56", "graphics": False}


OLD = "pc-2"


def read(plain: dict[str, Any]) -> PcConfig:
    return PcConfig.from_json(plain, lambda digest: BIOS)


def test_a_short_and_a_full_one() -> None:
    made = parts(OLD, serial=("stdio", "null"), debugcon=0x402, debug_exit=0x501, debug_exit_size=4)
    assert read(SHORT) == PcConfig(bios=BIOS, machine=OLD, **made)
    made = parts(OLD, serial=("stdio", "null"), debugcon=0x402, debug_exit=0x501, debug_exit_size=4,
                 drives=[DriveConfig(**drive) for drive in DRIVES])  # fmt: skip
    full = read(FULL)
    clock = {"rtc_clock": "vm", "rtc_base": "2024-02-29T12:34:56"}
    assert full == PcConfig(bios=BIOS, machine=OLD, boot="dc", graphics=False, **clock, **made)
    assert [drive.to_json() for drive in full.drives] == DRIVES and full.serial == ("stdio", "null")
    assert read(full.to_json()) == full


def test_what_it_does_not_say_is_what_it_was() -> None:
    config = read({"machine": "pc-2", "bios": "hash"})
    assert config == PcConfig(bios=BIOS, machine=OLD) and config.serial == ("null",) and config.ram_bytes == 128 << 20
    none = read(SHORT | {"serial": [], "debugcon": None, "debug_exit": None})
    assert [e.driver for e in none.devices if e.driver.startswith("isa-")] == ["isa-i8259", "isa-pit", "isa-pcspk"]


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("pc-2/*.ph")), ids=lambda path: path.stem)
def test_the_kept_recordings(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Reader(str(path)) as reader:
        assert reader.container.format == 3 and "devices" not in reader.meta["config"]
        config = PcConfig.from_json(reader.meta["config"], reader.blob)
        names = ["cpu", "tlb", "ram", "clock", *(e.id for e in config.devices if e.driver not in ("ide-hd", "ide-cd"))]
        assert {*reader.parts} == {*names, *(["storage"] if config.drives else [])}
    assert main(["info", str(path)]) == 0 and "pc-2, " in capfd.readouterr().out


@pytest.mark.parametrize("change", [
    {"serial": "null"}, {"serial": [1]}, {"serial": ["null"] * 5}, {"serial": True}, {"debugcon": "x"},
    {"debugcon": 0x10000}, {"debugcon": -1}, {"debug_exit": 0xFFFF}, {"debug_exit_size": None}, {"debug_exit_size": 9},
    {"drives": "hd"}, {"drives": [7]}, {"drives": [{"colour": 1}]}, {"drives": [{"sectors": "8"}]},
    {"drives": [{"sectors": True}]}, {"drives": [{"sectors": 8, "boot_index": "0"}]}, {"drives": [{"sectors": -8}]},
    {"drives": [{"sectors": 8, "read_only": 1}]}, {"drives": [{"sectors": 8}, {"sectors": 8}]}, {"drives": None},
    {"colour": "red"}, {"outside": []},
])  # fmt: skip
def test_damaged_ones(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        read(SHORT | change)


def state(config: dict[str, Any]) -> bytes:
    class Older:
        def to_json(self) -> dict[str, Any]:
            return {**config, "bios": digest(BIOS), "outside": []}

    packed = pack(Saved("here", START, 0, "now", {}, {}), Older())
    return packed.replace(b', "outside": []', b" " * 15)


def test_a_state_in_an_image_fits_the_same_machine() -> None:
    """There only the number of serial ports was kept."""
    config = read(FULL)
    assert unpack(state(FULL | {"serial": 2}), config, "it").name == "here"
    with pytest.raises(UsageError, match=r"device serial1 was None, not .*isa-serial.*; give the options"):
        unpack(state(FULL | {"serial": 1}), config, "it")
    with pytest.raises(UsageError, match=r"drive ide0-hd0 was read_only=False,sectors=8"):
        unpack(state(FULL | {"serial": 2, "drives": [{**DRIVES[0], "sectors": 8}, DRIVES[1]]}), config, "it")
    for damage in ({"serial": -1, "drives": 7}, {"drives": [7]}, {"debugcon": []}):
        with pytest.raises((FormatError, UsageError)):
            unpack(state(FULL | damage), config, "it")


def test_a_state_of_now_is_compared_device_by_device() -> None:
    config, other = (PcConfig(bios=BIOS, machine=OLD, **parts(serial=words)) for words in (("stdio",), ("null",)))
    packed = pack(Saved("here", START, 0, "now", {}, {}), config)
    assert unpack(packed, other, "it").name == "here"  # what is at the other end does not matter
    with pytest.raises(UsageError, match=r"device debugcon was None, not chardev=debugcon,driver=isa-debugcon"):
        unpack(packed, PcConfig(bios=BIOS, machine=OLD, **parts(debugcon=0x402)), "it")
