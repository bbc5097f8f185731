"""growth [--long] [--parts NAME,...] [--write]: how the cost grows with memory, a recording's length, busy disks

memory: the Debian boot with 64 MB to 3 GB, plain and recorded, beside QEMU. length: recordings of 10^8 to 10^10
instructions of a loop (`--long`: 10^11): recording and replaying, and what should not grow: opening, info, a seek into
the middle. disks: a guest with 1 to 4 disks, all busy at once, beside QEMU. Then where the time of a boot goes, by
`--profile`. `--write` puts tables and plots into docs/performance.md; the plots need matplotlib (pip install -e
'.[bench]'). One run of each: the shape counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench import page, sides
from bench.processes import Took, whole
from playhead.log.reader import Reader
from tools import guest

SIZES = (64, 128, 256, 512, 1024, 2048, 3072)  # MB
LENGTHS = (8, 9, 10)  # powers of ten
LONGEST = 11
MILLIONS_A_ROUND = 100
DISKS = (1, 2, 3, 4)
DISK_BYTES = 16 << 20
SOURCE = Path(__file__).with_name("growth.s")
BOOT = ["-nographic", "-no-reboot", "-icount", "shift=3"]


class Grown(NamedTuple):
    """A part's figures: what grows, its values, and by name what was measured at each."""

    title: str
    unit: str
    values: list[float]
    seconds: dict[str, list[float]]
    megabytes: dict[str, list[float]]
    facts: list[list[str]]  # more columns of the table: heads, then a row for each value


def linux(variant: str, megabytes: int, more: str = "") -> list[str]:
    kernel, initrd = guest.debian(variant)
    append = f"{guest.DEBIAN_APPEND} {guest.NO_TESTS} {more}".strip()
    return ["-m", str(megabytes), "-kernel", str(kernel), "-initrd", str(initrd), "-append", append, *BOOT]


def told(what: str, took: Took) -> Took:
    peak = f", {took.peak_mb:.0f} MiB resident" if took.peak_mb else ""
    print(f"{what}: {took.cpu:.2f} s of processor time, {took.wall:.2f} s{peak}", flush=True)
    return took


def memory(folder: Path, long: bool) -> Grown:
    """The boot with more and more memory."""
    path = folder / "memory.ph"
    sides.warm({sides.OURS: [*sides.ours(), "run", *linux("boot", SIZES[0])]})
    runs: dict[str, list[Took]] = {"run": [], "record": [], "QEMU": []}
    files = [["recording, MB"]]
    for megabytes in SIZES:
        machine = linux("boot", megabytes)
        commands = {"run": [*sides.ours(), "run", *machine],
                    "record": [*sides.ours(), "record", "-o", str(path), "--force", *machine],
                    "QEMU": [*sides.qemu(), *machine]}  # fmt: skip
        for name, command in commands.items():
            runs[name].append(told(f"{megabytes} MB, {name}", whole(command, memory=True)))
        files.append([f"{path.stat().st_size / 1e6:.1f}"])
    seconds = {name: [took.cpu for took in all_] for name, all_ in runs.items()}
    resident = {name: [took.peak_mb for took in all_] for name, all_ in runs.items()}
    return Grown("The Debian boot by the guest's memory", "MB", [float(n) for n in SIZES], seconds, resident, files)


def length(folder: Path, long: bool) -> Grown:
    """Longer and longer recordings."""
    path, image = folder / "length.ph", folder / "length.bin"
    seconds: dict[str, list[float]] = {}
    facts = [["recording, KB", "digests", "checkpoints"]]
    powers = [*LENGTHS, *([LONGEST] if long else [])]
    for power in powers:
        source = folder / f"source-{power}"
        source.mkdir()
        rounds = 10**power // (MILLIONS_A_ROUND * 10**6)
        image.write_bytes(guest.firmware(f".set ROUNDS, {rounds}\n{SOURCE.read_text()}", source))
        machine = ["-bios", str(image), "-m", "16", "-nographic", "-icount", "shift=3"]
        asked = ["debug", str(path), "-gdb", "none", "--batch", "-ex", "when"]
        commands = {
            "record": ["record", "-o", str(path), "--force", *machine], "replay": ["replay", "--quiet", str(path)],
            "verify": ["verify", str(path)], "info": ["info", str(path)], "open": asked,
            "seek to 50 %": [*asked, "--at", "50%"], "seek to the end": [*asked, "--at", "end"],
        }  # fmt: skip
        for name, words in commands.items():
            took = told(f"10^{power} instructions, {name}", whole([*sides.ours(), *words]))
            seconds.setdefault(name, []).append(took.cpu)
        with Reader(str(path)) as reader:
            facts.append([f"{path.stat().st_size / 1e3:.0f}", f"{reader.count_digests():,}",
                          f"{len(reader.checkpoints()):,}"])  # fmt: skip
    return Grown("A recording by its length", "instructions", [10.0**n for n in powers], seconds, {}, facts)


