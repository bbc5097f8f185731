"""`playhead-system-i386 -icount rr=replay`: replay and debugger in one.

The machine comes from the recording, and other options may only say the same (`recorded_options.py`). If nothing could
control it, it is a plain replay; else it runs as `timeline/running.py` has it, attended as a live machine is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from playhead.base.errors import DivergenceError, UsageError
from playhead.cli import views
from playhead.cli.dumps import recorded_dumps
from playhead.cli.log_options import make_log
from playhead.cli.monitors import gdb_spec, monitors, stdin_taken
from playhead.cli.process_options import process
from playhead.cli.screen_options import at_terminal, looked_at
from playhead.cli.serial_ports import all_specs, chardevs, debugcon_spec, with_console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playhead.cli.live import Attendance
    from playhead.cli.replay_images import ReplayImages
    from playhead.host.host import Host
    from playhead.log.reader import Reader
    from playhead.monitor.commands import Command
    from playhead.session.run import Build
    from playhead.timeline.running import RunningReplay

PLAIN = {"split_seed": None, "no_digest": False, "quiet": False, "no_diagnose": False}


def main(path: str, values: dict[str, Any]) -> int:
    from playhead.cli import recorded_options
    from playhead.cli.recorded_config import config_of
    from playhead.cli.recorded_machine import builder
    from playhead.log.reader import Reader

    _claim(path, values)
    with process(values), Reader(path) as reader:
        config = config_of(reader)
        recorded_options.check(values, recorded_options.recorded(reader, config))
        build, serial = builder(reader, values["engine"], _images(values))
        specs = _serial_specs(values, serial)
        if not (_attended(values, specs) or _begin(values)):
            from playhead.cli.replay import whole

            same = {name: values[name] for name in ("log_items", "log_file", "traces", "chardevs", "objects")}
            return whole(reader, build, specs, {**PLAIN, **same, "debugcon": debugcon_spec(values)})
        return _Replaying(reader, build, specs, values).run()


def _claim(path: str, values: dict[str, Any]) -> None:
    """No output may go into the recording. Images are only read, but for a `savevm`, which goes into qcow2 images."""
    from playhead.cli.claims import of_recording

    claims = of_recording(path, serial=all_specs(values) if values["serial"] else (), debugcon=debugcon_spec(values),
                          chardevs=values["chardevs"], log=values["log_file"])  # fmt: skip
    if values["pidfile"]:
        claims.writes("-pidfile", values["pidfile"])
    claims.dumps(values)
    claims.check()


def _images(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Where those of a recording are that keeps only hashes: in the order of its drives, as far as they are given."""
    from playhead.cli.drives import placed

    return [{"file": spec.file, "format": spec.format} for spec in placed(values).specs if spec.file]


def _serial_specs(values: dict[str, Any], recorded: tuple[str, ...]) -> list[str]:
    """Where each port prints: as the options say, else the first one on standard output."""
    from playhead.cli.replay import default_serial

    if values["serial"] or any(one["name"] == "isa-serial" for one in values["devices"]):
        return all_specs(values)
    specs = default_serial(recorded)
    if at_terminal(values):
        return views.console_specs(specs, values)
    if stdin_taken(values):
        specs = ["null" if spec == "stdio" else spec for spec in specs]
    return with_console(values, specs)


def _attended(values: dict[str, Any], specs: list[str]) -> bool:
    seen = _shared(specs) or looked_at(values)
    return seen or gdb_spec(values) is not None or values["stopped"] or bool(monitors(values))


def _shared(specs: list[str]) -> bool:
    """Whether a monitor shares a port's keys."""
    return any(text.startswith("mon:") for text in specs)


def _begin(values: dict[str, Any]) -> str:
    """The snapshot to begin at."""
    return str(values["icount"].get("rrsnapshot") or values["loadvm"] or "")


