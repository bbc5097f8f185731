"""reverse [--count N] [--seed S] [--recording FILE] [--at MOMENT] [--idle]: ten steps there and back, by gdb's packets.

QEMU's own test of reverse debugging, at random moments of a recording and on a busy host: ten steps forwards, ten
backwards and ten forwards again must see the same places; with breakpoints at all ten, continuing and then backwards
must stop at the one that was passed last; and, which QEMU's test does not ask, from there one by one at each of them,
though they lie side by side. The client speaks packets to `playhead debug`; two processes load the host meanwhile.
The recording is by default of our guest `rep`: string instructions under interrupts, faults and single steps.

A failure prints the command that repeats it; exit status 1.
"""

from __future__ import annotations

import argparse
import random
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from playhead.gdb.registers import NUMBER
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
STEPS = 10
GOES = 3  # times that continuing may stop at one of the ten
PATIENCE_S = 120
BUSY = "while True: pass"


class Place(NamedTuple):
    """The machine's position."""

    icount: int
    seq: int
    linear: int


class Wrong(Exception):
    """What should not be, in words."""


class Gdb:
    """The least that speaks gdb's remote protocol. `said`: what the server has printed since the last packet."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.said = ""
        self.ask("qSupported:swbreak+;hwbreak+")

    def send(self, packet: str) -> None:
        self.said = ""
        self._socket.sendall(b"$%s#%02x" % (packet.encode(), sum(packet.encode()) & 0xFF))

    def interrupt(self) -> None:
        self._socket.sendall(b"\x03")

    def close(self) -> None:
        self._socket.close()

    def reply(self) -> str:
        """The next packet that is no console output."""
        while True:
            match = re.search(rb"\$([^#]*)#..", self._rest, re.DOTALL)
            if match is None:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise Wrong("the server has gone")
                self._rest += data
                continue
            self._rest = self._rest[match.end() :]
            self._socket.sendall(b"+")
            text = match[1].decode()
            if text[:1] != "O" or text == "OK":
                return text
            self.said += bytes.fromhex(text[1:]).decode(errors="replace")

    def ask(self, packet: str) -> str:
        self.send(packet)
        return self.reply()

    def monitor(self, text: str) -> str:
        """What the command says."""
        self.ask("qRcmd," + text.encode().hex())
        return self.said

    def register(self, name: str) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{NUMBER[name]:x}")), "little")

    def at_breakpoint(self) -> str:
        """The reply when going ends at a breakpoint here: it is claimed only where EIP is the linear address."""
        return "T05thread:01;" + ("" if self.register("cs_base") else "swbreak:;")

    def place(self) -> Place:
        linear = (self.register("cs_base") + self.register("eip")) & 0xFFFFFFFF
        return Place(self.register("icount"), self.register("seq"), linear)


class Debugger:
    """`playhead debug` of a recording, on a free port."""

    def __init__(self, recording: Path, *options: str):
        command = [*PLAYHEAD, "debug", str(recording), "-gdb", "tcp::0", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        found = re.search(r"target remote [0-9.]+:([0-9]+)", line)
        if found is None:
            self.__exit__()
            raise Wrong(f"playhead debug says: {line}")
        self.port = int(found[1])

    def attach(self) -> Gdb:
        return Gdb(self.port)

    def complaint(self) -> str:
        """The next line on its standard error."""
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.communicate()


class Load:
    """Processes that want all of the host."""

    def __init__(self, count: int = 2):
        self._busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._busy:
            process.kill()
            process.wait()


def record(path: Path, name: str = "rep") -> Path:
    """A recording of one of our guests that end by themselves."""
    command = ["record", "-o", str(path), "-bios", str(guest.image(name)), "-m", "16", "-serial", "null"]
    subprocess.run([*PLAYHEAD, *command], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def last_icount(recording: Path) -> int:
    from playhead.log.reader import Reader

    with Reader(str(recording)) as reader:
        return reader.last_mark()[0].icount


def expect(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {found}, not {wanted}")


def ten_steps(gdb: Gdb, moment: str, end: int) -> None:
    """The test at one moment. Raises `Wrong`."""
    gdb.monitor(f"replay_seek {moment}")
    there = _steps(gdb)
    for place in reversed(there[:-1]):
        expect("bs", gdb.ask("bs")[:3], "T05")
        expect("a step backwards", gdb.place(), place)
    expect("the same steps again", _steps(gdb), there)
    addresses = sorted({place.linear for place in there[:-1]})
    for address in addresses:
        expect("Z0", gdb.ask(f"Z0,{address:x},1"), "OK")
    _go_and_come_back(gdb, there, addresses, end)
    last = {place.icount: place for place in there[:-1]}  # a delivery may come before the instruction
    gdb.monitor(f"replay_seek {there[-1].icount}+{there[-1].seq}")
    for place in reversed(last.values()):
        if place.icount != there[-1].icount:
            expect("bc from breakpoint to breakpoint", gdb.ask("bc"), gdb.at_breakpoint())
            expect("the breakpoint in front", gdb.place(), place)
    for address in addresses:
        expect("z0", gdb.ask(f"z0,{address:x},1"), "OK")


def _steps(gdb: Gdb) -> list[Place]:
    places = [gdb.place()]
    for _ in range(STEPS):
        expect("s", gdb.ask("s")[:3], "T05")
        places.append(gdb.place())
    return places


def _go_and_come_back(gdb: Gdb, there: list[Place], addresses: list[int], end: int) -> None:
    """On to the last instruction but one, or a few breakpoints far, and back to the breakpoint that was passed last."""
    if there[-1].icount >= end - 1:
        return
    gdb.monitor(f"replay_break {end - 1}")
    earlier = {place.icount: place for place in there[:-1] if place.icount < there[-1].icount}
    passed = list(earlier.values())[-1:]
    for _ in range(GOES):
        stop, here = gdb.ask("c"), gdb.place()
        if stop[:3] == "T02":
            expect("replay_break", here.icount, end - 1)
            break
        expect("c", (stop, here.linear in addresses), (gdb.at_breakpoint(), True))
        passed.append(here)
    else:
        passed.pop()  # that is where we are
    if passed:
        expect("bc", gdb.ask("bc"), gdb.at_breakpoint())
        expect("the breakpoint that was passed last", gdb.place(), passed[-1])
    gdb.monitor("replay_delete_break")


def run(recording: Path, moments: list[str], seed: int) -> int:
    end, failed = last_icount(recording), 0
    with Debugger(recording) as debugger:
        gdb = debugger.attach()
        for n, moment in enumerate(moments):
            try:
                ten_steps(gdb, moment, end)
            except Wrong as wrong:
                failed += 1
                print(f"at {moment}: {wrong}\n  ./dev fuzz reverse --recording {recording} --at {moment}", flush=True)
                gdb.close()
                gdb = debugger.attach()  # whatever is inserted goes with the client
            if sys.stderr.isatty():
                print(f"\r{n + 1} of {len(moments)}", end="", file=sys.stderr, flush=True)
    print(f"reverse: {len(moments) - failed} of {len(moments)} places are right (seed {seed})")
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./dev fuzz reverse", description="ten steps there and back, by gdb's packets"
    )
    parser.add_argument("--count", type=int, default=50, help="moments (50)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--recording", type=Path, help="by default one of our guest rep, made now")
    parser.add_argument("--at", help="one moment only")
    parser.add_argument("--idle", action="store_true", help="without load on the host")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        recording = options.recording
        if recording is None:
            recording = record(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reverse-"))) / "rep.ph")
        rng, end = random.Random(options.seed), last_icount(recording)
        moments = [options.at] if options.at else [str(rng.randrange(end)) for _ in range(options.count)]
        if not options.idle:
            stack.enter_context(Load())
        return run(recording, moments, options.seed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
