"""The object tree and the kinds of objects, as far as tools ask for them."""

from typing import Any

from playhead.devices import registry
from playhead.qmp import objects
from playhead.qmp.declared import command
from playhead.qmp.errors import QmpError, no_device
from playhead.qmp.service import Qmp
from playhead.qmp.types import ANY, BOOL, STR, Struct
from playhead.x86.system.cpuid import MODELS

PROPERTY = Struct("ObjectPropertyInfo", {"name": STR, "type": STR, "*description": STR, "*default-value": ANY})
TYPE = Struct("ObjectTypeInfo", {"name": STR, "*abstract": BOOL, "*parent": STR})
ABSTRACT = {
    "object": "", "device": "object", "isa-device": "device", "pci-device": "device", "ide-device": "device",
    "sys-bus-device": "device", "cpu": "device", "i386-cpu": "cpu", "machine": "object",
}  # fmt: skip


@command("qom-list", {"path": STR}, [PROPERTY], about="an object's properties and children")
def qom_list(qmp: Qmp, path: str) -> list[dict[str, str]]:
    return [{"name": name, "type": member.type} for name, member in _node(qmp, path).items()]


@command("qom-get", {"path": STR, "property": STR}, ANY, about="the value of an object's property; a child's path")
def qom_get(qmp: Qmp, path: str, property: str) -> Any:
    node = _node(qmp, path)
    if property not in node:
        raise QmpError(f"Property '{node['type'].value}.{property}' not found")
    return node[property].value


def _node(qmp: Qmp, path: str) -> objects.Node:
    nodes = objects.tree(qmp.target.machine.config)
    whole = objects.resolve(nodes, path)
    if whole is None:
        raise no_device(path)
    return nodes[whole]


def _types(qmp: Qmp) -> dict[str, str]:
    """Name of each kind of object -> its parent's."""
    found = dict(ABSTRACT)
    for name in registry.CLASSES:
        declared = registry.declared(name)
        found[declared.name] = objects.parent_type(declared)
    found |= {objects.cpu_type(model): "i386-cpu" for model in MODELS}
    found[objects.machine_type(qmp.target.machine.config)] = "machine"
    return found


@command("qom-list-types", {"*implements": STR, "*abstract": BOOL}, [TYPE],
         about="the kinds of objects; `abstract`: with those that are only there to be built on")  # fmt: skip
def qom_list_types(qmp: Qmp, implements: str = "object", abstract: bool = False) -> list[dict[str, Any]]:
    types = _types(qmp)

    def chain(name: str) -> list[str]:
        return [name, *chain(types[name])] if name else []

    found = []
    for name, parent in sorted(types.items()):
        if implements in chain(name) and (abstract or name not in ABSTRACT):
            above, kind = {"parent": parent} if parent else {}, {"abstract": True} if name in ABSTRACT else {}
            found.append({"name": name, **above, **kind})
    return found


@command("device-list-properties", {"typename": STR}, [PROPERTY], about="what -device takes for a kind of device")
def device_list_properties(qmp: Qmp, typename: str) -> list[dict[str, Any]]:
    if typename in ABSTRACT:
        raise QmpError("Parameter 'typename' expects a non-abstract device type")
    known = {name for one in registry.CLASSES for name in (one, registry.declared(one).name)}
    if typename not in known:
        raise no_device(typename)
    found = []
    for one in registry.declared(typename).properties:
        default: dict[str, Any] = {} if one.default is None else {"default-value": one.default}
        about = {"description": one.about()} if one.about() else {}
        found.append({**default, "name": one.name, **about, "type": objects.type_of(one)})
    return found
