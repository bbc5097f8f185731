"""What several test files need and only one makes: recordings of guests, once a run, by whichever process is first.

pytest-xdist gives each of its processes a folder in the run's own one; what is shared lies beside them. Whoever uses
such a file leaves it as it is.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.cli import main
from tools import guest


def recorded(factory: pytest.TempPathFactory, name: str) -> Path:
    """The recording of one of our guests that end by themselves; what it printed is beside it, in `NAME.ph.out`."""

    def record(path: Path) -> None:
        machine = (*guest.machine(name), "-m", "16", "-serial", f"file:{path}.out")
        assert main(["record", "-o", str(path), *machine]) == 0

    return once(factory, f"{name}.ph", record)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The run's file of this name. `make(path)` makes it, and whatever has a name that begins like it, in a folder that
    is empty; it is not called again once it has succeeded.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / "shared" / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not made.exists():
            make(folder / name)
            made.touch()
    return folder / name
