"""A machine's description, which the command line makes, the board builds from and a recording keeps: properties of the
machine as a whole, an ordered list of devices with their properties, and what those use of the outside.

As JSON, the large parts (kernel, initrd, firmware, expansion ROMs) stand as the SHA-256 of their bytes; a recording
keeps the bytes beside. Of a character device only a word says what it is: where it goes is the host's business.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from playhead.base.errors import FormatError, UnsupportedError, UsageError
from playhead.boards import config_before, expansion_roms, machine_version, pc_devices
from playhead.boards.drive_config import FLOPPY, DriveConfig
from playhead.boards.entry import Entry, Module, Outside, Rom
from playhead.devices import registry
from playhead.devices.timer.rtc_calendar import date_from_days, days_from_date

MIB = 1 << 20
RAM_MIN, RAM_MAX, RAM_STEP = 1 * MIB, 0xE0000000, 4096  # above 3.5 GiB is the hole for PCI, APICs and firmware
BIOS_MAX, BIOS_STEP = 16 * MIB, 64 << 10
BLOBS = ("kernel", "initrd", "bios")
LISTS = ("devices", "outside", "modules", "roms")
# not written where there is none: older descriptions had none
OPTIONAL = ("modules", "kernel_name", "uuid", "roms", "boot_once", "boot_menu", "boot_strict", "menu_wait", "fail_wait")
BOOT_LETTERS = "acdn"
WAIT_MAX = 0xFFFF
RTC_CLOCKS = ("host", "vm")
RTC_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", re.ASCII)
RTC_DEFAULT_S = 946_684_800  # 2000-01-01, the start of a clock that follows virtual time if no date is given


@dataclass(frozen=True)
class PcConfig:
    """Sizes in bytes. `devices`: if there are none, those that a `pc` has by default (`pc_devices.parts`)."""

    ram_bytes: int = 128 * MIB
    cpu: str = "pentium2"
    kernel: bytes | None = None
    initrd: bytes | None = None
    append: str = ""
    bios: bytes | None = None
    rtc_base: str = "utc"
    rtc_clock: str = "host"
    boot: str = "cad"  # what firmware tries, in order, by the letters of QEMU's -boot
    boot_once: str = ""  # the same, until the first reset
    boot_menu: bool = False  # firmware offers its menu
    boot_strict: bool = False  # firmware tries nothing but what devices' boot indexes name
    menu_wait: int | None = None  # ms for a key; None: as long as firmware likes
    fail_wait: int | None = None  # the same, until it starts again that found nothing to start; -1: for ever
    graphics: bool = True  # False: firmware is told to use the serial line (-nographic)
    machine: str = field(default_factory=machine_version.newest)
    devices: tuple[Entry, ...] = ()
    outside: tuple[Outside, ...] = ()
    modules: tuple[Module, ...] = ()  # of a Multiboot kernel
    kernel_name: str = ""  # with which its command line begins
    roms: tuple[Rom, ...] = ()  # of devices
    uuid: str = ""  # which firmware is told, as -uuid says it; without one it is all zeroes

    def __post_init__(self) -> None:
        if not self.devices:
            for name, value in pc_devices.parts(self.machine).items():
                object.__setattr__(self, name, value)

    def check(self) -> None:
        """Raise UsageError for what cannot be built."""
        if not RAM_MIN <= self.ram_bytes <= RAM_MAX or self.ram_bytes % RAM_STEP:
            mib = self.ram_bytes / MIB
            raise UsageError(f"{mib:g} MiB of memory: possible are {RAM_MIN // MIB} to {RAM_MAX // MIB} MiB")
        if self.kernel is not None and self.bios is not None:
            raise UsageError("-kernel starts without firmware, so it cannot be combined with -bios")
        if self.kernel is None and (self.initrd is not None or self.append or self.modules):
            raise UsageError("-initrd and -append need a kernel (-kernel)")
        if self.kernel is None and self.bios is None:
            raise UsageError("nothing to start: give a kernel (-kernel) or a firmware (-bios)")
        if self.bios is not None and (not 0 < len(self.bios) <= BIOS_MAX or len(self.bios) % BIOS_STEP):
            raise UsageError(f"-bios: a firmware image is a multiple of 64 KiB; this one has {len(self.bios)} bytes")
        if self.rtc_clock not in RTC_CLOCKS:
            raise UsageError(f"-rtc clock={self.rtc_clock}: it is one of {', '.join(RTC_CLOCKS)}")
        self.rtc_start_s()
        self._check_boot()
        if self.uuid and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", self.uuid):
            raise UsageError(f"-uuid {self.uuid}: not a UUID")
        pc_devices.check(self.machine, self.devices, self.outside)
        expansion_roms.check(self.machine, self.devices, self.roms)
        for drive in self.drives:
            drive.check()

    def _check_boot(self) -> None:
        for name, letters in (("order", self.boot), ("once", self.boot_once)):
            if not set(letters) <= set(BOOT_LETTERS):
                raise UsageError(f"-boot {name}={letters}: letters of {BOOT_LETTERS}")
        if self.menu_wait is not None and not 0 <= self.menu_wait <= WAIT_MAX:
            raise UsageError(f"-boot splash-time={self.menu_wait}: a number from 0 to {WAIT_MAX}")
        if self.fail_wait is not None and not -1 <= self.fail_wait <= WAIT_MAX:
            raise UsageError(f"-boot reboot-timeout={self.fail_wait}: a number from -1 to {WAIT_MAX}")

    # the devices

    def values(self, entry: Entry) -> dict[str, Any]:
        """All properties of a device."""
        return pc_devices.values_of(self.machine, entry)

    def all_of(self, *drivers: str) -> list[Entry]:
        """The devices of these QEMU names, in the order of the list."""
        return [entry for entry in self.devices if entry.driver in drivers]

    def end(self, type: str, id: str) -> Outside:
        """What a device means by this id."""
        return next(end for end in self.outside if (end.type, end.id) == (type, id))

    @cached_property
    def drives(self) -> tuple[DriveConfig, ...]:
        """The disks, CD-ROM and floppy disk drives. Whoever provides the storage behind them does so in this order."""
        found = [(entry, self.values(entry)) for entry in self.all_of(*pc_devices.DRIVES)]
        return tuple(pc_devices.drive_of(e, values, self.end("drive", values["drive"]).facts) for e, values in found)

    def cards(self) -> list[tuple[int | None, str]]:
        """The boot index of each network card, and its place on the PCI bus."""
        cards = [e for e in self.devices if "bootindex" in e.values and e.driver not in pc_devices.DRIVES]
        return [(values["bootindex"], values["addr"]) for values in map(self.values, cards)]

    @cached_property
    def netdevs(self) -> tuple[Outside, ...]:
        """What network cards are connected to; a place here is the netdev's number in events."""
        return tuple(end for end in self.outside if end.type == "netdev")

    @cached_property
    def audiodevs(self) -> tuple[Outside, ...]:
        """What sound devices are connected to, in order."""
        return tuple(end for end in self.outside if end.type == "audiodev")

    @cached_property
    def serial(self) -> tuple[str, ...]:
        """For each serial port a word about its other end."""
        ids = [entry.values.get("chardev") for entry in self.all_of("isa-serial")]
        return tuple(self.end("chardev", str(id)).facts["backend"] if id is not None else "null" for id in ids)

    def com_ports(self) -> tuple[tuple[int, int], ...]:
        """(I/O base, interrupt) of each serial port."""
        found = (self.values(entry) for entry in self.all_of("isa-serial"))
        return tuple((values["iobase"], values["irq"]) for values in found)

    def floppy_types(self) -> tuple[str, str]:
        """Of each floppy disk drive, in the words of its property; "none" where there is no drive."""
        types = {0: "none", 1: "none"}
        for drive in self.drives:
            if drive.kind == FLOPPY:
                from playhead.devices.storage.isa_fdc import drive_type

                (fdc,) = self.all_of("isa-fdc")
                types[drive.unit] = drive_type(self.values(fdc), drive.unit, drive.type, drive.sectors)
        return types[0], types[1]

    @cached_property
    def sockets(self) -> list[expansion_roms.Socket]:
        """The expansion ROMs."""
        return expansion_roms.sockets(self.machine, self.devices, self.roms)

    # the real-time clock

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
        parts = [getattr(self, name) for name in BLOBS]
        parts += [module.data for module in self.modules] + [rom.data for rom in self.roms]
        return {digest(part): part for part in parts if part is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a recording; large parts by name."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in BLOBS:
            if plain[name] is not None:
                plain[name] = digest(plain[name])
        for name in LISTS:
            plain[name] = [part.to_json() for part in plain[name]]
        return {name: value for name, value in plain.items() if name not in OPTIONAL or not _says_nothing(value)}

    def in_this_form(self, plain: dict[str, Any]) -> dict[str, Any]:
        """A description of this or an older form, to be compared with `to_json`. Raises FormatError."""
        if not config_before.is_before(plain):
            return plain
        if type(ports := plain.get("serial")) is int:  # a state in a disk image had only their number
            plain = {**plain, "serial": ["null"] * min(ports, 5)}
        try:
            return config_before.converted(plain, self.machine)
        except UsageError as e:
            raise FormatError(f"a machine description that cannot be built: {e}") from None

    @classmethod
    def from_json(cls, plain: dict[str, Any], blob: Callable[[str], bytes]) -> "PcConfig":
        """The inverse, of an older form too (`config_before`); `blob` gives the bytes of a SHA-256. What comes from a
        file is not trusted. Raises UnsupportedError if the machine's version or a device is not known here.
        """
        if not isinstance(plain, dict):
            raise FormatError("a machine description that is no object")
        version = machine_version.of_recording(plain)
        known = {f.name: JSON_TYPES[f.type] for f in fields(cls)}
        try:
            if config_before.is_before(plain):
                plain = config_before.converted(plain, version)
            if set(plain) - set(known):
                raise FormatError(f"a machine description with unknown parts: {sorted(set(plain) - set(known))}")
            for name, value in plain.items():
                if type(value) not in known[name]:
                    raise FormatError(f"a machine description whose {name} is {value!r}")
            config = replace(cls(), **_values(version, plain, blob))
            config.check()
        except UsageError as e:
            raise FormatError(f"a machine description that cannot be built: {e}") from None
        return config


def _values(version: str, plain: dict[str, Any], blob: Callable[[str], bytes]) -> dict[str, Any]:
    """The fields of a checked description."""
    back = machine_version.back(version)
    values: dict[str, Any] = {**{name: value for name, value in back.items() if "." not in name}, **plain}
    values["devices"] = tuple(Entry.from_json(item) for item in values["devices"])
    values["outside"] = tuple(Outside.from_json(item) for item in values.get("outside", ()))
    values["modules"] = tuple(Module.from_json(item, blob) for item in values.get("modules", ()))
    values["roms"] = tuple(Rom.from_json(item, blob) for item in values.get("roms", ()))
    if not values["devices"]:
        raise FormatError("a machine description without devices")
    for entry in values["devices"]:
        if entry.driver not in registry.CLASSES:
            raise UnsupportedError(f"its device '{entry.driver}' is not known here; use the Playhead that has it")
    for name in BLOBS:
        if values.get(name) is not None:
            values[name] = blob(values[name])
    return values


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", [])


JSON_TYPES: dict[Any, tuple[type, ...]] = {
    int: (int,), int | None: (int, type(None)), bool: (bool,), str: (str,), bytes | None: (str, type(None)),
    tuple[Entry, ...]: (list,), tuple[Outside, ...]: (list,), tuple[Module, ...]: (list,), tuple[Rom, ...]: (list,),
}  # fmt: skip


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
