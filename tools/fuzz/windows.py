"""windows [--count N] [--size N] [--seed S] [--recording FILE] [--around]: parts of the boot on the reference engine.

A recording of the native engine is replayed natively, but for windows of instructions spread over the whole of it the
machine switches to the reference engine. At the start of a window the process is forked: the copy runs the same window
natively, and at its end every part of both machines is compared. The run then continues with what the reference engine
made of the machine, so the recording's own digests judge each window again.

With `--around` the windows lie where something happens: a first replay notes when each interrupt vector, exception,
port, device register, warp and reset occurs, and windows go around the first and around a random one of each.

A difference is cut down to the first instruction after which the two differ; the registers, pages, translations and
devices that do are shown, and the command that repeats it. Exit status 1.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from playhead.base.errors import DivergenceError, PlayheadError
from playhead.boards.config import PcConfig
from playhead.engine.reference import ReferenceEngine
from playhead.host.host import Host
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.splits import Splits
from playhead.x86 import state as S
from tools import guest
from tools.fuzz import replay as fuzz_replay

FAR = 1 << 62
STEP = 256  # instructions: how closely an exception is looked for
SHOWN = 6  # differences of one kind that are printed
ALARM_WITHIN = 50_000_000  # instructions that a window waits for an alarm, at most
MARGIN = 1000  # instructions that a window around an event begins before it, at least
PG = 1 << 31  # of CR0


@dataclass(order=True)
class Window:
    """Instructions that the reference engine runs, from `start` on.

    With `vector`, `start` is where the search for that exception begins; with `alarm`, the window begins at an alarm.
    """

    start: int
    size: int
    why: str = ""
    vector: int | None = None
    alarm: bool = False
    split_seed: int | None = None


@dataclass
class Snapshot:
    """A machine at the end of a window: digests, and enough to say what is different. Can be pickled."""

    moment: Moment
    parts: dict[str, bytes]
    cpu: bytes
    tlb: bytes
    devices: dict[str, bytes]
    page_hashes: bytes
    error: str = ""
    pages: dict[int, bytes] = field(default_factory=dict)
    code: tuple[int, bytes] | None = None

    @classmethod
    def of(cls, m: Machine, error: str = "", pages: tuple[int, ...] = ()) -> Snapshot:
        parts = m.digest_parts()  # brings the page hashes up to date
        count = m.memory.area_size // 4096
        return cls(
            Moment(m.icount, m.seq), parts, m.core.save(), m.core.save_tlb(),
            {n: bytes(d.save()) for n, d in m.board.devices.items()}, bytes(m.core.page_hash[: count * 8]), error,
            {n: m.memory.read(n * 4096, 4096) for n in pages},
        )  # fmt: skip


def differences(a: Snapshot, b: Snapshot) -> list[str]:
    """What `b` (reference) has that `a` (native) has not, part by part."""
    out = [f"native: {a.error}"] if a.error else []
    out += [f"reference: {b.error}"] if b.error else []
    if a.moment != b.moment:
        out.append(f"moment: native {a.moment}, reference {b.moment}")
    for part in a.parts:
        if a.parts[part] == b.parts[part]:
            continue
        if part == "cpu":
            out += [f"cpu: {line}" for line in cpu_differences(a.cpu, b.cpu)]
        elif part == "tlb":
            out += [f"tlb: {line}" for line in tlb_differences(a.tlb, b.tlb)]
        elif part == "ram":
            out += [f"ram: {line}" for line in ram_differences(a, b)]
        else:
            x, y = a.devices.get(part, b""), b.devices.get(part, b"")
            at = fuzz_replay.first_difference(x, y)
            line = f"native {x[at : at + 8].hex()}, reference {y[at : at + 8].hex()}"
            out.append(f"{part}: from byte {at} of its state {line}")
    return out


def cpu_differences(a: bytes, b: bytes) -> list[str]:
    """By field of the state block, as `name: native x, reference y`."""
    out = []
    for name, x, y in zip(*zip(*fields(a), strict=True), (v for _, v in fields(b)), strict=True):
        if x != y:
            out.append(f"{name}: native {x:#x}, reference {y:#x}")
    return out


def fields(block: bytes) -> Iterator[tuple[str, int]]:
    """The architectural fields of a saved state block, one value each."""
    for name, f in S.FIELDS.items():
        if name == "segs":
            for n, segment in enumerate(S.SEGMENTS):
                for part, (offset, bits) in S.SEG_FIELDS.items():
                    at = f.offset + n * S.SEG_STRIDE + offset
                    yield f"{segment}.{part}", int.from_bytes(block[at : at + bits // 8], "little")
        elif f.arch:
            size = f.bits // 8
            for i in range(f.count):
                label = S.REG32[i] if name == "regs" else f"{name}[{i}]" if f.count > 1 else name
                at = f.offset + i * size
                yield label, int.from_bytes(block[at : at + size], "little")


def tlb_differences(a: bytes, b: bytes) -> list[str]:
    one, other = translations(a), translations(b)
    odd = sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))
    lines = [f"page {k}: native {one.get(k, 0):#x}, reference {other.get(k, 0):#x}" for k in odd[:SHOWN]]
    return lines + ([f"and {len(odd) - SHOWN} more"] if len(odd) > SHOWN else [])


def translations(saved: bytes) -> dict[str, int]:
    words = [int.from_bytes(saved[i : i + 4], "little") for i in range(0, len(saved), 4)]
    out, large, at = {}, False, 0
    while at < len(words):
        if not large and words[at] == 0xFFFFFFFF:
            large, at = True, at + 1
            continue
        out[f"{'large ' if large else ''}{words[at]:#x}"] = words[at + 1]
        at += 2
    return out


def odd_pages(a: Snapshot, b: Snapshot) -> list[int]:
    x, y = memoryview(a.page_hashes).cast("Q"), memoryview(b.page_hashes).cast("Q")
    return [n for n in range(len(x)) if x[n] != y[n]]


def ram_differences(a: Snapshot, b: Snapshot) -> list[str]:
    pages, out = odd_pages(a, b), []
    for n in pages[:SHOWN]:
        x, y = a.pages.get(n), b.pages.get(n)
        if x is None or y is None:
            out.append(f"page {n:#x}")
            continue
        at = fuzz_replay.first_difference(x, y)
        out.append(f"{n * 4096 + at:#x}: native {x[at : at + 8].hex()}, reference {y[at : at + 8].hex()}")
    return out + ([f"and {len(pages) - SHOWN} pages more"] if len(pages) > SHOWN else [])


class Copy:
    """The process as it was at a window's start, kept to run it again: on either engine, any number of times.

    It can also continue in the original's place: then the original process only waits for it.
    """

    def __init__(self, session: Windows):
        self.pipe, theirs = Pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        self.took_over = False
        if self.pid:
            theirs.close()
            return
        self.pipe.close()
        self.took_over = self._serve(session, theirs)

    @staticmethod
    def _serve(session: Windows, pipe: Connection) -> bool:
        """In the copy: True when it is to continue in place of the original."""
        while True:
            try:
                request = pipe.recv()
            except EOFError:
                os._exit(0)
            if request is None:
                return True
            child = os.fork()
            if not child:
                Copy._answer(session, pipe, *request)
            os.waitpid(child, 0)

    @staticmethod
    def _answer(session: Windows, pipe: Connection, engine: str, end: int, pages: tuple[int, ...], code: bool) -> None:
        """In a copy of the copy: run, answer, end."""
        try:
            session.advance(engine, end)
            snapshot = Snapshot.of(session.machine, session.failed, pages)
            if code:
                session.machine.use_engine("reference")
                reference = session.machine.engine
                assert isinstance(reference, ReferenceEngine)
                known = reference.fetch(reference.mode())
                snapshot.code = (session.machine.core.get("eip"), bytes(known.raw[: known.len]))
            pipe.send(snapshot)
        except BaseException:
            pipe.send(traceback.format_exc())
        os._exit(0)

    def ask(self, engine: str, end: int, pages: tuple[int, ...] = (), code: bool = False) -> None:
        self.pipe.send((engine, end, pages, code))

    def answer(self) -> Snapshot:
        got = self.pipe.recv()
        if isinstance(got, str):
            raise fuzz_replay.FuzzError(f"the copy of the process failed: {got}")
        return got

    def run(self, engine: str, end: int, pages: tuple[int, ...] = (), code: bool = False) -> Snapshot:
        self.ask(engine, end, pages, code)
        return self.answer()

    def close(self) -> None:
        self.pipe.close()
        os.waitpid(self.pid, 0)

    def instead(self) -> None:
        """Let the copy continue in our place; our exit status is its."""
        self.pipe.send(None)
        sys.stdout.flush()
        _, status = os.waitpid(self.pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class QuietHost(Host):
    """Without the watcher's thread, so that the process can be forked; nothing is read from outside anyhow."""

    def start(self, wake: Any) -> None:
        pass


