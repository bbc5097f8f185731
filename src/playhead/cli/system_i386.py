"""`playhead-system-i386`: QEMU's command line. Whoever knows `qemu-system-i386` changes the program's name only.

`-icount ...,rr=record,rrfile=F` records, `rr=replay` replays (and debugs), and without `rr` a machine runs. The options
are those of `playhead run` and `record`; docs/qemu.md says where the two programs differ, and what exit statuses mean.
"""

from __future__ import annotations

from typing import Any

from playhead.base.errors import UsageError
from playhead.cli import drive_options, option_help, record, screen_options
from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import FILE, Option, Sub, one_of, parse_arguments

PROGRAM = "playhead-system-i386"
SEE = "-vnc :N or -display curses shows the screen"
NO_WINDOW = f"there is no window: COM1 is on standard input and output (-nographic adds a monitor and its keys); {SEE}"
TAKEN = f"there is no window, and standard input and output are taken: COM1 is connected to nothing; {SEE}"


RR_SUBS = (
    Sub("rr", one_of("record", "replay"), "record: write all that is not determined into rrfile; replay: run that "
        "again (and debug it, forwards and backwards)", since="0.4.0"),
    Sub("rrfile", FILE, "the recording", since="0.4.0"),
)  # fmt: skip


def _row(option: Option) -> Option:
    """A row of the machine's options as it is here."""
    if option.name == "-icount":
        kept = tuple(sub for sub in option.subs if sub.name not in ("rr", "rrfile"))
        return option._replace(subs=(*kept, *RR_SUBS))
    return option


RECORDING = "recording (rr=record)"
OPTIONS: tuple[Option, ...] = (
    *map(_row, MACHINE_OPTIONS),
    *(option._replace(group=RECORDING) for option in record.OWN if option.name not in ("-o", "--force")),
)
OPERANDS = ("[DISK-IMAGE]",)


def help() -> str:
    usage = f"{PROGRAM} [options] [DISK-IMAGE]"
    what = (
        "Runs a PC, with QEMU's options. -icount shift=N,rr=record,rrfile=FILE records it, and -icount\n"
        "rr=replay,rrfile=FILE replays that, which needs no other option: given ones must say what was recorded."
    )
    return option_help.text(usage, what, OPTIONS)


def main(words: list[str] | None = None) -> int:
    """The program."""
    import sys

    from playhead.cli import status_of, unless_help
    from playhead.host import streams

    streams.prepare()
    words = sys.argv[1:] if words is None else words
    return streams.finish(status_of(lambda: unless_help(lambda: _program(words), help)))


def _program(words: list[str]) -> int:
    if words[:1] in (["-version"], ["--version"]):
        from playhead.version import __version__

        print(f"{PROGRAM}, Playhead {__version__}")
        return 0
    values = parse_arguments(PROGRAM, OPTIONS, words, OPERANDS)
    _disk_image(values)
    path = recording_of(values["icount"])
    if values["icount"].get("rr") == "replay":
        from playhead.cli import system_replay

        return system_replay.main(path, values)
    _defaults(values)
    if values["icount"].get("rr") == "record":
        return record.start(path, True, values, "-icount rrfile")
    from playhead.cli import run

    return run.start(values)


def _disk_image(values: dict[str, Any]) -> None:
    """A word that is no option is the first disk."""
    image = values.pop("disk_image", None)
    if image is not None:
        values["drives"] = [*values["drives"], drive_options.fixed(0)(image)]


def recording_of(icount: dict[str, Any]) -> str:
    """The recording's path, if there is one. Raises UsageError for what does not go together, as QEMU does."""
    from playhead.base.messages import tell

    if "align" in icount and "shift" not in icount:
        raise UsageError("-icount align=: it needs shift=, too, such as shift=7")
    if "rr" not in icount:
        if "rrfile" in icount or "rrsnapshot" in icount:
            tell("-icount: without rr=record or rr=replay nothing is recorded or replayed")
            icount.pop("rrsnapshot", None)
        return ""
    if not icount.get("rrfile"):
        raise UsageError(f"-icount rr={icount['rr']}: it needs a file name: rrfile=FILE")
    if icount["rr"] == "record" and "shift" not in icount:
        raise UsageError("-icount rr=record: it needs shift=, too, such as shift=7 or shift=auto")
    return str(icount["rrfile"])


def _defaults(values: dict[str, Any]) -> None:
    """What QEMU does where nothing is said: it starts its firmware, shows COM1 in a window, which is the terminal
    here, and puts a VGA and a network card in.
    """
    from playhead.cli.drives import seabios
    from playhead.cli.monitors import stdin_taken
    from playhead.cli.network import takes_default

    if values["kernel"] is None and values["bios"] is None:
        values["bios"] = seabios()
    values["default_nic"], values["default_vga"] = takes_default(values), screen_options.takes_default(values)
    asked = any(device["name"] == "isa-serial" for device in values["devices"])
    if not (values["serial"] or asked or values["nographic"] or screen_options.at_terminal(values)):
        taken = stdin_taken(values)
        if taken:
            values["serial"] = ["null"]
        if not screen_options.looked_at(values):
            values["notice"] = TAKEN if taken else NO_WINDOW


if __name__ == "__main__":
    raise SystemExit(main())
