"""The object tree (QOM) as far as the machine has one: /machine, its processor and devices, their properties.

A device that the machine has of its own, or that a short option made, is in /machine/unattached; one that `-device`
made is in /machine/peripheral, under its id.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.boards.entry import Entry
from playhead.devices import registry
from playhead.hw.declared import INTEGERS, Declared, Property

ROOT, MACHINE = "/", "/machine"
UNATTACHED, PERIPHERAL, ANONYMOUS = (f"{MACHINE}/{name}" for name in ("unattached", "peripheral", "peripheral-anon"))
CPU_PATH = f"{UNATTACHED}/device[0]"
CONTAINER = "container"
PARENTS = {"ISA": "isa-device", "PCI": "pci-device", "IDE": "ide-device", "SYSTEM": "sys-bus-device"}


class Member(NamedTuple):
    """A property of an object, or a child."""

    type: str
    value: Any


Node = Mapping[str, Member]


def cpu_type(model: str) -> str:
    return f"{model}-i386-cpu"


def machine_type(config: PcConfig) -> str:
    return f"{config.machine}-machine"


def parent_type(declared: Declared) -> str:
    return PARENTS.get(declared.bus.upper(), "device")


def _own(entry: Entry) -> bool:
    """Whether no `-device` has given it an id."""
    own = {id for _, id in pc_devices.PLACES if id}
    if entry.id in own:
        return True
    declared = registry.declared(entry.driver)
    if entry.id in [entry.values.get(key) for key in ("drive", "chardev")]:
        return True
    stem = pc_devices.IDS.get(declared.name, "").partition("{")[0]
    return bool(stem) and entry.id.startswith(stem)


def paths(config: PcConfig) -> dict[str, Entry]:
    """Path -> device, for all of them."""
    found, number = {}, 1
    for entry in config.devices:
        if _own(entry):
            found[f"{UNATTACHED}/device[{number}]"] = entry
            number += 1
        else:
            found[f"{PERIPHERAL}/{entry.id}"] = entry
    return found


def path_of(config: PcConfig, id: str) -> str:
    """A device's path."""
    return next(path for path, entry in paths(config).items() if entry.id == id)


def qdev(config: PcConfig, id: str) -> str:
    """What QEMU calls a device by: its id if `-device` gave it one, else its path."""
    path = path_of(config, id)
    return id if path.startswith(f"{PERIPHERAL}/") else path


def tree(config: PcConfig) -> dict[str, Node]:
    """Path -> object."""
    nodes: dict[str, dict[str, Member]] = {
        ROOT: _object(CONTAINER), MACHINE: _object(machine_type(config)),
        UNATTACHED: _object(CONTAINER), PERIPHERAL: _object(CONTAINER), ANONYMOUS: _object(CONTAINER),
        CPU_PATH: _device(cpu_type(config.cpu)),
    }  # fmt: skip
    nodes[MACHINE] |= {"graphics": Member("bool", config.graphics), "kernel-irqchip": Member("OnOffSplit", "off"),
                       "append": Member("string", config.append), "acpi": Member("OnOffAuto", "auto")}  # fmt: skip
    for path, entry in paths(config).items():
        declared = registry.declared(entry.driver)
        nodes[path] = _device(declared.name)
        for name, value in pc_devices.values_of(config.machine, entry).items():
            nodes[path][name] = Member(type_of(declared.property(name)), "" if value is None else value)
    for path in list(nodes)[1:]:
        parent, _, name = path.rpartition("/")
        nodes[parent or ROOT][name] = Member(f"child<{nodes[path]['type'].value}>", path)
    return dict(nodes)


def _object(type: str) -> dict[str, Member]:
    return {"type": Member("string", type)}


def _device(type: str) -> dict[str, Member]:
    flags = {"realized": True, "hotplugged": False, "hotpluggable": False}
    return _object(type) | {name: Member("bool", value) for name, value in flags.items()}


def type_of(known: Property) -> str:
    """In QEMU's words."""
    return known.type if known.type in INTEGERS or known.type == "bool" else "str"


def resolve(nodes: Mapping[str, Node], path: str) -> str | None:
    """The whole path of an object, of which the end may be given if only one has it (`pc`, `device[0]`)."""
    if path.startswith("/"):
        whole = "/" + "/".join(part for part in path.split("/") if part)
        return whole if whole in nodes else None
    ends = [whole for whole in nodes if path and whole.endswith(f"/{path}")]
    return ends[0] if len(ends) == 1 else None
