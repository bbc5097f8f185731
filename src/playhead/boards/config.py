"""What a PC is made of: the plain description that the command line makes, the board builds from, and a recording
keeps.

As JSON, the large parts (kernel, initrd, firmware) stand as the SHA-256 of their bytes; a recording keeps the bytes
beside. Where the host's ends of the serial ports go is not the machine's business, so only a word about each is
kept here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from playhead.base.errors import FormatError, UsageError

MIB = 1 << 20
RAM_MIN, RAM_MAX, RAM_STEP = 1 * MIB, 0xE0000000, 4096  # above 3.5 GiB is the hole for PCI, APICs and firmware
BIOS_MAX, BIOS_STEP = 16 * MIB, 64 << 10
SERIAL_MAX = 4
BLOBS = ("kernel", "initrd", "bios")
RTC_CLOCKS = ("host", "vm")


@dataclass(frozen=True)
class PcConfig:
    """Sizes in bytes; `debugcon` and `debug_exit` are I/O bases or None; `serial` names each port's other end."""

    ram_bytes: int = 128 * MIB
    cpu: str = "pentium2"
    kernel: bytes | None = None
    initrd: bytes | None = None
    append: str = ""
    bios: bytes | None = None
    serial: tuple[str, ...] = ("null",)
    rtc_base: str = "utc"
    rtc_clock: str = "host"
    debugcon: int | None = None
    debug_exit: int | None = None
    debug_exit_size: int = 2

    def check(self) -> None:
        """Raise UsageError for what cannot be built."""
        if not RAM_MIN <= self.ram_bytes <= RAM_MAX or self.ram_bytes % RAM_STEP:
            mib = self.ram_bytes / MIB
            raise UsageError(f"{mib:g} MiB of memory: possible are {RAM_MIN // MIB} to {RAM_MAX // MIB} MiB")
        if self.kernel is not None and self.bios is not None:
            raise UsageError("-kernel starts without firmware, so it cannot be combined with -bios")
        if self.kernel is None and (self.initrd is not None or self.append):
            raise UsageError("-initrd and -append need a kernel (-kernel)")
        if self.kernel is None and self.bios is None:
            raise UsageError("nothing to start: give a kernel (-kernel) or a firmware (-bios)")
        if self.bios is not None and (not 0 < len(self.bios) <= BIOS_MAX or len(self.bios) % BIOS_STEP):
            raise UsageError(f"a firmware image is a multiple of 64 KiB; this one has {len(self.bios)} bytes")
        if len(self.serial) > SERIAL_MAX:
            raise UsageError(f"{len(self.serial)} serial ports: a PC has at most {SERIAL_MAX}")
        if self.rtc_clock not in RTC_CLOCKS:
            raise UsageError(f"-rtc clock={self.rtc_clock}: it is one of {', '.join(RTC_CLOCKS)}")
        debug = (("debugcon", self.debugcon, 1), ("debug-exit", self.debug_exit, self.debug_exit_size))
        for option, base, size in debug:
            if base is not None and not (0 <= base and 1 <= size <= 8 and base + size <= 0x10000):
                raise UsageError(f"isa-{option}: iobase {base:#x} is not an I/O port")

    def blobs(self) -> dict[str, bytes]:
        """The large parts by their SHA-256."""
        parts = (getattr(self, name) for name in BLOBS)
        return {digest(part): part for part in parts if part is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a recording; large parts by name."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in BLOBS:
            if plain[name] is not None:
                plain[name] = digest(plain[name])
        plain["serial"] = list(self.serial)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any], blob: Callable[[str], bytes]) -> "PcConfig":
        """The inverse; `blob` gives the bytes of a SHA-256. What comes from a file is not trusted."""
        known = {f.name: JSON_TYPES[f.type] for f in fields(cls)}
        if not isinstance(plain, dict) or set(plain) - set(known):
            raise FormatError(f"a machine description with unknown parts: {sorted(set(plain) - set(known))}")
        values = dict(plain)
        for name, value in plain.items():
            if type(value) not in known[name]:
                raise FormatError(f"a machine description whose {name} is {value!r}")
        if "serial" in values:
            values["serial"] = tuple(str(kind) for kind in values["serial"])
        for name in BLOBS:
            if values.get(name) is not None:
                values[name] = blob(values[name])
        config = replace(cls(), **values)
        try:
            config.check()
        except UsageError as e:
            raise FormatError(f"a machine description that cannot be built: {e}") from None
        return config


JSON_TYPES: dict[Any, tuple[type, ...]] = {
    int: (int,), str: (str,), int | None: (int, type(None)), bytes | None: (str, type(None)), tuple[str, ...]: (list,),
}  # fmt: skip


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
