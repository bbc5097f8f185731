"""Character devices, from parsed options: what serial ports and the debug port are connected to."""

from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.options import identifier
from playhead.host.chardev import spec as specs
from playhead.host.chardev.spec import BACKENDS, Spec


def device(text: str) -> str:
    """The value of -serial and the like: checked, and kept as it is."""
    specs.parse(text)
    return text


def gdb_device(text: str) -> str:
    """That of -gdb, where a TCP port is listened at without more words."""
    specs.gdb(text)
    return text


def chardev(text: str) -> Spec:
    """The value of -chardev, `BACKEND,id=ID,...`."""
    spec = specs.parse_chardev(text)
    identifier(spec.id)
    return spec


def list_backends(about: str) -> str | None:
    """What -chardev help prints, and -chardev BACKEND,help."""
    if about:
        return "\n".join(specs.keys_of(about)) if about in BACKENDS else None
    return "\n".join(BACKENDS)


def chardevs(values: dict[str, Any]) -> dict[str, Spec]:
    """What each -chardev is, by its id."""
    found: dict[str, Spec] = {}
    for spec in values.get("chardevs", ()):
        if spec.id in found:
            raise UsageError(f"two character devices have the id '{spec.id}'")
        found[spec.id] = spec
    return found


def resolved(values: dict[str, Any], text: str) -> Spec:
    """The device that an option's value means: `chardev:ID` is a -chardev."""
    spec = specs.parse(text)
    if spec.backend != "chardev":
        return spec
    known = chardevs(values)
    if spec.id not in known:
        raise UsageError(f"{text}: there is no -chardev with the id '{spec.id}'")
    return known[spec.id]


def serial_specs(values: dict[str, Any]) -> list[str]:
    """What the ports of -serial are connected to; there is one on standard input and output if nothing asks for any."""
    texts = list(values["serial"]) or ([] if _devices(values, "isa-serial") else ["stdio"])
    while texts and texts[-1] == "none":
        texts.pop()
    if "none" in texts:
        raise UnsupportedError("-serial none is only supported after the last port; null connects a port to nothing")
    return texts


def all_specs(values: dict[str, Any]) -> list[str]:
    """The same, and those of -device isa-serial, in the order of the machine's list. With -nographic the monitor shares
    standard input and output with a port, if nothing else is said of either.
    """
    texts = [*serial_specs(values), *_named(values, "isa-serial")]
    if values.get("nographic") and values.get("monitor") is None and "stdio" in texts:
        texts[texts.index("stdio")] = "mon:stdio"
    return texts


def debugcon_spec(values: dict[str, Any]) -> str:
    """What the debug port is connected to."""
    return values["debugcon"] or next(iter(_named(values, "isa-debugcon")), "null")


def word(values: dict[str, Any], text: str) -> str:
    """What a machine's description says of the other end."""
    return resolved(values, text).backend


def _named(values: dict[str, Any], device: str) -> list[str]:
    """What those devices of -device are connected to that have this name."""
    ids = (one.get("chardev") for one in _devices(values, device))
    return ["null" if id is None else f"chardev:{id}" for id in ids]


def _devices(values: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [device for device in values.get("devices", ()) if device["name"] == name]
