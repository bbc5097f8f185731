"""The host's two clocks: the date (what a real-time chip shows), and one that only ever goes forward (for pacing)."""

import time


def host_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns()


def realtime_ns() -> int:
    """Nanoseconds since some moment; not affected by somebody setting the date."""
    return time.monotonic_ns()


def date_text() -> str:
    """Now, as a recording notes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
