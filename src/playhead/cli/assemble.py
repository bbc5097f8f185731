"""From parsed options to the three things that a session is made of: the machine's description, its outside, its
settings.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.boards import machine_version
from playhead.boards.machine_version import FAIL_WAIT
from playhead.boards.config import PcConfig
from playhead.cli import audio_ends, boot_files, card_roms, device_options, network_ends, screen_options, views
from playhead.cli.audio_options import audio
from playhead.cli.drive_places import EMPTY_FLOPPY
from playhead.cli.drives import seabios
from playhead.cli.log_options import make_log
from playhead.cli.quantities import size
from playhead.cli.monitors import gdb_spec, monitors
from playhead.cli.serial_ports import all_specs, chardevs, debugcon_spec
from playhead.cli.shared_console import MonitorAtHand
from playhead.host.clock import date_text
from playhead.host.host import Host
from playhead.session.outcome import Options

if TYPE_CHECKING:
    from playhead.cli.drives import OpenDrives
    from playhead.log.writer import Writer
    from playhead.session.run import RunSession

QUIET_LINUX = (
    "the guest has printed nothing for 10 s; a Linux kernel prints on the serial port if its command line (-append) "
    "has console=ttyS0"
)
QUIET = "the guest has printed nothing for 10 s on its serial ports"


def make_config(values: dict[str, Any], drives: OpenDrives) -> PcConfig:
    """The machine's description, checked, with the files' contents in it."""
    for name in ("initrd", "append"):
        if values[name] is not None and values["kernel"] is None:
            raise UsageError(f"-{name} goes with -kernel; this is without one: -{name} {values[name]}")
    machine, graphics = values["machine"].get("type", machine_version.newest()), values["machine"].get("graphics")
    back: dict[str, Any] = {**machine_version.back(machine)}
    parts = device_options.entries(values, drives)
    devices = device_options.listed(machine, parts, _everywhere(values), _left_out(values, machine))
    if values["kernel"] is None and values["bios"] is None:
        if not [spec for spec in drives.specs if spec != EMPTY_FLOPPY] and not card_roms.starts(devices):
            raise UsageError("nothing to start: give -kernel FILE, firmware (-bios FILE), -hda FILE, or -nic user")
        values["bios"] = seabios()
    files = boot_files.read(values)
    base, clock = values["rtc"].get("base", "utc"), values["rtc"].get("clock", "host")
    if clock == "vm" and base == "utc":
        base = date_text().rstrip("Z")  # the host's date now; from here on it is part of the machine's description
    config = PcConfig(
        machine=machine,
        graphics=not values["nographic"] if graphics is None else graphics,
        ram_bytes=values["ram_bytes"] or back.get("ram_bytes", PcConfig.ram_bytes),
        append=values["append"] or "",
        rtc_base=base,
        rtc_clock=clock,
        cpu=values["cpu"] or back.get("cpu", PcConfig.cpu),
        **files,
        boot=values["boot"].get("order", PcConfig.boot),
        boot_once=values["boot"].get("once", ""),
        boot_menu=values["boot"].get("menu", False),
        boot_strict=values["boot"].get("strict", False),
        menu_wait=values["boot"].get("splash-time"),
        fail_wait=values["boot"].get("reboot-timeout", None if FAIL_WAIT in machine_version.lacks(machine) else -1),
        **card_roms.read(devices, firmware=values["kernel"] is None),
        outside=parts["outside"],
        uuid=values["uuid"] or "",
    )
    config.check()
    if config.kernel is not None and not config.kernel_name:  # a Multiboot kernel does not say
        from playhead.cli import kernel_needs

        kernel_needs.check(config.kernel, config.cpu)
    return config


def _everywhere(values: dict[str, Any]) -> dict[str, Any]:
    """Properties of all devices of a name: -global, and what -M says of the machine's own."""
    speaker = audio(values).speaker
    return {**dict(values["globals"]), **({"isa-pcspk.audiodev": speaker} if speaker else {})}


def _left_out(values: dict[str, Any], machine: str) -> tuple[str, ...]:
    """The ids of the devices that `-M hpet=off` and `-vga none` leave out. Raises UsageError for one that this machine
    has not.
    """
    wanted = False if values["no_hpet"] else values["machine"].get("hpet")
    if wanted and "hpet" in machine_version.lacks(machine):
        raise UsageError(f"-M {machine},hpet=on: machine {machine} has no HPET; pc-3 is the first that has")
    return (*(("hpet",) if wanted is False else ()), *screen_options.left_out(values, machine))


def make_host(values: dict[str, Any], drives: OpenDrives) -> Host:
    views.check(values)
    host = Host(all_specs(values), debugcon_spec(values), mux=values["nographic"], disks=drives.disks,
                chardevs=tuple(chardevs(values).values()))  # fmt: skip
    network_ends.connect(host, values)
    views.connect(host, values, values["name"].get("guest", ""))
    audio_ends.connect(host, values)
    return host


def make_options(values: dict[str, Any]) -> Options:
    icount = values["icount"]
    shift = icount.get("shift", 3)
    seen = "console=ttyS" in (values["append"] or "") or screen_options.looked_at(values)
    return Options(
        sleep=icount.get("sleep", True),
        auto_shift=shift == "auto",
        shift=3 if shift == "auto" else shift,
        no_reboot=values["no_reboot"] or values.get("action", {}).get("reboot") == "shutdown",
        silent_hint="" if seen else QUIET_LINUX if values["kernel"] else QUIET,
    )


def attend(session: RunSession, host: Host, values: dict[str, Any], recording: str = "") -> Any:
    """What is to be entered around `session.run()`: gdb and the monitor, if there is any."""
    session.log = make_log(values, host.message)
    if values.get("notice"):
        host.message(values["notice"])
    if gdb_spec(values) or values["stopped"] or monitors(values):
        from playhead.cli.live import Attendance, check, live_target

        check(values, bool(host.shared_monitors))
        target, commands = live_target(session, host, recording)
        return Attendance(target, commands, host, values)
    return MonitorAtHand(session, host, values, recording) if host.shared_monitors else nullcontext()


def made(writer: Writer) -> str:
    """A recording that was closed: its name and size."""
    lost = "" if writer.has_name else " (that name was taken from it meanwhile)"
    return f"{writer.path}{lost}, {size(writer.size)}"
