"""Monitors and the debugger's port, from parsed options: -monitor, -mon, -qmp, -qmp-pretty, -gdb, -s."""

from typing import Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.cli.option_table import Given, Sub
from playhead.cli.screen_options import at_terminal
from playhead.cli.value_types import Type, on_off, one_of
from playhead.cli.serial_ports import resolved
from playhead.host.chardev import spec as specs
from playhead.host.chardev.spec import Spec

GDB_PORT = "tcp::1234"  # QEMU's -s


class MonitorPort(NamedTuple):
    """`control`: for programs (QMP), else for people. `option`: the word that asks for it."""

    control: bool
    spec: Spec
    option: str
    pretty: bool = False

    @property
    def at_stdin(self) -> bool:
        """Lines are read from standard input, which nothing else uses."""
        return self.spec.backend == "stdio" and not self.spec.mux and not self.control


MON_SUBS = (
    Sub("chardev", Type("ID", str, completes="-chardev"), "the -chardev", since="0.4.0"),
    Sub("mode", one_of("readline", "control"), "for people, or for programs (QMP)", "readline", since="0.4.0"),
    Sub("pretty", on_off, "with mode=control: answers are indented", "off", since="0.4.0"),
)


def mon(given: Given) -> Given:
    """The value of -mon, checked."""
    if "chardev" not in given:
        raise UsageError("it needs chardev=ID")
    if given.get("pretty") and given.get("mode", "readline") != "control":
        raise UsageError("pretty=on is for mode=control")
    return given


def monitors(values: dict[str, Any]) -> list[MonitorPort]:
    """Those that options ask for: not the one that `mon:` or -nographic puts on a port."""
    found: list[MonitorPort] = []
    if values.get("monitor") is None and at_terminal(values) and not values.get("mons"):
        found.append(MonitorPort(False, specs.parse("vc"), "-monitor"))  # a virtual console, as with QEMU
    if values.get("monitor") not in (None, "none"):
        found.append(MonitorPort(False, resolved(values, values["monitor"]), "-monitor"))
    for one in values.get("mons") or ():
        control = one.get("mode") == "control"
        spec = resolved(values, f"chardev:{one['chardev']}")
        found.append(MonitorPort(control, spec, "-mon", one.get("pretty", False)))
    for option, pretty in (("qmp", False), ("qmp_pretty", True)):
        for text in values.get(option) or ():
            found.append(MonitorPort(True, resolved(values, text), f"-{option.replace('_', '-')}", pretty))
    return [one for one in found if one.spec.backend != "none"]


def stdin_taken(values: dict[str, Any]) -> bool:
    """Whether something else than a serial port asks for standard input and output."""
    found = [one.spec for one in monitors(values)] + [spec for spec in (gdb_spec(values),) if spec is not None]
    return any(spec.backend == "stdio" for spec in (*found, *values["chardevs"]))


def gdb_spec(values: dict[str, Any]) -> Spec | None:
    """Where gdb may attach."""
    text = values.get("gdb") or (GDB_PORT if values.get("s") else "none")
    spec = specs.gdb(text)
    if spec.backend == "chardev":
        spec = resolved(values, text)
    return None if spec.backend == "none" else spec
