"""What a PC is made of: the plain description that the command line makes, the board builds from, and a recording
keeps.

As JSON, the large parts (kernel, initrd, firmware) stand as the SHA-256 of their bytes; a recording keeps the bytes
beside. Where the host's ends of the serial ports go is not the machine's business, so only a word about each is
kept here.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from playhead.base.errors import FormatError, UsageError
from playhead.boards import drive_config, machine_version
from playhead.boards.drive_config import DriveConfig
from playhead.devices.timer.rtc_calendar import date_from_days, days_from_date

MIB = 1 << 20
RAM_MIN, RAM_MAX, RAM_STEP = 1 * MIB, 0xE0000000, 4096  # above 3.5 GiB is the hole for PCI, APICs and firmware
BIOS_MAX, BIOS_STEP = 16 * MIB, 64 << 10
SERIAL_MAX = 4
BLOBS = ("kernel", "initrd", "bios")
BOOT_LETTERS = "acdn"
RTC_CLOCKS = ("host", "vm")
RTC_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", re.ASCII)
RTC_DEFAULT_S = 946_684_800  # 2000-01-01, the start of a clock that follows virtual time if no date is given


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
    drives: tuple[DriveConfig, ...] = ()
    boot: str = "cad"  # what firmware tries, in order, by the letters of QEMU's -boot
    graphics: bool = True  # False: firmware is told to use the serial line (-nographic)
    machine: str = field(default_factory=machine_version.newest)

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
        self.rtc_start_s()
        if not set(self.boot) <= set(BOOT_LETTERS):
            raise UsageError(f"-boot order={self.boot}: letters of {BOOT_LETTERS}")
        drive_config.check(self.drives)
        machine_version.properties(self.machine)
        debug = (("debugcon", self.debugcon, 1), ("debug-exit", self.debug_exit, self.debug_exit_size))
        for option, base, size in debug:
            if base is not None and not (0 <= base and 1 <= size <= 8 and base + size <= 0x10000):
                raise UsageError(f"isa-{option}: iobase {base:#x} is not an I/O port")

    def property(self, name: str) -> Any:
        """What the machine's version says of it (`machine_version.PROPERTIES`)."""
        return machine_version.properties(self.machine)[name]

    def rtc_start_s(self) -> int | None:
        """Seconds since 1970 at which the real-time clock starts, then following virtual time; None: the host clock."""
        if self.rtc_base == "utc":
            return None if self.rtc_clock == "host" else RTC_DEFAULT_S
        found = RTC_DATE.fullmatch(self.rtc_base)
        year, month, day, hour, minute, second = (int(n) for n in found.groups()) if found else (0,) * 6
        days = days_from_date(year, month, day) if 1 <= month <= 12 else 0
        if date_from_days(days) != (year, month, day) or hour > 23 or minute > 59 or second > 59:
            raise UsageError(f"-rtc base={self.rtc_base}: it is utc or a date like 2026-01-31T12:00:00")
        return days * 86_400 + hour * 3600 + minute * 60 + second

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
        plain["drives"] = [drive.to_json() for drive in self.drives]
        if not self.drives:
            del plain["drives"], plain["boot"]  # it is described as it was before there were drives
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any], blob: Callable[[str], bytes]) -> "PcConfig":
        """The inverse; `blob` gives the bytes of a SHA-256. What comes from a file is not trusted. Raises
        UnsupportedError if the machine's version is not known here.
        """
        known = {f.name: JSON_TYPES[f.type] for f in fields(cls)}
        if not isinstance(plain, dict) or set(plain) - set(known):
            raise FormatError(f"a machine description with unknown parts: {sorted(set(plain) - set(known))}")
        version = machine_version.of_recording(plain)
        given = {name: value for name, value in machine_version.properties(version).items() if name in known}
        values = {**given, **plain}
        for name, value in plain.items():
            if type(value) not in known[name]:
                raise FormatError(f"a machine description whose {name} is {value!r}")
        if "serial" in values:
            values["serial"] = tuple(str(kind) for kind in values["serial"])
        if "drives" in values:
            values["drives"] = tuple(DriveConfig.from_json(drive) for drive in values["drives"])
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
    int: (int,), bool: (bool,), str: (str,), int | None: (int, type(None)), bytes | None: (str, type(None)),
    tuple[str, ...]: (list,), tuple[DriveConfig, ...]: (list,),
}  # fmt: skip


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