class Windows(ReplaySession):
    """A native replay with windows on the reference engine."""

    machine: Machine

    def __init__(self, reader: Reader, windows: list[Window], say: Any, repeat: str = ""):
        config = PcConfig.from_json(reader.meta["config"], reader.blob)
        shift = reader.meta["shift"]
        host = QuietHost(["null"] * len(config.serial), reads=False)
        super().__init__(lambda door: self._make(config, door, shift), host, reader, ReplayOptions(progress=False))
        self.say, self.repeat = say, repeat
        self.windows = sorted(windows)
        self.done = self.bad = 0
        self.failed = ""
        self._until = FAR
        self._script.load(FAR)  # the recording's file is not shared with copies of this process

    def _make(self, config: PcConfig, door: Any, shift: int) -> Machine:
        return Machine(config, door, engine="native", shift=shift)

    def _turn(self) -> None:
        if self.windows and self.machine.icount >= self.windows[0].start:
            if not self._wait(self.windows[0]):
                self._window(self.windows.pop(0))
            return
        self._until = self.windows[0].start if self.windows else FAR
        super()._turn()

    def _go(self, target: Moment) -> None:
        super()._go(min(target, Moment(self._until)))

    def advance(self, engine: str, end: int) -> None:
        """Run to an instruction on one engine; what goes wrong is noted in `failed`."""
        self._until = end
        self.machine.use_engine(engine)
        try:
            while self.machine.icount < end and self._outcome is None:
                super()._turn()
        except (DivergenceError, AssertionError) as error:
            self.failed = f"{type(error).__name__}: {error}"
        except Exception:
            self.failed = traceback.format_exc()

    def _wait(self, w: Window) -> bool:
        """Move a window that is to hold the next alarm; True if it has been moved."""
        left = (self.machine.clock.next_deadline_ns() - self.machine.now_ns()) >> self.machine.core.get("shift")
        if not w.alarm or not w.size < left < ALARM_WITHIN:
            return False
        w.alarm = False
        w.start = self.machine.icount + left - w.size // 2
        self.windows.sort()
        return True

    def _window(self, w: Window) -> None:
        if w.vector is not None and not self._look(w):
            self.say(f"{w.start:>13}  {'':8} {w.why}: not found again")
            return
        copy = Copy(self)
        if copy.took_over:
            self.bad += 1
            self.done += 1
            return
        start, before, began = self.machine.icount, self._scene(), time.monotonic()
        end = start + w.size
        copy.ask("native", end)
        vectors = self._count_deliveries()
        self._splits = Splits(w.split_seed) if w.split_seed is not None else None
        self.advance("reference", end)
        self._splits = None
        ours, theirs = Snapshot.of(self.machine, self.failed), copy.answer()
        wrong = differences(theirs, ours)
        seen = ", ".join(f"{n}x{v:#x}" for v, n in sorted(vectors.items())) or "none"
        state = "equal" if not wrong else "DIFFERS"
        self.say(f"{start:>13}  {state:8}{time.monotonic() - began:5.1f} s  {before} to {self._scene()}; "
                 f"delivered {seen}{'; ' + w.why if w.why else ''}")  # fmt: skip
        if wrong:
            self._report(copy, start, end, wrong)
            copy.instead()
        self.done += 1
        copy.close()
        self.machine.use_engine("native")

    def _look(self, w: Window) -> bool:
        """Go to a little before the next exception `w.vector`, as found by a copy of this process."""
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            limit = w.start + (4 << 20)
            before = last = self.machine.icount
            self.machine.core.set("fault_vector", 0xFF)
            while last < limit and self.machine.core.get("fault_vector") != w.vector and not self.failed:
                before = last
                self.advance("native", last + STEP)
                last = self.machine.icount
            os.write(theirs, str(before if last < limit and not self.failed else -1).encode())
            os._exit(0)
        os.close(theirs)
        found = int(os.read(ours, 32) or b"-1")
        os.close(ours)
        os.waitpid(child, 0)
        if found >= 0:
            self.advance("native", max(found - MARGIN, self.machine.icount))
        return found >= 0

    def _scene(self) -> str:
        """What the processor is at."""
        core = self.machine.core
        paging = "paged" if core.get("cr0") & PG else "unpaged"
        return "halted" if core.get("halted") else "user" if core.get("cpl") == 3 else f"{paging} kernel"

    def _count_deliveries(self) -> Counter[int]:
        """Count what the reference engine delivers, by vector."""
        self.machine.use_engine("reference")
        engine: Any = self.machine.engine  # with a method put in its way
        seen = Counter[int]()

        def deliver() -> bool:
            seen[self.machine.core.get("fault_vector")] += 1
            return type(engine)._deliver(engine)

        engine._deliver = deliver
        return seen

    def _report(self, copy: Copy, start: int, end: int, wrong: list[str]) -> None:
        """Say what differs, and from which instruction on."""
        for line in wrong:
            self.say(f"    at the end: {line}")
        low, high = start, end
        if not differences(copy.run("native", end), copy.run("reference", end)):
            self.say("    run again in one piece, the two agree: splitting the run, or switching, makes the difference")
            low = high
        while high - low > 1:
            middle = (low + high) // 2
            if differences(copy.run("native", middle), copy.run("reference", middle)):
                high = middle
            else:
                low = middle
        if low < high:
            before = copy.run("native", low, code=True)
            if before.code is not None:
                eip, raw = before.code
                what = f"{raw.hex(' ')} at eip {eip:#x}: {disassembled(raw, eip)}"
                self.say(f"    first different after instruction {low}: {what}")
            a, b = copy.run("native", high), copy.run("reference", high)
            pages = tuple(odd_pages(a, b)[:SHOWN])
            for line in differences(copy.run("native", high, pages), copy.run("reference", high, pages)):
                self.say(f"    there: {line}")
        self.say(f"    {self.repeat} --at {start} --size {end - start}")


