"""Symbols of the recorded Linux kernel for the gdb that `playhead debug --gdb` starts, if the user gave none.

A worker process makes the file while the recording is opened and the first moment is sought, so that gdb seldom waits
for it. Where there is no Linux, or one that is not understood, there are no symbols.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playhead.host.crew import Worker
    from playhead.log.moment import Moment
    from playhead.log.reader import Reader

NAME = "vmlinux"


@contextmanager
def being_made(path: str, at: str | None) -> Iterator[Worker]:
    """The worker process, which sends the file's name and what it is, or an empty name and the reason."""
    from playhead.host.crew import Crew

    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        with Crew(1, partial(_make, path, at, os.path.join(folder, NAME))) as crew:
            yield crew.workers[0]


def commands(worker: Worker, say: Callable[[str], None]) -> str:
    """What makes gdb load them; waits until they are there."""
    from playhead.base.errors import WorkerDied

    try:
        made, text = worker.receive()
    except WorkerDied:
        say("the process that reads the kernel's symbols has died: gdb starts without them")
        return ""
    if made:
        say(text)
    return f'symbol-file "{made}"\n' if made else ""


def _make(path: str, at: str | None, out: str, channel: Any) -> None:
    from playhead.base.errors import PlayheadError
    from playhead.log.reader import Reader

    try:
        with Reader(path) as reader:
            channel.send((out, _written(reader, at, out)))
    except PlayheadError as e:
        channel.send(("", str(e)))


def _written(reader: Reader, at: str | None, out: str) -> str:
    """Write the file; what it is. Modules as of the end, or of the last checkpoint before another kernel starts."""
    from playhead.linux.elf_writer import kernel_file
    from playhead.linux.kernels import at_moment, kernels
    from playhead.linux.symbols import kernel_of
    from playhead.log.moment import Moment

    running = kernels(reader)
    here = at_moment(running, _about(reader, at))
    later = [one.moment for one in running if here is not None and one.moment > here.moment]
    kernel = kernel_of(reader, Moment(min(later).icount - 1) if later else None)
    with open(out, "wb") as file:
        file.write(kernel_file(kernel.memory, kernel.symbols))
    modules = sorted({symbol.module for symbol in kernel.symbols} - {""})
    more = f", {len(modules)} modules" if modules else ""
    return f"Linux {kernel.memory.note.release}: {len(kernel.symbols):,} symbols out of the guest's memory{more}"


def _about(reader: Reader, at: str | None) -> Moment:
    """The moment that is meant, if no replay is needed to know it; else the end."""
    from playhead.log.moment import START, Moment
    from playhead.timeline.moments import AtOutput, parse, printed_at

    end = reader.last().moment
    where = parse(at, end, end) if at else START
    if isinstance(where, AtOutput):
        return printed_at(reader, where)
    return where if isinstance(where, Moment) else end
