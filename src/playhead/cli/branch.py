"""`playhead branch`: from a moment of a recording on, live again, as a new recording."""

from pathlib import Path
from typing import Any

from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, parse_arguments

# what belongs to the host
OUTSIDE = ("-serial", "-nographic", "-debugcon", "-chardev", "-netdev", "-audiodev", "--engine")

OPTIONS = (
    Option("--at", "the moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"", "MOMENT"),
    Option("-o", "the new recording", parse=FILE, key="output"),
    Option("--force", "replace the file if it exists"),
    IMAGES,
    *(option for option in MACHINE_OPTIONS if option.name in OUTSIDE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead branch FILE --at MOMENT -o NEW [options]"
    what = (
        "Continues live from a moment of a recording, with new devices and input, and the host's clock of now. A\n"
        "netdev or audiodev of the machine leads nowhere unless -netdev TYPE,id=ID or -audiodev DRIVER,id=ID says\n"
        "again what it is connected to. The new recording holds the old one up to that moment, so it replays whole\n"
        "and needs no other file; `playhead info` shows which one it came from."
    )
    return help_text("branch", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("branch", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader
    from playhead.log.writer import check_output

    path, output = values["file"], values["output"]
    if values["at"] is None or output is None:
        raise UsageError("a branch needs a moment and a file: --at MOMENT -o FILE")
    claims = of_recording(path, output, images=values["images"], serial=values["serial"], debugcon=values["debugcon"],
                          chardevs=values["chardevs"], audiodevs=values["audiodevs"])  # fmt: skip
    check_output(output, values["force"])
    with Reader(path) as reader:
        claims.recorded_images(reader)
        claims.check()
        return _branch(reader, values)


def _branch(reader: Any, values: dict[str, Any]) -> int:
    from playhead.cli import audio_ends, network_ends
    from playhead.cli.assemble import made, make_options
    from playhead.cli.quantities import big
    from playhead.cli.recorded_config import config_of
    from playhead.cli.recorded_disks import for_branch
    from playhead.cli.recorded_machine import builder, timeline
    from playhead.host.host import Host
    from playhead.host.worker import Worker
    from playhead.log.writer import Writer
    from playhead.session.branch import BranchSession
    from playhead.session.track import Stopped
    from playhead.timeline.moments import parse

    build, serial = builder(reader, values["engine"], values["images"])
    disks = for_branch(reader, values["images"])
    specs = _serial(values["serial"], serial)
    config = config_of(reader)
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
                chardevs=values["chardevs"])  # fmt: skip
    network_ends.connect_again(host, netdevs, values)
    audio_ends.connect_again(host, audiodevs, values)
    with Writer(values["output"], values["force"], Worker()) as writer:
        outcome = BranchSession(build, host, options, writer, reader, point, virtual_ns, known).run()
    if outcome.note:
        host.message(outcome.note)
    more = outcome.icount - point.moment.icount
    host.message(f"recorded {big(more)} instructions more in {outcome.wall_ns / 1e9:.1f} s: {made(writer)}")
    return host.exit_status(outcome.status)


def _serial(given: list[str], recorded: tuple[str, ...]) -> list[str]:
    """The first port that was connected to anything is the terminal, unless something else is said."""
    from playhead.base.errors import UsageError
    from playhead.cli.replay import default_serial

    specs = default_serial(recorded)
    if len(given) > len(specs):
        raise UsageError(f"-serial {len(given)} times: the recorded machine has only {len(specs)}")
    specs[: len(given)] = [text.removeprefix("mon:") for text in given]  # there is no monitor to share it
    return specs
