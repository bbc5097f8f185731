"""Commands for a replay that runs by itself, beside those that move about in it (`replaying.py`): QEMU's, by which a
user stops it, lets it go on, and ends it.
"""

from playhead.monitor.commands import Command, Say
from playhead.timeline.running import RunningReplay


def commands(target: RunningReplay) -> tuple[Command, ...]:
    running = Running(target)
    return (
        Command(("info status",), "", "running or paused", running.status),
        Command(("stop",), "", "pause the replay", running.stop),
        Command(("cont", "c"), "", "let it go on, with its output", running.cont),
        Command(("quit", "q"), "", "end", running.quit),
    )


class Running:
    def __init__(self, target: RunningReplay):
        self._target = target

    def status(self, words: list[str], say: Say) -> None:
        state = self._target.run_state()
        say(f"VM status: {state if state in ('running', 'paused') else f'paused ({state})'}")

    def stop(self, words: list[str], say: Say) -> None:
        self._target.stop()

    def cont(self, words: list[str], say: Say) -> None:
        self._target.go_on()

    def quit(self, words: list[str], say: Say) -> None:
        self._target.quit(by="quit at the monitor")
