"""A recorded Debian guest with a network, what it finds on the host, and its replay where there is no network at all.

A replay is run in a network namespace of its own, which has no interface that is up, and with nothing in place of
libslirp's file and those of expansion ROMs, where this host allows that (`unshare`).
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from playhead.log.events import NetPacket
from playhead.log.reader import Reader
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
ROOT = Path(__file__).parents[2]
LIMIT_S = 300
TOGETHER = 200  # requests that have to be open at once
CARDS = {"8139cp": "rtl8139", "8139too": "rtl8139", "e1000": "e1000"}  # by driver
_HIDDEN = ("/usr/lib/*-linux-gnu/libslirp.so.*", "/lib/*-linux-gnu/libslirp.so.*", "/usr/lib*/libslirp.so.*",
           "/usr/lib/ipxe/qemu/*")


def content(size: int) -> bytes:
    """What the server gives for /bytes/SIZE."""
    return random.Random(size).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Site(ThreadingHTTPServer):
    """An HTTP server on loopback: /bytes/SIZE, and /together, which answers when `TOGETHER` requests have come."""

    request_queue_size = 2 * TOGETHER
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.barrier = threading.Barrier(TOGETHER)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _, what, *rest = self.path.split("/")
        if what == "together":
            self.server.barrier.wait(LIMIT_S)  # type: ignore[attr-defined]
            body = b"all are here\n"
        else:
            body = content(int(rest[0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Guest:
    """A guest that is being recorded. `words` are those of tools/guests/network.py; `seen` is what it has printed."""

    def __init__(self, path: Path, words: str, *options: str, front: Sequence[str] = PLAYHEAD, shift: int = 4):
        kernel, initrd = machine()
        self.path, self.seen = path, bytearray()
        command = [*front, "record", "-o", str(path), "-m", "128", "-display", "none", "-serial", "stdio", "-kernel",
                   kernel, "-initrd", initrd, "-append", f"{guest.NO_TESTS} {words}", "-icount", f"shift={shift}",
                   *options]  # fmt: skip
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)  # fmt: skip
        self._grown = threading.Condition()
        self._ended = False
        self.errors = bytearray()
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._listen_to_errors)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65536):
            with self._grown:
                self.seen += data
                self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()

    def _listen_to_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors += self._process.stderr.read()

    def wait_until_it_runs(self, limit_s: float = LIMIT_S) -> None:
        """Until it has printed something. Its sockets listen then."""
        with self._grown:
            self._grown.wait_for(lambda: self._ended or self.seen, limit_s)
            assert self.seen, self.tail()

    def wait_for(self, text: str, limit_s: float = LIMIT_S) -> None:
        """Until it has printed a line that begins so."""
        line = b"\n" + text.encode()
        with self._grown:
            self._grown.wait_for(lambda: self._ended or line in self.seen, limit_s)
            assert line in self.seen, self.tail()

    def tail(self) -> str:
        return f"{bytes(self.seen[-2000:]).decode(errors='replace')}\n{bytes(self.errors).decode(errors='replace')}"

    def end(self, limit_s: float = LIMIT_S) -> str:
        """Wait for its power-off; what it has printed, as lines."""
        return end_all(self, limit_s=limit_s)[0]

    def wait(self, limit_s: float) -> str:
        """Wait for its end, and end it where it does not; what is wrong with that end, or nothing."""
        try:
            status = self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"no end in {limit_s:.0f} s"
        finally:
            self.close()
        return "" if status == 0 and b"\nGUEST-DONE" in self.seen else f"exit status {status}"

    def lines(self) -> str:
        return bytes(self.seen).decode(errors="replace").replace("\r\n", "\n")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def end_all(*guests: Guest, limit_s: float = LIMIT_S) -> list[str]:
    """Wait for their power-offs, one after the other; what each has printed, or a failure that shows it of all."""
    wrong = {n: why for n, guest in enumerate(guests, 1) if (why := guest.wait(limit_s))}
    tails = [f"-- guest {n}: {wrong.get(n, 'ended')}:\n{guest.tail()}" for n, guest in enumerate(guests, 1)]
    if wrong:
        pytest.fail("\n".join(tails))
    return [guest.lines() for guest in guests]


def machine() -> tuple[str, str]:
    """Kernel and initramfs; in CI a guest that cannot be had is a failure."""
    try:
        kernel, initrd = guest.debian("network")
    except guest.GuestError as error:
        text = f"the Debian guest cannot be had, so its network was not tested: {error}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    return str(kernel), str(initrd)


def user(card: str, more: str = "") -> tuple[str, ...]:
    """Options for a card with a user-mode network."""
    return "-netdev", f"user,id=n0{more}", "-device", f"{card},netdev=n0"


@cache
def alone() -> tuple[str, ...]:
    """What goes in front of a command so that it has no network, libslirp or ROMs; empty where that is forbidden."""
    each = '[ ! -e "$f" ] || mount --bind /dev/null "$f" || exit 1'
    hide = f'for f in {" ".join(_HIDDEN)}; do {each}; done; exec "$@"'
    for flags in ("-nm", "-rnm"):
        front = ("unshare", flags, "sh", "-c", hide, "sh")
        if subprocess.run([*front, "true"], capture_output=True).returncode == 0:
            return front
    warnings.warn("replays are run with the host's network and libslirp: it allows no namespaces", stacklevel=2)
    return ()


def replays_alone(recorded: Guest) -> None:
    """The replay says that all is equal, and prints what the guest has printed."""
    began = time.monotonic()
    done = subprocess.run([*alone(), *PLAYHEAD, "replay", str(recorded.path)], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=LIMIT_S)  # fmt: skip
    took = time.monotonic() - began
    assert done.returncode == 0, f"after {took:.0f} s: {done.stderr.decode(errors='replace')}"
    assert done.stdout == bytes(recorded.seen)


def packets(path: Path) -> list[tuple[object, NetPacket]]:
    """(moment, packet) of all that came in."""
    with Reader(str(path)) as reader:
        return [(entry.moment, entry.event) for entry in reader.entries() if isinstance(entry.event, NetPacket)]