def disks(folder: Path, long: bool) -> Grown:
    """More and more disks that are busy at once."""
    path = folder / "disks.ph"
    seconds: dict[str, list[float]] = {"run": [], "record": [], "replay": [], "QEMU": []}
    facts = [["recording, MB"]]
    for count in DISKS:
        images = [folder / f"disk-{n}.img" for n in range(count)]
        for image in images:
            image.write_bytes(os.urandom(DISK_BYTES))
        machine = linux("load", 256, f"DRIVES={count}")
        for n, image in enumerate(images):
            machine += ["-drive", f"file={image},format=raw,if=ide,index={n},snapshot=on"]
        commands = {"run": [*sides.ours(), "run", *machine],
                    "record": [*sides.ours(), "record", "-o", str(path), "--force", *machine],
                    "replay": [*sides.ours(), "replay", "--quiet", str(path)],
                    "QEMU": [*sides.qemu(), *machine]}  # fmt: skip
        for name, command in commands.items():
            seconds[name].append(told(f"{count} busy, {name}", whole(command)).cpu)
        facts.append([f"{path.stat().st_size / 1e6:.1f}"])
    return Grown("Disks that are busy at once", "disks", [float(n) for n in DISKS], seconds, {}, facts)


PARTS: dict[str, Callable[[Path, bool], Grown]] = {"memory": memory, "length": length, "disks": disks}


def table(part: Grown) -> str:
    """Processor seconds and MiB resident by what grows."""
    columns = [(f"{name}, s", [f"{s:.2f}" for s in all_]) for name, all_ in part.seconds.items()]
    columns += [(f"{name}, MiB", [f"{mb:.0f}" for mb in all_]) for name, all_ in part.megabytes.items()]
    rows = [[part.unit, *(head for head, _ in columns), *part.facts[0]]]
    for n, value in enumerate(part.values):
        rows.append([f"{value:,.0f}", *(cells[n] for _, cells in columns), *part.facts[n + 1]])
    return sides.markdown(rows)


def profile() -> str:
    """The tables of `--profile` for a boot with 128 MB."""
    command = [*sides.ours(), "run", "--profile", *linux("boot", 128)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    text = done.stderr.decode(errors="replace")
    if done.returncode or "profile: " not in text:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{text}")
    return text[text.index("profile: ") :].strip()


def section(parts: dict[str, Grown], where: str) -> str:
    """This measurement's part of the page."""
    said = [f"{page.circumstances()}."]
    for name, part in parts.items():
        said += [f"### {part.title}", f"![{part.title}: processor time](performance/{name}.svg)", table(part)]
    said += ["### Where the time of a boot goes", "With 128 MB, not recorded, by `playhead run --profile`:",
             f"```\n{where}\n```"]  # fmt: skip
    return "\n\n".join(said)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench growth", description="how the cost grows")
    parser.add_argument("--long", action="store_true", help=f"a recording of 10^{LONGEST} instructions, too")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--write", action="store_true", help="put tables and plots into docs/performance.md")
    options = parser.parse_args()
    names = options.parts.split(",")
    if wrong := [name for name in names if name not in PARTS]:
        parser.error(f"--parts {wrong[0]}: there is {', '.join(PARTS)}")
    if options.write:
        if names != list(PARTS):
            parser.error("--write is for all parts at once: the page shows one measurement")
        from bench import growth_plots  # at first: without matplotlib nothing needs to be measured
    found = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            found[name] = PARTS[name](Path(folder), options.long)
        print(f"\n{table(found[name])}\n", flush=True)
    where = profile()
    print(where)
    if options.write:
        for name, part in found.items():
            growth_plots.draw(part, page.PLOTS / f"{name}.svg")
        page.write("growth", section(found, where))
    return 0


if __name__ == "__main__":
    sys.exit(main())
