"""Commands for a machine that runs: stop and continue, reset, snapshots. Those of a replay answer as QEMU's do
there."""

from collections.abc import Callable

from playhead.base.errors import UsageError
from playhead.monitor.commands import Command, Say
from playhead.monitor.drives import drive_commands
from playhead.monitor.replaying import show_snapshots
from playhead.timeline.control import Control
from playhead.timeline.live import LiveDebuggee

MEMORY = "kept in memory only (a recording or a qcow2 image would keep it)"


def commands(target: LiveDebuggee, recording: str, quit: Callable[[], None]) -> tuple[Command, ...]:
    """`recording`: its path, or empty if nothing is recorded; `quit`: ask for the end."""
    live = Live(target, recording, quit)
    only_play = Refusing("replay breakpoints are allowed only in play mode")
    return (
        Command(("info status",), "", "running or paused", live.status),
        Command(("stop",), "", "pause the machine and virtual time", live.stop),
        Command(("cont", "c"), "", "resume the machine", live.cont),
        Command(("system_reset",), "", "press the reset button", live.reset),
        Command(("savevm",), "name", "keep the state of this moment under a name", live.save),
        Command(("loadvm",), "name", "put the machine into that state; what has been printed stays", live.load),
        Command(("delvm",), "name", "remove the name", live.delete),
        Command(("info snapshots",), "", "the names and their moments", live.snapshots),
        Command(("info replay",), "", "whether this is recorded, and the moment", live.info),
        Command(("replay_break",), "moment", "only in a replay: playhead debug",
                Refusing("setting the breakpoint is allowed only in play mode")),
        Command(("replay_delete_break",), "", "only in a replay", only_play),
        Command(("replay_seek", "seek"), "moment", "only in a replay", Refusing("replay must be enabled to seek")),
        *drive_commands(target),
        Command(("quit", "q"), "", "end the machine; a recording ends validly", live.quit),
    )  # fmt: skip


class Refusing:
    """A command that has no meaning here."""

    def __init__(self, why: str):
        self._why = why

    def __call__(self, words: list[str], say: Say) -> None:
        raise UsageError(self._why)


def status_line(target: Control) -> str:
    """`info status`, as QEMU prints it."""
    state = target.run_state()
    if target.running:
        return f"VM status: {state}"
    return "VM status: paused" + (f" ({state})" if state != "paused" else "")


class Live:
    def __init__(self, target: LiveDebuggee, recording: str, quit: Callable[[], None]):
        self._target, self._recording, self._quit = target, recording, quit

    def status(self, words: list[str], say: Say) -> None:
        say(status_line(self._target))

    def stop(self, words: list[str], say: Say) -> None:
        self._target.stop()

    def cont(self, words: list[str], say: Say) -> None:
        self._target.go_on()

    def reset(self, words: list[str], say: Say) -> None:
        self._target.press_reset()

    def save(self, words: list[str], say: Say) -> None:
        saved = self._target.save(words[0])
        images = self._target.session.vm_images
        if images is not None and images.take:
            where = f", in {images.path}"
        elif self._recording:
            where = ""
        else:
            where = f", {MEMORY}" + (f": {images.why_not}" if images is not None and images.why_not else "")
        say(f"{saved.name}: {saved.moment}{where}")

    def load(self, words: list[str], say: Say) -> None:
        self._target.load(words[0])
        say(f"at {self._target.moment}: {self._target.instruction()}")

    def delete(self, words: list[str], say: Say) -> None:
        self._target.delete(words[0])

    def snapshots(self, words: list[str], say: Say) -> None:
        session = self._target.session
        older = session.kept_in_images()
        show_snapshots([*session.snapshots.all(), *older], say)
        if older:
            names = ", ".join(one.name for one in older)
            say(f"of an earlier run, in {older[0].path}: {names} (-loadvm starts with one)")

    def info(self, words: list[str], say: Say) -> None:
        if self._recording:
            say(f"Recording execution '{self._recording}': instruction count = {self._target.moment.icount}")
        else:
            say("Record/replay is not active")

    def quit(self, words: list[str], say: Say) -> None:
        self._quit()
