"""A recording's machine, checked: what every verb that runs one starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from playhead.base.errors import FormatError, UnsupportedError, UsageError
from playhead.cli.native_core import make_build
from playhead.cli.recorded_config import config_of
from playhead.host.chardev.spec import Spec
from playhead.host.host import Host
from playhead.log.moment import START, Moment
from playhead.x86.system.cpuid import canonical

if TYPE_CHECKING:
    from playhead.host.crew import Crew
    from playhead.log.reader import Reader
    from playhead.session.run import Build
    from playhead.timeline.player import Player
    from playhead.timeline.timeline import Timeline

SHOW_NS = 200_000_000  # between two checks of progress
SMALL = 200_000_000  # instructions that one processor replays in less time than it takes to share them out
SHARED = 3  # checkpoints of a recording in which a search is shared out


def builder(
    reader: Reader, engine: str = "native", images: Sequence[dict[str, Any]] = ()
) -> tuple[Build, tuple[str, ...]]:
    """What makes a recording's machine, and what its serial ports were connected to. `images`: where those of its
    drives are now, if it needs them.
    """
    config = config_of(reader)
    try:
        known = canonical(config.cpu) == config.cpu
    except UsageError:
        known = False
    if not known:
        raise UnsupportedError(f"{reader.path} needs a processor that is not known here: {config.cpu!r}")
    shift: Any = reader.meta.get("shift")
    if type(shift) is not int or not 0 <= shift <= 10:
        raise FormatError(f"{reader.path} is damaged: its shift is {shift!r}")
    if config.drives and not reader.meta.get("embed", True):
        from playhead.cli.recorded_disks import attach

        attach(reader, config, images)
    return make_build(config, engine, shift), config.serial


@contextmanager
def timeline(
    reader: Reader,
    engine: str = "native",
    serial_specs: list[str] | None = None,
    debugcon: str = "null",
    images: Sequence[dict[str, Any]] = (),
    chardevs: Sequence[Spec] = (),
    crew: Crew | None = None,
) -> Iterator[tuple[Timeline, Host]]:
    """A recording to move about in, for a verb without a session: progress on the terminal, signals interrupt it.
    `serial_specs`: where the serial ports of `Host` go, for those who connect the player's output to them. `crew`:
    `searchers`, if it is to have any.
    """
    from playhead.timeline.timeline import Timeline  # here: a replay from beginning to end moves nowhere

    build, serial = builder(reader, engine, images)
    host = Host(serial_specs or (), debugcon, reads=False, chardevs=chardevs)
    line = Timeline(build, host, reader, len(serial))
    line.crew = crew
    next_ns = 0

    def tell(text: str) -> None:
        nonlocal next_ns
        if host.status.enabled and host.realtime_ns() >= next_ns:
            host.status.show(text)
            next_ns = host.realtime_ns() + SHOW_NS

    line.tell = tell
    with host:
        host.start(line.kick)
        try:
            line.begin()
            with line.interruptible(lambda: bool(host.quit_cause())):
                yield line, host
        finally:
            host.status.clear()


def searchers(reader: Reader, values: Mapping[str, Any]) -> AbstractContextManager[Crew | None]:
    """Helper processes for searches backwards, on all processors but one, or as many as --jobs says; None if there is
    nothing to be shared out. They are forked at once, so before there are threads.
    """
    from playhead.engine.llvm.tier2.sharing import share
    from playhead.host.crew import Crew, cores
    from playhead.timeline.searching import serve

    count = (values["jobs"] or cores()) - 1
    if not count or len(reader.checkpoints()) < SHARED or (not values["jobs"] and reader.last().icount < SMALL):
        return nullcontext()
    path, engine, images = reader.path, values["engine"], values["images"]

    def opened() -> Timeline:
        from playhead.log.reader import Reader
        from playhead.timeline.timeline import Timeline

        own = Reader(path)
        build, serial = builder(own, engine, images)
        return Timeline(build, Host(), own, len(serial)).begin()

    share()
    return Crew(count, lambda channel: serve(channel, opened))


def moment_of(reader: Reader, text: str, engine: str = "native") -> Moment:
    """The moment that a user means; moments of virtual time are looked for by replaying. Raises UsageError."""
    from playhead.timeline.moments import AtOutput, parse, printed_at

    end = reader.last_mark()[0]
    where = parse(text, end, end)
    if isinstance(where, Moment):
        start = reader.start.moment if reader.start else START
        if not start <= where <= end and text != "start":
            raise UsageError(f"{text} is not in {reader.path}, which goes from instruction {start} to {end}")
        return max(where, start)
    if isinstance(where, AtOutput):
        return printed_at(reader, where)
    with timeline(reader, engine) as (line, _):
        return line.find(where).moment


def stretch(reader: Reader, values: Mapping[str, Any]) -> tuple[Moment, Moment]:
    """What --from and --to mean: without them, all of the recording. Raises UsageError."""
    begin = moment_of(reader, values["begin"] or "start", values["engine"])
    end = moment_of(reader, values["end"] or "end", values["engine"])
    if begin > end:
        raise UsageError(f"--from {begin} comes after --to {end}")
    return begin, end


def replay_to(player: Player, end: Moment | None) -> str:
    """Up to a moment, or to the recording's end; what there is to say about that."""
    if end is None:
        return str(player.conclude().note)
    player.to(end)
    player.compared_to_here()
    return ""
