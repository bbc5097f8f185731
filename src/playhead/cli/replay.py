"""`playhead replay`: a recording again, with nothing but the file, compared with its digests on the way."""

from typing import Any

from playhead.cli import views, watch
from playhead.cli.diagnosis import diagnosis
from playhead.cli.drive_options import IMAGES
from playhead.cli.log_options import LOG_OPTIONS, make_log
from playhead.cli.profile import PROFILE_OPTIONS, profiled
from playhead.cli.options import Option, help_text, number, parse_arguments
from playhead.cli.proving import workers
from playhead.cli.replaying_options import ENGINE, JOBS, QUIET
from playhead.cli.screen_options import looked_at
from playhead.cli.serial_ports import CHARDEV_SUBS, DEVICE, chardev, list_backends

OPTIONS = (
    Option("-serial", "where COM1 to COM4 print, in turn: stdio, file:PATH, pty, tcp:HOST:PORT,server,nowait, ..., as "
           "while recording, or null; by default the first prints on standard output. What is typed there is ignored",
           parse=DEVICE, many=4),
    Option("-debugcon", "where the debug port prints, likewise: stdio, file:PATH, ..., null (default)", parse=DEVICE),
    Option("-chardev", "a character device that chardev:ID names, as while recording", "BACKEND,id=ID[,KEY=VALUE...]",
           chardev, key="chardevs", many=16, subs=CHARDEV_SUBS, implied="backend", listing=list_backends,
           since="0.4.0"),
    IMAGES,
    ENGINE,
    Option("--from", "begin at this moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"",
           "MOMENT", key="begin"),
    Option("--to", "and end at that one", "MOMENT", key="end"),
    Option("--verify", "check the whole file first (as `playhead verify`), and print nothing of the guest's unless "
           "asked to"),
    *LOG_OPTIONS,
    Option("--no-digest", "compare only at the end"),
    Option("--split-seed", "stop at random places on the way, to prove that it does not matter", "N",
           number(0, 2**64 - 1)),
    Option("--no-diagnose", "if it diverges, do not look for the exact place and whose fault it is"),
    JOBS,
    QUIET,
    *PROFILE_OPTIONS,
    *watch.OPTIONS,
)  # fmt: skip
OPERANDS = ("FILE",)
SEQUENTIAL = ("log_items", "log_file", "traces", "no_digest", "profile")  # what one processor does


def help() -> str:
    usage = "playhead replay FILE [options]"
    what = (
        "Runs a recording again. Exit status 0: it was the recording to the last bit; 1: it diverged, and a message\n"
        "says where; 2: the file is no recording, or damaged. A recording that was cut off (its recorder was killed,\n"
        "or is still running) replays up to its last flush, with a message; that is no failure, so the status is 0.\n"
        "The pieces between its checkpoints are replayed at the same time, on all processors; what is printed and\n"
        "said is the same. One processor does it if a view shows the replay, with --from, --to, -d, -D, -trace,\n"
        "--no-digest, --split-seed or --profile, and if the recording has no checkpoints (or is short, unless --jobs\n"
        "says how many)."
    )
    return help_text("replay", usage, what, OPTIONS)


def default_serial(recorded: tuple[str, ...]) -> list[str]:
    """The first port that was connected to anything prints, the others do not. Files are not written again unasked."""
    specs = ["null"] * len(recorded)
    first = next((i for i, kind in enumerate(recorded) if kind != "null"), None)
    if first is not None:
        specs[first] = "stdio"
    return specs


