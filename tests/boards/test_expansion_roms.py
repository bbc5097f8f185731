"""Expansion ROMs in a machine's description: what fits, what a recording keeps, what firmware finds."""

import dataclasses
import json
import sys
from types import ModuleType

import pytest
from device_bench import Nobody

from playhead.base.errors import FormatError, UsageError
from playhead.boards import pc, pc_devices, pc_memory
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry, Rom
from playhead.devices import registry
from playhead.devices.pci.bus import COMMAND, PciState, Reg, addr, identity
from playhead.devices.pci.expansion_rom import ROM_BAR, ROM_PROPERTIES, PciCard
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared
from playhead.hw.memory import Memory

DATA = b"\x55\xaa" + bytes(3000)


class ToyCard(PciCard[PciState]):
    State = PciState
    part = "toy"
    ROM_FILE = "toy.rom"
    QEMU = Declared("toy", "PCI", "a card", (addr(), *ROM_PROPERTIES), most=0, creatable=True, category="Network")
    CONFIG = (*identity(0x1234, 0x5678, 1, 0x020000), Reg(COMMAND, 2, 0, 7, name="PCICMD"))

    @classmethod
    def build(cls, name, at, p):
        return cls(name)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    module = ModuleType("playhead.devices.toy")
    module.ToyCard = ToyCard
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry.CLASSES, "toy", "toy.ToyCard")


def described(*roms: bytes, **values) -> PcConfig:
    entries = [Entry("toy", f"net{n}", {"romfile": "toy.rom", **values}) for n in range(len(roms))]
    return PcConfig(bios=bytes(0x10000), devices=pc_devices.listed("pc-3", entries), machine="pc-3",
                    roms=tuple(Rom(f"net{n}", data) for n, data in enumerate(roms)))  # fmt: skip


def board(config: PcConfig):
    config.check()
    memory = Memory(pc_memory.area_size(config))
    return pc.build(config, VirtualClock(lambda: 0), memory, None, Nobody(), None)


def test_a_recording_keeps_the_content_once():
    config = described(DATA, DATA)
    plain = json.loads(json.dumps(config.to_json()))
    assert [rom["device"] for rom in plain["roms"]] == ["net0", "net1"] and len(config.blobs()) == 2
    assert PcConfig.from_json(plain, config.blobs().__getitem__) == config
    assert "roms" not in dataclasses.replace(config, roms=(), devices=pc_devices.listed("pc-3", [])).to_json()


@pytest.mark.parametrize("change", [
    {"roms": []}, {"roms": 7}, {"roms": [{}]}, {"roms": [None]}, {"roms": [{"device": "net0", "data": 5}]},
    {"roms": [{"device": "pci", "data": "x"}]}, {"roms": [{"device": "net0", "data": "x"}] * 2},
])  # fmt: skip
def test_descriptions_that_are_not_trusted(change):
    config = described(DATA)
    with pytest.raises((FormatError, KeyError)):
        PcConfig.from_json(config.to_json() | change, lambda key: {"x": DATA, **config.blobs()}[key])


@pytest.mark.parametrize("data,values,message", [
    (b"", {}, "is empty"), (bytes((16 << 20) + 1), {}, "too large"), (DATA, {"romsize": 3000}, "power of two"),
    (DATA, {"romsize": 2048}, "3002 bytes, which is more than romsize=2048"), (DATA, {"romfile": ""}, "not the name"),
    (DATA, {"romfile": "a/b"}, "not the name"), (DATA, {"romfile": "x" * 48, "rombar": 0}, "at most 47 ASCII"),
])  # fmt: skip
def test_refusals(data, values, message):
    with pytest.raises(UsageError, match=message):
        described(data, **values).check()


def test_the_board_puts_each_into_its_card():
    built = board(described(DATA, b"second", romsize=0x4000))
    for n, content in enumerate((DATA, b"second")):
        card = built.bus.find(0, (2 + n) << 3)
        card.config_write(COMMAND, 2, 2)
        card.config_write(ROM_BAR, 4, 0xFE000001 + n * 0x10000)
        assert built.memory.read(0xFE000000 + n * 0x10000, 0x4000) == content.ljust(0x4000, b"\0")
    assert [region.name for region in built.regions if region.rom] == ["rom", "bios", "net0.rom", "net1.rom"]


def test_without_a_register_firmware_finds_it_in_fw_cfg():
    config = described(DATA, rombar=0)
    built = board(config)
    assert b"genroms/toy.rom" in built.firmware_items[0x19] and DATA in built.firmware_items.values()
    built.bus.find(0, 2 << 3).config_write(ROM_BAR, 4, 0xFFFFFFFF)
    assert built.bus.find(0, 2 << 3).word(ROM_BAR, 4) == 0
    assert b"genroms" not in board(described(DATA)).firmware_items[0x19]
