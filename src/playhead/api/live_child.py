"""The process of a live machine: the command line, and a thread that ends it when its owner has gone.

Its standard input is a pipe whose other end is the owner's and nobody else's. The end of it asks for a clean end, as a
SIGTERM does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def main() -> None:
    owner = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_watch, args=(owner,), daemon=True).start()
    from playhead.cli import main as command_line

    sys.exit(command_line(sys.argv[1:]))


def _watch(owner: int) -> None:
    while os.read(owner, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
