"""`info qtree`, `pci` and `qdm`: the machine's devices, from its description and from what each declares of itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from playhead.base.messages import shown
from playhead.boards.entry import Entry
from playhead.devices import registry
from playhead.devices.pci.bus import BAR0, INTERRUPT_LINE, INTERRUPT_PIN, Bar, PciFunction
from playhead.devices.pci.expansion_rom import ROM_INDEX, PciCard
from playhead.hw.declared import OUTSIDE, Declared, Property, kind_of
from playhead.machine.machine import Machine
from playhead.monitor.commands import Command, Say
from playhead.timeline.debuggee import Debuggee

ROOT = "main-system-bus"
CLASSES = {
    0x0101: "IDE controller", 0x0200: "Ethernet controller", 0x0300: "VGA controller", 0x0401: "Audio controller",
    0x0600: "Host bridge", 0x0601: "ISA bridge", 0x0680: "Bridge", 0x0C03: "USB controller",
}  # fmt: skip
CLASS, VENDOR, DEVICE, SUBSYSTEM_VENDOR, SUBSYSTEM = 0x0A, 0x00, 0x02, 0x2C, 0x2E
SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
UNMAPPED = (1 << 64) - 1


def commands(target: Debuggee) -> tuple[Command, ...]:
    def lines(what: Callable[[Machine], Iterator[str]]) -> Callable[[list[str], Say], None]:
        def run(words: list[str], say: Say) -> None:
            for line in what(target.machine):
                say(line)

        return run

    return (
        Command(("info qtree",), "", "show device tree", lines(tree_lines)),
        Command(("info pci",), "", "show PCI info", lines(pci_lines)),
        Command(("info qdm",), "", "show qdev device model list", lines(model_lines)),
    )


def model_lines(machine: Machine) -> Iterator[str]:
    yield from registry.list_text().split("\n")


class Node(NamedTuple):
    """A device of the description, with all its properties."""

    entry: Entry
    declared: Declared
    values: Mapping[str, Any]
    device: Any  # None: the device behind its bus answers for it


# the tree


def tree_lines(machine: Machine) -> Iterator[str]:
    """A bus with what is on it; below a device the buses that it provides. A host bridge is on the bus that it
    provides, which therefore hangs from the root.
    """
    config, nodes = machine.config, []
    for entry in config.devices:
        declared = registry.declared(entry.driver)
        nodes.append(Node(entry, declared, config.values(entry), machine.devices.get(entry.id)))
    yield f"bus: {ROOT}"
    yield "  type System"
    for node in nodes:
        if node.declared.bus == "System":
            yield from _device(node, nodes, 1)
    for node in nodes:
        if kind_of(next(iter(node.declared.provides), "")) == node.declared.bus.upper():
            yield from _bus(node.declared.provides[0], nodes, 1)


def _bus(name: str, nodes: list[Node], depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield f"{pad}bus: {name}"
    kind = kind_of(name)
    yield f"{pad}  type {next((n.declared.bus for n in nodes if n.declared.bus.upper() == kind), kind)}"
    for node in nodes:
        there = node.entry.bus or next((bus for bus in _buses(nodes) if kind_of(bus) == node.declared.bus.upper()), "")
        if there == name:
            yield from _device(node, nodes, depth + 1)


def _buses(nodes: list[Node]) -> list[str]:
    return [bus for node in nodes for bus in node.declared.provides]


def _device(node: Node, nodes: list[Node], depth: int) -> Iterator[str]:
    pad = "  " * depth
    yield f'{pad}dev: {node.declared.name}, id "{shown(node.entry.id)}"'
    for wire in node.declared.lines(node.values):
        yield f'{pad}  gpio-out "{wire}" 1'
    for known in node.declared.properties:
        yield f"{pad}  {known.name} = {value_text(known, node.values.get(known.name))}"
    for span in node.declared.memory:
        base, length = span.of(node.values)
        yield f"{pad}  mmio {base:016x}/{length:016x}"
    if isinstance(node.device, PciFunction):
        yield from (f"{pad}  {line}" for line in _function_lines(node.values["addr"], node.device))
    for bus in node.declared.provides:
        if kind_of(bus) != node.declared.bus.upper():
            yield from _bus(bus, nodes, depth + 1)


def value_text(known: Property, value: Any) -> str:
    """A property's value as QEMU prints it."""
    if value is None:
        return '""' if known.type in (*OUTSIDE, "str", "file", "enum", "mac", "addr") else "<unset>"
    if known.type == "addr" or known.name == "addr":
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if known.type == "size":
        return f"{value} ({size_text(value)})"
    if isinstance(value, int):
        return f"{value} ({value & (1 << 64) - 1:#x})"
    return f'"{shown(value)}"'


