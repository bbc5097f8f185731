"""cpu [--count N] [--seed S]: random instructions over every declared encoding, on our engines and on other processors.

Cases come from `insn/cases.py`; `insn/harness.py` runs them on our engines, `tools.oracle` on the host's CPU and on
Unicorn. Registers, EIP, defined flags, memory, exceptions with error code and CR2 are compared. A difference that is
not named in `insn/exclusions.py` is a failure: it is reduced to as few instructions as show it and printed with the
command that repeats it.
"""

import argparse
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context

import capstone

from playhead.x86.isa import tables
from tools.fuzz.insn import exclusions as known
from tools.fuzz.insn.cases import Generated, Generator, Piece
from tools.fuzz.insn.harness import Target
from tools.fuzz.insn.intel import IntelRun
from tools.oracle import HostOracle, OracleUnavailable
from tools.oracle import case as model
from tools.oracle.case import Case, Result
from tools.oracle.layout import SENTINEL

BATCH = 1000
REFERENCE_SHARE = 20  # the reference engine runs one of so many batches when the native one runs all
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


def differs(g: Generated, a: Result, b: Result) -> bool:
    if a.trap == b.trap and a.trap is not None and a.trap[0] == model.TIMEOUT:
        return False  # stopped anywhere in an endless loop
    return (
        a.regs != b.regs or a.eip != b.eip or a.trap != b.trap or a.data != b.data or selectors(a) != selectors(b)
        or ((a.eflags ^ b.eflags) & g.mask(a.eip)) != 0 or x87(a, b) != x87(b, a)
    )  # fmt: skip


def selectors(result: Result) -> list[int]:
    """Null selectors are all alike: Linux keeps no privilege level in them."""
    return [0 if s < 4 else s for s in result.selectors]


def x87(result: Result, other: Result) -> tuple | None:
    """What is compared of the x87: not MXCSR; the last instruction's address only while its exception is pending."""
    fx = result.fx
    if fx is None or other.fx is None:
        return None
    pending = fx[2] & other.fx[2] & 0x80
    return fx[:6], fx[6:24] if pending else b"", fx[32:160]


Counts = tuple  # of Fuzz.counts, and the failures


