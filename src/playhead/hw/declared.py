"""What a device says of itself, once: QEMU's name for it, its properties, its bus, the wires that it drives, the ports
and addresses that it answers, and what of the outside it needs.

A device class carries this as `QEMU = Declared(...)`. The machine's description, the board, `-device help`, the
reference page and the contract test read it; none of them knows a device by name.

A property's type says how it is written and what it may be. A `file` is a file's name, whose content is part of the
machine's description (`boards.entry.Rom`). Four types name something outside of the machine by its
id: `chardev`, `drive`, `netdev`, `audiodev`; whoever describes the machine has to describe that too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.booleans import BOOLEANS
from playhead.base.errors import UsageError
from playhead.base.messages import nearest

Value = int | str | bool | None  # None: not set

INTEGERS = {
    "uint8": (0, (1 << 8) - 1), "uint16": (0, (1 << 16) - 1), "uint32": (0, (1 << 32) - 1),
    "uint64": (0, (1 << 64) - 1), "int32": (-(1 << 31), (1 << 31) - 1), "size": (0, (1 << 64) - 1),
}  # fmt: skip
OUTSIDE = ("chardev", "drive", "netdev", "audiodev")
TYPES = (*INTEGERS, "bool", "str", "file", "enum", "mac", "addr", *OUTSIDE)
PATH_MAX = 4096
CATEGORIES = ("Controller/Bridge/Hub", "Storage", "Network", "Input", "Display", "Sound", "Misc")

NUMBER = r"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})"
SIZE = r"([0-9]{1,20})(?:\.([0-9]{1,20}))?([BKMGTPEbkmgtpe]?)"
UNITS = {unit: 10 * n for n, unit in enumerate("BKMGTPE")}
MAC = r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}"
ADDR = r"([01]?[0-9a-fA-F])(?:\.([0-7]))?"
ADDR_GIVEN = r"(?:0[xX])?([01]?[0-9a-fA-F])(?:\.(?:0[xX])?([0-7]))?"  # as libvirt writes it, too
IDENTIFIER = r"[A-Za-z][A-Za-z0-9._-]*"


class Property(NamedTuple):
    """`least` and `most` narrow a number's range; `most` is also the greatest length of a text. `values`: of an enum.
    Without a default it may be left unset, unless `required`. QEMU's help has no more than `help`.
    """

    name: str
    type: str
    default: Value = None
    help: str = ""
    values: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    required: bool = False

    def parse(self, text: str, device: str) -> Value:
        """The value that a command line means, checked. Raises UsageError."""
        value = self._read(text)
        if value is None or not self._fits(value):
            raise self._wrong(device, text)
        return value

    def check(self, value: Any, device: str) -> None:
        """Raise UsageError for a value that this property cannot have."""
        if value is None and not self.required:
            return
        if not self._fits(value):
            raise self._wrong(device, value)

    def _wrong(self, device: str, value: Any) -> UsageError:
        return UsageError(f"property '{device}.{self.name}' cannot be {value!r}: it takes {self.expected()}")

    def expected(self) -> str:
        """What it may be, in words."""
        if self.type in INTEGERS:
            low, high = self._range()
            return "a size such as 4096, 64K or 2M" if self.type == "size" else f"a number from {low} to {high}"
        return {
            "bool": "on or off", "enum": f"one of {', '.join(self.values)}",
            "str": f"at most {self.most or 255} printable ASCII characters",
            "file": "the name of a file",
            "mac": "six bytes such as 52:54:00:12:34:56", "addr": "a slot and perhaps a function, such as 03 or 06.1",
        }.get(self.type, f"the id of {_article(self.type)}")  # fmt: skip

    def _range(self) -> tuple[int, int]:
        low, high = INTEGERS[self.type]
        return low if self.least is None else self.least, high if self.most is None else self.most

    def _read(self, text: str) -> Value:
        if self.type == "size" and (found := re.fullmatch(SIZE, text)):
            whole, part, unit = found[1], found[2] or "", found[3].upper() or "B"
            return (int(whole + part) << UNITS[unit]) // 10 ** len(part) if not part or unit != "B" else None
        if self.type in INTEGERS:
            return int(text, 16 if "x" in text.lower() else 10) if re.fullmatch(NUMBER, text) else None
        if self.type == "bool":
            return BOOLEANS.get(text)
        if self.type == "addr" and (slot := re.fullmatch(ADDR_GIVEN, text)):
            return f"{int(slot[1], 16):02x}.{slot[2] or 0}"
        if self.type == "mac":
            return text.lower().replace("-", ":")
        return text

    def _fits(self, value: Any) -> bool:
        if self.type in INTEGERS:
            low, high = self._range()
            return type(value) is int and low <= value <= high
        if self.type == "bool":
            return type(value) is bool
        if type(value) is not str:
            return False
        if self.type == "str":
            return len(value) <= (self.most or 255) and value.isascii() and (not value or value.isprintable())
        if self.type == "file":
            return len(value) <= PATH_MAX and (not value or value.isprintable())
        if self.type == "enum":
            return value in self.values
        pattern = {"mac": MAC, "addr": ADDR}.get(self.type, IDENTIFIER)
        return re.fullmatch(pattern, value) is not None

    def about(self) -> str:
        """What it is for, and the words that it takes."""
        about = self.help or (f"ID of {_article(self.type)} to use as a backend" if self.type in OUTSIDE else "")
        return ", ".join(filter(None, (about, "/".join(self.values))))

    def help_line(self) -> str:
        """As QEMU prints it for `-device NAME,help`."""
        left = f"  {self.name}=<{self.type if self.type in INTEGERS or self.type == 'bool' else 'str'}>"
        about = self.about()
        if self.default is None:
            return f"{left:24} - {about}" if about else left
        return f"{left:24} - {about} (default: {shown(self.default)})"


def kind_of(bus: str) -> str:
    """The kind of a bus of this name: `ide.0` is IDE, `floppy-bus.0` floppy-bus, as QEMU writes them."""
    kind = bus.partition(".")[0]
    return kind if "-" in kind else kind.upper()


def shown(value: Value) -> str:
    """A value as QEMU prints defaults."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _article(word: str) -> str:
    return f"a{'n' * (word[0] in 'aeiou')} {word}"


