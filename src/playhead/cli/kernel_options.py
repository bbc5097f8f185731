"""Where verbs read a Linux guest's memory: in the checkpoints of a recording, or at a moment by a replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playhead.cli.options import Option
from playhead.session.track import Stopped

SINCE = "0.8.0"
AT = Option("--at", "as of this moment, by a silent replay to it: 1500000, 1.5M, 50%, @12.5s, serial:\"text\", end "
            "(default: as of the last checkpoint, without a replay)", "MOMENT", since=SINCE)  # fmt: skip
JSON = Option("--json", "as JSON", since=SINCE)


@contextmanager
def guest(reader: Any, values: dict[str, Any]) -> Iterator[Any]:
    """The recording itself, or its machine at `--at`."""
    if values["at"] is None:
        yield reader
        return
    from playhead.cli.recorded_machine import timeline
    from playhead.base.errors import NoSuchMoment
    from playhead.log.moment import Moment
    from playhead.timeline.moments import parse

    with timeline(reader, values["engine"], images=values["images"]) as (line, host):
        where = parse(values["at"], line.end, line.end)
        if isinstance(where, Moment) and where > line.end:
            raise NoSuchMoment(f"--at {values['at']}: {values['file']} ends at instruction {line.end}")
        try:
            line.find(where)
        except Stopped:
            raise KeyboardInterrupt from None
        host.status.clear()
        yield line.machine
