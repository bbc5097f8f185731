"""QEMU's words for devices: what -device and -global say, parsed by what the devices declare, and made into the list
that a machine's description has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli import screen_options
from playhead.cli.audio_options import MODELS, audio
from playhead.cli.netdev_options import OTHER_CARDS
from playhead.cli.network import network
from playhead.cli.option_table import Given, Sub, naming, pairs, sub_options
from playhead.cli.serial_ports import chardevs, serial_specs, word
from playhead.cli.structured_value import is_json, json_object
from playhead.cli.value_types import Type, identifier
from playhead.hw.declared import OUTSIDE, Declared, kind_of

if TYPE_CHECKING:
    from playhead.boards.entry import Entry, Outside

OWN = ("name", "id", "bus")  # of a parsed -device: what is no property


def device(text: str) -> Given:
    """The value of -device: its name, perhaps id and bus, and the properties that are given."""
    if is_json(text):
        return _of_json(json_object(text))
    name, _, rest = text.partition(",")
    given = pairs(rest) if rest else {}
    known = _creatable(name.removeprefix("driver="))
    own = _own(known, given)
    own.update(known.parse(given))
    return own


def _of_json(given: dict[str, Any]) -> Given:
    """The same as JSON, whose values have the types of the properties."""
    if not isinstance(given.get("driver"), str):
        raise UsageError("the key 'driver' is missing, the device's name")
    known = _creatable(given.pop("driver"))
    own = _own(known, given)
    for name, value in given.items():
        known.property(name).check(value, known.name)
        if value is None:
            raise UsageError(f"property '{known.name}.{name}' cannot be null")
    own.update(given)
    return own


def _own(known: Declared, given: dict[str, Any]) -> Given:
    """What is no property, taken out of what is given."""
    own = Given(name=known.name)
    if "id" in given:
        own["id"] = identifier(str(given.pop("id")))
    if "bus" in given:
        own["bus"] = _bus(known, str(given.pop("bus")))
    return own


# QEMU's devices that this version does not have, by how their names begin
ELSEWHERE = {
    OTHER_CARDS: "its network cards are rtl8139 and e1000",
    ("ES1370", "es1370", "sb16", "adlib", "gus", "cs4231a", "intel-hda", "hda-", "ich9-intel-hda"):
        "its sound device is AC97",
    ("cirrus-vga", "qxl", "bochs-display", "vmware-svga", "isa-vga", "ramfb", "secondary-vga", "virtio-vga",
     "virtio-gpu"):
        "its graphics card is VGA",
    ("usb-tablet", "usb-wacom-tablet", "virtio-tablet"):
        "it has a PS/2 mouse, which moves by so much; a tablet, for positions, comes with virtio",
    ("usb-mouse", "usb-kbd", "virtio-mouse", "virtio-keyboard"): "it has a PS/2 keyboard and mouse without being asked",
    ("virtio-",): "it has no virtio; drives are ide-hd and ide-cd",
    ("usb-", "piix3-usb", "piix4-usb", "ich9-usb", "nec-usb", "qemu-xhci", "pci-ohci", "ich9-ehci"): "it has no USB",
    ("scsi-", "lsi", "megasas", "mptsas", "am53c974", "dc390", "pvscsi", "ich9-ahci", "ahci", "nvme", "sd-", "sdhci"):
        "its drives are ide-hd and ide-cd",
    ("isa-fdc", "floppy"): "it has no floppy drives",
    ("isa-parallel",): "it has no parallel port",
    ("pci-serial", "tpci200", "ipoctal"): "its serial ports are isa-serial",
    ("pci-bridge", "pcie-", "ioh3420", "pxb", "i82801b11", "xio3130", "x3130"): "its only PCI bus is pci.0",
    ("ib700", "i6300esb", "diag288"): "it has no watchdog",
    ("vfio-", "kvm-", "ivshmem", "xen-", "vhost-"): "no device of the host can be recorded",
    ("pvpanic", "vmcoreinfo", "vmgenid", "edu", "pc-dimm", "nvdimm", "tpm-", "isa-ipmi", "ipmi-", "intel-iommu"):
        "it has no such device",
}  # fmt: skip


def _creatable(name: str) -> Declared:
    """Raises UsageError, or UnsupportedError for what QEMU has."""
    from playhead.devices import registry

    try:
        return registry.creatable(name)
    except UsageError:
        if name in registry.CLASSES:
            raise
        for heads, why in ELSEWHERE.items():
            if name.startswith(heads):
                there = ", ".join(registry.creatable_names())
                raise UnsupportedError(f"this version has no device '{name}': {why}; there is {there}") from None
        raise


DEVICE = Type("NAME[,KEY=VALUE...]", device, completes="device")


def _bus(known: Declared, text: str) -> str:
    from playhead.devices import registry

    buses = [bus for other in registry.every() for bus in other.provides]
    if text not in buses:
        raise UsageError(f"bus '{text}' not found; there is {', '.join(buses)}")
    if kind_of(text) != known.bus:
        raise UsageError(f"device '{known.name}' can't go on bus {text}: its bus is {known.bus}")
    return text


GLOBAL_SUBS = (Sub("driver", str), Sub("property", str), Sub("value", str))


def global_property(text: str) -> tuple[str, Any]:
    """The value of -global, `DEVICE.PROPERTY=VALUE` or `driver=DEVICE,property=PROPERTY,value=VALUE`: it is for every
    device of this name that does not say another.
    """
    from playhead.devices import registry

    name, equals, value = text.partition("=")
    if "." not in name or not equals:  # a value of the short form may have commas
        given = sub_options(text, GLOBAL_SUBS)
        if missing := [sub.name for sub in GLOBAL_SUBS if sub.name not in given]:
            raise UsageError(f"{missing[0]}= is missing; the short form is DEVICE.PROPERTY=VALUE")
        name, equals, value = f"{given['driver']}.{given['property']}", "=", given["value"]
    driver, dot, prop = name.rpartition(".")
    if not equals or not dot:
        raise UsageError(f"unknown property '{name}': it should be DEVICE.PROPERTY=VALUE")
    if driver not in registry.CLASSES:
        raise UsageError(f"unknown property '{name}': there is no device '{driver}' (-device help lists some)")
    known = registry.declared(driver).property(prop)
    if known.type in OUTSIDE:
        raise UsageError(f"property '{name}' is one device's own: -device {driver},{prop}=ID")
    return name, known.parse(value, driver)


GLOBAL = Type("DEVICE.PROPERTY=VALUE", global_property, completes="property")


def list_devices(about: str) -> str | None:
    """What -device help and -device NAME,help print."""
    from playhead.devices import registry

    if not about:
        return registry.list_text()
    return registry.declared(about).help_text() if about in registry.creatable_names() else None


def listed(machine: str, parts: dict[str, Any], everywhere: dict[str, Any], without: Sequence[str]) -> Any:
    """The machine's list, with what `entries` found in it. Where devices do not fit together, the option is named with
    which that began.
    """
    from playhead.boards import pc_devices
    from playhead.devices import registry

    def tried(first: int) -> Any:
        found = pc_devices.listed(machine, parts["more"][:first], everywhere, without)
        used = {use for entry in found for use in registry.declared(entry.driver).outside(entry.values)}
        pc_devices.check(machine, found, [end for end in parts["outside"] if (end.type, end.id) in used])
        return found

    try:
        return tried(len(parts["said"]))
    except UsageError:
        for n, option in enumerate(parts["said"], 1):
            with naming(option):
                tried(n)
        raise


class _Found:
    """Devices that the options ask for, each with its option, and what they use of the outside."""

    def __init__(self) -> None:
        self.more: list[Entry] = []
        self.said: list[str] = []
        self.outside: list[Outside] = []

    def add(self, said: str, entry: Entry, *ends: Outside) -> None:
        self.said.append(said)
        self.more.append(entry)
        self.outside += ends


def entries(values: dict[str, Any], drives: Any) -> dict[str, Any]:
    """What `pc_devices.listed` makes a machine's list of: the devices that the options ask for beside the machine's own
    (`more`), and what they use of the outside. `drives`: the opened ones.
    """
    from playhead.boards import pc_devices

    found = _Found()
    for spec, config in zip(drives.specs, drives.configs, strict=True):
        found.add(spec.said, *pc_devices.of_drive(config, spec.id, spec.name))
    _add_ports(found, values)
    _add_cards(found, values)
    _add_devices(found, values)
    return {"more": found.more, "outside": tuple(found.outside), "said": found.said}


def _add_ports(found: _Found, values: dict[str, Any]) -> None:
    from playhead.boards.entry import Entry, Outside

    for n, spec in enumerate(serial_specs(values)):
        found.add(f"-serial {spec}", Entry("isa-serial", "", {"chardev": f"serial{n}"}),
                  Outside("chardev", f"serial{n}", {"backend": word(values, spec)}))  # fmt: skip
    if values["debugcon"] not in (None, "none"):
        found.add(f"-debugcon {values['debugcon']}", Entry("isa-debugcon", "", {"chardev": "debugcon"}),
                  Outside("chardev", "debugcon", {"backend": word(values, values["debugcon"])}))  # fmt: skip


def _add_cards(found: _Found, values: dict[str, Any]) -> None:
    """Of the screen, the network and sound, as far as no -device asks for them."""
    from playhead.boards.entry import Entry, Outside

    vga = screen_options.card(values)
    if vga is not None:
        found.add(vga[1], vga[0])
    networks, sound = network(values), audio(values)
    for card in networks.cards:
        found.add(card.said, Entry(card.model, "", card.values))
    found.outside += (Outside("netdev", netdev.id, {"backend": netdev.kind}) for netdev in networks.netdevs)
    for one in sound.cards:
        found.add(one.said, Entry(one.driver, "", one.values))
    found.outside += (Outside("audiodev", end.id, {"backend": end.driver, "captures": end.captures})
                      for end in sound.audiodevs)  # fmt: skip


def _add_devices(found: _Found, values: dict[str, Any]) -> None:
    """Those of -device, but for drives."""
    from playhead.boards import pc_devices
    from playhead.boards.entry import Entry, Outside

    known, taken, unsaid = chardevs(values), set[str](), audio(values).unsaid
    for asked in values["devices"]:
        if asked["name"] in pc_devices.DRIVES:
            continue
        given = {name: value for name, value in asked.items() if name not in OWN}
        if asked["name"] in MODELS.values() and unsaid:
            given.setdefault("audiodev", unsaid)
        found.add(getattr(asked, "said", ""), Entry(asked["name"], asked.get("id", ""), given))
        if (id := given.get("chardev")) in known:
            if id in taken and known[id].mux:  # several share it: the machine has an end for each
                others = (f"{id}.{n}" for n in count(2))
                given["chardev"] = next(name for name in others if name not in (*known, *taken))
            if given["chardev"] not in taken:
                found.outside.append(Outside("chardev", given["chardev"], {"backend": known[id].backend}))
            taken.add(given["chardev"])
