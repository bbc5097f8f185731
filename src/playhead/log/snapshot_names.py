"""What the names of snapshots may be, in a recording (log/snapshots.py) and in a live machine."""

from playhead.base.errors import UsageError

MAX_NAME = 256  # characters
MOST = 4096  # names in one recording


def check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(f"a snapshot cannot have the name {name[:MAX_NAME]!r}")
