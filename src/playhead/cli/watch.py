"""`playhead replay --display curses` and `--vnc :1`: a recording for somebody who watches its screen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playhead.base.errors import DivergenceError, UsageError
from playhead.cli.option_table import Option
from playhead.cli.screen_options import VIEW_OPTIONS, at_terminal
from playhead.cli.value_types import Type, factor

if TYPE_CHECKING:
    from playhead.log.reader import Reader
    from playhead.session.run import Build

SINCE = "0.6.0"
MOST = "max"
FACTOR = factor(1000)


def _speed(text: str) -> float:
    """Infinite: as fast as it goes."""
    return math.inf if text == MOST else float(FACTOR(text))


OPTIONS = (
    *(option._replace(since=SINCE, group="") for option in VIEW_OPTIONS),
    Option("--speed", "with -vnc or -display: times the pace of virtual time, or max",
           parse=Type("max|FACTOR", _speed, (MOST,)), default=1.0, since=SINCE),
    Option("-S", "with -vnc or -display: begin paused", key="stopped", since=SINCE),
)  # fmt: skip


def watch(reader: Reader, build: Build, specs: list[str], values: dict[str, Any]) -> int:
    """Until its user ends it: at the recording's end it pauses."""
    from playhead.cli import views
    from playhead.cli.recorded_machine import moment_of
    from playhead.cli.recorded_screen import check_screen
    from playhead.host.clock import date_text
    from playhead.host.film.canvas import Canvas
    from playhead.host.host import Host
    from playhead.session.viewing import Viewing
    from playhead.timeline.timeline import Timeline
    from playhead.timeline.watching import WatchedReplay

    _check(specs, values)
    check_screen(reader)
    begin, end = (moment_of(reader, values[name], values["engine"]) if values[name] else None
                  for name in ("begin", "end"))  # fmt: skip
    host = Host(specs, values["debugcon"] or "null", reads=False, chardevs=values["chardevs"])
    views.connect(host, values, reader.meta.get("name", ""))
    line = Timeline(build, host, reader, len(specs))
    target = WatchedReplay(line, host, host.outputs, date_text,
                           values["speed"] if math.isfinite(values["speed"]) else None)
    target.sinks[Viewing].compose = Canvas(None, captions=True).compose
    target.controlled = lambda: True  # somebody may still come, and go back
    target.going, target.break_at = not values["stopped"], end
    target.observe()
    with host:
        host.start(line.kick)
        line.begin()
        if begin is not None:
            target.seek(begin)
        try:
            target.run()
        except DivergenceError as e:
            host.message(str(e), f"playhead replay {reader.path} looks for the exact place")
            return host.exit_status(e.status)
        if not values["quiet"]:
            host.message(f"ended at {line.moment}; all {line.player.compared} digests compared are equal")
    return host.exit_status(130 if host.quit_cause() == "host-signal" else 0)


def _check(specs: list[str], values: dict[str, Any]) -> None:
    whole = {"verify": "--verify", "no_digest": "--no-digest", "log_file": "-D", "log_items": "-d", "traces": "-trace"}
    for key, option in whole.items():
        if values[key]:
            raise UsageError(f"{option} is for a whole replay, not with -vnc or -display")
    if values["split_seed"] is not None:
        raise UsageError("--split-seed is for a whole replay, not with -vnc or -display")
    if at_terminal(values) and any(text == "stdio" for text in (*specs, values["debugcon"])):
        raise UsageError("-display curses takes the terminal: give ports something else than stdio, such as vc")
