"""Commands that control the machine: stop and continue, the buttons of a PC, snapshots, moments of a replay, the end.

They are the words for `timeline.control`, the same for a machine that runs, for one that is recorded and for a replay.
As in QEMU, what succeeds says nothing; `savevm` says where QEMU would refuse.
"""

import time

from playhead.base.errors import UsageError
from playhead.log.snapshot_names import check_name
from playhead.monitor.commands import LIVE, RECORDING, REPLAY, Command, Say, refused
from playhead.monitor.replaying import show_snapshots
from playhead.session.snapshots import RECORDING_ONLY
from playhead.timeline.control import Control
from playhead.timeline.debuggee import Debuggee
from playhead.timeline.moments import parse

CONTEXT = {"none": LIVE, "record": RECORDING, "play": REPLAY}  # by `Control.mode`
FIXED = refused("a replay cannot be changed; to continue differently from here: playhead branch", REPLAY)
NOT_LIVE = "only a replay has moments to go to: playhead debug, or rr=replay"
QUIT = "quit at the monitor"
MEMORY = "kept in memory only (a recording or a qcow2 image would keep it)"


def commands(target: Debuggee) -> tuple[Command, ...]:
    run = Running(target)
    return (
        Command(("info status",), "", "show the current VM status (running|paused)", run.status),
        Command(("stop", "s"), "", "stop emulation", run.stop),
        Command(("cont", "c"), "", "resume emulation", run.cont),
        Command(("quit", "q"), "", "quit the emulator; a recording ends validly", run.quit),
        Command(("system_reset",), "", "reset the system", run.reset, refused=FIXED),
        Command(("system_powerdown",), "", "send system power down event", run.power, refused=FIXED),
        Command(("system_wakeup",), "", "wakeup guest from suspend", run.wake, refused=FIXED),
        Command(("nmi",), "", "inject an NMI", run.nmi, refused=FIXED),
        Command(("savevm",), "[tag]", "save a VM snapshot. If no tag is provided, a new snapshot is created (in a "
                "recording or a replay: kept in the recording)", run.save),
        Command(("loadvm",), "tag", "restore a VM snapshot from its tag", run.load, choices=run.names),
        Command(("delvm",), "tag", "delete a VM snapshot from its tag", run.delete, choices=run.names),
        Command(("info snapshots",), "", "show the currently saved VM snapshots", run.snapshots),
        Command(("info replay",), "", "show record/replay information", run.info),
        Command(("replay_break",), "icount", "set breakpoint at the specified instruction count, or moment",
                run.set_break, refused=refused("setting the breakpoint is allowed only in play mode", LIVE, RECORDING)),
        Command(("replay_delete_break",), "", "remove replay breakpoint", run.delete_break,
                refused=refused("replay breakpoints are allowed only in play mode", LIVE, RECORDING)),
        Command(("replay_seek", "seek"), "icount", "replay execution to the specified instruction count, or moment",
                run.seek, refused=refused("replay must be enabled to seek", LIVE, RECORDING)),
        Command(("when",), "", "show the moment: instructions, deliveries, virtual time", run.when),
        Command(("gdbserver",), "[device]", "start gdbserver on given device (default 'tcp::1234'), stop with 'none'",
                run.gdbserver),
    )  # fmt: skip


def status_line(target: Control) -> str:
    """`info status`, as QEMU prints it."""
    state = target.run_state()
    if target.running and state == "running":
        return "VM status: running"
    return "VM status: paused" + (f" ({state})" if state != "paused" else "")


class Running:
    def __init__(self, target: Debuggee):
        self._target = target

    def status(self, words: list[str], say: Say) -> None:
        say(status_line(self._target))

    def stop(self, words: list[str], say: Say) -> None:
        self._target.stop()

    def cont(self, words: list[str], say: Say) -> None:
        self._target.go_on()

    def quit(self, words: list[str], say: Say) -> None:
        self._target.quit(by=QUIT)

    def reset(self, words: list[str], say: Say) -> None:
        self._target.press_reset()

    def power(self, words: list[str], say: Say) -> None:
        self._target.press_power()

    def wake(self, words: list[str], say: Say) -> None:
        self._target.wake_up()

    def nmi(self, words: list[str], say: Say) -> None:
        self._target.raise_nmi()

    # snapshots

    def save(self, words: list[str], say: Say) -> None:
        name = words[0] if words else time.strftime("vm-%Y%m%d%H%M%S")
        check_name(name)
        self._target.save(name)
        why = self._target.outside.unkept()
        if self._target.mode == "none" and why is not None:
            say(f"{name}: {MEMORY}" + (f": {why}" if why else ""))
        elif self._target.mode == "record" and why:
            say(f"{name}: {RECORDING_ONLY}: {why}")

    def load(self, words: list[str], say: Say) -> None:
        self._target.load(words[0])

    def delete(self, words: list[str], say: Say) -> None:
        self._target.delete(words[0])

    def names(self) -> list[str]:
        return [one.name for one in self._target.snapshots()]

    def snapshots(self, words: list[str], say: Say) -> None:
        found = self._target.snapshots()
        show_snapshots(found, say)
        older: dict[str, list[str]] = {}
        for one in found:
            if path := getattr(one, "path", ""):
                older.setdefault(path, []).append(one.name)
        for path, names in older.items():
            say(f"of an earlier run, in {path}: {', '.join(names)} (-loadvm starts with one)")

    # record and replay

    def info(self, words: list[str], say: Say) -> None:
        target = self._target
        what = {"record": "Recording", "play": "Replaying"}.get(target.mode)
        if what is None:
            say("Record/replay is not active")
            return
        say(f"{what} execution '{target.recording}': instruction count = {target.moment.icount}")
        if (goal := getattr(target, "break_at", None)) is not None:
            say(f"replay_break at {goal}")

    def set_break(self, words: list[str], say: Say) -> None:
        self._target.replay_break(parse(words[0], self._end()))

    def delete_break(self, words: list[str], say: Say) -> None:
        self._target.replay_delete_break()

    def seek(self, words: list[str], say: Say) -> None:
        self._target.replay_seek(parse(words[0], self._end()))

    def _end(self):  # type: ignore[no-untyped-def]
        timeline = getattr(self._target, "timeline", None)
        if timeline is None:
            raise UsageError(NOT_LIVE)
        return timeline.end

    def when(self, words: list[str], say: Say) -> None:
        say(f"moment {self._target.moment}, virtual time {self._target.machine.now_ns() / 1e9:.9f} s")

    def gdbserver(self, words: list[str], say: Say) -> None:
        say(self._target.outside.gdbserver(words[0] if words else "tcp::1234"))