def size_text(value: int) -> str:
    """`512 B`, `64 KiB`, `1.5 GiB`."""
    scaled: float = value
    for unit in SIZES:
        if scaled < 1024 or unit == SIZES[-1]:
            break
        scaled /= 1024
    return f"{scaled:.3g} {unit}"


def _function_lines(addr: str, function: PciFunction[Any]) -> Iterator[str]:
    word = function.word
    yield (f"class {_class(word(CLASS))}, addr 00:{addr}, pci id {word(VENDOR):04x}:{word(DEVICE):04x} "
           f"(sub {word(SUBSYSTEM_VENDOR):04x}:{word(SUBSYSTEM):04x})")  # fmt: skip
    for bar in function.BARS:
        first, last = _bar_range(function, bar)
        yield f"bar {bar.index}: {'i/o' if bar.io else 'mem'} at {first:#x} [{last:#x}]"
    if isinstance(function, PciCard) and function.rom_length:
        first, last = _extent(function.rom_bar(), function.rom_length)
        yield f"bar {ROM_INDEX}: mem at {first:#x} [{last:#x}]"


def _class(code: int) -> str:
    return CLASSES.get(code, f"Class {code:04x}")


def _bar_range(function: PciFunction[Any], bar: Bar) -> tuple[int, int]:
    return _extent(function.bar(bar.index), bar.length)


def _extent(base: int | None, length: int) -> tuple[int, int]:
    """First and last address; all ones while it is not decoded."""
    return (UNMAPPED, (UNMAPPED + length - 1) & UNMAPPED) if base is None else (base, base + length - 1)


def _hex_range(first: int, last: int) -> str:
    return f"{first:#010x} [{last:#010x}]"


# PCI


def pci_lines(machine: Machine) -> Iterator[str]:
    for devfn, function in machine.board.bus.functions():
        word = function.word
        yield f"  Bus  0, device {devfn >> 3:3}, function {devfn & 7}:"
        yield f"    {_class(word(CLASS))}: PCI device {word(VENDOR):04x}:{word(DEVICE):04x}"
        if word(SUBSYSTEM_VENDOR):
            yield f"      PCI subsystem {word(SUBSYSTEM_VENDOR):04x}:{word(SUBSYSTEM):04x}"
        if pin := word(INTERRUPT_PIN, 1):
            yield f"      IRQ {word(INTERRUPT_LINE, 1)}, pin {chr(ord('A') + pin - 1)}"
        for bar in function.BARS:
            yield f"      BAR{bar.index}: {_bar_text(function, bar)}"
        if isinstance(function, PciCard) and function.rom_length:
            extent = _extent(function.rom_bar(), function.rom_length)
            yield f"      BAR{ROM_INDEX}: 32 bit memory at {_hex_range(*extent)}."
        yield f'      id "{shown(function.name)}"'


def _bar_text(function: PciFunction[Any], bar: Bar) -> str:
    first, last = _bar_range(function, bar)
    if bar.io:
        return f"I/O at {first:#06x} [{last:#06x}]."
    prefetchable = " prefetchable" if function.word(BAR0 + 4 * bar.index, 4) & 8 else ""
    return f"32 bit{prefetchable} memory at {_hex_range(first, last)}."
