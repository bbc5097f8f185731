"""The list of devices that a PC is: where what is asked for goes, what properties come to, what cannot be built; and
that a device that nobody has heard of needs no more than its class and a line in the registry.
"""

from collections.abc import Mapping
from typing import Any, Self

import pytest
from test_pc import LINUX, Rig

from playhead.base.errors import FormatError, UnsupportedError, UsageError
from playhead.base.record import Bool
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import DriveConfig
from playhead.boards.entry import Entry, Outside
from playhead.boards.pc_devices import check, listed, parts
from playhead.devices import registry
from playhead.devices.pci.bus import COMMAND, Bar, PciFunction, PciState, Reg, addr, identity
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

VERSION = PcConfig().machine


class CardState(PciState):
    wanted = Bool()


class Card(PciFunction[CardState]):
    """A card of nobody's: a write to its port raises INTA, a read lowers it."""

    State = CardState
    part = "test_card"
    QEMU = Declared(
        "test-card", "PCI", "a card for this test", (
            addr(), Property("mac", "mac", "52:54:00:12:34:56", "its address"), Property("netdev", "netdev"),
        ), wires=("intA",), most=0, creatable=True, category="Network", needs=("PIIX3",), aliases=("test-card-1",),
    )  # fmt: skip
    CONFIG = (*identity(0x1AF4, 0x10FF, 0, 0x020000), Reg(COMMAND, 2, 0, 7, name="PCICMD"))
    BARS = (Bar(0, 16, io=True),)

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.pci_line(p["addr"], name), at.clock, at.memory, p["mac"])

    def __init__(self, name: str, io: Space, line: Line, clock: VirtualClock, memory: Memory, mac: str):
        super().__init__(name)
        self._io, self._line, self.mac = io, line, mac
        self.alarm = clock.alarm(f"{name}.alarm", lambda: None)

    def loaded(self) -> None:
        self._line.restore(self.state.wanted)

    def config_changed(self, offset: int, size: int) -> None:
        if (base := self.bar(0)) is not None:
            self._io.map(base, 16, self._read, self._write, name=self.name)

    def _read(self, address: int, size: int) -> int:
        self.state.wanted = False
        self._line.set(False)
        return 0x42

    def _write(self, address: int, size: int, value: int) -> None:
        self.state.wanted = True
        self._line.set(True)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> type[Card]:
    """The line in the registry."""
    import playhead.devices.pci.bus as somewhere

    monkeypatch.setattr(somewhere, "Card", Card, raising=False)
    monkeypatch.setitem(registry.CLASSES, "test-card", "pci.bus.Card")
    return Card


def with_cards(*entries: Entry) -> PcConfig:
    return PcConfig(bios=bytes(1 << 16), ram_bytes=8 << 20, **parts(more=entries))


def test_a_new_card_finds_its_slot_its_interrupt_and_its_place(card: type[Card]) -> None:
    config = with_cards(Entry("test-card", "net0"), Entry("test-card-1", "", {"addr": "04.0"}), Entry("test-card", ""))
    found = [(entry.id, entry.values["addr"]) for entry in config.all_of("test-card")]
    assert found == [("net0", "02.0"), ("test-card.1", "04.0"), ("test-card.2", "03.0")]
    rig = Rig(config)
    assert list(rig.board.devices)[-4:] == ["vga", "net0", "test-card.1", "test-card.2"]
    assert [alarm.name for alarm in rig.clock.alarms][-3:] == ["net0.alarm", "test-card.1.alarm", "test-card.2.alarm"]
    assert rig.config(2, 0, 0) == 0x10FF1AF4 and rig.board.find(Card).mac == "52:54:00:12:34:56"


def test_a_card_interrupts_through_the_bridge_and_a_load_restores_it(card: type[Card]) -> None:
    rig, other = (Rig(with_cards(Entry("test-card", "a"), Entry("test-card", "b"))) for _ in range(2))
    for slot, port in ((2, 0xC000), (3, 0xC100)):
        rig.board.bus.find(0, slot << 3).program(0x10, 4, port)
        rig.board.bus.find(0, slot << 3).program(COMMAND, 2, 1)
    rig.board.isa.program(0x60, 4, 0x0B0B0A0A)  # PIRQA and B to interrupt 10, C and D to 11
    irqs = rig.board.irqs
    rig.outb(0xC000, 1)  # slot 2, INTA: PIRQB
    assert irqs[10].line.level and not irqs[11].line.level
    rig.outb(0xC100, 1)  # slot 3: PIRQC
    assert irqs[11].line.level and rig.inb(0xC000) == 0x42 and not irqs[10].line.level
    for name, device in rig.board.devices.items():
        other.board.devices[name].load(device.save())
    other.board.loaded()
    assert other.board.irqs[11].line.level and other.board.pirqs[2].line.level
    assert not other.board.irqs[10].line.level
    other.board.bus.find(0, 3 << 3)._read(0, 1)
    assert not other.board.irqs[11].line.level


