"""QEMU's options that describe the machine and how it runs: the table for `run` and `record`."""

import re
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards import machine_version
from playhead.boards.config import RAM_MAX, RAM_MIN
from playhead.cli import device_options, drive_options
from playhead.cli.monitors import mon
from playhead.cli.serial_ports import chardev, device, gdb_device, list_backends
from playhead.cli.options import Option, number, on_off, one_of, sub_options
from playhead.log.snapshot_names import check_name

UNITS = {"": 20, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
SIZE = re.compile(r"(?:size=)?\+?(0x[0-9a-f]{1,16}|[0-9]{1,20})(\.[0-9]{0,20})?([BKMGTPE]?)", re.IGNORECASE)
RAM_ROUND = 8 << 10
DATES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


def memory_size(text: str) -> int:
    """`128`, `0x80`, `128M`, `0.5G`: bytes; a plain number is mebibytes. Rounded up as QEMU does it."""
    match = SIZE.fullmatch(text)
    if not match or ("x" in match[1].lower() and (match[2] or match[3])):
        raise UsageError("not a size such as 128M or 1.5G")
    if match[2] and match[3].upper() in ("", "B"):
        raise UsageError("a fraction needs a unit: K, M or G")
    size = (int(match[1], 0) if "x" in match[1].lower() else int(match[1])) << UNITS[match[3].upper()]
    if match[2]:
        from fractions import Fraction

        size += round(Fraction(f"0{match[2]}0") * (1 << UNITS[match[3].upper()]))
    size = -(-size // RAM_ROUND) * RAM_ROUND
    if not RAM_MIN <= size <= RAM_MAX:
        raise UsageError(f"memory can be {RAM_MIN >> 20}M to {RAM_MAX >> 20}M")
    return size


def icount(text: str) -> dict[str, Any]:
    """`shift=N|auto,sleep=on|off,rrsnapshot=NAME`."""

    def shift(value: str) -> int | str:
        return "auto" if value == "auto" else number(0, 10)(value)

    def align(value: str) -> bool:
        if on_off(value):
            raise UnsupportedError("align=on is not supported")
        return False

    def rr(value: str) -> str:
        raise UsageError("to record or replay, use playhead record -o FILE ... and playhead replay FILE")

    def snapshot(value: str) -> str:
        check_name(value)
        return value

    known = {"shift": shift, "sleep": on_off, "align": align, "rr": rr, "rrfile": rr, "rrsnapshot": snapshot}
    return sub_options(text, known, implied="shift")


def rtc(text: str) -> dict[str, Any]:
    """`base=utc|DATE,clock=host|vm`; a date is brought into the form 2026-01-31T12:00:00."""

    def base(value: str) -> str:
        if value == "utc":
            return value
        if value == "localtime":
            raise UnsupportedError("base=localtime is not supported: it would depend on where a replay runs")
        for form in DATES:
            try:
                return time.strftime(DATES[0], time.strptime(value, form))
            except ValueError:
                continue
        raise UsageError(f"'{value}' is neither utc nor a date such as 2026-01-31T12:00:00")

    def clock(value: str) -> str:
        if value == "rt":
            raise UnsupportedError("clock=rt is not supported: real time never touches the machine; use clock=host")
        return one_of("host", "vm")(value)

    return sub_options(text, {"base": base, "clock": clock, "driftfix": one_of("none")})


class Machine(NamedTuple):
    """`graphics`: None if nothing is said, and then -nographic says it."""

    version: str
    graphics: bool | None = None


def machine_type(text: str) -> Machine:
    """`pc` or one of its versions, with what QEMU scripts add to it."""
    if text.startswith("type="):
        text = text[5:]
    name, _, rest = text.partition(",")
    version = machine_version.resolve(name)
    no = one_of("off")
    known = {"accel": one_of("tcg"), "usb": no, "vmport": no, "hpet": no, "graphics": on_off}
    given = sub_options(rest, known) if rest else {}
    return Machine(version, given.get("graphics"))


def list_machines(about: str) -> str | None:
    return None if about else _listed("machines", machine_version.listed())


def list_processors(about: str) -> str | None:
    from playhead.x86.system.cpuid import ALL, DEFAULT, MODELS

    if about not in ("", *MODELS):
        return None
    models = [(name, " ".join(m.features) + (" (default)" if name == DEFAULT else "")) for name, m in MODELS.items()
              if about in ("", name)]  # fmt: skip
    features = f"features, to be added or taken away (-cpu {about or DEFAULT},+nx,-pae):\n  {' '.join(ALL)}"
    return f"{_listed('models, and their features', models)}\n{features}"


def list_nothing(about: str) -> str | None:
    return None if about else "none"


def list_accelerators(about: str) -> str | None:
    return None if about else "tcg"


def _listed(title: str, rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {what}" for name, what in rows)])


def cpus(text: str) -> int:
    if number(1, 255)(text.removeprefix("cpus=")) != 1:
        raise UnsupportedError("more than one CPU is not supported")
    return 1


def cpu_model(text: str) -> str:
    """A model that CPUID can describe, with features added or taken away."""
    from playhead.x86.system.cpuid import canonical

    return canonical(text)


def nothing(text: str) -> str:
    """For what this machine does not have: only `none` fits."""
    if text != "none":
        raise UnsupportedError("this version has none; the only value is none")
    return text


MACHINE = "the machine"
RUN = "how it runs"
DISKS = "its disks"
WATCH = "debugging and monitoring"
QUIET = "accepted and ignored, for compatibility with QEMU command lines"

MACHINE_OPTIONS: tuple[Option, ...] = (
    Option("-kernel", "a Linux kernel (bzImage) or a Multiboot 1 kernel, started without firmware", "FILE",
           group=MACHINE),
    Option("-initrd", "its initial RAM disk; or the modules of a Multiboot kernel, as FILE WORDS,FILE WORDS", "FILE",
           group=MACHINE),
    Option("-append", "its command line", "TEXT", group=MACHINE),
    Option("-bios", "firmware to start at the reset vector, instead of a kernel; with drives SeaBIOS is the default",
           "FILE", group=MACHINE),
    Option("-m", "memory, such as 256M or 1.5G; a plain number is mebibytes (default 128M)", "SIZE[M|G]", memory_size,
           "ram_bytes", group=MACHINE),
    Option("-cpu", "processor model: 486, pentium or pentium2 (default), and features that it is to have or to lack "
           "(pentium2,+nx,-pae)", "MODEL[,+FEATURE][,-FEATURE]", cpu_model, "cpu", group=MACHINE,
           listing=list_processors),
    Option("-serial", "what COM1 to COM4 are connected to, in turn: stdio, mon:stdio (the monitor shares it), "
           "file:PATH, pty, pipe:PATH, tcp:HOST:PORT, telnet:HOST:PORT or unix:PATH (with ,server,nowait to be "
           "connected to, or ,reconnect=SECONDS), chardev:ID, null (nothing), none (no such port); COM1 is stdio by "
           "default", "DEVICE", device, many=4, group=MACHINE),
    Option("-nographic", "COM1 is the terminal: Ctrl-A x quits, Ctrl-A c is the monitor, Ctrl-A h helps, Ctrl-C goes "
           "to the guest", group=MACHINE),
    Option("-debugcon", "where the debug port's output goes: as -serial", "DEVICE", device, group=MACHINE),
    Option("-chardev", "a character device that others name by its id: null, stdio[,signal=off], pty[,path=LINK], "
           "file,path=FILE[,append=on][,input-path=FILE], pipe,path=FILE, "
           "socket,host=HOST,port=PORT|path=PATH[,server=on][,wait=off][,telnet=on][,reconnect=SECONDS][,to=PORT]"
           "[,nodelay=on][,ipv4=on][,ipv6=on]; mux=on: several share it, and Ctrl-A c hands the keys to the next",
           "BACKEND,id=ID[,KEY=VALUE...]", chardev, key="chardevs", many=16, group=MACHINE,
           listing=list_backends),
    Option("-device", "add a device: isa-debug-exit,iobase=N,iosize=N lets the guest end the run with a status; "
           "ide-hd,drive=ID and ide-cd[,drive=ID] are drives, with bus=ide.0|ide.1,unit=0|1,serial=TEXT,bootindex=N; "
           "isa-serial,chardev=ID is a serial port; -device help lists all, and -device NAME,help what one can be told",
           "NAME[,KEY=VALUE...]", device_options.device, key="devices", many=16, group=MACHINE,
           listing=device_options.list_devices),
    Option("-rtc", "the real-time clock: base=utc or a date; clock=host shows the host's date (each read is recorded), "
           "clock=vm virtual time", "base=B,clock=C", rtc, default={}, group=MACHINE),
    Option("-M", "the machine: pc (the newest version), or a version by its name, such as pc-2", "NAME", machine_type,
           key="machine", group=MACHINE, listing=list_machines),
    Option("-machine", "", "NAME", machine_type, key="machine", listing=list_machines),
    Option("-global", "a property of each device of this name, such as isa-debugcon.iobase=N", "DEVICE.PROPERTY=VALUE",
           device_options.global_property, key="globals", many=8, group=MACHINE),
    *(Option(f"-hd{letter}", f"a disk, drive {n} of the IDE channels", "FILE", drive_options.fixed(n), "drives", 1,
             group=DISKS) for n, letter in enumerate("abcd")),
    Option("-cdrom", "a CD-ROM, in place of -hdc", "FILE", drive_options.fixed(2, "cdrom"), "drives", 1, group=DISKS),
    Option("-drive", "a drive: file=FILE,if=ide|none,format=raw|qcow2,media=disk|cdrom,index=N,bus=N,unit=N; "
           "snapshot=on: the file is not changed; readonly=on; id=ID for others to name it (-device ide-hd,drive=ID); "
           "driver=blkreplay,image=ID records another drive (record adds that by itself)", "KEY=VALUE[,...]",
           drive_options.drive, "drives", 16, group=DISKS),
    Option("-snapshot", "no drive's file is changed", group=DISKS),
    Option("-loadvm", "begin in the state that savevm kept under this name, in a qcow2 image of this machine", "NAME",
           group=DISKS),
    Option("-boot", "what firmware tries to start from, in order: c (disk), d (CD-ROM); default cad", "order=LETTERS",
           drive_options.boot, default="cad", group=DISKS),
    Option("-icount", "an instruction takes 2**N ns of virtual time (default 3), or what the host takes (auto); "
           "sleep=off: a halted CPU jumps to its next alarm even where input may come; rrsnapshot=NAME, for record: a "
           "snapshot of the first moment", "shift=N|auto,sleep=on|off", icount, default={}, group=RUN),
    Option("-no-reboot", "a reset ends the run", group=RUN),
    Option("--engine", "native (default), or the slow reference evaluator", "native|reference",
           one_of("native", "reference"), default="native", group=RUN),
    Option("-gdb", "where gdb may attach: tcp::PORT (on this machine only), tcp:HOST:PORT, unix:PATH,server,nowait, "
           "another device as for -serial, or none (default)", "DEVICE", gdb_device, group=WATCH),
    Option("-s", "the same as -gdb tcp::1234", group=WATCH),
    Option("-S", "start paused: gdb (continue) or the monitor (cont) lets it run", key="stopped", group=WATCH),
    Option("-monitor", "where the monitor is: stdio (COM1 must be connected to something else then), another device as "
           "for -serial, such as unix:PATH,server,nowait, or none; by default, with -nographic, Ctrl-A c switches to "
           "it and back", "DEVICE", device, group=WATCH),
    Option("-mon", "a monitor on a -chardev: for people (readline), or for programs (control: QMP)",
           "chardev=ID[,mode=readline|control][,pretty=on]", mon, key="mons", many=8, group=WATCH),
    Option("-qmp", "a monitor for programs, on a device as for -serial", "DEVICE", device, many=8, group=WATCH),
    Option("-qmp-pretty", "the same, with its answers indented", "DEVICE", device, many=8, group=WATCH),
    Option("-display", "there is no screen", "none", nothing, group=QUIET, listing=list_nothing),
    Option("-net", "there is no network", "none", nothing, group=QUIET, listing=list_nothing),
    Option("-nic", "there is no network card", "none", nothing, group=QUIET, listing=list_nothing),
    Option("-vga", "there is no graphics card", "none", nothing, group=QUIET, listing=list_nothing),
    Option("-parallel", "there is no parallel port", "none", nothing, group=QUIET, listing=list_nothing),
    Option("-smp", "there is one processor", "1", cpus, group=QUIET),
    Option("-accel", "the processor is always emulated", "tcg", one_of("tcg"), group=QUIET, listing=list_accelerators),
    Option("-nodefaults", "there are no default devices to leave out", group=QUIET),
    Option("-no-user-config", "there is no configuration file", group=QUIET),
)  # fmt: skip
