"""net [--runs N] [--shift N] [--card NAME]: a Debian guest's network while recording, ours against QEMU's, side by side

The same kernel, initramfs, card, shift and traffic on both sides, which take turns: the guest fetches a file of random
bytes by HTTP, serves one of zeros through a forwarded port, and small ones to wrk. Throughput is measured
between two lines on the guest's serial port, without the boot; the best of the runs counts. Then each side replays its
own recordings, and the logs are compared with the packets that came in. Both record in the same way, with
`-netdev user`, `filter-replay` and the same `-icount`; `--stages` says which traffic.

Goals: at least 0.5 times QEMU's record, a replay in at most 0.3 times QEMU's, a log of at most 1.05 times the packets.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

from playhead.log.events import NetPacket
from playhead.log.reader import Reader
from tools import guest

RECORD_GOAL, REPLAY_GOAL, LOG_GOAL = 0.5, 0.3, 1.05
MIB = 1 << 20
LIMIT_S = 900
WRK = ("-t", "1", "-c", "8")
_BELL = "echo BEGIN; nc 10.0.2.2 {bell}; echo END"  # until whoever listens there hangs up
STAGES = {
    "download": "echo BEGIN; wget -q -O /dev/null http://10.0.2.2:{http}/; echo END",
    "upload": "head -c {size} /dev/zero > /www/zeros; " + _BELL,
    "requests": _BELL,
}
UNIT = {"download": "MB/s", "upload": "MB/s", "requests": "requests/s"}


@dataclass
class Site:
    """What the guest finds on the host: a file, and a bell. When it rings, the host asks the guest's server."""

    content: bytes
    seconds: int
    stage: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    forwarded: int = 0  # the host's port of the guest's port 80
    served: float = 0.0  # requests a second, by wrk

    @contextmanager
    def open(self) -> Iterator[Site]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(site.content)))
                self.end_headers()
                self.wfile.write(site.content)

            def log_message(self, *words: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as bell:
            self.ports = {"http": server.server_port, "bell": bell.getsockname()[1]}
            threading.Thread(target=self._answer, args=(bell,), daemon=True).start()
            yield self
        server.shutdown()

    def _answer(self, bell: socket.socket) -> None:
        while True:
            try:
                connection, _ = bell.accept()
            except OSError:
                return
            with connection:
                if self.stage == "upload":
                    self._fetch()
                else:
                    self._ask()

    def _fetch(self) -> None:
        with urlopen(f"http://127.0.0.1:{self.forwarded}/zeros") as answer:
            left = len(self.content)
            while left > 0 and (data := answer.read(MIB)):
                left -= len(data)
        if left:
            raise SystemExit(f"{left} bytes of what the guest serves did not come")

    def _ask(self) -> None:
        command = ["wrk", *WRK, "-d", str(self.seconds), f"http://127.0.0.1:{self.forwarded}/small"]
        found = re.search(r"Requests/sec:\s*([\d.]+)", subprocess.run(command, capture_output=True, text=True).stdout)
        self.served = float(found[1]) if found else 0.0


@dataclass
class Took:
    """`rate` in the unit of its stage; `replay_s` of the whole process."""

    rate: float
    wall_s: float
    replay_s: float = 0.0
    log: int = 0


class Side:
    """A program, and the file that it records into."""

    def __init__(self, name: str, program: list[str], folder: Path):
        self.name, self.program, self.file = name, program, folder / f"{name.lower()}.rr"

    def command(self, way: str, machine: list[str], shift: int) -> list[str]:
        return [*self.program, *machine, "-icount", f"shift={shift},rr={way},rrfile={self.file}"]

    def log_bytes(self) -> int:
        """Bytes of events and packets: all of QEMU's file, and of ours what is not content or checkpoints."""
        if self.name == "QEMU":
            return self.file.stat().st_size
        with Reader(str(self.file)) as reader:
            sizes = reader.sizes()
            return sizes["event"] + sizes["packet"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def machine(stage: str, card: str, site: Site) -> list[str]:
    kernel, initrd = guest.debian("network")
    script, serves = STAGES[stage].format(**site.ports, size=len(site.content)), stage != "download"
    words = f'{guest.NO_TESTS} {"HTTPD=yes " if serves else ""}RUN="{script}"'
    forward = f",hostfwd=tcp:127.0.0.1:{site.forwarded}-:80" if serves else ""
    return ["-M", "pc", "-cpu", "pentium2", "-m", "128", "-nodefaults", "-display", "none", "-serial", "stdio",
            "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd), "-append", words,
            "-netdev", f"user,id=n0{forward}", "-device", f"{card},netdev=n0",
            "-object", "filter-replay,id=rr0,netdev=n0"]  # fmt: skip


def between_lines(command: list[str]) -> tuple[float, float]:
    """Run a machine; seconds between its lines BEGIN and END, and of the whole process."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch = threading.Timer(LIMIT_S, process.kill)
    watch.start()
    seen, at = b"", {}
    assert process.stdout is not None
    while data := os.read(process.stdout.fileno(), 65536):
        seen += data
        for line in ("BEGIN", "END"):
            if line not in at and f"\n{line}\r".encode() in seen:
                at[line] = time.monotonic()
    status = process.wait()
    watch.cancel()
    if status or len(at) < 2 or b"GUEST-DONE" not in seen:
        raise SystemExit(f"{' '.join(command)}: status {status}\n{seen[-2000:].decode(errors='replace')}")
    return at["END"] - at["BEGIN"], time.monotonic() - began


def one(side: Side, stage: str, options: argparse.Namespace, site: Site) -> Took:
    site.stage, site.forwarded = stage, free_port()
    what = machine(stage, options.card, site)
    seconds, wall = between_lines(side.command("record", what, options.shift))
    took = Took(site.served if stage == "requests" else len(site.content) / seconds / 1e6, wall)
    took.log = side.log_bytes()
    _, took.replay_s = between_lines(side.command("replay", what, options.shift))
    return took


def packets_in(file: Path) -> tuple[int, int]:
    """How many packets a recording has, and how many bytes they are."""
    with Reader(str(file)) as reader:
        sizes = [len(entry.event.data) for entry in reader.entries() if isinstance(entry.event, NetPacket)]
    return len(sizes), sum(sizes)


def compare(options: argparse.Namespace, folder: Path) -> int:
    qemu = shutil.which("qemu-system-i386") or ""
    ours = [sys.executable, "-m", "playhead.cli.system_i386"]
    everyone = [Side("playhead", ours, folder), Side("QEMU", [qemu], folder)]
    sides = [side for side in everyone if side.name in options.sides.split(",")]
    site = Site(os.urandom(int(options.size * MIB)), options.seconds)
    good = True
    with site.open():
        for stage in options.stages.split(","):
            best: dict[str, Took] = {}
            for run in range(options.runs):
                for side in sides if run % 2 == 0 else reversed(sides):
                    took = one(side, stage, options, site)
                    before = best.get(side.name, took)
                    best[side.name] = Took(max(took.rate, before.rate), min(took.wall_s, before.wall_s),
                                           min(took.replay_s, before.replay_s), took.log)  # fmt: skip
                    print(f"  {run + 1}: {stage}, {side.name}: {took.rate:.2f} {UNIT[stage]}, "
                          f"record {took.wall_s:.1f} s, replay {took.replay_s:.1f} s, log {took.log:,} bytes",
                          flush=True)  # fmt: skip
            good = report(stage, best, everyone[0].file) and good
    return 0 if good else 1


def report(stage: str, best: dict[str, Took], file: Path) -> bool:
    if len(best) < 2:
        return True
    mine, its = best["playhead"], best["QEMU"]
    count, size = packets_in(file)
    rate, replay, log = mine.rate / its.rate, mine.replay_s / its.replay_s, mine.log / max(size, 1)
    print(f"{stage}: {mine.rate:.2f} {UNIT[stage]}, QEMU {its.rate:.2f}: {rate:.2f} times (at least {RECORD_GOAL}); "
          f"replay {mine.replay_s:.1f} s, QEMU {its.replay_s:.1f} s: {replay:.2f} times (at most {REPLAY_GOAL});\n"
          f"    log {mine.log:,} bytes for {count:,} packets of {size:,}: {log:.3f} times (at most {LOG_GOAL}), "
          f"QEMU's {its.log:,}", flush=True)  # fmt: skip
    log_matters = stage == "download"  # elsewhere few bytes come in, and the log is that of the boot
    return rate >= RECORD_GOAL and replay <= REPLAY_GOAL and (log <= LOG_GOAL or not log_matters)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench net", description="a guest's network while recording")
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--card", default="e1000", choices=("e1000", "rtl8139"))
    parser.add_argument("--size", type=float, default=50, help="MiB that are sent in each direction")
    parser.add_argument("--seconds", type=int, default=10, help="of requests by wrk")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--sides", default="playhead,QEMU")
    options = parser.parse_args()
    for program, package in (("qemu-system-i386", "qemu-system-x86"), ("wrk", "wrk")):
        if shutil.which(program) is None:
            print(f"bench net: {program} is not installed (Debian's package {package})", file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory(prefix="playhead-") as name:
        return compare(options, Path(name))


if __name__ == "__main__":
    sys.exit(main())
