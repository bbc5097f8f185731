"""The first-ever run of a version builds the native core, which takes up to a minute: show progress.

`prepare` is called before a machine is made, while the terminal is still the user's. Once the core is in the cache it
costs some milliseconds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from playhead.base.messages import tell

if TYPE_CHECKING:
    from playhead.boards.config import PcConfig
    from playhead.session.run import Build

TITLE = "building the native core, once for this version"


def make_build(config: PcConfig, engine: str, shift: int) -> Build:
    """What makes the machine, once the session has its door."""
    from playhead.machine.machine import Machine

    prepare(engine)
    return lambda door: Machine(config, door, engine=engine, shift=shift)


def prepare(engine: str = "native") -> None:
    """Have the native core in the cache: with a progress bar on a terminal, with one line elsewhere."""
    if engine != "native":
        return
    _check_platform()
    from playhead.engine.llvm.core_file import core_path
    from playhead.engine.llvm.library import load_or_build
    from playhead.engine.llvm.tier2.switch import chosen

    chosen()  # what is wrong with it is said before the terminal is the guest's
    if os.path.exists(core_path()):
        return
    if os.isatty(2):
        with _bar() as bar:
            task = bar.add_task(TITLE, total=None)
            bar.refresh()

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                bar.refresh()

            load_or_build(progress)
    else:
        tell(TITLE)
        load_or_build()


def _check_platform() -> None:
    """The native core is made for some kinds of processors; the evaluator in Python runs on every Linux."""
    from playhead.base.errors import UnsupportedError
    from playhead.engine.llvm.processors import PROCESSORS, of_machine

    host = os.uname()
    system, processor = host.sysname, host.machine
    if system != "Linux":
        raise UnsupportedError(f"Playhead runs on Linux; this is {system} on {processor}")
    if of_machine(processor) is None:
        raise UnsupportedError(
            f"there is no native core for {processor}, only for "
            f"{' and '.join(p.name for p in PROCESSORS)}; --engine reference works here, at some 100,000 "
            "instructions a second"
        )


def _bar() -> Any:
    """Drawn when there is news, not by a thread: the build forks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("playhead: {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