def main(words: list[str]) -> int:
    values = parse_arguments("replay", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.cli.recorded_machine import builder
    from playhead.log.reader import Reader

    claims = of_recording(values["file"], serial=values["serial"], debugcon=values["debugcon"], images=values["images"],
                          chardevs=values["chardevs"], log=values["log_file"])  # fmt: skip
    with Reader(values["file"]) as reader:
        if not reader.meta.get("embed", True):
            claims.recorded_images(reader)
            claims.check()
        if values["verify"]:
            _verify(reader, values)
        build, serial = builder(reader, values["engine"], values["images"])
        specs = ["null"] * len(serial) if values["verify"] else default_serial(serial)
        specs = views.console_specs(specs, values)
        if len(values["serial"]) > len(specs):
            raise UsageError(f"-serial {len(values['serial'])} times: the recorded machine has only {len(specs)}")
        specs[: len(values["serial"])] = values["serial"]
        if values["profile"] and (looked_at(values) or values["begin"] or values["end"]):
            raise UsageError("--profile is for a whole replay, not with --from, --to or a view of the screen")
        if values["profile"] and (values["jobs"] or 1) > 1:
            raise UsageError(f"--profile is for a replay on one processor: leave out --jobs {values['jobs']}")
        if looked_at(values):
            return watch.watch(reader, build, specs, values)
        if values["begin"] or values["end"]:
            return _part(reader, specs, values)
        if values["split_seed"] is None and not any(values[name] for name in SEQUENTIAL):
            count, bounds = workers(reader, values["jobs"])
            if count > 1:
                return _shared_out(reader, specs, values, count, bounds)
        return whole(reader, build, specs, values)


def _verify(reader: Any, values: dict[str, Any]) -> None:
    """Check the file first: its faults are no divergence."""
    from playhead.cli.verify import check, summary
    from playhead.log.verify import verify

    verdict = verify(reader)
    check(values["file"], verdict)
    if not values["quiet"]:
        print(summary(values["file"], verdict), flush=True)


def _part(reader: Any, specs: list[str], values: dict[str, Any]) -> int:
    """From a moment to another one: there by the nearest checkpoint, on from there with output, and compared."""
    from playhead.base.errors import UsageError
    from playhead.cli.recorded_machine import moment_of, timeline
    from playhead.session.track import Stopped

    begin, end = (moment_of(reader, values[k] or d, values["engine"]) for k, d in (("begin", "start"), ("end", "end")))
    if begin > end:
        raise UsageError(f"--from {begin} comes after --to {end}")
    if values["log_file"] or values["log_items"] or values["traces"]:
        raise UsageError("-d, -D and -trace are for a whole replay, not with --from or --to; playhead debug has `log`")
    with timeline(reader, values["engine"], specs, values["debugcon"] or "null",
                  chardevs=values["chardevs"]) as (line, host):  # fmt: skip
        try:
            line.seek(begin)
            line.player.hear(host.outputs)
            line.player.to(end)
            line.player.compared_to_here()
        except Stopped:
            so_far = f"{line.player.compared} digests compared until then, all equal"
            host.message(f"ended by {host.quit_name()}, at {line.moment}; {so_far}")
            return host.exit_status(130)
        finally:
            host.flush()
        if not values["quiet"]:
            done = f"replayed from {begin} to {line.moment}"
            host.message(f"{done}; all {line.player.compared} digests compared are equal")
        return host.exit_status(0)


def whole(reader: Any, build: Any, specs: list[str], values: dict[str, Any]) -> int:
    """From beginning to end. `values`: debugcon, split_seed, no_digest, no_diagnose, quiet, and perhaps objects."""
    from playhead.cli.dumps import recorded_dumps
    from playhead.host.host import Host
    from playhead.session.divergence import Divergence
    from playhead.session.replay import ReplayOptions, ReplaySession

    host = Host(specs, values["debugcon"] or "null", reads=False, chardevs=values["chardevs"])
    options = ReplayOptions(values["split_seed"], not values["no_digest"], not values["quiet"])
    try:
        with profiled(values, build) as profiled_build:
            session = ReplaySession(profiled_build, host, reader, options)
            session.log = make_log(values, host.message)
            with recorded_dumps(values, reader, host.message) as session.traffic:
                outcome = session.run()
    except Divergence as e:
        from playhead.session.diagnose import diagnosable

        if values["no_diagnose"] or not diagnosable(session):
            raise
        host.message(str(e))
        quiet = Host(["null"] * len(specs), "null", reads=False)
        host.message(*diagnosis(build, quiet, reader, session, e).split("\n"))
        return e.status
    return _summed_up(host, reader, outcome, values["quiet"])


def _shared_out(reader: Any, specs: list[str], values: dict[str, Any], count: int, bounds: Any) -> int:
    """The same on several processors."""
    from playhead.base.errors import DivergenceError
    from playhead.cli.proving import Proving
    from playhead.host.host import Host

    with Proving(reader, count, bounds, values, len(specs)) as proving:
        host = Host(specs, values["debugcon"] or "null", reads=False, chardevs=values["chardevs"])
        try:
            outcome = proving.run(host, progress=not values["quiet"])
        except DivergenceError as e:
            if values["no_diagnose"] or not proving.explainable:
                raise
            host.message(str(e))
            host.message(*proving.explain(Host()))
            return e.status
    return _summed_up(host, reader, outcome, values["quiet"])


def _summed_up(host: Any, reader: Any, outcome: Any, quiet: bool) -> int:
    """Say how a whole replay ended; the exit status."""
    from playhead.cli.quantities import big, count

    if outcome.note:
        host.message(outcome.note)
    begin = reader.start.moment.icount if reader.start else 0
    early = outcome.note.startswith("ended by")
    if not quiet:
        compared = f"{outcome.digests} of {reader.count_digests()} digests compared, all equal" if early else (
            f"all {outcome.digests} digests compared are equal")  # fmt: skip
        host.message(
            f"replayed {big(outcome.icount - begin)} instructions in {outcome.wall_ns / 1e9:.1f} s with "
            f"{count(outcome.events, 'event')}; {compared}"
        )
    return host.exit_status(130 if early else 0)
