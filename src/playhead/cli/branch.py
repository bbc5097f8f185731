"""`playhead branch`: from a moment of a recording on, live again, as a new recording."""

from pathlib import Path
from typing import Any

from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, parse_arguments

# what belongs to the host
OUTSIDE = (
    "-serial", "-nographic", "-debugcon", "-chardev", "-netdev", "-vnc", "-display", "-audiodev", "--engine",
    "-gdb", "-s", "-S", "-monitor", "-mon", "-qmp", "-qmp-pretty", "-k",
)  # fmt: skip

OPTIONS = (
    Option("--at", "the moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"", "MOMENT"),
    Option("-o", "the new recording", parse=FILE, key="output"),
    Option("--force", "replace the file if it exists"),
    IMAGES,
    *(option for option in MACHINE_OPTIONS if option.name in OUTSIDE),
)  # fmt: skip
OPERANDS = ("FILE",)
NOT_SAID: dict[str, Any] = {  # options of a record at which its monitors look, too
    "devices": [], "netdevs": [], "nics": [], "nets": [], "objects": [],
    "log_items": [], "log_file": None, "traces": [],
}  # fmt: skip


def help() -> str:
    usage = "playhead branch FILE --at MOMENT -o NEW [options]"
    what = (
        "Continues live from a moment of a recording, with new devices and input, and the host's clock of now. With\n"
        "-vnc or -display curses its screen is seen and typed at; monitors and gdb are as for a record. A netdev\n"
        "or audiodev of the machine leads nowhere unless -netdev TYPE,id=ID or -audiodev DRIVER,id=ID says again what\n"
        "it is connected to. The new recording holds the old one up to that moment, so it replays whole\n"
        "and needs no other file; `playhead info` shows which one it came from."
    )
    return help_text("branch", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("branch", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.cli.monitors import monitors
    from playhead.log.reader import Reader
    from playhead.log.writer import check_output

    path, output = values["file"], values["output"]
    if values["at"] is None or output is None:
        raise UsageError("a branch needs a moment and a file: --at MOMENT -o FILE")
    claims = of_recording(path, output, images=values["images"], serial=values["serial"], debugcon=values["debugcon"],
                          chardevs=values["chardevs"], audiodevs=values["audiodevs"],
                          monitors=monitors(values))  # fmt: skip
    check_output(output, values["force"])
    with Reader(path) as reader:
        claims.recorded_images(reader)
        claims.check()
        return _branch(reader, values)


def _branch(reader: Any, values: dict[str, Any]) -> int:
    from playhead.cli import audio_ends, live, network_ends, views
    from playhead.cli.assemble import attend, made, make_options
    from playhead.cli.quantities import big
    from playhead.cli.recorded_config import config_of
    from playhead.cli.recorded_disks import for_branch
    from playhead.cli.recorded_machine import builder, timeline
    from playhead.cli.serial_ports import chardevs
    from playhead.host.host import Host
    from playhead.host.worker import Worker
    from playhead.log.writer import Writer
    from playhead.session.branch import BranchSession
    from playhead.session.track import Stopped
    from playhead.timeline.moments import parse

    build, serial = builder(reader, values["engine"], values["images"])
    disks = for_branch(reader, values["images"])
    specs = _serial(values, serial)
    config, name = config_of(reader), reader.meta.get("name", "")
    attended = {**values, **NOT_SAID, "serial": specs or ["null"], "name": {"guest": name}, "uuid": config.uuid}
    views.check(attended)
    live.check(attended, any(text.startswith("mon:") for text in specs))
    netdevs = [end.id for end in config.netdevs]
    audiodevs = [(end.id, bool(end.facts["captures"])) for end in config.audiodevs]
    try:
        with timeline(reader, values["engine"]) as (line, _):
            line.find(parse(values["at"], line.end, line.end))
            point, virtual_ns, known = line.player.point(), line.machine.now_ns(), line.known_pages()
    except Stopped:
        return 130
    session_meta = reader.meta["session"]
    options = make_options({"icount": {}, "append": "console=ttyS", "no_reboot": bool(session_meta.get("no_reboot"))})
    options.auto_shift, options.digest_period = bool(reader.meta.get("auto_shift")), reader.digest_period
    options.meta = {"parent_file": Path(reader.path).name}
    host = Host(specs, values["debugcon"] or "null", mux=values["nographic"], disks=disks,
                chardevs=tuple(chardevs(values).values()))  # fmt: skip
    network_ends.connect_again(host, netdevs, values)
    views.connect(host, values, name)
    audio_ends.connect_again(host, audiodevs, values)
    with Writer(values["output"], values["force"], Worker(), Worker()) as writer:
        session = BranchSession(build, host, options, writer, reader, point, virtual_ns, known)
        with attend(session, host, attended, values["output"]):
            outcome = session.run()
    if outcome.note:
        host.message(outcome.note)
    more = outcome.icount - point.moment.icount
    host.message(f"recorded {big(more)} instructions more in {outcome.wall_ns / 1e9:.1f} s: {made(writer)}")
    return host.exit_status(outcome.status)


def _serial(values: dict[str, Any], recorded: tuple[str, ...]) -> list[str]:
    """The first port that was connected to anything is the terminal, unless something else is said or has that."""
    from playhead.base.errors import UsageError
    from playhead.cli import views
    from playhead.cli.monitors import stdin_taken
    from playhead.cli.replay import default_serial
    from playhead.cli.serial_ports import with_console

    given, specs = values["serial"], views.console_specs(default_serial(recorded), values)
    if stdin_taken(values):
        specs = ["null" if text == "stdio" else text for text in specs]
    if len(given) > len(specs):
        raise UsageError(f"-serial {len(given)} times: the recorded machine has only {len(specs)}")
    specs[: len(given)] = given
    return with_console(values, specs)