class Fuzz:
    """One run of the fuzzer: sources of truth, engines, counts."""

    def __init__(self, seed: int, engines: list[str], oracles: list[str], stop_after: int = 5, only: str = "",
                 chapters: tuple[str, ...] = ()):  # fmt: skip
        self.seed, self.stop_after = seed, stop_after
        table, _ = tables()
        self.oracles = {name: open_oracle(name) for name in oracles}
        self.skipped: dict[str, dict[str, None]] = {}  # reason -> instructions, in order

        def allowed(form) -> bool:
            if chapters and form.insn.chapter not in chapters:
                return False
            reasons = [known.refused(name, form) for name in oracles]
            if all(reasons):
                self.skipped.setdefault(str(reasons[0]), {})[form.insn.name] = None
                return False
            return True

        self.generator = Generator(table, seed, allowed)
        self.only = {f.number for f in self.generator.forms if f.insn.name == only or f.encoding.text == only}
        if only:
            self.generator.forms = [f for f in self.generator.forms if f.number in self.only]
        self.targets = {name: target_of(name) for name in engines}
        self.covered: Counter[int] = Counter()
        self.excluded: Counter[str] = Counter()
        self.traps: Counter[str] = Counter()
        self.failures: list[str] = []
        self.ran: Counter[str] = Counter()
        self.blocks: Counter[str] = Counter()  # of the second tier
        self._groups: set[tuple] = set()
        # options that decide what the cases are
        self.chosen = (f" --only {only!r}" if only else "") + (f" --chapters {','.join(chapters)}" if chapters else "")

    def add(self, other: "Counts") -> None:
        """Take over what another process found."""
        for mine, theirs in zip(self.counts(), other[:-1], strict=True):
            mine.update(theirs)
        self.failures += other[-1]

    def counts(self) -> tuple[Counter, ...]:
        return self.covered, self.excluded, self.traps, self.ran, self.blocks

    def run(self, numbers: Iterable[int], progress=lambda done: None) -> None:
        batch: list[Generated] = []
        done = 0
        for number in numbers:
            batch.append(self.generator.case(number))
            if len(batch) == BATCH:
                self._batch(batch, done // BATCH)
                done += len(batch)
                batch = []
                progress(done)
                if len(self.failures) >= self.stop_after:
                    return
        if batch:
            self._batch(batch, done // BATCH)
            progress(done + len(batch))

    def _batch(self, batch: list[Generated], number: int) -> None:
        for g in batch:
            for piece in g.pieces:
                if piece.form is not None:
                    self.covered[piece.form.number] += 1
        for oracle_name, oracle in self.oracles.items():
            suited = [g for g in batch if self._suited(oracle_name, g)]
            truth = oracle.run([g.case for g in suited])
            self.ran[oracle_name] += len(suited)
            if oracle_name == "host" or len(self.oracles) == 1:
                self.traps.update(str(r.trap[0]) if r.trap else "none" for r in truth)
            for name, target in self.targets.items():
                if name == "reference" and len(self.targets) > 1 and number % self.reference_every:
                    continue
                self.ran[name] += len(suited)
                for g, theirs, ours in zip(suited, truth, target.run([g.case for g in suited]), strict=True):
                    if differs(g, ours, theirs):
                        self._different(oracle_name, name, g, ours, theirs)
                self.blocks.update(target.blocks)
                target.blocks.clear()

    reference_every = REFERENCE_SHARE

    def _suited(self, oracle: str, g: Generated) -> bool:
        reason = known.unsuited(oracle, g)
        if reason is None:
            reason = next((r for p in g.pieces if p.form and (r := known.refused(oracle, p.form))), None)
        if reason is not None:
            self.excluded[f"{oracle} not asked: {reason}"] += 1
        return reason is None

    # differences

    def _known(self, oracle: str, target: Target, g: Generated, ours: Result, theirs: Result) -> str | None:
        def before(piece: Piece) -> tuple[int, ...]:
            return target.run([replace(g.case, code=bytes(g.case.code[: piece.start]))])[0].regs

        def wandered() -> bool:
            meant = {p.start for p in g.pieces} | {len(g.case.code)}
            steps = [(eip, byte) for eip, byte in target.trace(g.case) if byte != SENTINEL]
            back = any(then[0] < now[0] for now, then in pairwise(steps))  # past flags that are undefined there
            return back or any(eip not in meant for eip, _ in steps)

        def unaligned() -> Result:
            return target.run_unaligned(g.case)

        reason = known.difference(oracle, g, ours, theirs, before, wandered, unaligned)
        compares = known.compares_into_flags(g)
        if reason is None and compares:
            left = target.run_leaving_c1(g.case, compares)
            if not differs(g, left, theirs):
                return known.C1_LEFT
            if (more := known.difference(oracle, g, left, theirs, before, wandered, unaligned)) is not None:
                return f"{known.C1_LEFT}; {more}"
        if reason is None and oracle == "host":
            return self._known_of_intel(target, g, theirs, ours, before, lambda left: known.difference(
                oracle, g, left, theirs, before, wandered, unaligned))  # fmt: skip
        return reason

    def _known_of_intel(self, target: Target, g: Generated, theirs: Result, ours: Result, before, named) -> str | None:
        """Whether it is as on Intel's processors; some of them leave C1, too."""
        left = ours
        for leaving in dict.fromkeys((frozenset(), known.compares_into_flags(g))):
            intel = IntelRun(target, g.case, g.pieces, leaving)
            left = intel.run()
            told = "; ".join(["Intel's", *sorted(intel.reasons)])
            if intel.reasons and not differs(g, left, theirs):
                return told
            if (more := named(left)) is not None:
                return f"{told}; {more}"
        return known.of_intel(g, left, theirs, before)

    def _different(self, oracle: str, engine: str, g: Generated, ours: Result, theirs: Result) -> None:
        target = self.targets[engine]
        reason = self._known(oracle, target, g, ours, theirs)
        if reason is not None:
            self.excluded[f"{oracle} differs: {reason}"] += 1
            return
        if len(self.failures) >= self.stop_after:
            return
        small = self._minimise(oracle, target, g)
        group = (engine, tuple(p.form.number if p.form else -1 for p in small.pieces))
        if group in self._groups:
            self.excluded["further failures like one that is shown"] += 1
            return
        self._groups.add(group)
        ours, theirs = target.run([small.case])[0], self.oracles[oracle].run([small.case])[0]
        self.failures.append(report(small, engine, oracle, ours, theirs, self.seed, self.chosen))

    def _fails(self, oracle: str, target: Target, g: Generated) -> bool:
        ours, theirs = target.run([g.case])[0], self.oracles[oracle].run([g.case])[0]
        return differs(g, ours, theirs) and self._known(oracle, target, g, ours, theirs) is None

    def _minimise(self, oracle: str, target: Target, g: Generated) -> Generated:
        """Leave out instructions while it still fails; jumps keep their distances, so this need not succeed."""
        pieces = list(g.pieces)
        at = len(pieces) - 1
        while at >= 0 and len(pieces) > 1:
            rest = pieces[:at] + pieces[at + 1 :]
            if self._fails(oracle, target, shorter := rebuilt(g, rest)):
                g, pieces = shorter, rest
            at -= 1
        if g.case.eflags and self._fails(oracle, target, plain := replace(g, case=replace(g.case, eflags=0))):
            g = plain
        return g


def rebuilt(g: Generated, pieces: list[Piece]) -> Generated:
    """A case of some of its instructions; flags are as loosely compared as anywhere in it."""
    code = b"".join(p.code for p in pieces)
    placed, at = [], 0
    for p in pieces:
        placed.append(replace(p, start=at))
        at += len(p.code)
    return replace(g, case=replace(g.case, code=code), pieces=placed, masks={})


def target_of(engine: str) -> Target:
    if engine != "tier2":
        return Target(engine)
    from tools.fuzz.insn.compiled import CompiledTarget  # imports LLVM

    return CompiledTarget()


def open_oracle(name: str):
    if name == "host":
        return HostOracle()
    from tools.oracle import UnicornOracle

    return UnicornOracle()


def listing(case: Case, pieces: list[Piece]) -> list[str]:
    """The instructions, by capstone."""
    cs = (case.segments or {}).get("cs")
    md = capstone.Cs(
        capstone.CS_ARCH_X86, capstone.CS_MODE_16 if cs is not None and not cs.big else capstone.CS_MODE_32
    )
    lines = []
    for p in pieces:
        text = next((f"{i.mnemonic} {i.op_str}" for i in md.disasm(bytes(p.code), p.start)), "(not known to capstone)")
        form = f"{p.form.insn.name} [{p.form.encoding.text}]" if p.form else "(put in)"
        lines.append(f"    {p.start:3} {p.code.hex():24} {text:44} {form}")
    return lines


def report(g: Generated, engine: str, oracle: str, ours: Result, theirs: Result, seed: int, chosen: str = "") -> str:
    case = g.case
    lines = [f"case {g.number}: {engine} and {oracle} differ"]
    lines += listing(case, g.pieces)
    lines.append("    start: " + " ".join(f"{n}={v:#x}" for n, v in zip(REGISTERS, case.regs, strict=True))
                 + f" eflags={case.eflags:#x}" + (f" origin={case.origin:#x}" if case.origin else ""))  # fmt: skip
    lines += [f"    x87 at the start: {show_x87(case.fx)}"] if x87(ours, theirs) != x87(theirs, ours) else []
    for name, segment in (case.segments or {}).items():
        lines.append(f"    {name}: {segment}")
    for address, content in case.patches:
        lines.append(f"    memory {address:#x}: {content.hex()}")
    mask = g.mask(ours.eip)
    rows = [(n, hex(a), hex(b)) for n, a, b in zip(REGISTERS, ours.regs, theirs.regs, strict=True)]
    rows += [("eip", hex(ours.eip), hex(theirs.eip)), ("flags", hex(ours.eflags & mask), hex(theirs.eflags & mask))]
    rows += [
        ("trap", trap(ours), trap(theirs)),
        ("data", data(ours), data(theirs)),
        ("segs", str(ours.selectors), str(theirs.selectors)),
    ]
    if x87(ours, theirs) != x87(theirs, ours):
        rows.append(("x87", show_x87(ours.fx), "\n" + " " * 11 + show_x87(theirs.fx)))
    lines += [f"    {n:6} {a} | {b}" for n, a, b in rows if a != b]
    lines.append(
        f"    again: ./dev fuzz cpu --seed {seed} --case {g.number} --engine {engine} --oracle {oracle}{chosen}"
    )
    return "\n".join(lines)


def trap(result: Result) -> str:
    return "none" if result.trap is None else "#{} error {:#x} cr2 {:#x}".format(*result.trap)


def data(result: Result) -> str:
    shown = " ".join(f"{a:#x}={v:#x}" for a, v in result.data[:6])
    return shown + (f" and {len(result.data) - 6} more" if len(result.data) > 6 else "") or "unchanged"


def show_x87(fx: bytes | None) -> str:
    if fx is None:
        return "none"
    values = [f"{int.from_bytes(fx[at + 8 : at + 10], 'little'):04x}.{int.from_bytes(fx[at : at + 8], 'little'):016x}"
              for at in range(32, 160, 16)]  # fmt: skip
    words = "cw={:04x} sw={:04x} tags={:02x}".format(*struct.unpack_from("<HHB", fx))
    return f"{words} at={fx[6:24].hex()} st: {' '.join(values)}"


def summary(fuzz: Fuzz, seconds: float) -> str:
    lines = ["ran " + ", ".join(f"{n:,} on {name}" for name, n in fuzz.ran.items()) + f" in {seconds:.1f} s"]
    names = {f.number: f"{f.insn.name} {f.rep} [{f.encoding.text}]" for f in fuzz.generator.forms}
    least = min(names, key=lambda n: fuzz.covered[n])
    lines.append(f"{len(names)} forms, each at least {fuzz.covered[least]} times (least: {names[least]})")
    traps = ", ".join(f"{k}: {v}" for k, v in sorted(fuzz.traps.items(), key=lambda kv: -kv[1]))
    lines.append(f"ended by exception: {traps}")
    lines += [f"blocks {what}: {n:,}" for what, n in fuzz.blocks.items()]
    lines += [f"not tried: {' '.join(names)}: {reason}" for reason, names in fuzz.skipped.items()]
    lines += [f"{n:7,}  {reason}" for reason, n in sorted(fuzz.excluded.items())]
    lines += fuzz.failures
    lines.append(f"{len(fuzz.failures)} failures" if fuzz.failures else "all agree")
    return "\n".join(lines)


def part(options: tuple, numbers: range, every: int) -> Counts:
    """What one process of several does."""
    fuzz = Fuzz(*options)
    fuzz.reference_every = every
    fuzz.run(numbers)
    return *fuzz.counts(), fuzz.failures


def fuzz_all(options: tuple, numbers: range, every: int = REFERENCE_SHARE, jobs: int = 1,
             progress: Callable[[int], None] = lambda done: None) -> Fuzz:  # fmt: skip
    """Run the cases `numbers` in this process and, if `jobs` is more than one, in others."""
    fuzz = Fuzz(*options)
    fuzz.reference_every = every
    shares = [
        range(numbers.start + i * len(numbers) // jobs, numbers.start + (i + 1) * len(numbers) // jobs)
        for i in range(jobs)
    ]
    if jobs == 1:
        fuzz.run(numbers, progress)
        return fuzz
    with ProcessPoolExecutor(jobs - 1, mp_context=get_context("spawn")) as pool:
        others = [pool.submit(part, options, share, every) for share in shares[1:]]
        fuzz.run(shares[0], lambda done: progress(done * jobs))
        for other in others:
            fuzz.add(other.result())
    return fuzz


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz cpu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="how many cases (20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, help="run this case alone")
    parser.add_argument("--only", default="", help="cases that start with this instruction or encoding")
    parser.add_argument("--chapters", default="", help="forms of these alone, such as arith,shift")
    parser.add_argument("--engine", choices=("reference", "native", "tier2", "both", "sampled"), default="sampled",
                        help="sampled: the native engine, and the reference on one batch of twenty; "
                        "tier2: the native one with every block compiled")  # fmt: skip
    parser.add_argument("--oracle", choices=("host", "unicorn", "both"), default="host")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--failures", type=int, default=5, help="stop after so many")
    a = parser.parse_args(arguments)
    engines = [a.engine] if a.engine in ("reference", "native", "tier2") else ["native", "reference"]
    oracles = ["host", "unicorn"] if a.oracle == "both" else [a.oracle]
    numbers = range(a.first, a.first + a.count) if a.case is None else range(a.case, a.case + 1)
    chosen = tuple(filter(None, a.chapters.split(",")))

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} of {len(numbers):,}", end="", file=sys.stderr, flush=True)

    started = time.perf_counter()
    try:
        every = 1 if a.engine == "both" else REFERENCE_SHARE
        fuzz = fuzz_all((a.seed, engines, oracles, a.failures, a.only, chosen), numbers, every, a.jobs, progress)
    except OracleUnavailable as error:
        print(f"fuzz cpu: {error}; --oracle unicorn works anywhere", file=sys.stderr)
        return 2
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    print(summary(fuzz, time.perf_counter() - started))
    return 1 if fuzz.failures else 0


__all__ = ["Fuzz", "fuzz_all", "main", "summary"]

if __name__ == "__main__":
    sys.exit(main())