def disassembled(raw: bytes, eip: int) -> str:
    try:
        import capstone
    except ImportError:
        return ""
    found = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32).disasm(raw, eip)
    return "; ".join(f"{i.mnemonic} {i.op_str}" for i in found)


class Scout(Windows):
    """A native replay that notes when what happens: `first` and `chosen` moments (a random one of all) by kind."""

    def __init__(self, reader: Reader, r: random.Random, say: Any):
        super().__init__(reader, [], say)
        self._random = r
        self._counts: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.chosen: dict[str, int] = {}
        self.vectors: dict[str, int] = {}

    def _note(self, kind: str, at: int) -> None:
        self._counts[kind] += 1
        self.first.setdefault(kind, at)
        if self._random.random() * self._counts[kind] < 1:
            self.chosen[kind] = at

    def _make(self, config: PcConfig, door: Any, shift: int) -> Machine:
        m = super()._make(config, door, shift)
        inject, read, write, warp, reset, run = m._inject, m._read, m._write, m.warp, m.reset, m.engine.run

        def register(space: Any, address: int) -> str:
            return f"port {address:#x}" if space is m.board.io else f"register {address & ~0xF:#x}"

        def note_inject(vector: int) -> None:
            self._note(f"interrupt {vector:#x}{' of a halted CPU' if m.core.get('halted') else ''}", m.icount)
            inject(vector)

        def note_read(space: Any, address: int, size: int) -> int:
            self._note(f"read of {register(space, address)}", m.icount)
            return read(space, address, size)

        def note_write(space: Any) -> None:
            if m.core.get("store_n"):
                self._note(f"write of {register(space, m.core.get('stores') & 0xFFFFFFFF)}", m.icount)
            write(space)

        def note_warp(to_ns: int) -> None:
            self._note("warp", m.icount)
            warp(to_ns)

        def note_reset() -> None:
            self._note("reset", m.icount)
            reset()

        def note_run(budget: int) -> None:
            at, left = m.icount, m.core.get("deliveries")
            run(budget)
            vector = m.core.get("fault_vector")
            if left != m.core.get("deliveries") and m.core.get("fault_soft") != 2:
                kind = f"exception {vector:#x}"
                self.vectors[kind] = vector
                self._note(kind, at)

        m.__dict__.update(_inject=note_inject, _read=note_read, _write=note_write, warp=note_warp, reset=note_reset)
        engine: Any = m.engine
        engine.run = note_run
        return m

    def windows_around(self, size: int) -> list[Window]:
        """Around the first and the chosen moment of each kind; events close to each other share a window."""
        events = sorted((at, kind) for moments in (self.first, self.chosen) for kind, at in moments.items())
        out: list[Window] = []
        for at, kind in events:
            if kind in self.vectors:
                out.append(Window(at, size, kind, self.vectors[kind]))
            elif not out or out[-1].vector is not None or at > out[-1].start + size - MARGIN:
                out.append(Window(max(at - self._random.randrange(MARGIN), 0), size, kind))
            elif out[-1].why.count(",") < 3:
                out[-1].why += f", {kind}"
        return out


