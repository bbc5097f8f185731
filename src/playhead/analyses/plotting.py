"""Plots by matplotlib, which is imported when one is made. They need no screen, and equal data give equal files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playhead.base.errors import UsageError

MISSING = "plots need matplotlib: pip install 'playhead[plot]'"
STYLE = {"svg.hashsalt": "playhead", "svg.fonttype": "none", "font.size": 9}
FORMATS = ("png", "svg")


def matplotlib() -> Any:
    """The module. Raises UsageError if it is not there."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError(MISSING) from None
    return matplotlib


@contextmanager
def figure(path: str, format: str, width: float, height: float) -> Iterator[Any]:
    """A figure of so many inches, which is written when the block ends."""
    module = matplotlib()
    from matplotlib.figure import Figure

    with module.rc_context(STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        yield made
        made.savefig(path, format=format, dpi=120, metadata={"Date": None} if format == "svg" else {})