def test_a_description_with_a_card_is_recorded_and_refused_where_there_is_none(
    card: type[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_cards(Entry("test-card", "net0", {"mac": "52:54:00:12:34:57"}))
    plain = config.to_json()
    assert plain["devices"][-1] == {"driver": "test-card", "id": "net0", "addr": "02.0", "mac": "52:54:00:12:34:57"}
    assert PcConfig.from_json(plain, config.blobs().__getitem__) == config
    monkeypatch.undo()
    with pytest.raises(UnsupportedError, match="its device 'test-card' is not known here"):
        PcConfig.from_json(plain, config.blobs().__getitem__)


def test_places_and_ids() -> None:
    more = [Entry("isa-debug-exit", "x"), Entry("isa-serial", ""), Entry("isa-serial", "console", {"irq": 5}),
            Entry("isa-serial", "", {"index": 3})]  # fmt: skip
    found = [(entry.driver, entry.id, dict(entry.values)) for entry in listed(VERSION, more)]
    assert found[[id for _, id, _ in found].index("serial0") :] == [
        ("isa-serial", "serial0", {"index": 0, "iobase": 0x3F8, "irq": 4}),
        ("isa-serial", "console", {"index": 1, "iobase": 0x2F8, "irq": 5}),
        ("isa-serial", "serial3", {"index": 3, "iobase": 0x2E8, "irq": 3}),
        ("fw_cfg_io", "fw_cfg", {}), ("isa-debug-exit", "x", {}), ("vga-text", "vga", {}),
    ]  # fmt: skip


def test_a_property_for_all_of_a_name() -> None:
    entries = [Entry("isa-serial", ""), Entry("isa-serial", "", {"irq": 7})]
    found = listed(VERSION, entries, {"isa-serial.irq": 5, "ioapic.version": 0x11})
    assert [entry.values["irq"] for entry in found if entry.driver == "isa-serial"] == [5, 7]
    assert next(entry for entry in found if entry.driver == "ioapic").values == {"version": 0x11}


@pytest.mark.parametrize("more, message", [
    ([Entry("isa-serial", "")] * 5, "COM1 to COM4 are all there is"),
    ([Entry("isa-serial", "", {"index": 1})] * 2, r"index=1 \(COM2\) is another one's"),
    ([Entry("isa-debug-exit", "", {"iosize": 9})], "it takes a number from 1 to 8"),
    ([Entry("isa-debug-exit", "", {"colour": 1})], "property 'isa-debug-exit.colour' not found"),
    ([Entry("ide-hd", "")], "ide-hd needs drive=, the id of a drive"),
    ([Entry("ide-hd", "", {"drive": "a"}, "ide.2")], "no such place is free"),
    ([Entry("ne2k_pci", "")], "unknown device 'ne2k_pci'"),
    ([Entry("isa-debug-exit", "", {"iobase": 0x60})], "isa-debug-exit 'debug_exit' at I/O ports 0x60-0x61: isa-pcspk "
     "'port61' is at 0x61; iobase=N puts isa-debug-exit elsewhere"),
    ([Entry("isa-serial", ""), Entry("isa-serial", "", {"iobase": 0x3FF})], "isa-serial 'serial1' is at 0x3ff-0x406"),
])  # fmt: skip
def test_what_cannot_be_listed(more: list[Entry], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listed(VERSION, more)


@pytest.mark.parametrize("more, outside, message", [
    ([Entry("isa-serial", "pic")], [], "id=pic: another device has this id"),
    ([Entry("isa-serial", "cpu")], [], "id=cpu: another device has this id"),
    ([Entry("isa-serial", "x" * 65)], [], "an id begins"),
    ([Entry("isa-serial", "", {"chardev": "c"})], [], "there is no chardev 'c'"),
    ([Entry("isa-serial", "", {"chardev": "c"})] * 2, [Outside("chardev", "c", {"backend": "null"})],
     "'c' is used already"),
    ([], [Outside("chardev", "c", {"backend": "null"})], "no device uses 'c'"),
    ([Entry("isa-serial", "", {"chardev": "c"})], [Outside("chardev", "c")], "chardev 'c' lacks backend"),
    ([Entry("isa-debugcon", "")] * 2, [], "2 devices isa-debugcon: there can be 1"),
    ([Entry("isa-debug-exit", "", {"iobase": 0xFFFF})], [], "iobase=0xffff puts its ports beyond the last one"),
])  # fmt: skip
def test_what_cannot_be_built(more: list[Entry], outside: list[Outside], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(VERSION, listed(VERSION, more), outside)


def test_a_card_where_another_is(card: type[Card]) -> None:
    with pytest.raises(UsageError, match="slot 1 function 1 is not free for test-card: piix3-ide is there"):
        parts(drives=[DriveConfig(sectors=8)], more=[Entry("test-card", "", {"addr": "01.1"})])
    with pytest.raises(UsageError, match="no slot is left"):
        with_cards(*[Entry("test-card", "")] * 31)
    with pytest.raises(UsageError, match=r"there is no netdev 'n'"):
        with_cards(Entry("test-card", "", {"netdev": "n"})).check()


def one(devices: list[dict[str, Any]], driver: str) -> dict[str, Any]:
    return next(device for device in devices if device["driver"] == driver)


@pytest.mark.parametrize("change", [
    lambda d: d.pop(0), lambda d: d.reverse(), lambda d: d.append(dict(d[-1])),
    lambda d: one(d, "isa-serial").update(iobase=-1), lambda d: one(d, "isa-serial").update(irq=True),
    lambda d: one(d, "isa-serial").update(irq=99), lambda d: one(d, "isa-serial").pop("irq"),
    lambda d: one(d, "ioapic").update(version=0x20), lambda d: d[1].update(id=""),
    lambda d: one(d, "PIIX4_PM").update(addr="03.0", x=1), lambda d: one(d, "PIIX4_PM").update(addr="03.0"),
    lambda d: one(d, "isa-serial").pop("iobase"), lambda d: one(d, "isa-serial").update(index="0"),
    lambda d: one(d, "isa-serial").update(bus="pci.0"),
])  # fmt: skip
def test_a_damaged_list_is_refused(change: Any) -> None:
    plain = LINUX.to_json()
    before = [dict(item) for item in plain["devices"]]
    change(plain["devices"])
    assert plain["devices"] != before
    with pytest.raises(FormatError):
        PcConfig.from_json(plain, LINUX.blobs().__getitem__)