class Span(NamedTuple):
    """Ports or addresses that a device answers: numbers, or names of the properties that say them."""

    base: int | str
    length: int | str

    def of(self, values: Mapping[str, Any]) -> tuple[int, int]:
        base, length = (values[part] if isinstance(part, str) else part for part in self)
        return base, length


class Declared(NamedTuple):
    """`bus` is the kind of bus that the device sits on, `provides` the buses that it is itself. `wires`: the lines that
    it drives, where `{irq}` is the value of the property `irq`. `ports` and `memory`: what it answers from power-on on.
    `needs`: devices that come before it in a machine's list. `most`: how many a machine can have (0: any number).
    `creatable`: `-device` may ask for it; the others are a machine's own. `category`: where `-device help` lists it.
    """

    name: str
    bus: str
    help: str
    properties: tuple[Property, ...] = ()
    aliases: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    wires: tuple[str, ...] = ()
    ports: tuple[Span, ...] = ()
    memory: tuple[Span, ...] = ()
    needs: tuple[str, ...] = ()
    most: int = 1
    creatable: bool = False
    category: str = "Misc"

    def property(self, name: str) -> Property:
        """Raises UsageError if there is none of this name."""
        for known in self.properties:
            if known.name == name:
                return known
        names = [known.name for known in self.properties]
        raise UsageError(f"property '{self.name}.{name}' not found{near(name, names)}")

    def parse(self, given: Mapping[str, str]) -> dict[str, Value]:
        """What a command line gives, as values. Raises UsageError."""
        return {name: self.property(name).parse(text, self.name) for name, text in given.items()}

    def check(self, values: Mapping[str, Value]) -> None:
        """Raise UsageError for values that the device cannot have; `values` are those that are set."""
        for name, value in values.items():
            self.property(name).check(value, self.name)
        for known in self.properties:
            if known.required and values.get(known.name, known.default) is None:
                raise UsageError(f"{self.name} needs {known.name}=, {known.expected()}")

    def defaults(self) -> dict[str, Value]:
        return {known.name: known.default for known in self.properties}

    def outside(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(type, id) of what it uses of the outside."""
        for known in self.properties:
            if known.type in OUTSIDE and values.get(known.name) is not None:
                yield known.type, values[known.name]

    def lines(self, values: Mapping[str, Any]) -> list[str]:
        """The names of the lines that it drives."""
        return [wire.format_map(values) for wire in self.wires]

    def list_line(self) -> str:
        """As QEMU prints it for `-device help`."""
        aliases = "".join(f', alias "{alias}"' for alias in self.aliases)
        return f'name "{self.name}", bus {self.bus}{aliases}, desc "{self.help}"'

    def help_text(self) -> str:
        rows = [known.help_line() for known in sorted(self.properties, key=lambda known: known.name)]
        return "\n".join([f"{self.name} options:", *rows]) if rows else f"There are no options for {self.name}."


def near(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?`, or all that there is."""
    if hint := nearest(word, known):
        return hint
    return f"; there is {', '.join(known)}" if known else "; it has none"
