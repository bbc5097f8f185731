"""QEMU's options that are refused, by name: why, and what there is instead.

From `qemu-system-i386 --help` of 7.2 and of later versions, and from older versions what scripts still say. A test
takes the names out of QEMU's own help. An option that comes to this program loses its row here; nothing else knows it.
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    why: str
    instead: str = ""


NO_SPICE = Refusal("there is no SPICE", "-vnc :N")
NO_USB = Refusal("there is no USB")
NO_SHARING = Refusal("a folder of the host cannot be recorded", "a disk image: -drive file=FILE")
NO_MEMORY = Refusal("memory is the process's own", "-m SIZE")
NO_FLASH = Refusal("there is no flash memory", "-bios FILE")
NO_CARDS = Refusal("there is no controller for such drives", "-drive file=FILE,if=ide")
NO_MIGRATION = Refusal("a machine does not move between hosts", "playhead branch, which continues a recording")
NO_CONFIG = Refusal("options come from the command line only")
NO_FIRMWARE_TABLES = Refusal("the tables that firmware gets are the machine's own")
NO_PRIVILEGES = Refusal("it changes neither user nor root folder", "a container or sudo -u USER")
NO_OTHER_CPU = Refusal("the processor is always emulated, or nothing could be recorded", "-accel tcg")
NO_WINDOW = Refusal("there is no window", "-vnc :N, which any VNC viewer shows in one, or -display curses")

REFUSED: dict[str, Refusal] = {
    "dfilter": Refusal("the log has all addresses", "-d ITEM and a filter behind it"),
    # machine and processor
    "numa": Refusal("there is one processor and one memory", "-m SIZE"),
    "set": Refusal("a property is said where its device is", "-device NAME,KEY=VALUE or -global DEVICE.PROPERTY=VALUE"),
    "mem-path": NO_MEMORY, "mem-prealloc": NO_MEMORY,
    "enable-kvm": NO_OTHER_CPU, "no-kvm": Refusal("there is no KVM to be left out"),
    "xen-domid": NO_OTHER_CPU, "xen-attach": NO_OTHER_CPU, "xen-domid-restrict": NO_OTHER_CPU,
    "no-acpi": Refusal("the machine is described to the guest by ACPI tables", "-append acpi=off for Linux"),
    "acpitable": NO_FIRMWARE_TABLES, "smbios": NO_FIRMWARE_TABLES,
    "fw_cfg": Refusal("what firmware and guests read there is the machine's own", "-append TEXT, or a disk"),
    "dtb": Refusal("a PC has no device tree"), "shim": Refusal("there is no UEFI", "-kernel FILE"),
    "option-rom": Refusal("no device here has a ROM", "-bios FILE"), "pflash": NO_FLASH,
    "no-fd-bootchk": Refusal("firmware checks the boot signature", "-boot order=c"),
    "win2k-hack": Refusal("disk requests take as long as they take"),
    "compat": Refusal("there are no deprecated interfaces", "-M NAME for an older machine"),
    "semihosting": Refusal("x86 has none"), "semihosting-config": Refusal("x86 has none"),
    "old-param": Refusal("it is for ARM"), "prom-env": Refusal("it is for OpenBIOS"),
    "g": Refusal("the guest chooses its mode", "-global VGA.xres=W -global VGA.yres=H, which it prefers"),
    "watchdog": Refusal("there is no watchdog device"), "watchdog-action": Refusal("there is no watchdog device"),
    "tpmdev": Refusal("there is no TPM"), "balloon": Refusal("there is no balloon device"),
    "rtc-td-hack": Refusal("virtual time does not drift", "-rtc driftfix=none"),
    "no-kvm-pit": NO_OTHER_CPU, "no-kvm-pit-reinjection": NO_OTHER_CPU, "no-kvm-irqchip": NO_OTHER_CPU,
    "tdf": Refusal("virtual time does not drift"),
    "localtime": Refusal("it would depend on where a replay runs", "-rtc base=DATE"),
    "startdate": Refusal("QEMU has dropped it", "-rtc base=DATE"), "clock": Refusal("QEMU has dropped it", "-icount"),
    "realtime": Refusal("QEMU has dropped it"),
    # disks
    "mtdblock": NO_CARDS, "sd": NO_CARDS, "iscsi": NO_CARDS,
    "hdachs": Refusal("a disk's geometry follows its size", "-hda FILE"),
    "fsdev": NO_SHARING, "virtfs": NO_SHARING, "virtfs-synth": NO_SHARING,
    # USB, screen, keyboard, sound
    "usb": NO_USB,
    "usbdevice": Refusal("there is no USB; a PS/2 keyboard and mouse are always there, and a tablet comes with virtio"),
    "spice": NO_SPICE, "sdl": NO_WINDOW, "curses": Refusal("QEMU has dropped it", "-display curses"),
    "full-screen": NO_WINDOW, "alt-grab": NO_WINDOW, "ctrl-grab": NO_WINDOW, "no-frame": NO_WINDOW,
    "no-quit": NO_WINDOW, "portrait": NO_WINDOW, "rotate": NO_WINDOW,
    "audio-help": Refusal("no environment variable says anything of sound", "-audiodev help"),
    # network
    "smb": Refusal("no folder of the host is shared", "-netdev user,tftp=FOLDER, or a disk"),
    "redir": Refusal("QEMU has dropped it", "-netdev user,hostfwd=tcp::PORT-:PORT"),
    "tftp": Refusal("QEMU has dropped it", "-netdev user,tftp=FOLDER"),
    "bootp": Refusal("QEMU has dropped it", "-netdev user,tftp=FOLDER,bootfile=FILE"),
    # monitors, gdb, logs
    "echr": Refusal("the escape key is Ctrl-A", "Ctrl-A Ctrl-A for one that goes to the guest"),
    "plugin": Refusal("nothing is loaded into the process", "gdb, or playhead debug"),
    "singlestep": Refusal("the engine's moments are exact anyhow", "--engine reference"),
    "one-insn-per-tb": Refusal("the engine's moments are exact anyhow", "--engine reference"),
    "msg": Refusal("messages have one form"), "perfmap": Refusal("there is no JIT"),
    "jitdump": Refusal("there is no JIT"),
    "dump-vmstate": Refusal("a device's state is in docs/reference/devices.md", "playhead log RECORDING"),
    "enable-sync-profile": Refusal("there are no locks to be measured"),
    "tb-size": Refusal("there is no translation buffer"),
    # the process
    "add-fd": Refusal("a descriptor has no name by which a recording could find its file again", "the file's name"),
    "incoming": NO_MIGRATION,
    "L": Refusal("firmware is named by its file", "-bios FILE"),
    "chroot": NO_PRIVILEGES, "runas": NO_PRIVILEGES, "run-with": NO_PRIVILEGES, "user": NO_PRIVILEGES,
    "async-teardown": Refusal("the process ends as one"),
    "sandbox": Refusal("it is one process that asks for nothing of its host but its files", "a container"),
    "readconfig": NO_CONFIG, "writeconfig": NO_CONFIG, "nodefconfig": NO_CONFIG,
    "preconfig": Refusal("a machine is complete when it starts", "-S"),
    "no-shutdown": Refusal("a machine that is powered off ends the run", "playhead debug RECORDING, at its end"),
    "daemonize": Refusal("it stays where it was started", "a shell's & or systemd-run"),
    "bt": Refusal("there is no Bluetooth"),
}  # fmt: skip


def refusal(name: str) -> str:
    """Why an option of this name (without dashes) is refused, in one line; or nothing."""
    if name not in REFUSED:
        return ""
    why, instead = REFUSED[name]
    return f"{why}{f'; there is {instead}' if instead else ''}"
