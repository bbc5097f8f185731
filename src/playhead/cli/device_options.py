"""QEMU's words for devices: what -device and -global say, parsed by what the devices declare, and made into the list
that a machine's description has.
"""

from itertools import count
from typing import Any

from playhead.base.errors import UsageError
from playhead.cli.options import Given, pairs
from playhead.cli.serial_ports import chardevs, serial_specs, word
from playhead.cli.value_types import Type, identifier
from playhead.hw.declared import OUTSIDE, Declared, kind_of

OWN = ("name", "id", "bus")  # of a parsed -device: what is no property


def device(text: str) -> Given:
    """The value of -device: its name, perhaps id and bus, and the properties that are given."""
    from playhead.devices import registry

    name, _, rest = text.partition(",")
    known = registry.creatable(name.removeprefix("driver="))
    given = pairs(rest) if rest else {}
    own = Given(name=known.name)
    if "id" in given:
        own["id"] = identifier(given.pop("id"))
    if "bus" in given:
        own["bus"] = _bus(known, given.pop("bus"))
    own.update(known.parse(given))
    return own


DEVICE = Type("NAME[,KEY=VALUE...]", device, completes="device")


def _bus(known: Declared, text: str) -> str:
    from playhead.devices import registry

    buses = [bus for other in registry.every() for bus in other.provides]
    if text not in buses:
        raise UsageError(f"bus '{text}' not found; there is {', '.join(buses)}")
    if kind_of(text) != known.bus:
        raise UsageError(f"device '{known.name}' can't go on bus {text}: its bus is {known.bus}")
    return text


def global_property(text: str) -> tuple[str, Any]:
    """The value of -global, `DEVICE.PROPERTY=VALUE`: it is for every device of this name that does not say another."""
    from playhead.devices import registry

    name, equals, value = text.partition("=")
    driver, dot, prop = name.rpartition(".")
    if not equals or not dot:
        raise UsageError(f"unknown property '{name}': it should be DEVICE.PROPERTY=VALUE")
    if driver not in registry.CLASSES:
        raise UsageError(f"unknown property '{name}': there is no device '{driver}' (-device help lists some)")
    known = registry.declared(driver).property(prop)
    if known.type in OUTSIDE:
        raise UsageError(f"property '{name}' is one device's own: -device {driver},{prop}=ID")
    return name, known.parse(value, driver)


def list_devices(about: str) -> str | None:
    """What -device help and -device NAME,help print."""
    from playhead.devices import registry

    if not about:
        return registry.list_text()
    return registry.declared(about).help_text() if about in registry.creatable_names() else None


def entries(values: dict[str, Any], drives: Any) -> dict[str, Any]:
    """What `pc_devices.listed` makes a machine's list of: the devices that the options ask for beside the machine's own
    (`more`), and what they use of the outside. `drives`: the opened ones.
    """
    from playhead.boards import pc_devices
    from playhead.boards.entry import Entry, Outside

    more: list[Entry] = []
    outside: list[Outside] = []
    for spec, config in zip(drives.specs, drives.configs, strict=True):
        entry, end = pc_devices.of_drive(config, spec.id)
        more.append(entry)
        outside.append(end)
    for n, spec in enumerate(serial_specs(values)):
        more.append(Entry("isa-serial", "", {"chardev": f"serial{n}"}))
        outside.append(Outside("chardev", f"serial{n}", {"backend": word(values, spec)}))
    if values["debugcon"] not in (None, "none"):
        more.append(Entry("isa-debugcon", "", {"chardev": "debugcon"}))
        outside.append(Outside("chardev", "debugcon", {"backend": word(values, values["debugcon"])}))
    known, taken = chardevs(values), set[str]()
    for asked in values["devices"]:
        if not asked["name"].startswith("ide-"):
            given = {name: value for name, value in asked.items() if name not in OWN}
            more.append(Entry(asked["name"], asked.get("id", ""), given))
            if (id := given.get("chardev")) in known:
                if id in taken and known[id].mux:  # several share it: the machine has an end for each
                    others = (f"{id}.{n}" for n in count(2))
                    given["chardev"] = next(name for name in others if name not in (*known, *taken))
                if given["chardev"] not in taken:
                    outside.append(Outside("chardev", given["chardev"], {"backend": known[id].backend}))
                taken.add(given["chardev"])
    return {"more": more, "outside": tuple(outside)}
