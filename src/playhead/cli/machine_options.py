"""QEMU's options that describe the machine and how it runs: the table for `run` and `record`, and for
`playhead-system-i386`.
"""

from typing import Any

from playhead.base.errors import UsageError
from playhead.boards.config import BOOT_LETTERS, WAIT_MAX
from playhead.cli import audio_options, blockdev_options, device_options, drive_options, netdev_options, object_options
from playhead.cli import machine_values as values
from playhead.cli.log_options import LOG_OPTIONS
from playhead.cli.machine_values import memory_size as memory_size
from playhead.cli.options import FILE, Option, Sub, on_off, one_of
from playhead.cli.monitors import MON_SUBS, mon
from playhead.cli.process_options import PROCESS_OPTIONS
from playhead.cli.screen_options import SCREEN, SCREEN_OPTIONS
from playhead.cli.serial_ports import CHARDEV_SUBS, DEVICE, GDB_DEVICE, chardev, list_backends
from playhead.cli.value_types import TEXT, Type, always, id_of, number, only, refused

MACHINE = "the machine"
RUN = "how it runs"
DISKS = "its disks"
NETWORK = "its network"
SOUND = "its sound"
WATCH = "debugging and monitoring"
QUIET = "accepted and ignored, for compatibility with QEMU command lines"

IGNORED = "accepted and ignored"


def auto(value: bool, reason: str) -> Type:
    """A boolean of which QEMU may also choose: only one value is what this machine has."""
    fixed = always(value, reason)
    return Type(f"{fixed.shown}|auto", lambda text: value if text == "auto" else fixed(text), (*fixed.words, "auto"))


