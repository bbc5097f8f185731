"""The parts of a machine's description: its devices, and what they use of the outside.

As JSON, a device is one flat object in QEMU's words, `{"driver": "isa-serial", "id": "serial0", "irq": 4, ...}`, with
the properties that are not at the default of the machine's version. What comes from a file is not trusted.
"""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

from playhead.base.errors import FormatError, UsageError
from playhead.hw.declared import IDENTIFIER, OUTSIDE, Value

OWN = ("driver", "id", "bus")  # words of an entry that are no properties
FACTS: Mapping[str, Mapping[str, type]] = {
    "chardev": {"backend": str},  # a word about the other end, which is the host's business
    "drive": {"sectors": int, "read_only": bool},  # of 512 bytes; of a CD-ROM drive: at power-on, 0 if it is empty
    "netdev": {"backend": str},
    "audiodev": {"backend": str, "captures": bool},  # whether it may record anything
}
SECTORS_MAX = 1 << 48
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Entry(NamedTuple):
    """A device: its QEMU name, an id of its own, the bus that it sits on if there are several of its kind, and the
    properties that are set.
    """

    driver: str
    id: str
    values: Mapping[str, Value] = NOTHING
    bus: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"driver": self.driver, "id": self.id, **({"bus": self.bus} if self.bus else {}), **self.values}

    @classmethod
    def from_json(cls, plain: Any) -> "Entry":
        if not isinstance(plain, dict):
            raise FormatError(f"a machine description with an unknown device: {plain!r}")
        values = {name: value for name, value in plain.items() if name not in OWN}
        own = [plain.get("driver"), plain.get("id"), plain.get("bus", "")]
        strange = {type(value) for value in values.values()} - {int, str, bool}
        if strange or not all(isinstance(word, str) for word in own):
            raise FormatError(f"a machine description with an unknown device: {plain!r}")
        return cls(plain["driver"], plain["id"], values, plain.get("bus", ""))


class Module(NamedTuple):
    """A file that a Multiboot kernel finds in memory, and its command line, which begins with the file's name. As JSON,
    the data stand as their SHA-256.
    """

    data: bytes
    command_line: str

    def to_json(self) -> dict[str, Any]:
        return {"data": sha256(self.data).hexdigest(), "command_line": self.command_line}

    @classmethod
    def from_json(cls, plain: Any, blob: Callable[[str], bytes]) -> "Module":
        """`blob` gives the bytes of a SHA-256."""
        known = isinstance(plain, dict) and set(plain) == set(cls._fields)
        if not known or not all(isinstance(value, str) for value in plain.values()):
            raise FormatError(f"a machine description with an unknown module: {plain!r}")
        return cls(blob(plain["data"]), plain["command_line"])


class Rom(NamedTuple):
    """The expansion ROM of a device. The name of its file is the device's property `romfile`."""

    device: str
    data: bytes

    def to_json(self) -> dict[str, Any]:
        return {"device": self.device, "data": sha256(self.data).hexdigest()}

    @classmethod
    def from_json(cls, plain: Any, blob: Callable[[str], bytes]) -> "Rom":
        """`blob` gives the bytes of a SHA-256."""
        known = isinstance(plain, dict) and set(plain) == set(cls._fields)
        if not known or not all(isinstance(value, str) for value in plain.values()):
            raise FormatError(f"a machine description with an unknown expansion ROM: {plain!r}")
        return cls(plain["device"], blob(plain["data"]))


class Outside(NamedTuple):
    """Something outside of the machine that a device names by `id`; `facts` are what the machine can see of it."""

    type: str
    id: str
    facts: Mapping[str, Any] = NOTHING

    def check(self) -> None:
        """Raise UsageError for what there cannot be."""
        if self.type not in OUTSIDE or not re.fullmatch(IDENTIFIER, self.id):
            raise UsageError(f"{self.type} '{self.id}': no such thing is outside of a machine")
        known = FACTS[self.type]
        for name, value in self.facts.items():
            if name not in known or type(value) is not known[name]:
                raise UsageError(f"{self.type} '{self.id}': {name}={value!r}")
        if set(known) - set(self.facts):
            raise UsageError(f"{self.type} '{self.id}' lacks {min(set(known) - set(self.facts))}")
        if not 0 <= self.facts.get("sectors", 0) <= SECTORS_MAX:
            raise UsageError(f"drive '{self.id}': {self.facts['sectors']} sectors")

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "id": self.id, **self.facts}

    @classmethod
    def from_json(cls, plain: Any) -> "Outside":
        if not isinstance(plain, dict) or not all(isinstance(plain.get(name), str) for name in ("type", "id")):
            raise FormatError(f"a machine description with an unknown end: {plain!r}")
        return cls(plain["type"], plain["id"], {n: value for n, value in plain.items() if n not in ("type", "id")})
