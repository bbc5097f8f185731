"""The host's clocks: the date (for real-time chips), a monotonic clock (for pacing), and the work of a thread."""

import time


def host_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns()


def realtime_ns() -> int:
    """Nanoseconds since an arbitrary moment; setting the date does not affect it."""
    return time.monotonic_ns()


def worked_ns() -> int:
    """Processor time of the calling thread: what it waited for, and other programs' turns, are not in it."""
    return time.thread_time_ns()


def date_text() -> str:
    """The current date, in the form that recordings use."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