MACHINE_SUBS = (
    Sub("type", values.MACHINE_TYPE, "pc (the newest version), or a version by its name, such as pc-2", "pc"),
    Sub("accel", values.ACCELERATOR, "the processor is always emulated", "tcg"),
    Sub("graphics", on_off, "off: firmware and kernels are told to use the serial port", "on, off with -nographic"),
    Sub("usb", always(False, "there is no USB"), "there is no USB", "off"),
    Sub("hpet", on_off, "whether there is an HPET; machines before pc-3 have none", "on"),
    Sub("vmport", auto(False, "there is no VMware port"), "there is no VMware port", "off"),
    Sub("smm", auto(False, "there is no system management mode"), "there is no system management mode", "off", "0.4.0"),
    Sub("acpi", auto(True, "the machine is described to the guest by ACPI tables"), "there are ACPI tables", "on",
        "0.4.0"),
    Sub("pit", auto(True, "the PIT cannot be left out"), "there is a PIT", "on", "0.4.0"),
    Sub("pic", auto(True, "the 8259s cannot be left out"), "there are two 8259s", "on", "0.4.0"),
    Sub("i8042", always(True, "the keyboard controller cannot be left out"), "there is a keyboard controller", "on",
        "0.4.0"),
    Sub("sata", always(False, "there is no SATA; disks are on IDE"), "there is no SATA", "off", "0.4.0"),
    Sub("pcspk-audiodev", id_of("-audiodev"), "the audiodev of the PC's speaker", "none: it is not heard", "0.6.0"),
    Sub("dump-guest-core", on_off, IGNORED, since="0.4.0"),
    Sub("mem-merge", on_off, IGNORED, since="0.4.0"),
    Sub("suppress-vmdesc", on_off, IGNORED, since="0.4.0"),
    Sub("kernel-irqchip", only(("off",), "there is no KVM"), IGNORED, since="0.4.0"),
    Sub("kernel_irqchip", only(("off",), "there is no KVM"), since="0.4.0"),
    Sub("nvdimm", always(False, "there is no NVDIMM")), Sub("hmat", always(False, "there is one NUMA node")),
    Sub("kernel", refused("say -kernel FILE")), Sub("initrd", refused("say -initrd FILE")),
    Sub("append", refused("say -append TEXT")), Sub("firmware", refused("say -bios FILE")),
    Sub("boot", refused("say -boot order=LETTERS")), Sub("memory", refused("say -m SIZE")),
    Sub("smp", refused("there is one processor")), Sub("dtb", refused("a PC has no device tree")),
    Sub("memory-backend", refused("memory is the process's own; say -m SIZE")),
    Sub("memory-encryption", refused("a recording holds memory in clear")),
    Sub("confidential-guest-support", refused("a recording holds memory in clear")),
    Sub("max-ram-below-4g", refused("the PCI hole is where it is")),
    Sub("pflash0", refused("there is no flash memory; firmware is -bios FILE")),
    Sub("pflash1", refused("there is no flash memory; firmware is -bios FILE")),
    Sub("smbios-entry-point-type", refused("there are no SMBIOS tables")),
)  # fmt: skip
MEMORY_SUBS = (
    Sub("size", values.SIZE_OF_MEMORY, "such as 256M or 1.5G; a plain number is mebibytes", "128M"),
    Sub("slots", only(("0",), "memory cannot be added to a running machine"), "memory cannot be added", "0", "0.4.0"),
    Sub("maxmem", refused("memory cannot be added to a running machine")),
)
RTC_SUBS = (
    Sub("base", values.DATE, "the date at power-on, such as 2026-01-31T12:00:00, or the host's in UTC", "utc"),
    Sub("clock", values.CLOCK, "host: it shows the host's date (each read is recorded); vm: virtual time", "host"),
    Sub("driftfix", only(("none",), "virtual time does not drift"), "no tick is lost that could be made up", "none"),
)
BOOT_SUBS = (
    Sub("order", values.boot_order(BOOT_LETTERS), "a (floppy disk), c (disk), d (CD-ROM), n (network), in the order of "
        "trying; at most three", "cad"),
    Sub("once", values.boot_order(BOOT_LETTERS), "the same, until the first reset", since="0.5.0"),
    Sub("menu", on_off, "firmware offers a menu, on the serial port with -nographic", "off", "0.5.0"),
    Sub("strict", on_off, "on: firmware tries only what has a bootindex=", "off"),
    Sub("splash", refused("firmware shows text only")),
    Sub("splash-time", number(0, WAIT_MAX), "milliseconds for which the menu waits for a key", since="0.5.0"),
    Sub("reboot-timeout", number(-1, WAIT_MAX), "milliseconds until firmware starts again that has found nothing to "
        "start from; -1: it does not", "-1", "0.5.0"),
)
ICOUNT_SUBS = (
    Sub("shift", values.SHIFT, "an instruction takes 2**N ns of virtual time, or what the host takes (auto)", "3"),
    Sub("sleep", on_off, "off: a halted CPU jumps to its next alarm even where input may come", "on"),
    Sub("align", always(False, "the guest is not slowed down to real time"), "no waiting for real time", "off"),
    Sub("rrsnapshot", values.SNAPSHOT, "for record: a snapshot of the first moment"),
)


def _recording_is_a_verb(value: str) -> Any:
    raise UsageError("to record or replay, use playhead record -o FILE ... and playhead replay FILE, or the program "
                     "playhead-system-i386")  # fmt: skip


RR_REFUSED = tuple(Sub(name, Type("...", _recording_is_a_verb)) for name in ("rr", "rrfile"))
SMP_SUBS = (
    Sub("cpus", values.ONE_CPU, "there is one processor", "1"),
    *(Sub(name, values.ONE_CPU, since="0.4.0")
      for name in ("maxcpus", "sockets", "dies", "clusters", "modules", "cores", "threads")),
)  # fmt: skip
ACCEL_SUBS = (
    Sub("accel", values.ACCELERATOR, "the processor is always emulated", "tcg"),
    Sub("thread", one_of("single", "multi"), IGNORED, since="0.4.0"),
    Sub("tb-size", number(0, 1 << 20), IGNORED, since="0.4.0"),
    Sub("split-wx", on_off, IGNORED, since="0.4.0"),
    Sub("one-insn-per-tb", on_off, IGNORED, since="0.4.0"),
)
ACTION_SUBS = (
    Sub("reboot", one_of("reset", "shutdown"), "shutdown: the same as -no-reboot", "reset", "0.4.0"),
    Sub("shutdown", only(("poweroff",), "a machine that is powered off ends the run"), "it ends the run", "poweroff",
        "0.4.0"),
    Sub("panic", one_of("pause", "shutdown", "exit-failure", "none"), "accepted: no device tells of a guest's panic",
        since="0.4.0"),
    Sub("watchdog", one_of("reset", "shutdown", "poweroff", "inject-nmi", "pause", "debug", "none"),
        "accepted: there is no watchdog", since="0.4.0"),
)  # fmt: skip
OVERCOMMIT_SUBS = (
    Sub("mem-lock", always(False, "memory is not locked"), IGNORED, "off", "0.4.0"),
    Sub("cpu-pm", always(False, "a halted CPU sleeps"), IGNORED, "off", "0.4.0"),
)

