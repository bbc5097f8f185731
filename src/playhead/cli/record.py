"""`playhead record`: a machine, with everything that is not determined logged into one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.cli.machine_options import MACHINE_OPTIONS
from playhead.cli.options import FILE, Option, help_text, number, parse_arguments
from playhead.cli.process_options import process
from playhead.cli.profile import PROFILE_OPTIONS, profiled

if TYPE_CHECKING:
    from playhead.cli.drives import OpenDrives

OWN = (
    Option("-o", "the recording", parse=FILE, key="output"),
    Option("--force", "replace the file if it exists"),
    Option("--trace-events", "record interrupts and exceptions too, which a replay does not need, but then checks"),
    Option("--no-embed", "keep only hashes of what the guest reads of its disks: a replay needs the images then"),
    Option("--no-checkpoints", "keep no states to begin a replay at: a smaller file, but slower to move about in"),
    Option(
        "--digest-period",
        "instructions between two digests, with which a replay is compared (default: 8000000)",
        "N",
        number(1, 1 << 40),
    ),
)
OPTIONS = (*OWN, *PROFILE_OPTIONS, *MACHINE_OPTIONS)


def help() -> str:
    usage = "playhead record -o FILE [--force] [options]"
    what = (
        "Runs a PC and records it. The recording holds all that a replay needs, kernel and firmware too. It can be\n"
        "read while it is written, and what was written stays valid if this process is killed."
    )
    return help_text("record", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("record", OPTIONS, words)
    from playhead.base.errors import UsageError

    if values["output"] is None:
        raise UsageError("a recording needs a file: -o FILE")
    return start(values["output"], values["force"], values)


def start(path: str, force: bool, values: dict[str, Any], option: str = "-o") -> int:
    """Record the machine that the options describe. `force`: replace a recording of that name, which `option` gave."""
    from playhead.cli.claims import Claims
    from playhead.cli.drives import open_drives, placed
    from playhead.log.writer import check_output

    wanted = placed(values)
    claims = Claims()
    claims.machine(values, (*wanted.specs, *wanted.others))
    claims.writes_recording(path, option)
    claims.check()
    check_output(path, force)
    with process(values), open_drives(wanted) as drives:
        return _record(path, force, values, drives)


def _record(path: str, force: bool, values: dict[str, Any], drives: OpenDrives) -> int:
    from playhead.cli.assemble import attend, made, make_config, make_host, make_options
    from playhead.cli import network_filters
    from playhead.cli.quantities import big, count
    from playhead.cli.drives import load_vm
    from playhead.cli.dumps import dumps
    from playhead.cli.native_core import make_build
    from playhead.host.worker import Worker
    from playhead.log.writer import Writer
    from playhead.session.record import RecordSession

    config, options = make_config(values, drives), make_options(values)
    options.snapshot = values["icount"].get("rrsnapshot", "")
    options.trace_events, options.checkpoints = values["trace_events"], not values["no_checkpoints"]
    options.digest_period = values["digest_period"] or options.digest_period
    build = make_build(config, values["engine"], options.shift)
    host = make_host(values, drives)
    options.begin = load_vm(values["loadvm"], config, drives)
    options.meta = _meta(config, values, options.shift)
    options.embed = not values["no_embed"]
    if drives.specs:
        options.meta |= {"disks": drives.facts, "embed": options.embed}
    options.blobs = tuple(config.blobs().values())
    with profiled(values, build) as build:
        with Writer(path, force, Worker(), Worker()) as writer:
            session = RecordSession(build, host, options, writer)
            if options.snapshot and drives.disks is not None and (why := drives.disks.vm_images.why_not):
                from playhead.session.snapshots import RECORDING_ONLY

                host.message(f"{options.snapshot}: {RECORDING_ONLY}: {why}")
            if added := network_filters.added(values):
                host.message(added)
            dumped = dumps(values, config, options.meta["created"], host.message)
            with dumped as session.traffic, attend(session, host, values, path):
                outcome = session.run()
        if outcome.note:
            host.message(outcome.note)
        done = outcome.icount - (options.begin.moment.icount if options.begin else 0)
        host.message(
            f"recorded {big(done)} instructions in {outcome.wall_ns / 1e9:.1f} s with "
            f"{count(outcome.events, 'event')}: {made(writer)}"
        )
    return host.exit_status(outcome.status)


def _meta(config: object, values: dict, shift: int) -> dict:
    """What the recording says about itself."""
    import platform

    from playhead.version import __version__
    from playhead.host.clock import date_text

    host = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return {
        "config": config.to_json(),  # type: ignore[attr-defined]
        "shift": shift,
        "auto_shift": values["icount"].get("shift") == "auto",
        "engine": values["engine"],
        "program": f"playhead {__version__}",
        "host": host,
        "created": date_text(),
        **({"name": values["name"]["guest"]} if values["name"].get("guest") else {}),
    }
