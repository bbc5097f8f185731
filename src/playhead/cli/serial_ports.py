"""Character devices, from parsed options: what serial ports and the debug port are connected to."""

from typing import Any

from playhead.base.errors import UnsupportedError, UsageError
from playhead.cli.option_table import Sub
from playhead.cli.screen_options import at_terminal
from playhead.cli.value_types import Type, identifier, number, on_off, one_of
from playhead.host.chardev import spec as specs
from playhead.host.chardev.spec import BACKENDS, Spec


def _device(text: str) -> str:
    specs.parse(text)
    return text


def _gdb_device(text: str) -> str:
    specs.gdb(text)
    return text


DEVICE = Type("DEVICE", _device, ("stdio", "mon:stdio", "pty", "vc", "null", "none"))  # checked, and kept as it is
GDB_DEVICE = Type("DEVICE", _gdb_device, ("none",))  # a TCP port is listened at without more words
CHARDEV_SUBS = (
    Sub("backend", one_of(*BACKENDS), "what it is", since="0.3.0"),
    Sub("id", Type("ID", identifier), "the name by which others name it", since="0.3.0"),
    Sub("mux", on_off, "several share it, and Ctrl-A c hands the keys to the next one", "off", since="0.4.0"),
    Sub("signal", on_off, "stdio: Ctrl-C ends the run, else it goes to the guest", "on, off with -nographic",
        since="0.4.0"),
    Sub("path", Type("FILE", str, completes="file"), "file, pipe: the file; socket: a Unix socket; pty: a link to it",
        since="0.3.0"),
    Sub("input-path", Type("FILE", str, completes="file"), "file: what is typed", since="0.4.0"),
    Sub("append", on_off, "file: its contents stay", "off", since="0.4.0"),
    Sub("host", Type("HOST", str), "socket: its address", "this machine only", since="0.4.0"),
    Sub("port", number(0, 65535), "socket: its TCP port; 0 is any that is free", since="0.4.0"),
    Sub("to", number(0, 65535), "socket: the last port to try", "the same", since="0.4.0"),
    Sub("server", on_off, "socket: it is connected to, else it connects", "off", since="0.4.0"),
    Sub("wait", on_off, "socket: the machine starts when a client is there", "on", since="0.4.0"),
    Sub("reconnect", number(0, specs.HOUR_S), "socket: a client tries again after so many seconds", "0, never",
        since="0.4.0"),
    Sub("telnet", on_off, "socket: the other side speaks telnet", "off", since="0.4.0"),
    Sub("nodelay", on_off, "socket: small packets are sent at once", "off", since="0.4.0"),
    Sub("ipv4", on_off, "socket: only IPv4", "what the host's name has first", since="0.4.0"),
    Sub("ipv6", on_off, "socket: only IPv6", "what the host's name has first", since="0.4.0"),
    Sub("cols", number(1, 512), "vc: its columns", "80", since="0.6.0"),
    Sub("rows", number(1, 512), "vc: its rows", "24", since="0.6.0"),
    Sub("width", number(1, 8192), "vc: the same in pixels", since="0.6.0"),
    Sub("height", number(1, 8192), "vc: the same in pixels", since="0.6.0"),
)  # fmt: skip


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
            raise UsageError(f"-chardev {spec.backend},id={spec.id}: two character devices have the id '{spec.id}'")
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
    """What the ports of -serial are connected to; there is one on standard input and output if nothing asks for any,
    and a virtual console where the screen takes the terminal.
    """
    default = "vc" if at_terminal(values) else "stdio"
    texts = list(values["serial"]) or ([] if _devices(values, "isa-serial") else [default])
    while texts and texts[-1] == "none":
        texts.pop()
    if "none" in texts:
        raise UnsupportedError("-serial none is only supported after the last port; null connects a port to nothing")
    return texts


def all_specs(values: dict[str, Any]) -> list[str]:
    """The same, and those of -device isa-serial, in the order of the machine's list."""
    return with_console(values, [*serial_specs(values), *_named(values, "isa-serial")])


def with_console(values: dict[str, Any], texts: list[str]) -> list[str]:
    """The same, with the monitor that -nographic puts beside a port."""
    texts = list(texts)
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