MACHINE_OPTIONS: tuple[Option, ...] = (
    Option("-kernel", "a Linux kernel (bzImage) or a Multiboot 1 kernel, started without firmware", parse=FILE,
           group=MACHINE),
    Option("-initrd", "its initial RAM disk; or the modules of a Multiboot kernel, as FILE WORDS,FILE WORDS",
           parse=FILE, group=MACHINE),
    Option("-append", "its command line", parse=TEXT, group=MACHINE),
    Option("-bios", "firmware to start at the reset vector, instead of a kernel; with drives SeaBIOS is the default",
           parse=FILE, group=MACHINE),
    Option("-m", "memory", "[size=]SIZE", subs=MEMORY_SUBS, implied="size", finish=values.size, key="ram_bytes",
           otherwise="128M", group=MACHINE),
    Option("-cpu", "processor model: 486, pentium or pentium2, and features that it is to have or to lack "
           "(pentium2,+nx,-pae)", parse=values.CPU, group=MACHINE, listing=values.list_processors,
           otherwise="pentium2"),
    Option("-serial", "what COM1 to COM4 are connected to, in turn: stdio, mon:stdio (the monitor shares it), "
           "file:PATH, pty, pipe:PATH, tcp:HOST:PORT, telnet:HOST:PORT or unix:PATH (with ,server,nowait to be "
           "connected to, or ,reconnect=SECONDS), chardev:ID, null (nothing), none (no such port); COM1 is stdio by "
           "default", parse=DEVICE, many=4, group=MACHINE),
    Option("-nographic", "COM1 is the terminal: Ctrl-A x quits, Ctrl-A c is the monitor, Ctrl-A h helps, Ctrl-C goes "
           "to the guest", group=MACHINE),
    Option("-debugcon", "where the debug port's output goes: a device as for -serial", parse=DEVICE, group=MACHINE),
    Option("-chardev", "a character device that others name by its id, as -serial chardev:ID does",
           "BACKEND,id=ID[,KEY=VALUE...]", chardev, key="chardevs", many=16, group=MACHINE, subs=CHARDEV_SUBS,
           implied="backend", listing=list_backends, since="0.3.0"),
    Option("-device", "add a device: isa-debug-exit,iobase=N,iosize=N lets the guest end the run with a status; "
           "ide-hd,drive=ID and ide-cd[,drive=ID] are drives, with bus=ide.0|ide.1,unit=0|1,serial=TEXT,bootindex=N; "
           "isa-serial,chardev=ID is a serial port; -device help lists all, and -device NAME,help what one can be told",
           "NAME[,KEY=VALUE...]", device_options.DEVICE, key="devices", many=16, group=MACHINE,
           listing=device_options.list_devices),
    Option("-rtc", "the real-time clock", subs=RTC_SUBS, merges=True, default={}, group=MACHINE),
    Option("-M", "the machine: pc (the newest version), or a version by its name, such as pc-2", "NAME[,KEY=VALUE...]",
           subs=MACHINE_SUBS, implied="type", bare=False, merges=True, key="machine", default={}, otherwise="pc",
           group=MACHINE, listing=values.list_machines, also=("-machine",)),
    Option("-global", "a property of each device of this name, such as isa-debugcon.iobase=N; or "
           "driver=DEVICE,property=PROPERTY,value=VALUE", "DEVICE.PROPERTY=VALUE", device_options.GLOBAL,
           key="globals", many=32, group=MACHINE),
    Option("-uuid", "the machine's UUID, which firmware reads from its configuration (fw_cfg item 2)",
           parse=values.UUID, group=MACHINE, otherwise="all zeroes", since="0.4.0"),
    *(Option(f"-hd{letter}", f"a disk, drive {n} of the IDE channels", "FILE", drive_options.fixed(n), "drives", 1,
             group=DISKS) for n, letter in enumerate("abcd")),
    *(Option(f"-fd{letter}", f"a floppy disk, in drive {n}", "FILE", drive_options.fixed(n, interface="floppy"),
             "drives", 1, group=DISKS, since="0.4.0") for n, letter in enumerate("ab")),
    Option("-cdrom", "a CD-ROM, in place of -hdc", "FILE", drive_options.fixed(2, "cdrom"), "drives", 1, group=DISKS),
    Option("-drive", "a drive", "KEY=VALUE[,...]", subs=drive_options.DRIVE_SUBS, implied="file",
           finish=drive_options.checked, key="drives", many=16, group=DISKS),
    Option("-blockdev", "a node of a block graph, in QEMU's keys or as JSON; a -device names it by node-name",
           "KEY=VALUE[,...]", blockdev_options.blockdev, subs=blockdev_options.SUBS, key="drives", many=64,
           group=DISKS, since="0.4.0"),
    Option("-snapshot", "no drive's file is changed", group=DISKS),
    Option("-loadvm", "begin in the state that savevm kept under this name, in a qcow2 image of this machine", "NAME",
           group=DISKS),
    Option("-boot", "what firmware tries to start from", "[order=]LETTERS", subs=BOOT_SUBS, implied="order", bare=False,
           merges=True, default={}, otherwise="order=cad", group=DISKS),
    Option("-netdev", "a network for a network card (-device NAME,netdev=ID) to be connected to; -netdev help lists "
           "the types, -netdev TYPE,help what one can be told", "TYPE,id=ID[,KEY=VALUE...]", netdev_options.netdev,
           key="netdevs", many=32, group=NETWORK, subs=netdev_options.SUBS, implied="type",
           listing=netdev_options.list_kinds, since="0.5.0"),
    Option("-nic", "a network card and its netdev in one: -nic user,model=rtl8139,hostfwd=tcp::2222-:22; none: there "
           "is no network card by default", "TYPE[,model=M][,mac=A][,KEY=VALUE...]", netdev_options.nic, key="nics",
           many=32, group=NETWORK, subs=netdev_options.NIC_SUBS, implied="type", completed=netdev_options.OF_KINDS,
           listing=netdev_options.list_nic),
    Option("-net", "the same in two, -net nic,model=rtl8139 -net user; none: there is no network",
           "nic|TYPE|none[,KEY=VALUE...]", netdev_options.net, key="nets", many=32, group=NETWORK,
           subs=netdev_options.NET_SUBS, implied="type", completed=netdev_options.OF_KINDS,
           listing=netdev_options.list_net),
    Option("-object", "a filter on a netdev: filter-dump,id=ID,netdev=ID,file=FILE writes its packets into a file "
           "(pcap); filter-replay,id=ID,netdev=ID says that they are recorded, as all are", "TYPE,id=ID[,KEY=VALUE...]",
           object_options.OBJECT, key="objects", many=64, group=NETWORK, subs=object_options.SUBS, implied="qom-type",
           listing=object_options.list_objects, since="0.4.0"),
    *SCREEN_OPTIONS,
    Option("-audiodev", "where a sound device (-device AC97,audiodev=ID) is heard and captures from; -audiodev help "
           "lists the drivers, -audiodev DRIVER,help what one can be told", "DRIVER,id=ID[,KEY=VALUE...]",
           audio_options.audiodev, key="audiodevs", many=16, group=SOUND, subs=audio_options.SUBS, implied="driver",
           listing=audio_options.list_drivers, since="0.6.0"),
    Option("-audio", "an audiodev and a sound device at it in one: -audio wav,path=FILE,model=ac97; -audio model=help "
           "lists the devices", "DRIVER,model=NAME[,KEY=VALUE...]", audio_options.audio_option, group=SOUND,
           subs=audio_options.AUDIO_SUBS, implied="driver", listing=audio_options.list_audio, since="0.6.0"),
    Option("-soundhw", "deprecated: a sound device that is not heard", parse=audio_options.SOUNDHW_TYPE, group=SOUND,
           since="0.6.0"),
    Option("-icount", "virtual time by instructions", "[shift=]N|auto[,KEY=VALUE...]", implied="shift", merges=True,
           subs=(*ICOUNT_SUBS, *RR_REFUSED), default={}, group=RUN),
    Option("-no-hpet", "there is no HPET, as with -M hpet=off", group=MACHINE, since="0.4.0"),
    Option("-no-reboot", "a reset ends the run", group=RUN),
    Option("-action", "what happens when something does", subs=ACTION_SUBS, merges=True, bare=False, default={},
           group=RUN, since="0.4.0"),
    Option("--engine", "native, or the slow reference evaluator", parse=one_of("native", "reference"),
           default="native", group=RUN),
    Option("-gdb", "where gdb may attach: tcp::PORT (on this machine only), tcp:HOST:PORT, unix:PATH,server,nowait, "
           "another device as for -serial, or none (default)", parse=GDB_DEVICE, group=WATCH),
    Option("-s", "the same as -gdb tcp::1234", group=WATCH),
    Option("-S", "start paused: gdb (continue) or the monitor (cont) lets it run", key="stopped", group=WATCH),
    Option("-monitor", "where the monitor is: stdio (COM1 must be connected to something else then), another device "
           "as for -serial, such as unix:PATH,server,nowait, or none; by default, with -nographic, Ctrl-A c switches "
           "to it and back", parse=DEVICE, group=WATCH),
    Option("-mon", "a monitor on a -chardev", key="mons", many=8, group=WATCH, subs=MON_SUBS, implied="chardev",
           finish=mon, since="0.4.0"),
    Option("-qmp", "a monitor for programs (QMP), on a device as for -serial", parse=DEVICE, many=8, group=WATCH,
           since="0.4.0"),
    Option("-qmp-pretty", "the same, with its answers indented", parse=DEVICE, many=8, group=WATCH, since="0.4.0"),
    Option("-k", "the keyboard layout by which VNC clients and typed texts press keys (-k help lists them)",
           parse=values.LAYOUT, key="keyboard", default="en-us", group=SCREEN, listing=values.list_layouts,
           since="0.6.0"),
    *LOG_OPTIONS,
    Option("-parallel", "there is no parallel port", parse=values.NONE, group=QUIET, listing=values.list_nothing),
    Option("-smp", "there is one processor", "[cpus=]1", subs=SMP_SUBS, implied="cpus", bare=False, group=QUIET),
    Option("-accel", "the processor is always emulated", "tcg[,KEY=VALUE...]", subs=ACCEL_SUBS, implied="accel",
           group=QUIET, listing=values.list_accelerators),
    Option("-nodefaults", "no empty floppy disk drive, no network card but those that are asked for", group=MACHINE),
    Option("-no-user-config", "there is no configuration file", group=QUIET),
    Option("-only-migratable", "the state of every device can be saved", group=QUIET, since="0.4.0"),
    Option("-seed", "nothing here is random that a seed could change: what a guest reads is recorded",
           parse=number(0, (1 << 64) - 1), group=QUIET, since="0.4.0"),
    Option("-overcommit", "memory is not locked, and a halted CPU sleeps", subs=OVERCOMMIT_SUBS, group=QUIET,
           since="0.4.0"),
    *PROCESS_OPTIONS,
)  # fmt: skip
