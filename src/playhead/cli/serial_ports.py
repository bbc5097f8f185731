"""Character devices, from parsed options: what serial ports and the debug port are connected to."""

from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.options import Parser, identifier, nearest, one_of, sub_options

# each with its keys, beside id
BACKENDS: dict[str, tuple[str, ...]] = {"null": (), "stdio": ("mux",), "pty": (), "file": ("path", "append")}
OFF = one_of("off")


def chardev(text: str) -> tuple[str, str]:
    """The value of -chardev, `BACKEND,id=ID,...`: the id, and the backend as -serial names it."""
    backend, _, rest = text.partition(",")
    if backend not in BACKENDS:
        hint = nearest(backend, BACKENDS) or f"; there is {', '.join(BACKENDS)}"
        raise UsageError(f"unknown backend '{backend}'{hint}")
    known: dict[str, Parser] = {"id": identifier, "path": str, "mux": OFF, "append": OFF}
    given = sub_options(rest, {key: known[key] for key in ("id", *BACKENDS[backend])}) if rest else {}
    if "id" not in given:
        raise UsageError("it needs an id=, by which a -device names it")
    if backend == "file" and not given.get("path"):
        raise UsageError("file needs path=FILE")
    return given["id"], f"file:{given['path']}" if backend == "file" else backend


def list_backends(about: str) -> str | None:
    """What -chardev help prints, and -chardev BACKEND,help."""
    if about:
        return "\n".join(("id", *BACKENDS[about])) if about in BACKENDS else None
    return "\n".join(BACKENDS)


def chardevs(values: dict[str, Any]) -> dict[str, str]:
    """What each -chardev is, by its id."""
    found: dict[str, str] = {}
    for id, spec in values.get("chardevs", ()):
        if id in found:
            raise UsageError(f"two character devices have the id '{id}'")
        found[id] = spec
    return found


def serial_specs(values: dict[str, Any]) -> list[str]:
    """What the ports of -serial are connected to; there is one on standard input and output if nothing asks for any."""
    specs = list(values["serial"]) or ([] if _devices(values, "isa-serial") else ["stdio"])
    while specs and specs[-1] == "none":
        specs.pop()
    if "none" in specs:
        raise UnsupportedError("-serial none is only supported after the last port; null connects a port to nothing")
    return specs


def all_specs(values: dict[str, Any]) -> list[str]:
    """The same, and those of -device isa-serial, in the order of the machine's list."""
    return [*serial_specs(values), *_named(values, "isa-serial")]


def debugcon_spec(values: dict[str, Any]) -> str:
    """What the debug port is connected to."""
    return values["debugcon"] or next(iter(_named(values, "isa-debugcon")), "null")


def word(spec: str) -> str:
    """What a machine's description says of the other end."""
    return "stdio" if spec == "mon:stdio" else spec.partition(":")[0]


def _named(values: dict[str, Any], device: str) -> list[str]:
    """What those devices of -device are connected to that have this name."""
    known = chardevs(values)
    return [known.get(str(one.get("chardev")), "null") for one in _devices(values, device)]


def _devices(values: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [device for device in values.get("devices", ()) if device["name"] == name]
