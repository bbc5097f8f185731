"""The build of the native core, which many processes may want at once and any of which may be killed."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 240
BUILD = "from playhead.engine.llvm import library; library.load_or_build()"


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_killed_build_does_not_keep_the_cache_locked(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    builder = subprocess.Popen([sys.executable, "-c", BUILD], env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while not children(builder.pid):
        assert builder.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)  # the workers are at work
    workers = children(builder.pid)
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    with open(tmp_path / "playhead" / "native" / "lock", "ab") as lock:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    for worker in workers:  # ours: nothing else ends them
                        os.kill(int(worker), signal.SIGKILL)
                    raise AssertionError("a worker of the killed build holds the lock of the cache") from None
                time.sleep(0.1)