def spread(r: random.Random, end: int, count: int, size: int) -> list[Window]:
    """One window in each of `count` stretches, every second one around an alarm, so that there are interrupts; one of
    eight lies anywhere by order of magnitude, because the early boot is short.
    """
    out = []
    for i in range(count):
        low, high = end * i // count, max(end * (i + 1) // count - size, end * i // count + 1)
        start = r.randrange(low, high) if i % 8 != 7 else int(10 ** r.uniform(3, len(str(end)) - 1))
        out.append(Window(start, size, alarm=i % 2 == 0, split_seed=r.choice((None, r.getrandbits(32)))))
    return out


def fuzz(
    path: Path, windows: list[Window] | None, size: int, seed: int, count: int = 20, say: Any = print
) -> tuple[int, int]:
    """Run windows; returns (done, bad). None: around events; an empty list: `count` spread ones."""
    with Reader(str(path)) as reader:
        end, r = reader.last_mark()[0].icount, random.Random(seed)
        if windows is None:
            scout = Scout(reader, r, say)
            scout.run()
            windows = scout.windows_around(size)
            say(f"{len(scout.first)} kinds of events, {len(windows)} windows around them")
        elif not windows:
            windows = spread(r, end, count, size)
        repeat = f"./dev fuzz windows --recording {path}"
        session = Windows(reader, windows, say, repeat)
        try:
            session.run()
        except DivergenceError as error:
            say(f"    {error}")
            session.bad += 1
        return session.done, session.bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz windows", description="windows on the reference engine")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--recording", type=Path, help="an existing recording, instead of making one")
    parser.add_argument("--around", action="store_true", help="windows where something happens")
    parser.add_argument("--at", type=int, action="append", help="a window that starts here, instead of random ones")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    made = None
    try:
        path = options.recording.resolve() if options.recording else None
        if path is None:
            folder = guest.cache().parent / "fuzz"
            folder.mkdir(parents=True, exist_ok=True)
            made = path = folder / f"windows-shift{options.shift}-{os.getpid()}.ph"
            print(f"recording the Debian boot at shift={options.shift} ...", flush=True)
            fuzz_replay.record(path, options.shift)
        print(f"seed {seed}, windows of {options.size} instructions", flush=True)
        windows = None if options.around else [Window(at, options.size) for at in options.at or ()]
        done, bad = fuzz(path, windows, options.size, seed, options.count, lambda text: print(text, flush=True))
    except (fuzz_replay.FuzzError, guest.GuestError, PlayheadError) as error:
        print(f"fuzz windows: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"{done - bad} of {done} windows are equal on both engines")
    if made and not bad:
        made.unlink()
    elif made:
        print(f"the recording is kept: {made}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
