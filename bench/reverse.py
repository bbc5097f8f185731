"""reverse [--seeks N] [--recording FILE] [--no-qemu]: going backwards in the Debian boot by gdb, beside QEMU

One client speaks to both over the loopback, so both pay for the wire. QEMU records and replays the same boot (from a
snapshot at its start, as its manual has it) and takes `reverse-stepi` a thousand million instructions into it; we do
the same there, and then: seeks to random moments, single steps back after each, ten in a row, a breakpoint that was
last passed ten million instructions before, a search over the whole recording beside a replay of it, and Ctrl-C in the
middle of one.
"""

import argparse
import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gdb_stub import Stub
from tools import guest

FAR = 1_000_000_000  # instructions
BACK = 10_000_000
PATIENCE_S = 900
OURS = [sys.executable, "-m", "playhead.cli"]
WANTED = {
    "seek, median": 0.5, "seek, worst": 1.5, "reverse-stepi after a seek, 95 %": 0.05, "ten reverse-stepi, 95 %": 0.2,
    "breakpoint ten million back": 1.0, "whole recording / replay": 1.2, "Ctrl-C": 0.2,
}  # fmt: skip


class Gdb(Stub):
    """With what is timed."""

    def __init__(self, port: int):
        super().__init__(port, PATIENCE_S)
        self.ask("qSupported:swbreak+;hwbreak+")

    def reply(self) -> str:
        """The next packet that is no console output."""
        while True:
            text = self.receive(PATIENCE_S)
            if not text:
                raise SystemExit("the server has gone")
            if not (text[:1] == "O" and text != "OK"):
                return text

    def ask(self, packet: str) -> str:
        self.send(packet)
        return self.reply()

    def timed(self, packet: str) -> float:
        began = time.monotonic()
        answer = self.ask(packet)
        if answer[:1] == "E":
            raise SystemExit(f"{packet} is answered by {answer}")
        return time.monotonic() - began

    def monitor(self, text: str) -> float:
        return self.timed("qRcmd," + text.encode().hex())

    def pc(self) -> int:
        return int.from_bytes(bytes.fromhex(self.ask("g")[8 * 8 : 9 * 8]), "little")

    def interrupted_s(self) -> float:
        """How long it takes to stop."""
        began = time.monotonic()
        self.interrupt()
        self.reply()
        return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Debugger:
    """`playhead debug` with a client."""

    def __init__(self, recording: Path, at: str = "start"):
        port = free_port()
        command = [*OURS, "debug", str(recording), "--at", at, "-gdb", f"tcp::{port}"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.gdb = Gdb(port)

    def __enter__(self) -> Gdb:
        return self.gdb

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait()


def qemu_steps(machine: list[str], folder: Path, count: int) -> list[float]:
    """Seconds of each `reverse-stepi` of QEMU, `FAR` instructions behind its snapshot."""
    qemu = shutil.which("qemu-system-i386")
    if qemu is None or shutil.which("qemu-img") is None:
        raise SystemExit("qemu-system-i386 and qemu-img are missing: install qemu-system-x86 and qemu-utils")
    image, log = folder / "empty.qcow2", folder / "replay.bin"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1G"], check=True)
    common = [qemu, *machine, "-net", "none", "-monitor", "none", "-serial", "null", "-global", "apic-common.vapic=off",
              "-display", "none", "-drive", f"file={image},if=none,id=rr"]  # fmt: skip
    common = [word for word in common if word != "-nographic"]
    icount = f"shift=3,rrfile={log},rrsnapshot=init,rr="
    subprocess.run([*common, "-icount", icount + "record"], stdin=subprocess.DEVNULL, check=True, timeout=PATIENCE_S)
    port, monitor = free_port(), folder / "qmp"
    process = subprocess.Popen(
        [*common, "-icount", icount + "replay", "-gdb", f"tcp:127.0.0.1:{port}", "-S", "-qmp",
         f"unix:{monitor},server=on,wait=off"], stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        gdb = Gdb(port)
        qmp(monitor, "replay-break", icount=FAR)
        gdb.ask("c")
        return [gdb.timed("bs") for _ in range(count)]
    finally:
        process.kill()
        process.wait()


def qmp(path: Path, command: str, **arguments: Any) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        lines = s.makefile("rw")
        lines.readline()
        for name, values in (("qmp_capabilities", {}), (command, arguments)):
            lines.write(json.dumps({"execute": name, "arguments": values}) + "\n")
            lines.flush()
            while "return" not in (answer := json.loads(lines.readline())):
                if "error" in answer:
                    raise SystemExit(f"QEMU: {answer['error']['desc']}")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def seeks(recording: Path, end: int, count: int) -> dict[str, float]:
    """Random places: getting there, and stepping back from there."""
    rng, there, first, tens = random.Random(4), [], [], []
    with Debugger(recording) as gdb:
        for _ in range(count):
            there.append(gdb.monitor(f"replay_seek {rng.randrange(end)}"))
            steps = [gdb.timed("bs") for _ in range(10)]
            first.append(steps[0])
            tens.append(sum(steps))
    return {
        "seek, median": statistics.median(there), "seek, worst": max(there),
        "reverse-stepi after a seek, 95 %": percentile(first, 0.95), "ten reverse-stepi, 95 %": percentile(tens, 0.95),
    }  # fmt: skip


def icount_of(recording: Path, gdb: Gdb) -> int:
    from playhead.gdb.registers import NUMBER

    return int.from_bytes(bytes.fromhex(gdb.ask(f"p{NUMBER['icount']:x}")), "little")


def last_passed(recording: Path, at: int) -> int:
    """An address that was last passed about `BACK` instructions before."""
    with Debugger(recording, str(at - BACK)) as gdb:
        seen: dict[int, None] = {}
        for _ in range(400):
            gdb.ask("s")
            seen[gdb.pc()] = None
        for pc in seen:
            gdb.monitor(f"replay_seek {at}")
            gdb.ask(f"Z0,{pc:x},1")
            gdb.ask("bc")
            gdb.ask(f"z0,{pc:x},1")
            if at - 2 * BACK < icount_of(recording, gdb) < at - BACK // 2:
                return pc
    return 0


def breakpoint_back(recording: Path, end: int) -> float:
    rng = random.Random(9)
    while True:
        at = rng.randrange(2 * FAR, end)
        pc = last_passed(recording, at)
        if pc:
            break
    with Debugger(recording, str(at)) as gdb:
        gdb.ask(f"Z0,{pc:x},1")
        took = gdb.timed("bc")
        print(f"  from {at} back to {icount_of(recording, gdb)}, a breakpoint at {pc:#x}: {took:.2f} s")
    return took


def whole(recording: Path) -> dict[str, float]:
    """A search that finds nothing, beside a replay; and one that is interrupted."""
    began = time.monotonic()
    subprocess.run([*OURS, "replay", "--quiet", "-serial", "null", str(recording)], check=True)
    replay = time.monotonic() - began
    with Debugger(recording, "end") as gdb:
        gdb.ask("Z0,deadbeef,1")
        search = gdb.timed("bc")
    delays = []
    with Debugger(recording, "end") as gdb:
        gdb.ask("Z0,deadbeef,1")
        for wait in (0.3, 1.1, 2.0, 3.3, 0.7):
            gdb.send("bc")
            time.sleep(wait)
            delays.append(gdb.interrupted_s())
    print(f"  whole recording backwards {search:.1f} s, a replay of it {replay:.1f} s")
    return {"whole recording / replay": search / replay, "Ctrl-C": max(delays)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench reverse", description="going backwards, beside QEMU")
    parser.add_argument("--seeks", type=int, default=100)
    parser.add_argument("--recording", type=Path, help="of the Debian boot, instead of a new one")
    parser.add_argument("--no-qemu", action="store_true")
    options = parser.parse_args()
    kernel, initrd = guest.debian("boot")
    machine = ["-m", "128", "-kernel", str(kernel), "-initrd", str(initrd), "-append", guest.DEBIAN_APPEND,
               "-nographic"]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="playhead-") as name:
        folder = Path(name)
        recording = options.recording or folder / "boot.ph"
        if not options.recording:
            command = [*OURS, "record", "-o", str(recording), *machine, "-icount", "shift=3"]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        facts = json.loads(subprocess.check_output([*OURS, "info", "--json", str(recording)]))
        end = facts["instructions"]
        print(f"recording: {end / 1e9:.2f} G instructions, {facts['bytes']['file'] / 1e6:.1f} MB")
        with Debugger(recording, str(FAR)) as gdb:
            ours = [gdb.timed("bs") for _ in range(10)]
        print(f"reverse-stepi {FAR / 1e9:.0f} G instructions in: {statistics.median(ours) * 1000:.1f} ms", end="")
        if not options.no_qemu:
            theirs = statistics.median(qemu_steps(machine, folder, 3))
            print(f"; QEMU {theirs:.2f} s: {theirs / statistics.median(ours):.0f} times as long", end="")
        print(flush=True)
        found = seeks(recording, end, options.seeks)
        found["breakpoint ten million back"] = breakpoint_back(recording, end)
        found |= whole(recording)
    for what, value in found.items():
        print(f"{what:36}{value:8.3f}   at most {WANTED[what]}{'' if value <= WANTED[what] else '   MISSED'}")
    return int(any(value > WANTED[what] for what, value in found.items()))


if __name__ == "__main__":
    sys.exit(main())