class _Replaying:
    """A replay that may be attended to."""

    def __init__(self, reader: Reader, build: Build, specs: list[str], values: dict[str, Any]):
        from playhead.host.clock import date_text
        from playhead.host.host import Host
        from playhead.timeline.running import RunningReplay
        from playhead.timeline.timeline import Timeline

        self._reader, self._values = reader, values
        reads = _shared(specs) or stdin_taken(values)
        self._host = Host(specs, debugcon_spec(values), mux=values["nographic"], reads=reads,
                          chardevs=tuple(chardevs(values).values()))  # fmt: skip
        views.check({**values, "serial": specs})
        views.connect(self._host, values, reader.meta.get("name", ""))
        self._line = Timeline(build, self._host, reader, len(specs))
        self._target = RunningReplay(self._line, self._host, self._host.outputs, date_text)
        self._target.outside.message = self._host.message  # type: ignore[method-assign,assignment]
        self._target.outside.log = self._line.player.log = make_log(values, self._host.message)
        self._images = _snapshot_images(values, reader, self._host.message)
        self._target.images = self._images

    def run(self) -> int:
        host = self._host
        attendance = self._attend()
        try:
            dumped = recorded_dumps(self._values, self._reader, host.message)
            with dumped as self._line.player.traffic, host, attendance:
                host.start(self._line.kick)
                self._line.begin()
                self._go_to_the_beginning()
                began_ns = host.realtime_ns()
                try:
                    outcome = self._target.run()
                except DivergenceError as e:
                    host.message(str(e), f"playhead replay {self._reader.path} looks for the exact place")
                    return host.exit_status(e.status)
                self._say(outcome, host.realtime_ns() - began_ns)
                return host.exit_status(130 if host.quit_cause() == "host-signal" else 0)
        finally:
            host.status.clear()
            if self._line.player.log is not None:
                self._line.player.log.close()

    def _attend(self) -> Attendance:
        from playhead.cli.live import Attendance, check

        values, host = self._values, self._host
        check(values, bool(host.shared_monitors))
        commands = _commands(self._target, self._reader, host)
        attendance = Attendance(self._target, commands, host, values)
        serve, displays = self._target.attend, self._target.displays
        self._target.controlled = lambda: attendance.somebody or any(view.occupied for view in displays())

        def attend() -> None:
            _drop_input(host)
            serve()

        self._target.attend = attend
        return attendance

    def _go_to_the_beginning(self) -> None:
        name = _begin(self._values)
        if not name:
            return
        if self._values["loadvm"] and self._reader.start is not None and name not in _names(self._target):
            return  # the recording began with it
        try:
            self._target.load(name)
        except UsageError as e:
            option = f"-loadvm {name}" if self._values["loadvm"] else f"-icount rrsnapshot={name}"
            raise UsageError(f"{option}: {e}") from None

    def _say(self, outcome: Any, took_ns: int) -> None:
        from playhead.cli.quantities import big

        host, player = self._host, self._line.player
        if outcome is None and not (outcome := self._target.outcome):
            host.message(f"ended by {host.quit_name()}, at {self._line.moment}; {player.compared} digests compared "
                         "until then, all equal")  # fmt: skip
            return
        if outcome.note:
            host.message(outcome.note)
        host.message(f"replayed up to {big(outcome.icount)} instructions in {took_ns / 1e9:.1f} s; all "
                     f"{player.compared} digests compared are equal")  # fmt: skip


def _names(target: RunningReplay) -> list[str]:
    return [one.name for one in target.snapshots()]


def _snapshot_images(values: dict[str, Any], reader: Reader, message: Callable[[str], None]) -> ReplayImages | None:
    from playhead.cli.drives import placed
    from playhead.cli.replay_images import ReplayImages

    found = placed(values)
    drives, others = [spec for spec in found.specs if spec.written and spec.file], found.others
    return ReplayImages(drives, others, reader, message) if drives or others else None


def _drop_input(host: Host) -> None:
    """What is typed or sent to a port: a replay has its input."""
    for end in host.ends.values():
        take = getattr(end, "take", None)
        if take is not None and getattr(end, "waiting", False):
            take(1 << 16)


def _commands(target: RunningReplay, reader: Reader, host: Host) -> Sequence[Command]:
    """The monitor's. Long movements can be interrupted by whatever ends the run."""
    from playhead.monitor import hmp, replaying

    def interruptible(command: Command) -> Command:
        run = command.run

        def execute(words: list[str], say: Callable[[str], None]) -> None:
            from playhead.session.track import Stopped

            try:
                with target.timeline.interruptible(lambda: bool(host.quit_cause())):
                    run(words, say)
            except Stopped:
                raise UsageError(f"interrupted, at {target.moment}") from None

        return dataclasses.replace(command, run=execute)

    own = hmp.commands(target)
    names = {name for command in own for name in command.names}
    ours = (command for command in replaying.commands(target, reader) if command.names[0] not in names)
    return tuple(interruptible(command) for command in (*own, *ours))
