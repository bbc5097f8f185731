"""Playhead: a PC in software, recorded once and replayed exactly, forwards and backwards.

`playhead.open(path)` asks a recording; `playhead.record` and `playhead.run` start machines. What is imported here is
imported when it is first used: a command line needs none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from playhead.version import __version__ as __version__

if TYPE_CHECKING:
    from playhead import errors as errors
    from playhead.api.live import LiveMachine as LiveMachine
    from playhead.api.live import record as record
    from playhead.api.live import run as run
    from playhead.api.machine_view import MachineView as MachineView
    from playhead.api.moment import Moment as Moment
    from playhead.api.recording import Recording as Recording
    from playhead.api.asking import ask as ask
    from playhead.api.recording import open as open
    from playhead.api.segments import Query as Query
    from playhead.api.segments import Rows as Rows
    from playhead.api.segments import Segment as Segment
    from playhead.api.replaying import Replay as Replay


_WHERE = {
    "ask": "playhead.api.asking", "Query": "playhead.api.segments", "Segment": "playhead.api.segments",
    "Rows": "playhead.api.segments",
    "record": "playhead.api.live", "run": "playhead.api.live", "LiveMachine": "playhead.api.live",
    "open": "playhead.api.recording", "Recording": "playhead.api.recording", "Moment": "playhead.api.moment",
    "MachineView": "playhead.api.machine_view", "Replay": "playhead.api.replaying",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("playhead.errors")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'playhead' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(["__doc__", "__version__", "errors", *_WHERE])
