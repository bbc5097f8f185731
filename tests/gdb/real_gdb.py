"""Debian's gdb in batch mode against a target that this process serves on a loopback port.

Without a gdb that knows i386 the tests are skipped, loudly; in CI (CI=true) they fail.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence

import pytest

from playhead.gdb.serve import GdbServer
from playhead.gdb.target import Target
from playhead.host.listen import TcpListener
from playhead.host.watch import Watcher

PATIENCE_S = 240
SETUP = ("set confirm off", "set pagination off", "set width 0", "set tcp connect-timeout 60",
         "set remotetimeout 60")  # fmt: skip


def program() -> str:
    found = shutil.which("gdb") or shutil.which("gdb-multiarch")
    if found is None:
        reason = "no gdb is installed (Debian's package is gdb)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Serving:
    """A target served at a port by a thread until the context is left."""

    def __init__(self, target: Target):
        self.listener = TcpListener("tcp::0")
        self.server = GdbServer(target, self.listener)
        self.ways: list[str] = []  # how each client left
        self._watcher = Watcher()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.error: BaseException | None = None

    def __enter__(self) -> "Serving":
        self._watcher.sources = [self.listener]
        self.listener.poke = self._watcher.poke
        self._watcher.start(lambda: None)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self.listener.hang_up()  # a target that still runs is interrupted
        self._thread.join()
        self._watcher.stop()
        self.listener.close()
        if self.error is not None:
            raise self.error

    def _loop(self) -> None:
        try:
            while not self._stopping.is_set():
                self.server.serve()
                if self.server.left and len(self.ways) < self.listener.connections:
                    self.ways.append(self.server.left)
                self._watcher.wait(100_000_000)
        except BaseException as error:
            self.error = error

    def wait_for(self, truth) -> None:
        end = time.monotonic() + PATIENCE_S
        while not truth():
            assert self.error is None and time.monotonic() < end, self.error
            time.sleep(0.005)


def start(serving: Serving, commands: Sequence[str], before: Sequence[str] = ()) -> subprocess.Popen:
    return attach(serving.listener.port, commands, before)


def attach(port: int, commands: Sequence[str], before: Sequence[str] = ()) -> subprocess.Popen:
    script = [*SETUP, *before, f"target remote 127.0.0.1:{port}", *commands]
    arguments = [argument for command in script for argument in ("-ex", command)]
    return subprocess.Popen(
        [program(), "-nx", "-q", "-batch", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(target: Target, *commands: str, before: Sequence[str] = ()) -> str:
    """What gdb printed while it executed these commands, attached to the target; `before` it attaches, others."""
    with Serving(target) as serving:
        gdb = start(serving, commands, before)
        try:
            out, _ = gdb.communicate(timeout=PATIENCE_S)
        finally:
            gdb.kill()
    return out
