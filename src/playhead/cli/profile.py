"""`--profile`: where the time of a run, a recording or a replay went, in tables on standard error at its end."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playhead.cli.options import FILE, Option

if TYPE_CHECKING:
    from playhead.linux.symbol_table import SymbolTable
    from playhead.machine.profile import Access, Place, Profile
    from playhead.session.run import Build

GROUP = "where the time goes"
PROFILE_OPTIONS = (
    Option("--profile", "at the end, print where the time went: native code and Python, exits by reason and device, "
           "misses, the guest's hottest code", group=GROUP, since="0.7.0"),
    Option("--symbols", "with --profile: names of the guest's functions, from an ELF file, a System.map or a copy of "
           "/proc/kallsyms; a kernel's are moved to where it runs (default: those that a Linux kernel has in memory)",
           parse=FILE, group=GROUP, since="0.7.0"),
)  # fmt: skip
MOST = 10  # lines of a table
NEAR = 64  # bytes between samples of one stretch of code
COUNTED = {
    "turns": "turns of the run loop", "searched": "blocks looked up outside of the jump cache",
    "blocks_decoded": "blocks decoded", "blocks_voided": "blocks voided by stores",
    "slow": "accesses outside of the host table", "walks": "TLB misses (page walks)",
    "flushes": "flushes of the host table",
}  # fmt: skip


@contextmanager
def profiled(values: dict[str, Any], build: Build) -> Iterator[Build]:
    """Profile the machine that is built meanwhile, if that is wanted; the report comes at the end, whichever it is."""
    if not values.get("profile"):
        if values.get("symbols"):
            from playhead.base.errors import UsageError

            raise UsageError("--symbols names the functions of a profile: give --profile, too")
        yield build
        return
    from playhead.cli.processor_time import others_ns, thread_ns
    from playhead.linux.symbol_files import read
    from playhead.machine.profile import Profile

    if values["symbols"]:
        read(values["symbols"])  # what is wrong with the file is said now
    profile, before = Profile(thread_ns), others_ns()
    try:
        yield lambda door: profile.attach(build(door))  # type: ignore[arg-type]
    finally:
        if profile.attached:
            profile.stop()
            machine = profile.machine
            symbols = read(values["symbols"], machine.memory) if values["symbols"] else _of_kernel(machine)
            beside = tuple(now - then for now, then in zip(others_ns(), before, strict=True))
            print(report(profile, beside, symbols), file=sys.stderr, flush=True)


def _of_kernel(machine: Any) -> SymbolTable | None:
    """The symbols of a Linux kernel that is in memory at the end, if there is one that is understood."""
    from playhead.base.errors import UnknownKernel
    from playhead.linux import symbols_of

    try:
        return symbols_of(machine)
    except UnknownKernel:
        return None


def report(profile: Profile, beside_ns: Sequence[int], symbols: SymbolTable | None = None) -> str:
    """The tables. `beside_ns`: processor time of other threads, and of processes that have ended meanwhile."""
    parts = [_summary(profile), _time(profile, beside_ns), _tiers(profile), _exits(profile),
             _accesses(profile), _counts(profile), _code(profile, symbols)]  # fmt: skip
    return "\n\n".join(filter(None, parts))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns to the right but for the last one, which is what a line is about."""
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    lines = []
    for row in (heads, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("  " + "  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole else "-"


def _summary(profile: Profile) -> str:
    seconds = profile.total_ns / 1e9
    speed = f" ({profile.instructions / seconds / 1e6:.0f} MIPS)" if seconds else ""
    return f"profile: {profile.instructions:,} instructions in {seconds:.2f} s of processor time{speed}"


def _time(profile: Profile, beside_ns: Sequence[int]) -> str:
    total = profile.total_ns
    parts = {"native code": profile.native_ns, "Python": profile.python_ns,
             "second tier, putting code in place": profile.tier2_ns, "digests": profile.digest_ns,
             "checkpoints, without compressing": profile.checkpoint_ns}  # fmt: skip
    rows = [(percent(ns, total), f"{ns / 1e9:.2f}", name) for name, ns in parts.items() if ns]
    more = {"other threads (disks, compressing)": beside_ns[0], "other processes (compiling)": beside_ns[1]}
    rows += [("", f"{ns / 1e9:.2f}", name) for name, ns in more.items() if ns >= 10_000_000]
    return table(("%", "seconds", "time"), rows)


def _tiers(profile: Profile) -> str:
    """Which tier ran the instructions: exact for the evaluator, by samples for the two others."""
    from playhead.x86.state import EXIT_REFERENCE

    reference, total = profile.exits[EXIT_REFERENCE], profile.instructions
    known = profile.compiled + profile.interpreted
    if profile.tier2 is None or not known:
        return ""
    native = total - reference
    rows = [(percent(n * native / known, total), f"{n * native // known:,}", name) for n, name in
            ((profile.compiled, "compiled code"), (profile.interpreted, "interpreter"))]  # fmt: skip
    rows += [(percent(reference, total), f"{reference:,}", "reference evaluator")] if reference else []
    blocks = f"{profile.tier2.told:,} reports of hot blocks, {profile.tier2.installed:,} blocks with compiled code"
    return table(("%", "number", f"instructions (by {known:,} samples; {blocks})"), rows)


def _exits(profile: Profile) -> str:
    from playhead.machine.profile import EXITS

    total = profile.exits.total()
    rows = [(percent(n, total), f"{n:,}", EXITS.get(reason, f"reason {reason}"))
            for reason, n in profile.exits.most_common()]  # fmt: skip
    each = f", {profile.python_ns / total / 1e3:.1f} us of Python each" if total else ""
    return table(("%", "times", f"why native code was left ({total:,} times{each})"), rows) if rows else ""


def _accesses(profile: Profile) -> str:
    total = profile.accesses.total()
    rows = [(percent(n, total), f"{n:,}", _shown(profile, access)) for access, n in profile.accesses.most_common(MOST)]
    return table(("%", "times", f"accesses that Python answered ({total:,})"), rows) if rows else ""


def _shown(profile: Profile, access: Access) -> str:
    digits = 4 if access.space == "port" else 8
    what = f"{'write' if access.write else 'read '} {access.space:6} {access.address:0{digits}x}"
    return f"{what}  {profile.device(access) or 'nobody'}"


def _counts(profile: Profile) -> str:
    rows = [(f"{profile.counts[name]:,}", text) for name, text in COUNTED.items() if profile.counts.get(name)]
    return table(("times", "in native code"), rows) if rows else ""


def _code(profile: Profile, symbols: SymbolTable | None) -> str:
    total = profile.samples.total()
    if not total:
        return ""
    found = Counter[str]()
    for stretch, n in stretches(profile.samples):
        found[stretch] += n
    if symbols is not None:
        found = by_function(profile.samples, symbols)
    rows = [(percent(n, total), f"{n:,}", text) for text, n in found.most_common(MOST)]
    each = f"one in {profile.instructions // total:,} instructions"
    return table(("%", "samples", f"hottest code ({each})"), rows)


def mode(place: Place) -> str:
    return "user  " if place.user else "kernel"


def stretches(samples: Counter[Place]) -> Iterator[tuple[str, int]]:
    """Samples that lie near to each other as one stretch of code: its mode, its first and its last sample."""
    first = last = None
    count = 0
    for place in sorted(samples):
        if last is not None and (place.user != last.user or place.linear - last.linear > NEAR):
            yield _stretch(first, last), count
            first, count = place, 0
        first, last, count = first or place, place, count + samples[place]
    if last is not None:
        yield _stretch(first, last), count


def _stretch(first: Place | None, last: Place) -> str:
    assert first is not None
    return f"{mode(first)} {first.linear:08x}-{last.linear:08x}"


def by_function(samples: Counter[Place], symbols: SymbolTable) -> Counter[str]:
    """Samples by function; what has no name goes by page."""
    found = Counter[str]()
    for place, n in samples.items():
        function = symbols.name(place.linear)
        name = function[0] if function else f"{place.linear & ~0xFFF:08x} (page)"
        found[f"{mode(place)} {name}"] += n
    return found


