"""A netdev's end on the host with a watcher at work, and a real QEMU as the other side: it joins two netdevs by a hub,
so that each frame that comes in at one goes out of the other.
"""

import json
import subprocess
import time
from importlib import import_module

from playhead.cli.structured_value import structured
from playhead.host.watch import Watcher

QEMU = "qemu-system-i386"
PATIENCE_S = 240


def wait_for(truth):
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.002)


def hung_up(peer):
    """Whether the other side ends the connection, having sent nothing more. It may do so by a reset: that is what a
    kernel sends when a socket is closed before all that came has been read.
    """
    peer.settimeout(PATIENCE_S)
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


def options(text):
    """(kind, options) of the value of a -netdev, without id."""
    given = structured(text, "type")
    kind = import_module(f"playhead.host.net.{given.pop('type')}")
    return kind, kind.options(given)


class Open:
    """An end that is open and watched, as in a session."""

    def __init__(self, text):
        kind, given = options(text)
        self.end, self.watcher, self.said = kind.end("net1", given), Watcher(), []
        self.watcher.sources = [self.end]
        self.end.poke, self.end.message = self.watcher.poke, self.said.append

    def __enter__(self):
        self.end.open()
        self.watcher.start(lambda: None)
        return self

    def __exit__(self, *exc):
        self.watcher.stop()
        self.end.close()

    def send(self, *frames):
        for frame in frames:
            self.end.send(frame)
        self.end.flush()

    def take(self, count):
        """The next frames from the network."""
        found = []
        while len(found) < count:
            wait_for(lambda: self.end.waiting)
            found.append(self.end.take())
        return found


class Relay:
    """A QEMU whose netdevs, named by their words without ids, are on one hub."""

    def __init__(self, *netdevs):
        words = [QEMU, "-machine", "none", "-nodefaults", "-display", "none", "-serial", "none", "-qmp", "stdio"]
        for n, netdev in enumerate(netdevs):
            words += ["-netdev", f"{netdev},id=n{n}", "-netdev", f"hubport,id=h{n},hubid=0,netdev=n{n}"]
        self.words = words

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)  # fmt: skip
        return self

    def wait_until_it_listens(self):
        """QEMU greets when all that its command line names has been made."""
        assert "QMP" in json.loads(self.process.stdout.readline())

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)
