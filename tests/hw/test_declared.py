"""What devices declare: properties read from text and checked, printed as QEMU prints them."""

from typing import Any

import pytest

from playhead.base.errors import UsageError
from playhead.hw.declared import TYPES, Declared, Property, Span

CARD = Declared(
    "card", "PCI", "a card", (
        Property("mac", "mac", None, "its address"), Property("size", "size", 4096), Property("on", "bool", True),
        Property("mode", "enum", "fast", "how", values=("fast", "slow")), Property("name", "str", None, "it", most=4),
        Property("netdev", "netdev"), Property("n", "int32", -1), Property("irq", "uint8", 5, "its interrupt", most=15),
        Property("base", "uint16", 0x300, "ports"), Property("addr", "addr"), Property("big", "uint64"),
        Property("rom", "file"),
    ), wires=("irq{irq}",), ports=(Span("base", 8),), aliases=("card-1",), creatable=True,
)  # fmt: skip


@pytest.mark.parametrize("name, text, value", [
    ("irq", "0x0F", 15), ("irq", "010", 10), ("n", "-1", -1), ("n", "-0x10", -16), ("size", "64K", 65536),
    ("size", "1.5M", 3 << 19), ("size", "0x1000", 4096), ("size", "2g", 2 << 30), ("size", "7B", 7), ("on", "on", True),
    ("on", "off", False), ("on", "no", False), ("mode", "slow", "slow"), ("name", "", ""), ("name", "a,b", "a,b"),
    ("mac", "52:54:00:AB:cd:ef", "52:54:00:ab:cd:ef"), ("addr", "1f.7", "1f.7"), ("addr", "3", "03.0"),
    ("addr", "0x1F", "1f.0"), ("addr", "0x1.0x2", "01.2"),
    ("netdev", "user.0", "user.0"), ("big", str(2**64 - 1), 2**64 - 1),
    ("rom", "/tmp/é x.rom", "/tmp/é x.rom"), ("rom", "", ""),
])  # fmt: skip
def test_values_from_text(name: str, text: str, value: Any) -> None:
    found = CARD.parse({name: text})[name]
    assert found == value and type(found) is type(value)
    CARD.check({name: found})


@pytest.mark.parametrize("name, text", [
    ("irq", "16"), ("irq", "-1"), ("irq", ""), ("irq", "1_0"), ("irq", " 1"), ("irq", "0b1"), ("irq", "٣"),
    ("irq", "9" * 5000), ("size", "9" * 5000),
    ("size", "1.5"), ("size", "1.5B"), ("size", "K"), ("size", str(2**64)), ("size", "999999E"), ("on", "1"),
    ("on", "ON"), ("mode", "medium"), ("name", "abcde"), ("name", "é"), ("name", "a\n"), ("mac", "52:54:00:12:34"),
("rom", "a" * 4097), ("addr", "20"), ("addr", "3.8"), ("addr", "x"), ("netdev", "1"), ("netdev", ""), ("n", str(2**31)),
    ("rom", "a\n"), ("rom", "a" * 4097),
])  # fmt: skip
def test_mistakes_say_what_it_takes(name: str, text: str) -> None:
    with pytest.raises(UsageError) as error:
        CARD.parse({name: text})
    assert str(error.value).startswith(f"property 'card.{name}' cannot be {text!r}: it takes ")


@pytest.mark.parametrize("values", [
    {"irq": "5"}, {"irq": True}, {"irq": 5.0}, {"on": 1}, {"mode": 1}, {"name": b"x"}, {"netdev": 5}, {"size": -1},
])  # fmt: skip
def test_values_of_another_type(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="it takes"):
        CARD.check(values)


def test_what_there_is_not_and_what_has_to_be() -> None:
    with pytest.raises(UsageError, match=r"property 'card.irqs' not found; did you mean 'irq'\?"):
        CARD.parse({"irqs": "1"})
    with pytest.raises(UsageError, match=r"property 'card.colour' not found; there is mac, size, on, mode, "):
        CARD.check({"colour": 1})
    needing = Declared("disk", "IDE", "a disk", (Property("drive", "drive", required=True),))
    needing.check({"drive": "d"})
    for values in ({}, {"drive": None}):
        with pytest.raises(UsageError, match=r"needs drive=|cannot be None"):
            needing.check(values)


def test_what_follows_from_values() -> None:
    values = {**CARD.defaults(), "irq": 9, "base": 0x240, "netdev": "n"}
    assert CARD.lines(values) == ["irq9"] and CARD.ports[0].of(values) == (0x240, 8)
    assert list(CARD.outside(values)) == [("netdev", "n")] and list(CARD.outside(CARD.defaults())) == []


def test_as_qemu_prints_it() -> None:
    assert CARD.list_line() == 'name "card", bus PCI, alias "card-1", desc "a card"'
    assert CARD.help_text().splitlines()[:5] == [
        "card options:", "  addr=<str>", "  base=<uint16>          - ports (default: 768)", "  big=<uint64>",
        "  irq=<uint8>            - its interrupt (default: 5)",
    ]  # fmt: skip
    assert '  mode=<str>             - how, fast/slow (default: "fast")' in CARD.help_text()
    assert "  netdev=<str>           - ID of a netdev to use as a backend" in CARD.help_text()
    assert "  on=<bool>              -  (default: true)" in CARD.help_text()
    assert Declared("x", "ISA", "x").help_text() == "There are no options for x."


def test_every_type_is_tried() -> None:
    assert {known.type for known in CARD.properties} >= set(TYPES) - {"uint32", "chardev", "drive", "audiodev"}
